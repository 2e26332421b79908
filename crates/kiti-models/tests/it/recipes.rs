//! Recipes: what is accepted, and what each mistake is answered with.

use kiti_models::Error;
use kiti_models::recipe::Recipe;

fn load(sets: &[(&str, &str)]) -> kiti_models::Result<Recipe> {
    let sets: Vec<_> = sets
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Recipe::load("heat", None, &sets)
}

fn heat_with(from: &str, to: &str) -> kiti_models::Result<Recipe> {
    let text = Recipe::builtin_text("heat").unwrap();
    assert!(text.contains(from), "{from}");
    Recipe::parse(&text.replacen(from, to, 1), "my.toml", None, &[])
}

#[test]
fn every_profile_resolves_and_survives_being_written() {
    let profiles = Recipe::profiles("heat").unwrap();
    for wanted in ["smoke", "quick", "trial", "paper"] {
        assert!(profiles.iter().any(|name| name == wanted), "{wanted}");
    }
    for profile in &profiles {
        let recipe = Recipe::load("heat", Some(profile), &[]).unwrap();
        let text = recipe.to_toml().unwrap();
        let read = Recipe::parse(&text, "recipe.toml", None, &[]).unwrap();
        assert_eq!(read, recipe, "{profile}");
    }
    let trial = Recipe::load("heat", Some("trial"), &[]).unwrap();
    let paper = Recipe::load("heat", Some("paper"), &[]).unwrap();
    assert_eq!((trial.training.epochs, paper.training.epochs), (250, 1000));
    assert_eq!(trial.training.schedule, paper.training.schedule);
}

#[test]
fn every_value_of_a_built_in_recipe_says_where_it_comes_from() {
    for name in Recipe::builtin_names() {
        let text = Recipe::builtin_text(name).unwrap();
        let (values, _) = text.split_once("[profiles").unwrap();
        let body = values.split_once("[data]").unwrap().1;
        let mut commented = false;
        for line in body.lines() {
            let value = line.contains(" = ");
            // A table's own comment covers its rows.
            commented = line.contains('#') || (commented && !line.is_empty());
            assert!(!value || commented, "{name}: {line}");
        }
    }
}

#[test]
fn an_unknown_key_is_refused_with_file_path_and_nearest_name() {
    let error = heat_with("learning_rate = 1e-3", "learnign_rate = 1e-3").unwrap_err();
    assert_eq!(
        error.to_string(),
        "my.toml: unknown key `training.learnign_rate`; did you mean `training.learning_rate`?"
    );
    let error = heat_with("data.samples = 2", "data.sample = 2").unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("`profiles.smoke.data.sample`"),
        "{message}"
    );
    let error = load(&[("residual.divisons", "4")]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("did you mean `residual.divisions`?"),
        "{error}"
    );
    let error = load(&[("training.optimizer.beta3", "0.5")]).unwrap_err();
    assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
    // Known to another kind of schedule only.
    let error = heat_with("every = 100, factor", "minimum = 0.1, factor").unwrap_err();
    assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
}

#[test]
fn an_ill_typed_value_is_refused_with_both_types() {
    let error = heat_with("epochs = 1000", "epochs = \"many\"").unwrap_err();
    assert_eq!(
        error.to_string(),
        "my.toml: key `training.epochs`: expected a whole number, found the text \"many\""
    );
    let error = heat_with("modes = [12, 12]", "modes = [12, 1.5]").unwrap_err();
    assert!(error.to_string().contains("`model.modes[1]`"), "{error}");
    let error = load(&[("training.epochs", "1.5")]).unwrap_err();
    assert!(matches!(error, Error::WrongType { .. }), "{error}");
    let error = load(&[("training", "3")]).unwrap_err();
    assert!(matches!(error, Error::WrongType { .. }), "{error}");
    let error = heat_with("kind = \"heat\"", "kind = \"heet\"").unwrap_err();
    assert!(error.to_string().contains("did you mean `heat`"), "{error}");
    let error = load(&[("training.epochs", "-3")]).unwrap_err();
    assert!(error.to_string().contains("training"), "{error}");
}

#[test]
fn values_are_read_as_the_type_of_their_key() {
    let recipe = load(&[
        ("training.learning_rate", "1"),
        ("residual.variant", "published-merged"),
        ("residual.directions", "exact"),
        ("residual.length_scale", "12"),
        ("model.modes", "[4, 6]"),
        ("training.schedule.kind", "cosine"),
        ("training.optimizer", "{ kind = \"sgd\", momentum = 0.9 }"),
        ("title", "3"),
    ])
    .unwrap();
    assert_eq!(recipe.training.learning_rate, 1.0);
    assert_eq!(recipe.residual.variant.name(), "published-merged");
    assert_eq!(recipe.residual.settings.length_scale, Some(12.0));
    assert_eq!(recipe.title, "3");
    let text = recipe.to_toml().unwrap();
    assert_eq!(
        Recipe::parse(&text, "recipe.toml", None, &[]).unwrap(),
        recipe
    );
}

#[test]
fn values_without_sense_are_refused_by_key() {
    for (key, value, expected) in [
        ("training.epochs", "0", "training.epochs"),
        ("training.learning_rate", "nan", "training.learning_rate"),
        ("training.optimizer.beta1", "1.5", "beta1"),
        ("model.width", "0", "width"),
        ("model.in_channels", "9", "data.inputs = 10"),
        ("data.diffusivity", "-1.0", "diffusivity"),
        (
            "residual.collision_coefficient",
            "2",
            "collision_coefficient",
        ),
        ("evaluation.sets.32.samples", "0", "evaluation.sets.32"),
    ] {
        let error = load(&[("residual.variant", "elastic"), (key, value)]).unwrap_err();
        assert!(
            error.to_string().contains(expected),
            "{key} = {value}: {error}"
        );
    }
    let error = load(&[("residual.variant", "elastic"), ("residual.divisions", "7")]).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("1024") && message.contains('7'),
        "{message}"
    );
    let error = load(&[("evaluation.sets.32.resolution", "16")]).unwrap_err();
    assert!(matches!(error, Error::GridTooSmall { .. }), "{error}");
    let error = load(&[("residual.variant", "publishd-free")]).unwrap_err();
    assert!(error.to_string().contains("published-free"), "{error}");
}

#[test]
fn missing_files_profiles_sections_and_bad_toml_are_told_apart() {
    let error = Recipe::load("haet", None, &[]).unwrap_err();
    assert!(
        error.to_string().contains("did you mean `heat`?"),
        "{error}"
    );
    let error = Recipe::load("heat", Some("fast"), &[]).unwrap_err();
    assert!(
        error.to_string().contains("paper, quick, smoke, trial"),
        "{error}"
    );
    let error = Recipe::parse("name = ", "my.toml", None, &[]).unwrap_err();
    assert!(matches!(error, Error::RecipeSyntax { .. }), "{error}");
    let error = Recipe::parse("name = \"x\"", "my.toml", None, &[]).unwrap_err();
    assert!(
        matches!(&error, Error::MissingKey { key, .. } if key == "data"),
        "{error}"
    );
}

#[test]
fn a_short_recipe_has_the_defaults_of_its_sections() {
    let text = "name = \"mine\"\n[data]\nkind = \"heat\"\n[model]\nkind = \"fno\"\n";
    let recipe = Recipe::parse(text, "my.toml", None, &[]).unwrap();
    let heat = Recipe::load("heat", None, &[]).unwrap();
    assert_eq!((&recipe.data, &recipe.model), (&heat.data, &heat.model));
    assert_eq!(
        (&recipe.training, &recipe.residual),
        (&heat.training, &heat.residual)
    );
    let differences = recipe.differences(&heat);
    assert!(
        differences
            .iter()
            .any(|line| line.starts_with("name: expected")),
        "{differences:?}"
    );
}

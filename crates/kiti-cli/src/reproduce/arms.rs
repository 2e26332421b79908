//! What an experiment compares: residuals, and in an ablation values of one key of theirs.

use kiti_models::recipe::Recipe;
use kiti_nn::residual::{ResidualConfig, Variant};

use super::experiments::Experiment;
use crate::cli::{Ablation, ReproduceArguments};
use crate::failure::Outcome;

/// One way to train the model, run with every seed.
#[derive(Debug, Clone)]
pub struct Arm {
    /// Its name and that of its folder: the residual's, in an ablation `residual@value`.
    pub name: String,
    /// The residual.
    pub variant: Variant,
    /// Changes to the recipe's profile, apart from the residual.
    pub set: Vec<(String, String)>,
    /// What is trained.
    pub recipe: Recipe,
}

impl Arm {
    fn new(
        experiment: &Experiment,
        arguments: &ReproduceArguments,
        variant: Variant,
        ablated: Option<(&Ablation, &str)>,
    ) -> Outcome<Self> {
        let mut set = arguments.set.clone();
        let mut name = variant.name().to_owned();
        if let Some((ablation, value)) = ablated {
            set.push((ablation.key.clone(), value.to_owned()));
            name = format!("{name}@{value}");
        }
        let mut all = set.clone();
        all.push(("residual.variant".to_owned(), variant.name().to_owned()));
        let recipe = Recipe::load(experiment.name, Some(&arguments.profile), &all)?;
        Ok(Self {
            name,
            variant,
            set,
            recipe,
        })
    }

    fn residual(&self) -> ResidualConfig {
        self.recipe.residual.config()
    }
}

/// The arms of `experiment`: one a variant, in an ablation one a variant and value. A variant that does not read the
/// ablated key has but one.
pub fn arms(
    experiment: &Experiment,
    variants: &[Variant],
    arguments: &ReproduceArguments,
) -> Outcome<Vec<Arm>> {
    let mut arms = Vec::new();
    for &variant in variants {
        let plain = Arm::new(experiment, arguments, variant, None)?;
        let Some(ablation) = &arguments.ablate else {
            arms.push(plain);
            continue;
        };
        let values = ablation.values.iter();
        let changed = values
            .map(|value| Arm::new(experiment, arguments, variant, Some((ablation, value))))
            .collect::<Outcome<Vec<_>>>()?;
        if changed.iter().all(|arm| arm.residual() == plain.residual()) {
            arms.push(plain);
        } else {
            arms.extend(changed);
        }
    }
    Ok(arms)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Command, CommandLine};

    fn names(line: &str) -> Vec<String> {
        let Ok(CommandLine {
            command: Command::Reproduce(arguments),
        }) = CommandLine::try_parse_from(line.split_whitespace())
        else {
            panic!("refused: {line}")
        };
        let variants = [Variant::Additive, Variant::Reflection, Variant::Dropout];
        let heat = Experiment::find("heat").expect("known");
        let arms = arms(heat, &variants, &arguments).expect("fits");
        arms.into_iter().map(|arm| arm.name).collect()
    }

    #[test]
    fn only_residuals_that_read_the_key_have_an_arm_a_value() {
        assert_eq!(
            names("kiti reproduce heat"),
            ["additive", "reflection", "dropout"]
        );
        assert_eq!(
            names("kiti reproduce heat --ablate residual.collision_coefficient=0,0.9"),
            ["additive", "reflection@0", "reflection@0.9", "dropout"]
        );
        assert_eq!(
            names("kiti reproduce heat --ablate residual.dropout_probability=0.1,0.3"),
            ["additive", "reflection", "dropout@0.1", "dropout@0.3"]
        );
    }
}

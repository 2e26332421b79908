//! Language models: trained by a recipe, applied to new text.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use candle::{DType, Device, Tensor};
use kiti_data::cache::{Cache, Outcome as CacheOutcome};
use kiti_data::text::{Corpus, TextTokenizer, Vocabulary, corpus::SAMPLE};
use kiti_models::Error;
use kiti_models::checkpoint::load_model;
use kiti_models::gpt2::{Gpt2, Gpt2Config};
use kiti_models::model::Model;
use kiti_models::recipe::Recipe;
use kiti_models::task::{FieldSets, LanguageTask, Measure, Task};
use kiti_models::text::{
    GenerationConfig, LanguageModel, SamplingConfig, TextClassifier, generate,
};
use kiti_models::train::{EpochMetrics, Event, Outcome, TrainOptions, Trainer, read_lines};
use kiti_models::transformer::LayerResiduals;
use kiti_nn::{Context, VarStore};

use crate::support::{numbers, options, train};

fn recipe(name: &str, sets: &[(&str, &str)]) -> kiti_models::Result<Recipe> {
    let sets: Vec<_> = sets
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Recipe::load(name, Some("smoke"), &sets)
}

fn gpt2() -> Gpt2 {
    let config = Gpt2Config {
        vocab_size: 13,
        n_positions: 10,
        n_embd: 12,
        n_layer: 2,
        n_head: 3,
        // Logits far enough apart that rounding changes no order.
        initializer_range: 0.5,
        ..Gpt2Config::default()
    };
    let store = VarStore::new(5, DType::F32, &Device::Cpu);
    Gpt2::new(&config, &LayerResiduals::default(), store.builder()).unwrap()
}

fn generated(model: &Gpt2, sampling: SamplingConfig, max_tokens: usize) -> Vec<u32> {
    let config = GenerationConfig {
        max_tokens,
        sampling,
        ..GenerationConfig::default()
    };
    let mut continued = |_| ControlFlow::Continue(());
    generate(model, &[3, 1, 4], &config, &Device::Cpu, &mut continued).unwrap()
}

#[test]
fn greedy_text_is_that_of_the_model_without_a_cache() {
    let model = gpt2();
    let greedy = SamplingConfig {
        temperature: 0.0,
        ..SamplingConfig::default()
    };
    let found = generated(&model, greedy, 25);
    let mut text = vec![3u32, 1, 4];
    // Where the positions end: the window is begun again from its last half.
    let mut first = 0;
    while text.len() < 28 {
        if text.len() - first > 10 {
            first = text.len() - 5;
        }
        let ids = Tensor::new(vec![text[first..].to_vec()], &Device::Cpu).unwrap();
        let logits = numbers(&model.forward_t(&ids, &Context::evaluate()).unwrap());
        let last = &logits[logits.len() - 13..];
        let largest = (0..13).max_by(|&a: &usize, &b| last[a].total_cmp(&last[b]));
        text.push(largest.unwrap() as u32);
    }
    assert_eq!(found, text[3..]);
}

#[test]
fn the_same_seed_gives_the_same_text_and_another_one_another() {
    let model = gpt2();
    let with_seed = |seed| {
        let sampling = SamplingConfig {
            temperature: 2.0,
            top_k: 8,
            top_p: 0.95,
            seed,
        };
        generated(&model, sampling, 40)
    };
    assert_eq!(with_seed(1), with_seed(1));
    assert_ne!(with_seed(1), with_seed(2));
    // A longer text begins as the shorter one.
    let short = generated(&model, SamplingConfig::default(), 7);
    assert_eq!(short, generated(&model, SamplingConfig::default(), 30)[..7]);
}

#[test]
fn generation_ends_at_its_end_token_and_when_it_is_broken_off() {
    let model = gpt2();
    let whole = generated(&model, SamplingConfig::default(), 30);
    let end = whole[12];
    let until = whole.iter().position(|&token| token == end).unwrap();
    let config = GenerationConfig {
        end: Some(end),
        ..GenerationConfig::default()
    };
    let device = Device::Cpu;
    let found = generate(&model, &[3, 1, 4], &config, &device, &mut |_| {
        ControlFlow::Continue(())
    });
    assert_eq!(found.unwrap(), whole[..until]);
    let mut left = 4;
    let found = generate(&model, &[3, 1, 4], &config, &device, &mut |_| {
        left -= 1;
        match left {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    assert_eq!(found.unwrap(), whole[..4.min(until)]);
    let empty = generate(&model, &[], &config, &device, &mut |_| {
        ControlFlow::Break(())
    });
    assert!(matches!(empty.unwrap_err(), Error::Shape { .. }));
}

#[test]
fn the_measure_is_the_cross_entropy_of_every_token_in_bits() {
    let scratch = tempfile::tempdir().unwrap();
    let recipe = recipe("language", &[]).unwrap();
    let cache = options(&scratch.path().join("run")).cache;
    let sets = FieldSets::load(&recipe, &cache, &|_, _| {}).unwrap();
    let data = sets
        .iter()
        .find(|(name, _)| *name == "test")
        .unwrap()
        .1
        .clone();
    let task = LanguageTask::new(&recipe, sets);
    assert_eq!(task.measure(), Measure::BitsPerCharacter);
    let store = VarStore::new(5, DType::F32, &Device::Cpu);
    let model = Model::new(&task.description(), store.builder()).unwrap();
    let found = task.evaluate(&model, &Device::Cpu).unwrap()["test"];

    let Model::Language(network) = &model else {
        panic!("{}", model.kind())
    };
    let mut bits = 0.0;
    for row in 0..data.len() {
        let tokens = |field: kiti_data::Field| -> Vec<u32> {
            field
                .into_f32()
                .into_iter()
                .map(|token| token as u32)
                .collect()
        };
        let inputs = tokens(data.inputs().rows(&[row]).unwrap());
        let targets = tokens(data.targets().rows(&[row]).unwrap());
        assert_eq!(inputs[1..], targets[..targets.len() - 1]);
        let ids = Tensor::new(vec![inputs], &Device::Cpu).unwrap();
        let logits = network.forward_t(&ids, &Context::evaluate()).unwrap();
        let logits: Vec<Vec<f32>> = logits.squeeze(0).unwrap().to_vec2().unwrap();
        for (logits, target) in logits.iter().zip(&targets) {
            let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
            let probability = f64::from(logits[*target as usize]).exp() / sum;
            bits -= probability.log2() / targets.len() as f64;
        }
    }
    let expected = bits / data.len() as f64;
    // Single precision.
    assert!((found / expected - 1.0).abs() < 1e-5, "{found} {expected}");
    // Untrained, about as unsure as of all characters alike.
    assert!((expected - 65f64.log2()).abs() < 0.2, "{expected}");
}

/// What must not depend on interruptions.
fn lasting(out: &Path) -> [Vec<u8>; 3] {
    let read = |name: &str| fs::read(out.join(name)).unwrap();
    [
        read("metrics.jsonl"),
        read("model.safetensors"),
        read("checkpoints/epoch-000002/state.safetensors"),
    ]
}

#[test]
fn fine_tuning_settings_resume_to_the_same_bits() {
    let scratch = tempfile::tempdir().unwrap();
    let recipe = recipe(
        "language",
        &[
            ("residual.variant", "elastic"),
            ("training.layer_decay", "0.5"),
            (
                "training.schedule",
                "{ kind = \"linear-warmup\", warmup = 0.3 }",
            ),
            ("evaluation.every", "1"),
            ("evaluation.per_epoch", "2"),
        ],
    )
    .unwrap();
    let whole = scratch.path().join("whole");
    train(&recipe, &whole, false).unwrap();
    let parts = scratch.path().join("parts");
    let options = TrainOptions {
        resume: true,
        ..options(&parts)
    };
    // In the second epoch, behind its first evaluation.
    let mut observer = |event: &Event<'_>| match event {
        Event::Step { step: 3, .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let outcome = Trainer::new(recipe.clone(), options).unwrap();
    let outcome = outcome.run(&mut observer).unwrap();
    assert!(matches!(outcome, Outcome::Interrupted { epoch: 1, .. }));
    train(&recipe, &parts, true).unwrap();
    assert_eq!(lasting(&parts), lasting(&whole));

    let metrics: Vec<EpochMetrics> = read_lines(&whole.join("metrics.jsonl")).unwrap();
    for (epoch, line) in metrics.iter().enumerate() {
        assert_eq!(line.midway.len(), 1, "{line:?}");
        assert_eq!(line.midway[0].step, 2 * epoch as u64 + 1);
        let ends = line.evaluation.as_ref().unwrap();
        assert!(line.midway[0].evaluation.keys().eq(ends.keys()));
    }
}

#[test]
fn rates_fall_from_layer_to_layer_and_biases_do_not_decay() {
    let recipe = recipe(
        "language",
        &[
            ("training.layer_decay", "0.5"),
            ("training.optimizer.weight_decay", "0.1"),
        ],
    )
    .unwrap();
    for (name, depth) in [
        ("transformer.ln_f.weight", 0),
        ("transformer.h.1.attn.c_attn.weight", 1),
        ("transformer.h.0.mlp.c_fc.bias", 2),
        ("transformer.wte.weight", 3),
        ("transformer.wpe.weight", 3),
    ] {
        assert_eq!(recipe.model.depth(name), Some(depth), "{name}");
    }
    // Gradients of 1 everywhere: Adam's first step has the size of the rate.
    let store = VarStore::new(5, DType::F32, &Device::Cpu);
    let description =
        kiti_models::model::ModelDescription::new(recipe.model.clone(), recipe.residual.config());
    Model::new(&description, store.builder()).unwrap();
    let before: Vec<Vec<f32>> = store
        .variables()
        .iter()
        .map(|(_, variable)| numbers(variable.as_tensor()))
        .collect();
    let sums = store
        .variables()
        .into_iter()
        .map(|(_, variable)| variable.as_tensor().sum_all().unwrap());
    let loss = sums.reduce(|a, b| (a + b).unwrap()).unwrap();
    let mut optimizer = recipe.training.optimizer(&recipe.model, &store).unwrap();
    optimizer.step(&loss.backward().unwrap(), 0.01).unwrap();
    for ((name, variable), before) in store.variables().iter().zip(before) {
        let depth = recipe.model.depth(name).unwrap();
        let rate = 0.01 * 0.5f32.powi(depth as i32);
        let decay = if variable.rank() > 1 { rate * 0.1 } else { 0.0 };
        for (after, before) in numbers(variable.as_tensor()).iter().zip(before) {
            let expected = before * (1.0 - decay) - rate;
            // Single precision of numbers up to 1.
            assert!(
                (after - expected).abs() < 2e-7,
                "{name}: {after} {expected}"
            );
        }
    }
}

#[test]
fn layer_decay_needs_layers() {
    for (name, value) in [("heat", "0.5"), ("language", "0"), ("language", "1.5")] {
        let error = recipe(name, &[("training.layer_decay", value)]).unwrap_err();
        assert!(
            error.to_string().contains("training.layer_decay"),
            "{error}"
        );
    }
}

#[test]
fn a_trained_run_goes_on_with_text() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    let recipe = recipe("language", &[]).unwrap();
    train(&recipe, &out, false).unwrap();
    let config = GenerationConfig {
        max_tokens: 50,
        ..GenerationConfig::default()
    };
    let mut texts = Vec::new();
    for path in [out.clone(), out.join("checkpoints/epoch-000002")] {
        let model = LanguageModel::load(&path, &Device::Cpu).unwrap();
        let continued = &mut |_| ControlFlow::Continue(());
        let text = model.continuation("First", &config, continued).unwrap();
        assert_eq!(text.chars().count(), 50);
        texts.push(text);
        let error = model
            .continuation("Wörter", &config, continued)
            .unwrap_err();
        assert!(error.to_string().contains("'ö'"), "{error}");
    }
    assert_eq!(texts[0], texts[1]);

    let error = TextClassifier::load(&out, &Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("a language model"), "{error}");
    fs::remove_file(out.join("texts.json")).unwrap();
    let error = LanguageModel::load(&out, &Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("texts.json"), "{error}");
}

#[test]
fn missing_data_and_other_vocabularies_are_explained() {
    let scratch = tempfile::tempdir().unwrap();
    let cache = options(&scratch.path().join("run")).cache;
    let message = |sets: &[(&str, &str)]| {
        let recipe = recipe("language", sets).unwrap();
        let error = FieldSets::load(&recipe, &cache, &|_, _| {}).unwrap_err();
        error.to_string()
    };
    let absent = message(&[("data.path", "nowhere.txt")]);
    assert!(absent.contains("nowhere.txt") && absent.contains("kiti data fetch tinyshakespeare"));
    let small = message(&[
        ("data.vocabulary", "10"),
        ("model.decoder.vocab_size", "10"),
    ]);
    assert!(
        small.contains("model.decoder.vocab_size") && small.contains("54"),
        "{small}"
    );
    let many = message(&[("data.samples", "100000")]);
    assert!(many.contains("100000 windows"), "{many}");
    let error = recipe("language", &[("data.vocabulary", "66")]).unwrap_err();
    assert!(error.to_string().contains("model.out_channels"), "{error}");
    let error = recipe("language", &[("evaluation.sets.test.split", "tests")]).unwrap_err();
    assert!(
        error.to_string().contains("evaluation.sets.test"),
        "{error}"
    );
    let imdb = recipe(
        "imdb",
        &[
            ("data.path", "nowhere.tar.gz"),
            ("data.tokenizer", TOKENIZER),
        ],
    );
    let error = FieldSets::load(&imdb.unwrap(), &cache, &|_, _| {}).unwrap_err();
    assert!(
        error.to_string().contains("kiti data fetch imdb"),
        "{error}"
    );
}

const TOKENIZER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../kiti-data/tests/golden/text/tokenizer.json"
);

#[test]
fn tokens_of_a_tokenizer_are_made_once_and_measured_as_perplexity() {
    let scratch = tempfile::tempdir().unwrap();
    let cache = Cache::new(scratch.path().join("cache"));
    let tokenizer = || Some(TextTokenizer::read(TOKENIZER).unwrap());
    let first = Corpus::load_or_make(SAMPLE, tokenizer(), &cache).unwrap();
    let second = Corpus::load_or_make(SAMPLE, tokenizer(), &cache).unwrap();
    assert_eq!(first.1, Some(CacheOutcome::Generated));
    assert_eq!(second.1, Some(CacheOutcome::Found));
    let rows = |corpus: &Corpus| {
        let data = corpus.rows(0.0, 1.0, 8).unwrap();
        data.targets().rows(&[0, 3]).unwrap()
    };
    assert_eq!(rows(&first.0), rows(&second.0));
    let plain = Corpus::new(SAMPLE, tokenizer()).unwrap();
    assert_eq!(rows(&first.0), rows(&plain));

    let count = first.0.vocabulary.len().to_string();
    let sets = [
        ("data.tokenizer", TOKENIZER),
        ("data.vocabulary", &count),
        ("model.decoder.vocab_size", &count),
        ("evaluation.sets.test.samples", "1"),
    ];
    let recipe = recipe("language", &sets).unwrap();
    let out = scratch.path().join("run");
    let result = train(&recipe, &out, false).unwrap();
    assert_eq!(result.measure, Measure::Perplexity);
    assert!(result.last.evaluation.unwrap()["test"] > 1.0);
    let model = LanguageModel::load(&out, &Device::Cpu).unwrap();
    assert!(matches!(model.vocabulary(), Vocabulary::Tokenizer(_)));
}

#[test]
fn a_trained_classifier_names_the_classes_of_new_texts() {
    let scratch = tempfile::tempdir().unwrap();
    let golden = Path::new(TOKENIZER).parent().unwrap();
    let reviews = golden.join("aclImdb.tar.gz").display().to_string();
    let pairs = golden.join("snli").display().to_string();
    let sets = |path| [("data.path", path), ("data.tokenizer", TOKENIZER)];
    let imdb = scratch.path().join("imdb");
    train(&recipe("imdb", &sets(&reviews)).unwrap(), &imdb, false).unwrap();
    let classifier = TextClassifier::load(&imdb, &Device::Cpu).unwrap();
    assert_eq!(classifier.classes(), ["neg", "pos"]);
    let long = "a film ".repeat(50_000);
    for text in ["good", &long] {
        let classes = classifier.classify(text, None).unwrap();
        let sum: f32 = classes.iter().map(|class| class.probability).sum();
        assert!((sum - 1.0).abs() < 1e-6 && classes[0].probability >= classes[1].probability);
    }
    let empty = classifier.classify(" \n", None).unwrap_err();
    assert!(matches!(empty, Error::EmptyText), "{empty}");
    let error = LanguageModel::load(&imdb, &Device::Cpu).unwrap_err();
    assert!(
        error.to_string().contains("a classifier of texts"),
        "{error}"
    );

    let snli = scratch.path().join("snli");
    let sets = [
        &sets(&pairs)[..],
        &[("evaluation.sets.test.split", "validation")],
    ]
    .concat();
    train(&recipe("snli", &sets).unwrap(), &snli, false).unwrap();
    let classifier = TextClassifier::load(&snli, &Device::Cpu).unwrap();
    let alone = classifier.classify("A man sleeps.", None).unwrap();
    let pair = classifier
        .classify("A man sleeps.", Some("A man is awake."))
        .unwrap();
    assert_eq!((alone.len(), pair.len()), (3, 3));
    assert_ne!(alone, pair);
    // The model file says what it is, so that it is told apart from others.
    assert!(matches!(
        load_model(&snli, &Device::Cpu).unwrap(),
        Model::Texts(_)
    ));
}

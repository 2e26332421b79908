//! `kiti generate` and `kiti predict --text`.

use serde_json::Value;

use crate::program::Scratch;

const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../kiti-data/tests/golden/text"
);

#[test]
fn a_trained_language_model_goes_on_with_a_prompt() {
    let scratch = Scratch::new();
    let train = ["train", "language", "--profile", "smoke", "--out", "run"];
    scratch.run(&train).succeeded();
    let generate = ["generate", "run", "--prompt", "First", "--max-tokens", "30"];
    let with = |more: &[&str]| scratch.run(&[&generate[..], more].concat());
    let text = |more: &[&str]| with(more).succeeded().stdout;
    let seven = text(&["--seed", "7", "--top-k", "20", "--temperature", "0.9"]);
    assert!(seven.starts_with("First"), "{seven}");
    assert_eq!(
        seven,
        text(&["--seed", "7", "--top-k", "20", "--temperature", "0.9"])
    );
    assert_ne!(
        seven,
        text(&["--seed", "8", "--top-k", "20", "--temperature", "0.9"])
    );
    let found: Value = serde_json::from_str(&text(&["--temperature", "0", "--json"])).unwrap();
    assert_eq!(found["tokens"], 30);
    let continuation = found["continuation"].as_str().unwrap();
    assert_eq!(continuation.chars().count(), 30);

    for (more, words) in [
        (&["--temperature=-1"][..], ["temperature", "0 or more"]),
        (&["--top-p", "0"], ["top_p", "more than 0"]),
    ] {
        let finished = with(more);
        assert_eq!(finished.code, Some(2), "{finished:#?}");
        finished.failed_saying(&words);
    }
    let unknown = scratch.run(&["generate", "run", "--prompt", "§"]);
    unknown.failed_saying(&["'§'"]);
    scratch
        .run(&["generate", "run", "--prompt", ""])
        .failed_saying(&["--prompt"]);
    scratch
        .run(&["predict", "run", "--text", "good"])
        .failed_saying(&["a classifier of texts", "a language model"]);
}

#[test]
fn a_trained_classifier_tells_the_classes_of_texts() {
    let scratch = Scratch::new();
    let sets = [
        format!("data.path={GOLDEN}/aclImdb.tar.gz"),
        format!("data.tokenizer={GOLDEN}/tokenizer.json"),
    ];
    let train = ["train", "imdb", "--profile", "smoke", "--out", "run"];
    let train = [&train[..], &["--set", &sets[0], "--set", &sets[1]]].concat();
    scratch.run(&train).succeeded();
    let predict = ["predict", "run", "--text", "A good film.", "--text", "No."];
    let table = scratch.run(&predict).succeeded().stdout;
    for word in ["A good film.", "neg", "pos", "probability"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let json = [&predict[..], &["--json", "--top", "1"]].concat();
    let found: Value = serde_json::from_str(&scratch.run(&json).succeeded().stdout).unwrap();
    assert_eq!(found[1]["text"], "No.");
    assert_eq!(found[1]["classes"].as_array().unwrap().len(), 1);
    assert!(found[1]["classes"][0]["probability"].as_f64().unwrap() >= 0.5);

    // Exported, it is the same classifier, with the names of its classes.
    scratch.run(&["export", "run", "hub"]).succeeded();
    let config = std::fs::read_to_string(scratch.path("hub/config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(
        config["id2label"],
        serde_json::json!({"0": "neg", "1": "pos"})
    );
    assert_eq!(config["label2id"], serde_json::json!({"neg": 0, "pos": 1}));
    let predict_exported = ["predict", "hub", "--text", "A good film.", "--text", "No."];
    assert_eq!(scratch.run(&predict_exported).succeeded().stdout, table);

    let pairs = [&predict[..], &["--text-pair", "Yes."]].concat();
    scratch
        .run(&pairs)
        .failed_saying(&["--text-pair", "2", "found 1"]);
    scratch
        .run(&["predict", "run", "--text", " "])
        .failed_saying(&["at least one word"]);
    scratch.run(&["predict", "run"]).failed_saying(&["--input"]);
}

use candle::Device;

use super::*;
use crate::loader::{Loader, LoaderSettings};
use crate::text::Example;

/// A tokenizer of whole words with BERT's special tokens.
pub(crate) fn tokenizer() -> TextTokenizer {
    let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c"];
    let vocabulary: serde_json::Map<String, serde_json::Value> = words
        .iter()
        .zip(0..)
        .map(|(word, number)| ((*word).to_owned(), number.into()))
        .collect();
    let special =
        |word: &str, id: u32| serde_json::json!({"id": word, "ids": [id], "tokens": [word]});
    let place = |id: &str, segment: u32| serde_json::json!({"SpecialToken": {"id": id, "type_id": segment}});
    let sequence =
        |id: &str, segment: u32| serde_json::json!({"Sequence": {"id": id, "type_id": segment}});
    let json = serde_json::json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [place("[CLS]", 0), sequence("A", 0), place("[SEP]", 0)],
            "pair": [place("[CLS]", 0), sequence("A", 0), place("[SEP]", 0), sequence("B", 1), place("[SEP]", 1)],
            "special_tokens": {"[CLS]": special("[CLS]", 2), "[SEP]": special("[SEP]", 3)},
        },
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    });
    TextTokenizer::from_bytes("tokenizer.json".as_ref(), json.to_string().as_bytes()).unwrap()
}

fn examples(texts: &[(&str, Option<&str>, u32)]) -> Examples {
    Examples {
        examples: texts
            .iter()
            .map(|&(first, second, label)| Example {
                first: first.to_owned(),
                second: second.map(str::to_owned),
                label,
            })
            .collect(),
        classes: vec!["no".to_owned(), "yes".to_owned()],
        undecided: 0,
    }
}

#[test]
fn rows_are_as_long_as_their_longest_and_kept_in_the_cache() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::new(directory.path());
    let examples = examples(&[("a b c a b", None, 1), ("b", Some("c"), 0), ("x", None, 1)]);
    let load = |longest| Tokenised::load_or_make(&examples, &tokenizer(), longest, &cache).unwrap();
    let (made, outcome) = load(6);
    assert_eq!(
        (outcome, made.lengths()),
        (Outcome::Generated, &[6, 5, 3][..])
    );
    assert_eq!(load(6), (made.clone(), Outcome::Found));
    assert_eq!(load(9).0.lengths(), [7, 5, 3]);

    let data = text_rows(Arc::new(made)).unwrap();
    let rows = data.inputs().rows(&[2, 1]).unwrap();
    assert_eq!(rows.shape(), [2, 5, 3]);
    let expected = [
        [2, 0, 1],
        [1, 0, 1],
        [3, 0, 1],
        [0, 0, 0],
        [0, 0, 0],
        [2, 0, 1],
        [5, 0, 1],
        [3, 0, 1],
        [6, 1, 1],
        [3, 1, 1],
    ];
    assert_eq!(
        rows.into_f32(),
        expected
            .concat()
            .into_iter()
            .map(|value| value as f32)
            .collect::<Vec<_>>()
    );
    assert_eq!(
        data.targets().rows(&[2, 1]).unwrap().into_f32(),
        [0., 1., 1., 0.]
    );
}

/// Little is wasted on filling up, every example comes once, and epochs differ.
#[test]
fn batches_hold_examples_of_similar_length() {
    let directory = tempfile::tempdir().unwrap();
    let texts: Vec<String> = (0..200)
        .map(|number| "a ".repeat(1 + number * 7 % 40))
        .collect();
    let texts: Vec<_> = texts.iter().map(|text| (text.as_str(), None, 0)).collect();
    let cache = Cache::new(directory.path());
    let (tokens, _) = Tokenised::load_or_make(&examples(&texts), &tokenizer(), 64, &cache).unwrap();
    let all: u32 = tokens.lengths().iter().sum();
    let settings = LoaderSettings {
        batch_size: 8,
        ..LoaderSettings::default()
    };
    let loader = Loader::new(text_rows(Arc::new(tokens)).unwrap(), settings, &Device::Cpu).unwrap();
    let (mut places, mut rows) = (0, Vec::new());
    for batch in loader.epoch(3) {
        let batch = batch.unwrap();
        places += batch.inputs.dims()[0] * batch.inputs.dims()[1];
        rows.extend(batch.rows);
    }
    // Unsorted batches of 8 lengths, uniform from 3 to 42, would be filled up by a factor of 1.7.
    assert!(
        (places as f64) < 1.1 * f64::from(all),
        "{places} places for {all} tokens"
    );
    assert_ne!(rows, loader.order(4));
    rows.sort_unstable();
    assert_eq!(rows, (0..200).collect::<Vec<_>>());
}

#[test]
fn lengths_and_tokenizers_that_cannot_work_are_refused() {
    assert!(tokenizer().encode("a", None, 1).is_err());
    let long = "a ".repeat(100_000);
    assert_eq!(tokenizer().encode(&long, None, 128).unwrap().ids.len(), 128);
    let error = TextTokenizer::from_bytes("t.json".as_ref(), b"{}")
        .unwrap_err()
        .to_string();
    assert!(error.contains("t.json"), "{error}");
    assert_eq!(tokenizer().vocabulary_size(), 7);
}

use std::fs;
use std::path::PathBuf;

use super::*;

fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden/text", name]
        .iter()
        .collect()
}

/// The same reviews as original files, as the Hub's Parquet and as CSV.
#[test]
fn reviews_are_the_same_from_every_source() {
    let original = TextSource::Imdb.read(golden("aclImdb.tar.gz")).unwrap();
    assert_eq!(original.keys().collect::<Vec<_>>(), ["test", "train"]);
    let train = &original["train"];
    assert_eq!(train.classes, ["neg", "pos"]);
    assert_eq!(train.summary().labels["neg"], 3);
    for name in ["imdb-train.parquet", "imdb-train.csv"] {
        let other = TextSource::Imdb.read(golden(name)).unwrap();
        let labels = |split: &super::super::Examples| -> Vec<u32> {
            split.examples.iter().map(|example| example.label).collect()
        };
        assert_eq!(labels(&other["train"]), labels(train), "{name}");
        assert_eq!(other["train"].examples, train.examples, "{name}");
    }
}

#[test]
fn pairs_are_the_same_from_every_source() {
    let json = TextSource::Snli
        .read(golden("snli/snli_1.0_dev.jsonl"))
        .unwrap();
    let dev = &json["validation"];
    assert_eq!(dev.classes, ["entailment", "neutral", "contradiction"]);
    assert_eq!(dev.undecided, 1);
    assert_eq!(dev.summary().pairs, dev.examples.len());
    let parquet = TextSource::Snli
        .read(golden("snli-validation.parquet"))
        .unwrap();
    assert_eq!(parquet["validation"].examples, dev.examples);
    assert_eq!(parquet["validation"].undecided, 1);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("snli_1.0.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let content = fs::read(golden("snli/snli_1.0_dev.jsonl")).unwrap();
    for name in [
        "snli_1.0/snli_1.0_dev.jsonl",
        "__MACOSX/._snli_1.0_dev.jsonl",
        "snli_1.0/README.txt",
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        std::io::Write::write_all(&mut zip, &content).unwrap();
    }
    zip.finish().unwrap();
    assert_eq!(TextSource::Snli.read(&path).unwrap(), json);
}

fn refused(name: &str, content: &[u8], words: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, content).unwrap();
    let source = TextSource::Table(Columns::default());
    let message = source.read(&path).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn bad_tables_are_refused_with_the_line() {
    refused(
        "a.csv",
        b"text,label\nx,1\ny,\n",
        &["a.csv", "line 3", "a label"],
    );
    refused(
        "a.csv",
        b"text,label\nx\n",
        &["line 2", "2 fields", "found 1"],
    );
    refused("a.csv", b"text,label\n \n,1\n", &["line 2", "2 fields"]);
    refused("a.csv", b"text,label\n  ,1\n", &["line 2", "a text"]);
    refused("a.csv", b"text,label\n\xff,1\n", &["line 2", "UTF-8"]);
    refused("a.csv", b"words,label\nx,1\n", &["text", "words"]);
    refused("a.csv", b"", &["text"]);
    refused("a.csv", b"text,label\n", &["no example"]);
    refused(
        "a.jsonl",
        b"{\"text\": \"x\", \"label\": 1}\n{\"text\": \"x\"}\n",
        &["line 2", "a label"],
    );
    refused(
        "a.jsonl",
        b"{\"text\": \"x\", \"label\": 1}\n{\n",
        &["line 2", "JSON object"],
    );
    refused("a.jsonl", b"[1]\n", &["line 1", "JSON object"]);
    refused(
        "a.jsonl",
        b"{\"text\": 5, \"label\": 1}\n",
        &["line 1", "found 5"],
    );
    refused(
        "a.jsonl",
        b"{\"text\": \"\xff\", \"label\": 1}\n",
        &["line 1"],
    );
    refused("a.txt", b"text", &["another kind"]);
}

#[test]
fn columns_may_be_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.tsv");
    fs::write(&path, "words\tkind\tlabel\nhello\tb\t7\n").unwrap();
    let columns = Columns {
        text: Some("words".to_owned()),
        label: Some("kind".to_owned()),
        ..Columns::default()
    };
    let splits = TextSource::Table(columns.clone()).read(&path).unwrap();
    assert_eq!(splits["train"].classes, ["b"]);
    let absent = Columns {
        second: Some("more".to_owned()),
        ..columns
    };
    let message = TextSource::Table(absent)
        .read(&path)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("\"more\"") && message.contains("\"kind\""),
        "{message}"
    );
}

use std::fs;

use super::*;

fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden/images", name]
        .iter()
        .collect()
}

#[test]
fn columns_are_named_by_path_and_typed() {
    let table = ParquetTable::open(&golden("cifar10-train.parquet")).unwrap();
    assert_eq!(table.columns(), ["img.bytes", "img.path", "label"]);
    assert!(table.is_text("img.bytes").unwrap() && !table.is_text("label").unwrap());
    assert_eq!(table.integers("label").unwrap().len(), 10);
    let refused = |error: Error, word: &str| {
        let message = error.to_string();
        assert!(
            message.contains(word) && message.contains("cifar10-train"),
            "{message}"
        );
    };
    refused(table.integers("labels").unwrap_err(), "img.path");
    refused(table.integers("img.bytes").unwrap_err(), "integers");
    refused(table.texts("label").unwrap_err(), "texts");
    refused(table.texts("img.bytes").unwrap_err(), "UTF-8");
    // All of them absent, so that the file has no type for them.
    refused(table.texts("img.path").unwrap_err(), "texts");
}

/// Everything that the file can be asked for.
fn read_all(path: &Path) -> Result<usize> {
    let table = ParquetTable::open(path)?;
    let mut bytes = 0;
    table.visit_bytes("img.bytes", |_, value| {
        bytes += value.len();
        Ok(())
    })?;
    Ok(bytes + table.integers("label")?.len())
}

#[test]
fn damaged_files_do_not_panic() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["cifar10-train.parquet", "cifar10-test.parquet"] {
        let intact = fs::read(golden(name)).unwrap();
        let path = directory.path().join(name);
        // Lengths near the end, where the description is, and a sample of the others.
        for length in (0..intact.len()).filter(|at| at % 1009 == 0 || intact.len() - at < 40) {
            fs::write(&path, &intact[..length]).unwrap();
            assert!(read_all(&path).is_err(), "{name} cut to {length} bytes");
        }
        let description = intact.len().saturating_sub(2500);
        for position in (0..intact.len()).filter(|&at| {
            let step = if at > description { 5 } else { 499 };
            at % step == 0
        }) {
            let mut damaged = intact.clone();
            damaged[position] ^= 0xff;
            fs::write(&path, &damaged).unwrap();
            let _ = read_all(&path);
        }
    }
}

use std::path::PathBuf;

use super::*;

mod conversion;
mod damage;
#[cfg(feature = "hdf5")]
mod hdf5;
mod matlab;

/// A `.npy` file of this header text (padded by nothing) and data.
fn npy_bytes(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn header(descr: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
}

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn message(result: Result<impl std::fmt::Debug>) -> String {
    result.unwrap_err().to_string()
}

fn example() -> BTreeMap<String, Field> {
    let single = (0..24).map(|value| value as f32 * 0.1).collect();
    let double = (0..6).map(|value| f64::from(value).sqrt()).collect();
    BTreeMap::from([
        (
            "single".to_owned(),
            Field::from_f32(vec![2, 3, 4], single).unwrap(),
        ),
        (
            "double".to_owned(),
            Field::from_f64(vec![6], double).unwrap(),
        ),
        (
            "scalar".to_owned(),
            Field::from_f64(vec![], vec![-2.5]).unwrap(),
        ),
        (
            "empty".to_owned(),
            Field::from_f32(vec![0, 7], vec![]).unwrap(),
        ),
    ])
}

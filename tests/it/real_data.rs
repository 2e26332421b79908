//! Files that other programs wrote. They are not part of the repository: where they are missing, these tests
//! say so and pass. `KITI_REAL_DATA` names their folder; without it `../shared/data` beside the checkout is tried.

use std::path::{Path, PathBuf};

use kiti_data::field_io::{describe, names, read_array};

/// The folder of samples in many formats, with a few values of each in `expected.json`.
fn formats() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("KITI_REAL_DATA")
        .map_or(beside, PathBuf::from)
        .join("formats");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "skipped: {} is not there; set KITI_REAL_DATA to test with it",
        folder.display()
    );
    None
}

fn expected(folder: &Path, key: &str) -> f64 {
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let values: serde_json::Value = serde_json::from_str(&text).unwrap();
    values[key].as_f64().unwrap()
}

/// Both byte orders, both axis orders, both precisions, all three containers: one array.
#[test]
fn numpy_and_safetensors_files_hold_the_same_solution() {
    let Some(folder) = formats() else { return };
    let (sum, value) = (
        expected(&folder, "darcy_sol_sum"),
        expected(&folder, "darcy_sol_0_3_5"),
    );
    for (file, array) in [
        ("darcy_sol_big_endian.npy", None),
        ("darcy_sol_fortran.npy", None),
        ("darcy_sol_f4.npy", None),
        ("darcy.npz", Some("sol")),
        ("darcy.safetensors", Some("sol")),
    ] {
        let field = read_array(folder.join(file), array).unwrap();
        assert_eq!(field.shape(), [16, 32, 32], "{file}");
        let values = field.into_f64();
        // Single precision keeps seven digits of a value, and of the sum of 16384 positive ones.
        assert!(
            (values.iter().sum::<f64>() / sum - 1.0).abs() < 1e-7,
            "{file}"
        );
        // The writer of the safetensors file ignored the order of the array's axes, so places differ there.
        let moved = file.ends_with(".safetensors");
        assert!(
            moved || (values[3 * 32 + 5] / value - 1.0).abs() < 1e-7,
            "{file}"
        );
    }
}

#[test]
fn an_archive_is_described_array_by_array() {
    let Some(folder) = formats() else { return };
    let archive = folder.join("darcy.npz");
    assert_eq!(names(&archive).unwrap(), ["coeff", "sol"]);
    let summaries = describe(&archive).unwrap();
    assert_eq!(summaries[0].sum, expected(&folder, "coeff_sum"));
    assert_eq!((summaries[0].min, summaries[0].max), (0.0, 1.0));
    assert_eq!(summaries[1].not_finite, 0);
}

#[test]
fn a_file_of_another_format_is_refused_by_name() {
    let Some(folder) = formats() else { return };
    let error = read_array(folder.join("darcy_v73.mat"), None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("darcy_v73.mat") && error.contains("hdf5"),
        "{error}"
    );
}

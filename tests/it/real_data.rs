//! Files that other programs wrote. They are not part of the repository: where they are missing, these tests
//! say so and pass. `KITI_REAL_DATA` names their folder; without it `../shared/data` beside the checkout is tried.

use std::path::{Path, PathBuf};

use kiti_data::field_io::{describe, names, read_array};
use kiti_data::pde::burgers::BurgersSolver;
use kiti_data::text::TextSource;
use kiti_data::vision::CifarVariant;

/// The folder of samples in many formats, with a few values of each in `expected.json`.
fn formats() -> Option<PathBuf> {
    data("formats")
}

fn data(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("KITI_REAL_DATA")
        .map_or(beside, PathBuf::from)
        .join(name);
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

/// Plain and compressed MATLAB 5, and with the feature MATLAB 7.3 and HDF5: the arrays of the NumPy files.
#[test]
fn matlab_and_hdf5_files_hold_the_same_solution() {
    let Some(folder) = formats() else { return };
    let (sum, coefficients) = (
        expected(&folder, "darcy_sol_sum"),
        expected(&folder, "coeff_sum"),
    );
    let mut files = vec!["darcy_v5.mat", "darcy_v5_compressed.mat"];
    if cfg!(feature = "hdf5") {
        files.push("darcy_v73.mat");
    }
    for file in files {
        let path = folder.join(file);
        let total = |array| -> f64 {
            let field = read_array(&path, Some(array)).unwrap();
            assert_eq!(
                field.shape().iter().product::<usize>(),
                16 * 32 * 32,
                "{file}"
            );
            field.into_f64().iter().sum()
        };
        assert!((total("sol") / sum - 1.0).abs() < 1e-7, "{file}");
        assert_eq!(total("coeff"), coefficients, "{file}");
    }
    let pdebench = describe(folder.join("pdebench_1d.hdf5"));
    if cfg!(feature = "hdf5") {
        let arrays = pdebench.unwrap();
        assert!(arrays.iter().any(|array| array.shape.len() == 3));
    } else {
        assert!(pdebench.unwrap_err().to_string().contains("hdf5"));
    }
}

/// Reference solutions as MATLAB and NumPy wrote them: every array of every file can be listed.
#[test]
fn published_reference_solutions_are_described() {
    let Some(folder) = data("pde") else { return };
    let mut files = 0;
    for inside in std::fs::read_dir(folder).unwrap() {
        for file in std::fs::read_dir(inside.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let arrays = describe(&path).unwrap_or_else(|error| panic!("{error}"));
            assert!(!arrays.is_empty(), "{}", path.display());
            assert!(arrays.iter().all(|array| array.not_finite == 0));
            files += 1;
        }
    }
    assert!(files > 0);
}

/// Another program's solution of u_t + u u_x = 0.01/pi u_xx on [-1, 1] from -sin(pi x), up to the steep front.
#[test]
fn the_burgers_solver_agrees_with_a_published_solution() {
    let Some(folder) = data("pde") else { return };
    let path = folder.join("deepxde/Burgers.npz");
    let read = |name| read_array(&path, Some(name)).unwrap().into_f64();
    let (x, t, u) = (read("x"), read("t"), read("usol"));
    // With y = (x + 1)/2 and v = u/2 it is the equation on the circle of length 1 with a quarter of the viscosity.
    let points = 4096;
    let start: Vec<f64> = (0..points)
        .map(|i| -0.5 * (std::f64::consts::PI * (2.0 * i as f64 / points as f64 - 1.0)).sin())
        .collect();
    let viscosity = 0.01 / std::f64::consts::PI / 4.0;
    let solver = BurgersSolver::new(points, viscosity).unwrap();
    for moment in [25, 50, 99] {
        let found = solver.evolve(&start, t[moment], 1e-3).unwrap();
        let (mut difference, mut norm) = (0.0, 0.0);
        for (place, x) in x.iter().enumerate() {
            let at = (x + 1.0) / 2.0 * points as f64;
            let (left, share) = (at.floor() as usize, at.fract());
            let value = |index: usize| 2.0 * found[index % points];
            let ours = value(left) * (1.0 - share) + value(left + 1) * share;
            let theirs = u[place * t.len() + moment];
            difference += (ours - theirs).powi(2);
            norm += theirs * theirs;
        }
        // The published solution is one of finite differences or Chebyshev points, good to about three digits at the front.
        let error: f64 = difference / norm;
        assert!(error.sqrt() < 5e-3, "t = {}: {}", t[moment], error.sqrt());
    }
}

#[test]
fn a_file_of_another_format_is_refused_by_name() {
    let Some(folder) = formats() else { return };
    if !cfg!(feature = "hdf5") {
        let error = read_array(folder.join("darcy_v73.mat"), None)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("darcy_v73.mat") && error.contains("hdf5"),
            "{error}"
        );
    }
    let error = read_array(folder.join("imdb.csv"), None).unwrap_err();
    assert!(error.to_string().contains("imdb.csv"), "{error}");
}

fn expected_list(folder: &Path, key: &str) -> Vec<u64> {
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let values: serde_json::Value = serde_json::from_str(&text).unwrap();
    let list = values[key].as_array().unwrap();
    list.iter().map(|value| value.as_u64().unwrap()).collect()
}

/// The original archive and the Hub's Parquet file with PNG images.
#[test]
fn images_are_those_that_python_reads() {
    let Some(folder) = formats() else { return };
    let hub = CifarVariant::Cifar10
        .read(folder.join("cifar10-hub.parquet"))
        .unwrap()
        .train;
    let labels: Vec<u64> = hub.labels().iter().map(|&label| label.into()).collect();
    assert_eq!(labels, expected_list(&folder, "cifar_labels"));
    let sum: u64 = hub.pixels(0).iter().map(|&level| u64::from(level)).sum();
    assert_eq!(sum as f64, expected(&folder, "cifar_sum_0"));
    let pixel = [0, 1, 2].map(|channel| u64::from(hub.pixels(0)[(channel * 32 + 2) * 32 + 3]));
    assert_eq!(pixel[..], expected_list(&folder, "cifar_pixel_0_rgb_y2_x3"));

    let original = CifarVariant::Cifar10
        .read(folder.join("cifar-10-binary.tar.gz"))
        .unwrap();
    assert_eq!((original.train.len(), original.test.len()), (165, 33));
    // The Parquet file holds the first three batches.
    for image in 0..hub.len() {
        assert_eq!(
            hub.pixels(image),
            original.train.pixels(image),
            "image {image}"
        );
    }
    let fine = CifarVariant::Cifar100
        .read(folder.join("cifar-100-binary.tar.gz"))
        .unwrap();
    assert_eq!((fine.train.len(), fine.test.len()), (66, 33));
}

/// The Hub's Parquet file and CSV.
#[test]
fn reviews_are_those_that_python_reads() {
    let Some(folder) = formats() else { return };
    let hub = TextSource::Imdb
        .read(folder.join("imdb-hub.parquet"))
        .unwrap();
    let examples = &hub["train"].examples;
    let labels: Vec<u64> = examples
        .iter()
        .map(|example| example.label.into())
        .collect();
    assert_eq!(labels, expected_list(&folder, "imdb_labels"));
    let bytes: Vec<u64> = examples
        .iter()
        .map(|example| example.first.len() as u64)
        .collect();
    assert_eq!(bytes, expected_list(&folder, "imdb_bytes"));
    let csv = TextSource::Imdb.read(folder.join("imdb.csv")).unwrap();
    let count = csv["train"].examples.len();
    assert_eq!(csv["train"].examples[..], examples[..count]);
}

use std::path::PathBuf;

use candle::Device;

use super::*;
use crate::field_io::{self, Field};
use crate::loader::{Loader, LoaderSettings};

struct Directory(tempfile::TempDir);

impl Directory {
    /// 6 samples of 4 snapshots of 8 points, axes as in MATLAB's files: `u[s, x, t] = 100 s + 10 x
    /// + t`, and `a = u[.., 0]`.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut u = Vec::new();
        for index in 0..6 * 8 * 4 {
            let (sample, x, time) = (index / 32, index / 4 % 8, index % 4);
            u.push((100 * sample + 10 * x + time) as f32);
        }
        let u = Field::from_f32(vec![6, 8, 4], u).unwrap();
        let a = Field::from_f32(vec![6, 8], u.narrow_last(0, 1).unwrap().into_f32()).unwrap();
        let coarse = Field::from_f32(vec![6, 4], vec![0.; 24]).unwrap();
        let mut broken = vec![0.; 48];
        broken[17] = f32::NAN;
        let broken = Field::from_f32(vec![6, 8], broken).unwrap();
        let arrays = [("a", a), ("u", u), ("coarse", coarse), ("broken", broken)];
        let arrays = arrays.map(|(name, field)| (name.to_owned(), field)).into();
        field_io::write(directory.path().join("fields.npz"), &arrays).unwrap();
        Self(directory)
    }

    fn manifest(&self, inputs: &str, outputs: &str, splits: &str) -> PathBuf {
        let path = self.0.path().join("fields.toml");
        let file = "file = \"fields.npz\"";
        let text = format!(
            "name = \"x\"\n[inputs]\n{file}\n{inputs}\n[outputs]\n{file}\n{outputs}\n[splits]\n{splits}\n"
        );
        std::fs::write(&path, text).unwrap();
        path
    }
}

const A: &str = "array = \"a\"\naxes = [\"sample\", \"x\"]";
const U: &str = "array = \"u\"\naxes = [\"sample\", \"x\", \"time\"]";
const SPLITS: &str = "train = [0, 4]\ntest = [4, 6]";

#[test]
fn points_and_snapshots_are_chosen() {
    let directory = Directory::new();
    let inputs = format!("{A}\nevery = 4");
    let outputs = format!("{U}\nevery = 4\ntimes = [1, 3]");
    let set = FieldSet::open(directory.manifest(&inputs, &outputs, SPLITS)).unwrap();
    assert_eq!((set.samples(), set.manifest().name.as_str()), (6, "x"));
    let test = set.load("test").unwrap();
    assert_eq!(
        test.inputs,
        Field::from_f32(vec![2, 2], vec![400., 440., 500., 540.]).unwrap()
    );
    let outputs = vec![401., 402., 441., 442., 501., 502., 541., 542.];
    assert_eq!(
        test.outputs,
        Field::from_f32(vec![2, 2, 2], outputs).unwrap()
    );
}

#[test]
fn a_streamed_split_gives_the_batches_of_a_loaded_one() {
    let directory = Directory::new();
    let set = FieldSet::open(directory.manifest(A, U, SPLITS)).unwrap();
    let pairs = set.load("train").unwrap();
    let inputs = StoredRows::open(set.inputs.clone(), 0, 4).unwrap();
    let outputs = StoredRows::open(set.outputs.clone(), 0, 4).unwrap();
    let settings = LoaderSettings {
        batch_size: 3,
        seed: 5,
        ..LoaderSettings::default()
    };
    let batches = |data: Dataset| {
        let loader = Loader::new(data, settings, &Device::Cpu).unwrap();
        let epoch: Vec<_> = loader.epoch(1).map(Result::unwrap).collect();
        let values = epoch.iter().flat_map(|batch| {
            [&batch.inputs, &batch.targets]
                .map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap())
        });
        values.collect::<Vec<_>>()
    };
    let in_memory = batches(Dataset::new(pairs.inputs, pairs.outputs).unwrap());
    assert_eq!(
        in_memory,
        batches(Dataset::from_rows(inputs, outputs).unwrap())
    );
    assert_eq!(in_memory, batches(set.stream("train").unwrap()));
}

#[cfg(feature = "hdf5")]
#[test]
fn hdf5_is_streamed_whatever_its_order_of_axes() {
    let golden: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/golden/groups.hdf5"]
        .iter()
        .collect();
    let directory = Directory::new();
    let part = |times: &str| {
        format!(
            "file = \"{}\"\narray = \"tensor\"\naxes = [\"time\", \"sample\", \"x\"]\ntimes = {times}",
            golden.display()
        )
    };
    let text = format!(
        "name = \"x\"\n[inputs]\n{}\n[outputs]\n{}\n[splits]\ntrain = [1, 5]\n",
        part("[0, 1]"),
        part("[1, 3]")
    );
    let path = directory.0.path().join("h5.toml");
    std::fs::write(&path, text).unwrap();
    let set = FieldSet::open(&path).unwrap();
    let pairs = set.load("train").unwrap();
    assert_eq!(pairs.outputs.shape(), [4, 7, 2]);
    // tensor[t, s, x] = 35 t + 7 s + x.
    assert_eq!(pairs.outputs.clone().into_f32()[..4], [42., 77., 43., 78.]);
    let data = set.stream("train").unwrap();
    let settings = LoaderSettings {
        batch_size: 3,
        ..LoaderSettings::default()
    };
    let loader = Loader::new(data, settings, &Device::Cpu).unwrap();
    for batch in loader.epoch(0) {
        let batch = batch.unwrap();
        let expected = crate::loader::pick_rows(&pairs.outputs, &batch.rows).unwrap();
        assert_eq!(Field::from_tensor(&batch.targets).unwrap(), expected);
    }
}

#[test]
fn what_does_not_fit_is_said() {
    let directory = Directory::new();
    let refused = |inputs: &str, outputs: &str, splits: &str, words: &[&str]| {
        let error = FieldSet::open(directory.manifest(inputs, outputs, splits));
        let message = error.unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{word} not in {message}");
        }
    };
    let replaced = |from: &str, to: &str| A.replace(from, to);
    refused(
        &replaced("\"a\"", "\"b\""),
        U,
        SPLITS,
        &["no array named \"b\"", "\"coarse\""],
    );
    refused(
        &replaced(", \"x\"", ", \"x\", \"y\""),
        U,
        SPLITS,
        &["sample, x, y", "[6, 8]"],
    );
    refused(
        &replaced("\"sample\"", "\"x\""),
        U,
        SPLITS,
        &["inputs", "sample"],
    );
    refused(&replaced("\"sample\"", "\"width\""), U, SPLITS, &["width"]);
    refused(
        &replaced("\"a\"", "\"coarse\""),
        U,
        SPLITS,
        &["one grid", "4 points", "8 of outputs"],
    );
    refused(&format!("{A}\nevery = 0"), U, SPLITS, &["every"]);
    refused(&format!("{A}\nevry = 2"), U, SPLITS, &["evry"]);
    refused(&format!("{A}\ntimes = [0, 1]"), U, SPLITS, &["times"]);
    refused(
        A,
        &format!("{U}\ntimes = [2, 5]"),
        SPLITS,
        &["5 snapshots", "[6, 8, 4]"],
    );
    refused(
        A,
        U,
        "train = [0, 7]",
        &["split train = [0, 7] of 6 samples"],
    );
    refused(A, U, "train = [3, 3]", &["split train"]);
    let sideways = "array = \"u\"\naxes = [\"time\", \"sample\", \"x\"]";
    refused(
        A,
        sideways,
        "train = [0, 1]",
        &["6 samples of inputs, 8 of outputs"],
    );

    let set = FieldSet::open(directory.manifest(A, U, SPLITS)).unwrap();
    let message = set.load("validation").unwrap_err().to_string();
    assert!(
        message.contains("validation") && message.contains("test, train"),
        "{message}"
    );
    let broken = directory.manifest(&replaced("\"a\"", "\"broken\""), U, SPLITS);
    let message = FieldSet::open(broken)
        .unwrap()
        .load("train")
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("broken") && message.contains("[2, 1]"),
        "{message}"
    );
}

#[test]
fn manifests_of_published_files_are_read() {
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    for (file, array) in [
        ("burgers/burgers_data_R10.toml", "u"),
        ("darcy/piececonst_r421_N1024_smooth1.toml", "sol"),
        ("navier-stokes/NavierStokes_V1e-3_N5000_T50.toml", "u"),
    ] {
        let path = datasets.join(file);
        let manifest = FieldSetManifest::read(&path).unwrap();
        assert_eq!(manifest.outputs.array, array);
        assert_eq!(
            manifest.inputs.file.with_extension("toml"),
            Path::new(path.file_name().unwrap())
        );
        manifest.inputs.validate(&path, "inputs").unwrap();
        manifest.outputs.validate(&path, "outputs").unwrap();
        assert!(manifest.splits.contains_key("train") && manifest.splits.contains_key("test"));
    }
}

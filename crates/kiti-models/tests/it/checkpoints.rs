//! Model files: what is wrong with one is said in full.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle::{DType, Device, Tensor};
use kiti_models::checkpoint::{describe_model, latest, load_model, load_weights, save_model};
use kiti_models::fno::{Fno, FnoConfig};
use kiti_models::model::{Model, ModelDescription};
use kiti_models::operator::Operator;
use kiti_models::recipe::ModelSection;
use kiti_models::{Error, Result};
use kiti_nn::{Context, ResidualConfig, VarStore};

use crate::support::{normals, numbers, tiny_fno, tiny_recipe, train};

fn store(config: &FnoConfig) -> VarStore {
    let store = VarStore::new(1, DType::F32, &Device::Cpu);
    Fno::new(config, &ResidualConfig::Additive, store.builder()).unwrap();
    store
}

fn save(path: &Path, tensors: &BTreeMap<String, Tensor>) {
    let description =
        ModelDescription::new(ModelSection::Fno(tiny_fno()), ResidualConfig::Additive);
    save_model(path, &description, tensors).unwrap();
}

fn load(path: &Path) -> Result<Model> {
    load_model(path, &Device::Cpu)
}

#[test]
fn a_saved_model_is_the_model() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("model.safetensors");
    let store = store(&tiny_fno());
    save(&path, &store.tensors());
    let once = fs::read(&path).unwrap();
    save(&path, &store.tensors());
    assert_eq!(fs::read(&path).unwrap(), once);

    let model = load(&path).unwrap();
    let config = tiny_fno();
    let description = describe_model(&path).unwrap();
    assert_eq!(description.model, ModelSection::Fno(config.clone()));
    let original = Fno::new(&config, &ResidualConfig::Additive, store.builder()).unwrap();
    let xs = normals(&[1, 8, 8, 3], 1);
    let output =
        |model: &dyn Operator| numbers(&model.forward_t(&xs, &Context::evaluate()).unwrap());
    assert_eq!(output(model.operator().unwrap()), output(&original));
}

#[test]
fn missing_unexpected_and_mis_shaped_tensors_are_all_listed() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("model.safetensors");
    let store = store(&tiny_fno());
    let before = numbers(&store.tensors()["skip.1.weight"]);
    let mut tensors = store.tensors();
    tensors.remove("lift.bias");
    tensors.insert("lift.scale".to_owned(), normals(&[2], 1));
    tensors.insert("skip.0.bias".to_owned(), normals(&[5], 1));
    tensors.insert("skip.1.weight".to_owned(), normals(&[4, 4, 1, 1], 1));
    save(&path, &tensors);
    let strict = load_weights(&path, &ModelSection::Fno(tiny_fno()), &store).unwrap_err();
    for error in [load(&path).unwrap_err(), strict] {
        let message = error.to_string();
        assert!(matches!(error, Error::Tensors { .. }), "{message}");
        assert!(
            message.contains("missing lift.bias, expected shape [4]"),
            "{message}"
        );
        assert!(message.contains("unexpected lift.scale"), "{message}");
        assert!(
            message.contains("skip.0.bias: expected shape [4], found [5]"),
            "{message}"
        );
    }
    // Nothing was loaded, not even what fits.
    assert_eq!(numbers(&store.tensors()["skip.1.weight"]), before);
}

#[test]
fn truncated_and_corrupt_files_are_told_from_other_programs_files() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("model.safetensors");
    save(&path, &store(&tiny_fno()).tensors());
    let whole = fs::read(&path).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut huge = whole.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut scrambled = whole.clone();
    scrambled[9..header].reverse();
    let cases: [&[u8]; 6] = [
        b"",
        b"kiti",
        &whole[..header / 2],
        &whole[..whole.len() - 1],
        &huge,
        &scrambled,
    ];
    for bytes in cases {
        fs::write(&path, bytes).unwrap();
        let error = load(&path).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(
            error.to_string().contains("truncated or corrupt"),
            "{error}"
        );
    }
    let foreign: Vec<(&str, Tensor)> = vec![("embeddings", normals(&[2, 2], 1))];
    fs::write(&path, safetensors::serialize(foreign, None).unwrap()).unwrap();
    let error = load(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("expected a model written by kiti"),
        "{error}"
    );
    let error = load(&scratch.path().join("absent.safetensors")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    let error = load(scratch.path().parent().unwrap()).unwrap_err();
    assert!(matches!(error, Error::NoCheckpoint { .. }), "{error}");
}

#[test]
fn a_checkpoint_of_another_model_is_refused_key_by_key() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("model.safetensors");
    save(&path, &store(&tiny_fno()).tensors());
    let wide = FnoConfig {
        width: 6,
        modes: vec![2, 3],
        ..tiny_fno()
    };
    let error = load_weights(&path, &ModelSection::Fno(wide.clone()), &store(&wide)).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Error::OtherModel { .. }), "{message}");
    assert!(message.contains("width: expected 6, found 4"), "{message}");
    assert!(
        message.contains("modes: expected [2,3], found [2,2]"),
        "{message}"
    );
}

#[test]
fn damaged_checkpoints_are_reported_one_by_one() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    let recipe = tiny_recipe("additive", &[]);
    train(&recipe, &out, false).unwrap();
    let folder = out.join("checkpoints");
    let state = folder.join("epoch-000003/state.safetensors");
    let bytes = fs::read(&state).unwrap();
    fs::write(&state, &bytes[..bytes.len() - 3]).unwrap();
    fs::write(folder.join("epoch-000002/state.json"), b"{}").unwrap();
    let message = latest(&folder, &Device::Cpu).unwrap_err().to_string();
    assert!(
        message.contains("epoch-000003") && message.contains("CRC-32"),
        "{message}"
    );
    assert!(
        message.contains("epoch-000002") && message.contains("state.json"),
        "{message}"
    );
    fs::remove_file(out.join("result.json")).unwrap();
    let error = train(&recipe, &out, true).unwrap_err();
    assert!(matches!(error, Error::NoCheckpoint { .. }), "{error}");
}

//! The golden cases, and cases that are none.

use std::path::{Path, PathBuf};

use candle::Device;
use kiti_models::Error;
use kiti_models::golden::{cases, replay};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

#[test]
fn every_case_agrees() {
    let found = cases(&folder()).unwrap();
    let replayed: Vec<_> = found
        .iter()
        .map(|path| replay(path, &Device::Cpu).unwrap())
        .collect();
    let failed: Vec<_> = replayed.iter().filter(|report| !report.passed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    for case in [
        "bert",
        "gpt2",
        "resnet_basic",
        "resnet_basic_kinetic",
        "fno1d",
        "fno1d_kinetic",
        "fno2d",
        "fno2d_kinetic",
        "published_sparse",
    ] {
        assert!(replayed.iter().any(|report| report.name == case), "{case}");
    }
}

#[test]
fn a_wrong_number_is_noticed() {
    let scratch = tempfile::tempdir().unwrap();
    let source = folder().join("models/fno1d.safetensors");
    let mut bytes = std::fs::read(source).unwrap();
    // The last tensor of the file is a spectral weight; doubling one entry changes outputs by far
    // more than rounding does.
    let end = bytes.len();
    let value = f32::from_le_bytes(bytes[end - 4..].try_into().unwrap());
    bytes[end - 4..].copy_from_slice(&(value * 2.0 + 1.0).to_le_bytes());
    let path = scratch.path().join("wrong.safetensors");
    std::fs::write(&path, bytes).unwrap();
    assert!(!replay(&path, &Device::Cpu).unwrap().passed);
}

#[test]
fn malformed_unknown_and_absent_cases_are_errors() {
    let scratch = tempfile::tempdir().unwrap();
    let error = cases(scratch.path()).unwrap_err();
    assert!(matches!(error, Error::NoCases { .. }), "{error}");

    let cut = scratch.path().join("cut.safetensors");
    let whole = std::fs::read(folder().join("models/fno2d.safetensors")).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let error = replay(&cut, &Device::Cpu).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");

    let unknown = scratch.path().join("unknown.safetensors");
    let metadata = std::collections::HashMap::from([("kiti.case".into(), "vae".into())]);
    let none: Vec<(&str, candle::Tensor)> = Vec::new();
    std::fs::write(
        &unknown,
        safetensors::serialize(none, Some(metadata)).unwrap(),
    )
    .unwrap();
    let error = replay(&unknown, &Device::Cpu).unwrap_err();
    assert!(
        matches!(&error, Error::UnknownCase { case, .. } if case == "vae"),
        "{error}"
    );
    assert!(error.to_string().contains("fno1d"), "{error}");
}

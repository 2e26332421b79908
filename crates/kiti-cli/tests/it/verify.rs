//! `kiti verify`: what passes, and everything that must not.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use crate::program::{Scratch, golden};

const CASE: &str = "published_free_memoryless.safetensors";

/// A folder with one good case and whatever `also` puts beside it.
fn folder(scratch: &Scratch, also: impl FnOnce(&Path)) -> String {
    let folder = scratch.path("cases");
    fs::create_dir(&folder).unwrap();
    fs::copy(golden().join("kinetic_step").join(CASE), folder.join(CASE)).unwrap();
    also(&folder);
    folder.display().to_string()
}

/// Writes the case at `from` again with one tensor and the metadata changed.
fn rewrite(from: &Path, to: &Path, tensor: &str, change: impl Fn(&mut [f64]), case: &str) {
    let bytes = fs::read(from).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut metadata: HashMap<String, String> = header.metadata().clone().unwrap();
    metadata.insert("kiti.case".into(), case.into());
    let mut values: Vec<f64> = file
        .tensor(tensor)
        .unwrap()
        .data()
        .chunks_exact(8)
        .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    change(&mut values);
    let changed: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let views = file.tensors().into_iter().map(|(name, view)| {
        let data = if name == tensor {
            &changed
        } else {
            view.data()
        };
        let view = TensorView::new(view.dtype(), view.shape().to_vec(), data).unwrap();
        (name, view)
    });
    safetensors::serialize_to_file(views, Some(metadata), to).unwrap();
}

fn verify(scratch: &Scratch, folder: &str) -> crate::program::Finished {
    scratch.run(&["verify", "--fixtures", folder])
}

#[test]
fn every_golden_case_passes_with_a_line_each() {
    let scratch = Scratch::new();
    let finished = verify(&scratch, golden().to_str().unwrap()).succeeded();
    for folder in ["kinetic_step", "models"] {
        for file in fs::read_dir(golden().join(folder)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let line = finished
                .stdout
                .lines()
                .find(|line| line.split_whitespace().any(|word| word.ends_with(name)));
            assert!(
                line.is_some_and(|line| line.contains("pass")),
                "{name}: {finished:#?}"
            );
        }
    }
}

#[test]
fn a_wrong_result_fails_and_the_others_are_still_reported() {
    let scratch = Scratch::new();
    let from = golden()
        .join("kinetic_step")
        .join("elastic_memoryless.safetensors");
    let cases = folder(&scratch, |folder| {
        // A millionth: far above the agreement asked for, far below what a plot would show.
        rewrite(
            &from,
            &folder.join("wrong.safetensors"),
            "x_out",
            |x| x[0] += 1e-6,
            "kinetic_step",
        );
    });
    let finished = verify(&scratch, &cases).failed_saying(&["wrong", "fail"]);
    assert!(
        finished
            .stdout
            .lines()
            .any(|line| line.contains("published_free_memoryless") && line.contains("pass"))
    );
}

#[test]
fn a_wrong_gradient_fails() {
    let scratch = Scratch::new();
    let from = golden().join("kinetic_step").join(CASE);
    let cases = folder(&scratch, |folder| {
        rewrite(
            &from,
            &folder.join("wrong.safetensors"),
            "grad_a",
            |a| a[0] += 1e-6,
            "kinetic_step",
        );
    });
    verify(&scratch, &cases).failed_saying(&["wrong", "fail"]);
}

#[test]
fn a_folder_without_cases_is_no_success() {
    let scratch = Scratch::new();
    let empty = scratch.path("empty");
    fs::create_dir(&empty).unwrap();
    verify(&scratch, empty.to_str().unwrap()).failed_saying(&["empty"]);
    verify(&scratch, scratch.path("nowhere").to_str().unwrap()).failed_saying(&["nowhere"]);
}

#[test]
fn a_truncated_file_is_named() {
    let scratch = Scratch::new();
    let cases = folder(&scratch, |folder| {
        let bytes = fs::read(folder.join(CASE)).unwrap();
        fs::write(
            folder.join("truncated.safetensors"),
            &bytes[..bytes.len() / 2],
        )
        .unwrap();
    });
    let finished = verify(&scratch, &cases).failed_saying(&["truncated"]);
    assert!(
        finished
            .stdout
            .lines()
            .any(|line| line.contains("published_free_memoryless") && line.contains("pass"))
    );
}

#[test]
fn a_missing_tensor_is_named() {
    let scratch = Scratch::new();
    let cases = folder(&scratch, |folder| {
        let bytes = fs::read(folder.join(CASE)).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let kept = file
            .tensors()
            .into_iter()
            .filter(|(name, _)| name != "directions");
        let to = folder.join("incomplete.safetensors");
        safetensors::serialize_to_file(kept, header.metadata().clone(), &to).unwrap();
    });
    verify(&scratch, &cases).failed_saying(&["incomplete", "directions"]);
}

#[test]
fn an_unknown_case_is_refused() {
    let scratch = Scratch::new();
    let from = golden().join("kinetic_step").join(CASE);
    let cases = folder(&scratch, |folder| {
        rewrite(
            &from,
            &folder.join("other.safetensors"),
            "x_out",
            |_| {},
            "perpetuum_mobile",
        );
    });
    verify(&scratch, &cases).failed_saying(&["other", "perpetuum_mobile"]);
}

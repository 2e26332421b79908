//! Classifiers of images: trained, scored, reported, applied to files, and refused what is no image.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use kiti_data::vision::{CifarVariant, Images};
use serde_json::Value;

use crate::program::{Finished, SMALL, Scratch};

/// A few real images as the original archive has them.
fn archive() -> PathBuf {
    let kiti_data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kiti-data");
    kiti_data.join("tests/golden/images/cifar-10-binary.tar.gz")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Writes a PNG of `width` by `height` pixels.
fn write_png(path: &Path, [width, height]: [u32; 2], pixels: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(File::create(path).unwrap(), width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
}

/// Red, green and blue of each pixel of an image.
fn interleaved(images: &Images, image: usize) -> Vec<u8> {
    let planes = images.pixels(image);
    let area = planes.len() / 3;
    (0..area)
        .flat_map(|pixel| [0, 1, 2].map(|colour| planes[colour * area + pixel]))
        .collect()
}

/// A small run on a few real images.
fn trained(scratch: &Scratch, folder: &str, variant: &str) -> PathBuf {
    let out = scratch.path(folder);
    let path = format!("data.path={}", text(&archive()));
    let arguments = [
        "train",
        "cifar10",
        "--profile",
        "smoke",
        "--set",
        &path,
        "--set",
        "evaluation.every=1",
        "--variant",
        variant,
        "--out",
        &text(&out),
    ];
    let finished = scratch.run(&arguments).succeeded();
    assert!(finished.stdout.contains("waited for data"), "{finished:#?}");
    out
}

fn json(finished: Finished) -> Value {
    serde_json::from_str(&finished.succeeded().stdout).unwrap()
}

#[track_caller]
fn refused(finished: Finished, words: &[&str]) {
    assert_eq!(finished.code, Some(2), "{finished:#?}");
    assert_eq!(
        finished.stderr.matches("error:").count(),
        1,
        "{finished:#?}"
    );
    finished.failed_saying(words);
}

/// The program's own files are the test images: scores of the evaluation are those of the predictions.
#[test]
fn predictions_of_files_are_those_of_the_evaluation() {
    let scratch = Scratch::new();
    let run = trained(&scratch, "run", "reflection");
    let test = CifarVariant::Cifar10.read(archive()).unwrap().test;
    let files = [0, 1].map(|image| {
        let path = scratch.path(&format!("{image}.png"));
        write_png(&path, [32, 32], &interleaved(&test, image));
        text(&path)
    });
    let wide = scratch.path("wide.png");
    write_png(&wide, [64, 48], &[90; 64 * 48 * 3]);
    let run = text(&run);
    let arguments = [
        "predict",
        &run,
        "--image",
        &files[0],
        &files[1],
        &text(&wide),
        "--top",
        "12",
        "--json",
    ];
    let predicted = json(scratch.run(&arguments));
    let images = predicted["images"].as_array().unwrap();
    assert_eq!(images.len(), 3);
    assert_eq!(
        [&images[1]["fitted"], &images[2]["fitted"]],
        [&Value::Bool(false), &Value::Bool(true)]
    );
    let mut loss = 0.0;
    let mut correct = 0.0;
    for (image, found) in images.iter().enumerate() {
        let classes = found["classes"].as_array().unwrap();
        assert_eq!(classes.len(), 10, "all there are");
        let probability = |class: &Value| class["probability"].as_f64().unwrap();
        let sum: f64 = classes.iter().map(probability).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        assert!(classes.is_sorted_by(|one, other| probability(one) >= probability(other)));
        let Some(&label) = test.labels().get(image) else {
            continue;
        };
        let own = classes
            .iter()
            .find(|class| class["number"] == label)
            .unwrap();
        assert_eq!(own["class"], test.classes()[label as usize].as_str());
        loss -= probability(own).ln() / 2.0;
        correct += f64::from(u8::from(classes[0]["number"] == label)) / 2.0;
    }
    let evaluated = json(scratch.run(&["eval", &run, "--json"]));
    assert_eq!(evaluated["classes"][9], "truck");
    let scores = &evaluated["scores"]["test"];
    assert_eq!(scores["accuracy"], correct);
    // Logits of order 1 in single precision, of batches of another size.
    let found = scores["loss"].as_f64().unwrap();
    assert!((found - loss).abs() < 1e-5, "{found} and {loss}");
    let result: Value =
        serde_json::from_slice(&fs::read(scratch.path("run/result.json")).unwrap()).unwrap();
    assert_eq!(result["scores"], evaluated["scores"]);

    let shown = scratch.run(&["predict", &run, "--image", &text(&wide), "--top", "1"]);
    let shown = shown.succeeded().stdout;
    assert!(
        shown.contains("64 x 48") && shown.contains("32 x 32"),
        "{shown}"
    );
    let table = scratch.run(&["eval", &run]).succeeded().stdout;
    assert!(table.contains("calibration error"), "{table}");
}

#[test]
fn what_is_no_image_and_what_is_no_classifier_is_refused() {
    let scratch = Scratch::new();
    let run = text(&trained(&scratch, "run", "additive"));
    let image = scratch.path("a.png");
    write_png(&image, [4, 4], &[7; 48]);
    let whole = fs::read(&image).unwrap();
    let image = text(&image);
    let predict =
        |run: &str, image: &Path| scratch.run(&["predict", run, "--image", &text(image), "--json"]);
    let notes = scratch.path("notes.png");
    fs::write(&notes, "no image").unwrap();
    refused(predict(&run, &notes), &["notes.png", "PNG or JPEG"]);
    fs::write(&notes, &whole[..whole.len() - 20]).unwrap();
    refused(predict(&run, &notes), &["notes.png"]);
    refused(predict(&run, &scratch.path("absent.png")), &["absent.png"]);
    refused(predict(&run, &scratch.path(".")), &["directory"]);
    let nowhere = text(&scratch.path("nowhere"));
    refused(predict(&nowhere, image.as_ref()), &["nowhere"]);
    // One bad image of several: nothing is printed.
    let finished = scratch.run(&["predict", &run, "--image", &image, &text(&notes)]);
    assert_eq!(finished.stdout, "");
    refused(finished, &["notes.png"]);

    let fields = text(&scratch.path("fields"));
    let mut heat = vec!["train", "heat", "--out", &fields];
    heat.extend(SMALL);
    scratch.run(&heat).succeeded();
    refused(
        predict(&fields, image.as_ref()),
        &["classifier of images", "another kind"],
    );
    refused(
        scratch.run(&["predict", &run, "--input", "u.npy", "--output", "v.npy"]),
        &["a classifier"],
    );
    let finished = scratch.run(&["predict", &run, "--image", &image, "--top", "0"]);
    assert_eq!(finished.code, Some(2));
}

#[test]
fn records_and_reports_tell_how_classes_are_told_apart() {
    let scratch = Scratch::new();
    for variant in ["additive", "dropout"] {
        trained(&scratch, &format!("runs/{variant}/seed-0"), variant);
    }
    let run = scratch.path("runs/additive/seed-0");
    let result: Value =
        serde_json::from_slice(&fs::read(run.join("result.json")).unwrap()).unwrap();
    let share = result["cost"]["loading_share"].as_f64().unwrap();
    assert!((0.0..1.0).contains(&share), "{share}");
    let timing = fs::read_to_string(run.join("timing.jsonl")).unwrap();
    for line in timing.lines() {
        let epoch: Value = serde_json::from_str(line).unwrap();
        assert!(epoch["loading_seconds"].as_f64().unwrap() >= 0.0);
    }
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let last: Value = serde_json::from_str(metrics.lines().last().unwrap()).unwrap();
    let (scores, rate) = (
        &last["scores"]["test"],
        &last["evaluation"]["test"].as_f64(),
    );
    assert_eq!(
        scores["accuracy"].as_f64(),
        rate.map(|rate| 1.0 - rate),
        "{last}"
    );

    fs::create_dir(scratch.path("docs")).unwrap();
    let page = text(&scratch.path("docs/page.md"));
    let runs = text(&scratch.path("runs"));
    scratch.run(&["report", &runs, "--docs", &page]).succeeded();
    let html = fs::read_to_string(scratch.path("runs/report.html")).unwrap();
    for word in [
        "calibration error",
        "among the five most likely",
        "predicted class",
        "airplane",
        "waiting for data",
        "Cross entropy: New samples",
    ] {
        assert!(html.contains(word), "report.html has no {word}");
    }
    for elsewhere in ["src=\"http", "href=\"http", "@import", "<link"] {
        assert!(!html.contains(elsewhere), "{elsewhere}");
    }
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("## Classes and confusions"), "{page}");
    assert!(
        scratch
            .path("docs/page/cifar10-smoke-confusions-test.svg")
            .is_file()
    );
    assert!(!page.contains("## Predictions"), "{page}");
}

/// `count` images of each class, told apart by their colour, below `folder`.
fn write_classes(folder: &Path, classes: &[&str], count: u32) {
    for (label, class) in classes.iter().enumerate() {
        for image in 0..count {
            let path = folder.join(class).join(format!("{image}.png"));
            let colour = [60 * label as u8, 5 * image as u8, 200];
            write_png(&path, [20, 24], &colour.repeat(20 * 24));
        }
    }
}

#[test]
fn a_folder_of_images_is_learned_from() {
    let scratch = Scratch::new();
    let classes = ["cat", "dog", "owl"];
    write_classes(&scratch.path("photos"), &classes, 5);
    let train = |more: &[&str]| {
        let first = ["train", "cifar10", "--profile", "smoke"];
        scratch.run(&[&first[..], &["--set", "data.size=[16,16]"], more].concat())
    };
    // A fifth of each class is set aside.
    train(&["--data", "photos"]).succeeded();
    let run = scratch.path("runs/photos-smoke/additive/seed-0");
    let recipe = fs::read_to_string(run.join("recipe.toml")).unwrap();
    for line in [
        "name = \"photos\"",
        "classes = 3",
        "samples = 10",
        "samples = 2",
    ] {
        assert!(recipe.contains(line), "{line}: {recipe}");
    }
    let image = text(&scratch.path("photos/owl/0.png"));
    let predicted = json(scratch.run(&["predict", &text(&run), "--image", &image, "--json"]));
    let found = predicted["images"][0]["classes"].as_array().unwrap();
    let mut names: Vec<&str> = found
        .iter()
        .filter_map(|class| class["class"].as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, classes);

    // Its own test images, all images, and a change that has the last word.
    write_classes(&scratch.path("split/train"), &classes, 3);
    write_classes(&scratch.path("split/test"), &classes, 2);
    let first = ["train", "cifar10", "--set", "data.size=[16,16]"];
    let more = [
        "--data",
        "split",
        "--out",
        "run",
        "--set",
        "data.samples=7",
        "--set",
        "training.epochs=1",
        "--set",
        "model.network.width=4",
        "--set",
        "model.network.blocks=[1, 1, 1, 1]",
    ];
    scratch.run(&[&first[..], &more[..]].concat()).succeeded();
    let evaluated = json(scratch.run(&["eval", "run", "--json"]));
    assert_eq!(evaluated["scores"]["test"]["samples"], 6);
    let recipe = fs::read_to_string(scratch.path("run/recipe.toml")).unwrap();
    assert!(recipe.contains("samples = 7"), "{recipe}");

    fs::create_dir(scratch.path("empty")).unwrap();
    refused(
        train(&["--data", "empty"]),
        &["empty", "folder for each class"],
    );
    refused(train(&["--data", "absent"]), &["absent"]);
    let heat = scratch.run(&["train", "heat", "--data", "photos"]);
    refused(heat, &["--data", "recipe of images"]);
}

/// Records of one label byte and an image, as an archive of `files`.
fn write_archive(path: &Path, files: &[(&str, &[u8])]) {
    let file =
        flate2::write::GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(file);
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        // Written as it is, also where the library would refuse it.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap();
}

#[test]
fn bad_archives_are_refused_and_leave_nothing() {
    let scratch = Scratch::new();
    let source = scratch.path("cifar-10-binary.tar.gz");
    let out = text(&scratch.path("run"));
    let path = format!("data.path={}", text(&source));
    let train = || {
        let arguments = [
            "train",
            "cifar10",
            "--profile",
            "smoke",
            "--out",
            &out,
            "--set",
            &path,
        ];
        scratch.run(&arguments)
    };
    refused(
        train(),
        &["cifar-10-binary.tar.gz", "kiti data fetch cifar10"],
    );

    let whole = fs::read(archive()).unwrap();
    fs::write(&source, &whole[..whole.len() / 2]).unwrap();
    refused(train(), &["cifar-10-binary.tar.gz", "damaged"]);

    let record = |label: u8| {
        let mut record = vec![7; 3073];
        record[0] = label;
        record
    };
    write_archive(&source, &[("a/data_batch_1.bin", &record(10))]);
    refused(train(), &["data_batch_1.bin", "record 0", "below 10"]);
    write_archive(&source, &[("a/data_batch_1.bin", &record(3)[1..])]);
    refused(train(), &["whole records", "3072"]);
    write_archive(&source, &[("../../data_batch_1.bin", &record(3))]);
    refused(train(), &["leads out", "../../data_batch_1.bin"]);
    assert!(!scratch.path("../data_batch_1.bin").exists());

    // A file that says that it is 4 GiB long, of which there is next to nothing.
    let mut header = tar::Header::new_gnu();
    header.set_path("a/data_batch_1.bin").unwrap();
    header.set_size(4 << 30);
    header.set_cksum();
    let file = File::create(&source).unwrap();
    let mut bomb = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    std::io::Write::write_all(&mut bomb, header.as_bytes()).unwrap();
    bomb.finish().unwrap();
    refused(train(), &["data_batch_1.bin", "at most"]);

    assert!(!scratch.path("run/model.safetensors").exists());
    let cached = fs::read_dir(scratch.path("cache"));
    assert!(cached.map_or(0, Iterator::count) == 0, "the cache is clean");
    // The same command goes on where the data are there: a run that never began is none.
    fs::write(&source, &whole).unwrap();
    train().succeeded();
}

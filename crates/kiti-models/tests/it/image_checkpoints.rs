//! Networks of images that begin from other programs' weights, or are used with them.

use std::collections::BTreeMap;
use std::path::Path;

use candle::{DType, Device, Tensor};
use kiti_data::vision::Picture;
use kiti_models::Error;
use kiti_models::hub::{Architecture, save_pretrained};
use kiti_models::image_classifier::ImageClassifier;
use kiti_models::recipe::Recipe;
use kiti_models::resnet::{ResNet, ResNetConfig, Stem};
use kiti_models::train::initial_variables;
use kiti_nn::{Context, ResidualConfig, VarStore};
use serde_json::json;

use crate::support::{numbers, train};

const IMAGES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../kiti-data/tests/golden/images"
);

/// A small network of torchvision's form, with its counts of batches.
fn torchvision(classes: usize) -> BTreeMap<String, Tensor> {
    let config = ResNetConfig {
        blocks: vec![1, 1, 1, 1],
        width: 4,
        classes,
        stem: Stem::Imagenet,
        ..ResNetConfig::resnet18()
    };
    let store = VarStore::new(9, DType::F32, &Device::Cpu);
    ResNet::new(&config, &vec![ResidualConfig::Additive; 4], store.builder()).unwrap();
    let mut tensors = store.tensors();
    let count = Tensor::new(&[7f32], &Device::Cpu).unwrap();
    tensors.insert("layer1.0.bn1.num_batches_tracked".to_owned(), count);
    tensors
}

fn recipe(pretrained: &Path, stem: &str) -> Recipe {
    let sets = [
        ("data.path", format!("{IMAGES}/cifar-10-binary.tar.gz")),
        ("model.pretrained", pretrained.display().to_string()),
        ("model.network.stem", stem.to_owned()),
        ("model.stages.divisions", "[0, 4, 2, 0]".to_owned()),
        ("residual.variant", "reflection".to_owned()),
    ];
    let sets = sets.map(|(key, value)| (key.to_owned(), value));
    Recipe::load("cifar10", Some("smoke"), &sets).unwrap()
}

#[test]
fn training_begins_from_weights_with_torchvisions_names() {
    let scratch = tempfile::tempdir().unwrap();
    let weights = scratch.path().join("resnet.safetensors");
    let tensors = torchvision(7);
    std::fs::write(&weights, safetensors::serialize(&tensors, None).unwrap()).unwrap();
    let recipe = recipe(&weights, "imagenet");
    let begun = initial_variables(&recipe, 1, &Device::Cpu)
        .unwrap()
        .tensors();
    for (name, tensor) in &begun {
        if name.starts_with("fc.") {
            assert_eq!(tensor.dim(0).unwrap(), 10, "a new head");
        } else {
            assert_eq!(numbers(tensor), numbers(&tensors[name]), "{name}");
        }
    }
    assert_eq!(begun.len() + 1, tensors.len());
    let result = train(&recipe, &scratch.path().join("run"), false).unwrap();
    assert!(result.last.train_loss.is_finite());

    // The other stem, and a tensor too few.
    let error = initial_variables(&self::recipe(&weights, "cifar"), 1, &Device::Cpu).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("conv1.weight") && message.contains("[4, 3, 7, 7]"),
        "{message}"
    );
    let mut fewer = tensors.clone();
    fewer.remove("layer2.0.downsample.0.weight");
    std::fs::write(&weights, safetensors::serialize(&fewer, None).unwrap()).unwrap();
    let error = initial_variables(&recipe, 1, &Device::Cpu).unwrap_err();
    assert!(
        error.to_string().contains("layer2.0.downsample.0.weight"),
        "{error}"
    );
}

#[test]
fn a_folder_of_the_hub_classifies_images_as_its_configuration_says() {
    let directory = tempfile::tempdir().unwrap();
    let config = ResNetConfig {
        stem: Stem::Imagenet,
        classes: 2,
        ..ResNetConfig::resnet18()
    };
    let store = VarStore::new(1, DType::F32, &Device::Cpu);
    let residuals = vec![ResidualConfig::Additive; 4];
    let network = ResNet::new(&config, &residuals, store.builder()).unwrap();
    let architecture = Architecture::ResNet(config);
    save_pretrained(directory.path(), &architecture, &store.tensors(), None).unwrap();
    let write_config = |prepared: serde_json::Value| {
        let text = json!({
            "architecture": "resnet18",
            "num_classes": 2,
            "label_names": ["heads", "tails"],
            "pretrained_cfg": prepared,
        });
        std::fs::write(directory.path().join("config.json"), text.to_string()).unwrap();
    };
    let prepared = json!({
        "input_size": [3, 32, 32], "crop_pct": 1.0, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3],
    });
    write_config(prepared);
    let picture = Picture::read(format!("{IMAGES}/smooth.jpg")).unwrap();
    let classifier = ImageClassifier::load(directory.path(), &Device::Cpu).unwrap();
    assert_eq!(classifier.classes(), ["heads", "tails"]);
    let ranked = classifier.classify(std::slice::from_ref(&picture)).unwrap();

    let (mean, deviation) = ([0.5, 0.4, 0.3], [0.2, 0.25, 0.3]);
    let planes = picture.pixels().chunks_exact(32 * 32).enumerate();
    let values: Vec<f32> = planes
        .flat_map(|(channel, plane)| {
            plane.iter().map(move |&level| {
                ((f64::from(level) / 255.0 - mean[channel]) / deviation[channel]) as f32
            })
        })
        .collect();
    let input = Tensor::from_vec(values, (1, 3, 32, 32), &Device::Cpu).unwrap();
    let logits = network.forward_t(&input, &Context::evaluate()).unwrap();
    let logits = numbers(&logits);
    let difference = f64::from(logits[1]) - f64::from(logits[0]);
    for class in &ranked[0] {
        let sign = if class.number == 1 { -1.0 } else { 1.0 };
        let expected = 1.0 / (1.0 + (sign * difference).exp());
        assert!((class.probability - expected).abs() < 1e-12, "{class:?}");
    }
    assert!(ranked[0][0].probability >= ranked[0][1].probability);

    write_config(json!({"input_size": [3, 1e9, 32]}));
    let error = ImageClassifier::load(directory.path(), &Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("4096"), "{error}");
    write_config(json!({"std": [1.0, 1.0]}));
    assert!(ImageClassifier::load(directory.path(), &Device::Cpu).is_err());
    let text = json!({"architecture": "resnet18", "num_classes": 2, "label_names": ["heads"]});
    std::fs::write(directory.path().join("config.json"), text.to_string()).unwrap();
    let error = ImageClassifier::load(directory.path(), &Device::Cpu).unwrap_err();
    assert!(matches!(error, Error::NoClassifier { .. }), "{error}");
}

//! Residual networks for images.

use candle::{DType, Device, Tensor};
use kiti_models::Error;
use kiti_models::resnet::{Block, ResNet, ResNetConfig, StageResiduals, Stem};
use kiti_nn::kinetic::Velocity;
use kiti_nn::{Context, ResidualConfig, VarStore, Variant, VariantSettings};

use crate::support::{assert_all_trained, normals, numbers};

fn tiny(block: Block) -> ResNetConfig {
    ResNetConfig {
        block,
        blocks: vec![1, 2, 1],
        width: 4,
        ..ResNetConfig::default()
    }
}

/// Additions in the first stage, the variant in the others.
fn residuals(variant: Variant, settings: &VariantSettings) -> Vec<ResidualConfig> {
    let stages = StageResiduals {
        divisions: vec![0, 4, 2],
        collision_coefficients: vec![],
    };
    stages.residuals(&variant.config(settings), 3).unwrap()
}

fn build(config: &ResNetConfig, residuals: &[ResidualConfig]) -> (ResNet, VarStore) {
    let store = VarStore::new(3, DType::F32, &Device::Cpu);
    let model = ResNet::new(config, residuals, store.builder()).unwrap();
    (model, store)
}

fn images() -> Tensor {
    normals(&[4, 3, 16, 16], 1)
}

#[test]
fn every_variable_gets_a_gradient_with_every_residual_stem_and_block() {
    for &variant in Variant::ALL {
        for (block, stem) in [
            (Block::Basic, Stem::Cifar),
            (Block::Bottleneck, Stem::Imagenet),
        ] {
            let config = ResNetConfig {
                stem,
                ..tiny(block)
            };
            let (model, store) = build(&config, &residuals(variant, &VariantSettings::default()));
            let images = match stem {
                Stem::Cifar => images(),
                Stem::Imagenet => normals(&[3, 3, 64, 64], 1),
            };
            let logits = model.forward_t(&images, &Context::train(1, 0)).unwrap();
            let targets = Tensor::arange(0u32, images.dim(0).unwrap() as u32, &Device::Cpu);
            let loss = kiti_nn::cross_entropy(&logits, &targets.unwrap()).unwrap();
            assert_all_trained(&format!("{variant}"), &store, &loss);
        }
    }
}

#[test]
fn sizes_are_those_that_torchvision_counts() {
    let imagenet = |config| ResNetConfig {
        stem: Stem::Imagenet,
        classes: 1000,
        ..config
    };
    let expected = [
        (ResNetConfig::resnet18(), 11_689_512),
        (ResNetConfig::resnet34(), 21_797_672),
        (ResNetConfig::resnet50(), 25_557_032),
    ];
    for (config, parameters) in expected {
        assert_eq!(imagenet(config).parameter_count(), parameters);
    }
    let config = ResNetConfig {
        stem: Stem::Imagenet,
        ..tiny(Block::Bottleneck)
    };
    let (_, store) = build(&config, &vec![ResidualConfig::Additive; 3]);
    assert_eq!(store.parameter_count(), config.parameter_count());
    let names: Vec<String> = store
        .variables()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for name in [
        "conv1.weight",
        "bn1.running_var",
        "layer1.0.downsample.0.weight",
        "layer2.1.conv3.weight",
        "layer3.0.downsample.1.running_mean",
        "fc.bias",
    ] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
}

#[test]
fn in_evaluation_every_memoryless_residual_is_the_addition() {
    let config = tiny(Block::Basic);
    let (plain, _) = build(&config, &vec![ResidualConfig::Additive; 3]);
    let expected = numbers(&plain.forward_t(&images(), &Context::evaluate()).unwrap());
    for &variant in Variant::ALL {
        let (model, store) = build(&config, &residuals(variant, &VariantSettings::default()));
        let before = statistics(&store);
        let found = model.forward_t(&images(), &Context::evaluate()).unwrap();
        assert_eq!(numbers(&found), expected, "{variant}");
        assert_eq!(statistics(&store), before, "evaluation moves statistics");
    }
}

fn statistics(store: &VarStore) -> Vec<Vec<f32>> {
    let buffers = store.tensors().into_iter();
    buffers
        .filter(|(name, _)| name.contains("running"))
        .map(|(_, tensor)| numbers(&tensor))
        .collect()
}

/// The form published for CIFAR; stages begin at rest, so that a stage of one block is the memoryless one.
#[test]
fn an_inertial_velocity_goes_from_block_to_block_of_a_stage() {
    let output = |velocity, blocks: &[usize]| {
        let settings = VariantSettings {
            velocity,
            ..VariantSettings::default()
        };
        let config = ResNetConfig {
            blocks: blocks.to_vec(),
            ..tiny(Block::Basic)
        };
        let (model, _) = build(&config, &residuals(Variant::Reflection, &settings));
        numbers(&model.forward_t(&images(), &Context::evaluate()).unwrap())
    };
    let (inertial, memoryless) = (Velocity::Inertial, Velocity::Memoryless);
    assert_ne!(output(inertial, &[1, 2, 1]), output(memoryless, &[1, 2, 1]));
    assert_eq!(output(inertial, &[1, 1, 1]), output(memoryless, &[1, 1, 1]));
}

#[test]
fn a_last_norm_of_zero_makes_each_block_its_shortcut() {
    let output = |blocks: &[usize]| {
        let config = ResNetConfig {
            blocks: blocks.to_vec(),
            zero_init_last_norm: true,
            ..tiny(Block::Basic)
        };
        let (model, _) = build(&config, &vec![ResidualConfig::Additive; 3]);
        numbers(&model.forward_t(&images(), &Context::evaluate()).unwrap())
    };
    assert_eq!(output(&[1, 1, 1]), output(&[3, 2, 1]));
}

#[test]
fn sizes_that_make_no_network_and_inputs_that_do_not_fit_are_errors() {
    let (model, _) = build(&tiny(Block::Basic), &vec![ResidualConfig::Additive; 3]);
    for shape in [&[1, 4, 8, 8][..], &[1, 3, 8], &[1, 3, 0, 8]] {
        let images = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        let error = model.forward_t(&images, &Context::evaluate()).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{error}");
    }
    let refused = |config: ResNetConfig, residuals: usize, key: &str| {
        let store = VarStore::new(0, DType::F32, &Device::Cpu);
        let residuals = vec![ResidualConfig::Additive; residuals];
        let error = ResNet::new(&config, &residuals, store.builder()).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    };
    let none = ResNetConfig {
        blocks: vec![],
        ..ResNetConfig::default()
    };
    refused(none, 0, "blocks");
    let narrow = ResNetConfig {
        width: 0,
        ..ResNetConfig::default()
    };
    refused(narrow, 4, "width");
    refused(ResNetConfig::default(), 3, "residuals");
    let stages = StageResiduals::default();
    let error = stages.residuals(&ResidualConfig::Additive, 3).unwrap_err();
    assert!(error.to_string().contains("divisions"), "{error}");
}

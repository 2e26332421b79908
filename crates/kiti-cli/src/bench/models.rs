//! Whole training steps: forward, loss, backward, optimiser; inferences; loading a checkpoint.

use std::path::Path;

use candle::{DType, Device, Tensor};
use kiti_kinetics::rng::Stream;
use kiti_models::bert::{BertConfig, BertForSequenceClassification, TokenBatch};
use kiti_models::fno::{Fno, FnoConfig};
use kiti_models::gpt2::{Gpt2, Gpt2Config};
use kiti_models::hub::{Architecture, PretrainedModel, from_pretrained, save_pretrained};
use kiti_models::resnet::{ResNet, ResNetConfig, StageResiduals};
use kiti_models::transformer::LayerResiduals;
use kiti_nn::activation::Activation;
use kiti_nn::context::Context;
use kiti_nn::loss::{Reduction, cross_entropy, relative_l2};
use kiti_nn::optim::{AdamConfig, Optimizer, OptimizerConfig, SgdConfig};
use kiti_nn::residual::{ArrangementKind, ResidualConfig, Variant, VariantSettings};
use kiti_nn::var_store::VarStore;

use super::Measurement;
use super::timing::{Work, in_turn};
use crate::failure::{Failure, Outcome};

/// A model of the performance goals.
#[derive(Debug, Clone, Copy)]
enum Model {
    Fno2d,
    Fno2dInference,
    Fno1d,
    ResNet { batch: usize },
    Bert { dropout: f64 },
    BertInference,
    BertLoad,
    Gpt2,
}

const MODELS: [(&str, Model); 10] = [
    ("fno2d", Model::Fno2d),
    ("fno2d-inference", Model::Fno2dInference),
    ("fno1d", Model::Fno1d),
    ("resnet18-32", Model::ResNet { batch: 32 }),
    ("resnet18-128", Model::ResNet { batch: 128 }),
    ("bert", Model::Bert { dropout: 0.0 }),
    ("bert-dropout", Model::Bert { dropout: 0.1 }),
    ("bert-inference", Model::BertInference),
    ("bert-load", Model::BertLoad),
    ("gpt2", Model::Gpt2),
];

/// The names of the cases that the reference scripts know too.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODELS
        .into_iter()
        .filter(|(_, model)| !matches!(model, Model::BertLoad))
        .map(|(name, _)| name)
}

/// The models of the performance goals: with the residual addition, with elastic collisions, and for networks of grids
/// with the published ones.
pub fn measure(device: &Device, seconds: f64, only: &str) -> Outcome<Vec<Measurement>> {
    let mut rows = Vec::new();
    for (name, model) in MODELS.into_iter().filter(|(name, _)| name.contains(only)) {
        let variants = model.variants();
        let mut works = variants
            .iter()
            .map(|variant| model.work(*variant, device))
            .collect::<Outcome<Vec<_>>>()?;
        for (variant, timing) in variants.iter().zip(in_turn(seconds, &mut works)?) {
            let mut row = Measurement::new(name, variant.name(), timing);
            row.reference = (*variant != Variant::Additive).then_some("additive");
            rows.push(row.with_note(model.note()));
        }
    }
    Ok(rows)
}

impl Model {
    /// The residuals that it is timed with; in inference all are the addition.
    fn variants(self) -> &'static [Variant] {
        use Variant::{Additive, PublishedFree, Reflection};
        match self {
            Self::Fno2dInference | Self::BertInference | Self::BertLoad => &[Additive],
            Self::Fno2d | Self::ResNet { .. } => &[Additive, Reflection, PublishedFree],
            Self::Fno1d | Self::Bert { .. } | Self::Gpt2 => &[Additive, Reflection],
        }
    }

    fn note(self) -> &'static str {
        match self {
            Self::Fno2d => "20 x 64 x 64, width 20, modes 12, GELU, Adam",
            Self::Fno2dInference => "1 x 64 x 64, width 20, modes 12, GELU, forward only",
            Self::Fno1d => "20 x 1024, width 64, modes 16, ReLU, Adam",
            Self::ResNet { .. } => "3 x 32 x 32, SGD",
            Self::Bert { .. } => "MiniLM-L6, 16 x 128, AdamW",
            Self::BertInference => "MiniLM-L6, 32 x 128, forward only",
            Self::BertLoad => "MiniLM-L6, 90 MB of safetensors in the system's cache, ready to run",
            Self::Gpt2 => "6 layers, 384, 6 heads, 8 x 128, AdamW",
        }
    }

    fn work(self, variant: Variant, device: &Device) -> Outcome<Work<'static>> {
        let grid = variant.config(&VariantSettings::default());
        let tokens = LayerResiduals::everywhere(variant.config(&VariantSettings {
            arrangement: ArrangementKind::Tokens,
            ..VariantSettings::default()
        }));
        match self {
            Self::Fno2d => {
                let config = FnoConfig::default();
                training_step(&config, &grid, 20, &[64, 64], device)
            }
            Self::Fno2dInference => inference(&FnoConfig::default(), &[64, 64], device),
            Self::Fno1d => {
                let config = FnoConfig {
                    modes: vec![16],
                    width: 64,
                    in_channels: 1,
                    activation: Activation::Relu,
                    ..FnoConfig::default()
                };
                training_step(&config, &grid, 20, &[1024], device)
            }
            Self::ResNet { batch } => {
                let config = ResNetConfig::resnet18();
                let residuals = StageResiduals::default().residuals(&grid, config.blocks.len())?;
                let store = VarStore::new(0, DType::F32, device);
                let model = ResNet::new(&config, &residuals, store.builder())?;
                let images = normal(&[batch, 3, 32, 32], 0, device)?;
                let targets = numbers(batch, config.classes, device)?;
                let optimizer = OptimizerConfig::Sgd(SgdConfig {
                    momentum: 0.9,
                    nesterov: false,
                    weight_decay: 5e-4,
                });
                step(store, &optimizer, move |ctx| {
                    let logits = model.forward_t(&images, ctx)?;
                    Ok(cross_entropy(&logits, &targets)?)
                })
            }
            Self::Bert { dropout } => {
                let config = BertConfig {
                    hidden_dropout_prob: dropout,
                    attention_probs_dropout_prob: dropout,
                    ..BertConfig::minilm_l6()
                };
                let store = VarStore::new(0, DType::F32, device);
                let model = BertForSequenceClassification::new(&config, &tokens, store.builder())?;
                let batch = token_batch(16, config.vocab_size, device)?;
                let targets = numbers(16, config.num_labels, device)?;
                step(store, &adam_w(), move |ctx| {
                    let logits = model.forward_t(&batch, ctx)?;
                    Ok(cross_entropy(&logits, &targets)?)
                })
            }
            Self::BertInference => bert_inference(device),
            Self::BertLoad => bert_load(device),
            Self::Gpt2 => {
                let config = Gpt2Config {
                    n_positions: 128,
                    n_embd: 384,
                    n_layer: 6,
                    n_head: 6,
                    resid_pdrop: 0.0,
                    embd_pdrop: 0.0,
                    attn_pdrop: 0.0,
                    ..Gpt2Config::default()
                };
                let store = VarStore::new(0, DType::F32, device);
                let model = Gpt2::new(&config, &tokens, store.builder())?;
                let ids = numbers(8 * 128, config.vocab_size, device)?;
                let (rows, targets) = (ids.reshape((8, 128))?, ids);
                step(store, &adam_w(), move |ctx| {
                    Ok(model.loss_t(&rows, &targets, ctx)?)
                })
            }
        }
    }
}

fn adam_w() -> OptimizerConfig {
    OptimizerConfig::AdamW(AdamConfig {
        weight_decay: 0.01,
        ..AdamConfig::default()
    })
}

/// Forward, relative L2 loss, backward and Adam of one batch of random fields.
pub fn training_step(
    config: &FnoConfig,
    residual: &ResidualConfig,
    batch: usize,
    grid: &[usize],
    device: &Device,
) -> Outcome<Work<'static>> {
    let store = VarStore::new(0, DType::F32, device);
    let model = Fno::new(config, residual, store.builder())?;
    let adam = OptimizerConfig::Adam(AdamConfig {
        weight_decay: 1e-4,
        ..AdamConfig::default()
    });
    let shape = |channels| [&[batch], grid, &[channels]].concat();
    let input = normal(&shape(config.in_channels), 0, device)?;
    let target = normal(&shape(config.out_channels), 1, device)?;
    step(store, &adam, move |ctx| {
        let predicted = model.forward_t(&input, ctx)?;
        Ok(relative_l2(&predicted, &target, Reduction::Mean)?)
    })
}

/// The forward pass of one random field, from the input to values that can be read.
fn inference(config: &FnoConfig, grid: &[usize], device: &Device) -> Outcome<Work<'static>> {
    let store = VarStore::new(0, DType::F32, device);
    let model = Fno::new(config, &ResidualConfig::Additive, store.builder())?;
    let input = normal(&[&[1], grid, &[config.in_channels]].concat(), 0, device)?;
    Ok(Box::new(move || {
        model.forward_t(&input, &Context::evaluate())?;
        Ok(input.device().synchronize()?)
    }))
}

/// A folder with the files of MiniLM-L6, with random weights.
fn bert_files(device: &Device) -> Outcome<tempfile::TempDir> {
    let folder = tempfile::tempdir()
        .map_err(|error| Failure::io(Path::new("."), "make a temporary folder", &error))?;
    let config = BertConfig::minilm_l6();
    let store = VarStore::new(0, DType::F32, device);
    BertForSequenceClassification::new(&config, &LayerResiduals::default(), store.builder())?;
    let architecture = Architecture::Bert(config);
    save_pretrained(folder.path(), &architecture, &store.tensors(), None)?;
    Ok(folder)
}

fn bert_load(device: &Device) -> Outcome<Work<'static>> {
    let (folder, device) = (bert_files(device)?, device.clone());
    Ok(Box::new(move || {
        drop(from_pretrained(
            &folder.path().to_string_lossy(),
            None,
            &device,
        )?);
        Ok(device.synchronize()?)
    }))
}

fn bert_inference(device: &Device) -> Outcome<Work<'static>> {
    let folder = bert_files(device)?;
    let loaded = from_pretrained(&folder.path().to_string_lossy(), None, device)?;
    let PretrainedModel::BertClassifier(model) = loaded.model else {
        return Err(Failure::failed("MiniLM-L6: expected a classifier"));
    };
    let batch = token_batch(32, BertConfig::minilm_l6().vocab_size, device)?;
    Ok(Box::new(move || {
        let logits = model.forward_t(&batch, &Context::evaluate())?;
        Ok(logits.device().synchronize()?)
    }))
}

/// Rows of 128 tokens, none of them padding.
fn token_batch(rows: usize, vocabulary: usize, device: &Device) -> Outcome<TokenBatch> {
    let ids = numbers(rows * 128, vocabulary, device)?.reshape((rows, 128))?;
    Ok(TokenBatch {
        attention_mask: Some(ids.ones_like()?),
        ..TokenBatch::new(ids)
    })
}

/// Forward to a loss, its backward pass and the optimiser.
fn step(
    store: VarStore,
    optimizer: &OptimizerConfig,
    loss: impl Fn(&Context) -> Outcome<Tensor> + 'static,
) -> Outcome<Work<'static>> {
    let mut optimizer = Optimizer::new(optimizer, store.trainable())?;
    let mut step = 0;
    Ok(Box::new(move || {
        let gradients = kiti_nn::backward(&loss(&Context::train(0, step))?)?;
        optimizer.step(&gradients, 1e-3)?;
        store.device().synchronize()?;
        step += 1;
        Ok(())
    }))
}

fn normal(shape: &[usize], stream: u32, device: &Device) -> Outcome<Tensor> {
    let mut stream = Stream::new(0, [stream, 0, 0]);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| stream.normal() as f32)
        .collect();
    Ok(Tensor::from_vec(values, shape, device)?)
}

/// Numbers below a bound that hardly repeat.
fn numbers(count: usize, below: usize, device: &Device) -> Outcome<Tensor> {
    let values: Vec<u32> = (0..count).map(|i| (i * 7919 % below) as u32).collect();
    Ok(Tensor::from_vec(values, count, device)?)
}

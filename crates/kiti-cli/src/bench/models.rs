//! Whole training steps: forward, loss, backward, optimiser.

use candle::{DType, Device, Tensor};
use kiti_kinetics::rng::Stream;
use kiti_models::fno::{Fno, FnoConfig};
use kiti_nn::activation::Activation;
use kiti_nn::context::Context;
use kiti_nn::loss::{Reduction, relative_l2};
use kiti_nn::optim::{AdamConfig, Optimizer, OptimizerConfig};
use kiti_nn::residual::ResidualConfig;
use kiti_nn::var_store::VarStore;

use super::Measurement;
use super::timing::{Timing, repeat};
use crate::failure::Outcome;

/// The models of the performance goals, with the residual addition.
pub fn measure(device: &Device, seconds: f64) -> Outcome<Vec<Measurement>> {
    let plane = FnoConfig {
        modes: vec![12, 12],
        width: 20,
        in_channels: 10,
        activation: Activation::Gelu,
        ..FnoConfig::default()
    };
    let line = FnoConfig {
        modes: vec![16],
        width: 64,
        in_channels: 1,
        activation: Activation::Relu,
        ..FnoConfig::default()
    };
    let cases = [
        (
            "fno2d",
            "20 x 64 x 64, width 20, modes 12, GELU",
            plane,
            vec![64, 64],
        ),
        (
            "fno1d",
            "20 x 1024, width 64, modes 16, ReLU",
            line,
            vec![1024],
        ),
    ];
    cases
        .into_iter()
        .map(|(name, note, config, grid)| {
            let residual = ResidualConfig::Additive;
            let timing = training_step(&config, &residual, 20, &grid, device, seconds)?;
            Ok(Measurement::new(name, "additive", timing).with_note(note))
        })
        .collect()
}

/// Times forward, relative L2 loss, backward and Adam of one batch of random fields.
pub fn training_step(
    config: &FnoConfig,
    residual: &ResidualConfig,
    batch: usize,
    grid: &[usize],
    device: &Device,
    seconds: f64,
) -> Outcome<Timing> {
    let store = VarStore::new(0, DType::F32, device);
    let model = Fno::new(config, residual, store.builder())?;
    let adam = AdamConfig {
        weight_decay: 1e-4,
        ..AdamConfig::default()
    };
    let mut optimizer = Optimizer::new(&OptimizerConfig::Adam(adam), store.variables())?;
    let input = normal(batch, grid, config.in_channels, 0, device)?;
    let target = normal(batch, grid, config.out_channels, 1, device)?;
    let mut step = 0;
    repeat(seconds, || {
        let predicted = model.forward_t(&input, &Context::train(0, step))?;
        let loss = relative_l2(&predicted, &target, Reduction::Mean)?;
        optimizer.step(&loss.backward()?, 1e-3)?;
        device.synchronize()?;
        step += 1;
        Ok(())
    })
}

fn normal(
    batch: usize,
    grid: &[usize],
    channels: usize,
    stream: u32,
    device: &Device,
) -> Outcome<Tensor> {
    let mut shape = vec![batch];
    shape.extend_from_slice(grid);
    shape.push(channels);
    let mut stream = Stream::new(0, [stream, 0, 0]);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| stream.normal() as f32)
        .collect();
    Ok(Tensor::from_vec(values, shape, device)?)
}

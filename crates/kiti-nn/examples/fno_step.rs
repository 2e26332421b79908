//! Times whole training steps (forward, backward, Adam) of Fourier neural operators built from this crate's layers.
//!
//! ```text
//! cargo run --release -p kiti-nn --example fno_step -- [fno2d|heat|fno1d]... [--separate] [--seconds 5]
//! ```
//!
//! `--separate` takes the convolutions, the addition and the activation as operations of their own, as kinetic
//! residuals need them. The same steps in PyTorch: `tests/reference/fno_torch.py`. `RAYON_NUM_THREADS` sets the threads.
//! With the GNU C library, `GLIBC_TUNABLES=glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=1073741824` keeps
//! freed memory, as the program `kiti` does.

use std::time::Instant;

use candle::{DType, Device, Result, Tensor};
use kiti_nn::optim::{AdamConfig, Optimizer, OptimizerConfig};
use kiti_nn::{
    Activation, PointwiseConv, Reduction, SpectralConv1d, SpectralConv1dConfig, SpectralConv2d,
    SpectralConv2dConfig, VarStore, init, pointwise_head, relative_l2,
};

const BATCH: usize = 20;

struct Case {
    grid: Vec<usize>,
    channels: usize,
    width: usize,
    modes: usize,
    activation: Activation,
}

enum Spectral {
    One(SpectralConv1d),
    Two(SpectralConv2d),
}

struct Layer {
    spectral: Spectral,
    skip: PointwiseConv,
}

struct Network {
    lift: PointwiseConv,
    layers: Vec<Layer>,
    project: [PointwiseConv; 2],
    coordinates: Tensor,
    activation: Activation,
    separate: bool,
}

impl Network {
    fn new(case: &Case, store: &VarStore, separate: bool) -> Result<Self> {
        let (vb, width, modes) = (store.builder(), case.width, case.modes);
        let dims = case.grid.len();
        let layer = |index: usize| {
            let vb_spectral = vb.pp(format!("spectral.{index}"));
            let spectral = if dims == 1 {
                let config = SpectralConv1dConfig {
                    in_channels: width,
                    out_channels: width,
                    modes,
                };
                Spectral::One(SpectralConv1d::new(&config, vb_spectral)?)
            } else {
                let modes = [modes, modes];
                let config = SpectralConv2dConfig {
                    in_channels: width,
                    out_channels: width,
                    modes,
                };
                Spectral::Two(SpectralConv2d::new(&config, vb_spectral)?)
            };
            let skip = PointwiseConv::new(width, width, dims, vb.pp(format!("skip.{index}")))?;
            Ok(Layer { spectral, skip })
        };
        let mut shape = vec![dims];
        shape.extend(&case.grid);
        let sites: usize = case.grid.iter().product();
        let coordinates: Vec<f32> = (0..dims * sites)
            .map(|at| {
                let (axis, site) = (at / sites, at % sites);
                let stride: usize = case.grid[axis + 1..].iter().product();
                (site / stride % case.grid[axis]) as f32 / (case.grid[axis] - 1) as f32
            })
            .collect();
        Ok(Self {
            lift: PointwiseConv::new(case.channels + dims, width, 0, vb.pp("lift"))?,
            layers: (0..4).map(layer).collect::<Result<_>>()?,
            project: [
                PointwiseConv::new(width, 128, 0, vb.pp("project1"))?,
                PointwiseConv::new(128, 1, 0, vb.pp("project2"))?,
            ],
            coordinates: Tensor::from_vec(coordinates, shape, &Device::Cpu)?,
            activation: case.activation,
            separate,
        })
    }

    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        let mut xs = self
            .lift
            .forward_channels_last(xs, Some(&self.coordinates))?;
        for (index, Layer { spectral, skip }) in self.layers.iter().enumerate() {
            let activation = (index + 1 < self.layers.len()).then_some(self.activation);
            xs = if self.separate {
                let branch = match spectral {
                    Spectral::One(spectral) => spectral.forward(&xs)?,
                    Spectral::Two(spectral) => spectral.forward(&xs)?,
                };
                let sum = (skip.forward(&xs)? + branch)?;
                activation.map_or(Ok(sum.clone()), |activation| activation.forward(&sum))?
            } else {
                match spectral {
                    Spectral::One(spectral) => spectral.forward_with_skip(&xs, skip, activation)?,
                    Spectral::Two(spectral) => spectral.forward_with_skip(&xs, skip, activation)?,
                }
            };
        }
        pointwise_head(&self.project[0], self.activation, &self.project[1], &xs)
    }
}

fn case(name: &str) -> Option<Case> {
    let (grid, channels, width, modes, activation) = match name {
        "fno2d" => (vec![64, 64], 10, 20, 12, Activation::Gelu),
        "heat" => (vec![32, 32], 10, 20, 12, Activation::Gelu),
        "fno1d" => (vec![1024], 1, 64, 16, Activation::Relu),
        _ => return None,
    };
    Some(Case {
        grid,
        channels,
        width,
        modes,
        activation,
    })
}

fn time(case: &Case, separate: bool, seconds: f64) -> Result<(f64, f64, usize)> {
    let device = Device::Cpu;
    let store = VarStore::new(0, DType::F32, &device);
    let network = Network::new(case, &store, separate)?;
    let adam = AdamConfig {
        weight_decay: 1e-4,
        ..AdamConfig::default()
    };
    let mut optimizer = Optimizer::new(&OptimizerConfig::Adam(adam), store.variables())?;
    let mut shape = vec![BATCH];
    shape.extend(&case.grid);
    let normal = |shape: Vec<usize>, name: &str| {
        let init = candle_nn::Init::Randn {
            mean: 0.0,
            stdev: 1.0,
        };
        init::tensor(init, &shape.into(), DType::F32, &device, 1, name)
    };
    let target = normal([&shape[..1], &[1], &shape[1..]].concat(), "target")?;
    shape.push(case.channels);
    let input = normal(shape, "input")?;
    let (mut times, start) = (Vec::new(), Instant::now());
    while times.len() < 5 || start.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        let loss = relative_l2(&network.forward(&input)?, &target, Reduction::Mean)?;
        optimizer.step(&loss.backward()?, 1e-3)?;
        times.push(1000.0 * start.elapsed().as_secs_f64());
        assert!(loss.to_scalar::<f32>()?.is_finite());
    }
    let mut times = times.split_off(2);
    times.sort_by(f64::total_cmp);
    Ok((times[times.len() / 2], times[0], times.len()))
}

fn main() -> Result<()> {
    let (mut names, mut separate, mut seconds) = (Vec::new(), false, 5.0);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--separate" => separate = true,
            "--seconds" => {
                seconds = arguments
                    .next()
                    .and_then(|value| value.parse().ok())
                    .unwrap_or(seconds);
            }
            name => names.push(name.to_owned()),
        }
    }
    if names.is_empty() {
        names = ["fno2d", "heat", "fno1d"].map(str::to_owned).to_vec();
    }
    for name in names {
        let Some(case) = case(&name) else {
            return Err(candle::Error::msg(format!(
                "unknown case {name}: fno2d, heat or fno1d"
            )));
        };
        let (median, least, steps) = time(&case, separate, seconds)?;
        println!(
            "{{\"{name}\": {{\"median_ms\": {median:.2}, \"min_ms\": {least:.2}, \"steps\": {steps}}}}}"
        );
    }
    Ok(())
}

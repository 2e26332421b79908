//! Initial values of variables, keyed by the seed and the variable's name.

use candle::{DType, Device, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::init::NormalOrUniform;
use kiti_kinetics::rng::{Stream, derive_seed};

/// PyTorch's default for the weight and the bias of a linear layer or convolution: uniform in
/// `+-1/sqrt(fan_in)`.
pub fn torch_linear(fan_in: usize) -> Init {
    let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
    Init::Uniform {
        lo: -bound,
        up: bound,
    }
}

/// Spectral weights: real and imaginary parts uniform in `[0, 1) / (in_channels out_channels)`, as in
/// the code published with arXiv:2010.08895.
pub fn spectral(in_channels: usize, out_channels: usize) -> Init {
    let count = (in_channels * out_channels).max(1) as f64;
    Init::Uniform {
        lo: 0.0,
        up: 1.0 / count,
    }
}

/// The initial value of the variable `name`.
///
/// Values are drawn in double precision from a stream keyed by `(seed, name)`, then rounded to
/// `dtype`: they depend neither on what else is created nor on the number of threads, and the same
/// variable in another precision has the same values up to rounding.
///
/// # Errors
///
/// A failure of the device, or an element type that is not floating.
pub fn tensor(
    init: Init,
    shape: &Shape,
    dtype: DType,
    device: &Device,
    seed: u64,
    name: &str,
) -> Result<Tensor> {
    let mut stream = Stream::new(derive_seed(seed, name), [0; 3]);
    let mut fill = |draw: &mut dyn FnMut(&mut Stream) -> f64| -> Vec<f64> {
        (0..shape.elem_count()).map(|_| draw(&mut stream)).collect()
    };
    let values = match init {
        Init::Const(value) => fill(&mut |_| value),
        Init::Uniform { lo, up } => fill(&mut |stream| lo + (up - lo) * stream.uniform()),
        Init::Randn { mean, stdev } => fill(&mut |stream| mean + stdev * stream.normal()),
        Init::Kaiming {
            dist,
            fan,
            non_linearity,
        } => {
            let deviation = non_linearity.gain() / (fan.for_shape(shape) as f64).sqrt();
            let bound = 3f64.sqrt() * deviation;
            match dist {
                NormalOrUniform::Uniform => {
                    fill(&mut |stream| bound * (2.0 * stream.uniform() - 1.0))
                }
                NormalOrUniform::Normal => fill(&mut |stream| deviation * stream.normal()),
            }
        }
    };
    Tensor::from_vec(values, shape.clone(), &Device::Cpu)?
        .to_dtype(dtype)?
        .to_device(device)
}

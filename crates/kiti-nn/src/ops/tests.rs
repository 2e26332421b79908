//! Each operation against the composition of tensor operations it replaces and against central differences, in double
//! precision on odd and prime shapes; both in single precision; and bit for bit on pools of several sizes.

mod case;
mod fused;
mod grids;
mod tokens;

use std::sync::Arc;

use candle::{DType, Device, Result, Var};
use kiti_kinetics::system::Directions;

use self::case::{Case, bytes, input, random};
use crate::VarStore;
use crate::activation::Activation;
use crate::context::{Context, LayerDiagnostics};
use crate::pointwise::{PointwiseConv, pointwise_head};
use crate::residual::{Residual, ResidualConfig, Variant, VariantSettings};
use crate::spectral::{SpectralConv1d, SpectralConv1dConfig, SpectralConv2d, SpectralConv2dConfig};

const KINDS: [Activation; 4] = [
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Relu,
    Activation::Tanh,
];

fn pointwise(
    dtype: DType,
    batch: usize,
    channels: [usize; 2],
    sites: usize,
) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let layer = PointwiseConv::new(channels[0], channels[1], 1, store.builder())?;
    let same = layer.clone();
    Ok(Case {
        input: input((batch, channels[0], sites), dtype)?,
        store,
        fast: Box::new(move |xs| layer.forward(xs)),
        composed: Box::new(move |xs| same.compose(xs)),
    })
}

#[test]
fn pointwise_equals_its_composition() -> Result<()> {
    for (batch, channels, sites) in [(2, [3, 5], 7), (1, [13, 29], 67), (3, [1, 1], 1)] {
        pointwise(DType::F64, batch, channels, sites)?.check()?;
        pointwise(DType::F32, batch, channels, sites)?.compare(1e-6)?;
    }
    // More sites than are summed at once.
    pointwise(DType::F32, 1, [20, 20], 2500)?.compare(1e-5)
}

fn channels_last(dtype: DType, coordinates: usize) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let layer = PointwiseConv::new(4 + coordinates, 6, 0, store.builder())?;
    let same = layer.clone();
    let grid = (coordinates > 0)
        .then(|| random((coordinates, 5, 7), dtype, "grid"))
        .transpose()?;
    let same_grid = grid.clone();
    Ok(Case {
        input: input((3, 5, 7, 4), dtype)?,
        store,
        fast: Box::new(move |xs| layer.forward_channels_last(xs, grid.as_ref())),
        composed: Box::new(move |xs| same.compose_channels_last(xs, same_grid.as_ref())),
    })
}

#[test]
fn channels_last_equals_its_composition() -> Result<()> {
    for coordinates in [0, 2] {
        channels_last(DType::F64, coordinates)?.check()?;
        channels_last(DType::F32, coordinates)?.compare(1e-6)?;
    }
    Ok(())
}

fn head(dtype: DType, activation: Activation, sites: usize) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let layers = [
        PointwiseConv::new(5, 17, 0, store.builder().pp("first"))?,
        PointwiseConv::new(17, 2, 0, store.builder().pp("second"))?,
    ];
    let same = layers.clone();
    Ok(Case {
        input: input((2, 5, sites), dtype)?,
        store,
        fast: Box::new(move |xs| pointwise_head(&layers[0], activation, &layers[1], xs)),
        composed: Box::new(move |xs| same[1].compose(&activation.compose(&same[0].compose(xs)?)?)),
    })
}

#[test]
fn head_equals_its_composition() -> Result<()> {
    for activation in KINDS {
        head(DType::F64, activation, 37)?.check()?;
        head(DType::F64, activation, 1031)?.compare(1e-12)?;
        head(DType::F32, activation, 1031)?.compare(3e-6)?;
    }
    Ok(())
}

fn activation(dtype: DType, activation: Activation) -> Result<Case<'static>> {
    Ok(Case {
        input: Var::from_tensor(&(input((3, 5, 23), dtype)?.as_tensor() * 2.0)?)?,
        store: VarStore::new(0, dtype, &Device::Cpu),
        fast: Box::new(move |xs| activation.forward(xs)),
        composed: Box::new(move |xs| activation.compose(xs)),
    })
}

#[test]
fn activations_equal_their_compositions() -> Result<()> {
    for kind in KINDS {
        activation(DType::F64, kind)?.check()?;
        activation(DType::F32, kind)?.compare(1e-6)?;
    }
    Ok(())
}

fn spectral_1d(dtype: DType, points: usize, modes: usize) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let config = SpectralConv1dConfig {
        in_channels: 3,
        out_channels: 5,
        modes,
    };
    let layer = SpectralConv1d::new(&config, store.builder())?;
    let same = layer.clone();
    Ok(Case {
        input: input((2, 3, points), dtype)?,
        store,
        fast: Box::new(move |xs| layer.forward(xs)),
        composed: Box::new(move |xs| same.compose(xs)),
    })
}

#[test]
fn spectral_1d_equals_its_composition() -> Result<()> {
    for (points, modes) in [(17, 5), (16, 9), (7, 4), (97, 16), (1, 1)] {
        spectral_1d(DType::F64, points, modes)?.check()?;
        spectral_1d(DType::F32, points, modes)?.compare(2e-6)?;
    }
    Ok(())
}

fn spectral_2d(dtype: DType, grid: [usize; 2], modes: [usize; 2]) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let config = SpectralConv2dConfig {
        in_channels: 3,
        out_channels: 5,
        modes,
    };
    let layer = SpectralConv2d::new(&config, store.builder())?;
    let same = layer.clone();
    Ok(Case {
        input: input((2, 3, grid[0], grid[1]), dtype)?,
        store,
        fast: Box::new(move |xs| layer.forward(xs)),
        composed: Box::new(move |xs| same.compose(xs)),
    })
}

#[test]
fn spectral_2d_equals_its_composition() -> Result<()> {
    let cases = [
        ([11, 13], [3, 4]),
        ([8, 6], [4, 4]),
        ([12, 10], [6, 6]),
        // The two blocks of modes overlap.
        ([7, 9], [5, 2]),
        ([4, 5], [4, 3]),
    ];
    for (grid, modes) in cases {
        spectral_2d(DType::F64, grid, modes)?.check()?;
        spectral_2d(DType::F32, grid, modes)?.compare(2e-6)?;
    }
    Ok(())
}

fn layer_1d(dtype: DType, kind: Option<Activation>) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let config = SpectralConv1dConfig {
        in_channels: 4,
        out_channels: 3,
        modes: 6,
    };
    let spectral = SpectralConv1d::new(&config, store.builder().pp("spectral"))?;
    let skip = PointwiseConv::new(4, 3, 1, store.builder().pp("skip"))?;
    let additive = Residual::new(&ResidualConfig::Additive, 0)?;
    let (same, same_skip) = (spectral.clone(), skip.clone());
    Ok(Case {
        input: input((3, 4, 19), dtype)?,
        store,
        fast: Box::new(move |xs| {
            spectral.forward_with_skip(xs, &skip, &additive, kind, &Context::evaluate())
        }),
        composed: Box::new(move |xs| {
            let sum = (same_skip.compose(xs)? + same.compose(xs)?)?;
            kind.map_or(Ok(sum.clone()), |kind| kind.compose(&sum))
        }),
    })
}

fn layer_2d(dtype: DType, kind: Option<Activation>) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let config = SpectralConv2dConfig {
        in_channels: 4,
        out_channels: 3,
        modes: [2, 3],
    };
    let spectral = SpectralConv2d::new(&config, store.builder().pp("spectral"))?;
    let skip = PointwiseConv::new(4, 3, 2, store.builder().pp("skip"))?;
    let additive = Residual::new(&ResidualConfig::Additive, 0)?;
    let (same, same_skip) = (spectral.clone(), skip.clone());
    Ok(Case {
        input: input((3, 4, 7, 11), dtype)?,
        store,
        fast: Box::new(move |xs| {
            spectral.forward_with_skip(xs, &skip, &additive, kind, &Context::evaluate())
        }),
        composed: Box::new(move |xs| {
            let sum = (same_skip.compose(xs)? + same.compose(xs)?)?;
            kind.map_or(Ok(sum.clone()), |kind| kind.compose(&sum))
        }),
    })
}

#[test]
fn fourier_layers_equal_their_compositions() -> Result<()> {
    for kind in KINDS.map(Some).into_iter().chain([None]) {
        layer_1d(DType::F64, kind)?.check()?;
        layer_2d(DType::F64, kind)?.check()?;
        layer_1d(DType::F32, kind)?.compare(2e-6)?;
        layer_2d(DType::F32, kind)?.compare(2e-6)?;
    }
    Ok(())
}

/// Every residual; a layer computes all of them itself but Langevin's noise.
fn residuals(divisions: usize) -> Result<Vec<Residual>> {
    let settings = VariantSettings {
        divisions,
        length_scale: Some(20.0),
        ..VariantSettings::default()
    };
    let exact = VariantSettings {
        directions: Directions::Exact,
        ..settings.clone()
    };
    Variant::ALL
        .iter()
        .flat_map(|variant| [variant.config(&settings), variant.config(&exact)])
        .map(|config| Residual::new(&config, 1))
        .collect()
}

fn assert_same_bits(case: &Case<'_>, name: &str) -> Result<()> {
    let (fused, separate) = ((case.fast)(&case.input)?, (case.composed)(&case.input)?);
    assert!(bytes(&fused)? == bytes(&separate)?, "{name}");
    let fused = case.loss(&fused)?.backward()?;
    let separate = case.loss(&separate)?.backward()?;
    for (leaf_name, leaf) in case.leaves() {
        let gradient = |of: &candle::backprop::GradStore| {
            bytes(of.get(&leaf).expect("every leaf has a gradient"))
        };
        assert!(
            gradient(&fused)? == gradient(&separate)?,
            "{name} {leaf_name}"
        );
    }
    Ok(())
}

/// One layer and its parts as separate operations must agree to the bit: a model may take either.
#[test]
fn a_fused_layer_equals_its_separate_operations_to_the_bit() -> Result<()> {
    let ctx = Context::train(5, 3);
    for (dtype, [n1, n2], divisions) in [
        (DType::F32, [7, 11], 7),
        (DType::F32, [24, 32], 8),
        (DType::F64, [9, 10], 6),
    ] {
        for (index, residual) in residuals(divisions)?.into_iter().enumerate() {
            let kind = KINDS.get(index % 5).copied();
            let name = format!("{n1} x {n2} {kind:?} {residual:?}");
            let store = VarStore::new(3, dtype, &Device::Cpu);
            let config = SpectralConv2dConfig {
                in_channels: 5,
                out_channels: 5,
                modes: [3, 4],
            };
            let spectral = SpectralConv2d::new(&config, store.builder().pp("spectral"))?;
            let skip = PointwiseConv::new(5, 5, 2, store.builder().pp("skip"))?;
            let case = Case {
                input: input((3, 5, n1, n2), dtype)?,
                store,
                fast: Box::new(|xs| spectral.forward_with_skip(xs, &skip, &residual, kind, &ctx)),
                composed: Box::new(|xs| {
                    let moved =
                        residual.forward(&skip.forward(xs)?, &spectral.forward(xs)?, &ctx)?;
                    kind.map_or(Ok(moved.clone()), |kind| kind.forward(&moved))
                }),
            };
            assert_same_bits(&case, &name)?;
            case.threads()?;
        }
    }
    for residual in residuals(8)? {
        let (store, spectral, skip) = square_layer_1d()?;
        let case = Case {
            input: input((3, 4, 64), DType::F32)?,
            store,
            fast: Box::new(|xs| spectral.forward_with_skip(xs, &skip, &residual, None, &ctx)),
            composed: Box::new(|xs| {
                residual.forward(&skip.forward(xs)?, &spectral.forward(xs)?, &ctx)
            }),
        };
        assert_same_bits(&case, &format!("one dimension {residual:?}"))?;
    }
    Ok(())
}

/// From four channels to four.
fn square_layer_1d() -> Result<(VarStore, SpectralConv1d, PointwiseConv)> {
    let store = VarStore::new(3, DType::F32, &Device::Cpu);
    let config = SpectralConv1dConfig {
        in_channels: 4,
        out_channels: 4,
        modes: 6,
    };
    let spectral = SpectralConv1d::new(&config, store.builder().pp("spectral"))?;
    let skip = PointwiseConv::new(4, 4, 1, store.builder().pp("skip"))?;
    Ok((store, spectral, skip))
}

/// A fused layer reports the collisions of all its samples.
#[test]
fn a_fused_layer_reports_its_collisions() -> Result<()> {
    let (_, spectral, skip) = square_layer_1d()?;
    let xs = random((3, 4, 64), DType::F32, "input")?;
    for residual in residuals(8)? {
        let report = |fused: bool| -> Result<_> {
            let layers = Arc::new(LayerDiagnostics::default());
            let ctx = Context {
                diagnostics: Some(layers.clone()),
                ..Context::train(5, 3)
            };
            if fused {
                spectral.forward_with_skip(&xs, &skip, &residual, None, &ctx)?;
            } else {
                residual.forward(&skip.forward(&xs)?, &spectral.forward(&xs)?, &ctx)?;
            }
            Ok(layers.take())
        };
        let (fused, separate) = (report(true)?, report(false)?);
        assert_eq!(
            separate.is_empty(),
            !format!("{residual:?}").contains("Kinetic")
        );
        assert_eq!(format!("{fused:?}"), format!("{separate:?}"));
    }
    Ok(())
}

#[test]
fn a_second_backward_pass_gives_the_same_gradients() -> Result<()> {
    let case = layer_2d(DType::F64, Some(Activation::Gelu))?;
    let loss = case.loss(&(case.fast)(&case.input)?)?;
    let (first, second) = (loss.backward()?, loss.backward()?);
    for (_, leaf) in case.leaves() {
        assert!(
            bytes(first.get(&leaf).expect("a gradient"))?
                == bytes(second.get(&leaf).expect("a gradient"))?
        );
    }
    Ok(())
}

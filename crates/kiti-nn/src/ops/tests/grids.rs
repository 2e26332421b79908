//! Operations of convolutional networks.

use candle::{DType, Device, Module, Result, Tensor};
use proptest::prelude::*;

use super::case::{Case, assert_close, input, random};
use crate::conv;
use crate::ops::{Kind, Pool};
use crate::pool;
use crate::{
    BatchNorm, BatchNormConfig, Context, Conv1d, Conv1dConfig, Conv2d, Conv2dConfig, PoolConfig,
    VarStore, avg_pool2d, global_avg_pool, max_pool2d,
};

/// Batch, channels of input and output.
type Counts = [usize; 3];

fn convolution_2d(
    dtype: DType,
    [batch, inputs, outputs]: Counts,
    size: [usize; 2],
    kernel: [usize; 2],
    [stride, padding]: [usize; 2],
) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let config = Conv2dConfig {
        stride,
        padding,
        ..Conv2dConfig::new(inputs, outputs, kernel)
    };
    let layer = Conv2d::new(&config, store.builder())?;
    let same = layer.clone();
    Ok(Case {
        input: input((batch, inputs, size[0], size[1]), dtype)?,
        store,
        fast: Box::new(move |xs| layer.forward(xs)),
        composed: Box::new(move |xs| {
            let sizes = conv::sizes(xs, same.weight(), same.bias(), 2, [stride, padding])?;
            conv::compose(xs, same.weight(), same.bias(), &sizes)
        }),
    })
}

fn convolution_1d(
    dtype: DType,
    [batch, inputs, outputs]: Counts,
    [length, kernel, stride, padding]: [usize; 4],
) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let config = Conv1dConfig {
        stride,
        padding,
        ..Conv1dConfig::new(inputs, outputs, [kernel])
    };
    let layer = Conv1d::new(&config, store.builder())?;
    let same = layer.clone();
    Ok(Case {
        input: input((batch, inputs, length), dtype)?,
        store,
        fast: Box::new(move |xs| layer.forward(xs)),
        composed: Box::new(move |xs| {
            let sizes = conv::sizes(xs, same.weight(), same.bias(), 1, [stride, padding])?;
            conv::compose(xs, same.weight(), same.bias(), &sizes)?.squeeze(2)
        }),
    })
}

fn batch_norm(
    dtype: DType,
    [batch, channels]: [usize; 2],
    grid: &[usize],
    ctx: Context,
) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let layer = BatchNorm::new(&BatchNormConfig::new(channels), store.builder())?;
    // The initial values 0 and 1 would hide mistakes.
    for (name, variable) in store.variables() {
        let value = random(channels, dtype, &name)?;
        let positive = name == "running_var";
        variable.set(&if positive {
            value.abs()?.affine(1.0, 0.5)?
        } else {
            value
        })?;
    }
    let same = BatchNorm::new(&BatchNormConfig::new(channels), store.builder())?;
    let mut shape = vec![batch, channels];
    shape.extend(grid);
    let xs = input(shape, dtype)?;
    // An offset that is not small against the deviation.
    xs.set(&xs.affine(1.5, 4.0)?)?;
    Ok(Case {
        input: xs,
        store,
        fast: Box::new(move |xs| layer.forward_t(xs, &ctx)),
        composed: Box::new(move |xs| Ok(same.compose(xs)?.0)),
    })
}

#[test]
fn batch_norm_has_the_right_gradients() -> Result<()> {
    let train = Context::train(0, 0);
    batch_norm(DType::F64, [3, 4], &[5, 7], train.clone())?.check()?;
    batch_norm(DType::F64, [7, 3], &[], train.clone())?.check()?;
    // Sums over a thousand values, most of which cancel in the gradients of the scale.
    batch_norm(DType::F32, [9, 8], &[131], train)?.compare(2e-5)?;
    let evaluated = batch_norm(DType::F64, [3, 4], &[5], Context::evaluate())?;
    evaluated.differences()?;
    evaluated.threads()
}

#[test]
fn batch_norm_evaluates_with_statistics_that_follow_the_batches() -> Result<()> {
    let store = VarStore::new(0, DType::F64, &Device::Cpu);
    let norm = BatchNorm::new(&BatchNormConfig::new(3), store.builder())?;
    let xs = random((5, 3, 7), DType::F64, "xs")?.affine(2.0, 1.0)?;
    for step in 0..400 {
        norm.forward_t(&xs, &Context::train(0, step))?;
    }
    // What is left of the initial values is 0.9^400, about 1e-18.
    let ys = norm.forward_t(&xs, &Context::evaluate())?;
    let rows = xs.transpose(0, 1)?.reshape((3, 35))?;
    let mean = rows.mean_keepdim(1)?;
    let centred = rows.broadcast_sub(&mean)?;
    let deviation = (centred.sqr()?.sum_keepdim(1)? / 34.0)?
        .affine(1.0, 1e-5)?
        .sqrt()?;
    let expected = centred
        .broadcast_div(&deviation)?
        .reshape((3, 5, 7))?
        .transpose(0, 1)?;
    assert_close("evaluation", &ys, &expected, 1e-12)?;
    assert_eq!(store.parameter_count(), 6);
    Ok(())
}

fn pooling(
    dtype: DType,
    kind: Kind,
    size: [usize; 2],
    config: PoolConfig,
) -> Result<Case<'static>> {
    let pool = Pool {
        kind,
        size,
        kernel: config.kernel,
        stride: [config.stride; 2],
        padding: [config.padding; 2],
    };
    Ok(Case {
        input: input((2, 3, size[0], size[1]), dtype)?,
        store: VarStore::new(0, dtype, &Device::Cpu),
        fast: Box::new(move |xs| match kind {
            Kind::Max => max_pool2d(xs, &config),
            Kind::Average => avg_pool2d(xs, &config),
        }),
        composed: Box::new(move |xs| pool::compose(xs, &pool)),
    })
}

#[test]
fn pooling_has_the_right_gradients() -> Result<()> {
    let config = PoolConfig {
        kernel: [3, 2],
        stride: 2,
        padding: 1,
    };
    for kind in [Kind::Max, Kind::Average] {
        pooling(DType::F64, kind, [7, 6], config)?.check()?;
    }
    let whole = Case {
        input: input((2, 3, 5, 7), DType::F64)?,
        store: VarStore::new(0, DType::F64, &Device::Cpu),
        fast: Box::new(global_avg_pool),
        composed: Box::new(|xs| xs.flatten_from(2)?.mean(2)),
    };
    whole.check()
}

#[test]
fn the_first_of_equal_maxima_gets_the_gradient_and_nan_is_not_hidden() -> Result<()> {
    let xs = candle::Var::new(&[[[[1f32, 1.0, 0.0, f32::NAN]]]], &Device::Cpu)?;
    let config = PoolConfig {
        stride: 2,
        ..PoolConfig::new([1, 2])
    };
    let ys = max_pool2d(&xs, &config)?;
    let values = ys.flatten_all()?.to_vec1::<f32>()?;
    assert!(values[0] == 1.0 && values[1].is_nan());
    let gradients = ys.sum_all()?.backward()?;
    let gradient: &Tensor = gradients.get(&xs).expect("a gradient");
    assert_eq!(
        gradient.flatten_all()?.to_vec1::<f32>()?,
        [1.0, 0.0, 0.0, 1.0]
    );
    let refused = max_pool2d(
        &xs,
        &PoolConfig {
            padding: 1,
            ..config
        },
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("at most half the kernel")
    );
    Ok(())
}

#[test]
fn convolutions_have_the_right_gradients() -> Result<()> {
    for (kernel, options) in [
        ([3, 3], [1, 1]),
        ([3, 2], [2, 1]),
        ([1, 1], [2, 0]),
        // Wider than its stride's remainder, and padded beyond its own width.
        ([2, 5], [3, 4]),
    ] {
        convolution_2d(DType::F64, [2, 3, 5], [7, 6], kernel, options)?.check()?;
    }
    convolution_1d(DType::F64, [3, 2, 5], [11, 3, 2, 1])?.check()
}

/// Candle's own convolution, which other devices use for square grids.
#[test]
fn square_convolutions_equal_those_of_candle() -> Result<()> {
    for (kernel, stride, padding) in [(3, 1, 1), (3, 2, 1), (1, 2, 0), (5, 3, 2)] {
        let mut case = convolution_2d(
            DType::F64,
            [2, 5, 7],
            [11, 11],
            [kernel, kernel],
            [stride, padding],
        )?;
        let vb = case.store.builder();
        let weight = vb.get((7, 5, kernel, kernel), "weight")?;
        let bias = vb.get(7, "bias")?.reshape((1, 7, 1, 1))?;
        case.composed = Box::new(move |xs| {
            xs.conv2d(&weight, padding, stride, 1, 1)?
                .broadcast_add(&bias)
        });
        case.compare(1e-12)?;
    }
    Ok(())
}

/// Many tasks, channels and terms: nothing may depend on which thread takes which.
#[test]
fn large_convolutions_have_the_same_bits_on_all_pools() -> Result<()> {
    convolution_2d(DType::F32, [5, 37, 29], [13, 17], [3, 3], [1, 1])?.threads()?;
    convolution_1d(DType::F32, [3, 19, 23], [501, 5, 2, 2])?.threads()
}

#[test]
fn misfitting_convolutions_are_refused() -> Result<()> {
    let store = VarStore::new(0, DType::F32, &Device::Cpu);
    let refused = |shape: [usize; 4], config: Conv2dConfig, part: &str| -> Result<()> {
        let layer = Conv2d::new(&config, store.builder())?;
        let error = layer.forward(input(shape.as_slice(), DType::F32)?.as_tensor());
        let error = error.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        Ok(())
    };
    let config = Conv2dConfig::new(2, 3, [3, 3]);
    refused([1, 4, 5, 5], config, "(batch, 2)")?;
    refused([1, 2, 5, 2], config, "at least the kernel [3, 3]")?;
    refused(
        [1, 2, 5, 5],
        Conv2dConfig {
            stride: 0,
            ..config
        },
        "stride",
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        rng_seed: proptest::test_runner::RngSeed::Fixed(40),
        ..ProptestConfig::default()
    })]

    // Sums of at most some thousand terms; the kernel fits because the padding makes up for it.
    #[test]
    fn conv2d_equals_its_composition(
        batch in 1usize..4,
        inputs in prop_oneof![1usize..5, 15usize..18, Just(31)],
        outputs in prop_oneof![1usize..5, 11usize..14, Just(25)],
        size in prop::array::uniform2(prop_oneof![1usize..10, 15usize..18, 31usize..34]),
        kernel in prop::array::uniform2(1usize..5),
        stride in 1usize..4,
        padding in 2usize..4,
    ) {
        let counts = [batch, inputs, outputs];
        let options = [stride, padding];
        convolution_2d(DType::F64, counts, size, kernel, options).unwrap().compare(1e-12).unwrap();
        convolution_2d(DType::F32, counts, size, kernel, options).unwrap().compare(5e-6).unwrap();
    }

    #[test]
    fn batch_norm_equals_its_composition(
        batch in 2usize..6,
        channels in 1usize..9,
        sites in prop_oneof![1usize..5, 31usize..34, 63usize..66, Just(131)],
    ) {
        // Two values have no gradient but rounding: they are always normalised to -1 and 1.
        prop_assume!(batch * sites > 2);
        let train = Context::train(0, 0);
        let case = batch_norm(DType::F64, [batch, channels], &[sites], train).unwrap();
        // eps = 1e-5 aside, the gradient of few values is a small difference of large terms.
        case.compare(1e-7).unwrap();
    }

    #[test]
    fn pooling_equals_its_composition(
        size in prop::array::uniform2(prop_oneof![1usize..10, Just(17)]),
        kernel in prop::array::uniform2(2usize..5),
        stride in 1usize..4,
        max: bool,
    ) {
        prop_assume!(size.iter().zip(kernel).all(|(&size, kernel)| size + 2 >= kernel));
        let config = PoolConfig { kernel, stride, padding: 1 };
        let kind = if max { Kind::Max } else { Kind::Average };
        pooling(DType::F64, kind, size, config).unwrap().compare(1e-12).unwrap();
    }

    #[test]
    fn conv1d_equals_its_composition(
        counts in prop::array::uniform3(1usize..20),
        length in prop_oneof![1usize..70, Just(257), Just(1031)],
        kernel in 1usize..6,
        stride in 1usize..4,
    ) {
        let case = convolution_1d(DType::F64, counts, [length, kernel, stride, 2]).unwrap();
        case.compare(1e-12).unwrap();
    }
}

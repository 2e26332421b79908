//! Operations of convolutional networks.

use candle::{DType, Device, Module, Result};
use proptest::prelude::*;

use super::case::{Case, input};
use crate::conv;
use crate::{Conv1d, Conv1dConfig, Conv2d, Conv2dConfig, VarStore};

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
        ..Conv1dConfig::new(inputs, outputs, kernel)
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
    #![proptest_config(ProptestConfig::with_cases(40))]

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

//! Several layers as one operation, against the layers one by one.

use candle::{DType, Device, Module, Result, Tensor, Var};
use candle_nn::Init;
use proptest::prelude::*;

use super::case::{Case, assert_close, bytes, input, random};
use crate::conv::normed_conv2d;
use crate::{
    Activation, BatchNorm, BatchNormConfig, Context, Conv2d, Conv2dConfig, Linear, LinearConfig,
    Residual, ResidualConfig, VarStore, WeightOrder, init, linear, linear_cross_entropy,
};

fn normed_convolution(
    dtype: DType,
    [batch, inputs, outputs]: [usize; 3],
    size: [usize; 2],
    [side, stride]: [usize; 2],
    ctx: Context,
) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let config = Conv2dConfig {
        stride,
        padding: side / 2,
        bias: false,
        ..Conv2dConfig::new(inputs, outputs, [side, side])
    };
    let conv = Conv2d::new(&config, store.builder().pp("conv"))?;
    let norm = BatchNorm::new(&BatchNormConfig::new(outputs), store.builder().pp("norm"))?;
    for (name, variable) in store.variables() {
        if name.starts_with("norm") {
            // The initial values 0 and 1 would hide mistakes; variances are positive.
            let value = random(outputs, dtype, &name)?.abs()?;
            variable.set(&value.affine(1.0, 0.5)?)?;
        }
    }
    let (same_conv, same_norm, same_ctx) = (conv.clone(), norm.clone(), ctx.clone());
    Ok(Case {
        input: input((batch, inputs, size[0], size[1]), dtype)?,
        store,
        fast: Box::new(move |xs| normed_conv2d(&conv, &norm, true, xs, &ctx)),
        composed: Box::new(move |xs| {
            let ys = same_norm.forward_t(&same_conv.forward(xs)?, &same_ctx)?;
            Activation::Relu.compose(&ys)
        }),
    })
}

fn activated_linear(
    dtype: DType,
    rows: usize,
    [inputs, outputs]: [usize; 2],
    order: WeightOrder,
    activation: Activation,
) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let init = [init::torch_linear(inputs); 2];
    let config = LinearConfig::new(inputs, outputs);
    let layer = Linear::with_init(&config, order, init, store.builder())?;
    let same = layer.clone();
    Ok(Case {
        input: input((1, rows, inputs), dtype)?,
        store,
        fast: Box::new(move |xs| layer.forward_activated(xs, activation)),
        composed: Box::new(move |xs| {
            let ys = linear::compose(xs, same.weight(), same.bias(), order)?;
            activation.compose(&ys)
        }),
    })
}

fn cross_entropy_of_linear(
    dtype: DType,
    rows: usize,
    [width, classes]: [usize; 2],
) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let normal = Init::Randn {
        mean: 0.0,
        stdev: 1.0,
    };
    let weight = store
        .builder()
        .get_with_hints((classes, width), "weight", normal)?;
    // Every third row is left out.
    let targets = (0..rows as i64).map(|row| {
        if row % 3 == 1 {
            -100
        } else {
            (7 * row) % classes as i64
        }
    });
    let targets = Tensor::from_vec(targets.collect(), rows, &Device::Cpu)?;
    let (same_weight, same_targets) = (weight.clone(), targets.clone());
    Ok(Case {
        input: input((1, rows, width), dtype)?,
        store,
        fast: Box::new(move |xs| linear_cross_entropy(xs, &weight, &targets)),
        composed: Box::new(move |xs| {
            let logits = xs.squeeze(0)?.matmul(&same_weight.t()?)?;
            crate::cross_entropy(&logits, &same_targets)
        }),
    })
}

#[test]
fn a_convolution_with_norm_and_relu_has_the_right_gradients() -> Result<()> {
    let train = Context::train(0, 0);
    for (size, kernel) in [([5, 7], [3, 1]), ([6, 5], [3, 2]), ([4, 4], [1, 2])] {
        let case = normed_convolution(DType::F64, [3, 4, 5], size, kernel, train.clone())?;
        case.compare(1e-11)?;
        case.differences()?;
    }
    let evaluate = Context::evaluate();
    let case = normed_convolution(DType::F64, [3, 4, 5], [5, 7], [3, 1], evaluate)?;
    case.compare(1e-11)?;
    case.differences()?;
    normed_convolution(DType::F32, [5, 17, 33], [16, 16], [3, 1], train)?.threads()
}

#[test]
fn a_linear_layer_with_activation_has_the_right_gradients() -> Result<()> {
    for activation in [
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Relu,
        Activation::Tanh,
    ] {
        for order in [WeightOrder::OutIn, WeightOrder::InOut] {
            activated_linear(DType::F64, 5, [7, 11], order, activation)?.check()?;
        }
    }
    Ok(())
}

#[test]
fn cross_entropy_of_a_linear_map_has_the_right_gradients() -> Result<()> {
    cross_entropy_of_linear(DType::F64, 7, [5, 37])?.check()?;
    cross_entropy_of_linear(DType::F32, 131, [65, 257])?.threads()
}

#[test]
fn a_sum_with_relu_is_the_residual_followed_by_relu() -> Result<()> {
    let residual = Residual::new(&ResidualConfig::Additive, 0)?;
    let branch = random((3, 5, 131), DType::F64, "branch")?;
    let (same_branch, ctx) = (branch.clone(), Context::train(0, 0));
    let case = Case {
        input: input((3, 5, 131), DType::F64)?,
        store: VarStore::new(0, DType::F64, &Device::Cpu),
        fast: Box::new(move |xs| residual.forward_relu(xs, &branch, &mut None, &ctx)),
        composed: Box::new(move |xs| Activation::Relu.compose(&(xs + &same_branch)?)),
    };
    case.check()
}

/// A table that is also the weights of a linear map, as in GPT-2, and a variable that is used twice.
#[test]
fn gradients_that_are_handed_over_are_those_of_candle() -> Result<()> {
    let table = Var::from_tensor(&random((13, 4), DType::F64, "table")?)?;
    let bias = Var::from_tensor(&random(13, DType::F64, "bias")?)?;
    let unused = Var::from_tensor(&random(3, DType::F64, "unused")?)?;
    let ids = Tensor::new(&[[3u32, 0, 12, 3]], &Device::Cpu)?;
    let loss = || -> Result<Tensor> {
        let rows = crate::embedding::embedding(&table, &ids)?;
        let once = linear::linear(&rows, &table, Some(&bias))?;
        let again = linear::linear(&rows.sqr()?, &table, Some(&bias))?;
        let product = (once * again)?;
        (product.sum_all()? + bias.sqr()?.sum_all()?)?.affine(0.5, 0.0)
    };
    let (found, expected) = (crate::backward(&loss()?)?, loss()?.backward()?);
    for (name, variable) in [("table", &table), ("bias", &bias)] {
        let gradient = found.get(variable).expect("a gradient");
        let expected = expected.get(variable).expect("a gradient");
        assert_close(name, gradient, expected, 1e-12)?;
    }
    assert!(found.get(&unused).is_none());
    // Nothing stays behind for the next one.
    let again = crate::backward(&loss()?)?;
    let gradient =
        |store: &candle::backprop::GradStore| bytes(store.get(&table).expect("a gradient"));
    assert_eq!(gradient(&again)?, gradient(&found)?);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        rng_seed: proptest::test_runner::RngSeed::Fixed(12),
        ..ProptestConfig::default()
    })]

    // Rounding of f64 sums of at most a few thousand terms, relative to the norm.
    #[test]
    fn a_normed_convolution_equals_its_layers(
        counts in [1usize..4, 1usize..18, 1usize..18],
        size in [3usize..18, 3usize..18],
        wide: bool,
        stride in 1usize..3,
    ) {
        let kernel = [if wide { 3 } else { 1 }, stride];
        // A channel of few values is nearly constant, and its gradient little but rounding.
        prop_assume!(counts[0] * (size[0] / stride) * (size[1] / stride) > 8);
        let case = normed_convolution(DType::F64, counts, size, kernel, Context::train(0, 0));
        case.unwrap().compare(1e-9).unwrap();
    }

    #[test]
    fn cross_entropy_of_a_linear_map_equals_its_layers(
        rows in 1usize..70,
        width in 1usize..40,
        classes in 2usize..140,
    ) {
        cross_entropy_of_linear(DType::F64, rows, [width, classes]).unwrap().compare(1e-11).unwrap();
    }
}

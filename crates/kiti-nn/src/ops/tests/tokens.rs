//! Operations of transformers.

use candle::{DType, Device, Module, Result, Tensor, Var};
use proptest::prelude::*;

use super::case::{Case, input, random};
use crate::loss::compose_cross_entropy;
use crate::{
    Attention, AttentionConfig, Context, Dropout, Embedding, EmbeddingConfig, LayerNorm,
    LayerNormConfig, Linear, LinearConfig, VarStore, WeightOrder, attention, cross_entropy,
    embedding, init, linear, norm, self_attention, softmax,
};

/// Widths about the number of partial sums and of lanes, and some that don't divide anything.
fn widths() -> impl Strategy<Value = usize> {
    prop_oneof![
        1usize..40,
        Just(63),
        Just(64),
        Just(65),
        Just(127),
        Just(131)
    ]
}

/// One row, few rows, and more than one thread handles at a time.
fn rows() -> impl Strategy<Value = usize> {
    prop_oneof![1usize..8, Just(129), Just(1031)]
}

/// About the sizes of the blocks of queries and of keys.
fn sequence() -> impl Strategy<Value = usize> {
    prop_oneof![2usize..20, 63usize..66, 127usize..130, Just(193), Just(257)]
}

fn shifted_norm(dtype: DType, rows: usize, width: usize) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let vb = store.builder();
    let layer = LayerNorm::new(&LayerNormConfig::new(width), vb.clone())?;
    // The initial values 1 and 0 would hide mistakes.
    for (name, variable) in store.variables() {
        variable.set(&random(width, dtype, &name)?)?;
    }
    let (weight, bias) = (vb.get(width, "weight")?, vb.get(width, "bias")?);
    Ok(Case {
        input: input((rows, width), dtype)?,
        store,
        fast: Box::new(move |xs| layer.forward(xs)),
        composed: Box::new(move |xs| norm::layer_norm::compose(xs, &weight, &bias, 1e-5)),
    })
}

fn linear_layer(
    dtype: DType,
    rows: usize,
    sizes: [usize; 2],
    bias: bool,
    order: WeightOrder,
) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let config = LinearConfig {
        bias,
        ..LinearConfig::new(sizes[0], sizes[1])
    };
    let init = [init::torch_linear(sizes[0]); 2];
    let layer = Linear::with_init(&config, order, init, store.builder())?;
    let same = layer.clone();
    Ok(Case {
        input: input((1, rows, sizes[0]), dtype)?,
        store,
        fast: Box::new(move |xs| layer.forward(xs)),
        composed: Box::new(move |xs| linear::compose(xs, same.weight(), same.bias(), order)),
    })
}

fn softmax_rows(dtype: DType, rows: usize, width: usize) -> Result<Case<'static>> {
    Ok(Case {
        input: Var::from_tensor(&(input((rows, width), dtype)?.as_tensor() * 3.0)?)?,
        store: VarStore::new(0, dtype, &Device::Cpu),
        fast: Box::new(softmax),
        composed: Box::new(softmax::compose),
    })
}

fn cross_entropy_rows(dtype: DType, rows: usize, classes: usize) -> Result<Case<'static>> {
    // Every third row is left out.
    let targets: Vec<i64> = (0..rows as i64)
        .map(|row| {
            if row % 3 == 1 {
                -100
            } else {
                (7 * row) % classes as i64
            }
        })
        .collect();
    let numbers: Vec<Option<u32>> = targets.iter().map(|&t| u32::try_from(t).ok()).collect();
    let targets = Tensor::from_vec(targets, rows, &Device::Cpu)?;
    Ok(Case {
        input: Var::from_tensor(&(input((rows, classes), dtype)?.as_tensor() * 3.0)?)?,
        store: VarStore::new(0, dtype, &Device::Cpu),
        fast: Box::new(move |xs| cross_entropy(xs, &targets)),
        composed: Box::new(move |xs| compose_cross_entropy(xs, &numbers)),
    })
}

fn table(dtype: DType, ids: &[u32], sizes: [usize; 2]) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let [count, width] = sizes;
    let layer = Embedding::new(&EmbeddingConfig { count, width }, store.builder())?;
    let ids = Tensor::from_vec(ids.to_vec(), (1, ids.len()), &Device::Cpu)?;
    let (same, same_ids) = (layer.clone(), ids.clone());
    // The scaling makes the input, a harness's leaf, part of the graph.
    Ok(Case {
        input: input((1, ids.dim(1)?, width), dtype)?,
        store,
        fast: Box::new(move |xs| layer.forward(&ids)? * xs),
        composed: Box::new(move |xs| embedding::compose(same.weight(), &same_ids)? * xs),
    })
}

/// Queries of the input against keys and values that are variables.
fn cross_attention(
    dtype: DType,
    [batch, queries, keys, width]: [usize; 4],
    config: AttentionConfig,
    mask: Option<[usize; 3]>,
) -> Result<Case<'static>> {
    let store = VarStore::new(3, dtype, &Device::Cpu);
    let hidden = config.heads * width;
    let normal = candle_nn::Init::Randn {
        mean: 0.0,
        stdev: 1.0,
    };
    let vb = store.builder();
    let key = vb.get_with_hints((batch, keys, hidden), "key", normal)?;
    let value = vb.get_with_hints((batch, keys, hidden), "value", normal)?;
    let mask = mask
        .map(|[batch, heads, queries]| random((batch, heads, queries, keys), dtype, "mask"))
        .transpose()?;
    let scores = attention::scores([batch, queries, keys, width], dtype, mask.as_ref(), &config)?;
    let (same_key, same_value) = (key.clone(), value.clone());
    Ok(Case {
        input: input((batch, queries, hidden), dtype)?,
        store,
        fast: Box::new(move |xs| attention(xs, &key, &value, mask.as_ref(), &config)),
        composed: Box::new(move |xs| attention::compose(xs, &same_key, &same_value, &scores)),
    })
}

fn packed_attention(dtype: DType, sequence: usize, causal: bool) -> Result<Case<'static>> {
    let config = AttentionConfig {
        causal,
        ..AttentionConfig::new(2)
    };
    let scores = attention::scores([2, sequence, sequence, 5], dtype, None, &config)?;
    Ok(Case {
        input: input((2, sequence, 30), dtype)?,
        store: VarStore::new(0, dtype, &Device::Cpu),
        fast: Box::new(move |xs| self_attention(xs, None, &config)),
        composed: Box::new(move |xs| attention::compose_packed(xs, &scores)),
    })
}

fn dropped_attention(dtype: DType, sequence: usize, causal: bool) -> Result<Case<'static>> {
    let config = AttentionConfig {
        causal,
        ..AttentionConfig::new(2)
    };
    let (dropout, ctx) = (Dropout::new(0.3, 4)?, Context::train(7, 1));
    let mut scores = attention::scores([2, sequence, sequence, 5], dtype, None, &config)?;
    scores.dropped = dropout.scores(&ctx);
    let layer = Attention::new(config, dropout);
    Ok(Case {
        input: input((2, sequence, 30), dtype)?,
        store: VarStore::new(0, dtype, &Device::Cpu),
        fast: Box::new(move |xs| layer.packed_t(xs, None, &ctx)),
        composed: Box::new(move |xs| attention::compose_packed(xs, &scores)),
    })
}

#[test]
fn dropped_attention_has_the_right_gradients() -> Result<()> {
    dropped_attention(DType::F64, 7, false)?.check()?;
    // Several blocks of queries and keys.
    for causal in [false, true] {
        dropped_attention(DType::F64, 301, causal)?.compare(1e-12)?;
    }
    dropped_attention(DType::F32, 301, true)?.threads()
}

/// Of 2 heads with 64 queries and keys each: a share of 0.3 within five standard errors, and none alike.
#[test]
fn weights_are_dropped_with_the_given_probability_and_independently() -> Result<()> {
    let share = |a: &[f32], b: &[f32]| {
        let both = a.iter().zip(b).filter(|&(a, b)| *a == 0.0 && *b == 0.0);
        both.count() as f64 / a.len() as f64
    };
    let dropout = Dropout::new(0.3, 4)?;
    let weights = |head: usize, step: u64| {
        let dropped = dropout.scores(&Context::train(7, step)).expect("training");
        let mut weights = vec![1f32; 64 * 64];
        for (query, row) in weights.chunks_mut(64).enumerate() {
            dropped.apply(head, query, 0, row);
        }
        weights
    };
    let first = weights(0, 1);
    let error = |p: f64| 5.0 * (p * (1.0 - p) / 4096.0).sqrt();
    assert!((share(&first, &first) - 0.3).abs() < error(0.3));
    for other in [weights(1, 1), weights(0, 2)] {
        assert!((share(&first, &other) - 0.09).abs() < error(0.09));
    }
    assert!(
        first
            .iter()
            .all(|&w| w == 0.0 || (w - 1.0 / 0.7).abs() < 1e-4)
    );
    Ok(())
}

#[test]
fn attention_has_the_right_gradients() -> Result<()> {
    for causal in [false, true] {
        packed_attention(DType::F64, 7, causal)?.check()?;
        let config = AttentionConfig {
            causal,
            ..AttentionConfig::new(3)
        };
        cross_attention(DType::F64, [2, 5, 11, 4], config, Some([2, 1, 5]))?.check()?;
    }
    // Several blocks of queries and keys, on all pools.
    packed_attention(DType::F32, 301, true)?.threads()
}

#[test]
fn a_query_without_keys_gives_zero_and_no_gradient() -> Result<()> {
    let case = packed_attention(DType::F32, 3, false)?;
    let hidden = [[[[0f32; 3], [f32::NEG_INFINITY; 3], [0.0; 3]]]];
    let mask = Tensor::new(&hidden, &Device::Cpu)?;
    let ys = self_attention(&case.input, Some(&mask), &AttentionConfig::new(2))?;
    let row = ys.narrow(1, 1, 1)?.flatten_all()?.to_vec1::<f32>()?;
    assert!(row.iter().all(|&y| y == 0.0));
    let gradients = ys.sum_all()?.backward()?;
    let gradient = gradients.get(&case.input).expect("a gradient");
    let queries = gradient.narrow(1, 1, 1)?.narrow(2, 0, 10)?;
    assert!(
        queries
            .flatten_all()?
            .to_vec1::<f32>()?
            .iter()
            .all(|&g| g == 0.0)
    );
    Ok(())
}

#[test]
fn attention_does_not_hide_what_is_not_a_number() -> Result<()> {
    let xs = Tensor::full(f32::NAN, (1, 3, 6), &Device::Cpu)?;
    let ys = self_attention(&xs, None, &AttentionConfig::new(1))?;
    assert!(
        ys.flatten_all()?
            .to_vec1::<f32>()?
            .iter()
            .all(|y| y.is_nan())
    );
    Ok(())
}

#[test]
fn token_operations_have_the_right_gradients() -> Result<()> {
    shifted_norm(DType::F64, 5, 37)?.check()?;
    for order in [WeightOrder::OutIn, WeightOrder::InOut] {
        linear_layer(DType::F64, 5, [7, 11], true, order)?.check()?;
    }
    softmax_rows(DType::F64, 5, 37)?.check()?;
    cross_entropy_rows(DType::F64, 7, 37)?.check()?;
    table(DType::F64, &[3, 0, 3, 3, 12, 0], [13, 5])?.check()
}

/// The threads share the columns of a large product among them: not its sums.
#[test]
fn large_linear_layers_have_the_same_bits_on_all_pools() -> Result<()> {
    linear_layer(DType::F32, 1031, [131, 257], true, WeightOrder::OutIn)?.threads()?;
    linear_layer(DType::F32, 1031, [131, 257], true, WeightOrder::InOut)?.threads()?;
    shifted_norm(DType::F32, 1031, 131)?.threads()?;
    table(DType::F32, &[7; 3000], [300, 131])?.threads()
}

#[test]
fn the_softmax_of_equal_logits_is_uniform_and_large_logits_do_not_overflow() -> Result<()> {
    let xs = Tensor::new(
        &[[1e30f32, 1e30, -1e30], [0.0, f32::NEG_INFINITY, 0.0]],
        &Device::Cpu,
    )?;
    let found = softmax(&xs)?.to_vec2::<f32>()?;
    assert_eq!(found, [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]]);
    Ok(())
}

#[test]
fn not_a_number_is_not_hidden() -> Result<()> {
    let xs = Tensor::new(&[[1f32, f32::NAN, 2.0]], &Device::Cpu)?;
    for value in softmax(&xs)?.to_vec2::<f32>()?.concat() {
        assert!(value.is_nan());
    }
    let loss = cross_entropy(&xs, &Tensor::new(&[0i64], &Device::Cpu)?)?;
    assert!(loss.to_scalar::<f32>()?.is_nan());
    Ok(())
}

#[test]
fn bad_classes_and_numbers_are_refused() -> Result<()> {
    let logits = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
    let refused = |targets: &[i64], part: &str| -> Result<()> {
        let error = cross_entropy(&logits, &Tensor::new(targets, &Device::Cpu)?).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        Ok(())
    };
    refused(&[0, 3], "class 3 at position 1")?;
    refused(&[-1, -1], "none of the 2 targets")?;
    refused(&[0], "expected (2)")?;
    let ids = Tensor::new(&[2i64, -1], &Device::Cpu)?;
    let error = embedding::embedding(&logits, &ids).unwrap_err();
    assert!(
        error.to_string().contains("number 2 at position 0"),
        "{error}"
    );
    let wide = Tensor::zeros((2, 4), DType::F32, &Device::Cpu)?;
    let error = linear::linear(&wide, &logits, None).unwrap_err();
    assert!(error.to_string().contains("(.., 3)"), "{error}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        rng_seed: proptest::test_runner::RngSeed::Fixed(24),
        ..ProptestConfig::default()
    })]

    // Rounding of f64 sums of at most 1031 terms, relative to the norm.
    #[test]
    fn layer_norm_equals_its_composition(rows in rows(), width in widths()) {
        // A row of one value is constant: its gradient vanishes, and rounding is all there is to compare.
        prop_assume!(width > 1);
        shifted_norm(DType::F64, rows, width).unwrap().compare(1e-11).unwrap();
    }

    #[test]
    fn linear_equals_its_composition(rows in rows(), inputs in widths(), outputs in widths(), bias: bool, inverted: bool) {
        let order = if inverted { WeightOrder::InOut } else { WeightOrder::OutIn };
        let case = linear_layer(DType::F64, rows, [inputs, outputs], bias, order).unwrap();
        case.compare(1e-12).unwrap();
    }

    #[test]
    fn softmax_equals_its_composition(rows in rows(), width in widths()) {
        prop_assume!(width > 1);
        softmax_rows(DType::F64, rows, width).unwrap().compare(1e-11).unwrap();
        softmax_rows(DType::F32, rows, width).unwrap().compare(3e-6).unwrap();
    }

    #[test]
    fn cross_entropy_equals_its_composition(rows in rows(), classes in widths()) {
        prop_assume!(classes > 1);
        cross_entropy_rows(DType::F64, rows, classes).unwrap().compare(1e-11).unwrap();
        cross_entropy_rows(DType::F32, rows, classes).unwrap().compare(3e-6).unwrap();
    }

    #[test]
    fn attention_equals_its_composition(
        queries in sequence(),
        keys in sequence(),
        width in 1usize..40,
        causal: bool,
        mask in prop::option::of(prop::array::uniform3(prop::bool::ANY)),
    ) {
        // A query without keys is NaN in the composition.
        prop_assume!(!causal || keys >= queries);
        let config = AttentionConfig { causal, ..AttentionConfig::new(2) };
        let mask = mask.map(|full| [if full[0] { 2 } else { 1 }, if full[1] { 2 } else { 1 }, if full[2] { queries } else { 1 }]);
        let sizes = [2, queries, keys, width];
        cross_attention(DType::F64, sizes, config, mask).unwrap().compare(1e-10).unwrap();
        // Exponentials of scores that carry an error of 1e-7 times the head's width.
        cross_attention(DType::F32, sizes, config, mask).unwrap().compare(2e-5).unwrap();
    }

    #[test]
    fn packed_attention_equals_its_composition(sequence in sequence(), causal: bool) {
        packed_attention(DType::F64, sequence, causal).unwrap().compare(1e-10).unwrap();
    }

    #[test]
    fn embedding_equals_its_composition(ids in prop::collection::vec(0u32..700, 1..40), width in widths()) {
        table(DType::F64, &ids, [700, width]).unwrap().compare(1e-12).unwrap();
    }
}

//! Scaled dot-product attention of several heads.

use candle::{D, DType, Device, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::cpu::storage;
use crate::dropout::{Dropout, DroppedScores};
use crate::error::Error;
use crate::{ops, softmax};

/// Settings of an attention.
///
/// ```
/// use kiti_nn::AttentionConfig;
///
/// let gpt2 = AttentionConfig { causal: true, ..AttentionConfig::new(12) };
/// assert_eq!(gpt2.scale, None); // 1 / sqrt(hidden / heads)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AttentionConfig {
    /// Heads, which share the hidden dimension equally.
    pub heads: usize,
    /// Whether query i of n sees only keys up to `i + keys - n`: none of its future.
    #[serde(default)]
    pub causal: bool,
    /// Factor of the scores; `None` for one over the square root of a head's width.
    #[serde(default)]
    pub scale: Option<f64>,
}

impl AttentionConfig {
    /// Every query sees every key.
    pub fn new(heads: usize) -> Self {
        Self {
            heads,
            causal: false,
            scale: None,
        }
    }
}

/// Attention of each head (Vaswani et al., arXiv:1706.03762, equation 1).
///
/// ```text
/// o_i = sum_j softmax_j(scale q_i . k_j + mask_ij) v_j
/// ```
///
/// `query` is `(batch, queries, hidden)`, `key` and `value` `(batch, keys, hidden)`; head h has the elements
/// `h hidden/heads ..` of each row. The result is `(batch, queries, hidden)`. `mask` is added to the scores: it has
/// four dimensions, `(batch, heads, queries, keys)`, each of the first three may be 1, and no gradient flows to it. On a CPU
/// no more than a block of the scores is ever stored, in either direction.
///
/// A query that sees no key (-inf everywhere) has the result 0 on a CPU, and NaN elsewhere.
///
/// ```
/// use candle::{DType, Device, Tensor};
/// use kiti_nn::{AttentionConfig, attention};
///
/// let tokens = Tensor::ones((1, 3, 8), DType::F32, &Device::Cpu)?;
/// let ys = attention(&tokens, &tokens, &tokens, None, &AttentionConfig::new(2))?;
/// assert_eq!(ys.dims(), [1, 3, 8]);
/// # Ok::<(), candle::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Shape`] (wrapped in candle's error) for shapes that don't fit each other or the heads.
pub fn attention(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    mask: Option<&Tensor>,
    config: &AttentionConfig,
) -> Result<Tensor> {
    dropped_attention(query, key, value, mask, config, None)
}

fn dropped_attention(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    mask: Option<&Tensor>,
    config: &AttentionConfig,
    dropped: Option<DroppedScores>,
) -> Result<Tensor> {
    let &[batch, queries, hidden] = query.dims() else {
        return Err(shape("the queries", "(batch, queries, hidden)", query));
    };
    let keys = key.dims().get(1).copied().unwrap_or(0);
    for (name, tensor) in [("the keys", key), ("the values", value)] {
        if tensor.dims() != [batch, keys, hidden] {
            return Err(shape(name, &format!("({batch}, keys, {hidden})"), tensor));
        }
    }
    let width = head_width(query, hidden, config)?;
    let mut scores = scores([batch, queries, keys, width], query.dtype(), mask, config)?;
    scores.dropped = dropped;
    if storage::supported(query) && query.elem_count() > 0 && keys > 0 {
        return ops::attention(query, key, value, scores);
    }
    compose(query, key, value, &scores)
}

/// [`attention`] of a sequence with itself: `packed` `(batch, sequence, 3 hidden)` holds queries, keys and values side by
/// side, as the one linear layer of GPT-2 (`c_attn`) gives them. Equal to splitting it; the parts are not copied on a CPU.
///
/// # Errors
///
/// Those of [`attention`].
pub fn self_attention(
    packed: &Tensor,
    mask: Option<&Tensor>,
    config: &AttentionConfig,
) -> Result<Tensor> {
    dropped_self_attention(packed, mask, config, None)
}

fn dropped_self_attention(
    packed: &Tensor,
    mask: Option<&Tensor>,
    config: &AttentionConfig,
    dropped: Option<DroppedScores>,
) -> Result<Tensor> {
    let &[batch, sequence, row] = packed.dims() else {
        return Err(shape("the input", "(batch, sequence, 3 hidden)", packed));
    };
    if row % 3 != 0 {
        return Err(shape("the input", "(batch, sequence, 3 hidden)", packed));
    }
    let width = head_width(packed, row / 3, config)?;
    let sizes = [batch, sequence, sequence, width];
    let mut scores = scores(sizes, packed.dtype(), mask, config)?;
    scores.dropped = dropped;
    if storage::supported(packed) && packed.elem_count() > 0 {
        return ops::self_attention(packed, scores);
    }
    compose_packed(packed, &scores)
}

/// Attention whose weights are dropped at random in training ([`Dropout`]).
///
/// Which are is a function of the context's seed, step and pass, of the layer's number, and of sample, head, query and
/// key.
///
/// ```
/// use candle::{DType, Device, Tensor};
/// use kiti_nn::{Attention, AttentionConfig, Context, Dropout};
///
/// let layer = Attention::new(AttentionConfig::new(2), Dropout::new(0.1, 0)?);
/// let tokens = Tensor::ones((1, 3, 8), DType::F32, &Device::Cpu)?;
/// let ys = layer.forward_t(&tokens, &tokens, &tokens, None, &Context::train(0, 0))?;
/// assert_eq!(ys.dims(), [1, 3, 8]);
/// # Ok::<(), candle::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Attention {
    config: AttentionConfig,
    dropout: Dropout,
}

impl Attention {
    /// A layer without variables.
    pub fn new(config: AttentionConfig, dropout: Dropout) -> Self {
        Self { config, dropout }
    }

    /// [`attention`], with dropout in training.
    ///
    /// # Errors
    ///
    /// Those of [`attention`].
    pub fn forward_t(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        mask: Option<&Tensor>,
        ctx: &Context,
    ) -> Result<Tensor> {
        let dropped = self.dropout.scores(ctx);
        dropped_attention(query, key, value, mask, &self.config, dropped)
    }

    /// [`self_attention`], with dropout in training.
    ///
    /// # Errors
    ///
    /// Those of [`self_attention`].
    pub fn packed_t(
        &self,
        packed: &Tensor,
        mask: Option<&Tensor>,
        ctx: &Context,
    ) -> Result<Tensor> {
        dropped_self_attention(packed, mask, &self.config, self.dropout.scores(ctx))
    }
}

fn shape(name: &'static str, expected: &str, found: &Tensor) -> candle::Error {
    let error = Error::Shape {
        operation: "attention",
        name,
        expected: expected.to_owned(),
        found: found.dims().to_vec(),
    };
    error.into()
}

fn head_width(tensor: &Tensor, hidden: usize, config: &AttentionConfig) -> Result<usize> {
    if config.heads == 0 || !hidden.is_multiple_of(config.heads) {
        let expected = format!("a hidden size that {} heads share equally", config.heads);
        return Err(shape("the input", &expected, tensor));
    }
    Ok(hidden / config.heads)
}

pub(crate) fn scores(
    [batch, queries, keys, width]: [usize; 4],
    dtype: DType,
    mask: Option<&Tensor>,
    config: &AttentionConfig,
) -> Result<ops::Scores> {
    let sizes = [batch, config.heads, queries];
    if let Some(mask) = mask {
        let (dims, full) = (mask.dims(), [batch, config.heads, queries, keys]);
        let broadcasts = |(&found, size): (&usize, usize)| found == size || found == 1;
        if dims.len() != 4 || dims[3] != keys || !dims.iter().zip(sizes).all(broadcasts) {
            let expected = format!("{full:?}, each of the first three of which may be 1");
            return Err(shape("the mask", &expected, mask));
        }
    }
    Ok(ops::Scores {
        batch,
        heads: config.heads,
        queries,
        keys,
        width,
        scale: config.scale.unwrap_or(1.0 / (width as f64).sqrt()),
        causal: config.causal,
        mask: mask.map(|mask| mask.to_dtype(dtype)).transpose()?,
        dropped: None,
    })
}

pub(crate) fn compose_packed(packed: &Tensor, scores: &ops::Scores) -> Result<Tensor> {
    let hidden = scores.heads * scores.width;
    let part = |index: usize| packed.narrow(D::Minus1, index * hidden, hidden);
    compose(&part(0)?, &part(1)?, &part(2)?, scores)
}

pub(crate) fn compose(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    scores: &ops::Scores,
) -> Result<Tensor> {
    let ops::Scores {
        batch,
        heads,
        queries,
        keys,
        width,
        ..
    } = *scores;
    let by_head = |tensor: &Tensor, count| {
        let rows = tensor.contiguous()?.reshape((batch, count, heads, width))?;
        rows.transpose(1, 2)?.contiguous()
    };
    let key = by_head(key, keys)?.t()?.contiguous()?;
    let mut weights = by_head(query, queries)?
        .matmul(&key)?
        .affine(scores.scale, 0.0)?;
    if let Some(mask) = &scores.mask {
        weights = weights.broadcast_add(&mask.detach())?;
    }
    if scores.causal {
        let future = (0..queries).flat_map(|query| {
            let hidden = move |key| key + queries > query + keys;
            (0..keys).map(move |key| if hidden(key) { f32::NEG_INFINITY } else { 0.0 })
        });
        let future = Tensor::from_vec(future.collect(), (queries, keys), weights.device())?;
        weights = weights.broadcast_add(&future.to_dtype(weights.dtype())?)?;
    }
    let mut weights = softmax::compose(&weights)?;
    if let Some(dropped) = &scores.dropped {
        let mut factors = vec![1f64; batch * heads * queries * keys];
        for (row, factors) in factors.chunks_mut(keys.max(1)).enumerate() {
            dropped.apply(row / queries, row % queries, 0, factors);
        }
        // Converted on the host: not every device knows `f64`.
        let factors = Tensor::from_vec(factors, weights.shape(), &Device::Cpu)?;
        let factors = factors.to_dtype(query.dtype())?;
        weights = (weights * factors.to_device(query.device())?)?;
    }
    weights
        .matmul(&by_head(value, keys)?)?
        .transpose(1, 2)?
        .contiguous()?
        .reshape((batch, queries, heads * width))
}

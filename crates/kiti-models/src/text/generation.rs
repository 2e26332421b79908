//! Tokens that follow given ones, one after the other.

use std::ops::ControlFlow;

use candle::{DType, Device, Tensor};

use super::sampling::{Sampler, SamplingConfig};
use crate::gpt2::{Gpt2, KeyValueCache};
use crate::{Error, Result};

/// How text is generated.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationConfig {
    /// The most tokens that are generated.
    pub max_tokens: usize,
    /// How they are drawn.
    pub sampling: SamplingConfig,
    /// Only tokens with smaller numbers are drawn, where a model has more of them than its vocabulary.
    pub vocabulary: Option<usize>,
    /// A token that ends the text and is not part of it.
    pub end: Option<u32>,
}

impl Default for GenerationConfig {
    fn default() -> Self {
        Self {
            max_tokens: 200,
            sampling: SamplingConfig::default(),
            vocabulary: None,
            end: None,
        }
    }
}

/// The tokens that follow those of `prompt`; `observer` hears of each and may break off.
///
/// Keys and values of the tokens so far are kept, so that a token costs one position's work. A text that outgrows the model's
/// positions goes on from its last half as many tokens: what came before is forgotten.
///
/// # Errors
///
/// [`Error::Shape`] for an empty prompt; [`Error::Candle`] for a token that the model doesn't have; those of [`Sampler`].
///
/// ```
/// use std::ops::ControlFlow;
/// use kiti_models::gpt2::{Gpt2, Gpt2Config};
/// use kiti_models::text::{GenerationConfig, generate};
/// use kiti_models::transformer::LayerResiduals;
///
/// let config = Gpt2Config { vocab_size: 20, n_positions: 16, n_embd: 8, n_layer: 1, n_head: 2, ..Gpt2Config::default() };
/// let store = kiti_nn::VarStore::new(1, candle::DType::F32, &candle::Device::Cpu);
/// let model = Gpt2::new(&config, &LayerResiduals::default(), store.builder())?;
/// let settings = GenerationConfig { max_tokens: 30, ..GenerationConfig::default() };
/// let tokens = generate(&model, &[3, 1, 4], &settings, &candle::Device::Cpu, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(tokens.len(), 30);
/// # Ok::<(), kiti_models::Error>(())
/// ```
pub fn generate(
    model: &Gpt2,
    prompt: &[u32],
    config: &GenerationConfig,
    device: &Device,
    observer: &mut dyn FnMut(u32) -> ControlFlow<()>,
) -> Result<Vec<u32>> {
    if prompt.is_empty() {
        return Err(Error::Shape {
            name: "prompt".to_owned(),
            expected: "at least one token".to_owned(),
            found: vec![0],
        });
    }
    let sampler = Sampler::new(&config.sampling)?;
    let positions = model.config().n_positions;
    let mut text = prompt.to_vec();
    let mut cache = KeyValueCache::new();
    let mut new = text[text.len().saturating_sub(positions)..].to_vec();
    while text.len() - prompt.len() < config.max_tokens {
        if cache.length() + new.len() > positions {
            cache = KeyValueCache::new();
            new = text[text.len() - positions.div_ceil(2)..].to_vec();
        }
        let ids = Tensor::from_vec(std::mem::take(&mut new), (1, ()), device)?;
        let logits = model.forward_cached(&ids, &mut cache)?;
        let logits: Vec<f32> = logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        let known = config.vocabulary.unwrap_or(logits.len()).min(logits.len());
        let token = sampler.draw(&logits[..known], text.len() as u64)?;
        if config.end == Some(token) {
            break;
        }
        text.push(token);
        new.push(token);
        if observer(token).is_break() {
            break;
        }
    }
    Ok(text.split_off(prompt.len()))
}

//! BERT with a classification head, and GPT-2.

use candle::{DType, Device};
use kiti_nn::var_store::VarStore;

use super::{CaseFile, Errors};
use crate::Result;
use crate::bert::{BertConfig, BertForSequenceClassification, TokenBatch};
use crate::gpt2::{Gpt2, Gpt2Config};
use crate::transformer::LayerResiduals;

pub(super) fn replay_bert(file: &CaseFile, device: &Device) -> Result<Errors> {
    // The cases have no dropout.
    let config = BertConfig {
        hidden_dropout_prob: 0.0,
        attention_probs_dropout_prob: 0.0,
        classifier_dropout: None,
        ..file.config()?
    };
    let store = VarStore::new(0, DType::F32, device);
    let residuals = LayerResiduals::default();
    let model = BertForSequenceClassification::new(&config, &residuals, store.builder())?;
    file.load(&store, str::to_owned)?;
    let optional = |name: &str| {
        let tensor = file.tensors.get(name);
        tensor.map(|tensor| tensor.to_device(device)).transpose()
    };
    let batch = TokenBatch {
        input_ids: file.tensor("input.input_ids")?.to_device(device)?,
        attention_mask: optional("input.attention_mask")?,
        token_type_ids: optional("input.token_type_ids")?,
    };
    let logits = model.forward_t(&batch, &file.context()?)?;
    file.compare(&store, ("logits", &logits), str::to_owned)
}

pub(super) fn replay_gpt2(file: &CaseFile, device: &Device) -> Result<Errors> {
    let config = Gpt2Config {
        resid_pdrop: 0.0,
        embd_pdrop: 0.0,
        attn_pdrop: 0.0,
        ..file.config()?
    };
    let store = VarStore::new(0, DType::F32, device);
    let model = Gpt2::new(&config, &LayerResiduals::default(), store.builder())?;
    file.load(&store, str::to_owned)?;
    let ids = file.tensor("input.input_ids")?.to_device(device)?;
    let logits = model.forward_t(&ids, &file.context()?)?;
    file.compare(&store, ("logits", &logits), str::to_owned)
}

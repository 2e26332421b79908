//! Names of tensors: those of checkpoints, and those of the models here.

use super::Architecture;

/// What a model has of a checkpoint's tensor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// The variable of this name; an unexpected one, if the model has none such.
    Variable(String),
    /// Nothing: it belongs to the head of another task.
    OtherHead,
    /// Nothing: it is a constant or a count that the model has no variable for.
    Constant,
}

/// What `architecture` has of the tensor `name`.
pub(super) fn renamed(architecture: &Architecture, name: &str) -> Use {
    match architecture {
        Architecture::Bert(_) => bert(name),
        Architecture::Gpt2(_) => gpt2(name),
        Architecture::ResNet(_) if name.ends_with("num_batches_tracked") => Use::Constant,
        _ => Use::Variable(name.to_owned()),
    }
}

fn bert(name: &str) -> Use {
    if name.ends_with("embeddings.position_ids") || name.ends_with("embeddings.token_type_ids") {
        return Use::Constant;
    }
    if name.starts_with("cls.") || name.starts_with("qa_outputs.") {
        return Use::OtherHead;
    }
    let bare = ["embeddings.", "encoder.", "pooler."];
    let mut own = if bare.iter().any(|beginning| name.starts_with(beginning)) {
        format!("bert.{name}")
    } else {
        name.to_owned()
    };
    // Checkpoints converted from TensorFlow name the weights of norms so.
    for (old, new) in [(".gamma", ".weight"), (".beta", ".bias")] {
        if let Some(stem) = own.strip_suffix(old) {
            own = format!("{stem}{new}");
        }
    }
    Use::Variable(own)
}

fn gpt2(name: &str) -> Use {
    // The causal mask, and the embedding of tokens under its second name.
    let is_mask = name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
    if is_mask || name == "lm_head.weight" {
        return Use::Constant;
    }
    if name.starts_with("score.") {
        return Use::OtherHead;
    }
    let bare = ["wte.", "wpe.", "h.", "ln_f."];
    if bare.iter().any(|beginning| name.starts_with(beginning)) {
        return Use::Variable(format!("transformer.{name}"));
    }
    Use::Variable(name.to_owned())
}

/// Whether a variable belongs to what a task puts on a network, which a checkpoint may lack or have for other classes.
pub(super) fn is_head(name: &str) -> bool {
    ["classifier.", "bert.pooler.", "fc."]
        .iter()
        .any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bert::BertConfig;
    use crate::gpt2::Gpt2Config;

    #[test]
    fn old_and_bare_names_are_those_of_the_models() {
        let bert = Architecture::Bert(BertConfig::default());
        let variable = |name: &str| Use::Variable(name.to_owned());
        for (name, expected) in [
            (
                "embeddings.LayerNorm.gamma",
                variable("bert.embeddings.LayerNorm.weight"),
            ),
            (
                "bert.encoder.layer.0.output.dense.bias",
                variable("bert.encoder.layer.0.output.dense.bias"),
            ),
            ("embeddings.position_ids", Use::Constant),
            ("cls.predictions.bias", Use::OtherHead),
            ("other", variable("other")),
        ] {
            assert_eq!(renamed(&bert, name), expected, "{name}");
        }
        let gpt2 = Architecture::Gpt2(Gpt2Config::default());
        for (name, expected) in [
            ("h.0.attn.bias", Use::Constant),
            (
                "h.0.attn.c_attn.bias",
                variable("transformer.h.0.attn.c_attn.bias"),
            ),
            ("transformer.wte.weight", variable("transformer.wte.weight")),
            ("lm_head.weight", Use::Constant),
        ] {
            assert_eq!(renamed(&gpt2, name), expected, "{name}");
        }
    }
}

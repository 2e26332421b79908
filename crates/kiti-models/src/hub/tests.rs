//! Folders as other programs write them, and damaged ones.

use std::collections::BTreeMap;
use std::fs;

use candle::DType;
use kiti_nn::context::Context;
use serde_json::json;

use super::*;
use crate::bert::{BertConfig, TokenBatch};
use crate::gpt2::Gpt2Config;
use crate::resnet::{ResNetConfig, Stem};

fn bert_config() -> BertConfig {
    BertConfig {
        vocab_size: 20,
        hidden_size: 8,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 16,
        num_labels: 3,
        ..BertConfig::default()
    }
}

fn bert_store() -> VarStore {
    let store = VarStore::new(5, DType::F32, &Device::Cpu);
    BertForSequenceClassification::new(&bert_config(), &LayerResiduals::default(), store.builder())
        .unwrap();
    store
}

/// A folder with the configuration of [`bert_config`] and these tensors.
fn folder(tensors: &BTreeMap<String, Tensor>) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let architecture = Architecture::Bert(bert_config());
    save_pretrained(directory.path(), &architecture, tensors, None).unwrap();
    directory
}

fn load(directory: &tempfile::TempDir) -> Result<Pretrained> {
    from_pretrained(directory.path().to_str().unwrap(), None, &Device::Cpu)
}

fn message(directory: &tempfile::TempDir) -> String {
    load(directory).unwrap_err().to_string()
}

fn tokens() -> TokenBatch {
    TokenBatch::new(Tensor::new(&[[3u32, 1, 4, 1, 5]], &Device::Cpu).unwrap())
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn logits(pretrained: &Pretrained) -> Vec<f32> {
    let PretrainedModel::BertClassifier(model) = &pretrained.model else {
        panic!("{:?}", pretrained.architecture)
    };
    values(&model.forward_t(&tokens(), &Context::evaluate()).unwrap())
}

#[test]
fn what_is_saved_is_loaded_with_the_same_results() {
    let store = bert_store();
    let model = BertForSequenceClassification::new(
        &bert_config(),
        &LayerResiduals::default(),
        store.builder(),
    );
    let expected = values(
        &model
            .unwrap()
            .forward_t(&tokens(), &Context::evaluate())
            .unwrap(),
    );
    let loaded = load(&folder(&store.tensors())).unwrap();
    assert_eq!(logits(&loaded), expected);
    assert_eq!(loaded.architecture, Architecture::Bert(bert_config()));
    assert_eq!(loaded.report, LoadReport::default());
}

#[test]
fn language_and_image_models_come_back_too() {
    let config = Gpt2Config {
        vocab_size: 20,
        n_positions: 8,
        n_embd: 8,
        n_layer: 1,
        n_head: 2,
        ..Gpt2Config::default()
    };
    let store = VarStore::new(1, DType::F32, &Device::Cpu);
    let model = Gpt2::new(&config, &LayerResiduals::default(), store.builder()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    // As in the original checkpoint: bare names, masks, the tied embedding again.
    let mut tensors: BTreeMap<String, Tensor> = store
        .tensors()
        .into_iter()
        .map(|(name, tensor)| (name.replace("transformer.", ""), tensor))
        .collect();
    let mask = Tensor::ones((1, 1, 8, 8), DType::F32, &Device::Cpu).unwrap();
    tensors.insert("h.0.attn.bias".to_owned(), mask);
    tensors.insert("lm_head.weight".to_owned(), tensors["wte.weight"].clone());
    let architecture = Architecture::Gpt2(config);
    save_pretrained(directory.path(), &architecture, &tensors, None).unwrap();
    let loaded = load(&directory).unwrap();
    let PretrainedModel::Gpt2(again) = &loaded.model else {
        panic!("{:?}", loaded.architecture)
    };
    let ids = tokens().input_ids;
    let context = Context::evaluate();
    assert_eq!(
        values(&again.forward_t(&ids, &context).unwrap()),
        values(&model.forward_t(&ids, &context).unwrap())
    );

    let config = ResNetConfig {
        stem: Stem::Imagenet,
        classes: 5,
        ..ResNetConfig::resnet18()
    };
    let store = VarStore::new(1, DType::F32, &Device::Cpu);
    let residuals = vec![ResidualConfig::Additive; 4];
    ResNet::new(&config, &residuals, store.builder()).unwrap();
    let mut tensors = store.tensors();
    let count = Tensor::new(&[7f32], &Device::Cpu).unwrap();
    tensors.insert("bn1.num_batches_tracked".to_owned(), count);
    let directory = tempfile::tempdir().unwrap();
    let architecture = Architecture::ResNet(config);
    save_pretrained(directory.path(), &architecture, &tensors, None).unwrap();
    let loaded = load(&directory).unwrap();
    assert_eq!(loaded.architecture, architecture);
    assert!(matches!(loaded.model, PretrainedModel::ResNet(_)));
}

#[test]
fn an_encoder_alone_has_bare_names_and_needs_no_pooler() {
    let bare: BTreeMap<String, Tensor> = bert_store()
        .tensors()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("classifier"))
        .map(|(name, tensor)| {
            let name = name.strip_prefix("bert.").unwrap_or(&name);
            let name = name.replace("LayerNorm.weight", "LayerNorm.gamma");
            (name.replace("LayerNorm.bias", "LayerNorm.beta"), tensor)
        })
        .collect();
    let loaded = load(&folder(&bare)).unwrap();
    assert!(matches!(loaded.model, PretrainedModel::Bert(_)));
    assert_eq!(
        loaded.report.unused,
        ["bert.pooler.dense.bias", "bert.pooler.dense.weight"]
    );
}

#[test]
fn a_head_for_other_classes_is_initialised_and_said() {
    let directory = folder(&bert_store().tensors());
    let files = PretrainedFiles::locate(directory.path().to_str().unwrap(), None, &|_, _, _| {});
    let files = files.unwrap();
    let architecture = files.architecture(Some(2)).unwrap();
    let Architecture::Bert(config) = &architecture else {
        panic!("{architecture:?}")
    };
    let store = VarStore::new(9, DType::F32, &Device::Cpu);
    BertForSequenceClassification::new(config, &LayerResiduals::default(), store.builder())
        .unwrap();
    let head = values(&store.tensors()["classifier.weight"]);
    let report = files.load_into(&architecture, &store).unwrap();
    assert_eq!(report.initialised, ["classifier.bias", "classifier.weight"]);
    let loaded = store.tensors();
    assert_eq!(values(&loaded["classifier.weight"]), head);
    let name = "bert.encoder.layer.1.output.dense.weight";
    assert_eq!(values(&loaded[name]), values(&bert_store().tensors()[name]));
}

#[test]
fn every_difference_is_reported() {
    let mut tensors = bert_store().tensors();
    tensors.remove("bert.embeddings.LayerNorm.bias");
    let wrong = Tensor::zeros((3, 9), DType::F32, &Device::Cpu).unwrap();
    tensors.insert("classifier.weight".to_owned(), wrong);
    tensors.insert(
        "more".to_owned(),
        Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap(),
    );
    let message = message(&folder(&tensors));
    for word in [
        "missing bert.embeddings.LayerNorm.bias",
        "unexpected more",
        "[3, 9]",
        "[3, 8]",
    ] {
        assert!(message.contains(word), "{message}");
    }
}

/// Splits a folder's weights into two files with an index.
fn shard(directory: &tempfile::TempDir, tensors: &BTreeMap<String, Tensor>) {
    let mut weight_map = serde_json::Map::new();
    for (part, wanted) in [
        ("model-1.safetensors", true),
        ("model-2.safetensors", false),
    ] {
        let some: BTreeMap<&String, &Tensor> = tensors
            .iter()
            .filter(|(name, _)| name.contains("layer.1") == wanted)
            .collect();
        weight_map.extend(some.keys().map(|name| ((*name).clone(), json!(part))));
        let bytes = safetensors::serialize(some, None).unwrap();
        fs::write(directory.path().join(part), bytes).unwrap();
    }
    let index = json!({"metadata": {}, "weight_map": weight_map}).to_string();
    fs::write(directory.path().join("model.safetensors.index.json"), index).unwrap();
    fs::remove_file(directory.path().join("model.safetensors")).unwrap();
}

#[test]
fn sharded_weights_are_put_together() {
    let tensors = bert_store().tensors();
    let directory = folder(&tensors);
    let expected = logits(&load(&directory).unwrap());
    shard(&directory, &tensors);
    assert_eq!(logits(&load(&directory).unwrap()), expected);

    let index = directory.path().join("model.safetensors.index.json");
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replace("model-2", "../model-2")).unwrap();
    assert!(message(&directory).contains("../model-2"));
    fs::write(&index, text.replace("classifier.bias", "classifier.other")).unwrap();
    assert!(message(&directory).contains("the index names"));
    fs::write(&index, text).unwrap();
    fs::remove_file(directory.path().join("model-2.safetensors")).unwrap();
    assert!(message(&directory).contains("model-2.safetensors"));
}

#[test]
fn half_precision_is_widened() {
    let tensors = bert_store().tensors();
    let expected = logits(&load(&folder(&tensors)).unwrap());
    for (dtype, error) in [(DType::F16, 2e-3), (DType::BF16, 2e-2), (DType::F64, 0.0)] {
        let converted = tensors
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.to_dtype(dtype).unwrap()))
            .collect();
        let found = logits(&load(&folder(&converted)).unwrap());
        // The error of a weight is half a unit in the last of 11 or 8 bits; logits are of order 0.1.
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() <= error,
                "{dtype:?}: {found} != {expected}"
            );
        }
    }
}

#[test]
fn pickles_are_refused_with_a_way_out() {
    let directory = folder(&bert_store().tensors());
    fs::remove_file(directory.path().join("model.safetensors")).unwrap();
    assert!(message(&directory).contains("model.safetensors"));
    fs::write(directory.path().join("pytorch_model.bin"), b"\x80\x02").unwrap();
    let message = message(&directory);
    assert!(
        message.contains("pytorch_model.bin") && message.contains("save_pretrained"),
        "{message}"
    );
}

#[test]
fn configurations_that_describe_nothing_are_refused() {
    let directory = folder(&bert_store().tensors());
    let config = directory.path().join("config.json");
    for (text, words) in [
        ("", vec!["config.json"]),
        ("[]", vec!["model_type"]),
        ("{\"model_type\": \"llama\"}", vec!["llama", "gpt2"]),
        ("{\"architecture\": \"resnet101\"}", vec!["resnet101"]),
        (
            "{\"model_type\": \"bert\", \"hidden_size\": -1}",
            vec!["config.json", "-1"],
        ),
        (
            "{\"model_type\": \"bert\", \"hidden_size\": 8, \"num_attention_heads\": 3}",
            vec!["num_attention_heads"],
        ),
        (
            "{\"model_type\": \"bert\", \"hidden_act\": \"swish\"}",
            vec!["swish"],
        ),
        ("\u{fffd}", vec!["config.json"]),
    ] {
        fs::write(&config, text).unwrap();
        let message = message(&directory);
        for word in words {
            assert!(message.contains(word), "{text}: {message}");
        }
    }
    fs::remove_file(&config).unwrap();
    assert!(message(&directory).contains("config.json"));
}

#[test]
fn lying_headers_are_refused_before_memory_is_taken() {
    let directory = folder(&bert_store().tensors());
    let path = directory.path().join("model.safetensors");
    let intact = fs::read(&path).unwrap();
    let refused = |bytes: &[u8], word: &str| {
        fs::write(&path, bytes).unwrap();
        let message = message(&directory);
        assert!(
            message.contains("model.safetensors") && message.contains(word),
            "{message}"
        );
    };
    refused(b"", "0 bytes");
    refused(&intact[..7], "7 bytes");
    refused(&intact[..intact.len() - 1], "in the file");
    refused(&[&intact[..], b"x"].concat(), "in the file");
    refused(
        &[&10_000_000_000u64.to_le_bytes(), &intact[8..]].concat(),
        "10000000000",
    );
    refused(
        &[&u64::MAX.to_le_bytes(), &intact[8..]].concat(),
        "18446744073709551615",
    );
    let with = |header: &str, data: usize| {
        let length = (header.len() as u64).to_le_bytes();
        [&length[..], header.as_bytes(), &vec![0; data]].concat()
    };
    let tensor = |name: &str, shape: &str, from: usize, to: usize| {
        format!("\"{name}\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{from},{to}]}}")
    };
    let overlapping = format!(
        "{{{},{}}}",
        tensor("a", "[2]", 0, 8),
        tensor("b", "[2]", 4, 12)
    );
    refused(&with(&overlapping, 12), "header");
    let longer = format!("{{{}}}", tensor("a", "[1000000000,1000000000]", 0, 8));
    refused(&with(&longer, 8), "header");
    let endless = format!("{{{}}}", tensor("a", "[18446744073709551615,3]", 0, 8));
    refused(&with(&endless, 8), "header");
    refused(
        &with(
            "{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}",
            8,
        ),
        "I64",
    );
    refused(&with("{\"a\": \"\u{1}\"}", 0), "header");
    let mut invalid = with("{\"aaaa\": 1}", 0);
    invalid[11] = 0xff;
    refused(&invalid, "header");
}

//! BERT and GPT-2.

use candle::{DType, Device, Tensor};
use kiti_models::Error;
use kiti_models::bert::{BertConfig, BertForSequenceClassification, TokenBatch};
use kiti_models::gpt2::{Gpt2, Gpt2Config, KeyValueCache};
use kiti_models::transformer::LayerResiduals;
use kiti_nn::kinetic::Velocity;
use kiti_nn::residual::ArrangementKind;
use kiti_nn::{Context, VarStore, Variant, VariantSettings};

use crate::support::{assert_all_trained, numbers};

fn bert_config() -> BertConfig {
    BertConfig {
        vocab_size: 11,
        hidden_size: 12,
        num_hidden_layers: 2,
        num_attention_heads: 3,
        intermediate_size: 16,
        max_position_embeddings: 9,
        ..BertConfig::default()
    }
}

fn gpt2_config() -> Gpt2Config {
    Gpt2Config {
        vocab_size: 13,
        n_positions: 10,
        n_embd: 12,
        n_layer: 2,
        n_head: 3,
        ..Gpt2Config::default()
    }
}

fn residuals(variant: Variant, velocity: Velocity) -> LayerResiduals {
    let settings = VariantSettings {
        arrangement: ArrangementKind::Tokens,
        token_dims: 2,
        velocity,
        ..VariantSettings::default()
    };
    LayerResiduals::everywhere(variant.config(&settings))
}

fn memoryless(variant: Variant) -> LayerResiduals {
    residuals(variant, Velocity::Memoryless)
}

fn bert(residuals: &LayerResiduals) -> (BertForSequenceClassification, VarStore) {
    let store = VarStore::new(5, DType::F32, &Device::Cpu);
    let model = BertForSequenceClassification::new(&bert_config(), residuals, store.builder());
    (model.unwrap(), store)
}

fn gpt2(residuals: &LayerResiduals) -> (Gpt2, VarStore) {
    let store = VarStore::new(5, DType::F32, &Device::Cpu);
    let model = Gpt2::new(&gpt2_config(), residuals, store.builder()).unwrap();
    (model, store)
}

fn ids(rows: &[&[u32]]) -> Tensor {
    let rows: Vec<Vec<u32>> = rows.iter().map(|row| row.to_vec()).collect();
    Tensor::new(rows, &Device::Cpu).unwrap()
}

/// All tokens, positions and both segments occur, and padding; samples enough that not all are dropped at once.
fn pairs() -> TokenBatch {
    let (whole, short) = (&[1u32; 9][..], &[1, 1, 1, 1, 1, 1, 1, 0, 0][..]);
    let (one, other) = (
        &[1u32, 2, 3, 4, 5, 6, 7, 8, 9][..],
        &[10, 1, 2, 0, 4, 5, 6, 0, 0][..],
    );
    TokenBatch {
        attention_mask: Some(ids(&[whole, short, whole, short])),
        token_type_ids: Some(ids(&[&[0, 0, 0, 0, 0, 1, 1, 1, 1][..]; 4])),
        ..TokenBatch::new(ids(&[one, other, other, one]))
    }
}

#[test]
fn every_variable_of_bert_gets_a_gradient_with_every_residual() {
    for &variant in Variant::ALL {
        let (model, store) = bert(&memoryless(variant));
        let logits = model.forward_t(&pairs(), &Context::train(1, 0)).unwrap();
        let targets = Tensor::new(&[1u32, 0, 0, 1], &Device::Cpu).unwrap();
        let loss = kiti_nn::cross_entropy(&logits, &targets).unwrap();
        assert_all_trained(variant.name(), &store, &loss);
    }
}

#[test]
fn every_variable_of_gpt2_gets_a_gradient_with_every_residual() {
    // Samples enough that not all are dropped at once.
    let tokens = ids(&[&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10][..]; 4]);
    let targets = ids(&[&[2, 3, 4, 5, 6, 7, 8, 9, 10, 11][..]; 4]);
    for &variant in Variant::ALL {
        let (model, store) = gpt2(&memoryless(variant));
        let ctx = Context::train(1, 0);
        let loss = model.loss_t(&tokens, &targets, &ctx).unwrap();
        assert_all_trained(variant.name(), &store, &loss);
        // The loss is that of the logits.
        let logits = model.forward_t(&tokens, &ctx).unwrap();
        let logits = logits.reshape((40, 13)).unwrap();
        let expected = kiti_nn::cross_entropy(&logits, &targets.flatten_all().unwrap()).unwrap();
        let (found, expected) = (numbers(&loss)[0], numbers(&expected)[0]);
        assert!((found - expected).abs() < 1e-6 * expected, "{variant}");
    }
}

#[test]
fn a_later_token_changes_nothing_before_it() {
    let (one, other) = (
        ids(&[&[1, 2, 3, 4, 5, 6, 7, 8]]),
        ids(&[&[1, 2, 3, 4, 5, 12, 0, 3]]),
    );
    for &variant in Variant::ALL {
        for velocity in [Velocity::Memoryless, Velocity::Inertial] {
            let (model, _) = gpt2(&residuals(variant, velocity));
            let ctx = Context::train(2, 9);
            let output = |ids: &Tensor, first: usize, length: usize| {
                let logits = model.forward_t(ids, &ctx).unwrap();
                numbers(&logits.narrow(1, first, length).unwrap())
            };
            assert_eq!(output(&one, 0, 5), output(&other, 0, 5), "{variant}");
            assert_ne!(output(&one, 5, 3), output(&other, 5, 3), "{variant}");
        }
    }
}

#[test]
fn in_evaluation_every_memoryless_residual_is_the_addition() {
    let tokens = ids(&[&[1, 2, 3, 4]]);
    let of_gpt2 = |residuals: &LayerResiduals, ctx: &Context| {
        numbers(&gpt2(residuals).0.forward_t(&tokens, ctx).unwrap())
    };
    let of_bert = |residuals: &LayerResiduals, ctx: &Context| {
        numbers(&bert(residuals).0.forward_t(&pairs(), ctx).unwrap())
    };
    let (plain, evaluate) = (LayerResiduals::default(), Context::evaluate());
    let train = Context::train(0, 0);
    for &variant in Variant::ALL {
        let kinetic = memoryless(variant);
        assert_eq!(of_gpt2(&kinetic, &evaluate), of_gpt2(&plain, &evaluate));
        assert_eq!(of_bert(&kinetic, &evaluate), of_bert(&plain, &evaluate));
        if variant != Variant::Additive {
            assert_ne!(of_gpt2(&kinetic, &train), of_gpt2(&plain, &train));
            assert_ne!(of_bert(&kinetic, &train), of_bert(&plain, &train));
        }
    }
}

#[test]
fn padding_changes_nothing_about_a_sequence() {
    let (model, _) = bert(&LayerResiduals::default());
    let short = TokenBatch::new(ids(&[&[1, 2, 3]]));
    let padded = TokenBatch {
        attention_mask: Some(ids(&[&[1, 1, 1, 0, 0]])),
        ..TokenBatch::new(ids(&[&[1, 2, 3, 7, 0]]))
    };
    let output = |batch| numbers(&model.forward_t(&batch, &Context::evaluate()).unwrap());
    // Sums over a block of another length are rounded in another order.
    for (a, b) in output(short).iter().zip(output(padded)) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}

#[test]
fn tokens_one_by_one_give_what_all_at_once_give() {
    let tokens = ids(&[&[1, 2, 3, 4, 5, 6], &[6, 5, 4, 3, 2, 1]]);
    let residuals = residuals(Variant::Reflection, Velocity::Inertial);
    let (model, _) = gpt2(&residuals);
    let all = model.forward_t(&tokens, &Context::evaluate()).unwrap();
    let mut cache = KeyValueCache::new();
    for (first, length) in [(0, 3), (3, 1), (4, 2)] {
        let next = tokens.narrow(1, first, length).unwrap();
        let found = model.forward_cached(&next, &mut cache).unwrap();
        let expected = all.narrow(1, first + length - 1, 1).unwrap();
        // Blocks of another length sum in another order.
        for (a, b) in numbers(&found).iter().zip(numbers(&expected)) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }
    assert_eq!(cache.length(), 6);
}

#[test]
fn only_the_chosen_layers_and_places_have_the_residual() {
    let tokens = ids(&[&[1, 2, 3, 4]]);
    let logits = |residuals: &LayerResiduals| {
        let config = Gpt2Config {
            resid_pdrop: 0.0,
            embd_pdrop: 0.0,
            attn_pdrop: 0.0,
            ..gpt2_config()
        };
        let store = VarStore::new(5, DType::F32, &Device::Cpu);
        let model = Gpt2::new(&config, residuals, store.builder()).unwrap();
        numbers(&model.forward_t(&tokens, &Context::train(1, 1)).unwrap())
    };
    let all = memoryless(Variant::Reflection);
    let none = LayerResiduals {
        last_layers: Some(0),
        ..all.clone()
    };
    let neither = LayerResiduals {
        attention: false,
        feed_forward: false,
        ..all.clone()
    };
    let last = LayerResiduals {
        last_layers: Some(1),
        ..all.clone()
    };
    let plain = logits(&LayerResiduals::default());
    assert_eq!(logits(&none), plain);
    assert_eq!(logits(&neither), plain);
    assert_ne!(logits(&last), plain);
    assert_ne!(logits(&last), logits(&all));
}

#[test]
fn particles_of_several_tokens_and_inputs_that_do_not_fit_are_errors() {
    let grid = LayerResiduals::everywhere(Variant::Elastic.config(&VariantSettings::default()));
    let store = VarStore::new(0, DType::F32, &Device::Cpu);
    let error = Gpt2::new(&gpt2_config(), &grid, store.builder()).unwrap_err();
    assert!(error.to_string().contains("tokens"), "{error}");
    let odd = LayerResiduals::everywhere(Variant::Elastic.config(&VariantSettings {
        arrangement: ArrangementKind::Tokens,
        token_dims: 5,
        ..VariantSettings::default()
    }));
    let error = BertForSequenceClassification::new(&bert_config(), &odd, store.builder());
    assert!(error.unwrap_err().to_string().contains("divides"));

    let heads = Gpt2Config {
        n_head: 5,
        ..gpt2_config()
    };
    let error = Gpt2::new(&heads, &LayerResiduals::default(), store.builder()).unwrap_err();
    assert!(error.to_string().contains("n_head"), "{error}");

    let (model, _) = gpt2(&LayerResiduals::default());
    let evaluate = Context::evaluate();
    let long = model.forward_t(&ids(&[&[1; 11]]), &evaluate).unwrap_err();
    assert!(matches!(long, Error::Shape { .. }), "{long}");
    let unknown = model.forward_t(&ids(&[&[13]]), &evaluate).unwrap_err();
    assert!(unknown.to_string().contains("13"), "{unknown}");
    let mut cache = KeyValueCache::new();
    model.forward_cached(&ids(&[&[1; 10]]), &mut cache).unwrap();
    let full = model.forward_cached(&ids(&[&[1]]), &mut cache).unwrap_err();
    assert!(matches!(full, Error::Shape { .. }), "{full}");

    let (model, _) = bert(&LayerResiduals::default());
    let uneven = TokenBatch {
        attention_mask: Some(ids(&[&[1, 1]])),
        ..TokenBatch::new(ids(&[&[1, 2, 3]]))
    };
    let error = model.forward_t(&uneven, &evaluate).unwrap_err();
    assert!(error.to_string().contains("attention_mask"), "{error}");
}

/// transformers counts 22,713,216 for the encoder of all-MiniLM-L6-v2, pooler included.
#[test]
fn sizes_are_those_that_transformers_counts() {
    let heads = |config: &BertConfig| (config.hidden_size + 1) * config.num_labels;
    let minilm = BertConfig::minilm_l6();
    assert_eq!(minilm.parameter_count() - heads(&minilm), 22_713_216);
    let (_, store) = gpt2(&LayerResiduals::default());
    assert_eq!(store.parameter_count(), gpt2_config().parameter_count());
}

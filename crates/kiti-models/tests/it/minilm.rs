//! A real checkpoint beside transformers: `tests/reference/minilm_torch.py` made the fixture.
//!
//! The weights are not part of the repository: `KITI_MINILM` names their folder (config.json, model.safetensors, tokenizer.json);
//! without it the test says so and passes.

use candle::{Device, Tensor};
use kiti_models::bert::TokenBatch;
use kiti_models::hub::{PretrainedModel, from_pretrained};
use kiti_nn::context::Context;
use safetensors::SafeTensors;

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/golden/minilm.safetensors"
);

fn values(fixture: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let view = fixture.tensor(name).unwrap();
    let numbers = view.data().as_chunks::<4>().0;
    numbers
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect()
}

fn integers(fixture: &SafeTensors<'_>, name: &str) -> Vec<u32> {
    let view = fixture.tensor(name).unwrap();
    let numbers = view.data().as_chunks::<4>().0;
    numbers
        .iter()
        .map(|&bytes| u32::from_le_bytes(bytes))
        .collect()
}

#[test]
fn tokens_and_hidden_states_are_those_of_transformers() {
    let Ok(folder) = std::env::var("KITI_MINILM") else {
        eprintln!("skipped: set KITI_MINILM to the folder of all-MiniLM-L6-v2");
        return;
    };
    let bytes = std::fs::read(FIXTURE).unwrap();
    let fixture = SafeTensors::deserialize(&bytes).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    let sentences: Vec<String> = serde_json::from_str(&metadata["sentences"]).unwrap();
    let longest: usize = metadata["longest"].parse().unwrap();

    let start = std::time::Instant::now();
    let loaded = from_pretrained(&folder, None, &Device::Cpu).unwrap();
    eprintln!("loaded in {:.3} s", start.elapsed().as_secs_f64());
    let PretrainedModel::Bert(bert) = &loaded.model else {
        panic!("{:?}", loaded.architecture)
    };
    let tokenizer = loaded.tokenizer.unwrap();
    let (ids, mask) = (
        integers(&fixture, "input_ids"),
        integers(&fixture, "attention_mask"),
    );
    let width = ids.len() / sentences.len();
    for (row, sentence) in sentences.iter().enumerate() {
        let tokens = tokenizer.encode(sentence, None, longest).unwrap();
        let count = mask[row * width..(row + 1) * width].iter().sum::<u32>() as usize;
        assert_eq!(
            tokens.ids,
            ids[row * width..row * width + count],
            "{sentence}"
        );
    }

    let shape = (sentences.len(), width);
    let batch = TokenBatch {
        attention_mask: Some(Tensor::from_vec(mask.clone(), shape, &Device::Cpu).unwrap()),
        ..TokenBatch::new(Tensor::from_vec(ids, shape, &Device::Cpu).unwrap())
    };
    let states = bert.forward_t(&batch, &Context::evaluate()).unwrap();
    let states: Vec<Vec<Vec<f32>>> = states.to_vec3().unwrap();
    let (first, last, mean) = (
        values(&fixture, "first"),
        values(&fixture, "last"),
        values(&fixture, "mean"),
    );
    let hidden = first.len() / sentences.len();
    // Six layers in single precision, summed in another order.
    let close = |found: f32, expected: f32, place: &str, row: usize| {
        let place = format!("{place} of {:?}", sentences[row]);
        assert!(
            (found - expected).abs() < 1e-4,
            "{place}: {found} != {expected}"
        );
    };
    for (row, states) in states.iter().enumerate() {
        let count = mask[row * width..(row + 1) * width].iter().sum::<u32>() as usize;
        for column in 0..hidden {
            let at = row * hidden + column;
            close(states[0][column], first[at], "first token", row);
            close(states[count - 1][column], last[at], "last token", row);
            let sum: f32 = states[..count].iter().map(|state| state[column]).sum();
            close(sum / count as f32, mean[at], "mean", row);
        }
    }
}

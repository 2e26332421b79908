//! Matrices of |cos| between neurons as pictures.

use std::collections::BTreeMap;

use kiti_nn::condensation::Neurons;

use super::weights::Weight;
use crate::failure::Outcome;
use crate::render::colour_map::ColourMap;
use crate::render::field_picture::{FieldPicture, PanelGroup};
use crate::render::raster::Raster;

/// More neurons than this cannot be told apart in a picture.
const ROWS: usize = 128;

/// A matrix of fewer neurons shows nothing.
const LEAST: usize = 8;

/// |cos| of all pairs of neurons, of at most 128 of them; none where there is nothing to see.
pub fn heat_map(neurons: &Neurons) -> Outcome<Option<Raster>> {
    if neurons.count() < LEAST {
        return Ok(None);
    }
    let map = neurons.heat_map(ROWS)?;
    Ok(Raster::new(map.order.len(), map.order.len(), map.values))
}

/// A weight now, before training and of random numbers, side by side.
pub fn of_weight(weight: &Weight) -> Outcome<Option<FieldPicture>> {
    let (now, before, random) = &weight.neurons;
    let mut panels = Vec::new();
    for (title, neurons) in [
        ("now", Some(now)),
        ("before training", before.as_ref()),
        ("random numbers", Some(random)),
    ] {
        if let Some(raster) = neurons.map(heat_map).transpose()?.flatten() {
            panels.push((title.to_owned(), raster));
        }
    }
    if panels.is_empty() {
        return Ok(None);
    }
    let group = PanelGroup {
        panels,
        map: ColourMap::sequential(0.0, 1.0),
        unit: "|cos|".into(),
    };
    Ok(Some(FieldPicture {
        title: format!("|cos| between the neurons of {}", weight.name),
        rows: vec![(weight.name.clone(), vec![group])],
        axes: ("neuron".into(), "neuron".into()),
        panel: 220,
    }))
}

/// At most `limit` of the weights worth showing: of names that differ in their numbers only, the last.
pub fn chosen_weights(all: &BTreeMap<String, Neurons>, limit: usize) -> Vec<String> {
    let mut kinds = BTreeMap::new();
    for (name, neurons) in all {
        if neurons.count() >= LEAST {
            let kind: String = name
                .split('.')
                .filter(|part| part.parse::<u32>().is_err())
                .collect();
            kinds.insert(kind, name.clone());
        }
    }
    kinds.into_values().take(limit).collect()
}

#[cfg(test)]
mod tests {
    use candle::{Device, Tensor};
    use kiti_nn::condensation::neurons;

    use super::*;

    #[test]
    fn one_weight_of_each_kind_is_shown_and_small_ones_are_not() {
        let normal = |rows: usize| {
            let values: Vec<f32> = (0..rows * 4).map(|i| (i as f32 * 1.7).sin()).collect();
            Tensor::from_vec(values, (rows, 4), &Device::Cpu).expect("fits")
        };
        let tensors = BTreeMap::from([
            ("skip.0.weight".to_owned(), normal(12)),
            ("skip.1.weight".to_owned(), normal(12)),
            ("lift.weight".to_owned(), normal(9)),
            ("project2.weight".to_owned(), normal(1)),
        ]);
        let all = neurons(&tensors).expect("weights");
        assert_eq!(chosen_weights(&all, 4), ["lift.weight", "skip.1.weight"]);
        let map = heat_map(&all["lift.weight"])
            .expect("finite")
            .expect("nine neurons");
        assert_eq!(map.size(), (9, 9));
        assert!(
            (map.at(3, 3) - 1.0).abs() < 1e-5,
            "a neuron is parallel to itself"
        );
        assert!(heat_map(&all["project2.weight"]).expect("finite").is_none());
    }
}

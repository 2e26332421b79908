//! Measures of condensation as a table.

use kiti_nn::condensation::Measures;

use crate::render::number::significant;
use crate::render::table::Table;

/// What the measures mean, for a reader who has never met them.
pub const EXPLANATION: &str = "\
A neuron is described by the vector of its input weights. Training may turn many of these vectors into the same few directions: the layer \
condenses, and could do with fewer neurons. mean |cos| is the mean similarity of two neurons, 1 where all are parallel, beside what chance gives; \
leading share is how much of all directions the strongest one explains; effective rank counts how many directions are in use, here per neuron; \
clusters counts groups of neurons linked by |cos| above 0.7 or 0.95, per neuron (1 means that none are alike); Gini and largest tenth say how \
unequal the neurons' norms are; change is the distance from the weights before training, relative to their size.";

/// Rows of (thing, state, measures), the first column called `title`.
pub fn measures_table(title: &str, rows: &[(String, String, Measures)]) -> Table {
    let mut table = Table::new()
        .text(title)
        .text("state")
        .number("neurons")
        .number("dropped")
        .number("mean |cos|")
        .number("by chance")
        .number("leading share")
        .number("participation")
        .number("effective rank")
        .number("stable rank")
        .number("clusters 0.7")
        .number("clusters 0.95")
        .number("Gini")
        .number("largest tenth")
        .number("change");
    let mut previous = "";
    for (name, state, measures) in rows {
        let neurons = measures.neurons.max(1) as f64;
        let shown = |value: f64| significant(value, 3);
        let cells = [
            if name == previous {
                String::new()
            } else {
                name.clone()
            },
            state.clone(),
            measures.neurons.to_string(),
            measures.dropped.to_string(),
            shown(measures.mean_abs_cosine),
            shown(measures.random_abs_cosine),
            shown(measures.leading_share),
            shown(measures.participation_ratio / neurons),
            shown(measures.effective_rank / neurons),
            shown(measures.stable_rank / neurons),
            shown(measures.clusters_70),
            shown(measures.clusters_95),
            shown(measures.gini),
            shown(measures.largest_tenth_share),
            measures.relative_change.map_or_else(String::new, shown),
        ];
        if state == "now" {
            table.marked_row(cells)
        } else {
            table.row(cells)
        }
        previous = name;
    }
    table
}

/// The mean of every measure over several weights or runs; ranks are averaged per neuron. None of none.
pub fn summarised(all: &[Measures]) -> Option<Measures> {
    let count = all.len() as f64;
    if all.is_empty() {
        return None;
    }
    let mean = |value: fn(&Measures) -> f64| all.iter().map(value).sum::<f64>() / count;
    let neurons = all.iter().map(|measures| measures.neurons).sum::<usize>();
    let per_neuron = |value: fn(&Measures) -> f64| {
        let shares = all
            .iter()
            .map(|measures| value(measures) / measures.neurons.max(1) as f64);
        shares.sum::<f64>() / count * neurons as f64
    };
    let changes: Vec<f64> = all
        .iter()
        .filter_map(|measures| measures.relative_change)
        .collect();
    Some(Measures {
        neurons,
        inputs: all.iter().map(|measures| measures.inputs).sum(),
        dropped: all.iter().map(|measures| measures.dropped).sum(),
        spectrum_rows: all.iter().map(|measures| measures.spectrum_rows).sum(),
        mean_abs_cosine: mean(|measures| measures.mean_abs_cosine),
        random_abs_cosine: mean(|measures| measures.random_abs_cosine),
        leading_share: mean(|measures| measures.leading_share),
        participation_ratio: per_neuron(|measures| measures.participation_ratio),
        effective_rank: per_neuron(|measures| measures.effective_rank),
        stable_rank: per_neuron(|measures| measures.stable_rank),
        clusters_70: mean(|measures| measures.clusters_70),
        clusters_95: mean(|measures| measures.clusters_95),
        gini: mean(|measures| measures.gini),
        largest_tenth_share: mean(|measures| measures.largest_tenth_share),
        relative_change: (!changes.is_empty())
            .then(|| changes.iter().sum::<f64>() / changes.len() as f64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_per_weight_and_ranks_per_neuron() {
        let small = Measures {
            neurons: 10,
            effective_rank: 5.0,
            gini: 0.2,
            ..Measures::default()
        };
        let large = Measures {
            neurons: 100,
            effective_rank: 100.0,
            gini: 0.4,
            relative_change: Some(2.0),
            ..Measures::default()
        };
        let mean = summarised(&[small, large]).expect("two weights");
        assert!((mean.effective_rank / mean.neurons as f64 - 0.75).abs() < 1e-12);
        assert!((mean.gini - 0.3).abs() < 1e-12);
        assert_eq!(mean.relative_change, Some(2.0));
        assert!(summarised(&[]).is_none());
    }

    #[test]
    fn a_weight_is_named_once() {
        let row = |state: &str| ("lift".to_owned(), state.to_owned(), Measures::default());
        let text = measures_table("weight", &[row("now"), row("random numbers")]).to_text();
        assert_eq!(text.matches("lift").count(), 1, "{text}");
    }
}

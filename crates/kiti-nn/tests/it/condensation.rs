//! Condensation measures against closed forms and against a plain implementation.

use std::collections::BTreeMap;

use candle::{DType, Device, Tensor};
use kiti_nn::condensation::{self, GRAM_LIMIT, Measures, NeuronKind, Neurons, TILE};
use nalgebra::DMatrix;

use crate::support::normal;

fn neurons(rows: &Tensor) -> Neurons {
    Neurons::new("w", rows, None, NeuronKind::Linear).unwrap()
}

fn matrix(rows: usize, columns: usize, f: impl Fn(usize, usize) -> f64) -> Tensor {
    let values: Vec<f64> = (0..rows * columns)
        .map(|at| f(at / columns, at % columns))
        .collect();
    Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
}

fn assert_close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 1e-10 * (1.0 + expected.abs()),
        "{found} {expected}"
    );
}

#[test]
fn orthogonal_neurons_are_not_condensed_at_all() {
    let measures = neurons(&matrix(6, 8, |i, j| f64::from(i == j) * 3.0))
        .measures()
        .unwrap();
    assert_eq!(
        (measures.neurons, measures.inputs, measures.dropped),
        (6, 8, 0)
    );
    assert_close(measures.mean_abs_cosine, 0.0);
    assert_close(measures.leading_share, 1.0 / 6.0);
    assert_close(measures.participation_ratio, 6.0);
    assert_close(measures.effective_rank, 6.0);
    assert_close(measures.stable_rank, 6.0);
    assert_close(measures.clusters_70, 1.0);
    assert_close(measures.clusters_95, 1.0);
    assert_close(measures.gini, 0.0);
    assert_close(measures.largest_tenth_share, 1.0 / 6.0);
    assert_close(
        measures.random_abs_cosine,
        (1.0 / (4.0 * std::f64::consts::PI)).sqrt(),
    );
}

#[test]
fn parallel_neurons_are_one_direction() {
    // Lengths 1 .. 20 and both signs.
    let rank_one = matrix(20, 5, |i, j| {
        (i as f64 + 1.0) * (j as f64 - 1.5) * if i % 3 == 0 { -1.0 } else { 1.0 }
    });
    let measures = neurons(&rank_one).measures().unwrap();
    assert_close(measures.mean_abs_cosine, 1.0);
    assert_close(measures.leading_share, 1.0);
    assert_close(measures.participation_ratio, 1.0);
    assert!((measures.effective_rank - 1.0).abs() < 1e-8);
    assert_close(measures.stable_rank, 1.0);
    assert_close(measures.clusters_70, 1.0 / 20.0);
    // Of the numbers 1 .. n the Gini coefficient is (n - 1) / (3 n).
    assert_close(measures.gini, 19.0 / 60.0);
    assert_close(measures.largest_tenth_share, 39.0 / 210.0);
}

/// Three orthogonal directions with 2, 3 and 5 neurons: eigenvalues 2, 3 and 5.
#[test]
fn orthogonal_clusters_are_counted() {
    let of = |row: usize| [0, 0, 1, 1, 1, 2, 2, 2, 2, 2][row];
    let clusters = matrix(10, 4, |i, j| f64::from(of(i) == j));
    let measures = neurons(&clusters).measures().unwrap();
    assert_close(measures.clusters_70, 0.3);
    assert_close(measures.clusters_95, 0.3);
    assert_close(measures.leading_share, 0.5);
    assert_close(measures.participation_ratio, 100.0 / 38.0);
    let entropy: f64 = [0.2f64, 0.3, 0.5].iter().map(|p| -p * p.ln()).sum();
    assert_close(measures.effective_rank, entropy.exp());
    // 1 + 3 + 10 pairs within clusters, of 45.
    assert_close(measures.mean_abs_cosine, 14.0 / 45.0);

    let map = neurons(&clusters).heat_map(100).unwrap();
    let mut last: Vec<usize> = map.order[5..].to_vec();
    last.sort_unstable();
    assert_eq!(
        last,
        [5, 6, 7, 8, 9],
        "the leading direction stands together at the end"
    );
    for (at, value) in map.values.iter().enumerate() {
        let same = of(map.order[at / 10]) == of(map.order[at % 10]);
        assert!((value - f32::from(u8::from(same))).abs() < 1e-6);
    }
}

/// cos 0.8 links at 0.7 and not at 0.95; three in a chain are one cluster though the ends are apart.
#[test]
fn linkage_is_single() {
    let angle = 0.8f64.acos();
    let fan = matrix(3, 2, |i, j| {
        let angle = angle * i as f64;
        if j == 0 { angle.cos() } else { angle.sin() }
    });
    let measures = neurons(&fan).measures().unwrap();
    assert_close(measures.clusters_70, 1.0 / 3.0);
    assert_close(measures.clusters_95, 1.0);
}

#[test]
fn short_rows_are_dropped_and_counted() {
    let rows = matrix(5, 4, |i, j| {
        f64::from(i == j) * [1.0, 2e-3, 9e-4, 0.0, 0.0][i]
    });
    let measures = neurons(&rows).measures().unwrap();
    assert_eq!((measures.neurons, measures.dropped), (5, 3));
    assert_close(measures.participation_ratio, 2.0);
    let nothing = neurons(&rows.zeros_like().unwrap());
    let measures = nothing.measures().unwrap();
    let expected = Measures {
        neurons: 5,
        inputs: 4,
        dropped: 5,
        ..Measures::default()
    };
    assert_eq!(measures, expected);
    assert!(nothing.heat_map(10).unwrap().order.is_empty());
}

/// Random directions in k dimensions have mean |cos| = G(k/2) / (sqrt(pi) G((k+1)/2)), about
/// sqrt(2 / (pi k)), and cosines of variance 1/k; pairs that share a row are uncorrelated, so that the standard error
/// is that of independent pairs.
#[test]
fn random_neurons_meet_their_expectation() {
    let (m, k) = (300, 40);
    let measures = neurons(&matrix(m, k, |_, _| 1.0))
        .random_like(7)
        .unwrap()
        .measures()
        .unwrap();
    let pairs = (m * (m - 1) / 2) as f64;
    let exact = measures.random_abs_cosine * (1.0 + 1.0 / (4.0 * k as f64));
    let deviation = (1.0 / k as f64 - exact * exact).sqrt();
    let error = (measures.mean_abs_cosine - exact) / (deviation / pairs.sqrt());
    assert!(error.abs() < 4.0, "{error} standard errors");
    // sum l^2 = m + sum of squared cosines of all ordered pairs, whose mean is 1/k with variance
    // 2 (k - 1) / (k^2 (k + 2)).
    let squares = (m * m) as f64 / measures.participation_ratio;
    let mean_square = (squares - m as f64) / (2.0 * pairs);
    let deviation = (2.0 * (k as f64 - 1.0) / ((k * k) as f64 * (k as f64 + 2.0))).sqrt();
    let error = (mean_square - 1.0 / k as f64) / (deviation / pairs.sqrt());
    assert!(error.abs() < 4.0, "{error} standard errors");
}

/// Straight from the definitions, with the (m, m) matrix.
fn plain(rows: &DMatrix<f64>) -> Measures {
    let norms: Vec<f64> = rows.row_iter().map(|row| row.norm()).collect();
    let largest = norms.iter().copied().fold(0.0, f64::max);
    let kept: Vec<usize> = (0..norms.len())
        .filter(|&i| norms[i] >= 1e-3 * largest)
        .collect();
    let m = kept.len();
    let cosine = |i: usize, j: usize| {
        (rows.row(kept[i]).dot(&rows.row(kept[j])) / norms[kept[i]] / norms[kept[j]]).abs()
    };
    let signed = |i: usize, j: usize| {
        rows.row(kept[i]).dot(&rows.row(kept[j])) / norms[kept[i]] / norms[kept[j]]
    };
    let eigenvalues = DMatrix::from_fn(m, m, signed).symmetric_eigenvalues();
    let clusters = |threshold: f64| {
        let mut label: Vec<usize> = (0..m).collect();
        loop {
            let before = label.clone();
            for i in 0..m {
                for j in 0..m {
                    if i != j && cosine(i, j) > threshold {
                        label[i] = label[i].min(label[j]);
                    }
                }
            }
            if label == before {
                break;
            }
        }
        label.sort_unstable();
        label.dedup();
        label.len() as f64 / m as f64
    };
    let mut off = 0.0;
    for i in 0..m {
        for j in 0..m {
            off += if i == j { 0.0 } else { cosine(i, j) };
        }
    }
    let differences: f64 = norms
        .iter()
        .flat_map(|a| norms.iter().map(move |b| (a - b).abs()))
        .sum();
    let total: f64 = norms.iter().sum();
    let mut sorted = norms.clone();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let singular = rows.singular_values();
    Measures {
        neurons: norms.len(),
        inputs: rows.ncols(),
        dropped: norms.len() - m,
        spectrum_rows: m,
        mean_abs_cosine: off / (m * (m - 1)) as f64,
        random_abs_cosine: (2.0 / (std::f64::consts::PI * rows.ncols() as f64)).sqrt(),
        leading_share: eigenvalues.max() / m as f64,
        participation_ratio: (m * m) as f64 / eigenvalues.map(|l| l * l).sum(),
        effective_rank: eigenvalues
            .iter()
            .map(|l| l.max(0.0) / m as f64)
            .map(|p| if p > 0.0 { -p * p.ln() } else { 0.0 })
            .sum::<f64>()
            .exp(),
        stable_rank: rows.norm_squared() / (singular[0] * singular[0]),
        clusters_70: clusters(0.7),
        clusters_95: clusters(0.95),
        gini: differences / (2.0 * norms.len() as f64 * total),
        largest_tenth_share: sorted[..norms.len().div_ceil(10)].iter().sum::<f64>() / total,
        relative_change: None,
    }
}

#[test]
fn measures_equal_a_plain_implementation() {
    for (m, k) in [(40, 3), (12, 30)] {
        // Neurons near a few directions, with very different norms.
        let noise = normal("noise", &[m, k], DType::F64)
            .to_vec2::<f64>()
            .unwrap();
        let centres = normal("centres", &[4, k], DType::F64)
            .to_vec2::<f64>()
            .unwrap();
        let rows = matrix(m, k, |i, j| {
            (centres[i % 4][j] + 0.3 * noise[i][j]) * 0.9f64.powi(i as i32)
        });
        let found = neurons(&rows).measures().unwrap();
        let flat = rows.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let expected = plain(&DMatrix::from_row_slice(m, k, &flat));
        let fields = |measures: &Measures| {
            let value = serde_json::to_value(measures).unwrap();
            value.as_object().unwrap().clone()
        };
        for (name, expected) in fields(&expected) {
            let found = &fields(&found)[&name];
            let (Some(found), Some(expected)) = (found.as_f64(), expected.as_f64()) else {
                assert_eq!(*found, expected, "{name}");
                continue;
            };
            assert!(
                (found - expected).abs() < 1e-9 * (1.0 + expected),
                "{name}: {found} {expected}"
            );
        }
    }
}

/// Cosines of `i / m` of a half turn: more rows than a tile has, with known clusters and mean.
#[test]
fn tiles_cover_every_pair_once() {
    let m = TILE + 100;
    let fan = matrix(m, 2, |i, j| {
        let angle = std::f64::consts::PI * i as f64 / m as f64;
        if j == 0 { angle.cos() } else { angle.sin() }
    });
    let measures = neurons(&fan).measures().unwrap();
    let difference = |d: usize| (std::f64::consts::PI * d as f64 / m as f64).cos().abs();
    let sum: f64 = (1..m).map(|d| (m - d) as f64 * difference(d)).sum();
    assert_close(measures.mean_abs_cosine, sum / (m * (m - 1) / 2) as f64);
    assert_close(measures.clusters_95, 1.0 / m as f64);
    assert_close(measures.participation_ratio, 2.0);
}

#[test]
fn a_checkpoint_is_read_by_names_and_shapes() {
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap();
    let checkpoint = BTreeMap::from(
        [
            ("lift.weight", ones(&[4, 3])),
            ("lift.bias", ones(&[4])),
            ("skip.0.weight", ones(&[4, 4, 1, 1])),
            ("skip.0.bias", ones(&[4])),
            ("spectral.0.weight.0", ones(&[4, 5, 6, 7, 2])),
            ("spectral.0.weight.1", ones(&[4, 5, 6, 7, 2])),
            ("h.0.attn.c_proj.weight", ones(&[3, 8])),
            ("h.0.attn.c_proj.bias", ones(&[8])),
            ("words.weight", ones(&[9, 3]).to_dtype(DType::BF16).unwrap()),
            ("words.bias", ones(&[11])),
            ("norm.weight", ones(&[4])),
            (
                "positions.weight",
                ones(&[4, 4]).to_dtype(DType::U32).unwrap(),
            ),
            ("scale", ones(&[])),
        ]
        .map(|(name, tensor)| (name.to_owned(), tensor)),
    );
    let neurons = condensation::neurons(&checkpoint).unwrap();
    let shapes: Vec<(&str, usize, usize)> = neurons
        .iter()
        .map(|(name, neurons)| (name.as_str(), neurons.count(), neurons.inputs()))
        .collect();
    assert_eq!(
        shapes,
        [
            ("h.0.attn.c_proj.weight", 8, 4),
            ("lift.weight", 4, 4),
            ("skip.0.weight", 4, 5),
            ("spectral.0.weight", 20, 168),
            ("words.weight", 9, 3),
        ]
    );
    let mut initial = checkpoint.clone();
    let doubled = (&checkpoint["lift.weight"] * 2.0).unwrap();
    initial.insert("lift.weight".to_owned(), doubled);
    let measures = condensation::measure(&checkpoint, Some(&initial)).unwrap();
    // W - W_0 is -1 in 12 places; W_0 has 12 twos and 4 ones.
    assert_close(
        measures["lift.weight"].relative_change.unwrap(),
        (12f64 / 52.0).sqrt(),
    );
    assert_close(measures["skip.0.weight"].relative_change.unwrap(), 0.0);

    let mut broken = checkpoint.clone();
    broken.insert(
        "lift.weight".to_owned(),
        (ones(&[4, 3]) * f64::NAN).unwrap(),
    );
    let message = condensation::measure(&broken, None)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("lift.weight") && message.contains("NaN"),
        "{message}"
    );
}

/// Rows are orthogonal in groups, so that evenly spaced ones have the same shares as all.
#[test]
fn very_large_layers_are_measured_from_fewer_rows() {
    let (m, k) = (2 * GRAM_LIMIT, 20);
    let rows = matrix(m, k, |i, j| f64::from(i % 2 == j) * (1.0 + (i % 3) as f64));
    let tall = neurons(&rows).measures().unwrap();
    assert_eq!(tall.spectrum_rows, m, "few inputs: all rows count");
    assert_close(tall.participation_ratio, 2.0);
    let map = neurons(&rows).heat_map(64).unwrap();
    assert_eq!((map.order.len(), map.values.len()), (64, 64 * 64));
}

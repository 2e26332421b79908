//! Weights read as neurons.

use std::collections::BTreeMap;

use candle::{DType, Device, Tensor};
use kiti_kinetics::rng::{Stream, derive_seed};

use super::{HeatMap, Measures};
use crate::error::Error;

/// How a tensor is read as neurons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeuronKind {
    /// `(out, in)`: a row is a neuron. Matrices named `….weight`; embeddings are among them, with a
    /// vector for every word.
    Linear,
    /// `(in, out)`: a column is a neuron, as GPT-2 stores its `c_attn`, `c_proj` and `c_fc`.
    LinearTransposed,
    /// `(out, in, …)`: an output channel is a neuron. Three to five dimensions, named `….weight`.
    Convolution,
    /// `(in, out, modes …, 2)`: a pair of channels is a neuron with all its modes, real and imaginary
    /// parts. Named `….weight.0`, `….weight.1`, whose modes are joined.
    Spectral,
}

impl NeuronKind {
    /// How a tensor of this name and shape is read; none if it is no weight.
    pub fn guess(name: &str, shape: &[usize]) -> Option<Self> {
        if spectral_block(name).is_some() {
            return (shape.len() >= 4 && shape.last() == Some(&2)).then_some(Self::Spectral);
        }
        let (layer, _) = name
            .rsplit_once(".weight")
            .filter(|(_, rest)| rest.is_empty())?;
        let layer = layer.rsplit('.').next().unwrap_or(layer);
        match shape.len() {
            2 if matches!(layer, "c_attn" | "c_proj" | "c_fc") => Some(Self::LinearTransposed),
            2 => Some(Self::Linear),
            3..=5 => Some(Self::Convolution),
            _ => None,
        }
    }
}

/// Name and number of a block `NAME.weight.NUMBER`.
fn spectral_block(name: &str) -> Option<(&str, usize)> {
    let (weight, number) = name.rsplit_once('.')?;
    (weight == "weight" || weight.ends_with(".weight")).then_some(())?;
    Some((weight, number.parse().ok()?))
}

/// The m neurons of a weight, each with its k input weights: a matrix `(m, k)`.
#[derive(Debug, Clone)]
pub struct Neurons {
    pub(super) name: String,
    /// `f64`, on the CPU.
    pub(super) matrix: Tensor,
}

impl Neurons {
    /// Reads one weight. A bias, one number a neuron, is appended to each vector; spectral weights have
    /// none.
    ///
    /// # Errors
    ///
    /// [`Error::Weight`] for a shape that `kind` does not allow, a bias of another length, NaN or
    /// infinity.
    pub fn new(
        name: &str,
        weight: &Tensor,
        bias: Option<&Tensor>,
        kind: NeuronKind,
    ) -> candle::Result<Self> {
        let refuse = |message| -> candle::Error {
            let shape = weight.dims().to_vec();
            Error::Weight {
                name: name.to_owned(),
                shape,
                message,
            }
            .into()
        };
        let weight = &weight
            .detach()
            .to_device(&Device::Cpu)?
            .to_dtype(DType::F64)?;
        let matrix = match (kind, weight.dims()) {
            (NeuronKind::Linear, [_, _]) => weight.clone(),
            (NeuronKind::LinearTransposed, [_, _]) => weight.t()?,
            (NeuronKind::Convolution, [_, _, ..]) => weight.flatten_from(1)?,
            (NeuronKind::Spectral, [inputs, outputs, .., 2]) => {
                let pairs = inputs * outputs;
                weight.reshape((pairs, weight.elem_count() / pairs.max(1)))?
            }
            _ => return Err(refuse("its dimensions are not those of such a layer")),
        };
        let matrix = match bias {
            Some(bias) if bias.dims() != [matrix.dim(0)?] => {
                return Err(refuse("its bias does not have one number a neuron"));
            }
            Some(bias) => {
                let bias = bias
                    .detach()
                    .to_device(&Device::Cpu)?
                    .to_dtype(DType::F64)?;
                Tensor::cat(&[&matrix, &bias.unsqueeze(1)?], 1)?
            }
            None => matrix,
        };
        let matrix = matrix.contiguous()?;
        if matrix.elem_count() == 0 {
            return Err(refuse("it is empty"));
        }
        if !matrix.abs()?.sum_all()?.to_scalar::<f64>()?.is_finite() {
            return Err(refuse("it holds NaN or infinity"));
        }
        Ok(Self {
            name: name.to_owned(),
            matrix,
        })
    }

    /// The weight's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of neurons, m.
    pub fn count(&self) -> usize {
        self.matrix.dims()[0]
    }

    /// Input weights of a neuron, k.
    pub fn inputs(&self) -> usize {
        self.matrix.dims()[1]
    }

    /// Independent normal weights in the same shape: what chance alone looks like. A function of the
    /// seed and the name.
    ///
    /// # Errors
    ///
    /// Those of candle.
    pub fn random_like(&self, seed: u64) -> candle::Result<Self> {
        let name = format!("condensation/{}", self.name);
        let mut stream = Stream::new(derive_seed(seed, &name), [0; 3]);
        let values: Vec<f64> = (0..self.matrix.elem_count())
            .map(|_| stream.normal())
            .collect();
        Ok(Self {
            name: self.name.clone(),
            matrix: Tensor::from_vec(values, self.matrix.shape(), &Device::Cpu)?,
        })
    }

    /// How condensed the neurons are.
    ///
    /// # Errors
    ///
    /// Those of candle.
    pub fn measures(&self) -> candle::Result<Measures> {
        Measures::of(self)
    }

    /// `|cos|` of all pairs of neurons, of at most `limit` of them.
    ///
    /// # Errors
    ///
    /// Those of candle.
    pub fn heat_map(&self, limit: usize) -> candle::Result<HeatMap> {
        HeatMap::of(self, limit)
    }

    /// `|W - W_0| / |W_0|` in the Frobenius norm; none where `W_0` is 0.
    ///
    /// # Errors
    ///
    /// [`Error::Weight`] where the shapes differ.
    pub fn relative_change(&self, initial: &Self) -> candle::Result<Option<f64>> {
        if self.matrix.dims() != initial.matrix.dims() {
            return Err(Error::Weight {
                name: self.name.clone(),
                shape: self.matrix.dims().to_vec(),
                message: "before training it had another shape",
            }
            .into());
        }
        let norm = |tensor: &Tensor| tensor.sqr()?.sum_all()?.to_scalar::<f64>().map(f64::sqrt);
        let before = norm(&initial.matrix)?;
        let change = norm(&(&self.matrix - &initial.matrix)?)?;
        Ok((before > 0.0).then(|| change / before))
    }

    /// Norm of every row.
    pub(super) fn norms(&self) -> candle::Result<Vec<f64>> {
        self.matrix.sqr()?.sum(1)?.sqrt()?.to_vec1()
    }

    /// The rows that are long enough, and their numbers, normalised.
    pub(super) fn normalised(&self, norms: &[f64]) -> candle::Result<(Tensor, Vec<usize>)> {
        /// Of the largest norm.
        const SHORTEST: f64 = 1e-3;
        let largest = norms.iter().copied().fold(0.0, f64::max);
        let kept: Vec<usize> = (0..norms.len())
            .filter(|&row| norms[row] > 0.0 && norms[row] >= SHORTEST * largest)
            .collect();
        let rows: Vec<u32> = kept.iter().map(|&row| row as u32).collect();
        let lengths: Vec<f64> = kept.iter().map(|&row| norms[row]).collect();
        let count = kept.len();
        if count == 0 {
            return Ok((
                Tensor::zeros((0, self.inputs()), DType::F64, &Device::Cpu)?,
                kept,
            ));
        }
        let rows = Tensor::from_vec(rows, count, &Device::Cpu)?;
        let lengths = Tensor::from_vec(lengths, (count, 1), &Device::Cpu)?;
        Ok((
            self.matrix
                .index_select(&rows, 0)?
                .broadcast_div(&lengths)?,
            kept,
        ))
    }
}

/// The neurons of every weight of a checkpoint.
pub(super) fn of_checkpoint(
    tensors: &BTreeMap<&str, &Tensor>,
) -> candle::Result<BTreeMap<String, Neurons>> {
    let mut spectral: BTreeMap<&str, Vec<(usize, Neurons)>> = BTreeMap::new();
    let mut neurons = BTreeMap::new();
    for (&name, &tensor) in tensors {
        let Some(kind) =
            NeuronKind::guess(name, tensor.dims()).filter(|_| tensor.dtype().is_float())
        else {
            continue;
        };
        if let (NeuronKind::Spectral, Some((weight, number))) = (kind, spectral_block(name)) {
            let block = Neurons::new(name, tensor, None, kind)?;
            spectral.entry(weight).or_default().push((number, block));
            continue;
        }
        let bias = name
            .strip_suffix("weight")
            .map(|layer| format!("{layer}bias"));
        let bias = bias.and_then(|bias| tensors.get(bias.as_str()).copied());
        let outputs = if kind == NeuronKind::LinearTransposed {
            1
        } else {
            0
        };
        // A bias of another length belongs to something else, such as an output layer that shares
        // an embedding.
        let bias = bias.filter(|bias| bias.dims() == [tensor.dims()[outputs]]);
        neurons.insert(name.to_owned(), Neurons::new(name, tensor, bias, kind)?);
    }
    for (name, mut blocks) in spectral {
        blocks.sort_by_key(|(number, _)| *number);
        let count = blocks[0].1.count();
        if let Some((_, other)) = blocks.iter().find(|(_, block)| block.count() != count) {
            return Err(Error::Weight {
                name: other.name.clone(),
                shape: other.matrix.dims().to_vec(),
                message: "its blocks differ in their channels",
            }
            .into());
        }
        let matrices: Vec<&Tensor> = blocks.iter().map(|(_, block)| &block.matrix).collect();
        let matrix = Tensor::cat(&matrices, 1)?;
        neurons.insert(
            name.to_owned(),
            Neurons {
                name: name.to_owned(),
                matrix,
            },
        );
    }
    Ok(neurons)
}

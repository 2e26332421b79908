//! Samples in memory or in files.

use std::fmt;
use std::sync::Arc;

use crate::field_io::{Field, FieldData};
use crate::vision::ChannelStatistics;
use crate::{Error, Result};

/// Where rows come from: memory, or a file that they are read from when they are asked for.
pub trait RowSource: fmt::Debug + Send + Sync {
    /// Number of rows.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shape of a row.
    fn row_shape(&self) -> Vec<usize>;

    /// A copy of the rows with these numbers, in this order.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn rows(&self, rows: &[usize]) -> Result<Field>;

    /// The rows as a model sees them in training: changed at random where the source does so, by seed, epoch and the
    /// numbers of the rows alone.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn changed_rows(&self, rows: &[usize], _change: &Change) -> Result<Field> {
        self.rows(rows)
    }

    /// Length of every row, where they differ and a batch is as long as its longest.
    fn lengths(&self) -> Option<&[u32]> {
        None
    }

    /// Names of the classes whose weights a row holds; none for other rows.
    fn classes(&self) -> &[String] {
        &[]
    }

    /// What the channels of a row were normalised by, where they were.
    fn channel_statistics(&self) -> Option<&ChannelStatistics> {
        None
    }
}

/// What decides the random changes to training rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Seed of the run.
    pub seed: u64,
    /// The epoch.
    pub epoch: u64,
}

impl RowSource for Field {
    fn len(&self) -> usize {
        self.shape().first().copied().unwrap_or(0)
    }

    fn row_shape(&self) -> Vec<usize> {
        self.shape().get(1..).unwrap_or_default().to_vec()
    }

    fn rows(&self, rows: &[usize]) -> Result<Field> {
        pick_rows(self, rows)
    }
}

/// Samples: rows of inputs and of targets, shared and never changed.
#[derive(Clone, Debug)]
pub struct Dataset {
    inputs: Arc<dyn RowSource>,
    targets: Arc<dyn RowSource>,
}

impl Dataset {
    /// Pairs row `i` of `inputs` with row `i` of `targets` (first axis of both).
    ///
    /// # Errors
    /// [`Error::Shape`] where a field has no axis or no row, or the numbers of rows differ;
    /// [`Error::NotFinite`] for a NaN or an infinity.
    pub fn new(inputs: Field, targets: Field) -> Result<Self> {
        let shape_error = |array: &str, expected: String, field: &Field| Error::Shape {
            array: array.to_owned(),
            expected,
            found: field.shape().to_vec(),
        };
        let Some(&rows) = inputs.shape().first().filter(|&&rows| rows > 0) else {
            let expected = "at least one sample on the first axis".to_owned();
            return Err(shape_error("inputs", expected, &inputs));
        };
        if targets.shape().first() != Some(&rows) {
            let expected = format!("{rows} samples on the first axis, as many as inputs");
            return Err(shape_error("targets", expected, &targets));
        }
        inputs.check_finite("inputs")?;
        targets.check_finite("targets")?;
        Self::from_rows(inputs, targets)
    }

    /// Pairs row `i` of `inputs` with row `i` of `targets`, wherever they come from.
    ///
    /// # Errors
    /// [`Error::Shape`] where there is no row, or the numbers of rows differ.
    pub fn from_rows(
        inputs: impl RowSource + 'static,
        targets: impl RowSource + 'static,
    ) -> Result<Self> {
        if inputs.is_empty() || inputs.len() != targets.len() {
            return Err(Error::Shape {
                array: "targets".to_owned(),
                expected: format!("{} rows, as many as inputs and not none", inputs.len()),
                found: vec![targets.len()],
            });
        }
        Ok(Self {
            inputs: Arc::new(inputs),
            targets: Arc::new(targets),
        })
    }

    /// The inputs of the samples.
    pub fn inputs(&self) -> &dyn RowSource {
        self.inputs.as_ref()
    }

    /// Their targets.
    pub fn targets(&self) -> &dyn RowSource {
        self.targets.as_ref()
    }

    /// The first `count` samples and the others, which must be some of each.
    ///
    /// # Errors
    /// [`Error::Setting`] where one of the two would be empty.
    pub fn split_at(&self, count: usize) -> Result<(Self, Self)> {
        if count == 0 || count >= self.len() {
            return Err(Error::Setting {
                key: "count",
                found: count.to_string(),
                expected: "at least 1 and fewer than the samples",
            });
        }
        let part = |first, count| {
            let range = |rows: &Arc<dyn RowSource>| RowRange {
                rows: Arc::clone(rows),
                first,
                count,
            };
            Self::from_rows(range(&self.inputs), range(&self.targets))
        };
        Ok((part(0, count)?, part(count, self.len() - count)?))
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Never: a data set has a sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Neighbouring rows of a source.
#[derive(Debug)]
struct RowRange {
    rows: Arc<dyn RowSource>,
    first: usize,
    count: usize,
}

impl RowSource for RowRange {
    fn len(&self) -> usize {
        self.count
    }

    fn row_shape(&self) -> Vec<usize> {
        self.rows.row_shape()
    }

    fn rows(&self, rows: &[usize]) -> Result<Field> {
        self.rows.rows(&self.moved(rows))
    }

    fn changed_rows(&self, rows: &[usize], change: &Change) -> Result<Field> {
        self.rows.changed_rows(&self.moved(rows), change)
    }

    fn lengths(&self) -> Option<&[u32]> {
        let lengths = self.rows.lengths()?;
        lengths.get(self.first..self.first + self.count)
    }

    fn classes(&self) -> &[String] {
        self.rows.classes()
    }

    fn channel_statistics(&self) -> Option<&ChannelStatistics> {
        self.rows.channel_statistics()
    }
}

impl RowRange {
    fn moved(&self, rows: &[usize]) -> Vec<usize> {
        rows.iter().map(|row| row + self.first).collect()
    }
}

/// A copy of rows of the first axis.
pub(crate) fn pick_rows(field: &Field, rows: &[usize]) -> Result<Field> {
    fn pick<T: Copy>(values: &[T], width: usize, rows: &[usize]) -> Vec<T> {
        let mut picked = Vec::with_capacity(rows.len() * width);
        for row in rows {
            picked.extend_from_slice(&values[row * width..(row + 1) * width]);
        }
        picked
    }
    let mut shape = field.shape().to_vec();
    let width = shape[1..].iter().product();
    shape[0] = rows.len();
    let data = match field.data() {
        FieldData::F32(values) => FieldData::F32(pick(values, width, rows)),
        FieldData::F64(values) => FieldData::F64(pick(values, width, rows)),
    };
    Field::new(shape, data)
}

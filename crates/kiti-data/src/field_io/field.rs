//! An array of real numbers with its shape.

use candle::{Device, Tensor};

use crate::{Error, Result};

/// The elements of a [`Field`], last axis fastest.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldData {
    /// Single precision; also booleans, 8 and 16 bit integers and half precision, which fit.
    F32(Vec<f32>),
    /// Double precision; also 32 and 64 bit integers (beyond 2^53 rounded to nearest).
    F64(Vec<f64>),
}

impl FieldData {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            FieldData::F32(values) => values.len(),
            FieldData::F64(values) => values.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in double precision, in order.
    pub fn iter_f64(&self) -> Box<dyn Iterator<Item = f64> + '_> {
        match self {
            FieldData::F32(values) => Box::new(values.iter().map(|&value| value.into())),
            FieldData::F64(values) => Box::new(values.iter().copied()),
        }
    }
}

/// An array of real numbers: its shape and its elements, last axis fastest.
///
/// ```
/// use kiti_data::Field;
/// let field = Field::from_f32(vec![2, 2], vec![1., 2., 3., 4.])?;
/// assert_eq!(field.shape(), [2, 2]);
/// assert!(Field::from_f32(vec![3], vec![1.]).is_err());
/// # Ok::<(), kiti_data::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    shape: Vec<usize>,
    data: FieldData,
}

impl Field {
    /// A field of `shape`, whose product must be the number of elements.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn new(shape: Vec<usize>, data: FieldData) -> Result<Self> {
        if element_count(&shape) != Some(data.len()) {
            return Err(Error::Shape {
                array: "field".to_owned(),
                expected: format!("a shape of {} elements", data.len()),
                found: shape,
            });
        }
        Ok(Self { shape, data })
    }

    /// A field in single precision; errors as [`Field::new`].
    pub fn from_f32(shape: Vec<usize>, values: Vec<f32>) -> Result<Self> {
        Self::new(shape, FieldData::F32(values))
    }

    /// A field in double precision; errors as [`Field::new`].
    pub fn from_f64(shape: Vec<usize>, values: Vec<f64>) -> Result<Self> {
        Self::new(shape, FieldData::F64(values))
    }

    /// A copy of a floating-point tensor, in single or double precision as the tensor is.
    ///
    /// # Errors
    /// [`Error::Tensor`] where the tensor cannot be read (its device failed, say). Half precision
    /// and integers become single precision.
    pub fn from_tensor(tensor: &Tensor) -> Result<Self> {
        let flat = tensor.flatten_all()?;
        let data = match tensor.dtype() {
            candle::DType::F64 => FieldData::F64(flat.to_vec1()?),
            candle::DType::F32 => FieldData::F32(flat.to_vec1()?),
            _ => FieldData::F32(flat.to_dtype(candle::DType::F32)?.to_vec1()?),
        };
        Self::new(tensor.dims().to_vec(), data)
    }

    /// Number of elements along each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, last axis fastest.
    pub fn data(&self) -> &FieldData {
        &self.data
    }

    /// The elements in single precision, without a copy where they are already.
    pub fn into_f32(self) -> Vec<f32> {
        match self.data {
            FieldData::F32(values) => values,
            FieldData::F64(values) => values.into_iter().map(|value| value as f32).collect(),
        }
    }

    /// The elements in double precision, without a copy where they are already.
    pub fn into_f64(self) -> Vec<f64> {
        match self.data {
            FieldData::F32(values) => values.into_iter().map(f64::from).collect(),
            FieldData::F64(values) => values,
        }
    }

    /// The elements `from .. from + count` of the last axis, a copy.
    ///
    /// # Errors
    /// [`Error::Shape`] where the last axis is shorter or there is none.
    pub fn narrow_last(&self, from: usize, count: usize) -> Result<Self> {
        let end = from.checked_add(count);
        let (Some(&extent), Some(end)) = (self.shape.last(), end) else {
            return Err(self.too_short(from, count));
        };
        if end > extent {
            return Err(self.too_short(from, count));
        }
        fn pick<T: Copy>(values: &[T], extent: usize, from: usize, end: usize) -> Vec<T> {
            let rows = values.chunks_exact(extent.max(1));
            rows.flat_map(|row| &row[from..end]).copied().collect()
        }
        let mut shape = self.shape.clone();
        shape.pop();
        shape.push(count);
        let data = match &self.data {
            FieldData::F32(values) => FieldData::F32(pick(values, extent, from, end)),
            FieldData::F64(values) => FieldData::F64(pick(values, extent, from, end)),
        };
        Self::new(shape, data)
    }

    fn too_short(&self, from: usize, count: usize) -> Error {
        Error::Shape {
            array: "field".to_owned(),
            expected: format!("a last axis with the elements {from} to {from} + {count}"),
            found: self.shape.clone(),
        }
    }

    /// A tensor of this shape and precision on `device`.
    ///
    /// # Errors
    /// [`Error::Tensor`].
    pub fn to_tensor(&self, device: &Device) -> Result<Tensor> {
        let shape = self.shape.as_slice();
        Ok(match &self.data {
            FieldData::F32(values) => Tensor::from_slice(values, shape, device)?,
            FieldData::F64(values) => Tensor::from_slice(values, shape, device)?,
        })
    }

    /// As [`Field::to_tensor`], without a copy on the CPU.
    ///
    /// # Errors
    /// [`Error::Tensor`].
    pub fn into_tensor(self, device: &Device) -> Result<Tensor> {
        Ok(match self.data {
            FieldData::F32(values) => Tensor::from_vec(values, self.shape, device)?,
            FieldData::F64(values) => Tensor::from_vec(values, self.shape, device)?,
        })
    }

    /// Looks for the first NaN or infinity; `array` names the field in the error.
    ///
    /// # Errors
    /// [`Error::NotFinite`] with the index of that element.
    ///
    /// ```
    /// use kiti_data::Field;
    /// let field = Field::from_f32(vec![2, 2], vec![1., 2., f32::NAN, 4.])?;
    /// let message = field.check_finite("sol").unwrap_err().to_string();
    /// assert!(message.contains("\"sol\"") && message.contains("[1, 0]"));
    /// # Ok::<(), kiti_data::Error>(())
    /// ```
    pub fn check_finite(&self, array: &str) -> Result<()> {
        let found = match &self.data {
            FieldData::F32(values) => values.iter().position(|value| !value.is_finite()),
            FieldData::F64(values) => values.iter().position(|value| !value.is_finite()),
        };
        let Some(position) = found else { return Ok(()) };
        let mut rest = position;
        let mut index = vec![0; self.shape.len()];
        for (axis, &extent) in self.shape.iter().enumerate().rev() {
            index[axis] = rest % extent;
            rest /= extent;
        }
        let value = match &self.data {
            FieldData::F32(values) => values[position].into(),
            FieldData::F64(values) => values[position],
        };
        Err(Error::NotFinite {
            array: array.to_owned(),
            index,
            value,
        })
    }
}

/// Product of the extents, unless the product of those that are not zero overflows.
pub(crate) fn element_count(shape: &[usize]) -> Option<usize> {
    let product = shape
        .iter()
        .filter(|&&extent| extent != 0)
        .try_fold(1_usize, |product, &extent| product.checked_mul(extent))?;
    Some(if shape.contains(&0) { 0 } else { product })
}

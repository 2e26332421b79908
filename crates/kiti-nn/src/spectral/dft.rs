//! Truncated discrete Fourier transforms as products with constant matrices.
//!
//! With `m` modes kept out of `n` points, a product with an `(n, m)` matrix costs `2 n m`
//! operations a row. For the few modes of a Fourier neural operator that is little, and it runs at
//! the speed of a matrix product on every device. Conventions are those of `torch.fft.rfft` and
//! `torch.fft.irfft`: no factor in the forward transform, `1/n` in the inverse.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use candle::{D, DType, Device, DeviceLocation, Result, Tensor};

/// `(cos, sin)` of `2 pi k j / n`; the product is reduced modulo `n` in integers, so large indices
/// lose no digits.
pub(crate) fn cos_sin(k: usize, j: usize, n: usize) -> (f64, f64) {
    let reduced = ((k as u128 * j as u128) % n as u128) as f64;
    let (sin, cos) = (std::f64::consts::TAU * reduced / n as f64).sin_cos();
    (cos, sin)
}

/// Weight of mode `k` in the inverse real transform of `n` points: every mode stands for itself and
/// its conjugate, except 0 and, for even `n`, `n/2`.
pub(crate) fn multiplicity(k: usize, n: usize) -> f64 {
    if k == 0 || 2 * k == n { 1.0 } else { 2.0 }
}

/// The first `modes` coefficients of the real DFT of `points` values, and back.
///
/// ```text
/// forward   X_k = sum_j x_j exp(-2 pi i k j / n),                     k = 0 .. modes-1
/// inverse   x_j = 1/n sum_k c_k Re[ X_k exp(2 pi i k j / n) ],        c_0 = c_{n/2} = 1, else 2
/// ```
///
/// where n is `points`. As in `torch.fft.irfft`, the imaginary parts of X_0 and X_{n/2} have no
/// effect. Both directions are differentiable candle compositions.
///
/// # Example
///
/// ```
/// use kiti_nn::spectral::TruncatedDft;
///
/// # fn main() -> candle::Result<()> {
/// let x = candle::Tensor::new(&[1f64, 2., 3., 4.], &candle::Device::Cpu)?;
/// let dft = TruncatedDft::cached(4, 3, x.dtype(), x.device())?;
/// let (re, im) = dft.forward(&x)?;
/// assert!((re.to_vec1::<f64>()?[0] - 10.).abs() < 1e-12);
/// let back = dft.inverse(&re, &im)?.to_vec1::<f64>()?;
/// assert!((back[3] - 4.).abs() < 1e-12);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TruncatedDft {
    cos: Tensor,
    sin: Tensor,
    inverse_cos: Tensor,
    inverse_sin: Tensor,
    points: usize,
    modes: usize,
}

type Key = (usize, usize, DType, DeviceLocation);

impl TruncatedDft {
    /// The transform of `points` values to `modes` coefficients; its matrices are built once a
    /// process for every combination of arguments.
    ///
    /// # Errors
    ///
    /// `modes` of 0 or more than `points / 2 + 1` ([`super::SpectralError::Modes`], wrapped in candle's
    /// error), or a failure of the device.
    pub fn cached(points: usize, modes: usize, dtype: DType, device: &Device) -> Result<Arc<Self>> {
        static CACHE: OnceLock<Mutex<HashMap<Key, Arc<TruncatedDft>>>> = OnceLock::new();
        let key = (points, modes, dtype, device.location());
        let cache = CACHE.get_or_init(Mutex::default);
        if let Some(dft) = lock(cache).get(&key) {
            return Ok(dft.clone());
        }
        let dft = Arc::new(Self::new(points, modes, dtype, device)?);
        lock(cache).insert(key, dft.clone());
        Ok(dft)
    }

    fn new(points: usize, modes: usize, dtype: DType, device: &Device) -> Result<Self> {
        super::check_modes(0, points, modes, points / 2 + 1)?;
        let table = |value: &dyn Fn(usize, usize) -> f64, rows: usize, columns: usize| {
            let values: Vec<f64> = (0..rows * columns)
                .map(|at| value(at / columns, at % columns))
                .collect();
            Tensor::from_vec(values, (rows, columns), &Device::Cpu)?
                .to_dtype(dtype)?
                .to_device(device)
        };
        let n = points;
        let scale = |k: usize| multiplicity(k, n) / n as f64;
        // sin is exactly 0 at k = 0 and at k = n/2, where rounding would leave 1e-16.
        let sin = |k: usize, j: usize| {
            if k == 0 || 2 * k == n {
                0.
            } else {
                cos_sin(k, j, n).1
            }
        };
        Ok(Self {
            cos: table(&|j, k| cos_sin(k, j, n).0, n, modes)?,
            sin: table(&|j, k| sin(k, j), n, modes)?,
            inverse_cos: table(&|k, j| scale(k) * cos_sin(k, j, n).0, modes, n)?,
            inverse_sin: table(&|k, j| scale(k) * sin(k, j), modes, n)?,
            points,
            modes,
        })
    }

    /// Real and imaginary parts, both `(..., modes)`, of the transform of `xs` `(..., points)` along
    /// its last dimension.
    ///
    /// # Errors
    ///
    /// A last dimension other than `points`.
    pub fn forward(&self, xs: &Tensor) -> Result<(Tensor, Tensor)> {
        Ok((
            multiply_last(xs, &self.cos)?,
            multiply_last(xs, &self.sin)?.neg()?,
        ))
    }

    /// Real values `(..., points)` from the real and imaginary parts `(..., modes)`; modes that are
    /// not kept count as zero.
    ///
    /// # Errors
    ///
    /// A last dimension other than `modes`.
    pub fn inverse(&self, re: &Tensor, im: &Tensor) -> Result<Tensor> {
        multiply_last(re, &self.inverse_cos)? - multiply_last(im, &self.inverse_sin)?
    }

    /// Points of the transformed dimension.
    pub fn points(&self) -> usize {
        self.points
    }

    /// Coefficients kept.
    pub fn modes(&self) -> usize {
        self.modes
    }
}

/// The complex DFT along a first axis of `n` points for the wave numbers `0 .. m-1, -m .. -1`, in that
/// order: the two blocks of modes that a two-dimensional spectral convolution keeps.
///
/// Where `n < 2 m` the blocks overlap; the second one then overwrites the first, so the
/// overwritten rows are left out of the inverse.
#[derive(Debug)]
pub(crate) struct SignedDft {
    cos: Tensor,
    sin: Tensor,
    inverse_cos: Tensor,
    inverse_sin: Tensor,
}

impl SignedDft {
    pub(crate) fn new(points: usize, modes: usize, dtype: DType, device: &Device) -> Result<Self> {
        let wave_number = |row: usize| {
            if row < modes {
                row
            } else {
                points + row - 2 * modes
            }
        };
        let kept = |row: usize| row >= modes || row + modes < points;
        let table = |value: &dyn Fn(usize, usize) -> f64| {
            let values: Vec<f64> = (0..2 * modes * points)
                .map(|at| value(at / points, at % points))
                .collect();
            Tensor::from_vec(values, (2 * modes, points), &Device::Cpu)?
                .to_dtype(dtype)?
                .to_device(device)
        };
        let scale = |row: usize| if kept(row) { 1.0 / points as f64 } else { 0.0 };
        Ok(Self {
            cos: table(&|row, j| cos_sin(wave_number(row), j, points).0)?
                .t()?
                .contiguous()?,
            sin: table(&|row, j| cos_sin(wave_number(row), j, points).1)?
                .t()?
                .contiguous()?,
            inverse_cos: table(&|row, j| scale(row) * cos_sin(wave_number(row), j, points).0)?,
            inverse_sin: table(&|row, j| scale(row) * cos_sin(wave_number(row), j, points).1)?,
        })
    }

    /// `(..., points)` complex to `(..., 2 modes)` complex.
    pub(crate) fn forward(&self, re: &Tensor, im: &Tensor) -> Result<(Tensor, Tensor)> {
        let out_re = (multiply_last(re, &self.cos)? + multiply_last(im, &self.sin)?)?;
        let out_im = (multiply_last(im, &self.cos)? - multiply_last(re, &self.sin)?)?;
        Ok((out_re, out_im))
    }

    /// `(..., 2 modes)` complex to `(..., points)` complex.
    pub(crate) fn inverse(&self, re: &Tensor, im: &Tensor) -> Result<(Tensor, Tensor)> {
        let out_re =
            (multiply_last(re, &self.inverse_cos)? - multiply_last(im, &self.inverse_sin)?)?;
        let out_im =
            (multiply_last(im, &self.inverse_cos)? + multiply_last(re, &self.inverse_sin)?)?;
        Ok((out_re, out_im))
    }
}

fn multiply_last(xs: &Tensor, matrix: &Tensor) -> Result<Tensor> {
    let last = xs.dim(D::Minus1)?;
    let mut dims = xs.dims().to_vec();
    let product = xs.contiguous()?.reshape(((), last))?.matmul(matrix)?;
    *dims.last_mut().expect("dim() above needs a dimension") = matrix.dim(1)?;
    product.reshape(dims)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

//! Products of spectra with the complex matrices of each mode.
//!
//! Spectra and weights are kept as two planes, real and imaginary, of `stride` numbers each for every channel or pair
//! of channels, `stride` being the number of modes rounded up to whole registers: the innermost loop runs over
//! the modes, so nothing is transposed or padded at run time.

use pulp::{Simd, WithSimd};

use super::{Element, dispatch};

/// Modes rounded up to the widest register (512 bits of `f32`).
pub(crate) fn stride(modes: usize) -> usize {
    modes.next_multiple_of(16)
}

/// Channels summed over, channels of the result, and the plane's stride.
#[derive(Clone, Copy)]
pub(crate) struct Channels {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) stride: usize,
}

/// `Y[o] = sum_i X[i] W[i, o]`, mode by mode; X `(inputs, 2, stride)`, W `(inputs, outputs, 2, stride)`,
/// Y `(outputs, 2, stride)`.
pub(crate) fn multiply<T: Element>(channels: Channels, x: &[T], w: &[T], y: &mut [T]) {
    let Channels {
        inputs,
        outputs,
        stride,
    } = channels;
    check(channels, x, w, y);
    dispatch(Multiply::<T, false> {
        terms: inputs,
        results: outputs,
        stride,
        x,
        w,
        w_term: outputs * 2 * stride,
        w_result: 2 * stride,
        y,
    });
}

/// The adjoint of [`multiply`] in X: `X[i] = sum_o Y[o] conj(W[i, o])`, here with `x` the result.
pub(crate) fn multiply_adjoint<T: Element>(channels: Channels, y: &[T], w: &[T], x: &mut [T]) {
    let Channels {
        inputs,
        outputs,
        stride,
    } = channels;
    check(channels, x, w, y);
    dispatch(Multiply::<T, true> {
        terms: outputs,
        results: inputs,
        stride,
        x: y,
        w,
        w_term: 2 * stride,
        w_result: outputs * 2 * stride,
        y: x,
    });
}

fn check<T>(channels: Channels, x: &[T], w: &[T], y: &[T]) {
    let Channels {
        inputs,
        outputs,
        stride,
    } = channels;
    assert!(x.len() >= inputs * 2 * stride && y.len() >= outputs * 2 * stride);
    assert!(w.len() >= inputs * outputs * 2 * stride && stride.is_multiple_of(16));
}

/// The adjoint of [`multiply`] in W for one input channel: `W[o] = sum_b conj(X[b]) Y[b, o]`, summed in the order of the samples.
///
/// `x` holds the samples' spectra `sample_x` apart, starting with the channel in question, `y` those of the results
/// `sample_y` apart; `w` is `(outputs, 2, stride)`.
pub(crate) fn weight_gradient<T: Element>(
    [samples, outputs, stride]: [usize; 3],
    (x, sample_x): (&[T], usize),
    (y, sample_y): (&[T], usize),
    w: &mut [T],
) {
    if samples == 0 {
        return;
    }
    assert!(x.len() >= (samples - 1) * sample_x + 2 * stride);
    assert!(y.len() >= (samples - 1) * sample_y + outputs * 2 * stride);
    assert!(w.len() >= outputs * 2 * stride && stride.is_multiple_of(16));
    dispatch(WeightGradient {
        samples,
        outputs,
        stride,
        x,
        sample_x,
        y,
        sample_y,
        w,
    });
}

/// `y[r] = sum_t x[t] w[t, r]`, with `w` conjugated if `CONJUGATE`.
struct Multiply<'a, T, const CONJUGATE: bool> {
    terms: usize,
    results: usize,
    stride: usize,
    x: &'a [T],
    w: &'a [T],
    w_term: usize,
    w_result: usize,
    y: &'a mut [T],
}

/// Results computed at a time.
const BLOCK: usize = 4;

impl<T: Element, const CONJUGATE: bool> WithSimd for Multiply<'_, T, CONJUGATE> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut result = 0;
        // SAFETY: `check` has compared all slices with these sizes, and the lanes of every register
        // divide 16, hence `stride`.
        unsafe {
            while result + BLOCK <= self.results {
                self.block::<S, BLOCK>(simd, result);
                result += BLOCK;
            }
            while result < self.results {
                self.block::<S, 1>(simd, result);
                result += 1;
            }
        }
    }
}

impl<T: Element, const CONJUGATE: bool> Multiply<'_, T, CONJUGATE> {
    /// # Safety
    ///
    /// `first + N <= results`, and the slices hold what the sizes say.
    #[inline(always)]
    unsafe fn block<S: Simd, const N: usize>(&mut self, simd: S, first: usize) {
        let zero = T::splat(simd, T::default());
        let stride = self.stride;
        let mut at = 0;
        while at < stride {
            let (mut re, mut im) = ([zero; N], [zero; N]);
            for term in 0..self.terms {
                // SAFETY: at + lanes <= stride, within the planes of this term and these results.
                unsafe {
                    let x = self.x.as_ptr().add(term * 2 * stride + at);
                    let (x_re, x_im) = (T::load(simd, x), T::load(simd, x.add(stride)));
                    for n in 0..N {
                        let offset = term * self.w_term + (first + n) * self.w_result + at;
                        let w = self.w.as_ptr().add(offset);
                        let (w_re, w_im) = (T::load(simd, w), T::load(simd, w.add(stride)));
                        re[n] = T::mul_add(simd, x_re, w_re, re[n]);
                        im[n] = T::mul_add(simd, x_im, w_re, im[n]);
                        if CONJUGATE {
                            re[n] = T::mul_add(simd, x_im, w_im, re[n]);
                            im[n] = T::negate_mul_add(simd, x_re, w_im, im[n]);
                        } else {
                            re[n] = T::negate_mul_add(simd, x_im, w_im, re[n]);
                            im[n] = T::mul_add(simd, x_re, w_im, im[n]);
                        }
                    }
                }
            }
            for n in 0..N {
                // SAFETY: as above.
                unsafe {
                    let y = self.y.as_mut_ptr().add((first + n) * 2 * stride + at);
                    T::store(simd, y, re[n]);
                    T::store(simd, y.add(stride), im[n]);
                }
            }
            at += T::lanes::<S>();
        }
    }
}

struct WeightGradient<'a, T> {
    samples: usize,
    outputs: usize,
    stride: usize,
    x: &'a [T],
    sample_x: usize,
    y: &'a [T],
    sample_y: usize,
    w: &'a mut [T],
}

impl<T: Element> WithSimd for WeightGradient<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut output = 0;
        // SAFETY: `weight_gradient` has compared all slices with these sizes, and the lanes of every register
        // divide 16, hence `stride`.
        unsafe {
            while output + BLOCK <= self.outputs {
                self.block::<S, BLOCK>(simd, output);
                output += BLOCK;
            }
            while output < self.outputs {
                self.block::<S, 1>(simd, output);
                output += 1;
            }
        }
    }
}

impl<T: Element> WeightGradient<'_, T> {
    /// # Safety
    ///
    /// `first + N <= outputs`, and the slices hold what the sizes say.
    #[inline(always)]
    unsafe fn block<S: Simd, const N: usize>(&mut self, simd: S, first: usize) {
        let zero = T::splat(simd, T::default());
        let stride = self.stride;
        let mut at = 0;
        while at < stride {
            let (mut re, mut im) = ([zero; N], [zero; N]);
            for sample in 0..self.samples {
                // SAFETY: at + lanes <= stride, within the planes of this sample.
                unsafe {
                    let x = self.x.as_ptr().add(sample * self.sample_x + at);
                    let (x_re, x_im) = (T::load(simd, x), T::load(simd, x.add(stride)));
                    for n in 0..N {
                        let offset = sample * self.sample_y + (first + n) * 2 * stride + at;
                        let y = self.y.as_ptr().add(offset);
                        let (y_re, y_im) = (T::load(simd, y), T::load(simd, y.add(stride)));
                        re[n] = T::mul_add(simd, x_re, y_re, re[n]);
                        re[n] = T::mul_add(simd, x_im, y_im, re[n]);
                        im[n] = T::mul_add(simd, x_re, y_im, im[n]);
                        im[n] = T::negate_mul_add(simd, x_im, y_re, im[n]);
                    }
                }
            }
            for n in 0..N {
                // SAFETY: as above.
                unsafe {
                    let w = self.w.as_mut_ptr().add((first + n) * 2 * stride + at);
                    T::store(simd, w, re[n]);
                    T::store(simd, w.add(stride), im[n]);
                }
            }
            at += T::lanes::<S>();
        }
    }
}

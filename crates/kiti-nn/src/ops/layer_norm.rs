//! Layer normalisation as one operation.

use candle::{Result, Shape, Tensor};

use super::operation::{Backward, Operation, apply3};
use super::rows_at_a_time;
use crate::cpu::Element;
use crate::cpu::layer_norm::{self as kernels, Affine};
use crate::cpu::storage::{filled_parts, sum_rows};

/// Normalises the rows of `xs` `(.., width)`, then scales and shifts them by `scale` and `shift` `(width)`.
pub(crate) fn layer_norm(xs: &Tensor, scale: &Tensor, shift: &Tensor, eps: f64) -> Result<Tensor> {
    let width = scale.elem_count();
    apply3(LayerNorm { width, eps }, [xs, scale, shift])
}

struct LayerNorm {
    width: usize,
    eps: f64,
}

impl LayerNorm {
    fn affine<'a, T: Element>(&self, [scale, shift]: [&'a [T]; 2]) -> Affine<'a, T> {
        let eps = T::from_f64(self.eps);
        Affine { scale, shift, eps }
    }

    /// Values that one thread handles at a time.
    fn part(&self) -> usize {
        rows_at_a_time(self.width) * self.width
    }
}

impl Operation<3> for LayerNorm {
    const NAME: &'static str = "kiti-layer-norm";

    fn shape(&self, [xs, ..]: [&Shape; 3]) -> Shape {
        xs.clone()
    }

    fn forward<T: Element>(&self, [x, scale, shift]: [&[T]; 3]) -> Result<Vec<T>> {
        let (affine, part) = (self.affine([scale, shift]), self.part());
        let [y] = filled_parts(x.len().div_ceil(part), [x.len()], [part], |index, [y]| {
            kernels::forward(&x[index * part..][..y.len()], affine, y);
        });
        Ok(y)
    }

    fn backward<T: Element>(&self, pass: Backward<'_, T, 3>) -> Result<[Option<Vec<T>>; 3]> {
        let ([x, scale, shift], g) = (pass.inputs, pass.gradient);
        let (width, wanted) = (self.width, pass.wanted[0]);
        let (affine, part) = (self.affine([scale, shift]), self.part());
        let chunks = x.len().div_ceil(part);
        let totals = [if wanted { x.len() } else { 0 }, chunks * 2 * width];
        let lengths = [part, 2 * width];
        let [x_gradient, partial] =
            filled_parts(chunks, totals, lengths, |index, [x_gradient, sums]| {
                let range = index * part..((index + 1) * part).min(x.len());
                let (scale_sums, shift_sums) = sums.split_at_mut(width);
                let (x, g) = (&x[range.clone()], &g[range]);
                kernels::backward(x, affine, g, x_gradient, scale_sums, shift_sums);
            });
        let mut scale_gradient = sum_rows(&partial, 2 * width);
        let shift_gradient = scale_gradient.split_off(width);
        let x_gradient = wanted.then_some(x_gradient);
        Ok([x_gradient, Some(scale_gradient), Some(shift_gradient)])
    }
}

//! Activations on slices.

use std::marker::PhantomData;

use pulp::{Simd, WithSimd};

use super::{Element, dispatch};
use crate::activation::Activation;

/// `output = f(input)`.
pub(crate) fn forward<T: Element>(activation: Activation, input: &[T], output: &mut [T]) {
    run(activation, Map { input, output });
}

/// `values = f(values)`.
pub(crate) fn forward_in_place<T: Element>(activation: Activation, values: &mut [T]) {
    run(activation, MapInPlace { values });
}

/// `values = f(values)` and `derivatives = f'(values)`.
pub(crate) fn forward_with_derivative<T: Element>(
    activation: Activation,
    values: &mut [T],
    derivatives: &mut [T],
) {
    run(
        activation,
        WithDerivative {
            values,
            derivatives,
        },
    );
}

/// `values = f(values)` and `gradients *= f'(values)`.
pub(crate) fn forward_and_backward<T: Element>(
    activation: Activation,
    values: &mut [T],
    gradients: &mut [T],
) {
    run(activation, WithGradient { values, gradients });
}

/// `output = f'(input) gradient`.
pub(crate) fn backward<T: Element>(
    activation: Activation,
    input: &[T],
    gradient: &[T],
    output: &mut [T],
) {
    run(
        activation,
        Gradient {
            input,
            gradient,
            output,
        },
    );
}

/// A function with its derivative, a register at a time.
trait Function {
    fn at<S: Simd, T: Element>(simd: S, x: T::Vector<S>) -> (T::Vector<S>, T::Vector<S>);
}

struct Gelu;
struct GeluTanh;
struct Relu;
struct Tanh;

impl Function for Gelu {
    #[inline(always)]
    fn at<S: Simd, T: Element>(simd: S, x: T::Vector<S>) -> (T::Vector<S>, T::Vector<S>) {
        T::gelu(simd, x)
    }
}

impl Function for GeluTanh {
    #[inline(always)]
    fn at<S: Simd, T: Element>(simd: S, x: T::Vector<S>) -> (T::Vector<S>, T::Vector<S>) {
        T::gelu_tanh(simd, x)
    }
}

impl Function for Relu {
    #[inline(always)]
    fn at<S: Simd, T: Element>(simd: S, x: T::Vector<S>) -> (T::Vector<S>, T::Vector<S>) {
        T::relu(simd, x)
    }
}

impl Function for Tanh {
    #[inline(always)]
    fn at<S: Simd, T: Element>(simd: S, x: T::Vector<S>) -> (T::Vector<S>, T::Vector<S>) {
        T::tanh(simd, x)
    }
}

/// What is done with one register of elements.
trait Job<T: Element> {
    fn length(&self) -> usize;
    /// # Safety
    ///
    /// The elements from `at` on that `mask` selects, or a whole register without one, are within [`length`](Self::length).
    unsafe fn step<F: Function, S: Simd>(&mut self, simd: S, at: usize, mask: Option<T::Mask<S>>);
}

fn run<T: Element, J: Job<T>>(activation: Activation, job: J) {
    match activation {
        Activation::Gelu => dispatch(Kernel::<T, J, Gelu> {
            job,
            marker: PhantomData,
        }),
        Activation::GeluTanh => dispatch(Kernel::<T, J, GeluTanh> {
            job,
            marker: PhantomData,
        }),
        Activation::Relu => dispatch(Kernel::<T, J, Relu> {
            job,
            marker: PhantomData,
        }),
        Activation::Tanh => dispatch(Kernel::<T, J, Tanh> {
            job,
            marker: PhantomData,
        }),
    }
}

struct Kernel<T, J, F> {
    job: J,
    marker: PhantomData<(T, F)>,
}

impl<T: Element, J: Job<T>, F: Function> WithSimd for Kernel<T, J, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (length, lanes) = (self.job.length(), T::lanes::<S>());
        let whole = length / lanes * lanes;
        let mut at = 0;
        while at < whole {
            // SAFETY: at + lanes <= length.
            unsafe { self.job.step::<F, S>(simd, at, None) };
            at += lanes;
        }
        if whole < length {
            let mask = T::mask(simd, length - whole);
            // SAFETY: the mask ends at length.
            unsafe { self.job.step::<F, S>(simd, at, Some(mask)) };
        }
    }
}

#[inline(always)]
unsafe fn load<S: Simd, T: Element>(
    simd: S,
    values: &[T],
    at: usize,
    mask: Option<T::Mask<S>>,
) -> T::Vector<S> {
    // SAFETY: handed on.
    unsafe {
        match mask {
            None => T::load(simd, values.as_ptr().add(at)),
            Some(mask) => T::load_masked(simd, mask, values.as_ptr().add(at)),
        }
    }
}

#[inline(always)]
unsafe fn store<S: Simd, T: Element>(
    simd: S,
    values: &mut [T],
    at: usize,
    mask: Option<T::Mask<S>>,
    value: T::Vector<S>,
) {
    // SAFETY: handed on.
    unsafe {
        match mask {
            None => T::store(simd, values.as_mut_ptr().add(at), value),
            Some(mask) => T::store_masked(simd, mask, values.as_mut_ptr().add(at), value),
        }
    }
}

struct Map<'a, T> {
    input: &'a [T],
    output: &'a mut [T],
}

impl<T: Element> Job<T> for Map<'_, T> {
    #[inline(always)]
    fn length(&self) -> usize {
        self.input.len().min(self.output.len())
    }
    #[inline(always)]
    unsafe fn step<F: Function, S: Simd>(&mut self, simd: S, at: usize, mask: Option<T::Mask<S>>) {
        // SAFETY: handed on.
        unsafe {
            let x = load(simd, self.input, at, mask);
            store(simd, self.output, at, mask, F::at::<S, T>(simd, x).0);
        }
    }
}

struct MapInPlace<'a, T> {
    values: &'a mut [T],
}

impl<T: Element> Job<T> for MapInPlace<'_, T> {
    #[inline(always)]
    fn length(&self) -> usize {
        self.values.len()
    }
    #[inline(always)]
    unsafe fn step<F: Function, S: Simd>(&mut self, simd: S, at: usize, mask: Option<T::Mask<S>>) {
        // SAFETY: handed on.
        unsafe {
            let x = load(simd, self.values, at, mask);
            store(simd, self.values, at, mask, F::at::<S, T>(simd, x).0);
        }
    }
}

struct WithDerivative<'a, T> {
    values: &'a mut [T],
    derivatives: &'a mut [T],
}

impl<T: Element> Job<T> for WithDerivative<'_, T> {
    #[inline(always)]
    fn length(&self) -> usize {
        self.values.len().min(self.derivatives.len())
    }
    #[inline(always)]
    unsafe fn step<F: Function, S: Simd>(&mut self, simd: S, at: usize, mask: Option<T::Mask<S>>) {
        // SAFETY: handed on.
        unsafe {
            let x = load(simd, self.values, at, mask);
            let (value, derivative) = F::at::<S, T>(simd, x);
            store(simd, self.values, at, mask, value);
            store(simd, self.derivatives, at, mask, derivative);
        }
    }
}

struct WithGradient<'a, T> {
    values: &'a mut [T],
    gradients: &'a mut [T],
}

impl<T: Element> Job<T> for WithGradient<'_, T> {
    #[inline(always)]
    fn length(&self) -> usize {
        self.values.len().min(self.gradients.len())
    }
    #[inline(always)]
    unsafe fn step<F: Function, S: Simd>(&mut self, simd: S, at: usize, mask: Option<T::Mask<S>>) {
        // SAFETY: handed on.
        unsafe {
            let x = load(simd, self.values, at, mask);
            let gradient = load(simd, self.gradients, at, mask);
            let (value, derivative) = F::at::<S, T>(simd, x);
            store(simd, self.values, at, mask, value);
            store(
                simd,
                self.gradients,
                at,
                mask,
                T::times(simd, derivative, gradient),
            );
        }
    }
}

struct Gradient<'a, T> {
    input: &'a [T],
    gradient: &'a [T],
    output: &'a mut [T],
}

impl<T: Element> Job<T> for Gradient<'_, T> {
    #[inline(always)]
    fn length(&self) -> usize {
        self.input
            .len()
            .min(self.gradient.len())
            .min(self.output.len())
    }
    #[inline(always)]
    unsafe fn step<F: Function, S: Simd>(&mut self, simd: S, at: usize, mask: Option<T::Mask<S>>) {
        // SAFETY: handed on.
        unsafe {
            let x = load(simd, self.input, at, mask);
            let gradient = load(simd, self.gradient, at, mask);
            let product = T::times(simd, F::at::<S, T>(simd, x).1, gradient);
            store(simd, self.output, at, mask, product);
        }
    }
}

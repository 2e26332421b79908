//! Slices of tensors, and tensors filled sample by sample.

use std::mem::MaybeUninit;

use candle::{CpuStorage, DType, InplaceOp1, Layout, Result, Shape, Storage, Tensor};
use rayon::prelude::*;

use super::Element;

/// Whether the CPU's own operations apply: the tensor lives on a CPU, as `f32` or `f64`.
pub(crate) fn supported(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && matches!(tensor.dtype(), DType::F32 | DType::F64)
}

/// The elements of a contiguous storage.
pub(crate) fn slice<'a, T: Element>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        return Err(candle::Error::RequiresContiguous {
            op: "kiti-nn cpu operation",
        });
    };
    Ok(&T::cpu_storage_as_slice(storage)?[start..end])
}

/// Calls `f` with the elements of a CPU tensor, copied first if they don't lie in order.
pub(crate) fn read<T: Element, R>(tensor: &Tensor, f: impl FnOnce(&[T]) -> Result<R>) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(slice(storage, layout)?),
        _ => Err(not_on_cpu()),
    }
}

/// As [`read`] for several tensors at once.
pub(crate) fn read_all<T: Element, R, const N: usize>(
    tensors: [&Tensor; N],
    f: impl FnOnce([&[T]; N]) -> Result<R>,
) -> Result<R> {
    let mut contiguous = Vec::with_capacity(N);
    for tensor in tensors {
        contiguous.push(tensor.contiguous()?);
    }
    let guards: Vec<_> = contiguous.iter().map(Tensor::storage_and_layout).collect();
    let mut slices: [&[T]; N] = [&[]; N];
    for (values, (storage, layout)) in slices.iter_mut().zip(&guards) {
        match &**storage {
            Storage::Cpu(storage) => *values = slice(storage, layout)?,
            _ => return Err(not_on_cpu()),
        }
    }
    f(slices)
}

fn not_on_cpu() -> candle::Error {
    candle::Error::msg("kiti-nn cpu operation: the tensor is not on the CPU")
}

/// Calls `f` with the elements of a contiguous CPU tensor to change them.
pub(crate) fn modify<T: Element>(
    tensor: &Tensor,
    f: impl FnOnce(&mut [T]) -> Result<()>,
) -> Result<()> {
    struct Modify<T, F>(std::cell::Cell<Option<F>>, std::marker::PhantomData<fn(T)>);
    impl<T: Element, F: FnOnce(&mut [T]) -> Result<()>> InplaceOp1 for Modify<T, F> {
        fn name(&self) -> &'static str {
            "modify"
        }
        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
            let Some((start, end)) = layout.contiguous_offsets() else {
                return Err(candle::Error::RequiresContiguous { op: "modify" });
            };
            let values = T::slice_mut(storage)?;
            match self.0.take() {
                Some(f) => f(&mut values[start..end]),
                None => Ok(()),
            }
        }
    }
    tensor.inplace_op1(&Modify(
        std::cell::Cell::new(Some(f)),
        std::marker::PhantomData,
    ))
}

/// A tensor of the CPU that owns `values`.
pub(crate) fn tensor<T: Element>(values: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &candle::Device::Cpu)
}

/// Vectors of `chunks * lengths[i]` elements, filled in parallel: `f(index, [..])` gets the chunk of that index of
/// each vector, zeroed.
pub(crate) fn filled<T: Element, const N: usize>(
    chunks: usize,
    lengths: [usize; N],
    f: impl Fn(usize, [&mut [T]; N]) + Sync,
) -> [Vec<T>; N] {
    let totals = lengths.map(|length| chunks * length);
    filled_parts(chunks, totals, lengths, f)
}

/// `length` zeros, written by all threads: in memory that is used again nothing is zero by itself.
pub(crate) fn zeros<T: Element>(length: usize) -> Vec<T> {
    const CHUNK: usize = 1 << 15;
    let [values] = filled_parts(length.div_ceil(CHUNK), [length], [CHUNK], |_, _| {});
    values
}

/// As [`filled`] for vectors of `totals[i]` elements, the last chunk of each shorter where they end.
///
/// Zeroing chunk by chunk leaves it in the cache for `f`, and touches fresh pages on all threads.
pub(crate) fn filled_parts<T: Element, const N: usize>(
    chunks: usize,
    totals: [usize; N],
    lengths: [usize; N],
    f: impl Fn(usize, [&mut [T]; N]) + Sync,
) -> [Vec<T>; N] {
    let mut vectors = totals.map(Vec::with_capacity);
    let parts: [Scattered<T>; N] =
        std::array::from_fn(|i| Scattered::over(&mut vectors[i], totals[i]));
    for (total, length) in totals.iter().zip(lengths) {
        assert!(
            *total <= chunks * length,
            "the chunks must cover the vector"
        );
    }
    (0..chunks).into_par_iter().for_each(|index| {
        let chunk = |i: usize| {
            let range = index * lengths[i]..(index + 1) * lengths[i];
            // SAFETY: each index occurs once, so the chunks don't overlap.
            unsafe { parts[i].zeroed(range.start.min(totals[i])..range.end.min(totals[i])) }
        };
        f(index, std::array::from_fn(chunk));
    });
    for (vector, total) in vectors.iter_mut().zip(totals) {
        // SAFETY: the chunks cover the vector and all have been initialised.
        unsafe { vector.set_len(total) };
    }
    vectors
}

/// A vector of `length` elements whose parts are filled by several threads, in any order: `f` gets the parts it asks
/// for.
///
/// # Safety
///
/// The ranges that `f` asks for must not overlap, and together cover the vector.
pub(crate) unsafe fn scattered<T: Element>(length: usize, f: impl FnOnce(&Scattered<T>)) -> Vec<T> {
    let mut vector = Vec::with_capacity(length);
    f(&Scattered::over(&mut vector, length));
    // SAFETY: all elements have been initialised, by this function's contract.
    unsafe { vector.set_len(length) };
    vector
}

/// A vector under construction.
pub(crate) struct Scattered<T> {
    first: *mut T,
    length: usize,
}

impl<T: Element> Scattered<T> {
    fn over(vector: &mut Vec<T>, length: usize) -> Self {
        assert!(vector.capacity() >= length);
        Self {
            first: vector.as_mut_ptr(),
            length,
        }
    }

    /// The elements of a range, set to zero.
    ///
    /// # Safety
    ///
    /// No range may overlap one that is in use, and the vector must outlive their use.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn zeroed(&self, range: std::ops::Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.length);
        // SAFETY: within the vector's capacity, and nobody else's, by this function's contract.
        let elements = unsafe {
            let first = self.first.add(range.start).cast::<MaybeUninit<T>>();
            std::slice::from_raw_parts_mut(first, range.len())
        };
        elements.fill(MaybeUninit::new(T::default()));
        // SAFETY: every element was just written.
        unsafe { &mut *(std::ptr::from_mut(elements) as *mut [T]) }
    }
}

// SAFETY: threads use ranges that don't overlap, by the contract of `zeroed`.
unsafe impl<T: Send> Sync for Scattered<T> {}

/// A vector of `length` elements, filled in parallel in chunks of at most `chunk`: `f(range, elements)`.
pub(crate) fn mapped<T: Element>(
    length: usize,
    chunk: usize,
    f: impl Fn(std::ops::Range<usize>, &mut [T]) + Sync,
) -> Vec<T> {
    let [values] = filled_parts(
        length.div_ceil(chunk),
        [length],
        [chunk],
        |index, [values]| {
            f(index * chunk..index * chunk + values.len(), values);
        },
    );
    values
}

/// Sums rows of `width` elements: `sum_index rows[index]`, in the order of the index, in parallel over the columns.
pub(crate) fn sum_rows<T: Element>(rows: &[T], width: usize) -> Vec<T> {
    const COLUMNS: usize = 4096;
    let mut sums = vec![T::default(); width];
    sums.par_chunks_mut(COLUMNS)
        .enumerate()
        .for_each(|(index, sums)| {
            let start = index * COLUMNS;
            for row in rows.chunks_exact(width.max(1)) {
                for (sum, value) in sums.iter_mut().zip(&row[start..]) {
                    *sum += *value;
                }
            }
        });
    sums
}

/// Runs a body with `$element` naming the Rust type of a floating element type.
macro_rules! for_element {
    ($dtype:expr, $element:ident => $body:expr) => {
        match $dtype {
            candle::DType::F32 => {
                type $element = f32;
                $body
            }
            candle::DType::F64 => {
                type $element = f64;
                $body
            }
            other => Err(candle::Error::UnsupportedDTypeForOp(
                other,
                "kiti-nn cpu operation",
            )),
        }
    };
}
pub(crate) use for_element;

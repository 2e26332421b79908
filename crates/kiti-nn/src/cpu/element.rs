//! The element types of the kernels and their vector operations.

use std::sync::OnceLock;

use candle::{CpuStorage, Result, WithDType};
use pulp::bytemuck::Pod;
use pulp::{Arch, MemMask, Simd, WithSimd};

use super::special;

/// Runs a kernel with the best vector instructions of this processor.
pub(crate) fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    #[cfg(test)]
    if let Some(set) = super::instruction_set::forced() {
        return set.dispatch(kernel);
    }
    static ARCH: OnceLock<Arch> = OnceLock::new();
    ARCH.get_or_init(Arch::new).dispatch(kernel)
}

/// A floating-point type with a vector register type for each instruction set.
pub(crate) trait Element: WithDType + Default + Pod {
    /// A register of elements.
    type Vector<S: Simd>: Copy;
    /// Selects the first lanes of a register in a load or store.
    type Mask<S: Simd>: Copy;

    /// The elements of a storage of this type.
    fn slice_mut(storage: &mut CpuStorage) -> Result<&mut [Self]>;
    /// Square root of one element.
    fn sqrt(self) -> Self;
    /// Elements of a register.
    fn lanes<S: Simd>() -> usize;
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
    fn times<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn minus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// a b + c, rounded once where the processor can.
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// c - a b, rounded once where the processor can.
    fn negate_mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// Sum of the lanes.
    fn sum<S: Simd>(simd: S, a: Self::Vector<S>) -> Self;
    /// Mask of the first `lanes` lanes.
    fn mask<S: Simd>(simd: S, lanes: usize) -> Self::Mask<S>;
    /// # Safety
    ///
    /// `ptr` must be valid for reads of a whole register.
    unsafe fn load<S: Simd>(simd: S, ptr: *const Self) -> Self::Vector<S>;
    /// # Safety
    ///
    /// `ptr` must be valid for writes of a whole register.
    unsafe fn store<S: Simd>(simd: S, ptr: *mut Self, value: Self::Vector<S>);
    /// Zero in the lanes outside the mask.
    ///
    /// # Safety
    ///
    /// `ptr` must be valid for reads of the lanes in `mask`.
    unsafe fn load_masked<S: Simd>(
        simd: S,
        mask: Self::Mask<S>,
        ptr: *const Self,
    ) -> Self::Vector<S>;
    /// # Safety
    ///
    /// `ptr` must be valid for writes of the lanes in `mask`.
    unsafe fn store_masked<S: Simd>(
        simd: S,
        mask: Self::Mask<S>,
        ptr: *mut Self,
        value: Self::Vector<S>,
    );
    /// x Phi(x) and its derivative.
    fn gelu<S: Simd>(simd: S, x: Self::Vector<S>) -> (Self::Vector<S>, Self::Vector<S>);
    /// GELU with the tanh approximation of Phi, and its derivative.
    fn gelu_tanh<S: Simd>(simd: S, x: Self::Vector<S>) -> (Self::Vector<S>, Self::Vector<S>);
    /// exp(x) for x <= 0 (and rounding above it); 0 below -87 in `f32`.
    fn exp<S: Simd>(simd: S, x: Self::Vector<S>) -> Self::Vector<S>;
    /// tanh x and its derivative.
    fn tanh<S: Simd>(simd: S, x: Self::Vector<S>) -> (Self::Vector<S>, Self::Vector<S>);
    /// max(x, 0) and its derivative, 0 at 0.
    fn relu<S: Simd>(simd: S, x: Self::Vector<S>) -> (Self::Vector<S>, Self::Vector<S>);
}

macro_rules! element {
    (
        $type:ident, $storage:ident, $vector:ident, $mask:ident, $lanes:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $mul_add:ident,
        $negate_mul_add:ident, $sum:ident, $mask_between:ident, $mask_load:ident, $mask_store:ident,
        $greater:ident, $select:ident, $gelu:path, $gelu_tanh:path, $exp:path, $tanh:path
    ) => {
        impl Element for $type {
            type Vector<S: Simd> = S::$vector;
            type Mask<S: Simd> = MemMask<S::$mask>;

            fn slice_mut(storage: &mut CpuStorage) -> Result<&mut [Self]> {
                match storage {
                    CpuStorage::$storage(values) => Ok(values),
                    other => Err(candle::Error::UnexpectedDType {
                        msg: "kiti-nn cpu operation",
                        expected: Self::DTYPE,
                        got: candle::backend::BackendStorage::dtype(other),
                    }),
                }
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            #[inline(always)]
            fn lanes<S: Simd>() -> usize {
                S::$lanes
            }
            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$splat(value)
            }
            #[inline(always)]
            fn times<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$mul(a, b)
            }
            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn minus<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$sub(a, b)
            }
            #[inline(always)]
            fn mul_add<S: Simd>(
                simd: S,
                a: S::$vector,
                b: S::$vector,
                c: S::$vector,
            ) -> S::$vector {
                simd.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn negate_mul_add<S: Simd>(
                simd: S,
                a: S::$vector,
                b: S::$vector,
                c: S::$vector,
            ) -> S::$vector {
                simd.$negate_mul_add(a, b, c)
            }
            #[inline(always)]
            fn sum<S: Simd>(simd: S, a: S::$vector) -> Self {
                simd.$sum(a)
            }
            #[inline(always)]
            fn mask<S: Simd>(simd: S, lanes: usize) -> MemMask<S::$mask> {
                simd.$mask_between(0, lanes as _)
            }
            #[inline(always)]
            unsafe fn load<S: Simd>(_: S, ptr: *const Self) -> S::$vector {
                // SAFETY: valid for a register by this function's contract.
                unsafe { ptr.cast::<S::$vector>().read_unaligned() }
            }
            #[inline(always)]
            unsafe fn store<S: Simd>(_: S, ptr: *mut Self, value: S::$vector) {
                // SAFETY: valid for a register by this function's contract.
                unsafe { ptr.cast::<S::$vector>().write_unaligned(value) }
            }
            #[inline(always)]
            unsafe fn load_masked<S: Simd>(
                simd: S,
                mask: MemMask<S::$mask>,
                ptr: *const Self,
            ) -> S::$vector {
                // SAFETY: valid for the mask's lanes by this function's contract.
                unsafe { simd.$mask_load(mask, ptr) }
            }
            #[inline(always)]
            unsafe fn store_masked<S: Simd>(
                simd: S,
                mask: MemMask<S::$mask>,
                ptr: *mut Self,
                value: S::$vector,
            ) {
                // SAFETY: valid for the mask's lanes by this function's contract.
                unsafe { simd.$mask_store(mask, ptr, value) }
            }
            #[inline(always)]
            fn gelu<S: Simd>(simd: S, x: S::$vector) -> (S::$vector, S::$vector) {
                $gelu(simd, x)
            }
            #[inline(always)]
            fn gelu_tanh<S: Simd>(simd: S, x: S::$vector) -> (S::$vector, S::$vector) {
                $gelu_tanh(simd, x)
            }
            #[inline(always)]
            fn exp<S: Simd>(simd: S, x: S::$vector) -> S::$vector {
                $exp(simd, x)
            }
            #[inline(always)]
            fn tanh<S: Simd>(simd: S, x: S::$vector) -> (S::$vector, S::$vector) {
                $tanh(simd, x)
            }
            #[inline(always)]
            fn relu<S: Simd>(simd: S, x: S::$vector) -> (S::$vector, S::$vector) {
                let zero = simd.$splat(0.0);
                let positive = simd.$greater(x, zero);
                (
                    simd.$select(positive, x, zero),
                    simd.$select(positive, simd.$splat(1.0), zero),
                )
            }
        }
    };
}

element!(
    f32,
    F32,
    f32s,
    m32s,
    F32_LANES,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    mul_add_e_f32s,
    negate_mul_add_e_f32s,
    reduce_sum_f32s,
    mask_between_m32s,
    mask_load_ptr_f32s,
    mask_store_ptr_f32s,
    greater_than_f32s,
    select_f32s,
    special::gelu_f32,
    special::gelu_tanh_f32,
    special::exp_f32,
    special::tanh_f32
);
element!(
    f64,
    F64,
    f64s,
    m64s,
    F64_LANES,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    mul_add_e_f64s,
    negate_mul_add_e_f64s,
    reduce_sum_f64s,
    mask_between_m64s,
    mask_load_ptr_f64s,
    mask_store_ptr_f64s,
    greater_than_f64s,
    select_f64s,
    special::gelu_f64,
    special::gelu_tanh_f64,
    special::exp_f64,
    special::tanh_f64
);

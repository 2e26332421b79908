//! Vectors of `f32` and `f64` behind one interface, and the choice of instruction set at run time.
//!
//! A kernel is a `pulp::WithSimd` whose body is generic in the instruction set; [`dispatch`] runs it
//! with the widest one the processor has (AVX-512, AVX2 with FMA, NEON, or plain code).

use std::any::TypeId;
use std::cell::RefCell;

use pulp::{Arch, Scalar128b, Simd, WithSimd, bytemuck};

use crate::workspace::Workspace;

/// Runs a kernel with the widest instruction set of the processor.
#[inline]
pub(crate) fn dispatch<Op: WithSimd>(kernel: Op) -> Op::Output {
    #[cfg(test)]
    if let Some(set) = tests::forced() {
        return tests::dispatch_to(set, kernel);
    }
    match Arch::new() {
        Arch::Scalar => Scalar128b.vectorize(kernel),
        arch => arch.dispatch(kernel),
    }
}

/// Whether multiply-add is one instruction; where it is not, it would be a library call.
#[inline(always)]
fn fuses<S: Simd>() -> bool {
    TypeId::of::<S>() != TypeId::of::<Scalar128b>()
}

/// Scalars that come in vectors.
pub trait Lanes: bytemuck::Pod {
    /// A vector of one instruction set.
    type Vector<S: Simd>: Copy;

    /// The scalars of a slice as vectors; scalars beyond the last whole vector are left out.
    fn view<S: Simd>(values: &[Self]) -> &[Self::Vector<S>];
    /// As [`Lanes::view`], to be written.
    fn view_mut<S: Simd>(values: &mut [Self]) -> &mut [Self::Vector<S>];
    /// Equal lanes.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
    /// `a + b`.
    fn plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a - b`.
    fn minus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a b`.
    fn times<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a / b`.
    fn over<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a b + c`, rounded once where the processor can.
    fn fma<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// Square root.
    fn root<S: Simd>(simd: S, a: Self::Vector<S>) -> Self::Vector<S>;
    /// `exp(a)` for `a <= 0`; 0 for NaN.
    fn exp_negative<S: Simd>(simd: S, a: Self::Vector<S>) -> Self::Vector<S>;
    /// `yes` where `a > b`, otherwise `no`.
    fn where_greater<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        yes: Self::Vector<S>,
        no: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// Lane `k` moves to lane `k + amount`, round the end.
    fn rotate<S: Simd>(simd: S, a: Self::Vector<S>, amount: usize) -> Self::Vector<S>;
    /// Sum of the lanes.
    fn sum<S: Simd>(simd: S, a: Self::Vector<S>) -> Self;
    /// Calls `work` with this thread's workspace.
    fn with_workspace<R>(work: impl FnOnce(&mut Workspace<Self>) -> R) -> R;
}

/// `exp(a)` for `a <= 0` with an error of 2 units in the last place (Cephes' `expf`); 0 below -87.
#[inline(always)]
fn exp_negative_f32<S: Simd>(simd: S, a: S::f32s) -> S::f32s {
    let splat = |value| simd.splat_f32s(value);
    let fma = |a, b, c| f32::fma(simd, a, b, c);
    // Adding 3 * 2^22 rounds to an integer, which then stands in the low bits.
    let magic = splat(12_582_912.0);
    let lowest = splat(-87.0);
    let inside = f32::where_greater(simd, a, lowest, a, lowest);
    let shifted = fma(inside, splat(std::f32::consts::LOG2_E), magic);
    let exponent = simd.sub_f32s(shifted, magic);
    let rest = fma(exponent, splat(-0.693_359_4), inside);
    let rest = fma(exponent, splat(2.121_944_4e-4), rest);
    let mut p = splat(1.987_569_1e-4);
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        p = fma(p, rest, splat(coefficient));
    }
    let p = simd.add_f32s(fma(p, simd.mul_f32s(rest, rest), rest), splat(1.0));
    let bits = simd.sub_u32s(
        simd.transmute_u32s_f32s(shifted),
        simd.splat_u32s(12_582_912f32.to_bits() - 127),
    );
    let bits = simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23));
    let value = simd.mul_f32s(p, simd.transmute_f32s_u32s(bits));
    f32::where_greater(simd, a, lowest, value, splat(0.0))
}

#[inline(always)]
fn exp_negative_f64<S: Simd>(simd: S, a: S::f64s) -> S::f64s {
    let mut values = [a];
    for value in bytemuck::cast_slice_mut::<S::f64s, f64>(&mut values) {
        *value = if value.is_nan() { 0.0 } else { value.exp() };
    }
    let _ = simd;
    values[0]
}

macro_rules! lanes {
    ($scalar:ident, $vector:ident, $view:ident, $view_mut:ident, $splat:ident, $add:ident, $sub:ident,
     $mul:ident, $div:ident, $mul_add:ident, $sqrt:ident, $exp:ident, $greater:ident, $select:ident,
     $rotate:ident, $sum:ident) => {
        impl Lanes for $scalar {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn view<S: Simd>(values: &[Self]) -> &[S::$vector] {
                S::$view(values).0
            }

            #[inline(always)]
            fn view_mut<S: Simd>(values: &mut [Self]) -> &mut [S::$vector] {
                S::$view_mut(values).0
            }

            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$splat(value)
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
            fn times<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$mul(a, b)
            }

            #[inline(always)]
            fn over<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$div(a, b)
            }

            #[inline(always)]
            fn fma<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                if fuses::<S>() {
                    simd.$mul_add(a, b, c)
                } else {
                    simd.$add(simd.$mul(a, b), c)
                }
            }

            #[inline(always)]
            fn root<S: Simd>(simd: S, a: S::$vector) -> S::$vector {
                simd.$sqrt(a)
            }

            #[inline(always)]
            fn exp_negative<S: Simd>(simd: S, a: S::$vector) -> S::$vector {
                $exp(simd, a)
            }

            #[inline(always)]
            fn where_greater<S: Simd>(
                simd: S,
                a: S::$vector,
                b: S::$vector,
                yes: S::$vector,
                no: S::$vector,
            ) -> S::$vector {
                simd.$select(simd.$greater(a, b), yes, no)
            }

            #[inline(always)]
            fn rotate<S: Simd>(simd: S, a: S::$vector, amount: usize) -> S::$vector {
                simd.$rotate(a, amount)
            }

            #[inline(always)]
            fn sum<S: Simd>(simd: S, a: S::$vector) -> Self {
                simd.$sum(a)
            }

            fn with_workspace<R>(work: impl FnOnce(&mut Workspace<Self>) -> R) -> R {
                thread_local! {
                    static WORKSPACE: RefCell<Workspace<$scalar>> = RefCell::default();
                }
                WORKSPACE.with_borrow_mut(work)
            }
        }
    };
}

lanes!(
    f32,
    f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    div_f32s,
    mul_add_e_f32s,
    sqrt_f32s,
    exp_negative_f32,
    greater_than_f32s,
    select_f32s,
    rotate_right_f32s,
    reduce_sum_f32s
);
lanes!(
    f64,
    f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    div_f64s,
    mul_add_e_f64s,
    sqrt_f64s,
    exp_negative_f64,
    greater_than_f64s,
    select_f64s,
    rotate_right_f64s,
    reduce_sum_f64s
);

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// An instruction set to run a kernel with.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum InstructionSet {
        Widest,
        Avx2,
        Portable,
    }

    pub(crate) const SETS: [InstructionSet; 3] = [
        InstructionSet::Widest,
        InstructionSet::Avx2,
        InstructionSet::Portable,
    ];

    static FORCED: AtomicU8 = AtomicU8::new(u8::MAX);

    /// What all dispatched kernels run with while `work` does; other tests may run with it too.
    pub(crate) fn with_set<R>(number: usize, work: impl FnOnce() -> R) -> R {
        FORCED.store(number as u8, Ordering::SeqCst);
        let result = work();
        FORCED.store(u8::MAX, Ordering::SeqCst);
        result
    }

    pub(crate) fn forced() -> Option<InstructionSet> {
        SETS.get(usize::from(FORCED.load(Ordering::SeqCst)))
            .copied()
    }

    /// Runs a kernel with one instruction set; what the processor lacks falls back to portable code.
    pub(crate) fn dispatch_to<Op: WithSimd>(set: InstructionSet, kernel: Op) -> Op::Output {
        match set {
            InstructionSet::Widest => match Arch::new() {
                Arch::Scalar => Scalar128b.vectorize(kernel),
                arch => arch.dispatch(kernel),
            },
            InstructionSet::Avx2 => {
                #[cfg(target_arch = "x86_64")]
                if let Some(simd) = pulp::x86::V3::try_new() {
                    return Simd::vectorize(simd, kernel);
                }
                Scalar128b.vectorize(kernel)
            }
            InstructionSet::Portable => Scalar128b.vectorize(kernel),
        }
    }

    struct Exponentials<T>(Vec<T>);

    impl<T: crate::Real> WithSimd for Exponentials<T> {
        type Output = Vec<T>;

        #[inline(always)]
        fn with_simd<S: Simd>(mut self, simd: S) -> Vec<T> {
            for value in T::view_mut::<S>(&mut self.0) {
                *value = T::exp_negative(simd, *value);
            }
            self.0
        }
    }

    #[test]
    fn exponentials_are_accurate() {
        let arguments: Vec<f64> = (0..1600).map(|k| -f64::from(k) / 19.0).collect();
        for set in SETS {
            let single = arguments.iter().map(|&x| x as f32).collect();
            for (&x, e) in arguments.iter().zip(dispatch_to(set, Exponentials(single))) {
                // The argument's own rounding moves the result by |x| 2^-24; 2 units besides.
                let expected = f64::from(x as f32).exp();
                assert!(
                    (f64::from(e) - expected).abs() <= 2.5e-7 * expected,
                    "{set:?} {x} {e}"
                );
            }
            for (&x, e) in arguments
                .iter()
                .zip(dispatch_to(set, Exponentials(arguments.clone())))
            {
                assert!((e - x.exp()).abs() <= 1e-15 * x.exp(), "{set:?} {x} {e}");
            }
            let edges = vec![f32::NAN, f32::NEG_INFINITY, -1e30, -88.0]
                .into_iter()
                .chain(vec![0.0; 12])
                .collect();
            let found = dispatch_to(set, Exponentials::<f32>(edges));
            assert_eq!(found[..4], [0.0; 4]);
            assert_eq!(found[4..], [1.0; 12]);
        }
    }
}

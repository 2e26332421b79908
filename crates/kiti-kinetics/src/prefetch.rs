//! A hint to the processor about memory that is needed soon.

/// Asks for the cache lines of `values[start..start + length]`, where all of it exists; has no other
/// effect, and none at all where there is no such instruction.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T], start: usize, length: usize) {
    let Some(values) = values.get(start..start + length) else {
        return;
    };
    for line in values.chunks(64 / size_of::<T>()) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: SSE is part of x86-64, and a prefetch changes nothing that a program can see.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = line;
    }
}

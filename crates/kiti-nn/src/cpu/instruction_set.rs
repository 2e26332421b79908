//! The kernels' instruction set, chosen by a test.

use std::cell::Cell;
use std::sync::OnceLock;

use pulp::{Simd, WithSimd};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// An instruction set other than the processor's best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InstructionSet {
    Avx2,
    Portable,
}

thread_local! {
    static FORCED: Cell<Option<InstructionSet>> = const { Cell::new(None) };
}

/// The set that kernels of this thread must use.
pub(crate) fn forced() -> Option<InstructionSet> {
    FORCED.get()
}

impl InstructionSet {
    pub(crate) const ALL: [Self; 2] = [Self::Avx2, Self::Portable];

    /// Does `work`, whose kernels run with this set, on threads that do nothing else: other tests keep theirs.
    pub(crate) fn run<R: Send>(self, work: impl FnOnce() -> R + Send) -> R {
        static POOLS: [OnceLock<ThreadPool>; 2] = [const { OnceLock::new() }; 2];
        let pool = POOLS[self as usize].get_or_init(|| {
            let start = move |_| FORCED.set(Some(self));
            let builder = ThreadPoolBuilder::new().num_threads(2);
            builder.start_handler(start).build().expect("a pool")
        });
        pool.install(work)
    }

    /// Runs a kernel with this set; a processor without AVX2 runs portable code.
    pub(crate) fn dispatch<K: WithSimd>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        if self == Self::Avx2
            && let Some(simd) = pulp::x86::V3::try_new()
        {
            return Simd::vectorize(simd, kernel);
        }
        pulp::Scalar::new().vectorize(kernel)
    }
}

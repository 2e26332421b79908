//! How fast this machine copies memory: what bounds a solver whose molecules do not fit into the caches.

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;

/// Beyond any cache; half is read, half written.
const WORDS: usize = 1 << 24;
const REPEATS: usize = 5;

/// Bytes read and written per second by `threads` threads that copy large arrays of `f64`: the best of a few times.
pub fn copy(threads: usize) -> f64 {
    let source = vec![1.0f64; WORDS];
    let mut target = vec![0.0f64; WORDS];
    let chunk = WORDS.div_ceil(threads.max(1));
    let mut best = f64::INFINITY;
    for _ in 0..REPEATS {
        let begin = Instant::now();
        target
            .par_chunks_mut(chunk)
            .zip(source.par_chunks(chunk))
            .for_each(|(target, source)| target.copy_from_slice(source));
        best = best.min(begin.elapsed().as_secs_f64());
        black_box(&mut target);
    }
    2.0 * (WORDS * size_of::<f64>()) as f64 / best
}

//! What the program sets for its whole process: the allocator and the threads of candle's element-wise operations.

/// Prepares the process for training; call it once, before other threads exist.
///
/// The C library keeps freed memory instead of handing it back to the system: a training step frees and takes the same
/// megabytes over and over, and returned pages are cleared and mapped anew each time, which costs more than half of the
/// time of cheap layers. It does nothing where the C library is not glibc.
///
/// candle's element-wise operations run on the calling thread unless `CANDLE_NUM_THREADS` says otherwise. Their pool
/// waits by spinning, and so takes the processor from the threads of rayon that do kiti's and the matrix products' work.
pub fn prepare() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const BYTES: libc::c_int = 1 << 30;
        for option in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
            // SAFETY: `mallopt` only sets a number inside the allocator, and no other thread runs yet.
            unsafe { libc::mallopt(option, BYTES) };
        }
    }
    const CANDLE_THREADS: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(CANDLE_THREADS).is_none() {
        // SAFETY: no other thread runs yet that could read the environment.
        unsafe { std::env::set_var(CANDLE_THREADS, "1") };
    }
}

/// Hands freed memory back to the system, so that what is held is what is in use; nothing where the C library is not glibc.
pub fn give_back_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

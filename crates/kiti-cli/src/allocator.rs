//! How the program's allocator treats the large arrays that come and go in every training step.

/// Asks the C library to keep freed memory instead of handing it back to the system.
///
/// A training step frees and takes the same megabytes over and over. Returned pages are cleared and mapped anew each
/// time, which costs more than half of the time of cheap layers. Call it once, before other threads exist. It does
/// nothing where the C library is not glibc.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const BYTES: libc::c_int = 1 << 30;
        for option in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
            // SAFETY: `mallopt` only sets a number inside the allocator, and no other thread runs yet.
            unsafe { libc::mallopt(option, BYTES) };
        }
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

//! A run that `kiti reproduce` started: it ends when its supervisor does, whichever way that is.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::interrupt::Interrupt;

/// How long a predecessor may take to reach its next safe point.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks the run to stop as soon as standard input closes: the supervisor holds its other end, and lets go of it
/// when it wants the run to stop, and when it is killed.
pub fn end_with_supervisor(interrupt: &Interrupt) {
    let interrupt = interrupt.clone();
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut byte = [0];
        while matches!(stdin.read(&mut byte), Ok(count) if count > 0) {}
        interrupt.request();
    });
}

/// Waits for the run of a killed supervisor to let go of the folder whose lock is at `lock`.
pub fn wait_for_predecessor(lock: PathBuf, interrupt: &Interrupt) {
    let start = Instant::now();
    while start.elapsed() < PATIENCE && !interrupt.requested() {
        match File::open(&lock).map(|file| file.try_lock()) {
            Ok(Err(std::fs::TryLockError::WouldBlock)) => {
                std::thread::sleep(Duration::from_millis(50));
            }
            _ => return,
        }
    }
}

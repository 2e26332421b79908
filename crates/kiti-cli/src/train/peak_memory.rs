//! The most memory that this process has held, as the system counted it.

use std::path::Path;

use kiti_models::train::{RunResult, write_result};

use crate::failure::Outcome;

/// Peak resident memory of this process in bytes; none where the system does not tell.
pub fn of_this_process() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    high_water_mark(&status)
}

fn high_water_mark(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Writes this process's peak memory into the result of the run that it has just finished.
pub fn record(path: &Path, result: &mut RunResult) -> Outcome {
    if let Some(peak) = of_this_process() {
        result.cost.peak_memory_bytes = Some(peak);
        write_result(path, result)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_in_bytes() {
        let status = "Name:\tkiti\nVmPeak:\t  999 kB\nVmHWM:\t  123456 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(high_water_mark(status), Some(123_456 * 1024));
        assert_eq!(high_water_mark("Name:\tkiti\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_held_something() {
        assert!(of_this_process().expect("linux tells") > 1 << 20);
    }
}

//! Repeated timing of one piece of work, and the memory it needs while it runs.

use std::time::Instant;

use serde::Serialize;

use crate::failure::Outcome;
use crate::process::give_back_freed_memory;

/// Fewer repetitions than this say nothing about noise.
const LEAST_REPEATS: usize = 3;
const MOST_REPEATS: usize = 10_000;

/// Times of repeated work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Timing {
    /// Smallest time, in milliseconds: what the work takes when nothing disturbs it.
    pub min_ms: f64,
    /// Median time, in milliseconds.
    pub median_ms: f64,
    /// How often it was done.
    pub repeats: usize,
    /// The most memory that the first execution held beyond what was held before it; none where the system does not tell.
    pub extra_bytes: Option<u64>,
}

impl Timing {
    /// The times of two rounds together.
    pub fn merged(self, other: Self) -> Self {
        Self {
            min_ms: self.min_ms.min(other.min_ms),
            median_ms: (self.median_ms + other.median_ms) / 2.0,
            repeats: self.repeats + other.repeats,
            extra_bytes: self.extra_bytes.max(other.extra_bytes),
        }
    }
}

/// A piece of work that can be done again and again.
pub type Work<'a> = Box<dyn FnMut() -> Outcome + 'a>;

/// Does `work` once to warm up, then for at least `seconds`.
pub fn repeat<'a>(seconds: f64, work: impl FnMut() -> Outcome + 'a) -> Outcome<Timing> {
    Ok(in_turn(seconds, &mut [Box::new(work)])?[0])
}

/// Does each work once to warm up, then all of them in turn, a few times each, until each had `seconds` on average:
/// a machine that is slower for a while is slower for all of them.
pub fn in_turn(seconds: f64, works: &mut [Work<'_>]) -> Outcome<Vec<Timing>> {
    let extra_bytes = works.iter_mut().map(first).collect::<Outcome<Vec<_>>>()?;
    let mut times = vec![Vec::new(); works.len()];
    let begin = Instant::now();
    let least = seconds * works.len() as f64;
    while times[0].len() < LEAST_REPEATS
        || (begin.elapsed().as_secs_f64() < least && times[0].len() < MOST_REPEATS)
    {
        for (work, times) in works.iter_mut().zip(&mut times) {
            for _ in 0..LEAST_REPEATS {
                let start = Instant::now();
                work()?;
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    Ok(times
        .into_iter()
        .zip(extra_bytes)
        .map(|(mut times, extra_bytes)| {
            times.sort_by(f64::total_cmp);
            Timing {
                min_ms: times[0],
                median_ms: times[times.len() / 2],
                repeats: times.len(),
                extra_bytes,
            }
        })
        .collect())
}

/// Does a work for the first time; the memory that it needed.
fn first(work: &mut Work<'_>) -> Outcome<Option<u64>> {
    let before = restart_high_water_mark();
    work()?;
    Ok(before.and_then(|before| Some(status("VmHWM:")?.saturating_sub(before))))
}

/// Sets the peak memory of this process back to what it holds now, which is returned; none where that cannot be done.
fn restart_high_water_mark() -> Option<u64> {
    give_back_freed_memory();
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    status("VmRSS:")
}

fn status(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_repeated_and_its_smallest_time_found() {
        let mut count = 0;
        let timing = repeat(0.0, || {
            count += 1;
            std::thread::sleep(std::time::Duration::from_millis(2));
            Ok(())
        })
        .expect("work");
        assert_eq!((timing.repeats, count), (3, 4));
        assert!(timing.min_ms >= 2.0 && timing.median_ms >= timing.min_ms);
    }

    #[test]
    fn works_take_turns() {
        let order = std::cell::RefCell::new(Vec::new());
        let order = &order;
        let named = |name| -> Work<'_> {
            Box::new(move || {
                order.borrow_mut().push(name);
                Ok(())
            })
        };
        let mut works = [named('a'), named('b')];
        let timings = in_turn(0.0, &mut works).expect("works");
        assert_eq!(order.take(), "abaaabbb".chars().collect::<Vec<_>>());
        assert!(timings.iter().all(|timing| timing.repeats == 3));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_held_for_a_moment_is_seen() {
        let size = 64 << 20;
        let timing = repeat(0.0, || {
            let block = vec![1u8; size];
            std::hint::black_box(&block);
            Ok(())
        })
        .expect("work");
        if let Some(extra) = timing.extra_bytes {
            assert!(extra > size as u64 / 2, "{extra}");
        }
    }
}

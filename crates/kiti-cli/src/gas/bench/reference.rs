//! Published and measured speeds of other codes, in million particle-steps per second.

/// Where the figures of SPARTA come from.
pub const SPARTA_SOURCE: &str = "SPARTA 09391fe8, -O3 -march=native, in.collide and in.free unmodified, measured on a 2-core machine; \
copies 12.8 GB/s on one core and 24.8 GB/s on two";
/// Where the figure of dsmc-python comes from.
pub const PYTHON_SOURCE: &str =
    "pmocz/dsmc-python bf81732f, N = 50000, 50 cells, measured on the same 2-core machine";
/// Its speed, on one core.
pub const PYTHON: f64 = 1.30;

/// `in.collide` and `in.free` at a number of particles, on one core and on two.
struct Sparta {
    particles: u64,
    collide: [f64; 2],
    free: [f64; 2],
}

const SPARTA: [Sparta; 4] = [
    Sparta {
        particles: 10_000,
        collide: [33.4, 63.9],
        free: [67.7, 125.0],
    },
    Sparta {
        particles: 100_000,
        collide: [23.2, 48.9],
        free: [53.1, 108.0],
    },
    Sparta {
        particles: 1_000_000,
        collide: [8.5, 18.6],
        free: [29.1, 66.0],
    },
    Sparta {
        particles: 10_000_000,
        collide: [4.3, 9.7],
        free: [11.9, 27.8],
    },
];

/// SPARTA's speed at about `particles` on one or two cores; none for other numbers.
pub fn sparta(particles: u64, collide: bool, threads: usize) -> Option<f64> {
    let close = |known: u64| (known as f64 / particles as f64 - 1.0).abs() < 0.1;
    let row = SPARTA.iter().find(|row| close(row.particles))?;
    let speeds = if collide { row.collide } else { row.free };
    speeds.get(threads.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_is_quoted() {
        assert_eq!(sparta(1_000_000, true, 2), Some(18.6));
        assert_eq!(sparta(97_336, false, 1), Some(53.1));
        assert_eq!(sparta(1_000_000, true, 4), None);
        assert_eq!(sparta(1_000_000, true, 0), None);
        assert_eq!(sparta(50_000, true, 1), None);
    }
}

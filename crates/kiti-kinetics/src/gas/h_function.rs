//! The entropy of a gas, up to its sign.

use crate::exact::maxwellian::sphere_surface;

/// `H = integral f ln f` of a distribution that depends on the speed alone, from a histogram of the
/// speeds `(particles, D)`: `sum_b P_b ln(P_b / V_b)` with `P_b` the share of the particles in bin `b` of
/// `bins` and `V_b` the volume of its shell in velocity space. Faster particles than `largest_speed`
/// count to the last bin; 0 where there are no particles or bins.
///
/// Counting noise makes the sum too large by `(bins - 1) / (2 particles)` on average, which is taken off
/// (Miller 1955).
pub fn h_function(dims: usize, velocities: &[f64], bins: usize, largest_speed: f64) -> f64 {
    let particles = velocities.len() / dims.max(1);
    if particles == 0 || bins == 0 || largest_speed.is_nan() || largest_speed <= 0.0 {
        return 0.0;
    }
    let mut counts = vec![0u64; bins];
    for v in velocities.chunks_exact(dims) {
        let speed = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        let bin = (speed / largest_speed * bins as f64) as usize;
        counts[bin.min(bins - 1)] += 1;
    }
    let ball = |radius: f64| sphere_surface(dims) / dims as f64 * radius.powi(dims as i32);
    let width = largest_speed / bins as f64;
    let mut sum = 0.0;
    let mut filled = 0u64;
    for (bin, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
        let share = count as f64 / particles as f64;
        let shell = ball((bin + 1) as f64 * width) - ball(bin as f64 * width);
        sum += share * (share / shell).ln();
        filled += 1;
    }
    sum - 0.5 * (filled - 1) as f64 / particles as f64
}

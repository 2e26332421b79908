//! How a set of velocities compares with a distribution.

/// Kolmogorov and Smirnov's statistic `sqrt(N) sup |F_N - F|`; sorts the values.
///
/// For values drawn from `F` it exceeds 1.95 once in a thousand times.
pub(super) fn kolmogorov_smirnov(values: &mut [f64], cdf: impl Fn(f64) -> f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let count = values.len() as f64;
    let supremum = values.iter().enumerate().fold(0.0f64, |largest, (i, &v)| {
        let expected = cdf(v);
        let (before, after) = (i as f64 / count, (i as f64 + 1.0) / count);
        largest.max(expected - before).max(after - expected)
    });
    supremum * count.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::maxwellian::Maxwellian;
    use crate::rng::Stream;

    #[test]
    fn kolmogorov_smirnov_tells_normals_from_others() {
        let gas = Maxwellian {
            dims: 1,
            theta: 1.0,
        };
        let mut stream = Stream::new(21, [0; 3]);
        let mut normals: Vec<f64> = (0..20_000).map(|_| stream.normal()).collect();
        let mut wider: Vec<f64> = normals.iter().map(|v| 1.05 * v).collect();
        let cdf = |v| gas.component_cdf(v);
        assert!(kolmogorov_smirnov(&mut normals, cdf) < 1.95);
        assert!(kolmogorov_smirnov(&mut wider, cdf) > 1.95);
        // Evenly spaced values: the distance of the steps themselves.
        let mut even: Vec<f64> = (0..10).map(|i| (f64::from(i) + 0.5) / 10.0).collect();
        let found = kolmogorov_smirnov(&mut even, |v| v);
        assert!((found - 0.05 * 10f64.sqrt()).abs() < 1e-12);
    }
}

//! How the moments of a uniform gas approach equilibrium.
//!
//! `nu` is the number of collisions of a particle per unit of time. For Maxwell molecules (`sigma g`
//! constant) the moments of the Boltzmann equation close: each rate below is exact at any distance
//! from equilibrium (Truesdell and Muncaster 1980, chapter XIV; for `D` dimensions by averaging the
//! collision `v' = V + g e / 2` over directions `e` on the sphere of `D` dimensions).

/// Rate of the deviatoric stress `<c_i c_j> - delta_ij <c^2> / D` of isotropically scattering Maxwell
/// molecules, over `nu`: 1/2 in any dimension.
pub const STRESS_RATE: f64 = 0.5;

/// Rate of `<c^2 c_i>` over `nu`, isotropic Maxwell molecules: `(D - 1) / (2 D)`.
///
/// The fourth moment of an isotropic gas decays at the same rate.
pub fn heat_flux_rate(dims: usize) -> f64 {
    (dims as f64 - 1.0) / (2.0 * dims as f64)
}

/// Rate of the deviatoric stress over `nu` of Maxwell molecules with VSS scattering
/// `cos chi = 2 U^(1/alpha) - 1` in three dimensions: `3 alpha / ((alpha + 1) (alpha + 2))`.
pub fn vss_stress_rate(alpha: f64) -> f64 {
    3.0 * alpha / ((alpha + 1.0) * (alpha + 2.0))
}

/// Rate of `<c^2 c_i>` over `nu` of Maxwell molecules with VSS scattering in three dimensions: two
/// thirds of [`vss_stress_rate`].
pub fn vss_heat_flux_rate(alpha: f64) -> f64 {
    2.0 / 3.0 * vss_stress_rate(alpha)
}

/// `<c^4>` of isotropic Maxwell molecules while the stress decays.
///
/// With `M4 = <c^4>`, `M2 = <c^2>` (constant) and the stress `P = <c c>`, whose deviator `d` decays by
/// `exp(-nu t / 2)`,
/// `dM4/dt = (nu/2) [-(1 - 1/D) M4 + (1 + 1/D) M2^2 - (2/D) P:P]`, `P:P = M2^2 / D + d:d`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FourthMoment {
    /// `D`.
    pub dims: usize,
    /// `<c^2>`.
    pub square: f64,
    /// `d:d` at the start, the sum of the squares of all components of the stress deviator.
    pub deviator_square: f64,
    /// `<c^4>` at the start.
    pub initial: f64,
}

impl FourthMoment {
    /// `dM4 / d(nu t)` where `<c^4>` and `d:d` are these.
    pub fn slope(&self, fourth: f64, deviator_square: f64) -> f64 {
        let d = self.dims as f64;
        let square = self.square * self.square;
        let stress_square = square / d + deviator_square;
        0.5 * (-(1.0 - 1.0 / d) * fourth + (1.0 + 1.0 / d) * square - 2.0 / d * stress_square)
    }

    /// `<c^4>` after the time `t` with `nu t = collisions`.
    ///
    /// The equation is linear: with `r = (D - 1) / (2 D)` and the forcing `-(1/D) d:d exp(-nu t)`,
    /// `M4 = M4eq + A exp(-r nu t) + B exp(-nu t)`, `B = (d:d / D) / (1 - r)`.
    pub fn at(&self, collisions: f64) -> f64 {
        let d = self.dims as f64;
        let rate = heat_flux_rate(self.dims);
        let equilibrium = (1.0 + 2.0 / d) * self.square * self.square;
        let forced = self.deviator_square / d / (1.0 - rate);
        let free = self.initial - equilibrium - forced;
        equilibrium + free * (-rate * collisions).exp() + forced * (-collisions).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    /// Rates from single collisions: the mean change of a pair's moment, summed over both particles, is
    /// minus the rate times the moment. `N` pairs of independent particles collide once.
    fn rates(dims: usize, alpha: f64) -> [(f64, f64); 2] {
        let mut stream = Stream::new(11, [dims as u32, 0, 0]);
        let pairs = 400_000;
        let shape = |stream: &mut Stream, velocity: &mut [f64]| {
            // Skewed and hotter along the first axis: exp(1) - 1 has mean 0, variance 1, skewness 2.
            velocity.iter_mut().for_each(|v| *v = stream.normal());
            velocity[0] = 1.5 * (-(1.0 - stream.uniform()).ln() - 1.0);
        };
        let moments = |v: &[f64]| {
            let square: f64 = v.iter().map(|v| v * v).sum();
            [v[0] * v[0] - square / dims as f64, square * v[0]]
        };
        let mut before = [0.0; 2];
        let mut changes = [Vec::with_capacity(pairs), Vec::with_capacity(pairs)];
        let (mut a, mut b, mut e) = (vec![0.0; dims], vec![0.0; dims], vec![0.0; dims]);
        for _ in 0..pairs {
            shape(&mut stream, &mut a);
            shape(&mut stream, &mut b);
            let start: Vec<f64> = [&a, &b].iter().flat_map(|v| moments(v)).collect();
            let g: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
            let speed = g.iter().map(|g| g * g).sum::<f64>().sqrt();
            stream.direction(&mut e);
            if alpha != 1.0 {
                // cos(chi) along g and the direction's own component across g.
                let along: f64 = e.iter().zip(&g).map(|(e, g)| e * g).sum::<f64>() / speed;
                let cosine = 2.0 * stream.uniform().powf(1.0 / alpha) - 1.0;
                let across = ((1.0 - cosine * cosine) / (1.0 - along * along)).sqrt();
                for (e, g) in e.iter_mut().zip(&g) {
                    *e = across * (*e - along * g / speed) + cosine * g / speed;
                }
            }
            for k in 0..dims {
                let centre = 0.5 * (a[k] + b[k]);
                a[k] = centre + 0.5 * speed * e[k];
                b[k] = centre - 0.5 * speed * e[k];
            }
            let end: Vec<f64> = [&a, &b].iter().flat_map(|v| moments(v)).collect();
            for m in 0..2 {
                before[m] += 0.5 * (start[m] + start[2 + m]) / pairs as f64;
                changes[m].push(start[m] + start[2 + m] - end[m] - end[2 + m]);
            }
        }
        // Each particle has collided once: rate / nu is half the pair's change over the moment.
        std::array::from_fn(|m| {
            let count = pairs as f64;
            let mean = changes[m].iter().sum::<f64>() / count;
            let square = changes[m].iter().map(|c| c * c).sum::<f64>() / count;
            let error = ((square - mean * mean) / count).sqrt();
            (0.5 * mean / before[m], 0.5 * error / before[m].abs())
        })
    }

    #[test]
    fn rates_of_single_collisions() {
        for (dims, alpha, stress, heat) in [
            (2, 1.0, STRESS_RATE, heat_flux_rate(2)),
            (3, 1.0, STRESS_RATE, heat_flux_rate(3)),
            (5, 1.0, STRESS_RATE, heat_flux_rate(5)),
            (3, 1.6, vss_stress_rate(1.6), vss_heat_flux_rate(1.6)),
        ] {
            let [stress_found, heat_found] = rates(dims, alpha);
            for (name, (found, error), expected) in [
                ("stress", stress_found, stress),
                ("heat flux", heat_found, heat),
            ] {
                assert!(
                    (found - expected).abs() < 5.0 * error && error < 0.03 * expected,
                    "D = {dims}, alpha = {alpha}, {name}: {found} +- {error}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn known_values() {
        assert!((vss_stress_rate(1.6) - 0.5128).abs() < 1e-4);
        assert!((vss_heat_flux_rate(1.6) - 0.3419).abs() < 1e-4);
        assert_eq!(vss_stress_rate(1.0), STRESS_RATE);
        assert_eq!(vss_heat_flux_rate(1.0), heat_flux_rate(3));
    }

    /// The closed form against the differential equation, by differences, and its limits.
    #[test]
    fn fourth_moment_solves_its_equation() {
        for dims in [2, 3, 5] {
            let d = dims as f64;
            let moment = FourthMoment {
                dims,
                square: 2.0,
                deviator_square: 0.7,
                initial: 9.0,
            };
            assert!((moment.at(0.0) - 9.0).abs() < 1e-12);
            assert!((moment.at(300.0) - (1.0 + 2.0 / d) * 4.0).abs() < 1e-12);
            for t in [0.1, 0.8, 3.0] {
                let h = 1e-4;
                let slope = (moment.at(t + h) - moment.at(t - h)) / (2.0 * h);
                let right = moment.slope(moment.at(t), 0.7 * (-t).exp());
                assert!((slope - right).abs() < 1e-7, "{slope} {right}");
            }
        }
    }
}

//! Damping of plane waves of small amplitude in a monatomic gas of three dimensions.
//!
//! Lengths are in `sqrt(theta) tau` and times in `tau = mu / p`: the wave number `kappa = k sqrt(theta) tau`
//! is about `0.8 k lambda`. Hydrodynamics gives the leading order in `kappa`, the kinetic equation the
//! next.

/// Rate at which the shear wave `u_y = U sin(k x)` decays, in `1 / tau`:
/// `kappa^2 (1 - 2/3 kappa^2)`.
///
/// The leading order is `nu_kin k^2`. The second follows from the moments that a stress excites by
/// streaming, the heat flux (relaxing at 2/3 of the stress's rate) and the third-rank moment (3/2 of it):
/// `1 - (2/5) / (2/3) - (8/5) / (3/2) = -2/3`. These ratios are those of isotropically scattering
/// molecules of any viscosity law in the first Sonine approximation, exact for Maxwell molecules.
/// The next order contributes `1.1 kappa^4`.
pub fn shear_rate(kappa: f64) -> f64 {
    kappa * kappa * (1.0 - 2.0 / 3.0 * kappa * kappa)
}

/// The same rate for the BGK equation, where all moments relax alike: `kappa^2 (1 - kappa^2)`.
pub fn bgk_shear_rate(kappa: f64) -> f64 {
    kappa * kappa * (1.0 - kappa * kappa)
}

/// Rate at which the amplitude of a sound wave decays at leading order, over that of a shear wave:
/// `Gamma / (nu_kin k^2) = [4/3 + (gamma - 1) / Pr] / 2` with `gamma = 5/3` and the Prandtl number `Pr`
/// (Landau and Lifshitz, Fluid Mechanics, section 79).
pub fn sound_damping(prandtl: f64) -> f64 {
    0.5 * (4.0 / 3.0 + 2.0 / (3.0 * prandtl))
}

/// Relative change of a sound wave's damping at the next order in `kappa`, `-1.26 kappa^2 + 9 kappa^4`
/// for `kappa <= 0.15`: a fit to the moment equations of Maxwell molecules.
pub fn sound_damping_correction(kappa: f64) -> f64 {
    let square = kappa * kappa;
    -1.26 * square + 9.0 * square * square
}

/// Speed of sound of a monatomic gas, `sqrt(gamma theta)` with `gamma = (D + 2) / D`.
pub fn sound_speed(dims: usize, theta: f64) -> f64 {
    ((dims as f64 + 2.0) / dims as f64 * theta).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Coefficients of the Legendre polynomial of degree `l`.
    fn legendre(l: usize) -> Vec<f64> {
        let mut polynomials = vec![vec![1.0], vec![0.0, 1.0]];
        for n in 1..=l {
            let scale = 1.0 / (n as f64 + 1.0);
            let mut next = vec![0.0];
            next.extend(
                polynomials[n]
                    .iter()
                    .map(|c| scale * (2 * n + 1) as f64 * c),
            );
            for (c, p) in next.iter_mut().zip(&polynomials[n - 1]) {
                *c -= scale * n as f64 * p;
            }
            polynomials.push(next);
        }
        polynomials.swap_remove(l)
    }

    /// How fast the moment `(r, l)` relaxes, over the stress: Maxwell molecules with isotropic scattering
    /// (Wang Chang and Uhlenbeck 1952), `1 - 2 integral_0^1 x^(r + l/2) P_l(sqrt x) dx` over 1/2.
    fn maxwell_rate(r: usize, l: usize) -> f64 {
        if (r, l) == (0, 0) {
            return 0.0;
        }
        let kept: f64 = legendre(l)
            .iter()
            .enumerate()
            .map(|(n, c)| c / (r as f64 + 0.5 * (l + n) as f64 + 1.0))
            .sum();
        2.0 * (1.0 - 2.0 * kept)
    }

    fn bgk_rate(r: usize, l: usize) -> f64 {
        f64::from(u8::from(r + l > 1))
    }

    /// The linear kinetic equation of one wave in the basis of Sonine and Legendre functions `(r, l)` with
    /// azimuthal number `m` (0: sound, 1: shear): `d a / dt = kappa S a - rates a`. Functions of odd `l`
    /// carry a factor `i`, which makes everything real.
    struct Moments {
        indices: Vec<(usize, usize)>,
        matrix: Vec<Vec<f64>>,
    }

    impl Moments {
        fn new(kappa: f64, m: usize, rate: fn(usize, usize) -> f64) -> Self {
            let degree = 9;
            let indices: Vec<(usize, usize)> = (m..=degree)
                .flat_map(|l| (0..=degree).map(move |r| (r, l)))
                .filter(|(r, l)| 2 * r + l <= degree)
                .collect();
            let place = |r: usize, l: usize| indices.iter().position(|&i| i == (r, l));
            let mut matrix = vec![vec![0.0; indices.len()]; indices.len()];
            for (column, &(r, l)) in indices.iter().enumerate() {
                matrix[column][column] = -rate(r, l);
                let (rf, lf) = (r as f64, l as f64);
                // c_x psi(r, l), upwards in l.
                let square = ((l + 1) * (l + 1) - m * m) as f64;
                let angle = (2.0 * square / ((2.0 * lf + 1.0) * (2.0 * lf + 3.0))).sqrt();
                let mut couples = vec![(place(r, l + 1), angle * (rf + lf + 1.5).sqrt())];
                if r > 0 {
                    couples.push((place(r - 1, l + 1), -angle * rf.sqrt()));
                }
                // The operator is symmetric: the couplings downwards are the transpose. -i k times a factor
                // i for odd l gives opposite signs to the two directions.
                for (row, value) in couples.into_iter().filter_map(|(p, v)| Some((p?, v))) {
                    let sign = if l % 2 == 0 { -1.0 } else { 1.0 };
                    matrix[row][column] += sign * kappa * value;
                    matrix[column][row] -= sign * kappa * value;
                }
            }
            Self { indices, matrix }
        }

        /// The velocity `a(0, 1)` at `count` instants `spacing` apart, from `start` on; the gas starts with
        /// a velocity and nothing else. Fourth-order Runge-Kutta.
        fn velocity(&self, start: f64, spacing: f64, count: usize) -> Vec<f64> {
            let n = self.indices.len();
            let velocity = self.indices.iter().position(|&i| i == (0, 1)).unwrap();
            let mut a = vec![0.0; n];
            a[velocity] = 1.0;
            let slope = |a: &[f64]| -> Vec<f64> {
                self.matrix
                    .iter()
                    .map(|row| row.iter().zip(a).map(|(m, a)| m * a).sum())
                    .collect()
            };
            let ahead = |a: &[f64], k: &[f64], h: f64| -> Vec<f64> {
                a.iter().zip(k).map(|(a, k)| a + h * k).collect()
            };
            let mut fly = |duration: f64| {
                let steps = (duration / 0.05).ceil() as usize;
                let h = duration / steps as f64;
                for _ in 0..steps {
                    let k1 = slope(&a);
                    let k2 = slope(&ahead(&a, &k1, 0.5 * h));
                    let k3 = slope(&ahead(&a, &k2, 0.5 * h));
                    let k4 = slope(&ahead(&a, &k3, h));
                    for i in 0..n {
                        a[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
                    }
                }
                a[velocity]
            };
            let mut values = vec![fly(start)];
            values.extend((1..count).map(|_| fly(spacing)));
            values
        }
    }

    #[test]
    fn relaxation_rates_of_maxwell_molecules() {
        for (r, l, expected) in [
            (0, 1, 0.0),
            (1, 0, 0.0),
            (0, 2, 1.0),
            (1, 1, 2.0 / 3.0),
            (0, 3, 1.5),
            (2, 0, 2.0 / 3.0),
        ] {
            assert!((maxwell_rate(r, l) - expected).abs() < 1e-14, "{r} {l}");
        }
    }

    #[test]
    fn shear_waves_of_the_moment_equations() {
        for (rate, expected) in [
            (
                maxwell_rate as fn(usize, usize) -> f64,
                shear_rate as fn(f64) -> f64,
            ),
            (bgk_rate, bgk_shear_rate),
        ] {
            for kappa in [0.05, 0.1, 0.15] {
                // Later than fifteen relaxation times one exponential is left.
                let u = Moments::new(kappa, 1, rate).velocity(25.0, 10.0, 2);
                let found = (u[0] / u[1]).ln() / 10.0;
                let order = kappa.powi(4) * kappa * kappa;
                assert!(
                    (found - expected(kappa)).abs() < 4.0 * order + 1e-9,
                    "{kappa}: {found} {}",
                    expected(kappa)
                );
            }
        }
    }

    /// BGK's dispersion relation `1 = <1 / (1 - s + i kappa c)>`, `s` in `1 / tau`, `c` a normal variable.
    #[test]
    fn bgk_shear_waves_by_their_dispersion_relation() {
        for kappa in [0.05f64, 0.1, 0.15] {
            let excess = |s: f64| {
                let mean = super::super::quadrature::simpson(-10.0, 10.0, 2000, |c| {
                    let weight = (-0.5 * c * c).exp() / (2.0 * std::f64::consts::PI).sqrt();
                    weight * (1.0 - s) / ((1.0 - s).powi(2) + (kappa * c).powi(2))
                });
                mean - 1.0
            };
            let (mut low, mut high) = (0.0, 0.5);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if excess(middle) < 0.0 {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            assert!((low - bgk_shear_rate(kappa)).abs() < 4.0 * kappa.powi(6));
        }
    }

    /// The sound wave of the moment equations, from four equidistant values of the velocity: two
    /// exponentials for the wave, one for the heat it leaves behind.
    #[test]
    fn sound_waves_of_the_moment_equations() {
        for kappa in [0.05, 0.08, 0.1, 0.12, 0.15] {
            let h = 8.0;
            let u = Moments::new(kappa, 0, maxwell_rate).velocity(25.0, h, 6);
            // u[n + 3] = a u[n + 2] + b u[n + 1] + c u[n], by Cramer's rule.
            let row = |n: usize| [u[n + 2], u[n + 1], u[n]];
            let determinant = |m: [[f64; 3]; 3]| {
                m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
                    - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
                    + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
            };
            let rows = [row(0), row(1), row(2)];
            let coefficient: [f64; 3] = std::array::from_fn(|k| {
                let mut replaced = rows;
                for (n, r) in replaced.iter_mut().enumerate() {
                    r[k] = u[n + 3];
                }
                determinant(replaced) / determinant(rows)
            });
            let [a, b, c] = coefficient;
            // The real root of z^3 = a z^2 + b z + c is the heat's; the wave's two have the product c / z.
            let mut z: f64 = 0.9;
            for _ in 0..100 {
                z -= (z.powi(3) - a * z * z - b * z - c) / (3.0 * z * z - 2.0 * a * z - b);
            }
            let damping = -(c / z).ln() / (2.0 * h);
            let leading = sound_damping(2.0 / 3.0) * kappa * kappa;
            let found = damping / leading - 1.0;
            let expected = sound_damping_correction(kappa);
            assert!(
                (found - expected).abs() < 2e-3,
                "{kappa}: {found} {expected}"
            );
        }
    }

    #[test]
    fn known_values() {
        assert!((sound_damping(2.0 / 3.0) - 7.0 / 6.0).abs() < 1e-15);
        assert!((sound_damping(1.0) - 1.0).abs() < 1e-15);
        assert!((sound_damping(0.66069) - 1.1711).abs() < 1e-4);
        assert_eq!(sound_speed(3, 3.0), 5f64.sqrt());
    }
}

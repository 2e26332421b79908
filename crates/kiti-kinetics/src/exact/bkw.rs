//! The Bobylev-Krook-Wu solution: a closed form of the nonlinear Boltzmann equation.

use super::maxwellian::{Maxwellian, sphere_surface};
use crate::rng::Stream;
use crate::{Error, Result};

/// The isotropic solution for Maxwell molecules with isotropic scattering in `D` dimensions:
///
/// `f(c, t) = (2 pi K theta)^(-D/2) exp(-x) [1 + (1 - K)/K (x - D/2)]`, `x = c^2 / (2 K theta)`,
/// `1 - K(t) = (1 - K(0)) exp(-(D - 1)/(4 D) nu t)`,
///
/// where `theta = k T / m` and `nu` is the number of collisions of a particle per unit of time
/// (Bobylev 1975; Krook and Wu, Phys. Rev. Lett. 36 (1976) 1107; Ernst, Phys. Rep. 78 (1981) 1 for `D`
/// dimensions). `K` runs from `D / (D + 2)` or more towards 1, the Maxwellian.
///
/// ```
/// use kiti_kinetics::exact::bkw::Bkw;
///
/// # fn main() -> kiti_kinetics::Result<()> {
/// let gas = Bkw::new(3, 1.0, 0.6)?;
/// // After two collisions of each particle the fourth moment is 0.918 of the Maxwellian's.
/// assert!((Bkw::moment_ratio(2, gas.k(2.0)) - 0.9179).abs() < 1e-4);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bkw {
    dims: usize,
    theta: f64,
    initial: f64,
}

impl Bkw {
    /// The solution that starts with `K = initial` in `dims` dimensions at temperature `theta`.
    ///
    /// # Errors
    /// Fewer than two dimensions (nothing relaxes in one), a temperature that is not positive, or
    /// `initial` outside `[D / (D + 2), 1]`, where `f` would be negative.
    pub fn new(dims: usize, theta: f64, initial: f64) -> Result<Self> {
        if dims < 2 {
            return Err(Error::Parameter {
                name: "dims",
                value: dims as f64,
                expected: "two dimensions or more",
            });
        }
        if !(theta > 0.0 && theta.is_finite()) {
            return Err(Error::Parameter {
                name: "theta",
                value: theta,
                expected: "a positive number",
            });
        }
        let lowest = dims as f64 / (dims as f64 + 2.0);
        // D / (D + 2) may have been written with fewer digits.
        if !(initial >= lowest - 1e-12 && initial <= 1.0) {
            return Err(Error::Parameter {
                name: "initial K",
                value: initial,
                expected: "D / (D + 2) to 1, or the distribution is negative",
            });
        }
        Ok(Self {
            dims,
            theta,
            initial: initial.max(lowest),
        })
    }

    /// `K` after the time `t` with `nu t = collisions`.
    pub fn k(&self, collisions: f64) -> f64 {
        let d = self.dims as f64;
        1.0 - (1.0 - self.initial) * (-(d - 1.0) / (4.0 * d) * collisions).exp()
    }

    /// `f` at the given squared velocity.
    pub fn density(&self, square: f64, k: f64) -> f64 {
        let narrow = Maxwellian {
            dims: self.dims,
            theta: k * self.theta,
        };
        let x = 0.5 * square / narrow.theta;
        let shape = 1.0 + (1.0 - k) / k * (x - 0.5 * self.dims as f64);
        narrow.density(square) * shape.max(0.0)
    }

    /// Density of the speed, `S_D c^(D-1) f(c)`.
    pub fn speed_density(&self, speed: f64, k: f64) -> f64 {
        sphere_surface(self.dims)
            * speed.powi(self.dims as i32 - 1)
            * self.density(speed * speed, k)
    }

    /// `<c^(2 order)>` over its value in equilibrium, `K^(order-1) (order - (order - 1) K)`; the same in
    /// any dimension.
    pub fn moment_ratio(order: usize, k: f64) -> f64 {
        let s = order as f64;
        k.powf(s - 1.0) * (s - (s - 1.0) * k)
    }

    /// `H - H_eq`, `H = integral f ln f`, by quadrature over the speed (absolute error below 1e-8).
    pub fn h_excess(&self, k: f64) -> f64 {
        // A Maxwellian factor of exp(-72) is left beyond twelve standard deviations.
        let (top, intervals) = (12.0 * self.theta.sqrt(), 4800);
        let step = top / intervals as f64;
        let h: f64 = (1..intervals)
            .map(|i| {
                let speed = i as f64 * step;
                let f = self.density(speed * speed, k);
                let weight = if i % 2 == 1 { 4.0 } else { 2.0 };
                if f > 0.0 {
                    weight * self.speed_density(speed, k) * f.ln()
                } else {
                    0.0
                }
            })
            .sum();
        let equilibrium = Maxwellian {
            dims: self.dims,
            theta: self.theta,
        };
        h * step / 3.0 - equilibrium.h_function()
    }

    /// Fills `velocity` (`D` components) with a draw from `f` at the given `k`.
    ///
    /// `f` is a mixture: with probability `D (1 - K) / (2 K)` the squared speed over `K theta` is
    /// chi-squared with `D + 2` degrees of freedom, otherwise with `D`.
    pub fn sample(&self, k: f64, stream: &mut Stream, velocity: &mut [f64]) {
        let mut square = 0.0;
        for v in velocity.iter_mut() {
            *v = stream.normal();
            square += *v * *v;
        }
        let mut scale = (k * self.theta).sqrt();
        if stream.uniform() < 0.5 * self.dims as f64 * (1.0 - k) / k && square > 0.0 {
            let more = stream.normal().powi(2) + stream.normal().powi(2);
            scale *= (1.0 + more / square).sqrt();
        }
        velocity.iter_mut().for_each(|v| *v *= scale);
    }
}

#[cfg(test)]
mod tests {
    use super::super::quadrature::simpson;
    use super::*;

    #[test]
    fn density_has_the_moments_of_the_closed_form() {
        for (dims, theta) in [(2, 1.0), (3, 1.3), (5, 0.6)] {
            let lowest = dims as f64 / (dims as f64 + 2.0);
            let gas = Bkw::new(dims, theta, lowest).unwrap();
            let equilibrium = Maxwellian { dims, theta };
            for k in [lowest, 0.8, 1.0] {
                for order in 0..4 {
                    let found = simpson(0.0, 14.0 * theta.sqrt(), 4000, |c| {
                        gas.speed_density(c, k) * c.powi(2 * order as i32)
                    });
                    let expected = match order {
                        0 => 1.0,
                        _ => equilibrium.even_moment(order) * Bkw::moment_ratio(order, k),
                    };
                    assert!((found / expected - 1.0).abs() < 1e-9, "{dims} {k} {order}");
                }
            }
        }
    }

    /// The fourth moment must decay as the moment equation of Maxwell molecules says.
    #[test]
    fn fourth_moment_agrees_with_the_moment_equation() {
        use super::super::relaxation::FourthMoment;
        for dims in [2, 3, 5] {
            let gas = Bkw::new(dims, 1.0, 0.8).unwrap();
            let equilibrium = Maxwellian { dims, theta: 1.0 }.even_moment(2);
            let moment = FourthMoment {
                dims,
                square: dims as f64,
                deviator_square: 0.0,
                initial: equilibrium * Bkw::moment_ratio(2, 0.8),
            };
            for t in [0.5, 2.0, 9.0] {
                let found = equilibrium * Bkw::moment_ratio(2, gas.k(t));
                assert!((found - moment.at(t)).abs() < 1e-12 * equilibrium);
            }
        }
    }

    /// Numbers of an independent calculation.
    #[test]
    fn known_values() {
        let gas = Bkw::new(3, 1.0, 0.6).unwrap();
        for (t, m4, m6) in [
            (0.0, 0.8400, 0.6480),
            (2.0, 0.9179, 0.8006),
            (4.0, 0.9578, 0.8908),
            (6.0, 0.9783, 0.9414),
            (8.0, 0.9889, 0.9690),
        ] {
            assert!((Bkw::moment_ratio(2, gas.k(t)) - m4).abs() < 6e-5);
            assert!((Bkw::moment_ratio(3, gas.k(t)) - m6).abs() < 6e-5);
        }
        for (k, h) in [
            (0.6, 0.06393),
            (0.7, 0.01266),
            (0.8, 0.001899),
            (0.9, 0.0001),
        ] {
            assert!((gas.h_excess(k) - h).abs() < 6e-6, "{k}");
        }
        let flat = Bkw::new(2, 1.0, 0.5).unwrap();
        for (k, h) in [(0.5, 0.115932), (0.7, 0.006249), (0.8, 0.000982)] {
            assert!((flat.h_excess(k) - h).abs() < 6e-7, "{k}");
        }
        assert!(gas.h_excess(1.0).abs() < 1e-8);
    }

    /// Second to sixth moment of the draws within five standard errors, at both ends of `K` and between.
    #[test]
    fn samples_follow_the_density() {
        for dims in [2, 3, 5] {
            let lowest = dims as f64 / (dims as f64 + 2.0);
            let gas = Bkw::new(dims, 0.9, lowest).unwrap();
            let equilibrium = Maxwellian { dims, theta: 0.9 };
            let mut stream = Stream::new(12, [dims as u32, 0, 0]);
            let mut velocity = vec![0.0; dims];
            for k in [lowest, 0.85, 1.0] {
                let count = 100_000;
                let (mut sums, mut squares) = ([0.0; 4], [0.0; 4]);
                for _ in 0..count {
                    gas.sample(k, &mut stream, &mut velocity);
                    let c2: f64 = velocity.iter().map(|v| v * v).sum();
                    for order in 1..4 {
                        sums[order] += c2.powi(order as i32);
                        squares[order] += c2.powi(2 * order as i32);
                    }
                    sums[0] += velocity[0];
                    squares[0] += velocity[0] * velocity[0];
                }
                for order in 0..4 {
                    let mean = sums[order] / f64::from(count);
                    let variance = squares[order] / f64::from(count) - mean * mean;
                    let expected = match order {
                        0 => 0.0,
                        _ => equilibrium.even_moment(order) * Bkw::moment_ratio(order, k),
                    };
                    let error = (variance / f64::from(count)).sqrt();
                    assert!((mean - expected).abs() < 5.0 * error, "{dims} {k} {order}");
                }
            }
        }
    }

    #[test]
    fn impossible_parameters_are_refused() {
        for (dims, theta, k) in [(1, 1.0, 0.6), (3, 0.0, 0.7), (3, 1.0, 0.5), (3, 1.0, 1.1)] {
            assert!(Bkw::new(dims, theta, k).is_err());
        }
        assert!(Bkw::new(3, f64::NAN, 0.7).is_err() && Bkw::new(3, 1.0, f64::NAN).is_err());
    }
}

//! What hydrodynamics expects of a sound wave whose amplitude is not small.

use crate::exact::transport::hard_sphere_prandtl;

/// A standing sound wave of hard spheres in a periodic tube, `u = amplitude sin(k x)`, `k = 2 pi / length`,
/// by the Navier-Stokes equations: density 1 and `theta = 1` at rest.
///
/// Central differences in conservative form and Runge-Kutta steps of fourth order, for smooth flow.
pub(super) struct SoundWave {
    spacing: f64,
    /// Kinematic viscosity at `theta = 1`.
    viscosity: f64,
    /// Density, momentum and energy of each point.
    state: Vec<[f64; 3]>,
}

const POINTS: usize = 128;

impl SoundWave {
    /// `viscosity` is the kinematic viscosity at `theta = 1`.
    pub(super) fn new(length: f64, amplitude: f64, viscosity: f64) -> Self {
        let state = (0..POINTS)
            .map(|i| {
                let angle = std::f64::consts::TAU * i as f64 / POINTS as f64;
                let u = amplitude * angle.sin();
                [1.0, u, 1.5 + 0.5 * u * u]
            })
            .collect();
        Self {
            spacing: length / POINTS as f64,
            viscosity,
            state,
        }
    }

    /// `(2 / length) integral rho u sin(k x) dx`.
    pub(super) fn amplitude(&self) -> f64 {
        let sum: f64 = self
            .state
            .iter()
            .enumerate()
            .map(|(i, s)| s[1] * (std::f64::consts::TAU * i as f64 / POINTS as f64).sin())
            .sum();
        2.0 * sum / POINTS as f64
    }

    /// Goes on by `duration` in steps short enough for sound and for the diffusion of heat, from point to point.
    pub(super) fn advance(&mut self, duration: f64) {
        let diffusion = self.spacing * self.spacing / self.viscosity;
        let stable = 0.1 * self.spacing.min(diffusion);
        let steps = (duration / stable).ceil().max(1.0) as usize;
        let h = duration / steps as f64;
        let ahead = |state: &[[f64; 3]], slope: &[[f64; 3]], h: f64| -> Vec<[f64; 3]> {
            let each = state.iter().zip(slope);
            each.map(|(s, k)| std::array::from_fn(|m| s[m] + h * k[m]))
                .collect()
        };
        for _ in 0..steps {
            let k1 = self.slope(&self.state);
            let k2 = self.slope(&ahead(&self.state, &k1, 0.5 * h));
            let k3 = self.slope(&ahead(&self.state, &k2, 0.5 * h));
            let k4 = self.slope(&ahead(&self.state, &k3, h));
            for (i, s) in self.state.iter_mut().enumerate() {
                for m in 0..3 {
                    s[m] += h / 6.0 * (k1[i][m] + 2.0 * k2[i][m] + 2.0 * k3[i][m] + k4[i][m]);
                }
            }
        }
    }

    /// Fluxes between neighbours: the mean of both, viscous stress `4/3 mu du/dx` and heat flux
    /// `-kappa dtheta/dx` with coefficients in proportion to `sqrt(theta)`.
    fn slope(&self, state: &[[f64; 3]]) -> Vec<[f64; 3]> {
        let primitive = |s: [f64; 3]| {
            let u = s[1] / s[0];
            (u, (s[2] / s[0] - 0.5 * u * u) / 1.5)
        };
        let flux = |a: [f64; 3], b: [f64; 3]| -> [f64; 3] {
            let ((ua, ta), (ub, tb)) = (primitive(a), primitive(b));
            let euler = |s: [f64; 3], u: f64, t: f64| {
                let p = s[0] * t;
                [s[1], s[1] * u + p, (s[2] + p) * u]
            };
            let (fa, fb) = (euler(a, ua, ta), euler(b, ub, tb));
            let mu = self.viscosity * (0.5 * (ta + tb)).sqrt();
            let stress = 4.0 / 3.0 * mu * (ub - ua) / self.spacing;
            let heat = -2.5 * mu / hard_sphere_prandtl() * (tb - ta) / self.spacing;
            [
                0.5 * (fa[0] + fb[0]),
                0.5 * (fa[1] + fb[1]) - stress,
                0.5 * (fa[2] + fb[2]) - stress * 0.5 * (ua + ub) + heat,
            ]
        };
        (0..POINTS)
            .map(|i| {
                let left = flux(state[(i + POINTS - 1) % POINTS], state[i]);
                let right = flux(state[i], state[(i + 1) % POINTS]);
                std::array::from_fn(|m| (left[m] - right[m]) / self.spacing)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::waves::{sound_damping, sound_speed};

    /// A weak wave: the frequency and damping of linear hydrodynamics.
    #[test]
    fn weak_waves_are_linear() {
        let (length, amplitude) = (100.0, 1e-4);
        let k = std::f64::consts::TAU / length;
        let nu = 0.8;
        let damping = sound_damping(hard_sphere_prandtl()) * nu * k * k;
        let mut wave = SoundWave::new(length, amplitude, nu);
        // After whole periods the velocity is back, less the damping.
        let period = length / sound_speed(3, 1.0);
        let mut previous = amplitude;
        for _ in 0..3 {
            wave.advance(period);
            let found = (previous / wave.amplitude()).ln() / period;
            previous = wave.amplitude();
            // Damping beyond the first order shifts the phase by (damping / omega)^2.
            assert!((found / damping - 1.0).abs() < 0.02, "{found} {damping}");
        }
    }
}

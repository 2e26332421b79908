//! The Riemann problem of the Euler equations.

use crate::{Error, Result};

/// Density, velocity and pressure of a gas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// Mass density, positive.
    pub density: f64,
    /// Velocity along the tube.
    pub velocity: f64,
    /// Pressure, positive.
    pub pressure: f64,
}

impl State {
    /// `theta = p / rho`.
    pub fn theta(&self) -> f64 {
        self.pressure / self.density
    }

    fn sound_speed(&self, gamma: f64) -> f64 {
        (gamma * self.theta()).sqrt()
    }
}

/// Speeds of one nonlinear wave, from the undisturbed gas inwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wave {
    /// A shock.
    Shock {
        /// Its speed.
        speed: f64,
    },
    /// A rarefaction fan.
    Rarefaction {
        /// Speed of the edge at the undisturbed gas.
        head: f64,
        /// Speed of the edge at the star state.
        tail: f64,
    },
}

/// The self-similar solution for two uniform states that meet at `x = 0` at `t = 0`.
///
/// Two nonlinear waves enclose a region of one pressure `p*` and one velocity `u*`, cut by the contact.
/// `p*` is the root of `f(p; left) + f(p; right) + u_right - u_left`, where `f` is, across a shock
/// (`p > p_k`), `(p - p_k) sqrt(2 / (rho_k [(gamma + 1) p + (gamma - 1) p_k]))` and across a rarefaction
/// `2 a_k / (gamma - 1) [(p / p_k)^((gamma - 1)/(2 gamma)) - 1]` (Toro, Riemann Solvers, 3rd edition,
/// chapter 4).
///
/// ```
/// use kiti_kinetics::exact::riemann::{Riemann, State};
///
/// # fn main() -> kiti_kinetics::Result<()> {
/// // Sod's tube with a monatomic gas.
/// let left = State { density: 1.0, velocity: 0.0, pressure: 1.0 };
/// let right = State { density: 0.125, velocity: 0.0, pressure: 0.1 };
/// let tube = Riemann::new(left, right, 5.0 / 3.0)?;
/// assert!((tube.pressure() - 0.2939452).abs() < 1e-7);
/// assert_eq!(tube.at(-10.0), left);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Riemann {
    gamma: f64,
    left: State,
    right: State,
    pressure: f64,
    velocity: f64,
}

/// `f(p; state)` and its derivative.
fn velocity_change(pressure: f64, state: State, gamma: f64) -> (f64, f64) {
    let State {
        density,
        pressure: p,
        ..
    } = state;
    let sound = state.sound_speed(gamma);
    if pressure > p {
        let a = 2.0 / ((gamma + 1.0) * density);
        let b = (gamma - 1.0) / (gamma + 1.0) * p;
        let root = (a / (pressure + b)).sqrt();
        let slope = root * (1.0 - 0.5 * (pressure - p) / (pressure + b));
        ((pressure - p) * root, slope)
    } else {
        let ratio = pressure / p;
        let exponent = 0.5 * (gamma - 1.0) / gamma;
        let value = 2.0 * sound / (gamma - 1.0) * (ratio.powf(exponent) - 1.0);
        let slope = ratio.powf(exponent - 1.0) / (density * sound);
        (value, slope)
    }
}

impl Riemann {
    /// Solves for the star state.
    ///
    /// # Errors
    /// `gamma <= 1`, a density or pressure that is not positive, or states that fly apart so fast that a
    /// vacuum opens, `u_right - u_left >= 2 (a_left + a_right) / (gamma - 1)`.
    pub fn new(left: State, right: State, gamma: f64) -> Result<Self> {
        if !(gamma > 1.0 && gamma.is_finite()) {
            return Err(Error::Parameter {
                name: "gamma",
                value: gamma,
                expected: "a ratio of specific heats above 1",
            });
        }
        for state in [left, right] {
            for (name, value) in [("density", state.density), ("pressure", state.pressure)] {
                if !(value > 0.0 && value.is_finite()) {
                    return Err(Error::Parameter {
                        name,
                        value,
                        expected: "a positive number",
                    });
                }
            }
        }
        let jump = right.velocity - left.velocity;
        let sounds = left.sound_speed(gamma) + right.sound_speed(gamma);
        if jump.is_nan() || jump >= 2.0 * sounds / (gamma - 1.0) {
            return Err(Error::Parameter {
                name: "right velocity minus left velocity",
                value: jump,
                expected: "less than 2 (a_left + a_right) / (gamma - 1), or a vacuum opens",
            });
        }

        // The function is increasing and concave: Newton's method from the left of the root converges
        // monotonically, and a step to negative pressure is cut short.
        let mut pressure = left.pressure.min(right.pressure);
        for _ in 0..200 {
            let (f_left, slope_left) = velocity_change(pressure, left, gamma);
            let (f_right, slope_right) = velocity_change(pressure, right, gamma);
            let step = (f_left + f_right + jump) / (slope_left + slope_right);
            let next = (pressure - step).max(1e-3 * pressure);
            let done = (next - pressure).abs() <= 1e-15 * (next + pressure);
            pressure = next;
            if done {
                break;
            }
        }
        let (f_left, _) = velocity_change(pressure, left, gamma);
        let (f_right, _) = velocity_change(pressure, right, gamma);
        let velocity = 0.5 * (left.velocity + right.velocity + f_right - f_left);
        Ok(Self {
            gamma,
            left,
            right,
            pressure,
            velocity,
        })
    }

    /// `p*`.
    pub fn pressure(&self) -> f64 {
        self.pressure
    }

    /// `u*`, also the speed of the contact.
    pub fn velocity(&self) -> f64 {
        self.velocity
    }

    /// The state between the left wave and the contact.
    pub fn left_star(&self) -> State {
        self.star(self.left)
    }

    /// The state between the contact and the right wave.
    pub fn right_star(&self) -> State {
        self.star(self.right)
    }

    /// The wave that runs into the left state.
    pub fn left_wave(&self) -> Wave {
        self.wave(self.left, -1.0)
    }

    /// The wave that runs into the right state.
    pub fn right_wave(&self) -> Wave {
        self.wave(self.right, 1.0)
    }

    /// The state at `x / t = speed`.
    pub fn at(&self, speed: f64) -> State {
        if speed < self.velocity {
            self.side(self.left, -1.0, speed)
        } else {
            self.side(self.right, 1.0, speed)
        }
    }

    fn star(&self, state: State) -> State {
        let ratio = self.pressure / state.pressure;
        let density = if ratio > 1.0 {
            let b = (self.gamma - 1.0) / (self.gamma + 1.0);
            state.density * (ratio + b) / (b * ratio + 1.0)
        } else {
            state.density * ratio.powf(1.0 / self.gamma)
        };
        State {
            density,
            velocity: self.velocity,
            pressure: self.pressure,
        }
    }

    /// `sign` is -1 for the left side, 1 for the right.
    fn wave(&self, state: State, sign: f64) -> Wave {
        let sound = state.sound_speed(self.gamma);
        let ratio = self.pressure / state.pressure;
        if ratio > 1.0 {
            let g = self.gamma;
            let mach = (0.5 * (g + 1.0) / g * ratio + 0.5 * (g - 1.0) / g).sqrt();
            Wave::Shock {
                speed: state.velocity + sign * sound * mach,
            }
        } else {
            let inner = self.star(state).sound_speed(self.gamma);
            Wave::Rarefaction {
                head: state.velocity + sign * sound,
                tail: self.velocity + sign * inner,
            }
        }
    }

    fn side(&self, state: State, sign: f64, speed: f64) -> State {
        match self.wave(state, sign) {
            Wave::Shock { speed: shock } => {
                if sign * (speed - shock) > 0.0 {
                    state
                } else {
                    self.star(state)
                }
            }
            Wave::Rarefaction { head, tail } => {
                if sign * (speed - head) > 0.0 {
                    return state;
                }
                if sign * (speed - tail) < 0.0 {
                    return self.star(state);
                }
                let g = self.gamma;
                let sound = state.sound_speed(g);
                // The Riemann invariant u -+ 2 a / (gamma - 1) and speed = u +- a.
                let inside =
                    (2.0 * sound - sign * (g - 1.0) * (state.velocity - speed)) / (g + 1.0);
                let ratio = inside / sound;
                State {
                    density: state.density * ratio.powf(2.0 / (g - 1.0)),
                    velocity: speed - sign * inside,
                    pressure: state.pressure * ratio.powf(2.0 * g / (g - 1.0)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::quadrature::simpson;
    use super::*;

    const LEFT: State = State {
        density: 1.0,
        velocity: 0.0,
        pressure: 1.0,
    };
    const RIGHT: State = State {
        density: 0.125,
        velocity: 0.0,
        pressure: 0.1,
    };

    fn near(found: f64, expected: f64, tolerance: f64) {
        assert!(
            (found - expected).abs() < tolerance,
            "{found}, not {expected}"
        );
    }

    /// Numbers of an independent calculation, with the diaphragm at 1/2 and t = 0.2.
    #[test]
    fn sod_of_a_monatomic_gas() {
        let tube = Riemann::new(LEFT, RIGHT, 5.0 / 3.0).unwrap();
        near(tube.pressure(), 0.2939452, 1e-7);
        near(tube.velocity(), 0.8411949, 1e-7);
        near(tube.left_star().density, 0.4796891, 1e-7);
        near(tube.right_star().density, 0.2298057, 1e-7);
        near(tube.left_star().theta(), 0.6127828, 1e-7);
        near(tube.right_star().theta(), 1.2791029, 1e-7);
        let Wave::Shock { speed } = tube.right_wave() else {
            panic!("no shock on the right");
        };
        near(speed, 1.8444734, 1e-7);
        let Wave::Rarefaction { head, tail } = tube.left_wave() else {
            panic!("no rarefaction on the left");
        };
        near(0.5 + 0.2 * head, 0.24180, 6e-6);
        near(0.5 + 0.2 * tail, 0.46612, 6e-6);
        near(0.5 + 0.2 * tube.velocity(), 0.66824, 6e-6);
        near(0.5 + 0.2 * speed, 0.86889, 6e-6);
    }

    /// Toro, table 4.2 (test 1) and table 4.3.
    #[test]
    fn toro() {
        let state = |density, velocity, pressure| State {
            density,
            velocity,
            pressure,
        };
        for (left, right, pressure, velocity, densities) in [
            (LEFT, RIGHT, 0.30313, 0.92745, [0.42632, 0.26557]),
            (
                state(1.0, -2.0, 0.4),
                state(1.0, 2.0, 0.4),
                0.00189,
                0.0,
                [0.02185, 0.02185],
            ),
            (
                state(1.0, 0.0, 1000.0),
                state(1.0, 0.0, 0.01),
                460.894,
                19.5975,
                [0.57506, 5.99924],
            ),
            (
                state(5.99924, 19.5975, 460.894),
                state(5.99242, -6.19633, 46.0950),
                1691.64,
                8.68975,
                [14.2823, 31.0426],
            ),
        ] {
            let tube = Riemann::new(left, right, 1.4).unwrap();
            let digits = |value: f64| 1e-5f64.max(1e-5 * value.abs());
            near(tube.pressure(), pressure, digits(pressure));
            near(tube.velocity(), velocity, digits(velocity));
            near(tube.left_star().density, densities[0], digits(densities[0]));
            near(
                tube.right_star().density,
                densities[1],
                digits(densities[1]),
            );
        }
    }

    /// Mass, momentum and energy in a tube whose ends are undisturbed change by the fluxes at its ends:
    /// this holds for any combination of waves.
    #[test]
    fn profiles_conserve() {
        let other = State {
            density: 0.7,
            velocity: -0.9,
            pressure: 1.4,
        };
        for gamma in [1.4, 5.0 / 3.0, 2.0] {
            for (left, right) in [(LEFT, RIGHT), (RIGHT, LEFT), (LEFT, other), (other, LEFT)] {
                let tube = Riemann::new(left, right, gamma).unwrap();
                let conserved = |s: State| {
                    let energy = s.pressure / (gamma - 1.0) + 0.5 * s.density * s.velocity.powi(2);
                    [s.density, s.density * s.velocity, energy]
                };
                let flux = |s: State| {
                    let [_, momentum, energy] = conserved(s);
                    [
                        momentum,
                        momentum * s.velocity + s.pressure,
                        (energy + s.pressure) * s.velocity,
                    ]
                };
                for k in 0..3 {
                    // The discontinuities cost Simpson's rule one interval each.
                    let found = simpson(-5.0, 5.0, 200_000, |x| conserved(tube.at(x))[k]);
                    let expected = 5.0 * (conserved(left)[k] + conserved(right)[k]) + flux(left)[k]
                        - flux(right)[k];
                    near(found, expected, 5e-4);
                }
            }
        }
    }

    #[test]
    fn mirror_images_are_mirror_images() {
        let there = Riemann::new(LEFT, RIGHT, 5.0 / 3.0).unwrap();
        let back = Riemann::new(RIGHT, LEFT, 5.0 / 3.0).unwrap();
        for x in [-1.5, -0.4, 0.3, 1.0, 1.9] {
            let (a, b) = (there.at(x), back.at(-x));
            near(a.density, b.density, 1e-14);
            near(a.velocity, -b.velocity, 1e-14);
            near(a.pressure, b.pressure, 1e-14);
        }
    }

    #[test]
    fn impossible_tubes_are_refused() {
        let fast = State {
            velocity: 1e3,
            ..RIGHT
        };
        let cold = State {
            pressure: 0.0,
            ..RIGHT
        };
        assert!(Riemann::new(LEFT, fast, 1.4).is_err());
        assert!(Riemann::new(LEFT, cold, 1.4).is_err());
        assert!(Riemann::new(LEFT, RIGHT, 1.0).is_err());
        assert!(Riemann::new(LEFT, RIGHT, f64::NAN).is_err());
    }
}

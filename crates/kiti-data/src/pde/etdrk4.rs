//! Exponential time differencing with a fourth-order Runge-Kutta method.

use rustfft::num_complex::Complex;

/// The state of a mode, its rates and their Fourier coefficients.
pub(super) type Mode = Complex<f64>;

/// A step of ETDRK4 for `c' = L c + N(c)` with a real number `L` for each mode `c`.
///
/// With `z = h L` and the functions `phi_1(z) = (e^z - 1)/z`, `phi_2 = (phi_1 - 1)/z`,
/// `phi_3 = (phi_2 - 1/2)/z`,
///
/// ```text
/// a  = e^(z/2) c + (h/2) phi_1(z/2) N(c)
/// b  = e^(z/2) c + (h/2) phi_1(z/2) N(a)
/// d  = e^(z/2) a + (h/2) phi_1(z/2) (2 N(b) - N(c))
/// c' = e^z c + h (phi_1 - 3 phi_2 + 4 phi_3) N(c)
///            + 2 h (phi_2 - 2 phi_3) (N(a) + N(b)) + h (4 phi_3 - phi_2) N(d)
/// ```
///
/// The linear part is solved exactly whatever the step; the error of the rest is of order
/// `h^4`. Source: Cox and Matthews (2002), *J. Comput. Phys.* 176, equations 26 to 29, in the
/// form of Kassam and Trefethen (2005), *SIAM J. Sci. Comput.* 26. The cancellation in the
/// weights near `z = 0` is avoided by a Taylor series of `phi_3`.
#[derive(Clone, Debug)]
pub(super) struct Etdrk4 {
    weights: Vec<Weights>,
    step: f64,
    at_start: Vec<Mode>,
    at_first: Vec<Mode>,
    at_second: Vec<Mode>,
    at_end: Vec<Mode>,
    first: Vec<Mode>,
    stage: Vec<Mode>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Weights {
    half_decay: f64,
    decay: f64,
    half_stage: f64,
    start: f64,
    middle: f64,
    end: f64,
}

impl Weights {
    fn new(rate: f64, step: f64) -> Self {
        let z = rate * step;
        let [phi_1, phi_2, phi_3] = phi(z);
        Self {
            half_decay: (z / 2.).exp(),
            decay: z.exp(),
            half_stage: step / 2. * phi(z / 2.)[0],
            start: step * (phi_1 - 3. * phi_2 + 4. * phi_3),
            middle: 2. * step * (phi_2 - 2. * phi_3),
            end: step * (4. * phi_3 - phi_2),
        }
    }
}

/// `phi_1`, `phi_2` and `phi_3` at `z`.
fn phi(z: f64) -> [f64; 3] {
    if z.abs() > 1. {
        let phi_1 = z.exp_m1() / z;
        let phi_2 = (phi_1 - 1.) / z;
        return [phi_1, phi_2, (phi_2 - 0.5) / z];
    }
    // phi_3 = sum_n z^n / (n + 3)!; what is left out after 18 terms is below 1/21! = 2e-20.
    let mut term = 1. / 6.;
    let mut phi_3 = 0.;
    for n in 0..18 {
        phi_3 += term;
        term *= z / f64::from(n + 4);
    }
    let phi_2 = z * phi_3 + 0.5;
    [z * phi_2 + 1., phi_2, phi_3]
}

impl Etdrk4 {
    /// A stepper of so many modes, whose step is set before its first use.
    pub(super) fn new(modes: usize) -> Self {
        let zeros = || vec![Mode::default(); modes];
        Self {
            weights: vec![Weights::default(); modes],
            step: f64::NAN,
            at_start: zeros(),
            at_first: zeros(),
            at_second: zeros(),
            at_end: zeros(),
            first: zeros(),
            stage: zeros(),
        }
    }

    /// Prepares steps of the length `step` for the linear rates `rates`, the same ones at every
    /// call.
    pub(super) fn set_step(&mut self, rates: &[f64], step: f64) {
        if step == self.step {
            return;
        }
        self.step = step;
        for (weights, &rate) in self.weights.iter_mut().zip(rates) {
            *weights = Weights::new(rate, step);
        }
    }

    /// Advances `state` by one step; `nonlinear(c, n)` writes `N(c)` into `n`.
    pub(super) fn advance(
        &mut self,
        state: &mut [Mode],
        mut nonlinear: impl FnMut(&[Mode], &mut [Mode]),
    ) {
        nonlinear(state, &mut self.at_start);
        for (index, w) in self.weights.iter().enumerate() {
            self.first[index] = state[index] * w.half_decay + self.at_start[index] * w.half_stage;
        }
        nonlinear(&self.first, &mut self.at_first);
        for (index, w) in self.weights.iter().enumerate() {
            self.stage[index] = state[index] * w.half_decay + self.at_first[index] * w.half_stage;
        }
        nonlinear(&self.stage, &mut self.at_second);
        for (index, w) in self.weights.iter().enumerate() {
            let slope = self.at_second[index] * 2. - self.at_start[index];
            self.stage[index] = self.first[index] * w.half_decay + slope * w.half_stage;
        }
        nonlinear(&self.stage, &mut self.at_end);
        for (index, w) in self.weights.iter().enumerate() {
            state[index] = state[index] * w.decay
                + self.at_start[index] * w.start
                + (self.at_first[index] + self.at_second[index]) * w.middle
                + self.at_end[index] * w.end;
        }
    }
}

/// The number of equal steps that cross `time`, each at most `longest` and stable for waves of
/// up to `largest_wavenumber` (radians per length) carried at `speed` against `viscosity`; `None`
/// where the speed is not finite or so large that there are more than `2^32` of them.
///
/// A wave number `k` rotates by `k speed h` in a step, of which the method bears 2.8; above
/// `k = 1/sqrt(viscosity h)` the decay wins, and at that wave number the rotation is
/// `speed sqrt(h/viscosity)`. Either of the two below 1 is therefore enough, with a margin of
/// 2.8 for a speed that grows.
pub(super) fn steps_across(
    time: f64,
    longest: f64,
    speed: f64,
    largest_wavenumber: f64,
    viscosity: f64,
) -> Option<u32> {
    let advective = 1. / (largest_wavenumber * speed);
    let diffusive = viscosity / speed.powi(2);
    let steps = (time / longest.min(advective.max(diffusive))).ceil();
    let countable = speed.is_finite() && steps <= f64::from(u32::MAX);
    countable.then_some((steps as u32).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_phi_agree_across_both_formulas() {
        // Taylor series in extended form: 40 terms, summed from the smallest.
        let series = |order: i32, z: f64| -> f64 {
            let mut terms = vec![(1..=order).map(f64::from).product::<f64>().recip()];
            for n in 1..60 {
                terms.push(terms[n - 1] * z / f64::from(n as i32 + order));
            }
            terms.iter().rev().sum()
        };
        for z in [-3., -1.0001, -0.9999, -0.1, -1e-8, 0., 0.5, 1.0001, 2.] {
            for (order, value) in (1..).zip(phi(z)) {
                let expected = series(order, z);
                assert!((value - expected).abs() < 1e-14, "phi_{order}({z})");
            }
        }
        let [phi_1, phi_2, phi_3] = phi(-1e6);
        assert!((phi_1 - 1e-6).abs() < 1e-20 && (phi_2 - 1e-6).abs() < 2e-12);
        assert!((phi_3 - 0.5e-6).abs() < 2e-12);
    }

    /// `c' = -c - c^2`, solved by `c(t) = 1/(2 e^t - 1)` from `c(0) = 1`.
    #[test]
    fn the_method_is_of_fourth_order() {
        let error = |steps: usize| {
            let mut stepper = Etdrk4::new(1);
            stepper.set_step(&[-1.], 1. / steps as f64);
            let mut state = [Mode::new(1., 0.)];
            for _ in 0..steps {
                stepper.advance(&mut state, |c, n| n[0] = -c[0] * c[0]);
            }
            (state[0].re - 1. / (2. * 1_f64.exp() - 1.)).abs()
        };
        let order = (error(20) / error(40)).log2();
        assert!((order - 4.).abs() < 0.15, "{order}");
    }

    #[test]
    fn steps_are_as_short_as_stability_asks_for() {
        // Carried: h = 1/(k u) = 1/200; spread: h = nu/u^2 = 1/4.
        assert_eq!(steps_across(1., 0.1, 2., 100., 1e-9), Some(200));
        assert_eq!(steps_across(1., 1., 2., 100., 1.), Some(4));
        assert_eq!(steps_across(1., 0.1, 2., 100., 1.), Some(10));
        assert_eq!(steps_across(0., 0.1, 0., 100., 1.), Some(1));
        for speed in [f64::NAN, f64::INFINITY, 1e200] {
            assert_eq!(steps_across(1., 0.1, speed, 100., 0.1), None);
        }
    }

    #[test]
    fn a_linear_equation_is_solved_exactly_by_one_step() {
        let mut stepper = Etdrk4::new(2);
        let rates = [-1e5, -0.3];
        stepper.set_step(&rates, 2.);
        let mut state = [Mode::new(1., 2.), Mode::new(-1., 0.5)];
        let start = state;
        stepper.advance(&mut state, |_, n| n.fill(Mode::default()));
        for ((end, start), rate) in state.iter().zip(start).zip(rates) {
            assert!((end - start * (2. * rate).exp()).norm() < 1e-15);
        }
    }
}

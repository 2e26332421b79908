//! The kinetic step as its formulas read: every pair of every sample, f64, no shortcut.
//!
//! Slow on purpose; shares nothing with the crate but the drawn numbers.

use kiti_kinetics::system::*;

/// `(B, D, n)` values, indexed by sample, coordinate, particle.
pub struct Field<'a>(pub Layout, pub &'a [f64]);

impl Field<'_> {
    pub fn particle(&self, sample: usize, j: usize) -> Vec<f64> {
        let Layout {
            dims, particles, ..
        } = self.0;
        (0..dims)
            .map(|d| self.1[(sample * dims + d) * particles + j])
            .collect()
    }
}

fn put(layout: Layout, out: &mut [f64], sample: usize, j: usize, values: &[f64]) {
    for (d, &value) in values.iter().enumerate() {
        out[(sample * layout.dims + d) * layout.particles + j] = value;
    }
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    dot(&minus(a, b), &minus(a, b)).sqrt()
}

fn add(out: &mut [f64], factor: f64, values: &[f64]) {
    out.iter_mut()
        .zip(values)
        .for_each(|(out, value)| *out += factor * value);
}

/// Velocities after the kick.
pub fn kicked(step: &KineticStep, input: &Input<'_, f64>) -> Vec<f64> {
    let carried = |k: usize| input.v.map_or(0.0, |v| v[k]);
    input
        .a
        .iter()
        .enumerate()
        .map(|(k, a)| carried(k) + a * step.dt)
        .collect()
}

pub fn length_scale(step: &KineticStep, layout: Layout) -> f64 {
    step.length_scale.unwrap_or(match step.scattering {
        Scattering::Published { .. } => 1.0,
        Scattering::Elastic { .. } => (layout.dims as f64).sqrt(),
    })
}

/// What a published step does.
pub struct Published {
    pub x: Vec<f64>,
    pub v: Vec<f64>,
    /// `(B, n, n)`.
    pub mask: Vec<bool>,
    /// The smallest `|p - (1 - alpha)|` of each sample.
    pub margin: Vec<f64>,
}

/// `e(sample, i, j)` for `i < j`: what `i` does to `j`.
pub type Direction<'a> = dyn Fn(usize, usize, usize) -> Vec<f64> + 'a;

fn acting(e: &Direction<'_>, sample: usize, i: usize, j: usize) -> Vec<f64> {
    if i < j {
        e(sample, i, j)
    } else {
        e(sample, j, i).iter().map(|e| -e).collect()
    }
}

pub fn published(
    step: &KineticStep,
    layout: Layout,
    input: &Input<'_, f64>,
    e: &Direction<'_>,
) -> Published {
    let Scattering::Published { positions, .. } = step.scattering else {
        panic!("published")
    };
    let n = layout.particles;
    let v_kicked = kicked(step, input);
    let (x, v) = (Field(layout, input.x), Field(layout, &v_kicked));
    let mut result = Published {
        x: input.x.to_vec(),
        v: v_kicked.clone(),
        mask: vec![false; layout.samples * n * n],
        margin: vec![f64::INFINITY; layout.samples],
    };
    for b in 0..layout.samples {
        let speed = |i, j| distance(&v.particle(b, i), &v.particle(b, j));
        let mut largest = 0.0f64;
        for i in 0..n {
            for j in 0..n {
                largest = largest.max(speed(i, j));
            }
        }
        for j in 0..n {
            let mut dv = vec![0.0; layout.dims];
            let mut midpoints = x.particle(b, j);
            let mut partners = 0.0;
            for i in (0..n).filter(|&i| i != j) {
                let g = speed(i, j);
                let r = distance(&x.particle(b, i), &x.particle(b, j));
                let p = if largest > 0.0 {
                    g / largest * (-r / length_scale(step, layout)).exp()
                } else {
                    0.0
                };
                let threshold = 1.0 - step.collision_coefficient;
                result.margin[b] = result.margin[b].min((p - threshold).abs());
                if p > threshold {
                    result.mask[(b * n + i) * n + j] = true;
                    partners += 1.0;
                    add(&mut dv, 0.5, &minus(&v.particle(b, j), &v.particle(b, i)));
                    add(&mut dv, g, &acting(e, b, i, j));
                    add(&mut midpoints, 0.5, &x.particle(b, i));
                    add(&mut midpoints, 0.5, &x.particle(b, j));
                }
            }
            let mut v_new = v.particle(b, j);
            add(&mut v_new, 1.0, &dv);
            let mut x_new = x.particle(b, j);
            if positions == Positions::Merged {
                x_new = midpoints.iter().map(|m| m / (1.0 + partners)).collect();
            }
            add(&mut x_new, step.dt, &v_new);
            put(layout, &mut result.v, b, j, &v_new);
            put(layout, &mut result.x, b, j, &x_new);
        }
    }
    result
}

/// Gradients by x, a and v.
pub struct Gradients {
    pub x: Vec<f64>,
    pub a: Vec<f64>,
    pub v: Vec<f64>,
}

fn upstream_velocity(step: &KineticStep, upstream: &OutputGradient<'_, f64>) -> Vec<f64> {
    let direct = |k: usize| upstream.v.map_or(0.0, |v| v[k]);
    upstream
        .x
        .iter()
        .enumerate()
        .map(|(k, g)| direct(k) + g * step.dt)
        .collect()
}

pub fn published_adjoint(
    step: &KineticStep,
    layout: Layout,
    input: &Input<'_, f64>,
    e: &Direction<'_>,
    mask: &[bool],
    upstream: &OutputGradient<'_, f64>,
) -> Gradients {
    let Scattering::Published { positions, .. } = step.scattering else {
        panic!("published")
    };
    let n = layout.particles;
    let v_kicked = kicked(step, input);
    let by_v = upstream_velocity(step, upstream);
    let (v, u, ux) = (
        Field(layout, &v_kicked),
        Field(layout, &by_v),
        Field(layout, upstream.x),
    );
    let (mut gx, mut gv) = (upstream.x.to_vec(), by_v.clone());
    for b in 0..layout.samples {
        let collides = |i: usize, j: usize| mask[(b * n + i) * n + j];
        let partners = |j: usize| (0..n).filter(|&i| collides(i, j)).count() as f64;
        for k in 0..n {
            // v'_j = v_j + sum_i m ((v_j - v_i)/2 + g e_ij) by v_k: once as j, once as each i.
            let mut g_k = u.particle(b, k);
            let mut x_k: Vec<f64> = ux
                .particle(b, k)
                .iter()
                .map(|g| g / (1.0 + partners(k)))
                .collect();
            let own = x_k.clone();
            for i in (0..n).filter(|&i| collides(i, k)) {
                add(&mut g_k, 0.5, &minus(&u.particle(b, k), &u.particle(b, i)));
                let relative = minus(&v.particle(b, k), &v.particle(b, i));
                let g = dot(&relative, &relative).sqrt();
                let along = dot(
                    &acting(e, b, i, k),
                    &minus(&u.particle(b, k), &u.particle(b, i)),
                );
                add(&mut g_k, along / g, &relative);
                add(&mut x_k, 0.5, &own);
                add(&mut x_k, 0.5 / (1.0 + partners(i)), &ux.particle(b, i));
            }
            put(layout, &mut gv, b, k, &g_k);
            if positions == Positions::Merged {
                put(layout, &mut gx, b, k, &x_k);
            }
        }
    }
    Gradients {
        x: gx,
        a: gv.iter().map(|g| g * step.dt).collect(),
        v: gv,
    }
}

/// A collision of a sample and the unit vector it takes.
pub struct Collision {
    pub sample: usize,
    pub first: usize,
    pub second: usize,
    pub e: Vec<f64>,
}

/// The collisions of a keyed elastic step; `margin` is the smallest distance between a
/// probability and its number.
pub fn elastic_collisions(
    step: &KineticStep,
    layout: Layout,
    input: &Input<'_, f64>,
    key: StreamKey,
) -> (Vec<Collision>, f64) {
    let v_kicked = kicked(step, input);
    let (x, v) = (Field(layout, input.x), Field(layout, &v_kicked));
    let mut collisions = Vec::new();
    let mut margin = f64::INFINITY;
    for sample in 0..layout.samples {
        let candidates = draws::matching(key, sample, layout.particles);
        let speed =
            |&(i, j): &(usize, usize)| distance(&v.particle(sample, i), &v.particle(sample, j));
        let largest = candidates.iter().map(speed).fold(0.0, f64::max);
        for (index, pair) in candidates.iter().enumerate() {
            let (first, second) = *pair;
            let r = distance(&x.particle(sample, first), &x.particle(sample, second));
            let p = step.collision_coefficient * speed(pair) / largest
                * (-r / length_scale(step, layout)).exp();
            let number = draws::acceptance_uniform(key, sample, index);
            margin = margin.min((p - number).abs());
            if p > number {
                let mut e = vec![0.0; layout.dims];
                draws::direction(key, sample, index, layout.dims, &mut e);
                collisions.push(Collision {
                    sample,
                    first,
                    second,
                    e,
                });
            }
        }
    }
    (collisions, margin)
}

/// `g'` as `Deflection` defines it; an isotropic collision sends `v_i` along `-e`.
fn turned(deflection: Deflection, g: &[f64], e: &[f64]) -> Vec<f64> {
    let speed = dot(g, g).sqrt();
    match deflection {
        Deflection::Isotropic => e.iter().map(|e| -speed * e).collect(),
        Deflection::Reflection => g
            .iter()
            .zip(e)
            .map(|(x, k)| x - 2.0 * dot(g, e) * k)
            .collect(),
        Deflection::Grazing { angle } => {
            let across: Vec<f64> = e
                .iter()
                .zip(g)
                .map(|(e_d, g_d)| e_d - dot(g, e) / (speed * speed) * g_d)
                .collect();
            let length = dot(&across, &across).sqrt();
            if speed == 0.0 || length < 1e-5 {
                return g.to_vec();
            }
            let w = across.iter().map(|w| w / length);
            g.iter()
                .zip(w)
                .map(|(g, w)| angle.cos() * g + angle.sin() * speed * w)
                .collect()
        }
    }
}

pub fn elastic(
    step: &KineticStep,
    layout: Layout,
    input: &Input<'_, f64>,
    collisions: &[Collision],
) -> (Vec<f64>, Vec<f64>) {
    let Scattering::Elastic { deflection } = step.scattering else {
        panic!("elastic")
    };
    let before = kicked(step, input);
    let mut v_out = before.clone();
    let v = Field(layout, &before);
    for Collision {
        sample,
        first,
        second,
        e,
    } in collisions
    {
        let (vi, vj) = (v.particle(*sample, *first), v.particle(*sample, *second));
        let g = turned(deflection, &minus(&vi, &vj), e);
        let centre: Vec<f64> = vi.iter().zip(&vj).map(|(a, b)| (a + b) / 2.0).collect();
        let (mut a, mut b) = (centre.clone(), centre);
        add(&mut a, 0.5, &g);
        add(&mut b, -0.5, &g);
        put(layout, &mut v_out, *sample, *first, &a);
        put(layout, &mut v_out, *sample, *second, &b);
    }
    let x_out = input
        .x
        .iter()
        .zip(&v_out)
        .map(|(x, v)| x + step.dt * v)
        .collect();
    (x_out, v_out)
}

/// The mean-field step: the sum over all partners as it is defined.
pub fn mean_field(
    step: &KineticStep,
    layout: Layout,
    input: &Input<'_, f64>,
) -> (Vec<f64>, Vec<f64>) {
    let Scattering::Elastic { deflection } = step.scattering else {
        panic!("elastic")
    };
    let (n, dims) = (layout.particles, layout.dims as f64);
    let kept = match deflection {
        Deflection::Isotropic => 0.0,
        Deflection::Reflection => 1.0 - 2.0 / dims,
        Deflection::Grazing { angle } => {
            if layout.dims == 1 {
                1.0
            } else {
                angle.cos()
            }
        }
    };
    // Chance of being matched with one given particle.
    let meeting = if n % 2 == 0 {
        1.0 / (n as f64 - 1.0)
    } else {
        1.0 / n as f64
    };
    let before = kicked(step, input);
    let (x, v) = (Field(layout, input.x), Field(layout, &before));
    let mut v_out = before.clone();
    for b in 0..layout.samples {
        let speed = |i, j| distance(&v.particle(b, i), &v.particle(b, j));
        let pairs = || (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
        let largest = pairs().map(|(i, j)| speed(i, j)).fold(0.0, f64::max);
        for i in 0..n {
            let mut v_i = v.particle(b, i);
            for j in (0..n).filter(|&j| j != i && largest > 0.0) {
                let r = distance(&x.particle(b, i), &x.particle(b, j));
                let p = step.collision_coefficient * speed(i, j) / largest
                    * (-r / length_scale(step, layout)).exp();
                // On average the pair leaves with its mean velocity and `kept` of its relative one.
                let change = minus(&v.particle(b, j), &v.particle(b, i));
                add(&mut v_i, meeting * p * (1.0 - kept) / 2.0, &change);
            }
            put(layout, &mut v_out, b, i, &v_i);
        }
    }
    let x_out = input
        .x
        .iter()
        .zip(&v_out)
        .map(|(x, v)| x + step.dt * v)
        .collect();
    (x_out, v_out)
}

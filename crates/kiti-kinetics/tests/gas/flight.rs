//! Where particles fly, and that none is lost or invented.

use kiti_kinetics::gas::*;
use kiti_kinetics::rng::Stream;

fn config(grid: Grid, dt: f64) -> SolverConfig {
    let molecule = Molecule::reduced(1.0, 0.5, 1.0);
    let mut config = SolverConfig::new(molecule, grid, 1.0, dt);
    config.collisions = Collisions::None;
    config
}

/// Free particles in a periodic box are where a straight line puts them, also far ones that pass
/// several blocks or the whole domain in a step.
#[test]
fn periodic_lines() {
    let grids = [
        Grid::line(3.0, 40),
        Grid::plane([3.0, 2.0], [7, 30]),
        Grid::space([3.0, 2.0, 1.0], [12, 9, 10]),
    ];
    for mut grid in grids {
        grid.subcells = 2;
        let mut stream = Stream::new(1, [grid.dims as u32, 0, 0]);
        let extent = grid.extent();
        let count = 20_000;
        let mut x = Vec::new();
        let mut v = Vec::new();
        for k in 0..count {
            x.push(std::array::from_fn(|axis| extent[axis] * stream.uniform()));
            // The first component names the particle.
            let speed = if k % 10 == 0 { 40.0 } else { 1.0 };
            v.push(std::array::from_fn(|_| speed * stream.normal()));
        }
        let dt = 0.04;
        let mut solver = DsmcSolver::with_particles(config(grid, dt), &x, &v).unwrap();
        solver.run(5).unwrap();
        let (found_x, found_v) = solver.particles();
        assert_eq!(found_x.len(), count);
        let mut by_speed: Vec<usize> = (0..count).collect();
        by_speed.sort_by(|&a, &b| v[a][0].total_cmp(&v[b][0]));
        for (place, velocity) in found_x.iter().zip(&found_v) {
            let index = by_speed
                .binary_search_by(|&k| v[k][0].total_cmp(&velocity[0]))
                .unwrap();
            let index = by_speed[index];
            assert_eq!(*velocity, v[index]);
            for axis in 0..grid.dims {
                assert!((0.0..extent[axis]).contains(&place[axis]));
                let straight = x[index][axis] + 5.0 * dt * velocity[axis];
                let turns = (straight - place[axis]) / extent[axis];
                // Rounding of five steps of up to 5 box lengths.
                assert!((turns - turns.round()).abs() < 1e-12, "{turns}");
            }
        }
    }
}

/// In a mirror box speeds stay and positions are those of the unfolded line.
#[test]
fn mirrors() {
    let mut config = config(Grid::plane([1.0, 1.0], [8, 8]), 0.3);
    config.boundaries = [Boundary::Specular; 6];
    let mut stream = Stream::new(2, [0; 3]);
    let mut pair = || std::array::from_fn(|_| stream.uniform());
    let x: Vec<[f64; 3]> = (0..3000).map(|_| pair()).collect();
    let v: Vec<[f64; 3]> = (0..3000)
        .map(|k| {
            let [a, b, _] = pair();
            [4.0 * (a - 0.5), 4.0 * (b - 0.5), f64::from(k)]
        })
        .collect();
    let mut solver = DsmcSolver::with_particles(config, &x, &v).unwrap();
    solver.run(7).unwrap();
    let (found, velocities) = solver.particles();
    for (place, velocity) in found.iter().zip(&velocities) {
        let k = velocity[2] as usize;
        for axis in 0..2 {
            assert_eq!(velocity[axis].abs(), v[k][axis].abs());
            let line = (x[k][axis] + 2.1 * v[k][axis]).rem_euclid(2.0);
            let folded = if line < 1.0 { line } else { 2.0 - line };
            assert!((place[axis] - folded).abs() < 1e-12);
        }
    }
}

/// Sampling sees the particles that are there: exact sums, cell by cell.
#[test]
fn samples_are_sums() {
    let mut grid = Grid::plane([2.0, 1.0], [5, 4]);
    grid.subcells = 3;
    let mut solver = DsmcSolver::new(
        SolverConfig::new(Molecule::reduced(0.3, 0.5, 1.0), grid, 1e-3, 0.01),
        &InitialGas::uniform(3.0, 1.3),
    )
    .unwrap();
    solver.run(10).unwrap();
    let mut sampler = Sampler::new(&solver, 1);
    solver.sample(&mut sampler).unwrap();
    let flow = sampler.flow();
    let (x, v) = solver.particles();
    for cell in 0..20 {
        let [i, j, _] = grid.cell_index(cell);
        let members: Vec<[f64; 3]> = x
            .iter()
            .zip(&v)
            .filter(|(x, _)| (x[0] / 0.4) as usize == i && (x[1] / 0.25) as usize == j)
            .map(|(_, v)| *v)
            .collect();
        let n = members.len() as f64;
        assert_eq!(flow.particles_per_cell[cell], n);
        assert!((flow.mean.density[cell] - n * 1e-3 / 0.1).abs() < 1e-12);
        let mean: [f64; 3] =
            std::array::from_fn(|axis| members.iter().map(|v| v[axis]).sum::<f64>() / n);
        let mut heat = 0.0;
        let mut shear = 0.0;
        let mut theta = 0.0;
        for v in &members {
            let c: [f64; 3] = std::array::from_fn(|axis| v[axis] - mean[axis]);
            let square: f64 = c.iter().map(|c| c * c).sum();
            theta += square / 3.0 / (n - 1.0);
            shear += c[0] * c[1] / (n - 1.0);
            heat += 0.5 * square * c[0] / n;
        }
        let density = flow.mean.density[cell];
        assert!((flow.mean.velocity[1][cell] - mean[1]).abs() < 1e-12);
        assert!((flow.mean.temperature[cell] - theta).abs() < 1e-12);
        assert!((flow.mean.stress[3][cell] - density * shear).abs() < 1e-11);
        assert!((flow.mean.heat_flux[0][cell] - density * heat).abs() < 1e-11);
    }
}

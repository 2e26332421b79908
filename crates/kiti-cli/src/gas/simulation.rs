//! A run's whole state: solver, means, history; how it advances, and how it becomes a restart file and back.

use std::path::Path;

use kiti_kinetics::gas::{DsmcSolver, Face, Sampler, Snapshot, SolverConfig, Statistics, Values};

use super::case::{Case, SamplingSection, Setup};
use super::flow::{Column, FaceFlux, Flow, FlowQuantity};
use super::history::{History, HistoryRow};
use super::restart::{Array, Restart, RestartHeader};
use crate::failure::{Failure, Outcome};

/// Batches that the samples of a steady flow are divided into for their standard errors.
const BATCHES: u64 = 32;
const SOLVER: &str = "solver.";
const SAMPLER: &str = "sampler.";
const FLOW: &str = "flow.";
const HISTORY: &str = "history";
const LINE: &str = "history line";

/// A run between two steps.
pub struct Simulation<'a> {
    setup: &'a Setup,
    solver: DsmcSolver,
    sampler: Sampler,
    history: History,
    flows: Vec<Flow>,
    /// Collisions and particle-steps at the latest line of the history.
    line: [u64; 2],
}

fn batch(setup: &Setup) -> u64 {
    match &setup.sampling {
        SamplingSection::Steady { start, every } => {
            ((setup.steps - start) / every / BATCHES).max(1)
        }
        SamplingSection::Snapshots { .. } => 1,
    }
}

impl<'a> Simulation<'a> {
    /// The run before its first step.
    ///
    /// # Errors
    ///
    /// What the solver refuses.
    pub fn new(setup: &'a Setup, config: SolverConfig) -> Outcome<Self> {
        let solver = DsmcSolver::new(config, &setup.initial)?;
        let sampler = Sampler::new(&solver, batch(setup));
        let mut simulation = Self {
            setup,
            solver,
            sampler,
            history: History::default(),
            flows: Vec::new(),
            line: [0; 2],
        };
        simulation.note();
        Ok(simulation)
    }

    /// One step; returns a mean of the flow that it has completed.
    ///
    /// # Errors
    ///
    /// What the solver refuses: molecules that came in and no longer fit into memory.
    pub fn step(&mut self) -> Outcome<Option<&Flow>> {
        self.solver.step()?;
        let step = self.solver.steps();
        let (first, last, every) = self.mean_around(step);
        if step == first {
            self.sampler.reset(&self.solver);
        }
        if step > first && (step - first).is_multiple_of(every) {
            self.solver.sample(&mut self.sampler)?;
        }
        if step.is_multiple_of(self.setup.output.history_every) || step == self.setup.steps {
            self.note();
        }
        if step != last || self.sampler.samples() == 0 {
            return Ok(None);
        }
        let flow = self.flow((first + 1, last));
        self.flows.push(flow);
        self.sampler.reset(&self.solver);
        Ok(self.flows.last())
    }

    /// The mean that `step` belongs to or precedes: the step that it begins after, its last one, steps between samples.
    fn mean_around(&self, step: u64) -> (u64, u64, u64) {
        match &self.setup.sampling {
            SamplingSection::Steady { start, every } => (*start, self.setup.steps, *every),
            SamplingSection::Snapshots { at, window } => {
                let end = at.iter().find(|end| **end >= step);
                // Behind the last mean nothing is sampled.
                end.map_or((u64::MAX, u64::MAX, 1), |end| (end - window, *end, 1))
            }
        }
    }

    fn flow(&self, steps: (u64, u64)) -> Flow {
        let flow = self.sampler.flow();
        let one_moment = matches!(self.setup.sampling, SamplingSection::Snapshots { .. });
        let columns = FlowQuantity::all()
            .into_iter()
            .map(|quantity| {
                let mut column = Column {
                    quantity,
                    values: quantity.of(&flow.mean).to_vec(),
                    errors: if one_moment {
                        quantity.errors_of_one_moment(self.setup, &flow)
                    } else {
                        quantity.of(&flow.standard_error).to_vec()
                    },
                };
                for (cell, particles) in flow.particles_per_cell.iter().enumerate() {
                    // Nobody knows the velocity of no molecules.
                    if *particles == 0.0 && quantity != FlowQuantity::NumberDensity {
                        column.values[cell] = f64::NAN;
                        column.errors[cell] = f64::NAN;
                    }
                }
                column
            })
            .collect();
        Flow {
            steps,
            time: (steps.0 + steps.1) as f64 / 2.0 * self.setup.config.dt,
            samples: self.sampler.samples(),
            columns,
            faces: FaceFlux::all(self.setup, &self.sampler),
        }
    }

    /// Adds a line to the history.
    fn note(&mut self) {
        let statistics = self.solver.statistics();
        let [collisions, particle_steps] = self.line;
        let times = (statistics.particle_steps - particle_steps) as f64
            * self.setup.config.dt
            * self.setup.collision_rate();
        // Either molecule of a pair has collided.
        let rate = 2.0 * (statistics.collisions - collisions) as f64 / times;
        self.line = [statistics.collisions, statistics.particle_steps];
        let (_, velocities) = self.solver.particles();
        let row = HistoryRow::measure(self.setup, self.solver.steps(), &velocities, rate);
        self.history.push(row);
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.solver.steps()
    }

    /// Simulated molecules.
    pub fn particles(&self) -> usize {
        self.solver.particle_count()
    }

    /// What has been done since the run began.
    pub fn statistics(&self) -> Statistics {
        self.solver.statistics()
    }

    /// What the gas as a whole did.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The completed means.
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// Writes the restart file.
    ///
    /// # Errors
    ///
    /// A failure that names the file; what stood there before stays.
    pub fn write_restart(&mut self, path: &Path, case: &Case, seed: u64, seconds: f64) -> Outcome {
        let mut arrays = Vec::new();
        let snapshots = [
            (SOLVER, self.solver.snapshot()),
            (SAMPLER, self.sampler.snapshot()),
        ];
        for (prefix, snapshot) in snapshots {
            for (name, values) in snapshot.arrays {
                let array = match values {
                    Values::F64(values) => Array::F64(values),
                    Values::U64(values) => Array::U64(values),
                };
                arrays.push((format!("{prefix}{name}"), array));
            }
        }
        for flow in &self.flows {
            let mut numbers = vec![
                flow.steps.0 as f64,
                flow.steps.1 as f64,
                flow.time,
                flow.samples as f64,
            ];
            for column in &flow.columns {
                numbers.extend_from_slice(&column.values);
                numbers.extend_from_slice(&column.errors);
            }
            for flux in &flow.faces {
                numbers.extend_from_slice(&flux.mean);
                numbers.extend_from_slice(&flux.standard_error);
            }
            arrays.push((format!("{FLOW}{}", flow.steps.1), Array::F64(numbers)));
        }
        arrays.push((HISTORY.into(), Array::F64(self.history.to_numbers())));
        arrays.push((LINE.into(), Array::U64(self.line.to_vec())));
        let restart = Restart {
            header: RestartHeader {
                case: case.to_toml()?,
                seed,
                step: self.solver.steps(),
                elapsed_seconds: seconds,
                program: env!("CARGO_PKG_VERSION").into(),
            },
            arrays,
        };
        restart.write(path)
    }

    /// The run that a restart file describes, `path` being where it was read from.
    ///
    /// # Errors
    ///
    /// A refusal where an array is missing or of another size.
    pub fn restore(
        setup: &'a Setup,
        config: SolverConfig,
        restart: Restart,
        path: &Path,
    ) -> Outcome<Self> {
        let refuse = |what: &str| {
            Failure::refused(format!(
                "{}: {what}; the file was written by another build of kiti: go on with that one, or remove it to begin again",
                path.display()
            ))
        };
        let (mut solver, mut sampler) = (Snapshot::default(), Snapshot::default());
        let (mut history, mut line, mut flows) = (None, None, Vec::new());
        for (name, array) in restart.arrays {
            if let Some(name) = name.strip_prefix(SOLVER) {
                solver.arrays.push((name.to_owned(), values(array)));
            } else if let Some(name) = name.strip_prefix(SAMPLER) {
                sampler.arrays.push((name.to_owned(), values(array)));
            } else if let Array::U64(numbers) = array {
                line = <[u64; 2]>::try_from(numbers).ok();
            } else if let Array::F64(numbers) = array {
                if name == HISTORY {
                    history = History::from_numbers(&numbers);
                } else {
                    flows.push(flow_of(setup, &numbers).ok_or_else(|| {
                        refuse(&format!("key `{name}`: expected a mean of this grid"))
                    })?);
                }
            }
        }
        let incomplete = |error: &dyn std::fmt::Display| refuse(&error.to_string());
        let solver = DsmcSolver::restore(config, &solver).map_err(|error| incomplete(&error))?;
        let sampler = Sampler::restore(&solver, &sampler).map_err(|error| incomplete(&error))?;
        Ok(Self {
            setup,
            solver,
            sampler,
            history: history.ok_or_else(|| refuse("key `history`: missing or of another width"))?,
            flows,
            line: line.ok_or_else(|| refuse("key `history line`: missing or of another length"))?,
        })
    }
}

fn values(array: Array) -> Values {
    match array {
        Array::F64(values) => Values::F64(values),
        Array::U64(values) => Values::U64(values),
    }
}

fn flow_of(setup: &Setup, numbers: &[f64]) -> Option<Flow> {
    const FLUXES: usize = 5;
    let ([first, last, time, samples], rest) = numbers.split_first_chunk::<4>()?;
    let cells = setup.grid().cell_count();
    let quantities = FlowQuantity::all();
    let (columns, faces) = rest.split_at_checked(2 * cells * quantities.len())?;
    if faces.len() != 2 * FLUXES * 2 * setup.dims() {
        return None;
    }
    let columns = quantities
        .into_iter()
        .zip(columns.chunks_exact(2 * cells))
        .map(|(quantity, numbers)| Column {
            quantity,
            values: numbers[..cells].to_vec(),
            errors: numbers[cells..].to_vec(),
        })
        .collect();
    let (numbers, _) = faces.as_chunks::<FLUXES>();
    let faces = Face::ALL
        .into_iter()
        .zip(numbers.chunks_exact(2))
        .map(|(face, pair)| FaceFlux {
            face: face.name(),
            mean: pair[0],
            standard_error: pair[1],
        })
        .collect();
    Some(Flow {
        steps: (*first as u64, *last as u64),
        time: *time,
        samples: *samples as u64,
        columns,
        faces,
    })
}

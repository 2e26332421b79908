//! `kiti gas run`: one simulation, announced, watched, interruptible, resumable.

use std::path::{Path, PathBuf};

use kiti_kinetics::gas::{Prediction, SolverConfig};

use super::announcement;
use super::arguments::RunArguments;
use super::case::{Case, SamplingSection, difference, predict};
use super::output;
use super::progress::Progress;
use super::record::{Record, results};
use super::report;
use super::restart::Restart;
use super::simulation::Simulation;
use super::theory;
use crate::failure::{Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::output::line;
use crate::render::number::{duration, prefixed};
use crate::train::{COMMIT, peak_memory};

const CASE_FILE: &str = "case.toml";
const SEED_FILE: &str = "seed";
const RESTART_FILE: &str = "restart.kiti";
const RESULTS_FILE: &str = "results.json";
const REPORT_FILE: &str = "report.html";
const HISTORY_FILE: &str = "history.csv";

/// Runs the command.
pub fn run(arguments: &RunArguments) -> Outcome {
    let interrupt = Interrupt::listen()?;
    let case = Case::load(&arguments.case, &arguments.set)?;
    let limit = announcement::memory_limit(arguments.memory);
    let prediction = predict(&case.setup, &arguments.case, limit)?;
    let config = SolverConfig {
        seed: arguments.seed,
        memory_limit: limit,
        ..case.setup.config.clone()
    };
    let folder = arguments.out.clone().unwrap_or_else(|| {
        Path::new("runs/gas").join(format!("{}-seed-{}", case.setup.name, arguments.seed))
    });
    let pool = thread_pool(arguments.threads.unwrap_or(0))?;
    let session = Session {
        case: &case,
        config,
        folder,
        arguments,
        threads: pool.current_num_threads(),
    };
    let begun = if arguments.dry_run {
        None
    } else {
        match session.begin()? {
            Begun::Finished => {
                let report = session.path(REPORT_FILE);
                line(format!("was finished before; report: {}", report.display()));
                return Ok(());
            }
            Begun::Fresh => Some(None),
            Begun::Restart(restart) => Some(Some(restart)),
        }
    };
    pool.install(|| {
        let seconds = announcement::seconds(&case.setup, &session.config)?;
        line(announcement::lines(&case.setup, &prediction, Some(seconds)));
        for warning in prediction.warnings() {
            line(format!("warning: {warning}"));
        }
        match begun {
            None => Ok(()),
            Some(restart) => {
                line(format!(
                    "{} threads; writes to {}",
                    session.threads,
                    session.folder.display()
                ));
                session.simulate(&prediction, restart, &interrupt)
            }
        }
    })
}

/// A pool of `threads` threads, of all cores for 0.
pub fn thread_pool(threads: usize) -> Outcome<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Failure::failed(format!("cannot start {threads} threads: {error}")))
}

/// One call of the command.
struct Session<'a> {
    case: &'a Case,
    config: SolverConfig,
    folder: PathBuf,
    arguments: &'a RunArguments,
    threads: usize,
}

/// What the folder held.
enum Begun {
    /// Nothing of a run.
    Fresh,
    /// The same run, unfinished.
    Restart(Restart),
    /// The same run, finished.
    Finished,
}

impl Session<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Looks at what the folder holds, and leaves its mark there if it may.
    ///
    /// # Errors
    ///
    /// A refusal where another run is there, or the same one without `--resume`; nothing is touched then.
    fn begin(&self) -> Outcome<Begun> {
        let case_path = self.path(CASE_FILE);
        let seed_path = self.path(SEED_FILE);
        if case_path.exists() {
            if !self.arguments.resume {
                return Err(Failure::refused(format!(
                    "{}: expected an empty folder, found a run; go on with it by --resume, or choose another --out",
                    self.folder.display()
                )));
            }
            self.expect_same(&case_path, &read(&case_path)?)?;
            self.expect_seed(&seed_path, read(&seed_path)?.trim())?;
            if self.path(RESULTS_FILE).exists() {
                return Ok(Begun::Finished);
            }
            let restart_path = self.path(RESTART_FILE);
            if !restart_path.exists() {
                return Ok(Begun::Fresh);
            }
            let restart = Restart::read(&restart_path)?;
            self.expect_same(&restart_path, &restart.header.case)?;
            self.expect_seed(&restart_path, &restart.header.seed.to_string())?;
            return Ok(Begun::Restart(restart));
        }
        std::fs::create_dir_all(&self.folder)
            .map_err(|error| Failure::io(&self.folder, "create the folder", &error))?;
        output::put(&seed_path, format!("{}\n", self.arguments.seed).as_bytes())?;
        // The case last: a folder that has it is a run.
        output::put(&case_path, self.case.to_toml()?.as_bytes())?;
        Ok(Begun::Fresh)
    }

    fn expect_same(&self, path: &Path, found: &str) -> Outcome {
        let expected = self.case.to_toml()?;
        match difference(&expected, found, &path.display().to_string())? {
            None => Ok(()),
            Some(difference) => Err(another(path, &difference)),
        }
    }

    fn expect_seed(&self, path: &Path, found: &str) -> Outcome {
        let expected = self.arguments.seed.to_string();
        if found == expected {
            return Ok(());
        }
        Err(another(
            path,
            &format!("seed: expected {expected}, found {found}"),
        ))
    }

    fn simulate(
        &self,
        prediction: &Prediction,
        restart: Option<Restart>,
        interrupt: &Interrupt,
    ) -> Outcome {
        let setup = &self.case.setup;
        let restart_path = self.path(RESTART_FILE);
        let mut seconds_before = 0.0;
        let mut simulation = match restart {
            Some(restart) => {
                seconds_before = restart.header.elapsed_seconds;
                line(format!("goes on after step {}", restart.header.step));
                Simulation::restore(setup, self.config.clone(), restart, &restart_path)?
            }
            None => Simulation::new(setup, self.config.clone())?,
        };
        let every = setup.output.restart_every;
        let mut progress = Progress::new(setup.steps, simulation.steps());
        while simulation.steps() < setup.steps {
            let completed = simulation.step()?;
            if let Some(flow) = completed {
                output::write(setup, flow, &self.folder, &self.flow_name(flow.steps.1))?;
            }
            let step = simulation.steps();
            progress.step(step, simulation.particles());
            let stop = interrupt.requested() && step < setup.steps;
            if stop || (every > 0 && step.is_multiple_of(every) && step < setup.steps) {
                let seconds = seconds_before + progress.so_far().0;
                simulation.write_restart(&restart_path, self.case, self.arguments.seed, seconds)?;
            }
            if stop {
                progress.close();
                return Err(Failure::Interrupted(format!(
                    "stopped after step {step}; the state is kept in {}. \
                     The same command with --resume goes on from there and ends with the same bits",
                    restart_path.display()
                )));
            }
        }
        progress.close();
        let (seconds, particle_steps) = progress.so_far();
        let statistics = simulation.statistics();
        let record = Record {
            case: setup.name.clone(),
            seed: self.arguments.seed,
            steps: setup.steps,
            particles: simulation.particles() as u64,
            collisions: statistics.collisions,
            majorant_violations: statistics.majorant_violations,
            particle_steps,
            session_seconds: seconds,
            seconds: seconds_before + seconds,
            threads: self.threads,
            peak_memory_bytes: peak_memory::of_this_process(),
            commit: COMMIT,
            version: env!("CARGO_PKG_VERSION"),
            warnings: prediction
                .warnings()
                .iter()
                .map(ToString::to_string)
                .collect(),
        };
        self.conclude(&simulation, &record)
    }

    /// The name of the files of the mean that ends with `step`.
    fn flow_name(&self, step: u64) -> String {
        match self.case.setup.sampling {
            SamplingSection::Steady { .. } => "profile".into(),
            SamplingSection::Snapshots { .. } => format!("profile-{step}"),
        }
    }

    fn conclude(&self, simulation: &Simulation<'_>, record: &Record) -> Outcome {
        let setup = &self.case.setup;
        let (flows, history) = (simulation.flows(), simulation.history());
        // A session before this one may have written the earlier means, or not have come so far.
        for flow in flows {
            output::write(setup, flow, &self.folder, &self.flow_name(flow.steps.1))?;
        }
        let mut checks: Vec<_> = flows
            .iter()
            .flat_map(|flow| theory::checks(setup, flow))
            .collect();
        checks.extend(theory::history_checks(setup, history));
        let page = report::page(self.case, record, &checks, flows, history)?;
        output::put(
            &self.path(HISTORY_FILE),
            history.to_csv(setup.system).as_bytes(),
        )?;
        output::put(&self.path(REPORT_FILE), page.as_bytes())?;
        // The results last: a folder that has them is finished.
        output::put(
            &self.path(RESULTS_FILE),
            results(setup, record, &checks, flows).as_bytes(),
        )?;
        let restart = self.path(RESTART_FILE);
        if restart.exists() {
            std::fs::remove_file(&restart)
                .map_err(|error| Failure::io(&restart, "remove the restart file", &error))?;
        }
        line(format!(
            "finished in {}, {}particle-steps/s",
            duration(record.seconds),
            prefixed(record.particle_steps / record.session_seconds)
        ));
        if !checks.is_empty() {
            line(report::check_table(&checks).to_text());
        }
        if record.majorant_violations > 0 {
            line(format!(
                "warning: the majorant was exceeded {} times in {} collisions",
                record.majorant_violations, record.collisions
            ));
        }
        line(format!("report: {}", self.path(REPORT_FILE).display()));
        Ok(())
    }
}

fn another(path: &Path, difference: &str) -> Failure {
    Failure::refused(format!(
        "{}: another run's: {difference}; go on with that case and seed, or choose another --out",
        path.display()
    ))
}

fn read(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path).map_err(|error| Failure::io(path, "read", &error))
}

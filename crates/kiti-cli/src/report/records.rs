//! The runs of an experiment, as their folders tell.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kiti_data::Field;
use kiti_data::field_io::read_array;
use kiti_models::task::Measure;
use kiti_models::train::{
    Circumstances, EpochMetrics, EpochTiming, RunFiles, RunResult, read_lines, read_result,
};
use kiti_nn::residual::Variant;

use super::statistics::BASELINE;
use crate::failure::{Failure, Outcome};
use crate::predict::plane;
use crate::render::palette::{LineStyle, indexed_style, variant_style};
use crate::render::raster::Raster;

/// All runs of one experiment.
#[derive(Debug)]
pub struct Experiment {
    /// The recipe's name.
    pub name: String,
    /// The recipe's title.
    pub title: String,
    /// The recipe's profile; empty where the recipe was used as it stands.
    pub profile: String,
    /// Every run that has begun, by variant and seed.
    pub runs: Vec<Run>,
    /// Whose settings stand for all: the resolved recipe of the first run.
    pub recipe: String,
    /// The key whose values are compared, where runs of one residual differ in one.
    pub ablated: Option<String>,
    /// Messages of runs that could not be done or read.
    pub failures: Vec<String>,
}

/// One run, finished or not.
#[derive(Debug)]
pub struct Run {
    /// The residual's name, in an ablation `residual@value`.
    pub variant: String,
    /// The seed.
    pub seed: u64,
    /// Its files.
    pub files: RunFiles,
    /// Recipe, version, commit, device, threads.
    pub circumstances: Circumstances,
    /// What was measured, epoch by epoch.
    pub epochs: Vec<EpochMetrics>,
    /// Training seconds up to the end of each epoch.
    pub seconds: BTreeMap<usize, f64>,
    /// What came out, of a finished run.
    pub result: Option<RunResult>,
}

/// What a network predicted, beside the truth.
#[derive(Debug)]
pub enum Prediction {
    /// Values along a line, at the last predicted time.
    Line {
        /// What the network was given last.
        input: Vec<f32>,
        /// The true values.
        truth: Vec<f32>,
        /// The predicted ones.
        predicted: Vec<f32>,
    },
    /// Fields over a plane, at the first, the middle and the last predicted time.
    Plane(Vec<PlanePrediction>),
}

/// A field over a plane at one predicted time.
#[derive(Debug)]
pub struct PlanePrediction {
    /// Which of the predicted times, from 1.
    pub time: usize,
    /// The true field.
    pub truth: Raster,
    /// The predicted field.
    pub predicted: Raster,
}

impl Experiment {
    /// What the errors are; that of fields while nothing has finished.
    pub fn measure(&self) -> Measure {
        self.runs
            .iter()
            .find_map(|run| Some(run.result.as_ref()?.measure))
            .unwrap_or_default()
    }

    /// Reads the runs below `folder`, at `<variant>/seed-<n>`.
    ///
    /// # Errors
    ///
    /// A refusal where there is none. A run that cannot be read is left out and named in `failures`.
    pub fn read(folder: &Path, failures: &[String]) -> Outcome<Self> {
        let mut failures = failures.to_vec();
        let mut runs = Vec::new();
        for path in run_folders(folder)? {
            match Run::read(&path) {
                Ok(run) => runs.push(run),
                Err(failure) => failures.push(format!("left out: {failure}")),
            }
        }
        runs.sort_by(|a, b| {
            rank(&a.variant)
                .cmp(&rank(&b.variant))
                .then_with(|| compare_values(&a.variant, &b.variant))
                .then(a.seed.cmp(&b.seed))
        });
        let Some(first) = runs.first() else {
            let reasons = failures.join("; ");
            return Err(Failure::refused(format!(
                "{}: expected runs at <variant>/seed-<n>, found none{}{reasons}; `kiti reproduce` makes them",
                folder.display(),
                if reasons.is_empty() { "" } else { ": " },
            )));
        };
        let recipe = first.files.read_recipe()?;
        Ok(Self {
            name: recipe.name.clone(),
            profile: first.circumstances.profile.clone().unwrap_or_default(),
            recipe: recipe.to_toml()?,
            title: recipe.title,
            ablated: ablated_key(&runs)?,
            runs,
            failures,
        })
    }

    /// The variants that have a run, the baseline first.
    pub fn variants(&self) -> Vec<String> {
        let mut names: Vec<String> = self.runs.iter().map(|run| run.variant.clone()).collect();
        names.dedup();
        names
    }

    /// How the line of `variant` is drawn among the others of a chart.
    pub fn line_style(&self, variant: &str) -> LineStyle {
        if self.ablated.is_none() {
            return variant_style(variant);
        }
        let variants = self.variants();
        indexed_style(
            variants
                .iter()
                .position(|other| other == variant)
                .unwrap_or(0),
        )
    }

    /// The runs of `variant` by seed.
    pub fn runs_of<'a>(&'a self, variant: &'a str) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().filter(move |run| run.variant == variant)
    }

    /// All seeds, sorted.
    pub fn seeds(&self) -> Vec<u64> {
        let mut seeds: Vec<u64> = self.runs.iter().map(|run| run.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        seeds
    }

    /// Every set that was evaluated, the training samples first.
    pub fn all_sets(&self) -> Vec<String> {
        let mut sets: Vec<&String> = self
            .runs
            .iter()
            .flat_map(|run| &run.epochs)
            .filter_map(|epoch| epoch.evaluation.as_ref())
            .flat_map(BTreeMap::keys)
            .collect();
        sets.sort_by_key(|set| (set.as_str() != "train", set.len(), set.as_str()));
        sets.dedup();
        sets.into_iter().cloned().collect()
    }

    /// Every set of new samples that was evaluated.
    pub fn test_sets(&self) -> Vec<String> {
        self.all_sets()
            .into_iter()
            .filter(|set| set != "train")
            .collect()
    }

    /// What `value` says of the runs: once where all agree, otherwise each answer.
    pub fn common(&self, value: impl Fn(&Run) -> String) -> String {
        let mut values: Vec<String> = self.runs.iter().map(value).collect();
        values.sort();
        values.dedup();
        values.join(", ")
    }
}

/// The residual and, in an ablation, the value in a variant's name.
pub fn residual_and_value(variant: &str) -> (&str, Option<&str>) {
    match variant.split_once('@') {
        Some((residual, value)) => (residual, Some(value)),
        None => (variant, None),
    }
}

/// Numbers by size, then names.
fn compare_values(a: &str, b: &str) -> Ordering {
    let number = |variant: &str| residual_and_value(variant).1?.parse::<f64>().ok();
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x.total_cmp(&y),
        _ => a.cmp(b),
    }
}

/// The key in which two runs of one residual differ; none where none do.
fn ablated_key(runs: &[Run]) -> Outcome<Option<String>> {
    for pair in runs.windows(2) {
        let [a, b] = pair else { continue };
        let same = a.circumstances.variant == b.circumstances.variant;
        if same && a.variant != b.variant {
            let differences = b.files.read_recipe()?.differences(&a.files.read_recipe()?);
            let key = differences.first().and_then(|line| line.split_once(": "));
            return Ok(key.map(|(key, _)| key.to_owned()));
        }
    }
    Ok(None)
}

/// Variants in the order of [`Variant::ALL`], the baseline first, strangers last.
fn rank(variant: &str) -> usize {
    let (variant, _) = residual_and_value(variant);
    if variant == BASELINE {
        return 0;
    }
    Variant::ALL
        .iter()
        .position(|known| known.name() == variant)
        .map_or(usize::MAX, |at| at + 1)
}

/// `residual@value` where the folder above a run's says so.
fn variant_of(folder: &Path, residual: &str) -> String {
    let arm = folder.parent().and_then(Path::file_name);
    arm.and_then(|name| name.to_str())
        .filter(|name| residual_and_value(name).0 == residual)
        .unwrap_or(residual)
        .to_owned()
}

fn run_folders(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let list = |path: &Path| -> Outcome<Vec<PathBuf>> {
        let failed = |error: std::io::Error| Failure::io(path, "list the folder", &error);
        let entries = std::fs::read_dir(path).map_err(failed)?;
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                found.push(path);
            }
        }
        Ok(found)
    };
    let mut runs = Vec::new();
    for variant in list(folder)? {
        runs.extend(
            list(&variant)?
                .into_iter()
                .filter(|path| RunFiles::new(path).run().is_file()),
        );
    }
    runs.sort();
    Ok(runs)
}

impl Run {
    fn read(folder: &Path) -> Outcome<Self> {
        let files = RunFiles::new(folder);
        let circumstances = files.read_circumstances()?;
        let epochs: Vec<EpochMetrics> = match files.metrics() {
            path if path.is_file() => read_lines(&path)?,
            _ => Vec::new(),
        };
        let timing: Vec<EpochTiming> = match files.timing() {
            path if path.is_file() => read_lines(&path)?,
            _ => Vec::new(),
        };
        let result = match files.result() {
            path if path.is_file() => Some(read_result(&path)?),
            _ => None,
        };
        let mut total = 0.0;
        let seconds = timing.iter().map(|epoch| {
            total += epoch.training_seconds;
            (epoch.epoch, total)
        });
        Ok(Self {
            variant: variant_of(folder, &circumstances.variant),
            seed: circumstances.seed,
            seconds: seconds.collect(),
            files,
            circumstances,
            epochs,
            result,
        })
    }

    /// Error on `set` of the last epoch, of a finished run.
    pub fn final_error(&self, set: &str) -> Option<f64> {
        self.result
            .as_ref()?
            .last
            .evaluation
            .as_ref()?
            .get(set)
            .copied()
    }

    /// Day and time of its last change, in UTC, as the file system tells.
    pub fn date(&self) -> Option<SystemTime> {
        let files = [self.files.result(), self.files.metrics(), self.files.run()];
        let newest = files.iter().find(|path| path.is_file())?;
        std::fs::metadata(newest).ok()?.modified().ok()
    }

    /// The first sample of `set`; none where it was not stored or is neither a line nor a plane.
    pub fn prediction(&self, set: &str) -> Option<Prediction> {
        let field = |part: &str| {
            let name = format!("{set}.{part}");
            read_array(self.files.predictions(), Some(&name)).ok()
        };
        let (input, truth, predicted) = (field("input")?, field("truth")?, field("prediction")?);
        let at = |field: &Field, time: usize| Some(field.narrow_last(time, 1).ok()?.into_f32());
        let last = |field: &Field| at(field, field.shape().last()?.checked_sub(1)?);
        match *truth.shape() {
            [_, _] => Some(Prediction::Line {
                input: last(&input)?,
                truth: last(&truth)?,
                predicted: last(&predicted)?,
            }),
            [x, y, times] => {
                let mut shown = vec![0, times / 2, times.checked_sub(1)?];
                shown.dedup();
                let planes = shown.into_iter().map(|time| {
                    Some(PlanePrediction {
                        time: time + 1,
                        truth: plane(x, y, &at(&truth, time)?)?,
                        predicted: plane(x, y, &at(&predicted, time)?)?,
                    })
                });
                Some(Prediction::Plane(planes.collect::<Option<_>>()?))
            }
            _ => None,
        }
    }
}

/// `2025-03-01 14:05 UTC`.
pub fn utc(time: SystemTime) -> String {
    let seconds = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, rest) = ((seconds / 86_400) as i64, seconds % 86_400);
    let (year, month, day) = civil_date(days);
    format!(
        "{year}-{month:02}-{day:02} {:02}:{:02} UTC",
        rest / 3600,
        rest % 3600 / 60
    )
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01 (Hinnant, "chrono-compatible low-level
/// date algorithms": eras of 400 years that begin in March).
fn civil_date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_agree_with_the_calendar() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (11_016, (2000, 2, 29)),
            (19_782, (2024, 2, 29)),
            (20_088, (2024, 12, 31)),
        ] {
            assert_eq!(civil_date(days), expected);
        }
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(951_782_400 + 3_725);
        assert_eq!(utc(time), "2000-02-29 01:02 UTC");
    }

    #[test]
    fn the_baseline_comes_first_and_strangers_last() {
        assert_eq!(rank("additive"), 0);
        assert!(rank("dropout") < rank("somebody-elses"));
        assert_eq!(rank("dropout@0.1"), rank("dropout"));
    }

    #[test]
    fn values_of_an_ablation_are_sorted_as_numbers() {
        let mut names = ["elastic@10", "elastic@2", "elastic@0.5"];
        names.sort_by(|a, b| compare_values(a, b));
        assert_eq!(names, ["elastic@0.5", "elastic@2", "elastic@10"]);
    }
}

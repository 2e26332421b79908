//! The report as a page of Markdown with pictures beside it, and its main table for a terminal.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::page::{
    classes, collisions, comparison, cost, curves, errors, headline, predictions, set_title,
    settings,
};
use super::records::{Experiment, Run, utc};
use super::statistics::{BASELINE, final_errors};
use super::{condensation, put};
use crate::failure::{Failure, Outcome};
use crate::render::chart_frame::Theme;
use crate::render::table::Table;

/// Final errors on every test set, one table after the other.
pub fn terminal_table(experiment: &Experiment) -> String {
    let mut text = String::new();
    for set in experiment.test_sets() {
        let errors = final_errors(experiment, &set);
        let table = headline::error_table(&errors).to_text();
        let _ = write!(
            text,
            "\n{}, {} of the last epoch\n{table}\n",
            set_title(&set),
            experiment.measure().title()
        );
    }
    for verdict in collisions::without_collisions(experiment) {
        let _ = writeln!(text, "{verdict}");
    }
    if text.is_empty() {
        return "no run has been evaluated yet".to_owned();
    }
    text.trim_end().to_owned()
}

/// Writes the page to `path`, its pictures into a folder of its name beside it; returns all files.
pub fn write(experiment: &Experiment, path: &Path) -> Outcome<Vec<PathBuf>> {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .ok_or_else(|| {
            Failure::refused(format!(
                "{}: expected the name of a Markdown file",
                path.display()
            ))
        })?;
    let mut pictures = Pictures {
        folder: path.with_file_name(stem),
        link: stem.to_owned(),
        prefix: match &experiment.ablated {
            Some(key) => format!("{}-{}-{key}", experiment.name, experiment.profile),
            None => format!("{}-{}", experiment.name, experiment.profile),
        },
        written: Vec::new(),
    };
    let page = text(experiment, &mut pictures)?;
    put(path, page.as_bytes())?;
    let mut written = vec![path.to_owned()];
    written.append(&mut pictures.written);
    Ok(written)
}

struct Pictures {
    folder: PathBuf,
    link: String,
    prefix: String,
    written: Vec<PathBuf>,
}

impl Pictures {
    /// Writes `svg` and returns the Markdown that shows it.
    fn add(&mut self, name: &str, title: &str, svg: &str) -> Outcome<String> {
        std::fs::create_dir_all(&self.folder)
            .map_err(|error| Failure::io(&self.folder, "create the folder", &error))?;
        let file = format!("{}-{name}.svg", self.prefix);
        let path = self.folder.join(&file);
        put(&path, svg.as_bytes())?;
        self.written.push(path);
        Ok(format!("\n![{title}]({}/{file})\n", self.link))
    }
}

fn drawing_failed(error: Box<dyn std::error::Error + Send + Sync>) -> Failure {
    Failure::failed(format!("a chart could not be drawn: {error}"))
}

fn text(experiment: &Experiment, pictures: &mut Pictures) -> Outcome<String> {
    let mut page = introduction(experiment);
    if let Some(chart) = comparison::chart(experiment) {
        page.push_str("\n## Errors beside collisions\n\n");
        page.push_str(
            "Acceptance rate: share of candidate pairs that collided, mean over layers and epochs. Energy ratio: energy after over before the \
             collisions, geometric mean over the same. Dots are seeds.\n",
        );
        let svg = chart.to_svg(Theme::Standalone).map_err(drawing_failed)?;
        page.push_str(&pictures.add("comparison", &chart.title, &svg)?);
    }
    page.push_str("\n## Final errors\n");
    if experiment.ablated.is_some() {
        for set in experiment.test_sets() {
            let table = headline::error_table(&final_errors(experiment, &set));
            let _ = write!(page, "\n### {}\n\n{}", set_title(&set), table.to_markdown());
        }
        section(
            &mut page,
            "What the collisions did",
            &collisions::layer_table(experiment),
        );
        return Ok(page);
    }
    for set in experiment.test_sets() {
        let errors = final_errors(experiment, &set);
        let _ = write!(page, "\n### {}\n\n", set_title(&set));
        page.push_str(&headline::error_table(&errors).to_markdown());
        let chart = headline::chart(&errors, &set, experiment.measure());
        let svg = chart.to_svg(Theme::Standalone).map_err(drawing_failed)?;
        page.push_str(&pictures.add(&format!("errors-{set}"), &chart.title, &svg)?);
    }
    let curves = curves::charts(experiment);
    if !curves.is_empty() {
        page.push_str(
            "\n## Learning curves\n\nMeans over seeds; bands from the smallest to the largest seed.\n",
        );
    }
    for (index, chart) in curves.into_iter().enumerate() {
        let svg = chart.to_svg(Theme::Standalone).map_err(drawing_failed)?;
        page.push_str(&pictures.add(&format!("curve-{}", index + 1), &chart.title, &svg)?);
    }
    let shown = predictions::pictures(experiment);
    if !shown.is_empty() {
        page.push_str("\n## Predictions\n\nFirst sample of each set.\n");
    }
    for (set, picture) in shown {
        let svg = picture.to_svg(Theme::Standalone).map_err(drawing_failed)?;
        page.push_str(&pictures.add(&format!("prediction-{set}"), picture.title(), &svg)?);
    }
    told_apart(experiment, pictures, &mut page)?;
    let table = errors::table(experiment);
    if !table.is_empty() {
        section(&mut page, "Where the errors lie", &table);
        for (index, chart) in errors::charts(experiment).into_iter().enumerate() {
            let svg = chart.to_svg(Theme::Standalone).map_err(drawing_failed)?;
            page.push_str(&pictures.add(&format!("error-{}", index + 1), &chart.title, &svg)?);
        }
    }
    section(&mut page, "Cost", &cost::table(experiment));
    let layers = collisions::layer_table(experiment);
    if !layers.is_empty() {
        section(&mut page, "What the collisions did", &layers);
        for verdict in collisions::without_collisions(experiment) {
            let _ = writeln!(page, "\n**{verdict}.**");
        }
        if let Some(chart) = collisions::mismatch_chart(experiment) {
            let svg = chart.to_svg(Theme::Standalone).map_err(drawing_failed)?;
            page.push_str(&pictures.add("mismatch", &chart.title, &svg)?);
        }
    }
    let measures = condensation::summary_table(experiment);
    if !measures.is_empty() {
        section(&mut page, "Condensation", &measures);
    }
    Ok(page)
}

/// Scores and confusions of a classification; of the residuals only the baseline's are drawn, and no images, which are not the
/// project's own.
fn told_apart(experiment: &Experiment, pictures: &mut Pictures, page: &mut String) -> Outcome {
    let table = classes::table(experiment);
    if table.is_empty() {
        return Ok(());
    }
    section(page, "Classes and confusions", &table);
    for (set, variant, matrix) in classes::confusions(experiment) {
        if let (true, Some(svg)) = (variant == BASELINE, matrix.to_svg(Theme::Standalone)) {
            page.push_str(&pictures.add(&format!("confusions-{set}"), &matrix.title, &svg)?);
            let _ = writeln!(page, "\n{}", classes::commonest(&matrix));
        }
    }
    Ok(())
}

fn section(page: &mut String, title: &str, table: &Table) {
    let _ = write!(page, "\n## {title}\n\n{}", table.to_markdown());
}

fn introduction(experiment: &Experiment) -> String {
    let seeds: Vec<String> = experiment.seeds().iter().map(u64::to_string).collect();
    let commit = |run: &Run| {
        run.circumstances
            .commit
            .clone()
            .unwrap_or_else(|| "unknown".into())
    };
    let date = experiment
        .runs
        .iter()
        .filter_map(Run::date)
        .max()
        .map_or_else(String::new, utc);
    let unfinished = experiment
        .runs
        .iter()
        .filter(|run| run.result.is_none())
        .count();
    let by = experiment
        .ablated
        .as_ref()
        .map_or_else(String::new, |key| format!(", by {key}"));
    let changes = match settings::changes(experiment) {
        changes if changes.is_empty() => String::new(),
        changes => format!(" with `{}`", changes.join("`, `")),
    };
    let mut text = format!(
        "# {}: {} profile{}\n\n\
         Made by `cargo xtask report` from the runs of `{}`{}: \
         seeds {}, commit {}, device {}, {} threads, {date}.\n\n\
         {} Errors are those of the last epoch. Differences are from `{BASELINE}` with the same seed; intervals hold the mean difference with 95 % confidence.\n",
        experiment.title,
        experiment.profile,
        by,
        settings::command(experiment),
        changes,
        seeds.join(", "),
        experiment.common(commit),
        experiment.common(|run| run.circumstances.device.clone()),
        experiment.common(|run| run.circumstances.threads.to_string()),
        experiment.measure().explanation(),
    );
    if unfinished > 0 {
        let all = experiment.runs.len();
        let _ = writeln!(
            text,
            "\n**{unfinished} of {all} runs are not finished and left out of the tables.**"
        );
    }
    text
}

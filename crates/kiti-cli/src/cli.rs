//! The command line: every command, every option, every exit code.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use crate::device::DeviceName;
use crate::gas::arguments::GasArguments;

const EXIT_CODES: &str = "\
Exit codes:
  0    everything went well
  1    something failed while working (a run, a golden case, a disk)
  2    the request was refused: wrong usage, bad input, a device that is not there
  130  interrupted; `kiti train`, `kiti gas run` and `kiti reproduce` go on from where they were";

/// Train, evaluate and measure networks whose residuals are kinetic collisions
#[derive(Debug, Parser)]
#[command(name = "kiti", version, after_help = EXIT_CODES, after_long_help = EXIT_CODES)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train one model from a recipe
    Train(TrainArguments),
    /// Measure the error of a trained model on its recipe's test sets
    Eval(EvalArguments),
    /// Apply a trained model to fields from a file, to images or to texts
    Predict(PredictArguments),
    /// Write a trained model as a folder that Hugging Face's programs open
    Export(ExportArguments),
    /// Let a trained language model go on with a text
    Generate(GenerateArguments),
    /// Measure how far the neurons of a checkpoint have condensed into common directions
    Condense(CondenseArguments),
    /// Count parameters and floating-point operations of a recipe's model
    Flops(FlopsArguments),
    /// Replay golden cases on a device and compare with their stored results
    Verify(VerifyArguments),
    /// Time the kinetic step and whole training steps beside references
    Bench(BenchArguments),
    /// Look into data files, or generate data
    Data(DataArguments),
    /// Simulate a rarefied gas, verify and time the solver
    Gas(GasArguments),
    /// Run experiments and compare residuals on them: data, training, tables, report.html
    Reproduce(ReproduceArguments),
    /// Draw the report of finished or half-finished runs again, without training
    Report(ReportArguments),
}

/// A recipe with changes.
#[derive(Debug, Clone, Args)]
pub struct RecipeArguments {
    /// A built-in recipe's name, or the path of a TOML file
    #[arg(value_name = "RECIPE")]
    pub recipe: String,

    /// Put a profile of the recipe over its values, e.g. smoke, quick, trial, paper
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// Change one value of the recipe, e.g. training.epochs=50; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,

    /// The residual to build the model with in place of the recipe's, e.g. reflection
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
}

/// `kiti train`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  kiti train heat --profile quick
  kiti train heat --variant reflection --seed 3 --out runs/mine
  kiti train heat --set training.epochs=50 --set residual.divisions=4 --resume
  kiti train cifar10 --data photographs           # a folder of images by class")]
pub struct TrainArguments {
    /// What to train.
    #[command(flatten)]
    pub recipe: RecipeArguments,

    /// Learn from this folder in place of the recipe's data: PNG and JPEG files in CLASS/, or in train/CLASS/ and
    /// test/CLASS/. A profile takes no more images than of its own data; without test/ a share is set aside
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Seed of initial weights, batches and collisions
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Where to compute: cpu, cuda, cuda:N, metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,

    /// Folder of the run [default: runs/RECIPE-PROFILE/VARIANT/seed-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Go on with the run in that folder, or begin it where there is none
    #[arg(long)]
    pub resume: bool,

    /// Name of this run among others of `kiti reproduce`, which ends it by closing its standard input
    #[arg(long, value_name = "TEXT", hide = true)]
    pub supervised: Option<String>,
}

/// `kiti eval`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  kiti eval runs/heat/additive/seed-0
  kiti eval model.safetensors --recipe heat --json
  kiti eval runs/burgers/additive/seed-0 --recipe burgers --set evaluation.sets.512.resolution=512")]
pub struct EvalArguments {
    /// Folder of a run, or its model.safetensors
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,

    /// Recipe whose test sets are used [default: recipe.toml beside the checkpoint]
    #[arg(long, value_name = "RECIPE")]
    pub recipe: Option<String>,

    /// Put a profile of that recipe over its values
    #[arg(long, value_name = "NAME", requires = "recipe")]
    pub profile: Option<String>,

    /// Change one value of the recipe; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value, requires = "recipe")]
    pub set: Vec<(String, String)>,

    /// Where to compute: cpu, cuda, cuda:N, metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,

    /// Write the result as JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `kiti predict`.
#[derive(Debug, Clone, Args)]
#[command(
    group(ArgGroup::new("given").required(true).args(["input", "image", "text"])),
    after_help = "Examples:
  kiti predict runs/heat/additive/seed-0 --input snapshots.npy --output next.npy --picture next.svg
  kiti predict runs/cifar10/additive/seed-0 --image cat.png dog.jpg --top 3
  kiti predict runs/imdb-quick/additive/seed-0 --text \"A film that I would see again.\"
  kiti predict runs/snli-quick/additive/seed-0 --text \"A man sleeps.\" --text-pair \"A man is awake.\" --json"
)]
pub struct PredictArguments {
    /// Folder of a run, or its model.safetensors; for images also a folder as the Hugging Face Hub has it
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,

    /// Fields that the model sees: .npy, .npz or .safetensors of shape (samples, X, Y, snapshots)
    #[arg(long, value_name = "FILE", requires = "output")]
    pub input: Option<PathBuf>,

    /// Images to classify: .png or .jpg; one of another size is brought to that of training
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub image: Vec<PathBuf>,

    /// A text to classify; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub text: Vec<String>,

    /// The second text of each pair, e.g. a hypothesis: as many as --text
    #[arg(long, value_name = "TEXT", requires = "text", conflicts_with_all = ["input", "image"])]
    pub text_pair: Vec<String>,

    /// Classes to name for each image or text, the most likely first
    #[arg(long, value_name = "K", default_value_t = 5, conflicts_with = "input", value_parser = clap::value_parser!(u32).range(1..))]
    pub top: u32,

    /// Write the classes as JSON instead of tables
    #[arg(long, conflicts_with = "input")]
    pub json: bool,

    /// Which array of the file, where it holds several
    #[arg(long, value_name = "NAME", requires = "input", conflicts_with_all = ["image", "text"])]
    pub array: Option<String>,

    /// Where to write the predicted fields: .npy, .npz or .safetensors
    #[arg(long, value_name = "FILE", requires = "input", conflicts_with_all = ["image", "text"])]
    pub output: Option<PathBuf>,

    /// Snapshots to predict one after the other
    #[arg(long, value_name = "N", default_value_t = 10, requires = "input", conflicts_with_all = ["image", "text"])]
    pub snapshots: usize,

    /// Draw the first sample: .svg or .png
    #[arg(long, value_name = "FILE", requires = "input", conflicts_with_all = ["image", "text"])]
    pub picture: Option<PathBuf>,

    /// Where to compute: cpu, cuda, cuda:N, metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,
}

/// `kiti export`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  kiti export runs/imdb-quick/additive/seed-0 bert-imdb

Then, in Python: AutoModelForSequenceClassification.from_pretrained(\"bert-imdb\")")]
pub struct ExportArguments {
    /// Folder of a run, or its model.safetensors
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,

    /// Folder for config.json, model.safetensors and tokenizer.json
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

/// `kiti generate`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  kiti generate runs/language-quick/additive/seed-0 --prompt \"ROMEO:\"
  kiti generate gpt2 --prompt \"Once upon a time\" --temperature 0.8 --top-k 40 --seed 7

The same seed gives the same text.")]
pub struct GenerateArguments {
    /// Folder of a run, its model.safetensors, or a folder of the Hub's form with a GPT-2
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,

    /// The text to go on with
    #[arg(long, value_name = "TEXT")]
    pub prompt: String,

    /// The most tokens to generate
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub max_tokens: usize,

    /// How freely tokens are drawn: 1 as the model says, less is surer, 0 always the most likely one
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub temperature: f64,

    /// Draw from so many of the most likely tokens only; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub top_k: usize,

    /// Draw from the most likely tokens that together have this probability only
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    pub top_p: f64,

    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Where to compute: cpu, cuda, cuda:N, metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,

    /// Write prompt and continuation as JSON
    #[arg(long)]
    pub json: bool,
}

/// `kiti condense`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  kiti condense runs/heat/dropout/seed-0
  kiti condense somebody.safetensors --initial somebody-initial.safetensors --out condensation")]
pub struct CondenseArguments {
    /// A run's folder, or any safetensors file of weights
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,

    /// The same weights before training, to measure how far they moved
    #[arg(long, value_name = "FILE")]
    pub initial: Option<PathBuf>,

    /// Folder for condensation.json, condensation.html and the heat maps
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `kiti flops`.
#[derive(Debug, Clone, Args)]
pub struct FlopsArguments {
    /// What to count.
    #[command(flatten)]
    pub recipe: RecipeArguments,

    /// Write the result as JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `kiti verify`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Prints one line a case: name, largest relative error of outputs and of gradients, pass or fail.
Fails when a case fails, when a file is malformed or its case unknown, and when the folder holds none."
)]
pub struct VerifyArguments {
    /// Folder of .safetensors cases, searched with its subfolders, e.g. tests/golden
    #[arg(long, value_name = "DIR")]
    pub fixtures: PathBuf,

    /// Where to compute: cpu, cuda, cuda:N, metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,
}

/// What `kiti bench` times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchTopic {
    /// One kinetic step, forward and backward.
    Kinetic,
    /// Whole training steps: Fourier neural operators, ResNet, BERT, GPT-2; inferences; loading a checkpoint.
    Models,
    /// The heat experiment's training step with every residual.
    Heat,
    /// Single operations on the processor, beside what it can do at most.
    Ops,
}

/// `kiti bench`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  kiti bench kinetic
  kiti bench models --against python3      # beside PyTorch, where that Python has it")]
pub struct BenchArguments {
    /// What to time [default: all]
    #[arg(value_name = "TOPIC")]
    pub topics: Vec<BenchTopic>,

    /// Where to compute: cpu, cuda, cuda:N, metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,

    /// Least seconds spent on each measurement; the smallest time counts
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub seconds: f64,

    /// Time only models, operations or residuals whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub only: String,

    /// Run the PyTorch reference scripts with this Python in turn, twice each, and print ratios (kinetic: minutes, 11 GiB)
    #[arg(long, value_name = "PYTHON")]
    pub against: Option<PathBuf>,

    /// Folder of the reference scripts
    #[arg(
        long,
        value_name = "DIR",
        default_value = "tests/reference",
        requires = "against"
    )]
    pub reference: PathBuf,

    /// Write all measurements as JSON too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// `kiti data`.
#[derive(Debug, Clone, Args)]
pub struct DataArguments {
    /// What to do with data.
    #[command(subcommand)]
    pub command: DataCommand,
}

/// The commands of `kiti data`.
#[derive(Debug, Clone, Subcommand)]
pub enum DataCommand {
    /// List the arrays of a file, or describe a set of images or texts
    Show(DataShowArguments),
    /// Generate samples of an equation
    Generate(DataGenerateArguments),
    /// Fetch a data set's original archive, verified by its checksum: cifar10, cifar100, imdb, snli,
    /// tinyshakespeare
    Fetch(DataFetchArguments),
}

/// `kiti data fetch`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  kiti data fetch cifar10 --out data

Stopped at any moment, the same command goes on where it was.")]
pub struct DataFetchArguments {
    /// Which data set
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Folder for the file
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
}

/// `kiti data show`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  kiti data show fields.npz
  kiti data show cifar10 --source cifar-10-binary.tar.gz
  kiti data show imdb --source aclImdb_v1.tar.gz --json
  kiti data show texts --source reviews.csv")]
pub struct DataShowArguments {
    /// A .npy, .npz, .safetensors or .mat file, or .h5 and .hdf5 where built with the feature hdf5; with --source, what
    /// is there: cifar10, cifar100, images, imdb, snli, texts or language
    #[arg(value_name = "FILE|NAME")]
    pub file: PathBuf,

    /// Where the data set of that name is: an archive, a Parquet or other file, or a folder
    #[arg(long, value_name = "PATH")]
    pub source: Option<PathBuf>,

    /// Write the list as JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `kiti data generate`.
#[derive(Debug, Clone, Args)]
pub struct DataGenerateArguments {
    /// Which equation.
    #[command(subcommand)]
    pub equation: Equation,
}

/// The equations whose solutions can be generated.
#[derive(Debug, Clone, Subcommand)]
pub enum Equation {
    /// u_t = kappa Laplace(u) + f on the unit torus
    Heat(HeatArguments),
    /// u_t + u u_x = nu u_xx on the unit circle, from u(0) to u(1)
    Burgers(BurgersArguments),
    /// Vorticity of a forced flow on the unit torus, from w(0) to snapshots 1 apart
    NavierStokes(NavierStokesArguments),
    /// -div(a grad p) = 1 in the unit square, from the medium a to the pressure p
    Darcy(DarcyArguments),
}

/// What the commands that generate pairs of functions have in common.
#[derive(Debug, Clone, Args)]
pub struct PairsArguments {
    /// Seed of the random functions
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Where to write: .npz or .safetensors, arrays `inputs` and `outputs`
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
}

/// `kiti data generate burgers`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  kiti data generate burgers --samples 1100 --output burgers.npz")]
pub struct BurgersArguments {
    /// Points of each function; divides --solver-resolution
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub resolution: usize,

    /// Points that the equation is solved on
    #[arg(long, value_name = "N", default_value_t = 8192)]
    pub solver_resolution: usize,

    /// Number of samples
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub samples: usize,

    /// Viscosity nu
    #[arg(long, value_name = "X", default_value_t = 0.1)]
    pub viscosity: f64,

    #[command(flatten)]
    pub pairs: PairsArguments,
}

/// `kiti data generate navier-stokes`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  kiti data generate navier-stokes --viscosity 1e-5 --solver-resolution 256 --output flow.npz")]
pub struct NavierStokesArguments {
    /// Points of each field along each axis; divides --solver-resolution
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub resolution: usize,

    /// Points along each axis that the equation is solved on
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub solver_resolution: usize,

    /// Number of samples
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub samples: usize,

    /// Snapshots of each sample, at t = 1, 2, ...
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub snapshots: usize,

    /// Viscosity
    #[arg(long, value_name = "X", default_value_t = 1e-3)]
    pub viscosity: f64,

    #[command(flatten)]
    pub pairs: PairsArguments,
}

/// `kiti data generate darcy`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  kiti data generate darcy --resolution 141 --output darcy.npz")]
pub struct DarcyArguments {
    /// Points of each field along each axis; N - 1 divides --solver-resolution less 1
    #[arg(long, value_name = "N", default_value_t = 85)]
    pub resolution: usize,

    /// Points along each axis that the equation is solved on
    #[arg(long, value_name = "N", default_value_t = 421)]
    pub solver_resolution: usize,

    /// Number of samples
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub samples: usize,

    #[command(flatten)]
    pub pairs: PairsArguments,
}

/// `kiti data generate heat`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  kiti data generate heat --resolution 64 --samples 20 --seed 7 --output heat.npy --picture heat.svg")]
pub struct HeatArguments {
    /// Grid points along each axis
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub resolution: usize,

    /// Number of samples
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub samples: usize,

    /// Snapshots of each sample
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub snapshots: usize,

    /// Where heat is supplied: `frame` of width 1/32, or `one-cell` along the edges
    #[arg(long, value_name = "NAME", default_value = "frame", value_parser = ["frame", "one-cell"])]
    pub source: String,

    /// Seed of the initial fields
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Where to write: .npy, .npz or .safetensors, an array `u` of shape (samples, X, Y, snapshots)
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,

    /// Draw the first sample: .svg or .png
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
}

/// `kiti reproduce`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  kiti reproduce                                        # heat, quick: minutes on two cores
  kiti reproduce heat --profile smoke --variants all    # every residual for a few steps
  kiti reproduce heat --profile paper --seeds 5 --jobs 2
  kiti reproduce heat --variants additive,elastic --ablate residual.collision_coefficient=0,0.5,0.9

Stopped at any moment, the same command goes on where it was and ends with the same bits.")]
pub struct ReproduceArguments {
    /// Experiments to run; `--list` names them [default: heat]
    #[arg(value_name = "EXPERIMENT")]
    pub experiments: Vec<String>,

    /// How far to go: smoke (seconds), quick (minutes on two cores), trial (hours), paper (the published settings)
    #[arg(long, value_name = "NAME", default_value = "quick")]
    pub profile: String,

    /// Seeds a variant, counted from 0 [default: the profile's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub seeds: Option<u32>,

    /// Residuals to compare, by name, with commas between them, or `all` [default: the profile's]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub variants: Vec<String>,

    /// Where to compute: cpu, cuda, cuda:N, metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,

    /// Folder under which EXPERIMENT-PROFILE holds the runs and the report
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub out: PathBuf,

    /// Trainings to run at the same time, each with its share of the processor's cores
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: u32,

    /// Change one value of the recipe, e.g. training.epochs=50; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,

    /// Train with each of these values of one key of the recipe's residual, in a folder EXPERIMENT-PROFILE-KEY of their own
    #[arg(long, value_name = "KEY=A,B", value_parser = ablation)]
    pub ablate: Option<Ablation>,

    /// Name the experiments, their profiles and variants, and run nothing
    #[arg(long)]
    pub list: bool,
}

/// `kiti report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArguments {
    /// Folder that `reproduce` wrote
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,

    /// Write the tables as a page of documentation too, with pictures beside it, e.g. docs/results.md
    #[arg(long, value_name = "FILE.md")]
    pub docs: Option<PathBuf>,
}

/// A key of `[residual]` and the values that it is given in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ablation {
    /// The dotted key.
    pub key: String,
    /// Its values, as texts that can name a folder.
    pub values: Vec<String>,
}

/// Splits `KEY=A,B`.
fn ablation(text: &str) -> Result<Ablation, String> {
    let (key, values) = key_and_value(text)?;
    if !key.starts_with("residual.") {
        return Err(format!("expected a key of [residual], found `{key}`"));
    }
    if key == "residual.variant" {
        return Err("residuals are compared by --variants".to_owned());
    }
    let values: Vec<String> = values
        .split(',')
        .map(|value| value.trim().to_owned())
        .collect();
    let names_a_folder = |value: &String| {
        !value.is_empty()
            && value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
    };
    if values.len() < 2 || !values.iter().all(names_a_folder) {
        return Err(format!(
            "expected at least two numbers or names with commas between them, found `{text}`"
        ));
    }
    Ok(Ablation { key, values })
}

/// Splits `KEY=VALUE`.
pub fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err(format!(
            "expected KEY=VALUE, such as training.epochs=50, found `{text}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        CommandLine::try_parse_from(line.split_whitespace()).map(|parsed| parsed.command)
    }

    #[test]
    fn declarations_contradict_nothing() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn train_reads_profile_sets_variant_seed_and_device() {
        let Ok(Command::Train(train)) = parse(
            "kiti train heat --profile quick --set a.b=1 --set c=x=y --variant reflection --seed 7 --device cuda:1 --out o --resume",
        ) else {
            panic!("refused")
        };
        assert_eq!(
            train.recipe.set,
            [("a.b".into(), "1".into()), ("c".into(), "x=y".into())]
        );
        assert_eq!((train.seed, train.resume), (7, true));
        assert_eq!(train.device, DeviceName::Cuda(1));
        assert_eq!(train.recipe.variant.as_deref(), Some("reflection"));
    }

    #[test]
    fn reproduce_has_the_documented_defaults() {
        let Ok(Command::Reproduce(reproduce)) = parse("kiti reproduce --variants additive,elastic")
        else {
            panic!("refused")
        };
        assert_eq!(reproduce.profile, "quick");
        assert_eq!(reproduce.variants, ["additive", "elastic"]);
        assert_eq!((reproduce.jobs, reproduce.seeds), (1, None));
        assert_eq!(reproduce.out, PathBuf::from("runs"));
    }

    #[test]
    fn wrong_usage_is_refused_with_code_two() {
        for line in [
            "kiti",
            "kiti train",
            "kiti train heat --set epochs",
            "kiti train heat --seed -1",
            "kiti train heat --device gpu",
            "kiti reproduce --seeds 0",
            "kiti reproduce --jobs 0",
            "kiti reproduce --ablate residual.divisions",
            "kiti reproduce --ablate residual.divisions=4",
            "kiti reproduce --ablate residual.divisions=4,../8",
            "kiti reproduce --ablate residual.variant=additive,elastic",
            "kiti reproduce --ablate training.epochs=1,2",
            "kiti bench everything",
            "kiti predict run",
            "kiti predict run --input a.npy",
            "kiti predict run --image a.png --output b.npy",
            "kiti predict run --text good --picture b.svg",
            "kiti predict run --text good --image a.png",
            "kiti predict run --image a.png --text-pair good",
            "kiti predict run --image a.png --top 0",
            "kiti predict run --input a.npy --output b.npy --json",
            "kiti data generate heat --source two-cells --output u.npy",
            "kiti gas",
            "kiti gas run",
            "kiti gas run couette --threads 0",
            "kiti gas run couette --set time.steps",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}

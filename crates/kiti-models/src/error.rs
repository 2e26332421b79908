//! What can go wrong with recipes, models, checkpoints and training runs.

use std::path::{Path, PathBuf};

/// An error of this crate: what was wrong, where, what was expected and found, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A recipe's name is neither built in nor a file.
    #[error("recipe `{name}`: neither a built-in recipe ({}) nor a readable file{}", known.join(", "), suggest(nearest))]
    UnknownRecipe {
        /// The name asked for.
        name: String,
        /// The built-in recipes.
        known: Vec<String>,
        /// The built-in name nearest to it.
        nearest: Option<String>,
    },
    /// A recipe is not valid TOML.
    #[error("{file}: not valid TOML: {message}")]
    RecipeSyntax {
        /// The recipe.
        file: String,
        /// The parser's message, with line and column.
        message: String,
    },
    /// A recipe has a key that means nothing.
    #[error("{file}: unknown key `{key}`{}", suggest(nearest))]
    UnknownKey {
        /// The recipe, or `--set`.
        file: String,
        /// Dotted path of the key.
        key: String,
        /// The known key nearest to it.
        nearest: Option<String>,
    },
    /// A recipe lacks a key that has no default.
    #[error("{file}: missing key `{key}` ({expected}); add it")]
    MissingKey {
        /// The recipe.
        file: String,
        /// Dotted path of the key.
        key: String,
        /// Type of its value.
        expected: String,
    },
    /// A recipe's value has the wrong type.
    #[error("{file}: key `{key}`: expected {expected}, found {found}")]
    WrongType {
        /// The recipe, or `--set`.
        file: String,
        /// Dotted path of the key.
        key: String,
        /// The type expected.
        expected: String,
        /// The type and value found.
        found: String,
    },
    /// A recipe's value has the right type but makes no sense.
    #[error("{file}: key `{key}`: {message}")]
    InvalidValue {
        /// The recipe.
        file: String,
        /// Dotted path of the key.
        key: String,
        /// What is expected, and what was found.
        message: String,
    },
    /// A recipe has no such profile.
    #[error("{file}: no profile `{profile}`; it has: {}", known.join(", "))]
    UnknownProfile {
        /// The recipe.
        file: String,
        /// The profile asked for.
        profile: String,
        /// The recipe's profiles.
        known: Vec<String>,
    },
    /// A data set is not where the recipe says.
    #[error("{}: not there; {}set data.path to where it is", path.display(), fetched(name))]
    NoData {
        /// Where it was looked for.
        path: PathBuf,
        /// The name by which it can be fetched; empty for data of one's own.
        name: String,
    },
    /// A file that belongs to a model is not beside it.
    #[error(
        "{}: expected {file} beside the model, found none; keep the run's folder together",
        path.display()
    )]
    NoCompanion {
        /// The model.
        path: PathBuf,
        /// The file.
        file: String,
    },
    /// A text to be classified says nothing.
    #[error("text: expected at least one word, found none")]
    EmptyText,
    /// A model's configuration contradicts itself.
    #[error("model: {key} = {found}: expected {expected}")]
    ModelConfig {
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A grid is too small for a model's Fourier modes.
    #[error(
        "a grid of {extent} points along dimension {dimension} is too small for {modes} modes, \
         which need at least {needed}; use a finer grid or fewer modes"
    )]
    GridTooSmall {
        /// Which dimension of the grid, counted from 0.
        dimension: usize,
        /// Points along it.
        extent: usize,
        /// The model's modes along it.
        modes: usize,
        /// The smallest grid that carries them.
        needed: usize,
    },
    /// An array's shape does not fit.
    #[error("{name}: expected shape {expected}, found {found:?}")]
    Shape {
        /// The array.
        name: String,
        /// Its shape in words.
        expected: String,
        /// The shape found.
        found: Vec<usize>,
    },
    /// Training produced a number that is not finite.
    #[error(
        "training stopped: {what} is {value} at step {step} (epoch {epoch}); first in {place}; \
         {}; a smaller learning rate or gradient clipping may help",
        kept(checkpoint)
    )]
    NotFinite {
        /// The quantity: the loss, or a weight.
        what: String,
        /// Its value.
        value: f64,
        /// The optimiser step, counted from 1.
        step: u64,
        /// The epoch, counted from 1.
        epoch: usize,
        /// The first layer or weight that is not finite.
        place: String,
        /// The last good checkpoint, if there is one.
        checkpoint: Option<PathBuf>,
    },
    /// A file or folder cannot be read or written.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file's content is truncated, corrupt or of another kind.
    #[error("{}: {message}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        message: String,
    },
    /// A checkpoint belongs to another model.
    #[error("{}: holds another model: {}", path.display(), differences.join("; "))]
    OtherModel {
        /// The checkpoint.
        path: PathBuf,
        /// Key by key: expected and found.
        differences: Vec<String>,
    },
    /// A checkpoint's tensors are not those of the model.
    #[error("{}: {source}", path.display())]
    Tensors {
        /// The checkpoint.
        path: PathBuf,
        /// Every missing, unexpected and mis-shaped tensor.
        source: Box<kiti_nn::var_store::LoadError>,
    },
    /// A folder has no usable checkpoint.
    #[error("{}: no usable checkpoint: {}", path.display(), reasons.join("; "))]
    NoCheckpoint {
        /// The folder.
        path: PathBuf,
        /// Why each candidate cannot be used.
        reasons: Vec<String>,
    },
    /// An output folder holds another run.
    #[error(
        "{}: holds another run ({}); choose another output folder or move this one away",
        path.display(), differences.join("; ")
    )]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// What differs, key by key.
        differences: Vec<String>,
    },
    /// An output folder holds this run already.
    #[error("{}: holds this run already; pass --resume to go on with it", path.display())]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// Another process works in the output folder.
    #[error("{}: another process is training in this folder; wait for it or stop it", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// A golden case is of an unknown kind.
    #[error("{}: unknown case `{case}`; known: {}", path.display(), known.join(", "))]
    UnknownCase {
        /// The file.
        path: PathBuf,
        /// Its `kiti.case`.
        case: String,
        /// The cases that can be replayed.
        known: Vec<String>,
    },
    /// A folder has no golden case.
    #[error("{}: no golden case (*.safetensors) in this folder", path.display())]
    NoCases {
        /// The folder.
        path: PathBuf,
    },
    /// A checkpoint has its weights in a pickle file only.
    #[error(
        "{}: {file} is a pickle, which may run any program when it is read: expected model.safetensors; convert it where \
         you trust it, with python -c \"from transformers import AutoModel as M; M.from_pretrained('{}').save_pretrained('converted')\"",
        checkpoint.display(), checkpoint.display()
    )]
    Pickle {
        /// The folder or repository.
        checkpoint: PathBuf,
        /// The file.
        file: String,
    },
    /// A configuration describes a model that is not known.
    #[error(
        "{}: expected model_type bert, gpt2 or kiti, or architecture resnet18, resnet34 or resnet50, found {found:?}",
        path.display()
    )]
    UnknownArchitecture {
        /// The configuration.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// A model cannot do what is asked of it.
    #[error("{}: expected {expected}, found {found}", path.display())]
    NoClassifier {
        /// The model.
        path: PathBuf,
        /// What the work needs.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A data set cannot be made, read or cached.
    #[error(transparent)]
    Data(#[from] kiti_data::Error),
    /// A tensor operation failed.
    #[error("{0}")]
    Candle(Box<candle::Error>),
}

impl From<candle::Error> for Error {
    fn from(error: candle::Error) -> Self {
        Error::Candle(Box::new(error))
    }
}

impl Error {
    /// A model file whose tensors do not fit.
    pub(crate) fn tensors(path: &Path) -> impl FnOnce(kiti_nn::var_store::LoadError) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Tensors {
            path,
            source: Box::new(source),
        }
    }

    /// Attaches the path and the action to an input or output error.
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io {
            path,
            action,
            source,
        }
    }

    /// A file whose content cannot be used.
    pub(crate) fn corrupt(path: &Path, message: impl std::fmt::Display) -> Error {
        Error::Corrupt {
            path: path.to_path_buf(),
            message: message.to_string(),
        }
    }
}

/// How a data set of this name is had.
fn fetched(name: &str) -> String {
    match name {
        "" => String::new(),
        name => format!("get it with `kiti data fetch {name}`, or "),
    }
}

fn suggest(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}

fn kept(checkpoint: &Option<PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!("the last good checkpoint is kept in {}", path.display()),
        None => "no checkpoint had been written yet".to_owned(),
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

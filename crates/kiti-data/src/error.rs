//! What can go wrong with data, each case with its place and its remedy.

use std::path::PathBuf;

/// An error of this crate: where, what was expected, what was found, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused an operation on a file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb ("read", "create", ...).
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// No room is left on the disk; nothing half-written remains.
    #[error(
        "cannot write {}: the disk is full ({source}); free some space or choose another \
         directory, nothing was left half-written",
        path.display()
    )]
    StorageFull {
        /// The file that was to be written.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The file's extension names no format that can be read or written.
    #[error(
        "{}: expected a file that ends in .npy, .npz, .safetensors, .mat, .h5 or .hdf5, found \
         {found:?}",
        path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its extension, empty where it has none.
        found: String,
    },
    /// Files of this format are read only.
    #[error(
        "{}: files of this format are read, not written; use .npy, .npz or .safetensors",
        path.display()
    )]
    ReadOnlyFormat {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// The program was built without what reads this file.
    #[error(
        "{}: expected a file that this program was built to read, found a {what}; build it with \
         --features {feature}{}",
        path.display(),
        instead(what)
    )]
    NotBuiltIn {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// The feature that reads it.
        feature: &'static str,
    },
    /// The file is not what its format demands: truncated, corrupt or with a lying header.
    #[error(
        "{}{}: expected {expected}, found {found}; the file is damaged or not of this format: \
         write or fetch it again",
        path.display(),
        of_array(array)
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The array in it, where one is concerned.
        array: Option<String>,
        /// What the format demands.
        expected: String,
        /// What is there.
        found: String,
    },
    /// An array holds elements that are not real numbers of a known size.
    #[error(
        "{}, array {array:?}: expected booleans, integers or real floating-point numbers, found \
         elements of type {found}; convert the array to float32 or float64",
        path.display()
    )]
    UnsupportedElements {
        /// The file.
        path: PathBuf,
        /// The array.
        array: String,
        /// Its element type as the file names it.
        found: String,
    },
    /// The file has no array of this name.
    #[error(
        "{}: no array named {name:?}; it holds {}",
        path.display(),
        list(available)
    )]
    ArrayNotFound {
        /// The file.
        path: PathBuf,
        /// The requested name.
        name: String,
        /// The names that the file has.
        available: Vec<String>,
    },
    /// The file holds several arrays (or none) and the caller did not choose.
    #[error(
        "{}: expected one array, found {}; name the one to read",
        path.display(),
        list(available)
    )]
    ArrayNotChosen {
        /// The file.
        path: PathBuf,
        /// The names that the file has.
        available: Vec<String>,
    },
    /// The format holds exactly one array, and another number was given.
    #[error(
        "{}: a .npy file holds one array, found {found} to write; use .npz or .safetensors",
        path.display()
    )]
    SingleArrayFormat {
        /// The file that was to be written.
        path: PathBuf,
        /// Number of arrays given.
        found: usize,
    },
    /// A name cannot be written in this format.
    #[error("{}: array name {name:?} cannot be written: {reason}", path.display())]
    ArrayName {
        /// The file that was to be written.
        path: PathBuf,
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// An array holds a NaN or an infinity.
    #[error(
        "array {array:?}: expected finite numbers, found {value} at index {index:?}; repair or \
         drop that sample"
    )]
    NotFinite {
        /// The array.
        array: String,
        /// Index of the first such element, one number an axis.
        index: Vec<usize>,
        /// The element.
        value: f64,
    },
    /// An array does not have the shape that is needed.
    #[error("array {array:?}: expected {expected}, found shape {found:?}")]
    Shape {
        /// The array.
        array: String,
        /// The needed shape, in words.
        expected: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// A setting lies outside its range.
    #[error("{key} = {found}: expected {expected}")]
    Setting {
        /// The setting.
        key: &'static str,
        /// Its value.
        found: String,
        /// The range it must lie in.
        expected: &'static str,
    },
    /// A generator's solution ceased to be finite.
    #[error(
        "{equation}: expected finite values, found NaN or infinity in sample {sample} by time \
         {time}; take a shorter time_step, a finer solver_resolution or weaker settings"
    )]
    Diverged {
        /// The equation.
        equation: &'static str,
        /// Number of the sample.
        sample: usize,
        /// The time by which it happened.
        time: f64,
    },
    /// A generator's iteration for a linear system did not reach its tolerance.
    #[error(
        "{equation}: expected a relative residual of at most {expected:e} in sample {sample}, \
         found {found:e} after {iterations} iterations; use coefficients that differ less"
    )]
    NotConverged {
        /// The equation.
        equation: &'static str,
        /// Number of the sample.
        sample: usize,
        /// The tolerance.
        expected: f64,
        /// The residual reached.
        found: f64,
        /// Iterations made.
        iterations: usize,
    },
    /// More memory is needed than can be had.
    #[error("{what} needs {bytes} bytes of memory, more than is available; make it smaller")]
    TooLarge {
        /// What needs it.
        what: String,
        /// Bytes needed.
        bytes: u128,
    },
    /// A file's content is not what its manifest says.
    #[error(
        "{}: expected {expected}, found {found}; the file is damaged or another version: fetch \
         it again",
        path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Size and SHA-256 of the manifest.
        expected: String,
        /// Size and SHA-256 of the file.
        found: String,
    },
    /// A manifest cannot be understood.
    #[error("{}: expected {expected}; {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// Why it does not.
        reason: String,
    },
    /// One sample of a data set is not what it must be.
    #[error("{}, {place}: expected {expected}, found {found}; repair or remove it", path.display())]
    Sample {
        /// The file.
        path: PathBuf,
        /// Where in it: a record, a line, a row.
        place: String,
        /// What a sample must be.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A path holds no data set of the kind that is asked for.
    #[error("{}: expected {expected}, found {found}", path.display())]
    NoDataset {
        /// The file or folder.
        path: PathBuf,
        /// What could be read.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A file cannot be fetched.
    #[error("{url}: {reason}; {remedy}")]
    Fetch {
        /// Its address.
        url: String,
        /// What happened.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A file of a repository on the Hub cannot be had.
    #[error("{repository}, revision {revision}, file {file}: {reason}; {remedy}")]
    Hub {
        /// Address of the repository.
        repository: String,
        /// The revision asked for.
        revision: String,
        /// The file asked for.
        file: String,
        /// What happened.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The platform names no directory for caches.
    #[error(
        "no cache directory: expected the variable KITI_CACHE or a home directory, found \
         neither; set KITI_CACHE"
    )]
    NoCacheDirectory,
    /// The thread that prepares batches ended before its last batch.
    #[error("the thread that gathers batches ended after {delivered} of {expected} batches")]
    LoaderStopped {
        /// Batches that it delivered.
        delivered: usize,
        /// Batches of the epoch.
        expected: usize,
    },
    /// A tensor could not be made on the device.
    #[error(transparent)]
    Tensor(#[from] candle::Error),
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether it says that a file of the Hub is not there, or offline not in the cache.
    pub fn is_absent(&self) -> bool {
        matches!(self, Error::Hub { reason, .. } if reason.contains("404") || reason.contains("not in the cache"))
    }

    /// Tells a full disk from other failures of a file operation.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
        source: std::io::Error,
    ) -> Self {
        let path = path.into();
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Error::StorageFull { path, source }
            }
            _ => Error::Io {
                action,
                path,
                source,
            },
        }
    }
}

fn of_array(array: &Option<String>) -> String {
    match array {
        Some(name) => format!(", array {name:?}"),
        None => String::new(),
    }
}

/// What a user of MATLAB can do besides.
fn instead(what: &str) -> &'static str {
    if what.starts_with("MATLAB") {
        ", or save it again with -v7 in MATLAB"
    } else {
        ""
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "no array at all".to_owned()
    } else {
        let quoted: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
        quoted.join(", ")
    }
}

//! Starting `kiti` as a user does, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The heat experiment with a model, grid and number of steps that take a fraction of a second.
pub const SMALL: [&str; 10] = [
    "--profile",
    "smoke",
    "--set",
    "model.width=6",
    "--set",
    "model.modes=[4, 4]",
    "--set",
    "data.resolution=16",
    "--set",
    "evaluation.sets.32.resolution=16",
];

/// A folder for one test: runs, files, and a data cache that no other test sees. Gone when dropped.
pub struct Scratch(TempDir);

/// What a finished program left.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; none where a signal ended the program.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Scratch {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `kiti` with these arguments, not yet started.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiti"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("KITI_CACHE", self.path("cache"))
            .env_remove("RAYON_NUM_THREADS")
            // Candle's element-wise operations wait for each other's threads by spinning: with several tests at a
            // time on few cores, that would take most of the time.
            .env("CANDLE_NUM_THREADS", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs `kiti` to its end.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Finished {
        finish(self.command(arguments))
    }

    /// Starts `kiti` and lets it run, without a word on this terminal.
    pub fn start<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Child {
        self.command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}

/// Runs a command to its end.
pub fn finish(mut command: Command) -> Finished {
    let output = command.output().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Finished {
    /// Panics with everything the program said unless it ended well.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// Panics unless the program ended with an exit code other than 0 and a message holding `words`.
    #[track_caller]
    pub fn failed_saying(self, words: &[&str]) -> Self {
        assert!(matches!(self.code, Some(code) if code != 0), "{self:#?}");
        for word in words {
            assert!(
                self.said().contains(word),
                "nothing about `{word}`: {self:#?}"
            );
        }
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    /// Both streams.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// The golden cases of the workspace.
pub fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

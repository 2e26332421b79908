//! Building the program `kiti` and handing this process over to it.

use std::fmt;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::str::FromStr;

use crate::{Result, cargo, workspace_root};

/// A device by its name on the command line: `cpu`, `cuda`, `cuda:1`, `metal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu,
    /// An NVIDIA device; building for it needs nvcc.
    Cuda,
    /// An Apple device; building for it needs macOS.
    Metal,
}

impl FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(name: &str) -> std::result::Result<Self, UnknownDevice> {
        let (kind, index) = match name.split_once(':') {
            Some((kind, index)) => (kind, Some(index)),
            None => (name, None),
        };
        if index.is_some_and(|index| index.parse::<usize>().is_err()) {
            return Err(UnknownDevice(name.into()));
        }
        match (kind, index) {
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda),
            ("metal", _) => Ok(Self::Metal),
            _ => Err(UnknownDevice(name.into())),
        }
    }
}

/// A device name that kiti does not know.
#[derive(Debug)]
pub struct UnknownDevice(String);

impl fmt::Display for UnknownDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        write!(
            f,
            "no device is called `{name}`; there are cpu, cuda, cuda:<index>, metal and metal:<index>"
        )
    }
}

impl std::error::Error for UnknownDevice {}

impl Device {
    /// The cargo feature that kiti needs for this device.
    fn feature(&self) -> Option<&'static str> {
        match self {
            Self::Cpu => None,
            Self::Cuda => Some("cuda"),
            Self::Metal => Some("metal"),
        }
    }

    /// Says what is missing to build for this device, before a long build finds out.
    fn check_toolchain(&self) -> Result<()> {
        match self {
            Self::Cuda if find_nvcc().is_none() => Err(
                "--device cuda compiles CUDA kernels, and no nvcc was found on PATH, in $CUDA_HOME/bin, $CUDA_PATH/bin or /usr/local/cuda/bin. \
                 Install the CUDA toolkit (13.2 is known to work), or set CUDA_HOME; without a visible GPU set CUDA_COMPUTE_CAP too, e.g. 90"
                    .into(),
            ),
            Self::Metal if !cfg!(target_os = "macos") => {
                Err("--device metal needs macOS; use --device cpu here".into())
            }
            _ => Ok(()),
        }
    }
}

fn find_nvcc() -> Option<PathBuf> {
    let name = format!("nvcc{}", std::env::consts::EXE_SUFFIX);
    let toolkits = ["CUDA_HOME", "CUDA_PATH"]
        .into_iter()
        .filter_map(std::env::var_os)
        .map(PathBuf::from)
        .chain([PathBuf::from("/usr/local/cuda")])
        .map(|toolkit| toolkit.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(toolkits)
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file())
}

/// Builds `kiti` for `device` and becomes it, with the arguments this program was started with.
///
/// Both programs read the same command line; this one only looks at it to know what to build and to
/// answer `--help` at once. On Unix the process is replaced, so signals and the exit code are kiti's.
pub fn hand_over(device: Option<&Device>) -> Result<ExitCode> {
    let feature = match device {
        Some(device) => {
            device.check_toolchain()?;
            device.feature()
        }
        None => None,
    };
    let status = build(feature)?;
    if !status.success() {
        return Ok(exit_code(status));
    }
    let mut kiti = Command::new(program_beside(&std::env::current_exe()?)?);
    kiti.args(std::env::args_os().skip(1));
    become_program(kiti)
}

/// `<target>/release/kiti`, from where this program lies: `<target>/<profile>/xtask`.
fn program_beside(this: &Path) -> Result<PathBuf> {
    let target = this
        .parent()
        .and_then(Path::parent)
        .ok_or_else(|| format!("{} lies outside a target folder", this.display()))?;
    Ok(target
        .join("release")
        .join(format!("kiti{}", std::env::consts::EXE_SUFFIX)))
}

/// Replaces this process by `program`, so that signals and the exit code are the program's.
#[cfg(unix)]
pub fn become_program(mut program: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let error = program.exec();
    Err(format!(
        "{} does not start: {error}",
        program.get_program().display()
    )
    .into())
}

/// Runs `program` to its end and returns its exit code.
#[cfg(not(unix))]
pub fn become_program(mut program: Command) -> Result<ExitCode> {
    let status = program.status().map_err(|error| {
        format!(
            "{} does not start: {error}",
            program.get_program().display()
        )
    })?;
    Ok(exit_code(status))
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Runs `cargo build`; what cargo says is shown as soon as there is something to compile, or to complain about.
fn build(feature: Option<&str>) -> Result<ExitStatus> {
    let mut command = Command::new(cargo());
    command.args([
        "build",
        "--release",
        "--package",
        "kiti-cli",
        "--manifest-path",
    ]);
    command.arg(workspace_root().join("Cargo.toml"));
    command.args(feature.map(|feature| format!("--features={feature}")));
    if io::stderr().is_terminal() {
        // Cargo writes to a pipe here, and would leave out the colours and the bar.
        let settings = [
            ("CARGO_TERM_COLOR", "always"),
            ("CARGO_TERM_PROGRESS_WHEN", "always"),
            ("CARGO_TERM_PROGRESS_WIDTH", "80"),
        ];
        command.envs(
            settings
                .into_iter()
                .filter(|(name, _)| std::env::var_os(name).is_none()),
        );
    }
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error| {
        format!(
            "{} does not start: {error}",
            command.get_program().display()
        )
    })?;
    let Some(messages) = child.stderr.take() else {
        return Ok(child.wait()?);
    };
    let held = forward_when_telling(messages, &mut io::stderr())?;
    let status = child.wait()?;
    if !status.success() {
        io::stderr().write_all(&held)?;
    }
    Ok(status)
}

/// Words of cargo that mean more than "nothing to do".
const TELLING: [&[u8]; 8] = [
    b"Compiling",
    b"Building",
    b"Downloading",
    b"Updating",
    b"Locking",
    b"Blocking",
    b"warning",
    b"error",
];

/// Copies `from` to `to` from the first telling word on, and returns what was held back.
fn forward_when_telling(mut from: impl Read, to: &mut impl Write) -> io::Result<Vec<u8>> {
    let mut held = Vec::new();
    let mut telling = false;
    let mut buffer = [0; 4096];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(held);
        }
        held.extend_from_slice(&buffer[..count]);
        telling = telling
            || TELLING
                .iter()
                .any(|word| held.windows(word.len()).any(|found| found == *word));
        if telling {
            to.write_all(&held)?;
            to.flush()?;
            held.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_with_an_index() {
        assert_eq!("cpu".parse::<Device>().unwrap(), Device::Cpu);
        assert_eq!("cuda:1".parse::<Device>().unwrap().feature(), Some("cuda"));
        assert_eq!("metal".parse::<Device>().unwrap(), Device::Metal);
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cpu:0"] {
            assert!(wrong.parse::<Device>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_up_to_date_build_is_silent() {
        let mut shown = Vec::new();
        let held =
            forward_when_telling(&b"    Finished `release` profile\n"[..], &mut shown).unwrap();
        assert!(shown.is_empty() && held.starts_with(b"    Finished"));
    }

    #[test]
    fn compilation_is_shown_from_its_start() {
        let said = b"   Compiling kiti v0.1.0\n    Finished `release` profile\n";
        let mut shown = Vec::new();
        let held = forward_when_telling(&said[..], &mut shown).unwrap();
        assert!(held.is_empty());
        assert_eq!(shown, said);
    }

    #[test]
    fn kiti_lies_beside_in_the_release_folder() {
        let found = program_beside(Path::new("/w/target/debug/xtask")).unwrap();
        assert!(found.starts_with("/w/target/release"));
    }
}

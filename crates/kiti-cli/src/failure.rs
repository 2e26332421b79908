//! How a command ends when it does not end well: a message and an exit code.

use std::fmt;

/// Why a command stopped.
#[derive(Debug)]
pub enum Failure {
    /// The request cannot be served: wrong usage, bad input, a device that is not there. Exit code 2.
    Refused(String),
    /// The work began and did not succeed. Exit code 1.
    Failed(String),
    /// The user stopped it; the message says how to go on. Exit code 130.
    Interrupted(String),
}

/// Result of a command.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A refusal.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused(message.into())
    }

    /// A failure.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Refused(_) => 2,
            Self::Interrupted(_) => 130,
        }
    }
}

impl From<kiti_data::Error> for Failure {
    fn from(error: kiti_data::Error) -> Self {
        use kiti_data::Error;
        let message = error.to_string();
        match error {
            Error::Io { source, .. } => Self::of_io(source.kind(), message),
            Error::StorageFull { .. }
            | Error::Fetch { .. }
            | Error::LoaderStopped { .. }
            | Error::Diverged { .. }
            | Error::NotConverged { .. }
            | Error::Tensor(_) => Self::Failed(message),
            _ => Self::Refused(message),
        }
    }
}

impl From<kiti_models::Error> for Failure {
    fn from(error: kiti_models::Error) -> Self {
        use kiti_models::Error;
        let message = error.to_string();
        match error {
            Error::Data(error) => error.into(),
            Error::Io { source, .. } => Self::of_io(source.kind(), message),
            Error::NotFinite { .. } | Error::Candle(_) => Self::Failed(message),
            _ => Self::Refused(message),
        }
    }
}

impl From<kiti_kinetics::gas::GasError> for Failure {
    fn from(error: kiti_kinetics::gas::GasError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<candle::Error> for Failure {
    fn from(error: candle::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Failure {
    /// A file that is not there or not readable is bad input; anything else went wrong while working.
    fn of_io(kind: std::io::ErrorKind, message: String) -> Self {
        use std::io::ErrorKind;
        match kind {
            ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::InvalidInput => Self::Refused(message),
            _ => Self::Failed(message),
        }
    }

    /// What went wrong with the file or folder at `path` while doing `action` to it.
    pub fn io(path: &std::path::Path, action: &str, error: &std::io::Error) -> Self {
        Self::of_io(
            error.kind(),
            format!("{}: cannot {action}: {error}", path.display()),
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(message) | Self::Failed(message) | Self::Interrupted(message)) = self;
        f.write_str(without_stack(message))
    }
}

/// Candle's errors end in the stack of their origin where RUST_BACKTRACE is set; it tells a user nothing.
fn without_stack(message: &str) -> &str {
    match message.find("\n   0: ") {
        Some(stack) => &message[..stack],
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_without_the_stack_of_its_origin() {
        let message = "7 does not divide 256\n   0: candle_core::error::Error::bt\n   1: main";
        assert_eq!(
            Failure::refused(message).to_string(),
            "7 does not divide 256"
        );
        assert_eq!(Failure::failed("a\nb").to_string(), "a\nb");
    }
}

//! Standard output that may go away: a closed pipe ends the program quietly, a full disk with a message.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Writes a line to standard output.
pub fn line(text: impl Display) {
    let mut stdout = std::io::stdout().lock();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: standard output: cannot write: {error}");
            std::process::exit(1);
        }
    }
}

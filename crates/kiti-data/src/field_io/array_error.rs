//! What can be wrong with a stored array, before it is said of which file.

use std::io;
use std::path::Path;

use crate::Error;

/// What is wrong with an array whose place the parser does not know.
pub(crate) enum ArrayError {
    /// Expected and found.
    Malformed(String, String),
    /// The type of the elements.
    Unsupported(String),
    /// Not enough memory for so many bytes.
    TooLarge(u128),
    /// The operating system's.
    Io(io::Error),
}

impl ArrayError {
    pub(crate) fn malformed(expected: impl Into<String>, found: impl Into<String>) -> Self {
        ArrayError::Malformed(expected.into(), found.into())
    }

    /// The error of the array `array` in the file `path`.
    pub(crate) fn located(self, path: &Path, array: &str) -> Error {
        let (path, array) = (path.to_owned(), array.to_owned());
        match self {
            ArrayError::Malformed(expected, found) => Error::Malformed {
                path,
                array: Some(array),
                expected,
                found,
            },
            ArrayError::Unsupported(found) => Error::UnsupportedElements { path, array, found },
            ArrayError::TooLarge(bytes) => Error::TooLarge {
                what: format!("{}, array {array:?}", path.display()),
                bytes,
            },
            ArrayError::Io(source) => Error::io("read", path, source),
        }
    }
}

impl From<io::Error> for ArrayError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                ArrayError::malformed("more bytes", "the end of the file")
            }
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                ArrayError::malformed("intact data", error.to_string())
            }
            _ => ArrayError::Io(error),
        }
    }
}

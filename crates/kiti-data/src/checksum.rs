//! Digests of a file, read once in pieces.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// Size in bytes and SHA-256 (hexadecimal) of a file.
pub(crate) fn of_file(path: &Path) -> Result<(u64, String)> {
    digest(path, Sha256::new())
}

/// Git's name (SHA-1 of length and content, hexadecimal) of a file's content.
pub(crate) fn git_blob(path: &Path) -> Result<String> {
    let metadata = std::fs::metadata(path).map_err(|source| Error::io("look at", path, source))?;
    let header = format!("blob {}\0", metadata.len());
    Ok(digest(path, Sha1::new_with_prefix(header))?.1)
}

/// Size in bytes of a file, and the digest that its content ends.
fn digest(path: &Path, mut hash: impl Digest) -> Result<(u64, String)> {
    let failed = |source| Error::io("read", path, source);
    let mut file = File::open(path).map_err(failed)?;
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Ok((bytes, hexadecimal(&hash.finalize())));
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
}

/// SHA-256 (hexadecimal) of a text.
pub(crate) fn of_text(text: &str) -> String {
    of_bytes(text.as_bytes())
}

/// SHA-256 (hexadecimal) of bytes.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    /// Known answer of FIPS 180-2, appendix B.1.
    #[test]
    fn known_answer() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(super::of_text("abc"), expected);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        assert_eq!(
            super::of_file(file.path()).unwrap(),
            (3, expected.to_owned())
        );
        // `printf abc | git hash-object --stdin`
        let expected = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f";
        assert_eq!(super::git_blob(file.path()).unwrap(), expected);
    }
}

//! The files of a folder, a tar or a zip archive, one after the other: nothing is unpacked to disk.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::{Error, Result};

/// The largest uncompressed content that is read out of one archive: more is taken for a bomb.
const LARGEST_CONTENT: u64 = 8 << 30;

/// How the files of a data set are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Folder,
    Tar,
    GzippedTar,
    Zip,
}

impl Packing {
    /// The packing that a path has by its name; none for any other file.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        if path.is_dir() {
            return Some(Self::Folder);
        }
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
            Some(Self::GzippedTar)
        } else if name.ends_with(".tar") {
            Some(Self::Tar)
        } else if name.ends_with(".zip") {
            Some(Self::Zip)
        } else {
            None
        }
    }
}

/// Hands every wanted file to `visit`: its path inside, with forward slashes, and its content.
///
/// Files come in the order of the archive, those of a folder by name. A file longer than
/// `largest` bytes is refused before it is in memory, and so is an entry that leads out of the
/// archive, is a link, or ends before its length.
pub(crate) fn visit_files(
    path: &Path,
    largest: u64,
    wanted: impl Fn(&str) -> bool,
    mut visit: impl FnMut(&str, Vec<u8>) -> Result<()>,
) -> Result<()> {
    // Files that macOS puts beside the real ones.
    let wanted = |name: &str| !hidden(name) && wanted(name);
    match Packing::of_path(path) {
        Some(Packing::Folder) => visit_folder(path, largest, &wanted, &mut visit),
        Some(Packing::Tar) => visit_tar(path, open(path)?, largest, &wanted, &mut visit),
        Some(Packing::GzippedTar) => {
            let content = MultiGzDecoder::new(open(path)?);
            visit_tar(path, content, largest, &wanted, &mut visit)
        }
        Some(Packing::Zip) => visit_zip(path, largest, &wanted, &mut visit),
        None => Err(Error::NoDataset {
            path: path.to_owned(),
            expected: "a folder, .tar, .tar.gz, .tgz or .zip".to_owned(),
            found: "another file".to_owned(),
        }),
    }
}

/// The content of a file, of at most `largest` bytes; that of a `.gz` file uncompressed.
pub(crate) fn read_file(path: &Path, largest: u64) -> Result<Vec<u8>> {
    let file = open(path)?;
    let gzipped = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let content: Box<dyn Read> = if gzipped {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let name = path.to_string_lossy();
    read_limited(path, &name, content, largest)
}

/// The content of a file of an archive, uncompressed where its name ends in `.gz`.
pub(crate) fn uncompressed(
    path: &Path,
    name: &str,
    content: Vec<u8>,
    largest: u64,
) -> Result<Vec<u8>> {
    if !name.to_ascii_lowercase().ends_with(".gz") {
        return Ok(content);
    }
    read_limited(path, name, MultiGzDecoder::new(&content[..]), largest)
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
    Ok(BufReader::with_capacity(1 << 18, file))
}

/// The files below a folder, by name.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::io("list", folder, source);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // Links to files are followed, those to folders not: a circle of them would have no end.
        entries.push((entry.path(), entry.file_type().map_err(failed)?.is_dir()));
    }
    entries.sort();
    let mut files = Vec::new();
    for (entry, is_folder) in entries {
        if is_folder {
            files.extend(files_below(&entry)?);
        } else if entry.is_file() {
            files.push(entry);
        }
    }
    Ok(files)
}

type Wanted<'a> = &'a dyn Fn(&str) -> bool;
type Visit<'a> = &'a mut dyn FnMut(&str, Vec<u8>) -> Result<()>;

fn visit_folder(root: &Path, largest: u64, wanted: Wanted<'_>, visit: Visit<'_>) -> Result<()> {
    for file in files_below(root)? {
        let inside = file.strip_prefix(root).unwrap_or(&file);
        let name = inside.to_string_lossy().replace('\\', "/");
        if wanted(&name) {
            let content = read_limited(&file, &name, open(&file)?, largest)?;
            visit(&name, content)?;
        }
    }
    Ok(())
}

fn visit_tar(
    path: &Path,
    content: impl Read,
    largest: u64,
    wanted: Wanted<'_>,
    visit: Visit<'_>,
) -> Result<()> {
    let bounded = Bounded {
        inner: content,
        left: LARGEST_CONTENT,
    };
    let mut archive = tar::Archive::new(bounded);
    let failed = |source| unreadable(path, "a tar archive", source);
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        if kind.is_symlink() || kind.is_hard_link() || leads_out(Path::new(&name)) {
            return Err(climbs_out(path, &name));
        }
        let name = name.trim_start_matches("./");
        if !kind.is_file() || !wanted(name) {
            continue;
        }
        let length = entry.size();
        if length > largest {
            return Err(too_long(path, name, largest));
        }
        let content = read_limited(path, name, &mut entry, largest)?;
        if content.len() as u64 != length {
            return Err(truncated(path, name, length, content.len()));
        }
        visit(name, content)?;
    }
    Ok(())
}

fn visit_zip(path: &Path, largest: u64, wanted: Wanted<'_>, visit: Visit<'_>) -> Result<()> {
    let damaged = |error: zip::result::ZipError| malformed(path, "a zip archive", error);
    let mut archive = zip::ZipArchive::new(open(path)?).map_err(damaged)?;
    let mut left = LARGEST_CONTENT;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.replace('\\', "/");
        if entry.is_dir() {
            continue;
        }
        if entry.is_symlink() || leads_out(Path::new(&name)) {
            return Err(climbs_out(path, &name));
        }
        if wanted(&name) {
            let content = read_limited(path, &name, &mut entry, largest.min(left))?;
            left -= content.len() as u64;
            visit(&name, content)?;
        }
    }
    Ok(())
}

/// Reads to the end, whatever a header claims, and never more than `largest` bytes.
fn read_limited(path: &Path, name: &str, content: impl Read, largest: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    content
        .take(largest + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| unreadable(path, "a whole file", source))?;
    if bytes.len() as u64 > largest {
        return Err(too_long(path, name, largest));
    }
    Ok(bytes)
}

fn too_long(path: &Path, name: &str, largest: u64) -> Error {
    Error::Malformed {
        path: path.to_owned(),
        array: None,
        expected: format!("{name} of at most {largest} bytes"),
        found: "more".to_owned(),
    }
}

/// A reader that ends in an error beyond a number of bytes.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("more than {LARGEST_CONTENT} uncompressed bytes"),
                ));
            }
        }
        Ok(read)
    }
}

fn hidden(name: &str) -> bool {
    name.split('/')
        .any(|part| part.starts_with("._") || part == "__MACOSX")
}

fn leads_out(path: &Path) -> bool {
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    !path.components().all(inside)
}

fn climbs_out(path: &Path, name: &str) -> Error {
    Error::Malformed {
        path: path.to_owned(),
        array: None,
        expected: "plain files inside the archive's own folder".to_owned(),
        found: format!("the entry {name:?}, which is a link or leads out of it"),
    }
}

fn truncated(path: &Path, name: &str, length: u64, found: usize) -> Error {
    Error::Malformed {
        path: path.to_owned(),
        array: None,
        expected: format!("{name} of {length} bytes"),
        found: format!("its end after {found}"),
    }
}

fn malformed(path: &Path, expected: &str, error: impl std::fmt::Display) -> Error {
    Error::Malformed {
        path: path.to_owned(),
        array: None,
        expected: expected.to_owned(),
        found: error.to_string(),
    }
}

/// A failure of the disk is one; anything else that a decoder reports is the file's fault.
fn unreadable(path: &Path, expected: &str, source: io::Error) -> Error {
    use io::ErrorKind;
    match source.kind() {
        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::OutOfMemory => {
            Error::io("read", path, source)
        }
        ErrorKind::UnexpectedEof => {
            malformed(path, expected, "the end of the file before its time")
        }
        _ => malformed(path, expected, source),
    }
}

#[cfg(test)]
mod tests;

//! Files over HTTP whose size and checksum are known.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::DownloadObserver;
use super::retry::{RetryPolicy, may_pass};
use crate::cache::lock;
use crate::{Error, Result, checksum};

/// A file that is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Where it is.
    pub url: String,
    /// Its name on disk.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// The file in `directory`, fetched if it is not there yet.
///
/// A file that is there has been verified when it arrived and is taken by its size. Bytes that came before a
/// connection broke stay in `NAME.partial` and are gone on with, also by a later call; processes that want the same file
/// wait for each other.
///
/// # Errors
/// [`Error::Fetch`] where the server refuses or does not deliver; [`Error::Checksum`] where it delivers something else, of
/// which nothing is kept; [`Error::StorageFull`], [`Error::Io`].
pub fn download(
    file: &RemoteFile,
    directory: &Path,
    policy: RetryPolicy,
    observer: DownloadObserver<'_>,
) -> Result<PathBuf> {
    fs::create_dir_all(directory)
        .map_err(|source| Error::io("create the folder", directory, source))?;
    let path = directory.join(&file.name);
    let partial = directory.join(format!("{}.partial", file.name));
    let _lock = lock(&directory.join(format!("{}.lock", file.name)))?;
    if fs::metadata(&path).is_ok_and(|found| found.len() == file.bytes) {
        return Ok(path);
    }
    let mut attempt = 0;
    while let Err(failure) = receive(file, &partial, observer) {
        let reason = match failure {
            Failure::Passing(reason) => reason,
            Failure::Final(error) => return Err(error),
        };
        let Some(pause) = policy.pause(attempt) else {
            return Err(fetch_error(&file.url, reason));
        };
        std::thread::sleep(pause);
        attempt += 1;
    }
    let (bytes, sha256) = checksum::of_file(&partial)?;
    if (bytes, &sha256) != (file.bytes, &file.sha256) {
        // Going on with it would never make it right.
        let _ = fs::remove_file(&partial);
        return Err(Error::Checksum {
            path,
            expected: format!("{} bytes with SHA-256 {}", file.bytes, file.sha256),
            found: format!("{bytes} with {sha256}"),
        });
    }
    fs::rename(&partial, &path).map_err(|source| Error::io("write", &path, source))?;
    Ok(path)
}

enum Failure {
    /// It may work later, for this reason not now.
    Passing(String),
    Final(Error),
}

/// Appends what is missing of the file.
fn receive(
    file: &RemoteFile,
    partial: &Path,
    observer: DownloadObserver<'_>,
) -> std::result::Result<(), Failure> {
    let disk = |source| Failure::Final(Error::io("write", partial, source));
    let mut target = File::options()
        .create(true)
        .append(true)
        .open(partial)
        .map_err(disk)?;
    let mut there = target.metadata().map_err(disk)?.len();
    if there > file.bytes {
        target.set_len(0).map_err(disk)?;
        there = 0;
    }
    if there == file.bytes {
        return Ok(());
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_per_read(Some(Duration::from_secs(60)))
        .build()
        .into();
    let mut request = agent.get(&file.url);
    if there > 0 {
        request = request.header("Range", format!("bytes={there}-"));
    }
    let response = request.call().map_err(|error| {
        if may_pass(&error) {
            Failure::Passing(error.to_string())
        } else {
            Failure::Final(fetch_error(&file.url, error.to_string()))
        }
    })?;
    if there > 0 && response.status() != 206 {
        // The server sends the whole file whatever is asked for.
        target.set_len(0).map_err(disk)?;
        there = 0;
    }
    // One byte more than is wanted tells a longer file.
    let mut content = response
        .into_body()
        .into_reader()
        .take(file.bytes - there + 1);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match content.read(&mut buffer) {
            Ok(0) if there < file.bytes => {
                return Err(Failure::Passing(format!("it ended after {there} bytes")));
            }
            Ok(0) => return target.sync_all().map_err(disk),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::Passing(error.to_string())),
        };
        target.write_all(&buffer[..read]).map_err(disk)?;
        there += read as u64;
        observer(&file.name, there, file.bytes);
    }
}

fn fetch_error(url: &str, reason: String) -> Error {
    let remedy = if reason.contains("404") || reason.contains("410") {
        "it is not there any more: fetch the file by other means and name its path"
    } else {
        "try again later, or fetch the file by other means and name its path"
    };
    Error::Fetch {
        url: url.to_owned(),
        reason,
        remedy,
    }
}

//! The Hugging Face Hub, through its own client and into its own cache.

use std::fs;
use std::path::{Path, PathBuf};

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};

use super::DownloadObserver;
use super::retry::{RetryPolicy, may_pass};
use crate::cache::lock;
use crate::{Error, Result, atomic_file, checksum};

/// What a repository holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepoKind {
    /// A model.
    Model,
    /// A data set.
    Dataset,
}

/// Where the Hub is and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSettings {
    /// Its address.
    pub endpoint: String,
    /// Folder of the cache, laid out as `huggingface_hub` lays it out (`models--ORG--NAME/snapshots/...`).
    pub cache: PathBuf,
    /// Token that is sent with requests.
    pub token: Option<String>,
    /// Whether only the cache is used.
    pub offline: bool,
    /// When failures are tried again.
    pub retry: RetryPolicy,
}

impl HubSettings {
    /// What the environment says, as for `huggingface_hub`: `HF_ENDPOINT`; `HF_HUB_CACHE`, otherwise `hub` in `HF_HOME`
    /// (`~/.cache/huggingface`); `HF_TOKEN`, otherwise the file `token` in `HF_HOME`; `HF_HUB_OFFLINE`.
    ///
    /// # Errors
    /// [`Error::NoCacheDirectory`] without any of `HF_HUB_CACHE`, `HF_HOME` and a home directory.
    pub fn from_environment() -> Result<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = variable("HF_HOME").map(PathBuf::from).or_else(|| {
            let base = directories::BaseDirs::new()?;
            Some(base.home_dir().join(".cache/huggingface"))
        });
        let cache = variable("HF_HUB_CACHE")
            .map(PathBuf::from)
            .or_else(|| Some(home.as_ref()?.join("hub")))
            .ok_or(Error::NoCacheDirectory)?;
        let stored = || {
            let text = fs::read_to_string(home.as_ref()?.join("token")).ok()?;
            Some(text.trim().to_owned()).filter(|token| !token.is_empty())
        };
        let offline = variable("HF_HUB_OFFLINE")
            .unwrap_or_default()
            .to_lowercase();
        Ok(Self {
            endpoint: variable("HF_ENDPOINT")
                .unwrap_or_else(|| "https://huggingface.co".to_owned())
                .trim_end_matches('/')
                .to_owned(),
            cache,
            token: variable("HF_TOKEN")
                .map(|token| token.trim().to_owned())
                .or_else(stored),
            offline: ["1", "true", "yes", "on"].contains(&offline.as_str()),
            retry: RetryPolicy::default(),
        })
    }
}

/// Access to the Hub's repositories.
///
/// A file that is in the cache is used as it is, without a look at the network. Any other is fetched by the `hf-hub`
/// client into a folder beside the cache, compared with the checksum that the Hub names it by (SHA-256 of large files,
/// git's SHA-1 of small ones), and only then moved into the cache: a broken connection, a file that changed on the way or
/// a server that sends something else never leaves a wrong file there. Processes that want the same repository wait for
/// each other.
///
/// ```no_run
/// use kiti_data::fetch::{Hub, HubSettings, RepoKind};
///
/// let hub = Hub::new(HubSettings::from_environment()?);
/// let config = hub.file(RepoKind::Model, "prajjwal1/bert-tiny", "main", "config.json", &|_, _, _| {})?;
/// println!("{}", std::fs::read_to_string(config)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hub {
    settings: HubSettings,
}

impl Hub {
    /// Access with these settings; nothing is sent yet.
    pub fn new(settings: HubSettings) -> Self {
        Self { settings }
    }

    /// Path of a file of a repository's revision (a branch, tag or commit) in the cache.
    ///
    /// # Errors
    /// [`Error::Hub`]: no such repository, revision or file; a token that is missing or refused; a server that stays busy or
    /// broken; content that stays another than its checksum says; offline, a file that is not in the cache.
    pub fn file(
        &self,
        kind: RepoKind,
        id: &str,
        revision: &str,
        file: &str,
        observer: DownloadObserver<'_>,
    ) -> Result<PathBuf> {
        let place = Place::new(kind, id, revision, file)?;
        let cache = Cache::new(self.settings.cache.clone());
        if let Some(path) = place.cached(&cache) {
            return Ok(path);
        }
        if self.settings.offline {
            return Err(place.error(
                &self.settings,
                "it is not in the cache, and HF_HUB_OFFLINE allows no other place".to_owned(),
                "unset HF_HUB_OFFLINE, or set HF_HOME to a cache that has it",
            ));
        }
        // Beside the repositories, so that a move is a rename.
        let staging = self.settings.cache.join(".kiti-staging");
        fs::create_dir_all(&staging)
            .map_err(|source| Error::io("create the folder", &staging, source))?;
        let lock_name = format!("{}.lock", place.repo.folder_name());
        let _lock = lock(&staging.join(lock_name))?;
        if let Some(path) = place.cached(&cache) {
            return Ok(path);
        }
        let staged = Cache::new(staging);
        let api = self.api(&staged)?;
        let mut attempt = 0;
        loop {
            let failure = match self.fetch(&api, &staged, &place, observer) {
                Ok(arrived) => return place.publish(&arrived, &cache),
                Err(failure) => failure,
            };
            let pause = match &failure {
                Failure::Passing(_) => self.settings.retry.pause(attempt),
                Failure::Final(..) => None,
            };
            let Some(pause) = pause else {
                return Err(match failure {
                    Failure::Passing(reason) => {
                        let remedy = "try again later; what has arrived is gone on with";
                        place.error(&self.settings, reason, remedy)
                    }
                    Failure::Final(reason, remedy) => place.error(&self.settings, reason, remedy),
                });
            };
            std::thread::sleep(pause);
            attempt += 1;
        }
    }

    /// Names of the files of a repository's revision: those that the Hub lists, or offline those in the cache.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn list(&self, kind: RepoKind, id: &str, revision: &str) -> Result<Vec<String>> {
        let place = Place::new(kind, id, revision, "config.json")?;
        if self.settings.offline {
            let cache = Cache::new(self.settings.cache.clone());
            let Some(snapshot) = place.snapshot(&cache) else {
                let reason = "it is not in the cache, and HF_HUB_OFFLINE allows no other place";
                let remedy = "unset HF_HUB_OFFLINE, or set HF_HOME to a cache that has it";
                return Err(place.error(&self.settings, reason.to_owned(), remedy));
            };
            let files = crate::archive::files_below(&snapshot)?;
            let name = |file: &PathBuf| {
                let inside = file.strip_prefix(&snapshot).unwrap_or(file);
                inside.to_string_lossy().replace('\\', "/")
            };
            return Ok(files.iter().map(name).collect());
        }
        let api = self.api(&Cache::new(self.settings.cache.clone()))?;
        let mut attempt = 0;
        loop {
            let (reason, remedy) = match api.repo(place.repo.clone()).info() {
                Ok(info) => {
                    return Ok(info
                        .siblings
                        .into_iter()
                        .map(|file| file.rfilename)
                        .collect());
                }
                Err(error) => match Failure::of(error) {
                    Failure::Passing(reason) => match self.settings.retry.pause(attempt) {
                        Some(pause) => {
                            std::thread::sleep(pause);
                            attempt += 1;
                            continue;
                        }
                        None => (reason, "try again later"),
                    },
                    Failure::Final(reason, remedy) => (reason, remedy),
                },
            };
            return Err(place.error(&self.settings, reason, remedy));
        }
    }

    fn api(&self, cache: &Cache) -> Result<Api> {
        // Its own repetitions would go on from the beginning of a file that is there in part.
        ApiBuilder::from_cache(cache.clone())
            .with_endpoint(self.settings.endpoint.clone())
            .with_token(self.settings.token.clone())
            .with_progress(false)
            .with_retries(0)
            .build()
            .map_err(|error| Error::Fetch {
                url: self.settings.endpoint.clone(),
                reason: error.to_string(),
                remedy: "look at HF_ENDPOINT",
            })
    }

    /// One attempt: the file in the staging folder, verified.
    fn fetch(
        &self,
        api: &Api,
        staged: &Cache,
        place: &Place,
        observer: DownloadObserver<'_>,
    ) -> std::result::Result<Arrived, Failure> {
        let progress = Observed {
            observer,
            file: &place.file,
            there: 0,
            all: 0,
        };
        let repo = api.repo(place.repo.clone());
        let pointer = match repo.download_with_progress(&place.file, progress) {
            Ok(pointer) => pointer,
            Err(error) => {
                let failure = Failure::of(error);
                if matches!(&failure, Failure::Passing(reason) if reason.contains(OUT_OF_RANGE)) {
                    place.clear(staged);
                }
                return Err(failure);
            }
        };
        let snapshots = staged
            .path()
            .join(place.repo.folder_name())
            .join("snapshots");
        let commit = pointer
            .strip_prefix(&snapshots)
            .ok()
            .and_then(|inside| inside.components().next())
            .map(|commit| commit.as_os_str().to_string_lossy().into_owned());
        let blob = fs::canonicalize(&pointer);
        let (Some(commit), Ok(blob)) = (commit, blob) else {
            place.clear(staged);
            return Err(Failure::Passing(
                "the client's folder is not as expected".to_owned(),
            ));
        };
        let etag = blob
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let matches = verify(&blob, &etag);
        match matches {
            Ok(true) => Ok(Arrived { blob, etag, commit }),
            Ok(false) => {
                place.clear(staged);
                let reason = format!("its content is not what the checksum {etag} says");
                Err(Failure::Passing(reason))
            }
            Err(error) => Err(Failure::Final(error.to_string(), "look at the disk")),
        }
    }
}

/// The status of a server that is asked for bytes beyond a file's end: the rest of it had arrived already.
const OUT_OF_RANGE: &str = "416";

/// Whether a file is what its checksum says; true for one that is named by something else.
fn verify(path: &Path, etag: &str) -> Result<bool> {
    let is_hash = etag.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(match etag.len() {
        64 if is_hash => checksum::of_file(path)?.1 == etag,
        40 if is_hash => checksum::git_blob(path)? == etag,
        _ => true,
    })
}

enum Failure {
    /// It may work later, for this reason not now.
    Passing(String),
    /// Reason and remedy.
    Final(String, &'static str),
}

impl Failure {
    fn of(error: ApiError) -> Self {
        let reason = error.to_string();
        let ApiError::RequestError(request) = &error else {
            return match error {
                ApiError::IoError(ref source) if is_of_the_disk(source) => {
                    Self::Final(reason, "look at the disk that HF_HOME is on")
                }
                ApiError::IoError(_)
                | ApiError::TooManyRetries(_)
                | ApiError::LockAcquisition(_) => Self::Passing(reason),
                // More is there than the file has: the file was another when it began to arrive.
                ApiError::InvalidResume => Self::Passing(format!("{OUT_OF_RANGE}: {reason}")),
                _ => Self::Final(reason, "look at HF_ENDPOINT: is it a Hub?"),
            };
        };
        match **request {
            ureq::Error::StatusCode(401 | 403) => Self::Final(
                reason,
                "set HF_TOKEN to a token that may read it, accept the repository's terms, or correct its name",
            ),
            ureq::Error::StatusCode(404) => Self::Final(
                reason,
                "correct the name of repository, revision or file; a private one needs HF_TOKEN",
            ),
            ureq::Error::StatusCode(416) => Self::Passing(reason),
            ref error if may_pass(error) => Self::Passing(reason),
            _ => Self::Final(reason, "look at the connection and at HF_ENDPOINT"),
        }
    }
}

fn is_of_the_disk(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::NotFound
    )
}

/// A file in the staging folder.
struct Arrived {
    blob: PathBuf,
    etag: String,
    commit: String,
}

/// A file of a revision of a repository.
struct Place {
    repo: Repo,
    id: String,
    file: String,
}

impl Place {
    fn new(kind: RepoKind, id: &str, revision: &str, file: &str) -> Result<Self> {
        let plain = |text: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            text.split('/').all(|part| {
                !part.is_empty()
                    && part.bytes().all(allowed)
                    && !part.bytes().all(|byte| byte == b'.')
            })
        };
        let refuse = |key, found: &str, expected| {
            Err(Error::Setting {
                key,
                found: format!("{found:?}"),
                expected,
            })
        };
        if !plain(id) || id.split('/').count() > 2 {
            return refuse(
                "repository",
                id,
                "ORGANISATION/NAME as on the Hub, or the path of a folder",
            );
        }
        if !plain(revision) {
            return refuse("revision", revision, "a branch, a tag or a commit");
        }
        if !plain(file) {
            return refuse("file", file, "the path of a file in the repository");
        }
        let kind = match kind {
            RepoKind::Model => RepoType::Model,
            RepoKind::Dataset => RepoType::Dataset,
        };
        Ok(Self {
            repo: Repo::with_revision(id.to_owned(), kind, revision.to_owned()),
            id: id.to_owned(),
            file: file.to_owned(),
        })
    }

    /// The folder of the revision in a cache, where it is known there.
    fn snapshot(&self, cache: &Cache) -> Option<PathBuf> {
        let folder = cache.path().join(self.repo.folder_name());
        let reference = fs::read_to_string(folder.join("refs").join(self.repo.revision()));
        let commit = reference.unwrap_or_else(|_| self.repo.revision().to_owned());
        let snapshot = folder.join("snapshots").join(commit.trim());
        snapshot.is_dir().then_some(snapshot)
    }

    fn cached(&self, cache: &Cache) -> Option<PathBuf> {
        let path = self.snapshot(cache)?.join(&self.file);
        path.is_file().then_some(path)
    }

    /// Forgets what has arrived of the repository in the staging folder.
    fn clear(&self, staged: &Cache) {
        // What cannot be removed fails its checksum again.
        let _ = fs::remove_dir_all(staged.path().join(self.repo.folder_name()));
    }

    /// Moves a verified file into the cache: content, name in the snapshot, then the revision's commit.
    fn publish(&self, arrived: &Arrived, cache: &Cache) -> Result<PathBuf> {
        let folder = cache.path().join(self.repo.folder_name());
        let pointer = folder
            .join("snapshots")
            .join(&arrived.commit)
            .join(&self.file);
        let blob = folder.join("blobs").join(&arrived.etag);
        let reference = folder.join("refs").join(self.repo.revision());
        for path in [&pointer, &blob, &reference] {
            let parent = path.parent().unwrap_or(path);
            fs::create_dir_all(parent)
                .map_err(|source| Error::io("create the folder", parent, source))?;
        }
        fs::rename(&arrived.blob, &blob).map_err(|source| Error::io("write", &blob, source))?;
        link(&blob, &pointer, &folder).map_err(|source| Error::io("write", &pointer, source))?;
        atomic_file::write(&reference, |file| {
            std::io::Write::write_all(file, arrived.commit.as_bytes())
        })?;
        self.clear(&Cache::new(cache.path().join(".kiti-staging")));
        Ok(pointer)
    }

    fn error(&self, settings: &HubSettings, reason: String, remedy: &'static str) -> Error {
        Error::Hub {
            repository: format!("{}/{}", settings.endpoint, self.id),
            revision: self.repo.revision().to_owned(),
            file: self.file.clone(),
            reason,
            remedy,
        }
    }
}

/// Makes `pointer` lead to `blob`, by a relative link as the Hub's own clients have it.
#[cfg(unix)]
fn link(blob: &Path, pointer: &Path, folder: &Path) -> std::io::Result<()> {
    let depth = pointer
        .strip_prefix(folder)
        .map_or(0, |inside| inside.components().count() - 1);
    let mut target: PathBuf = std::iter::repeat_n("..", depth).collect();
    target.push("blobs");
    target.push(blob.file_name().unwrap_or_default());
    match fs::remove_file(pointer) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::symlink(target, pointer)
}

/// Where links need a privilege, a copy.
#[cfg(not(unix))]
fn link(blob: &Path, pointer: &Path, _folder: &Path) -> std::io::Result<()> {
    fs::copy(blob, pointer).map(|_| ())
}

/// Tells an observer what the client reports.
struct Observed<'a> {
    observer: DownloadObserver<'a>,
    file: &'a str,
    there: u64,
    all: u64,
}

impl Progress for Observed<'_> {
    fn init(&mut self, size: usize, _filename: &str) {
        self.all = size as u64;
        self.there = 0;
    }

    fn update(&mut self, size: usize) {
        self.there += size as u64;
        (self.observer)(self.file, self.there, self.all);
    }

    fn finish(&mut self) {}
}

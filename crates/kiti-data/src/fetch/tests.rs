//! The real client against a server on this machine.

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use server::{COMMIT, Fault, Server, sha256};

use super::*;
use crate::{Error, Result};

const SMALL: &[u8] = b"{\"model_type\": \"bert\"}";

fn large() -> Vec<u8> {
    (0..300_000u32).map(|at| (at * 7 % 251) as u8).collect()
}

fn server() -> Server {
    Server::start(&[
        ("config.json", SMALL, false),
        ("model.safetensors", &large(), true),
    ])
}

fn settings(endpoint: String, cache: &Path) -> HubSettings {
    HubSettings {
        endpoint,
        cache: cache.to_owned(),
        token: None,
        offline: false,
        retry: RetryPolicy {
            retries: 3,
            first_pause: Duration::from_millis(1),
        },
    }
}

fn file(settings: &HubSettings, name: &str) -> Result<PathBuf> {
    let hub = Hub::new(settings.clone());
    hub.file(RepoKind::Model, "org/model", "main", name, &|_, _, _| {})
}

/// Files in the cache under their names; what waits beside it does not count.
fn cached(cache: &Path) -> Vec<PathBuf> {
    let snapshots = cache.join("models--org--model/snapshots");
    if !snapshots.is_dir() {
        return Vec::new();
    }
    crate::archive::files_below(&snapshots).unwrap()
}

#[test]
fn small_and_large_files_are_fetched_once_into_the_hubs_layout() {
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    let mut settings = settings(server.url(), directory.path());
    for (name, content) in [
        ("config.json", SMALL.to_vec()),
        ("model.safetensors", large()),
    ] {
        let path = file(&settings, name).unwrap();
        assert_eq!(fs::read(&path).unwrap(), content);
        assert_eq!(
            path,
            directory
                .path()
                .join("models--org--model/snapshots")
                .join(COMMIT)
                .join(name)
        );
    }
    let blob = directory
        .path()
        .join("models--org--model/blobs")
        .join(sha256(&large()));
    assert_eq!(fs::read(blob).unwrap(), large());
    // The client's own reader finds them, too.
    let cache = hf_hub::Cache::new(directory.path().to_owned());
    assert!(
        cache
            .model("org/model".to_owned())
            .get("model.safetensors")
            .is_some()
    );

    server.requests();
    settings.offline = true;
    file(&settings, "model.safetensors").unwrap();
    let names = Hub::new(settings.clone()).list(RepoKind::Model, "org/model", "main");
    assert_eq!(names.unwrap(), ["config.json", "model.safetensors"]);
    assert!(server.requests().is_empty());
    let message = file(&settings, "tokenizer.json").unwrap_err().to_string();
    assert!(
        message.contains("HF_HUB_OFFLINE") && message.contains("tokenizer.json"),
        "{message}"
    );
    settings.offline = false;
    let names = Hub::new(settings).list(RepoKind::Model, "org/model", "main");
    assert_eq!(names.unwrap().len(), 2);
}

#[test]
fn what_passes_is_tried_again_and_what_has_come_is_kept() {
    for status in [429, 500, 503] {
        let (server, directory) = (server(), tempfile::tempdir().unwrap());
        server.change(|state| state.statuses.extend([status, status]));
        let path = file(&settings(server.url(), directory.path()), "config.json").unwrap();
        assert_eq!(fs::read(path).unwrap(), SMALL);
    }
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    server.change(|state| {
        state
            .faults
            .extend([Fault::Cut(100_000), Fault::Cut(50_000)])
    });
    let path = file(
        &settings(server.url(), directory.path()),
        "model.safetensors",
    )
    .unwrap();
    assert_eq!(fs::read(path).unwrap(), large());
    let ranges: Vec<String> = server
        .requests()
        .into_iter()
        .map(|(_, range)| range)
        .collect();
    for range in ["bytes=100000-", "bytes=150000-"] {
        assert!(ranges.iter().any(|found| found == range), "{ranges:?}");
    }
}

/// A later process goes on where an earlier one gave up.
#[test]
fn an_interrupted_download_is_resumed_by_another_call() {
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    let mut settings = settings(server.url(), directory.path());
    settings.retry.retries = 0;
    server.change(|state| state.faults.push_back(Fault::Cut(200_000)));
    let message = file(&settings, "model.safetensors")
        .unwrap_err()
        .to_string();
    assert!(message.contains("try again later"), "{message}");
    assert!(cached(directory.path()).is_empty());
    server.requests();
    let path = file(&settings, "model.safetensors").unwrap();
    assert_eq!(fs::read(path).unwrap(), large());
    assert!(
        server
            .requests()
            .iter()
            .any(|(_, range)| range == "bytes=200000-")
    );
}

#[test]
fn wrong_content_never_enters_the_cache() {
    // Another content, once; then a server that begins anew when asked for the rest.
    for faults in [
        vec![Fault::Changed],
        vec![Fault::Cut(100_000), Fault::IgnoredRange],
        vec![Fault::Cut(100_000), Fault::Changed],
    ] {
        let (server, directory) = (server(), tempfile::tempdir().unwrap());
        server.change(|state| state.faults.extend(faults));
        let path = file(
            &settings(server.url(), directory.path()),
            "model.safetensors",
        )
        .unwrap();
        assert_eq!(fs::read(path).unwrap(), large());
    }
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    server.change(|state| state.faults.extend(vec![Fault::Changed; 10]));
    let settings = settings(server.url(), directory.path());
    for name in ["config.json", "model.safetensors"] {
        let message = file(&settings, name).unwrap_err().to_string();
        assert!(
            message.contains("checksum") && message.contains(name),
            "{message}"
        );
    }
    assert!(cached(directory.path()).is_empty());
}

#[test]
fn refusals_say_what_to_do_and_are_not_repeated() {
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    let mut settings = settings(server.url(), directory.path());
    let message = file(&settings, "absent.json").unwrap_err().to_string();
    assert!(
        message.contains("404") && message.contains("correct the name"),
        "{message}"
    );
    assert_eq!(server.requests().len(), 1);

    server.change(|state| state.token = Some("secret".to_owned()));
    let message = file(&settings, "config.json").unwrap_err().to_string();
    assert!(
        message.contains("401") && message.contains("HF_TOKEN"),
        "{message}"
    );
    assert!(!message.contains("secret"));
    settings.token = Some("secret".to_owned());
    file(&settings, "model.safetensors").unwrap();

    server.requests();
    server.change(|state| state.statuses.extend([503; 10]));
    let message = file(&settings, "config.json").unwrap_err().to_string();
    assert!(
        message.contains("503") && message.contains("try again later"),
        "{message}"
    );
    assert_eq!(server.requests().len(), 4);
    server.change(|state| state.statuses.clear());

    settings.endpoint = "http://127.0.0.1:9".to_owned();
    settings.retry.retries = 0;
    let message = file(&settings, "config.json").unwrap_err().to_string();
    assert!(message.contains("127.0.0.1:9"), "{message}");
}

#[test]
fn names_that_are_no_names_are_refused_before_anything_is_sent() {
    let settings = settings("http://127.0.0.1:9".to_owned(), Path::new("absent"));
    let hub = Hub::new(settings);
    let observer: DownloadObserver<'_> = &|_, _, _| {};
    for (id, revision, name) in [
        ("a/b/c", "main", "x"),
        ("../up", "main", "x"),
        ("a b", "main", "x"),
        ("a/b", "", "x"),
        ("a/b", "../..", "x"),
        ("a/b", "main", "../x"),
        ("a/b", "main", "/x"),
    ] {
        let error = hub
            .file(RepoKind::Model, id, revision, name, observer)
            .unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
    }
    assert!(!Path::new("absent").exists());
}

const CHILD: &str = "KITI_TEST_HUB";

/// What [`two_processes_fetch_the_same_file_once`] starts.
#[test]
#[ignore = "started by another test"]
fn child_process() {
    let variable = std::env::var(CHILD).unwrap();
    let (endpoint, cache) = variable.split_once(' ').unwrap();
    let path = file(
        &settings(endpoint.to_owned(), Path::new(cache)),
        "model.safetensors",
    )
    .unwrap();
    assert_eq!(fs::read(path).unwrap(), large());
}

#[test]
fn two_processes_fetch_the_same_file_once() {
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    let variable = format!("{} {}", server.url(), directory.path().display());
    let children: Vec<_> = (0..2)
        .map(|_| {
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["fetch::tests::child_process", "--exact", "--ignored"])
                .env(CHILD, &variable)
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    }
    let whole = server.requests();
    let contents = whole
        .iter()
        .filter(|(path, range)| path.starts_with("/cdn/") && range == "bytes=0-");
    assert_eq!(contents.count(), 1, "{whole:?}");
}

fn remote(server: &Server, sha256: String) -> RemoteFile {
    RemoteFile {
        url: format!("{}/cdn/model.safetensors", server.url()),
        name: "data.tar.gz".to_owned(),
        bytes: 300_000,
        sha256,
    }
}

#[test]
fn many_that_want_an_archive_at_once_fetch_it_once() {
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    let file = remote(&server, sha256(&large()));
    let get = || {
        download(
            &file,
            directory.path(),
            RetryPolicy::default(),
            &|_, _, _| {},
        )
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(get)).collect();
        for thread in threads {
            let path = thread.join().unwrap().unwrap();
            assert_eq!(fs::read(path).unwrap(), large());
        }
    });
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn archives_are_resumed_verified_and_kept() {
    let policy = RetryPolicy {
        retries: 3,
        first_pause: Duration::from_millis(1),
    };
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    let good = remote(&server, sha256(&large()));
    let get = |file: &RemoteFile| download(file, directory.path(), policy, &|_, _, _| {});
    server.change(|state| {
        state.statuses.push_back(503);
        state
            .faults
            .extend([Fault::Cut(70_000), Fault::IgnoredRange]);
    });
    let path = get(&good).unwrap();
    assert_eq!(fs::read(&path).unwrap(), large());
    server.requests();
    assert_eq!(get(&good).unwrap(), path);
    assert!(server.requests().is_empty());

    fs::remove_file(&path).unwrap();
    let message = get(&remote(&server, "0".repeat(64)))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("000") && message.contains(&sha256(&large())),
        "{message}"
    );
    let longer = RemoteFile {
        bytes: 299_999,
        ..good.clone()
    };
    assert!(matches!(get(&longer).unwrap_err(), Error::Checksum { .. }));
    let absent = RemoteFile {
        url: format!("{}/nothing", server.url()),
        ..good.clone()
    };
    let message = get(&absent).unwrap_err().to_string();
    assert!(
        message.contains("404") && message.contains("by other means"),
        "{message}"
    );
    let left = crate::archive::files_below(directory.path()).unwrap();
    let names: Vec<_> = left.iter().filter_map(|path| path.file_name()).collect();
    assert!(
        !names.iter().any(|name| *name == "data.tar.gz"),
        "{names:?}"
    );
}

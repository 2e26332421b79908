//! A server on this machine that speaks the Hub's protocol, with faults on demand.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha1::{Digest, Sha1};
use sha2::Sha256;

/// What goes wrong with a request for content.
#[derive(Clone)]
pub(super) enum Fault {
    /// The connection ends after so many bytes.
    Cut(usize),
    /// The whole file is sent whatever was asked for.
    IgnoredRange,
    /// Another content of the same length is sent.
    Changed,
}

#[derive(Default)]
pub(super) struct State {
    /// Content by name, and whether it lies on another server as large files do.
    pub(super) files: BTreeMap<String, (Vec<u8>, bool)>,
    /// Answers to the next requests of any kind.
    pub(super) statuses: VecDeque<u16>,
    /// What happens to the next requests for content.
    pub(super) faults: VecDeque<Fault>,
    /// The token that is demanded.
    pub(super) token: Option<String>,
    /// Path and range of every request.
    pub(super) requests: Vec<(String, String)>,
}

pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

pub(super) struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(super) fn start(files: &[(&str, &[u8], bool)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let files = files
            .iter()
            .map(|&(name, content, large)| (name.to_owned(), (content.to_vec(), large)));
        let state = Arc::new(Mutex::new(State {
            files: files.collect(),
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        // It ends with the tests.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || answer(connection, address, &shared));
            }
        });
        Self { address, state }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    pub(super) fn requests(&self) -> Vec<(String, String)> {
        self.change(|state| std::mem::take(&mut state.requests))
    }
}

struct Request {
    path: String,
    range: String,
    token: Option<String>,
}

impl Request {
    fn read(connection: &TcpStream) -> Option<Self> {
        let mut lines = BufReader::new(connection).lines();
        let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
        let mut request = Self {
            path,
            range: String::new(),
            token: None,
        };
        for line in lines {
            let line = line.ok()?;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            match name.to_lowercase().as_str() {
                "range" => request.range = value.to_owned(),
                "authorization" => request.token = Some(value.replace("Bearer ", "")),
                _ => {}
            }
        }
        Some(request)
    }
}

fn answer(mut connection: TcpStream, address: SocketAddr, shared: &Mutex<State>) {
    let Some(request) = Request::read(&connection) else {
        return;
    };
    let mut state = shared.lock().unwrap();
    state
        .requests
        .push((request.path.clone(), request.range.clone()));
    if let Some(status) = state.statuses.pop_front() {
        return respond(&mut connection, status, &[], b"");
    }
    if state.token.is_some() && request.token != state.token && !request.path.starts_with("/cdn/") {
        return respond(&mut connection, 401, &[], b"");
    }
    if request.path.starts_with("/api/models/org/model/revision/") {
        let names = state.files.keys();
        let siblings: Vec<_> = names
            .map(|name| serde_json::json!({"rfilename": name}))
            .collect();
        let body = serde_json::json!({"sha": COMMIT, "siblings": siblings}).to_string();
        return respond(&mut connection, 200, &[], body.as_bytes());
    }
    let inside = |prefix: &str| request.path.strip_prefix(prefix).map(str::to_owned);
    let name = inside("/org/model/resolve/main/").or_else(|| inside("/cdn/"));
    let found = name
        .as_ref()
        .and_then(|name| state.files.get(name).cloned());
    let (Some(name), Some((content, large))) = (name, found) else {
        return respond(&mut connection, 404, &[], b"");
    };
    let hash = if large {
        sha256(&content)
    } else {
        git_sha1(&content)
    };
    let etag = format!("\"{hash}\"");
    if large && !request.path.starts_with("/cdn/") {
        let headers = [
            ("Location", format!("http://{address}/cdn/{name}")),
            ("X-Linked-Etag", etag),
            ("X-Linked-Size", content.len().to_string()),
            ("X-Repo-Commit", COMMIT.to_owned()),
        ];
        return respond(&mut connection, 302, &headers, b"");
    }
    let fault = match request.range.as_str() {
        "bytes=0-0" => None,
        _ => state.faults.pop_front(),
    };
    drop(state);
    send_content(&mut connection, &request.range, content, etag, fault);
}

fn send_content(
    connection: &mut TcpStream,
    range: &str,
    mut content: Vec<u8>,
    etag: String,
    fault: Option<Fault>,
) {
    let length = content.len();
    if matches!(fault, Some(Fault::Changed)) {
        content.iter_mut().for_each(|byte| *byte ^= 1);
    }
    let mut headers = vec![("ETag", etag), ("X-Repo-Commit", COMMIT.to_owned())];
    let wanted = range.strip_prefix("bytes=").and_then(|range| {
        let (first, last) = range.split_once('-')?;
        let last = last.parse().unwrap_or(length - 1);
        Some((first.parse::<usize>().ok()?, last))
    });
    let whole = matches!(fault, Some(Fault::IgnoredRange)) || wanted.is_none();
    let (first, last) = wanted.filter(|_| !whole).unwrap_or((0, length - 1));
    if first >= length {
        return respond(connection, 416, &[], b"");
    }
    if !whole {
        headers.push(("Content-Range", format!("bytes {first}-{last}/{length}")));
    }
    let status = if whole { 200 } else { 206 };
    let body = &content[first..=last];
    match fault {
        Some(Fault::Cut(bytes)) => {
            write_head(connection, status, &headers, body.len());
            let _ = connection.write_all(&body[..bytes.min(body.len())]);
        }
        _ => respond(connection, status, &headers, body),
    }
}

fn respond(connection: &mut TcpStream, status: u16, headers: &[(&str, String)], body: &[u8]) {
    write_head(connection, status, headers, body.len());
    // A client that has gone away is no failure of the server.
    let _ = connection.write_all(body);
}

fn write_head(connection: &mut TcpStream, status: u16, headers: &[(&str, String)], length: usize) {
    let mut head =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let _ = connection.write_all((head + "\r\n").as_bytes());
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn sha256(content: &[u8]) -> String {
    hexadecimal(&Sha256::digest(content))
}

fn git_sha1(content: &[u8]) -> String {
    let mut hash = Sha1::new_with_prefix(format!("blob {}\0", content.len()));
    hash.update(content);
    hexadecimal(&hash.finalize())
}

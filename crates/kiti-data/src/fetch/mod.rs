//! Files from elsewhere: over HTTP with a known checksum, and from the Hugging Face Hub.
//!
//! A file appears under its name whole and verified, or not at all. What arrived before a connection broke is kept
//! beside it and gone on with; failures that pass are tried again with pauses that double.

pub mod archive;
mod catalogue;
pub mod hub;
mod retry;

pub use archive::{RemoteFile, download};
pub use catalogue::catalogue;
pub use hub::{Hub, HubSettings, RepoKind};
pub use retry::RetryPolicy;

/// Hears of a download: its name, bytes that are there, and all of them.
pub type DownloadObserver<'a> = &'a (dyn Fn(&str, u64, u64) + Sync);

#[cfg(test)]
mod tests;

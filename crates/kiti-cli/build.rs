//! Tells the program which commit it was built from, for the record of every run.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=..");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    // Changes with every commit and checkout; a missing file would make every build run this again.
    if Path::new("../../.git/logs/HEAD").exists() {
        println!("cargo::rerun-if-changed=../../.git/logs/HEAD");
    }
    if let Some(commit) = commit() {
        println!("cargo::rustc-env=KITI_COMMIT={commit}");
    }
}

/// The short name of the commit, marked where sources have changed since; none without git or its history.
fn commit() -> Option<String> {
    let described = git(&["describe", "--always", "--abbrev=12", "--exclude=*"])?;
    let changed = git(&["status", "--porcelain", "--", "..", "../../Cargo.toml"])?;
    Some(if changed.is_empty() {
        described
    } else {
        format!("{described} with changes")
    })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

//! Rules of the house that no other tool checks.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Longer files are reported, not refused: one concept each is the aim, the number only a hint.
const LONG_FILE: usize = 400;

/// Text that must not stand in the sources, and why. Put together here so that this file passes its own check.
const FORBIDDEN: [(&str, &str); 7] = [
    (
        concat!("Tensor", "::rand"),
        "candle's generator cannot be seeded on every device; draw from kiti_kinetics::rng",
    ),
    (
        concat!(".rand", "n_like("),
        "candle's generator cannot be seeded on every device; draw from kiti_kinetics::rng",
    ),
    (concat!("TO", "DO"), "finish it, or open an issue"),
    (concat!("FIX", "ME"), "finish it, or open an issue"),
    (concat!("to", "do!("), "finish it, or return an error"),
    (
        concat!("unimple", "mented!("),
        "finish it, or return an error",
    ),
    (concat!("db", "g!("), "left over from debugging"),
];

/// What only the command line and the automation may do.
const PRINTING: [&str; 3] = [
    concat!("print", "ln!("),
    concat!("print", "!("),
    concat!("ep", "rint!("),
];

/// What a look at the files found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Broken rules.
    pub errors: Vec<String>,
    /// Hints.
    pub warnings: Vec<String>,
}

/// Checks the sources and pages of the workspace at `root`.
pub fn check(root: &Path) -> io::Result<Findings> {
    let mut findings = Findings::default();
    for member in folders(&root.join("crates"))? {
        if !member.join("README.md").is_file() {
            findings.errors.push(format!(
                "{}: a crate needs a README.md",
                shown(root, &member)
            ));
        }
    }
    let mut files = Vec::new();
    for folder in ["crates", "tests", "xtask", "docs", "datasets"] {
        collect(&root.join(folder), &mut files)?;
    }
    files.extend(
        ["README.md", "CHANGELOG.md"]
            .map(|page| root.join(page))
            .into_iter()
            .filter(|page| page.is_file()),
    );
    files.sort();
    for file in &files {
        let name = shown(root, file);
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => check_source(&name, &fs::read_to_string(file)?, &mut findings),
            Some("md") => check_links(&name, file, &fs::read_to_string(file)?, &mut findings),
            _ => {}
        }
    }
    Ok(findings)
}

fn check_source(name: &str, text: &str, findings: &mut Findings) {
    let prints = name.starts_with("crates/") && !name.starts_with("crates/kiti-cli/");
    let library = prints && name.contains("/src/");
    for (line, code) in text.lines().enumerate() {
        for (word, remedy) in FORBIDDEN {
            if code.contains(word) {
                findings
                    .errors
                    .push(format!("{name}:{}: `{word}`: {remedy}", line + 1));
            }
        }
        let comment = code.trim_start().starts_with("//");
        if library && !comment && PRINTING.iter().any(|call| code.contains(call)) {
            findings.errors.push(format!(
                "{name}:{}: only kiti-cli prints; return it or report an event",
                line + 1
            ));
        }
    }
    let lines = text.lines().count();
    if lines > LONG_FILE {
        findings
            .warnings
            .push(format!("{name}: {lines} lines; does it hold one concept?"));
    }
}

/// Relative links of a page must lead to a file.
fn check_links(name: &str, file: &Path, text: &str, findings: &mut Findings) {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut fenced = false;
    for (line, code) in text.lines().enumerate() {
        fenced ^= code.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        for rest in code.split("](").skip(1) {
            let Some((target, _)) = rest.split_once(')') else {
                continue;
            };
            let path = target.split('#').next().unwrap_or_default();
            let elsewhere = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
            if !elsewhere && !folder.join(path).exists() {
                findings.errors.push(format!(
                    "{name}:{}: the link to {path} leads nowhere",
                    line + 1
                ));
            }
        }
    }
}

/// A path below `root`, with forward slashes.
fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
        .replace('\\', "/")
}

fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" {
                collect(&entry.path(), files)?;
            }
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_in(name: &str, text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        check_source(name, text, &mut findings);
        findings.errors
    }

    #[test]
    fn each_forbidden_word_is_found_with_its_line() {
        for (word, _) in FORBIDDEN {
            let found = found_in(
                "crates/kiti-nn/src/lib.rs",
                &format!("fn f() {{}}\n{word}\n"),
            );
            assert_eq!(found.len(), 1, "{word}");
            assert!(found[0].starts_with("crates/kiti-nn/src/lib.rs:2:"));
        }
    }

    #[test]
    fn only_the_command_line_prints() {
        let text = format!("    {}\"x\");\n", PRINTING[0]);
        assert_eq!(found_in("crates/kiti-models/src/lib.rs", &text).len(), 1);
        assert!(found_in("crates/kiti-models/tests/it/main.rs", &text).is_empty());
        assert!(found_in("crates/kiti-cli/src/main.rs", &text).is_empty());
        assert!(found_in("crates/kiti-nn/src/lib.rs", &format!("/// {text}")).is_empty());
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let page = "[good](src/main.rs#top) [web](https://example.org) [bad](no/such.md)\n```\n[code](no)\n```\n";
        let mut findings = Findings::default();
        check_links("page.md", &here, page, &mut findings);
        assert_eq!(
            findings.errors,
            ["page.md:1: the link to no/such.md leads nowhere"]
        );
    }
}

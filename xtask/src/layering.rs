//! Which crate may depend on which: asked of cargo, not of good intentions.

use xshell::{Shell, cmd};

use crate::{Result, cargo, workspace_root};

/// What a package must not reach, directly or through others; a trailing `*` stands for any ending.
struct Rule {
    package: &'static str,
    never: &'static [&'static str],
}

const RULES: [Rule; 5] = [
    Rule {
        package: "kiti-kinetics",
        never: &["kiti-*", "candle-*", "safetensors", "tch", "burn", "ort"],
    },
    Rule {
        package: "kiti-nn",
        never: &["kiti-data", "kiti-models", "kiti-cli"],
    },
    Rule {
        package: "kiti-data",
        never: &["kiti-nn", "kiti-models", "kiti-cli"],
    },
    Rule {
        package: "kiti-models",
        // hf-hub brings indicatif along, whose bars it is told not to draw.
        never: &["kiti-cli", "clap", "plotters"],
    },
    Rule {
        package: "xtask",
        never: &["kiti-*", "candle-*"],
    },
];

/// Every dependency of the workspace that breaks a rule, as a sentence each.
pub fn violations(shell: &Shell) -> Result<Vec<String>> {
    let cargo = cargo();
    let format = "{p}";
    let manifest = workspace_root().join("Cargo.toml");
    let mut found = Vec::new();
    for rule in &RULES {
        let package = rule.package;
        let tree = cmd!(
            shell,
            "{cargo} tree --locked --manifest-path {manifest} --package {package} --edges normal,build --prefix none --format {format}"
        )
        .quiet()
        .read()?;
        found.extend(rule.broken_by(&tree));
    }
    Ok(found)
}

impl Rule {
    /// The forbidden packages among the lines of a dependency tree; the first line is the package itself.
    fn broken_by(&self, tree: &str) -> Vec<String> {
        let mut reached: Vec<&str> = tree
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        reached.sort_unstable();
        reached.dedup();
        reached
            .into_iter()
            .filter(|name| self.never.iter().any(|pattern| matches(pattern, name)))
            .map(|name| {
                let package = self.package;
                format!("{package} must not depend on {name}: `cargo tree -p {package} -i {name}` shows through what it does")
            })
            .collect()
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_keeps_its_layers() {
        let found = violations(&Shell::new().unwrap()).unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn a_forbidden_dependency_is_named_once() {
        let rule = &RULES[0];
        let tree = "kiti-kinetics v0.1.0 (/w)\nrayon v1.12.0\ncandle-core v0.11.1\ngemm v0.19.0\ncandle-core v0.11.1 (*)\n";
        let found = rule.broken_by(tree);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("candle-core") && found[0].contains("kiti-kinetics"));
    }

    #[test]
    fn a_star_stands_for_any_ending() {
        assert!(matches("kiti-*", "kiti-nn") && !matches("kiti-nn", "kiti-nn-extra"));
    }
}

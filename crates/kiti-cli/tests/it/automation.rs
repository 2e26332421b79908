//! `cargo xtask` hands its command line to `kiti` unchanged, so both must declare the same options.

use std::fs;
use std::path::Path;

use crate::program::Scratch;

#[test]
fn xtask_declares_every_option_of_kiti() {
    let scratch = Scratch::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/src");
    for command in ["reproduce", "report", "verify", "bench"] {
        let source = fs::read_to_string(sources.join(format!("{command}.rs"))).unwrap();
        let help = scratch.run(&[command, "--help"]).succeeded().stdout;
        let options = help
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("--"))
            .map(|line| line.split([' ', '=']).next().unwrap_or_default());
        let mut declared = 0;
        for option in options {
            assert!(
                source.contains(&format!("    {option}: ")),
                "xtask {command} lacks --{option}"
            );
            declared += 1;
        }
        let here = source
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("#[arg(long") || *line == "long,")
            .count();
        assert_eq!(
            declared, here,
            "xtask {command} has an option that kiti lacks"
        );
    }
}

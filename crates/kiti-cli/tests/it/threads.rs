//! The same seed gives the same bits, whatever the number of threads.

use std::fs;

use crate::program::{SMALL, Scratch, finish};

#[test]
fn training_does_not_depend_on_the_number_of_threads() {
    for variant in ["additive", "published-free", "reflection", "dropout"] {
        let scratch = Scratch::new();
        for threads in ["1", "2", "3"] {
            let mut command =
                scratch.command(&["train", "heat", "--variant", variant, "--seed", "3"]);
            command
                .args(SMALL)
                .arg("--out")
                .arg(scratch.path(threads))
                .env("RAYON_NUM_THREADS", threads)
                .env("CANDLE_NUM_THREADS", threads);
            finish(command).succeeded();
        }
        for file in ["metrics.jsonl", "model.safetensors"] {
            let one = fs::read(scratch.path("1").join(file)).unwrap();
            for threads in ["2", "3"] {
                let more = fs::read(scratch.path(threads).join(file)).unwrap();
                assert!(
                    one == more,
                    "{variant}: {file} differs between 1 and {threads} threads"
                );
            }
        }
    }
}

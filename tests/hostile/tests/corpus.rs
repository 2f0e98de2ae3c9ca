//! What the fuzzers found worth keeping, and what people have tried since there are parsers, as ordinary tests.

use std::{fs, panic::catch_unwind, path::Path};

use hostile::TARGETS;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");

#[test]
fn every_target_holds_for_its_corpus() {
    for (name, target) in TARGETS {
        let files = fs::read_dir(Path::new(CORPUS).join(name)).unwrap_or_else(|error| panic!("the corpus of {name}: {error}"));
        let mut count = 0;
        for file in files {
            let path = file.expect("a file").path();
            let bytes = fs::read(&path).expect("bytes");
            assert!(catch_unwind(|| target(&bytes)).is_ok(), "{name} does not hold for {}", path.display());
            count += 1;
        }
        assert!(count >= 10, "the corpus of {name} has only {count} files");
    }
}

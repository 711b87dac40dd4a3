//! Every file of every corpus, through its target, without libFuzzer.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

#[test]
fn all_that_was_found_before_holds() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut failed = Vec::new();
    for (name, target) in things_fuzz::TARGETS {
        let files =
            fs::read_dir(corpora.join(name)).unwrap_or_else(|error| panic!("corpus of {name}: {error}"));
        let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty(), "the corpus of {name} is empty");
        let fails = |file: &PathBuf| {
            let data = fs::read(file).unwrap();
            catch_unwind(AssertUnwindSafe(|| target(&data))).is_err()
        };
        failed.extend(files.into_iter().filter(fails));
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

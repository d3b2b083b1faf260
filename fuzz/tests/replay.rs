//! The fuzz targets as ordinary tests: every file of the corpus, and seeded random inputs, without libFuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use properties::{TARGETS, Target};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngSeed, TestRunner};

/// Inputs that each property is tried with beside its corpus; libFuzzer tries millions. The slow ones compile rules.
const CASES: u32 = 256;
const SLOW_CASES: u32 = 48;
const SLOW: [&str; 1] = ["yaml_config"];

/// Bytes of a random input at most, as in short runs of libFuzzer.
const MAX_LEN: usize = 2048;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name")).collect()
}

fn corpus(target: Target) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = folder().join("corpus").join(target.name);
    let files = names(&directory).into_iter().map(|name| directory.join(name));
    files.map(|path| (path.clone(), fs::read(&path).expect("a readable file"))).collect()
}

#[test]
fn every_file_of_the_corpus_holds() {
    let mut broken = Vec::new();
    for target in TARGETS {
        for (path, input) in corpus(target) {
            // The message of the panic is printed as it happens; the file is what it lacks.
            if catch_unwind(AssertUnwindSafe(|| (target.property)(&input))).is_err() {
                broken.push(path);
            }
        }
    }
    assert!(broken.is_empty(), "`cargo run -p tidegate-fuzz --bin TARGET -- FILE` shows each: {broken:#?}");
}

#[test]
fn every_target_has_a_corpus_a_binary_and_no_leftovers() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let without = |suffix: &str, names: BTreeSet<String>| -> BTreeSet<String> {
        names.iter().map(|name| name.strip_suffix(suffix).unwrap_or(name).to_owned()).collect()
    };
    assert_eq!(names(&folder().join("corpus")), targets);
    assert_eq!(without(".rs", names(&folder().join("fuzz_targets"))), targets);
    let dictionaries = without(".dict", names(&folder().join("dictionaries")));
    assert!(dictionaries.is_subset(&targets), "{dictionaries:?}");
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).expect("a manifest");
    for target in TARGETS {
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{} has a [[bin]]", target.name);
        assert!(!corpus(target).is_empty());
    }
}

#[test]
fn seeded_random_inputs_hold() {
    for target in TARGETS {
        let cases = if SLOW.contains(&target.name) { SLOW_CASES } else { CASES };
        let config = ProptestConfig {
            cases,
            rng_seed: RngSeed::Fixed(0x7464_6761_7465),
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let inputs = inputs(target);
        let outcome = TestRunner::new(config).run(&inputs, |input| {
            (target.property)(&input);
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{}: {error}", target.name);
        }
    }
}

/// Files of the corpus with a few pieces replaced, by bytes or by pieces of other files; and bytes that are just random.
fn inputs(target: Target) -> impl Strategy<Value = Vec<u8>> {
    let files: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, input)| input).collect();
    let piece = (select(files.clone()), any::<Index>(), 0..40_usize).prop_map(|(file, at, len)| {
        let begin = at.index(file.len() + 1);
        file[begin..(begin + len).min(file.len())].to_vec()
    });
    let replacement = prop_oneof![proptest::collection::vec(any::<u8>(), 0..5), piece];
    let edit = (any::<Index>(), 0..8_usize, replacement);
    let edited = (select(files), proptest::collection::vec(edit, 0..5)).prop_map(|(mut file, edits)| {
        for (at, len, with) in edits {
            let begin = at.index(file.len() + 1);
            file.splice(begin..(begin + len).min(file.len()), with);
        }
        file.truncate(MAX_LEN.max(file.len() / 2));
        file
    });
    prop_oneof![4 => edited, 1 => proptest::collection::vec(any::<u8>(), 0..300)]
}

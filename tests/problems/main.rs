//! What goes wrong, and how it is told: every problem of the contract is produced over real sockets, its whole answer is a
//! snapshot, and metrics, admin pages and logs say the same.

mod admin;
mod cancel;
mod capacity;
mod connections;
mod files;
mod forms;
mod metrics;
mod names;
mod parameters;
mod requests;
mod secrets;
mod support;
mod upstreams;

use std::collections::BTreeSet;
use std::path::Path;

use rules::failure::Problem;

/// Problems that belong to parts of the gateway that are not built yet: access control and idempotency.
const LATER: [Problem; 3] = [Problem::Unauthenticated, Problem::Forbidden, Problem::IdempotencyConflict];

/// Problems without an answer: a client that went away hears nothing (tested in `metrics`).
const WITHOUT_ANSWER: [Problem; 1] = [Problem::ClientGone];

/// Snapshots are named after their problem, so what lies in the folder is what was produced.
#[test]
fn every_problem_that_can_be_produced_has_a_snapshot_and_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("problems");
    let read = |path: &Path| std::fs::read_to_string(path).expect("a source file can be read");
    let listed = |path: &Path| {
        let entries = std::fs::read_dir(path).expect("the folder exists");
        entries.map(|entry| entry.expect("the folder can be listed").path()).collect::<Vec<_>>()
    };
    let sources: String =
        listed(&folder).iter().filter(|path| path.extension().is_some()).map(|path| read(path)).collect();
    let mut produced = BTreeSet::new();
    for snapshot in listed(&folder.join("snapshots")) {
        let file = snapshot.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let name = file.strip_suffix(".snap").unwrap_or_else(|| panic!("`{file}` is no accepted snapshot"));
        assert!(sources.contains(&format!("\"{name}\"")), "no test makes the snapshot `{name}`");
        produced.insert(name.split('.').next().unwrap_or_default().to_owned());
    }
    for problem in Problem::ALL {
        let expected = !LATER.contains(problem) && !WITHOUT_ANSWER.contains(problem);
        assert_eq!(produced.remove(problem.name()), expected, "{}", problem.name());
    }
    assert_eq!(produced, BTreeSet::from(["receipt".to_owned()]), "snapshots of no problem");
}

use std::collections::BTreeMap;

use super::machine::Machine;
use super::targets::{ALL, Bound, Target, Verdict};
use super::{history, text, write};
use crate::figure::{CPU_PER_GIB, PEAK_RSS};
use crate::job::{JobKind, Scale};
use crate::run::{Competitor, Measured, Results};

fn machine(date: &str) -> Machine {
    Machine {
        date: date.to_owned(),
        commit: "abc".to_owned(),
        version: "0.1.0".to_owned(),
        processor: "a processor".to_owned(),
        memory: "8 GiB".to_owned(),
        kernel: "Linux 6".to_owned(),
        load: "0.1".to_owned(),
    }
}

/// Medians of 0.9 for Tidegate, 1.0 for nginx; a third peer failed.
fn results() -> Results {
    let values = |cpu: [f64; 3]| BTreeMap::from([(CPU_PER_GIB, cpu.to_vec()), (PEAK_RSS, vec![20.0; 3])]);
    let competitor = |name, missing| Competitor { name, about: format!("{name} 1.0"), missing };
    Results {
        peers: vec![
            competitor("tidegate", None),
            competitor("nginx-512k", None),
            competitor("haproxy-64k", None),
            competitor("node", Some("Node and npm".to_owned())),
        ],
        jobs: vec![Measured {
            kind: JobKind::Raw,
            about: "48 files".to_owned(),
            values: BTreeMap::from([
                ("tidegate", values([0.95, 0.9, 0.85])),
                ("nginx-512k", values([1.2, 1.0, 0.9])),
                ("haproxy-64k", values([0.1, 0.1, 0.1])),
            ]),
            failures: BTreeMap::from([("haproxy-64k", "failed in run 2: other bytes arrived".to_owned())]),
        }],
        runs: 3,
        scale: Scale::Full,
        cores: Some((0, 1)),
    }
}

fn verdict(bound: Bound) -> Verdict {
    let target = Target { job: JobKind::Raw, figure: CPU_PER_GIB, must: &[], aim: &[] };
    bound.verdict(&target, &results())
}

#[test]
fn a_bound_is_held_against_medians_of_the_same_run() {
    assert_eq!(verdict(Bound::TimesPeer(0.9, "nginx-512k")), Verdict::Holds(0.9));
    assert_eq!(verdict(Bound::TimesPeer(0.8, "nginx-512k")), Verdict::Fails(0.8));
    assert_eq!(verdict(Bound::TimesOwn(1.0, JobKind::Raw)), Verdict::Holds(0.9));
    assert_eq!(verdict(Bound::OwnPlusPeer(JobKind::Raw, 0.5, "nginx-512k")), Verdict::Holds(1.4));
    assert_eq!(verdict(Bound::AtMost(0.8)), Verdict::Fails(0.8));
    assert_eq!(verdict(Bound::AtLeast(0.8)), Verdict::Holds(0.8));
}

#[test]
fn a_bound_on_what_was_not_measured_or_failed_is_unknown() {
    assert_eq!(verdict(Bound::TimesPeer(9.0, "node")), Verdict::Unknown);
    assert_eq!(verdict(Bound::TimesPeer(9.0, "haproxy-64k")), Verdict::Unknown);
    assert_eq!(verdict(Bound::TimesOwn(9.0, JobKind::TlsIn)), Verdict::Unknown);
}

#[test]
fn the_report_tells_figures_verdicts_failures_and_what_is_missing() {
    let report = text(&results(), &machine("2026-01-01T00:00:00Z"), &[]);
    for line in [
        "| node | **NOT INSTALLED**, so not measured; it needs: Node and npm |",
        "| tidegate | 0.900 (0.850–0.950) | 20.0 (20.0–20.0) | 0.90 |",
        "| raw | cpu, CPU-s/GiB | 0.900 (0.850–0.950) | ≤ 0.90 × nginx-512k | holds (0.900) | ≤ 0.80 × nginx-512k | **fails** (0.800) |",
        "`haproxy-64k` **failed in run 2: other bytes arrived**",
        "| raw | cpu, CPU-s/GiB |  | 0.900 (0.90 ×) at abc | first run |",
    ] {
        assert!(report.contains(line), "`{line}` is not in:\n{report}");
    }
    assert!(!report.contains("| haproxy-64k | 0.1"), "figures of a peer that failed do not count");
    for target in ALL {
        assert!(report.contains(&format!("| {} | {}", target.job.name(), target.figure.name)), "{target:?}");
    }
}

#[test]
fn a_second_run_tells_what_changed_since_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &results(), &machine("2026-01-01T00:00:00Z")).expect("written");
    let mut slower = results();
    for job in &mut slower.jobs {
        job.values
            .get_mut("tidegate")
            .and_then(|figures| figures.insert(CPU_PER_GIB, vec![1.2]))
            .expect("it was there");
    }
    write(folder.path(), &slower, &machine("2026-01-02T00:00:00Z")).expect("written");

    let report = std::fs::read_to_string(folder.path().join("REPORT.md")).expect("a report");
    let line = "| 0.900 (0.90 ×) at abc | 1.20 (1.20 ×) at abc | **+33.3 %, worse** |";
    assert!(report.contains(line), "`{line}` is not in:\n{report}");
    let plot = std::fs::read_to_string(folder.path().join("plots/raw.svg")).expect("a plot");
    assert!(plot.starts_with("<svg") && plot.contains("nginx-512k") && !plot.contains("haproxy"), "{plot}");
    let history = history::read(&folder.path().join("history.jsonl")).expect("a history");
    assert_eq!(history.len(), 4);
}

#[test]
fn a_history_that_is_none_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.jsonl");
    std::fs::write(&file, "\n{\"date\":1}\n").expect("written");
    let error = history::read(&file).expect_err("it is no entry");
    assert!(format!("{error:#}").contains("line 2"), "{error:#}");
}

#[test]
fn another_job_is_compared_with_what_the_same_peer_takes_for_raw() {
    let mut results = results();
    let values = |cpu| BTreeMap::from([(CPU_PER_GIB, vec![cpu])]);
    results.jobs.push(Measured {
        kind: JobKind::RawToForm,
        about: "48 files".to_owned(),
        values: BTreeMap::from([("tidegate", values(0.99))]),
        failures: BTreeMap::new(),
    });
    let report = text(&results, &machine("2026-01-01T00:00:00Z"), &[]);
    assert!(report.contains("| peer | cpu, CPU-s/GiB | cpu × tidegate | cpu × own raw |"), "{report}");
    assert!(report.contains("| tidegate | 0.990 (0.990–0.990) | 1.00 | 1.10 |"), "{report}");
}

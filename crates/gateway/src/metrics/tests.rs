use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rules::fair_use::{Limit, Scope};
use rules::run::RetryReason;

use super::*;
use crate::transfer::Side;

/// The contract's series: name, type and labels.
const CONTRACT: [(&str, &str, &[&str]); 26] = [
    ("tidegate_uploads_total", "counter", &["route", "outcome", "reason"]),
    ("tidegate_uploads_in_flight", "gauge", &["route"]),
    ("tidegate_upload_duration_seconds", "histogram", &["route", "outcome"]),
    ("tidegate_upload_size_bytes", "histogram", &["route"]),
    ("tidegate_received_bytes_total", "counter", &["route"]),
    ("tidegate_sent_bytes_total", "counter", &["route", "target"]),
    ("tidegate_stall_seconds_total", "counter", &["route", "side"]),
    ("tidegate_throttled_seconds_total", "counter", &["route"]),
    ("tidegate_limited_requests_total", "counter", &["route", "scope", "limit"]),
    ("tidegate_tracked_clients", "gauge", &[]),
    ("tidegate_step_duration_seconds", "histogram", &["route", "step", "status"]),
    ("tidegate_step_requests_total", "counter", &["route", "step", "status"]),
    ("tidegate_retries_total", "counter", &["route", "step", "reason"]),
    ("tidegate_undo_total", "counter", &["route", "step", "outcome"]),
    ("tidegate_buffer_bytes", "gauge", &[]),
    ("tidegate_buffer_limit_bytes", "gauge", &[]),
    ("tidegate_connections", "gauge", &["listener"]),
    ("tidegate_rejected_requests_total", "counter", &["reason"]),
    ("tidegate_access_refused_total", "counter", &["kind", "reason"]),
    ("tidegate_tickets_minted_total", "counter", &[]),
    ("tidegate_config_generation", "gauge", &[]),
    ("tidegate_secret_files_unreadable", "gauge", &[]),
    ("tidegate_config_last_reload_successful", "gauge", &[]),
    ("tidegate_config_last_reload_success_timestamp_seconds", "gauge", &[]),
    ("tidegate_build_info", "gauge", &["version", "revision"]),
    ("process_cpu_seconds_total", "counter", &[]),
];

/// Families by name: their type, and the label names of their samples without `le`.
type Families = BTreeMap<String, (String, BTreeSet<String>)>;

fn parse(text: &str) -> Families {
    let mut families = Families::new();
    for line in text.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').expect("a type line has two parts");
            families.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let (series, _value) = line.rsplit_once(' ').expect("a sample has a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let family = ["", "_bucket", "_sum", "_count", "_total"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix).filter(|family| families.contains_key(*family)))
                .expect("a sample follows its type line")
                .to_owned();
            let known = &mut families.get_mut(&family).expect("it was just found").1;
            let names = labels.trim_end_matches('}').split("\",").filter_map(|label| label.split_once('='));
            known.extend(names.map(|(name, _)| name.to_owned()).filter(|name| name != "le"));
        }
    }
    families
}

fn exercised() -> Metrics {
    let metrics = Metrics::new(Budget::new(4096), "1.2.3", "abcdef").expect("every series has its own name");
    let route = metrics.unmatched();
    route.ended(Outcome::Refused, Some("no-such-route"), Duration::from_millis(3), None);
    route.ended(Outcome::Completed, None, Duration::from_secs(2), Some(70));
    route.sent_by_step("storage", 12);
    route.stalled(Side::Client, Duration::from_millis(1500));
    route.limited(Scope::Client, Limit::Uploads(1));
    route.step("store").requested(StepStatus::of(503), Duration::from_millis(7));
    route.step("store").retried(RetryReason::Busy);
    route.step("store").undone(UndoOutcome::Done);
    metrics.connections("127.0.0.1:8080").inc();
    metrics.config_loaded(1, UNIX_EPOCH + Duration::from_secs(1000));
    metrics.rejected(Rejection::HeadTooSlow);
    metrics
}

#[test]
fn exposes_every_series_of_the_contract_by_name_type_and_labels() {
    let families = parse(&exercised().text().expect("the families can be written"));
    for (name, kind, labels) in CONTRACT {
        let (found, found_labels) = families.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(found, kind, "{name}");
        assert_eq!(found_labels, &labels.iter().map(|&label| label.to_owned()).collect(), "{name}");
    }
    let ours: Vec<_> = families.keys().filter(|name| name.starts_with("tidegate_")).collect();
    assert_eq!(ours.len(), CONTRACT.len() - 1, "a series that the contract does not name: {ours:?}");
}

#[test]
fn openmetrics_names_the_same_families_and_ends_in_eof() {
    let text = exercised().openmetrics();
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let families = parse(&text);
    for (name, kind, labels) in CONTRACT {
        let name = if kind == "counter" { name.trim_end_matches("_total") } else { name };
        let (found, found_labels) = families.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(found, kind, "{name}");
        assert_eq!(found_labels, &labels.iter().map(|&label| label.to_owned()).collect(), "{name}");
    }
    assert!(text.contains("tidegate_uploads_total{outcome=\"refused\",reason=\"no-such-route\",route=\"none\"} 1.0\n"));
    assert!(
        text.contains("tidegate_upload_duration_seconds_bucket{outcome=\"completed\",route=\"none\",le=\"1.0\"} 0\n")
    );
    assert!(
        text.contains("tidegate_upload_duration_seconds_bucket{outcome=\"completed\",route=\"none\",le=\"2.5\"} 1\n")
    );
    assert!(
        text.contains("tidegate_upload_duration_seconds_bucket{outcome=\"completed\",route=\"none\",le=\"+Inf\"} 1\n")
    );
    assert!(text.contains("tidegate_stall_seconds_total{route=\"none\",side=\"client\"} 1.5\n"));
}

#[test]
fn series_of_fixed_labels_exist_before_anything_happened() {
    let metrics = Metrics::new(Budget::new(4096), "1.2.3", "abcdef").expect("every series has its own name");
    let text = metrics.text().expect("the families can be written");
    assert!(text.contains("tidegate_rejected_requests_total{reason=\"connection-limit\"} 0\n"), "{text}");
    assert!(text.contains("tidegate_uploads_in_flight{route=\"none\"} 0\n"), "{text}");
    assert!(text.contains("tidegate_build_info{revision=\"abcdef\",version=\"1.2.3\"} 1\n"), "{text}");
}

#[test]
fn shows_what_the_budget_has_granted() {
    let budget = Budget::new(4096);
    let metrics = Metrics::new(std::sync::Arc::clone(&budget), "0", "0").expect("every series has its own name");
    let _permit = budget.try_take(1000).expect("there is room");
    let text = metrics.text().expect("the families can be written");
    assert!(text.contains("\ntidegate_buffer_bytes 1000\n") && text.contains("\ntidegate_buffer_limit_bytes 4096\n"));
}

#[test]
fn a_name_that_is_no_route_makes_no_series() {
    let metrics = exercised();
    metrics.route("made-up").received(5);
    assert!(!metrics.openmetrics().contains("made-up"));
}

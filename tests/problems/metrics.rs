//! Metrics after uploads of every outcome: every family of the contract, its labels, its counts.

use std::collections::{BTreeMap, BTreeSet};

use http::Request;
use sandbox::peer::Reply;
use serde_json::json;

use crate::support::{Stage, eventually, put};

const RULE: &str = "
route: files
path: /files
params: { note: { required: false } }
limits: { client: { uploads: 100 } }
targets:
  api: { url: '{peer}' }
  storage: { url: '{peer}' }
steps:
  - id: ticket
    request: POST /tickets
    target: api
    json: { name: '${ file.name }' }
    expect: 201
    retry: idempotent
    undo: { request: 'DELETE /tickets/${ ticket.json.id }' }
  - id: store
    request: POST /store
    target: storage
    json: { data: '${ file.base64 }' }
    expect: 200
  - id: complete
    request: POST /complete
    target: api
    body: none
    expect: 200
";

/// The contract's families with their types and labels.
const FAMILIES: [(&str, &str, &[&str]); 25] = [
    ("tidegate_throttled_seconds_total", "counter", &["route"]),
    ("tidegate_limited_requests_total", "counter", &["route", "scope", "limit"]),
    ("tidegate_tracked_clients", "gauge", &[]),
    ("tidegate_uploads_total", "counter", &["route", "outcome", "reason"]),
    ("tidegate_uploads_in_flight", "gauge", &["route"]),
    ("tidegate_upload_duration_seconds", "histogram", &["route", "outcome"]),
    ("tidegate_upload_size_bytes", "histogram", &["route"]),
    ("tidegate_received_bytes_total", "counter", &["route"]),
    ("tidegate_sent_bytes_total", "counter", &["route", "target"]),
    ("tidegate_stall_seconds_total", "counter", &["route", "side"]),
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
];

/// One upload of every kind. Returns when the last has left.
async fn exercise(stage: &Stage) {
    let ticket = || Reply::json(201, &json!({ "id": 7 })).at("/tickets");
    let undone = || Reply::empty(204).at("/tickets/7");
    let push = |replies: Vec<Reply>| replies.into_iter().for_each(|reply| stage.peer.push(reply));

    push(vec![ticket(), Reply::empty(200).at("/store"), Reply::empty(200).at("/complete")]);
    assert_eq!(stage.send(put("a.png"), vec![b'x'; 3000]).await.status, 201);

    push(vec![Reply::empty(500).at("/tickets"), ticket(), Reply::empty(200).at("/store")]);
    push(vec![Reply::empty(400).at("/complete"), undone()]);
    assert_eq!(stage.send(put("b.png"), vec![b'x'; 300]).await.problem(), "upstream-refused");

    assert_eq!(stage.send(put("weird%0Aname"), "x").await.problem(), "name-refused");
    assert_eq!(stage.send(put("a?weird-parameter=1"), "x").await.problem(), "unknown-parameter");
    assert_eq!(stage.send(Request::post("/weird-path/%F0%9F%92%A9"), "x").await.problem(), "no-such-route");
    assert_eq!(stage.send(Request::builder().method("WEIRD").uri("/files"), "x").await.problem(), "method-not-allowed");
    assert_eq!(stage.raw("weird\r\n\r\n").await.0.status, 400);

    push(vec![ticket(), Reply::empty(200).at("/store"), undone()]);
    let mut leaving = stage.open().await;
    leaving
        .send("PUT /files/c HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n0123456789")
        .await
        .expect("it is sent");
    stage.uploads_until(|uploads| uploads.iter().any(|upload| upload["received_bytes"] == 10)).await;
    leaving.reset().expect("it is reset");
    stage.uploads_until(<[_]>::is_empty).await;
}

#[tokio::test]
async fn counts_every_upload_once_under_its_outcome_and_reason() {
    let stage = Stage::new(RULE, []).await;
    exercise(&stage).await;
    let scrape = eventually("the last count", async || {
        let scrape = stage.scrape().await;
        (scrape.contains("reason=\"malformed-head\"} 1")
            && scrape.contains("outcome=\"done\",route=\"files\",step=\"ticket\"} 2"))
        .then_some(scrape)
    })
    .await;
    let samples = samples(&scrape);
    let expected = [
        ("tidegate_uploads_total{outcome=\"completed\",reason=\"none\",route=\"files\"}", 1.0),
        ("tidegate_uploads_total{outcome=\"failed\",reason=\"upstream-refused\",route=\"files\"}", 1.0),
        ("tidegate_uploads_total{outcome=\"refused\",reason=\"name-refused\",route=\"files\"}", 1.0),
        ("tidegate_uploads_total{outcome=\"refused\",reason=\"unknown-parameter\",route=\"files\"}", 1.0),
        ("tidegate_uploads_total{outcome=\"refused\",reason=\"method-not-allowed\",route=\"files\"}", 1.0),
        ("tidegate_uploads_total{outcome=\"refused\",reason=\"no-such-route\",route=\"none\"}", 1.0),
        ("tidegate_uploads_total{outcome=\"cancelled\",reason=\"client-gone\",route=\"files\"}", 1.0),
        ("tidegate_upload_duration_seconds_count{outcome=\"completed\",route=\"files\"}", 1.0),
        ("tidegate_upload_duration_seconds_count{outcome=\"refused\",route=\"files\"}", 3.0),
        ("tidegate_upload_size_bytes_count{route=\"files\"}", 1.0),
        ("tidegate_upload_size_bytes_sum{route=\"files\"}", 3000.0),
        ("tidegate_uploads_in_flight{route=\"files\"}", 0.0),
        ("tidegate_received_bytes_total{route=\"files\"}", 3310.0),
        ("tidegate_step_requests_total{route=\"files\",status=\"2xx\",step=\"ticket\"}", 3.0),
        ("tidegate_step_requests_total{route=\"files\",status=\"5xx\",step=\"ticket\"}", 1.0),
        ("tidegate_step_requests_total{route=\"files\",status=\"2xx\",step=\"store\"}", 2.0),
        ("tidegate_step_requests_total{route=\"files\",status=\"cancelled\",step=\"store\"}", 1.0),
        ("tidegate_step_requests_total{route=\"files\",status=\"2xx\",step=\"complete\"}", 1.0),
        ("tidegate_step_requests_total{route=\"files\",status=\"4xx\",step=\"complete\"}", 1.0),
        ("tidegate_step_duration_seconds_count{route=\"files\",status=\"5xx\",step=\"ticket\"}", 1.0),
        ("tidegate_retries_total{reason=\"failed\",route=\"files\",step=\"ticket\"}", 1.0),
        ("tidegate_undo_total{outcome=\"done\",route=\"files\",step=\"ticket\"}", 2.0),
        ("tidegate_rejected_requests_total{reason=\"malformed-head\"}", 1.0),
        ("tidegate_build_info{revision=\"test\",version=\"0.0.0\"}", 1.0),
        ("tidegate_config_generation", 1.0),
        ("tidegate_secret_files_unreadable", 0.0),
        ("tidegate_config_last_reload_successful", 1.0),
    ];
    for (series, value) in expected {
        assert_eq!(samples.get(series), Some(&value), "{series}\n{scrape}");
    }
    // A JSON of `{"data":"…"}` around the base64 of 3000 and of 300 bytes; of the third upload only what was released.
    let whole = f64::from(2 * 11 + 4000 + 400);
    let sent = samples["tidegate_sent_bytes_total{route=\"files\",target=\"storage\"}"];
    assert!((whole..whole + 40.0).contains(&sent), "{sent}");
    let total: f64 =
        samples.iter().filter(|(series, _)| series.starts_with("tidegate_uploads_total")).map(|(_, value)| value).sum();
    assert!((total - 7.0).abs() < f64::EPSILON, "each request ends once: {total}");
}

#[tokio::test]
async fn every_family_of_the_contract_is_there_with_exactly_its_labels() {
    let stage = Stage::new(RULE, []).await;
    exercise(&stage).await;
    let scrape = stage.scrape().await;
    let mut found: BTreeMap<&str, (&str, BTreeSet<&str>)> = scrape
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| (name, (kind, BTreeSet::new())))
        .collect();
    for line in scrape.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').expect("a sample has a value").0;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let family = ["", "_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix).filter(|family| found.contains_key(family)))
            .unwrap_or_else(|| panic!("a sample of no family: {line}"));
        let names = labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name);
        found.get_mut(family).expect("it was just found").1.extend(names.filter(|name| *name != "le"));
        assert!(!line.contains("weird"), "a client made a label: {line}");
    }
    for (name, kind, labels) in FAMILIES {
        let (found_kind, found_labels) = found.remove(name).unwrap_or_else(|| panic!("no family {name}"));
        assert_eq!((found_kind, found_labels), (kind, labels.iter().copied().collect()), "{name}");
    }
    let others: Vec<_> = found.keys().filter(|name| !name.starts_with("process_")).collect();
    assert_eq!(others, Vec::<&&str>::new(), "families that the contract does not name");
    assert!(found.contains_key("process_cpu_seconds_total") && found.contains_key("process_resident_memory_bytes"));
}

/// A refusal for lack of room is the gateway's doing before anything was begun: it is `refused`, not `failed`.
#[tokio::test]
async fn an_overloaded_gateway_refuses_and_does_not_fail() {
    let rules = harness::Rules::default().settings("limits: { uploads: 1 }");
    let stage = Stage::with(rules, crate::support::PLAIN, []).await;
    let mut first = stage.open().await;
    first.send("PUT /files/c HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n01").await.expect("it is sent");
    stage.uploads_until(|uploads| uploads.len() == 1).await;
    assert_eq!(stage.send(put("a"), "x").await.problem(), "overloaded");
    let scrape = stage.scrape().await;
    let series = "tidegate_uploads_total{outcome=\"refused\",reason=\"overloaded\",route=\"files\"} 1\n";
    assert!(scrape.contains(series), "{scrape}");
}

fn samples(scrape: &str) -> BTreeMap<&str, f64> {
    let samples = scrape.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    samples.map(|(series, value)| (series, value.parse().expect("a sample is a number"))).collect()
}

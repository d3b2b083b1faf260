//! Dashboard, rules and alerts of `deploy/` against a running gateway and the pages that they name. `tests/deploy/run` has a
//! real Prometheus evaluate them.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::support::{Site, get_text, shipped};

/// A route whose families do not exist without it: limits, pages of other origins, and a step that is tried again because nobody
/// listens at `PORT`.
const ROUTE: &str = "
route: more
path: /more
limits: { client: { uploads: 100 } }
cors: { origins: ['https://app.example.com'] }
targets: { api: { url: 'http://127.0.0.1:PORT' } }
steps:
  - { id: ask, request: GET /, target: api }
  - { id: store, request: PUT /, target: api, body: file }
";

fn read(path: &str) -> String {
    std::fs::read_to_string(shipped(path)).expect("it can be read")
}

fn dashboard() -> Value {
    serde_json::from_str(&read("deploy/grafana/tidegate.json")).expect("JSON")
}

/// All rules of a file.
fn rules(path: &str) -> Vec<Value> {
    let file: Value = serde_yaml::from_str(&read(path)).expect("YAML");
    let groups = file["groups"].as_array().expect("groups");
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

fn recording_rules() -> Vec<Value> {
    rules("deploy/prometheus/tidegate.rules.yaml")
}

fn alerts() -> Vec<Value> {
    rules("deploy/prometheus/tidegate.alerts.yaml")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {value}"))
}

/// Every text of a document under these keys, however deep.
fn texts(value: &Value, keys: &[&str], found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts(item, keys, found)),
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text) if keys.contains(&key.as_str()) => found.push(text.clone()),
                    _ => texts(member, keys, found),
                }
            }
        }
        _ => {}
    }
}

/// The metrics that a query names: ours, those of the process, and recorded ones.
fn names(query: &str) -> impl Iterator<Item = &str> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    words.filter(|word| ["tidegate_", "tidegate:", "process_"].iter().any(|prefix| word.starts_with(prefix)))
}

/// An upload of one byte to a path. The answer's status line.
fn put(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the gateway listens");
    let head = format!("PUT {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    stream.write_all(head.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.lines().next().unwrap_or_default().to_owned()
}

/// The families of a gateway that has had a good upload, a refused one, and one whose upstream was not there.
fn families() -> BTreeSet<String> {
    // Nobody listens at a port that was free a moment ago.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let site = Site::with_route(&ROUTE.replace("PORT", &closed.port().to_string()));
    assert_eq!(put(&site.address, "/kustomer/media/a.txt"), "HTTP/1.1 201 Created");
    assert_eq!(put(&site.address, "/kustomer/media/a.exe"), "HTTP/1.1 422 Unprocessable Entity");
    assert_eq!(put(&site.address, "/more/a.txt"), "HTTP/1.1 502 Bad Gateway");
    let scrape = get_text(&site.admin, "/metrics");
    let declared = scrape.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    declared.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_metric_that_dashboard_and_rules_name_exists_and_the_dashboard_shows_all() {
    let families = families();
    let recorded: Vec<_> = recording_rules().iter().map(|rule| text(rule, "record").to_owned()).collect();
    let mut shown = Vec::new();
    texts(&dashboard(), &["expr", "definition", "query"], &mut shown);
    let mut queries = shown.clone();
    texts(&Value::from_iter(recording_rules().into_iter().chain(alerts())), &["expr"], &mut queries);
    let mut named = 0;
    for query in &queries {
        for name in names(query) {
            let exists = if name.contains(':') {
                recorded.iter().any(|record| record == name)
            } else {
                let of_family = |family: &String| {
                    name.strip_prefix(family.as_str()).is_some_and(|rest| ["", "_bucket", "_count"].contains(&rest))
                };
                families.iter().any(of_family)
            };
            assert!(exists, "there is no `{name}`: {query}");
            named += 1;
        }
    }
    assert!(named > 90, "only {named} names were found");
    for family in families.iter().filter(|family| family.starts_with("tidegate_")) {
        let is_shown = shown.iter().any(|query| names(query).any(|name| name.starts_with(family)));
        assert!(is_shown, "the dashboard does not show {family}");
    }
}

#[test]
fn every_alert_has_a_section_that_says_what_to_do_and_every_section_an_alert() {
    let page = read("docs/alerts.md");
    let sections: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let alerts = alerts();
    let names: Vec<_> = alerts.iter().map(|alert| text(alert, "alert")).collect();
    assert_eq!(sections, names);
    for alert in &alerts {
        let anchor = text(alert, "alert").to_lowercase();
        assert_eq!(text(&alert["annotations"], "runbook"), format!("docs/alerts.md#{anchor}"));
        assert!(["page", "ticket"].contains(&text(&alert["labels"], "severity")), "{alert}");
    }
}

#[test]
fn every_rule_has_a_unit_test() {
    let tested = read("deploy/prometheus/tidegate.test.yaml");
    for alert in alerts() {
        let name = text(&alert, "alert");
        assert!(tested.contains(&format!("      - alertname: {name}\n")), "{name} is not tested to fire");
        assert!(tested.contains(&format!("{{ alertname: {name}, eval_time:")), "{name} is not tested to keep quiet");
    }
    for rule in recording_rules() {
        let name = text(&rule, "record");
        assert!(tested.lines().any(|line| line.contains("expr: ") && line.contains(name)), "{name} is not tested");
    }
}

#[test]
fn the_dashboard_can_be_imported_into_any_grafana() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels {
        let title = text(panel, "title");
        assert!(ids.insert(panel["id"].as_u64().expect("a number")), "{title} shares its id");
        let at = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
        for cell in (at("y")..at("y") + at("h")).flat_map(|y| (at("x")..at("x") + at("w")).map(move |x| (x, y))) {
            assert!(cell.0 < 24 && taken.insert(cell), "{title} lies on another panel, or beside the page");
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(!text(panel, "description").is_empty(), "{title} is not explained");
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{title} asks nothing");
        // A uid of one Grafana would be empty panels in every other.
        assert!(targets.iter().all(|target| target["datasource"]["uid"] == "${datasource}"), "{title}");
    }
    assert!(ids.len() > 30, "only {} panels were found", ids.len());
}

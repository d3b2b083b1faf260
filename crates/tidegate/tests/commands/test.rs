//! `tidegate test`: what an author reads when an example fails, and that the shipped ones pass.

use std::path::Path;

use rules::config::Outcome;

use crate::support::{Ended, shipped, tidegate};

/// A rule with two steps, one of them to a place that the first one's answer names.
const RULE: &str = "\
route: notes
path: /notes
params: { title: { required: false } }
targets:
  api:
    url: https://notes.example.com
    auth: { bearer: { env: NOTES_TOKEN } }
    errors: { detail: '${ json.message }' }
  storage: { allow: 'https://*.example.net http://*.example.net https://93.184.215.20 https://10.0.0.1', headers: { X-Key: { file: /run/secrets/storage } } }
steps:
  - id: begin
    request: POST /v1/notes
    target: api
    json: { name: '${ file.name }', size: '${ file.size }', title: '${ params.title | default(omit) }' }
    expect: 201
    undo: { request: 'DELETE /v1/notes/${ begin.json.id }' }
  - { id: store, request: 'PUT ${ begin.json.url }', target: storage, body: file, expect: 2xx }
result: { id: '${ begin.json.id }' }
examples:
";

/// What every example of it begins with.
const BEGUN: &str = "
      - expect: { method: POST, url: 'https://notes.example.com/v1/notes' }
        answer: { status: 201, json: { id: n1, url: URL } }";

/// Runs `tidegate test` in a folder that holds one route; paths in its output are relative to it.
fn test(rule: &str, flags: &[&str]) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("notes.yaml"), rule).expect("it can be written");
    test_in(folder.path(), flags)
}

fn test_in(folder: &Path, flags: &[&str]) -> Ended {
    Ended::of(tidegate().current_dir(folder).arg("test").args(flags))
}

/// The rule with one example whose transfer goes to `url`.
fn transferring(url: &str, rest: &str) -> String {
    let request = "  - name: one\n    request: { filename: a.txt, text: hello }\n    upstream:";
    format!("{RULE}{request}{}{rest}", BEGUN.replace("URL", &format!("'{url}'")))
}

fn assert_passes(rule: &str) {
    let ended = test(rule, &["notes.yaml"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "ok   notes: one\n1 passed, 0 failed\n"), "{ended:?}");
}

#[test]
fn every_shipped_rule_carries_examples_of_success_and_failure_and_they_pass() {
    let ended = test_in(&shipped("."), &["--require-examples", "config"]);
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    let mut files = 0;
    for folder in ["config/routes", "config/examples"] {
        for entry in std::fs::read_dir(shipped(folder)).expect("it is shipped") {
            let path = entry.expect("it can be listed").path();
            let examples = gateway::load::read_examples(&path.to_string_lossy()).expect("it is sound");
            let ok = |name: &str| ended.stdout.contains(&format!("ok   {}: {name}\n", examples.route));
            assert!(examples.list.iter().all(|example| ok(&example.name.value)), "{}", ended.stdout);
            let successes =
                examples.list.iter().filter(|example| matches!(example.outcome, Outcome::Receipt(_))).count();
            assert!((1..examples.list.len()).contains(&successes), "{}", path.display());
            files += 1;
        }
    }
    assert!(files >= 12, "only {files} rules were found");
}

#[test]
fn takes_the_routes_of_the_configuration_without_a_path() {
    let ended = test_in(&shipped("."), &["--json"]);
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let routes: Vec<_> = told["files"].as_array().expect("a list").iter().map(|file| &file["route"]).collect();
    let all = ["amazon-connect-file", "flowkiwi-media", "klinkcx-file", "kustomer-media", "teamwork-desk-file"];
    assert_eq!(routes, all);
    assert_eq!((ended.code, &told["failed"]), (0, &0.into()));
}

#[test]
fn the_rule_of_the_guide_passes_and_fails_as_the_guide_shows() {
    let guide = std::fs::read_to_string(shipped("docs/writing-rules.md")).expect("it is there");
    let section = guide.split_once("\n## Examples\n").expect("it has a section on examples").1;
    let rule = section.split_once("```yaml\n").expect("it shows a rule").1.split_once("```").expect("the rule ends").0;
    let folder = tempfile::tempdir().expect("a folder");
    let routes = folder.path().join("config/routes");
    std::fs::create_dir_all(&routes).expect("a folder in it");
    for (rule, code) in [(rule.to_owned(), 0), (rule.replace("field: title", "field: name"), 1)] {
        std::fs::write(routes.join("notes.yaml"), rule).expect("it can be written");
        let ended = test_in(folder.path(), &["config/routes/notes.yaml"]);
        assert_eq!(ended.code, code, "{ended:?}");
        let shown = ended.stdout.lines().take(if code == 0 { 3 } else { 4 }).collect::<Vec<_>>().join("\n");
        assert!(section.contains(&shown), "{}", ended.stdout);
    }
}

const WRONG: &str = r#"
  - name: every part of a request is compared
    request: { filename: a.txt, text: hello, params: { title: "7" } }
    upstream:
      - expect:
          method: PUT
          url: https://notes.example.com/v2/notes
          query: { page: "1" }
          headers: { Authorization: Bearer other, Content-Type: { $absent: true }, X-Id: { $matches: "[0-9]+" } }
          json: { name: b.txt, size: "5", tags: [a] }
        answer: { status: 201, json: { id: n1, url: https://files.example.net/n1 } }
      - expect: { method: PUT, url: "https://files.example.net/n1", text: "hello\n", headers: { X-Key: <storage> } }
        answer: { status: 200 }
    receipt: { status: processing, file: { size: 6 }, result: { id: n2, url: { $absent: true } } }

  - name: requests that do not come, and some that nobody expects
    request: { filename: a.txt, text: hello }
    upstream:
      - expect: { method: POST, url: "https://notes.example.com/v1/notes" }
        answer: { status: 201, json: { id: n1, url: https://files.example.net/n1 } }
      - expect: { method: PUT, url: "https://files.example.net/n1" }
        answer: { status: 404, json: {} }
    problem: { type: upstream-refused, status: 404, detail: { $matches: "never .*" } }

  - name: a step that is not reached
    request: { filename: a.txt, text: hello }
    upstream:
      - expect: { method: POST, url: "https://notes.example.com/v1/notes" }
        answer: { status: 403, json: { message: "no \u001b[31mway" } }
      - expect: { method: PUT, url: { $matches: "https://files.*" } }
        answer: { status: 200 }
      - answer: refused
    receipt: { status: stored }

  - name: another problem than the one that was meant
    request: { filename: a.txt, text: hello, params: { titel: a } }
    problem: { type: invalid-parameter }

  - name: a request that should have been taken back
    request: { filename: a.txt, text: hello }
    upstream:
      - expect: { method: POST, url: "https://notes.example.com/v1/notes" }
        answer: unfinished
      - expect: { method: DELETE, url: "https://notes.example.com/v1/notes/n1" }
        answer: { status: 204 }
    problem: { type: upstream-failed }

  - name: passes beside those that fail
    request: { filename: a.txt, params: { titel: a } }
    problem: { type: unknown-parameter }
"#;

#[test]
fn a_failing_example_tells_what_was_expected_where_and_what_came() {
    let ended = test(&format!("{RULE}{WRONG}"), &["notes.yaml"]);
    assert_eq!(ended.code, 1);
    insta::assert_snapshot!("test_fails", ended.stdout);
}

#[test]
fn json_tells_the_same_with_lines_and_columns() {
    let ended = test(&format!("{RULE}{WRONG}"), &["--json", "--filter", "that is not reached", "notes.yaml"]);
    assert_eq!(ended.code, 1);
    insta::assert_snapshot!("test_fails_json", ended.stdout);
}

#[test]
fn forms_are_compared_part_by_part() {
    let rule = RULE
        .replace("target: storage, body: file", "target: storage, form: [ { field: a, value: b }, { file: file } ]");
    let example = |form: &str| {
        let rest = format!(
            "
      - expect: {{ method: PUT, url: 'https://files.example.net/n1', {form} }}
        answer: {{ status: 200 }}
    receipt: {{}}
"
        );
        rule.clone() + transferring("https://files.example.net/n1", &rest).trim_start_matches(RULE)
    };
    assert_passes(&example("form: [ { name: a, text: b }, { name: file, filename: a.txt, body: file } ]"));
    let told = [
        "form: [ { name: file } ]",
        "form: [ { name: a, type: text/plain, body: none }, { name: file, filename: { $absent: true }, text: bye } ]",
        "urlencoded: { a: b }",
        "json: {}",
        "base64: aGVsbG8=",
    ]
    .map(|form| test(&example(form), &["notes.yaml"]).stdout);
    // The body of a form begins with a boundary that is drawn anew.
    let shown = told.join("\n").lines().map(without_boundary).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!("test_forms", shown);
}

fn without_boundary(line: &str) -> String {
    match line.split_once("\"--") {
        Some((before, _)) => format!("{before}[a form]"),
        None => line.to_owned(),
    }
}

#[test]
fn plain_and_encrypted_upstreams_are_played_by_name_and_by_address() {
    for url in ["http://files.example.net/n1", "https://files.example.net/n1", "https://93.184.215.20/n1"] {
        assert_passes(&transferring(
            url,
            &format!(
                "
      - expect: {{ method: PUT, url: '{url}', body: file, headers: {{ X-Key: <storage>, Authorization: {{ $absent: true }} }} }}
        answer: {{ status: 200 }}
    receipt: {{ status: stored, result: {{ id: n1 }} }}
"
            ),
        ));
    }
}

const UNDONE: &str = "
      - expect: { method: DELETE, url: 'https://notes.example.com/v1/notes/n1', headers: { Authorization: Bearer <NOTES_TOKEN> } }
        answer: { status: 204 }";

#[test]
fn nothing_is_dialled_that_a_gateway_would_not_dial() {
    let problem = "\n    problem: { type: upstream-not-allowed, committed: 'no' }\n";
    assert_passes(&transferring("https://10.0.0.1/n1", &format!("{UNDONE}{problem}")));
    assert_passes(&transferring("https://files.example.org/n1", &format!("{UNDONE}{problem}")));
}

#[test]
fn connections_are_refused_and_reset_on_cue() {
    // Whoever could not connect may try once more.
    let refused = "\n      - answer: refused\n      - answer: refused";
    let problem = "\n    problem: { type: upstream-unreachable, committed: 'no' }\n";
    assert_passes(&transferring("https://files.example.net/n1", &format!("{refused}{UNDONE}{problem}")));
    for url in ["http://files.example.net/n1", "https://files.example.net/n1"] {
        let reset = format!(
            "
      - expect: {{ method: PUT, url: '{url}', body: file }}
        answer: reset"
        );
        let problem = "\n    problem: { type: upstream-failed, committed: 'no' }\n";
        assert_passes(&transferring(url, &format!("{reset}{UNDONE}{problem}")));
    }
}

#[test]
fn clients_are_whoever_the_example_says() {
    let access = "access: { any-of: [teams], that: '${ client.claims.tenant == \"acme\" }' }\nparams:";
    let rule = RULE.replacen("params:", access, 1).replace("name: '${ file.name }'", "name: '${ client.subject }'");
    let example = |client: &str, rest: &str| {
        format!("{rule}  - name: one\n    request: {{ filename: a.txt, text: hello{client} }}{rest}\n")
    };
    let exchanges = "
    upstream:
      - expect: { method: POST, url: 'https://notes.example.com/v1/notes', json: { name: web, size: 5 } }
        answer: { status: 201, json: { id: n1, url: 'https://files.example.net/n1' } }
      - expect: { method: PUT, url: 'https://files.example.net/n1' }
        answer: { status: 200 }
    receipt: { status: stored }";
    assert_passes(&example(", client: { subject: web, claims: { tenant: acme } }", exchanges));
    let forbidden = "\n    problem: { type: forbidden, status: 403 }";
    assert_passes(&example(", client: { subject: web, claims: { tenant: other } }", forbidden));
    assert_passes(&example("", "\n    problem: { type: unauthenticated, status: 401 }"));
}

#[test]
fn the_environment_counts_for_nothing() {
    let rule = transferring("https://files.example.net/n1", "\n      - expect: { method: PUT, url: 'https://files.example.net/n1' }\n        answer: { status: 200 }\n    receipt: {}\n")
        .replace("url: https://notes.example.com\n", "url: ${ env.NOTES_URL }\n");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("notes.yaml"), &rule).expect("it can be written");
    let mut command = tidegate();
    command.current_dir(folder.path()).args(["test", "notes.yaml"]).env("NOTES_URL", "https://real.example.com");
    let ended = Ended::of(&mut command);
    assert_eq!(ended.code, 1);
    insta::assert_snapshot!("test_without_a_variable", ended.stdout);
    let env = "name: one\n    env: { NOTES_URL: 'https://notes.example.com' }\n";
    assert_passes(&rule.replace("name: one\n", env));
}

#[test]
fn a_route_without_examples_is_told_and_fails_where_they_are_required() {
    let rule = RULE.trim_end_matches("examples:\n");
    let tolerated = test(rule, &["notes.yaml"]);
    let told = "none notes: it has no `examples` (notes.yaml)\n0 passed, 0 failed, 1 without examples\n";
    assert_eq!((tolerated.code, tolerated.stdout.as_str()), (0, told));
    let required = test(rule, &["--require-examples", "notes.yaml"]);
    assert_eq!((required.code, required.stdout.as_str()), (1, told.replacen("none", "FAIL", 1).as_str()));
}

#[test]
fn a_file_with_errors_fails_with_its_report_and_the_others_still_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let below = folder.path().join("routes");
    std::fs::create_dir(&below).expect("a folder in it");
    let good = format!(
        "{RULE}{}",
        "  - name: one\n    request: { filename: a.txt, params: { titel: a } }\n    problem: { type: unknown-parameter }\n"
    );
    std::fs::write(below.join("b.yml"), &good).expect("it can be written");
    std::fs::write(below.join("a.yaml"), good.replace("problem:", "problme:")).expect("it can be written");
    std::fs::write(folder.path().join("tidegate.yaml"), "routes: routes/*\n").expect("it can be written");
    let ended = test_in(folder.path(), &["."]);
    assert_eq!(ended.code, 1);
    insta::assert_snapshot!("test_with_errors", ended.stdout);
}

#[test]
fn a_path_that_is_not_there_is_wrong_usage_and_a_filter_without_effect_a_failure() {
    let ended = test(RULE, &["absent.yaml"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.starts_with("tidegate: cannot read `absent.yaml`: No such file"), "{ended:?}");
    let empty = tempfile::tempdir().expect("a folder");
    assert_eq!(test_in(empty.path(), &["."]).code, 2);
    let filtered = test(&format!("{RULE}{WRONG}"), &["--filter", "no such text", "notes.yaml"]);
    assert_eq!(filtered.code, 1, "{filtered:?}");
    assert!(filtered.stderr.contains("no example has `no such text`"), "{filtered:?}");
}

//! The documentation against the program: its rules pass `check`, its problems and metrics exist, its links lead somewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use harness::Rules;
use rules::failure::Problem;

/// Where the repository begins.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

struct Page {
    path: PathBuf,
    text: String,
}

/// README.md and everything below docs/.
fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    let mut waiting = vec![root().join("docs"), root().join("README.md")];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("docs can be listed");
            waiting.extend(entries.map(|entry| entry.expect("docs can be listed").path()));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let text = std::fs::read_to_string(&path).expect("a page can be read");
            pages.push(Page { path, text });
        }
    }
    assert!(pages.len() > 10, "the documentation was not found");
    pages
}

/// The fenced blocks of a language, with the line at which each begins.
fn blocks(page: &Page, language: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Option<String>)> = None;
    for (number, line) in page.text.lines().enumerate() {
        open = match (open, line.strip_prefix("```")) {
            (None, Some(said)) => Some((number + 1, (said == language).then(String::new))),
            (Some((begun, content)), Some(_)) => {
                found.extend(content.map(|content| (begun, content)));
                None
            }
            (Some((begun, content)), None) => Some((begun, content.map(|content| content + line + "\n"))),
            (None, None) => None,
        };
    }
    assert!(open.is_none(), "{} has a block without an end", page.path.display());
    found
}

/// Words of lower-case letters, digits and these joints.
fn words<'a>(text: &'a str, joints: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(move |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || joints.contains(c)))
}

/// The environment variables that a rule takes secrets from.
fn secrets(rule: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    rule.split("env: ").skip(1).map(move |rest| rest.split(|c| !is_name(c)).next().unwrap_or_default())
}

#[test]
fn every_whole_rule_passes_check() {
    let mut checked = 0;
    for page in pages() {
        for (line, block) in blocks(&page, "yaml") {
            // A block that begins with its route is a whole rule; any other shows a part of one.
            let begins = block.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
            if begins.is_some_and(|line| line.starts_with("route:")) {
                let rules = secrets(&block).fold(Rules::default(), |rules, name| rules.variable(name, "a secret"));
                // Panics with the report of `check`.
                let config = rules.route(&block).check().config;
                assert_eq!(config.routes.len(), 1, "{}:{line}", page.path.display());
                checked += 1;
            }
        }
    }
    assert!(checked >= 2, "only {checked} whole rules were found");
}

/// The providers that the page on access shows, with the files and variables that they name.
#[test]
fn every_provider_that_the_access_page_shows_passes_check() {
    const ROUTE: &str = "route: r\npath: /r\naccess: NAME\ntargets: { api: { url: 'https://api.example.com' } }\n\
        steps: [{ id: store, request: POST /f, target: api, body: file }]\n";
    let pages = pages();
    let page = pages.iter().find(|page| page.path.ends_with("access.md")).expect("docs/access.md");
    let walk = page.text.split("<<'YAML'\n").nth(1).and_then(|rest| rest.split("\nYAML").next()).expect("a main file");
    let of_walk = walk.split_once("access:").map(|(_, providers)| format!("access:{providers}\n")).expect("providers");
    let keys = blocks(page, "yaml").into_iter().find(|(_, block)| block.starts_with("- {")).expect("a file of keys").1;
    let shown = blocks(page, "yaml").into_iter().map(|(_, block)| block).filter(|block| block.starts_with("access:\n"));
    let mut checked = 0;
    for providers in shown.chain([of_walk]) {
        let names = providers.lines().skip(1).filter(|line| !line.starts_with("   "));
        for name in names.filter_map(|line| line.trim().split_once(':')).map(|(name, _)| name) {
            let secret = "a secret that is long enough to sign tickets";
            let rules = Rules::default().file("keys.yaml", &keys).variable("TIDEGATE_TICKET_KEY", secret);
            let rules = rules.settings(&providers).route(&ROUTE.replace("NAME", name));
            // Panics with the report of `check`.
            assert_eq!(rules.check().config.access.iter().filter(|provider| &*provider.name == name).count(), 1);
            checked += 1;
        }
    }
    assert!(checked >= 7, "only {checked} providers were found");
}

#[test]
fn every_metric_that_is_named_exists_and_every_one_that_exists_is_explained() {
    let pages = pages();
    let explained = &pages.iter().find(|page| page.path.ends_with("metrics.md")).expect("docs/metrics.md").text;
    let budget = gateway::budget::Budget::new(1);
    let metrics = gateway::metrics::Metrics::new(budget, "0", "0").expect("the metrics can be made");
    let exposition = metrics.text().expect("the metrics can be written");
    // A family without series is not exposed before its first use, so what a page names may also be one of these.
    let unused = [
        "tidegate_sent_bytes_total",
        "tidegate_step_duration_seconds",
        "tidegate_step_requests_total",
        "tidegate_preflights_total",
        "tidegate_retries_total",
        "tidegate_undo_total",
        "tidegate_limited_requests_total",
        "tidegate_connections",
    ];
    let declared = exposition.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let families: BTreeSet<&str> = declared.filter(|name| name.starts_with("tidegate_")).chain(unused).collect();
    for family in &families {
        assert!(explained.contains(&format!("`{family}`")), "docs/metrics.md does not explain {family}");
    }
    for page in &pages {
        for word in
            words(&page.text, "_").filter(|word| word.starts_with("tidegate_") && word.len() > "tidegate_".len())
        {
            let known = families.iter().any(|family| {
                word.strip_prefix(family).is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
            });
            assert!(known, "{} names a metric that does not exist: {word}", page.path.display());
        }
    }
}

#[test]
fn every_problem_is_explained_with_its_own_status_and_blame() {
    let pages = pages();
    let errors = &pages.iter().find(|page| page.path.ends_with("errors.md")).expect("docs/errors.md").text;
    let mut section = String::new();
    let mut explained = BTreeSet::new();
    for line in errors.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.to_owned();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(name) = cells.get(1).and_then(|cell| cell.strip_prefix('`')?.strip_suffix('`')) else { continue };
        let problem = Problem::ALL.iter().find(|problem| problem.name() == name);
        let problem = problem.unwrap_or_else(|| panic!("docs/errors.md explains `{name}`, which does not exist"));
        let status = problem.status().to_string();
        assert!(section == status || cells[2] == status, "`{name}` has status {status}: {line}");
        let blame = serde_json::to_value(problem.blame()).expect("a word");
        let retry = if problem.retryable() { "yes" } else { "no" };
        let told: Vec<_> = cells.iter().rev().skip(1).take(3).rev().collect();
        assert!(told[0].starts_with(blame.as_str().expect("a word")), "`{name}` blames {blame}: {line}");
        assert_eq!(*told[1], retry, "`{name}`: {line}");
        explained.insert(name);
    }
    for problem in Problem::ALL {
        // Never an answer, so it has no row.
        let has_row = *problem != Problem::ClientGone;
        assert_eq!(explained.contains(problem.name()), has_row, "{}", problem.name());
    }
}

#[test]
fn every_problem_that_a_page_names_exists() {
    for page in pages() {
        for urn in page.text.split("urn:tidegate:problem:").skip(1) {
            let name = words(urn, "-").next().unwrap_or_default();
            let known = name.is_empty() || Problem::ALL.iter().any(|problem| problem.name() == name);
            assert!(known, "{} names a problem that does not exist: {name}", page.path.display());
        }
        // A status in front of a code span, as in: 400 `malformed-form`.
        let spans: Vec<&str> = page.text.split('`').collect();
        for pair in spans.windows(2) {
            let Some(status) =
                pair[0].trim_end().rsplit([' ', '(', '\n']).next().and_then(|word| word.parse::<u16>().ok())
            else {
                continue;
            };
            let known = Problem::ALL.iter().find(|problem| problem.name() == pair[1]);
            if let Some(problem) = known {
                assert_eq!(problem.status(), status, "{} gives `{}` another status", page.path.display(), pair[1]);
            }
        }
    }
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    for page in pages() {
        for (at, _) in page.text.match_indices("](") {
            let target = page.text.get(at + 2..).and_then(|rest| rest.split([')', '#']).next()).unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let folder = page.path.parent().expect("a page lies in a folder");
            assert!(folder.join(target).exists(), "{} links to {target}", page.path.display());
        }
    }
}

/// Every Rust source below a folder.
fn sources(folder: &Path, found: &mut String) {
    let entries = std::fs::read_dir(folder).expect("the folder can be listed");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" && name != "node_modules" {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&std::fs::read_to_string(&path).expect("a source can be read"));
        }
    }
}

/// A promise that rests on a test which is not there rests on nothing.
#[test]
fn every_test_that_the_security_page_rests_on_exists() {
    let pages = pages();
    let page = pages.iter().find(|page| page.path.ends_with("docs/security.md")).expect("there is such a page");
    let section = page.text.split("## What they rest on").nth(1).and_then(|rest| rest.split("\n## ").next());
    let mut code = String::new();
    for folder in ["crates", "tests", "fuzz"] {
        sources(&root().join(folder), &mut code);
    }
    let mut named = 0;
    for row in section.expect("the section is there").lines().filter(|line| line.starts_with('|')) {
        let shown_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        for name in shown_by.split('`').skip(1).step_by(2) {
            named += 1;
            let is_file = root().join(name).exists() || root().join(format!("fuzz/fuzz_targets/{name}.rs")).exists();
            let is_report = root().join(format!("crates/rules/tests/snapshots/mistakes__{name}.snap")).exists();
            assert!(is_file || is_report || code.contains(&format!("fn {name}(")), "there is no test `{name}`");
        }
    }
    assert!(named > 50, "{named} names were found");
}

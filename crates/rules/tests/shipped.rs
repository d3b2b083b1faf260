//! The shipped configuration and the worked examples pass `check`.

use std::path::Path;

use rules::check::{Environment, Missing, Source, check, load};
use rules::config::{Body, RetryClass};
use rules::diagnostics::Colours;

/// The repository's `config` folder, with one main file of our choice.
struct Shipped {
    main: &'static str,
}

impl Source for Shipped {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == "main.yaml" {
            return Ok(self.main.to_owned());
        }
        std::fs::read_to_string(folder().join(path)).map_err(|error| error.to_string())
    }

    fn glob(&self, _: &str, pattern: &str) -> Result<Vec<String>, String> {
        let Some((directory, "*.yaml")) = pattern.rsplit_once('/') else { return Ok(vec![pattern.to_owned()]) };
        let entries = std::fs::read_dir(folder().join(directory)).map_err(|error| error.to_string())?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut files: Vec<_> = names.map(|name| format!("{directory}/{name}")).collect();
        files.sort();
        Ok(files)
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config")
}

/// Every variable that has no default, in the shipped routes and in the examples.
fn environment() -> Environment {
    const VARIABLES: [(&str, &str); 19] = [
        ("KUSTOMER_API_KEY", "secret-1"),
        ("FLOWKIWI_URL", "https://acme-eu.product-management.flowkiwi.net"),
        ("FLOWKIWI_TOKEN", "secret-2"),
        ("FLOWKIWI_ORGANIZATION_ID", "42"),
        ("KLINKCX_TOKEN", "secret-3"),
        ("TEAMWORK_DESK_API_KEY", "secret-4"),
        ("CONNECT_INSTANCE_ID", "11111111-2222-3333-4444-555555555555"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "secret-5"),
        ("AWS_SECRET_ACCESS_KEY", "secret-6"),
        ("AIRTABLE_TOKEN", "secret-7"),
        ("JIRA_URL", "https://acme.atlassian.net"),
        ("JIRA_EMAIL", "bot@example.com"),
        ("JIRA_API_TOKEN", "secret-8"),
        ("LINEAR_API_KEY", "secret-9"),
        ("NOTION_TOKEN", "secret-10"),
        ("OPENAI_API_KEY", "secret-11"),
        ("SLACK_TOKEN", "secret-12"),
        ("ZENDESK_API_TOKEN", "secret-13"),
    ];
    let more = [("ZENDESK_URL", "https://acme.zendesk.com"), ("ZENDESK_EMAIL", "bot@example.com")];
    VARIABLES.into_iter().chain(more).collect()
}

#[test]
fn accepts_the_shipped_configuration_without_a_warning() {
    let checked =
        load("tidegate.yaml", &Shipped { main: "" }, &environment()).unwrap_or_else(|report| panic!("{report}"));
    assert!(checked.warnings.is_empty(), "{}", checked.warnings);
    assert_eq!(checked.config.routes.len(), 5);
    assert_eq!(checked.files.len(), 6);
    assert!(checked.variables.iter().any(|name| name == "AWS_SESSION_TOKEN"));
    let connect = checked.config.routes.iter().find(|route| &*route.name == "amazon-connect-file").expect("shipped");
    assert_eq!(connect.transfer, 1);
    assert!(connect.needs.size.is_some() && connect.needs.first_bytes.is_some() && connect.needs.digest.is_none());
    let retries: Vec<_> = connect.steps.iter().map(|step| step.retry).collect();
    assert_eq!(retries, [RetryClass::Idempotent; 4]);
    assert!(matches!(connect.steps[1].request.body, Body::File));
    assert_eq!(
        connect.targets[0].origin.as_ref().map(ToString::to_string).as_deref(),
        Some("https://connect.eu-central-1.amazonaws.com")
    );
}

#[test]
fn accepts_the_worked_examples_without_a_warning() {
    let source = Shipped { main: "routes: examples/*.yaml\n" };
    let checked = load("main.yaml", &source, &environment()).unwrap_or_else(|report| panic!("{report}"));
    assert!(checked.warnings.is_empty(), "{}", checked.warnings);
    assert!(checked.config.routes.len() >= 7);
}

#[test]
fn names_every_variable_that_is_not_set_and_shows_no_value() {
    let env: Environment =
        [("KUSTOMER_API_KEY", "hunter2"), ("KUSTOMER_URL", "https://user:hunter3@example.com/")].into_iter().collect();
    let report = load("tidegate.yaml", &Shipped { main: "" }, &env).expect_err("variables are missing");
    let text = report.render(Colours::Never);
    for name in [
        "FLOWKIWI_URL",
        "FLOWKIWI_TOKEN",
        "FLOWKIWI_ORGANIZATION_ID",
        "KLINKCX_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "CONNECT_INSTANCE_ID",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    let json = serde_json::to_string(&report).expect("serialises");
    assert!(!text.contains("hunter") && !json.contains("hunter"), "{text}");
}

#[test]
fn tolerates_missing_variables_when_it_only_looks() {
    let report = check("tidegate.yaml", &Shipped { main: "" }, &Environment::default(), Missing::Tolerated);
    assert_eq!(report.errors(), 0, "{report}");
    assert!(report.warnings() > 5, "{report}");
}

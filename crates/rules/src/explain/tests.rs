use crate::run::{example_offer, shipped_route};

use super::*;

fn explained(name: &str, params: &[(&str, &str)]) -> String {
    let offer = example_offer("red pixel.png", Some(70), params);
    explain(&shipped_route(name), offer).unwrap_or_else(|failure| panic!("{}", failure.detail)).to_string()
}

#[test]
fn shows_a_learned_form_with_what_only_the_answer_tells() {
    insta::assert_snapshot!(explained("kustomer-media", &[]));
}

#[test]
fn shows_exact_lengths_of_base64_inside_json() {
    insta::assert_snapshot!(explained("klinkcx-file", &[("is_private", "true")]));
}

#[test]
fn shows_one_form() {
    insta::assert_snapshot!(explained("flowkiwi-media", &[]));
}

#[test]
fn shows_a_finalize_step_without_a_body() {
    insta::assert_snapshot!(explained("teamwork-desk-file", &[("disposition", "attachment-inline")]));
}

#[test]
fn shows_signed_calls_polling_and_undo() {
    insta::assert_snapshot!(explained(
        "amazon-connect-file",
        &[("associated_resource_arn", "arn:x"), ("wait", "true")]
    ));
}

#[test]
fn tells_the_refusal_that_the_upload_would_meet() {
    let offer = example_offer("a.exe", Some(70), &[]);
    let failure = explain(&shipped_route("kustomer-media"), offer).expect_err("refused");
    assert_eq!(failure.problem, crate::failure::Problem::ExtensionRefused);
}

#[test]
fn no_secret_is_shown() {
    for name in ["kustomer-media", "flowkiwi-media", "klinkcx-file", "teamwork-desk-file"] {
        let shown = explained(name, &[]);
        assert!(shown.contains("Authorization: Bearer ***"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

/// One route's file, and a main file that names it.
struct OneRoute(String);

impl crate::check::Source for OneRoute {
    fn read(&self, path: &str) -> Result<String, String> {
        Ok(if path == "main" { "routes: [route]".to_owned() } else { self.0.clone() })
    }
    fn glob(&self, _relative_to: &str, pattern: &str) -> Result<Vec<String>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

fn one_route(text: String) -> Arc<Route> {
    let checked = crate::check::load("main", &OneRoute(text), &crate::check::Environment::default());
    let checked = checked.unwrap_or_else(|report| panic!("{report}"));
    checked.config.routes.into_iter().next().expect("one route")
}

#[test]
fn says_whose_pages_may_upload() {
    let pages = |cors: &str| {
        let text = format!(
            "route: r\npath: /r\n{cors}targets: {{ t: {{ url: https://example.com }} }}\nsteps:\n  - {{ id: s, request: PUT /x, target: t, body: file }}\n"
        );
        let route = one_route(text);
        explain(&route, example_offer("a.txt", Some(3), &[])).expect("is admitted").pages
    };
    for (cors, expected) in [
        ("", None),
        ("cors: { origins: '*' }\n", Some("of every origin")),
        ("cors: { origins: [] }\n", Some("of no origin; 403 for every page")),
        (
            "cors: { origins: [https://a.example.com, 'https://*.example.net'], credentials: true }\n",
            Some("https://a.example.com, https://*.example.net, with credentials; 403 for others"),
        ),
        ("cors: { origins: null }\n", Some("null; 403 for others")),
    ] {
        assert_eq!(pages(cors).as_deref(), expected, "{cors}");
    }
}

#[test]
fn a_credential_that_is_written_out_in_a_header_is_not_shown() {
    let route = one_route(
        "route: r\npath: /r\ntargets: { t: { url: https://example.com, headers: { Authorization: Bearer pl41n, X-Upload-Token: pl41n-and-longer } } }\n\
         steps:\n  - { id: s, request: PUT /x, target: t, body: file, headers: { X-Name: '${ file.name }', X-Api-Key: '${ file.name }' } }\n"
            .to_owned(),
    );
    let shown = explain(&route, example_offer("a.txt", Some(3), &[]))
        .unwrap_or_else(|failure| panic!("{}", failure.detail))
        .to_string();
    assert!(shown.contains("Authorization: ***") && shown.contains("X-Upload-Token: ***"), "{shown}");
    assert!(!shown.contains("pl41n") && shown.contains("X-Api-Key: a.txt"), "{shown}");
}

#[test]
fn shows_what_clients_may_take() {
    let mut route = (*shipped_route("flowkiwi-media")).clone();
    route.limits.client.uploads = Some(4);
    let shown = explain(&Arc::new(route), example_offer("a.png", Some(70), &[]))
        .unwrap_or_else(|failure| panic!("{}", failure.detail));
    let text = shown.to_string();
    assert!(text.contains("\n  limits   a client of this route may have 4 uploads under way at once\n"), "{text}");
}

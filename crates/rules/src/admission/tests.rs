use regex::Regex;
use serde_json::json;
use time::OffsetDateTime;
use wire::digest::{Algorithm, DigestSet};

use super::*;
use crate::config::{
    Accept, Environment, ExtensionRules, FormRules, NameRules, Need, Needs, Param, ParamKind, PathPattern, SizeLimits,
    Tree, TypePattern, TypeRules,
};
use crate::plan::plan;

fn route() -> Route {
    Route {
        limits: crate::config::FairUse::default(),
        name: "test".into(),
        path: PathPattern { source: "/test".to_owned(), segments: Vec::new() },
        description: None,
        access: crate::config::Access::Unsaid,
        require_digest: false,
        digests: DigestSet::default().with(Algorithm::Crc64Nvme),
        params: Vec::new(),
        accept: Accept {
            size: SizeLimits::default(),
            types: TypeRules::default(),
            extensions: ExtensionRules::default(),
            name: NameRules { max_bytes: 255, pattern: None },
            form: FormRules::default(),
        },
        cors: None,
        targets: Vec::new(),
        steps: Vec::new(),
        transfer: 0,
        env: Arc::new(Environment::default()),
        result: Tree::Map(Vec::new()),
        needs: Needs::default(),
    }
}

fn offer() -> Offer {
    Offer {
        upload_id: Uuid::nil(),
        idempotency_key: None,
        received: OffsetDateTime::UNIX_EPOCH,
        path: Vec::new(),
        params: Vec::new(),
        name: Some(FileName::parse("a.png").expect("a name")),
        declared_type: Some("image/png".to_owned()),
        size: Some(10),
        digests: ClientDigests::default(),
        pass: crate::access::Pass::default(),
    }
}

fn outcome(route: Route, offer: Offer) -> Option<Problem> {
    admit(&Arc::new(route), offer).err().map(|failure| failure.problem)
}

fn pattern(text: &str) -> TypePattern {
    let (kind, subtype) = text.split_once('/').expect("a slash");
    TypePattern { kind: kind.to_owned(), subtype: subtype.to_owned() }
}

fn param(name: &str, kind: ParamKind) -> Param {
    Param { name: name.to_owned(), kind, one_of: Vec::new(), default: None, required: true, description: None }
}

fn string() -> ParamKind {
    ParamKind::String { pattern: None, max_bytes: 100, uuid: false }
}

fn with_params(declared: Vec<Param>, given: &[(&str, &str)]) -> Result<Vec<(String, serde_json::Value)>, Failure> {
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let admission = admit(&Arc::new(Route { params: declared, ..route() }), Offer { params: given, ..offer() })?;
    Ok(admission.params)
}

#[test]
fn parameters_are_typed_and_defaults_count_as_given() {
    let mut optional = param("o", string());
    optional.required = false;
    let mut defaulted = param("d", ParamKind::Boolean);
    defaulted.default = Some(json!(true));
    let declared = vec![param("i", ParamKind::Integer { min: -5, max: 5 }), param("s", string()), optional, defaulted];
    let values = with_params(declared, &[("s", "001"), ("i", "-5")]).expect("admitted");
    let expected = [("i".to_owned(), json!(-5)), ("s".to_owned(), json!("001")), ("d".to_owned(), json!(true))];
    assert_eq!(values, expected);
}

#[test]
fn each_wrong_parameter_is_its_problem() {
    let uuid = ParamKind::String { pattern: None, max_bytes: 100, uuid: true };
    let word = ParamKind::String { pattern: Some(Regex::new("[a-z]+").expect("compiles")), max_bytes: 5, uuid: false };
    let integer = ParamKind::Integer { min: 5, max: 300 };
    let number = ParamKind::Number { min: 0.0, max: 1.0 };
    let mut choice = param("x", string());
    choice.one_of = vec!["a".to_owned(), "b".to_owned()];
    let table = [
        (param("x", uuid.clone()), "123e4567-e89b-12d3-a456-426614174000", true),
        (param("x", uuid.clone()), "123e4567e89b12d3a456426614174000", false),
        (param("x", uuid), "no", false),
        (param("x", word.clone()), "abc", true),
        (param("x", word.clone()), "abc1", false),
        (param("x", word.clone()), "abcdef", false),
        (param("x", word), "", false),
        (param("x", integer.clone()), "5", true),
        (param("x", integer.clone()), "300", true),
        (param("x", integer.clone()), "4", false),
        (param("x", integer.clone()), "301", false),
        (param("x", integer.clone()), "+5", false),
        (param("x", integer.clone()), "05", false),
        (param("x", integer.clone()), "5.0", false),
        (param("x", integer), "99999999999999999999", false),
        (param("x", number.clone()), "0.5", true),
        (param("x", number.clone()), "2", false),
        (param("x", number.clone()), "NaN", false),
        (param("x", number), "1e999", false),
        (param("x", ParamKind::Boolean), "true", true),
        (param("x", ParamKind::Boolean), "yes", false),
        (choice.clone(), "b", true),
        (choice, "B", false),
    ];
    for (declared, value, good) in table {
        let shown = format!("{:?} {value}", declared.kind);
        let problem = with_params(vec![declared], &[("x", value)]).err().map(|failure| failure.problem);
        assert_eq!(problem, (!good).then_some(Problem::InvalidParameter), "{shown}");
    }
}

#[test]
fn every_complaint_about_parameters_is_listed() {
    let declared = vec![param("title", string()), param("sort", ParamKind::Boolean)];
    let given = [("titel", "x"), ("sort", "yes"), ("other", "1")];
    let failure = with_params(declared.clone(), &given).expect_err("refused");
    assert_eq!(failure.problem, Problem::UnknownParameter);
    let fields: Vec<_> = failure.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["params.titel", "params.other", "params.title", "params.sort"]);
    assert!(failure.detail.contains("did you mean `title`?"), "{}", failure.detail);
    let failure = with_params(declared.clone(), &[("sort", "true")]).expect_err("refused");
    assert_eq!(failure.problem, Problem::MissingParameter);
    let failure = with_params(declared, &[("title", "a"), ("title", "a"), ("sort", "true")]).expect_err("refused");
    assert_eq!(failure.problem, Problem::InvalidParameter);
}

#[test]
fn extensions_are_the_last_suffix_without_case() {
    let rules = |allow: &[&str], deny: &[&str], every_suffix| ExtensionRules {
        allow: allow.iter().map(|&text| text.to_owned()).collect(),
        deny: deny.iter().map(|&text| text.to_owned()).collect(),
        every_suffix,
    };
    let table = [
        ("a.exe", rules(&[], &["exe"], false), false),
        ("a.pdf.EXE", rules(&[], &["exe"], false), false),
        ("a.exe. .", rules(&[], &["exe"], false), false),
        (".exe", rules(&[], &["exe"], false), false),
        ("a.exe.pdf", rules(&[], &["exe"], false), true),
        ("a.exe.pdf", rules(&[], &["exe"], true), false),
        ("www.example.com.pdf", rules(&[], &["com"], false), true),
        ("exe", rules(&[], &["exe"], false), true),
        ("a.PDF", rules(&["pdf"], &[], false), true),
        ("a", rules(&["pdf"], &[], false), false),
    ];
    for (name, extensions, good) in table {
        let mut route = route();
        route.accept.extensions = extensions;
        let offer = Offer { name: Some(FileName::parse(name).expect("a name")), ..offer() };
        assert_eq!(outcome(route, offer), (!good).then_some(Problem::ExtensionRefused), "{name}");
    }
}

#[test]
fn names_are_bounded_and_match_the_pattern() {
    let rules = [(4, None), (255, Some("^[0-9]+$"))];
    for (max_bytes, pattern) in rules {
        let mut route = route();
        route.accept.name = NameRules { max_bytes, pattern: pattern.map(|text| Regex::new(text).expect("compiles")) };
        assert_eq!(outcome(route, offer()), Some(Problem::NameRefused));
    }
}

#[test]
fn a_file_without_a_name_gets_one_that_fits_its_type() {
    let table = [
        (Some("image/jpeg"), "unnamed.jpg"),
        (Some("text/plain; charset=utf-8"), "unnamed.txt"),
        (Some("application/pdf"), "unnamed.pdf"),
        (Some("application/x-no-such-type"), "unnamed"),
        (None, "unnamed"),
    ];
    for (declared, expected) in table {
        let offer = Offer { name: None, declared_type: declared.map(ToOwned::to_owned), ..offer() };
        let admission = admit(&Arc::new(route()), offer).expect("admitted");
        assert_eq!(admission.name.as_str(), expected, "{declared:?}");
    }
}

#[test]
fn types_are_allowed_and_denied_by_pattern() {
    let table = [
        (&["image/*"][..], &[][..], "image/png", None),
        (&["image/*"], &[], "IMAGE/PNG; q=1", None),
        (&["image/*"], &[], "video/mp4", Some(Problem::TypeRefused)),
        (&["*/*"], &["image/svg+xml"], "image/svg+xml", Some(Problem::TypeRefused)),
        (&[], &["image/*"], "image/png", Some(Problem::TypeRefused)),
        (&[], &[], "nonsense", Some(Problem::MalformedRequest)),
        (&[], &[], "image/*", Some(Problem::MalformedRequest)),
        (&[], &[], "image/png\u{1}", Some(Problem::MalformedRequest)),
    ];
    for (allow, deny, declared, expected) in table {
        let mut route = route();
        route.accept.types.allow = allow.iter().map(|text| pattern(text)).collect();
        route.accept.types.deny = deny.iter().map(|text| pattern(text)).collect();
        assert_eq!(
            outcome(route, Offer { declared_type: Some(declared.to_owned()), ..offer() }),
            expected,
            "{declared}"
        );
    }
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0";

#[test]
fn what_the_first_bytes_show_must_match_or_is_preferred() {
    let table = [
        (Detect::Ignore, "text/plain", PNG, None, "text/plain"),
        (Detect::MustMatch, "image/png", PNG, None, "image/png"),
        (Detect::MustMatch, "text/plain", PNG, Some(Problem::TypeMismatch), ""),
        (Detect::MustMatch, "text/csv", b"a,b\n1,2\n", None, "text/csv"),
        (Detect::MustMatch, "application/octet-stream", PNG, None, "application/octet-stream"),
        (Detect::PreferDetected, "text/plain", PNG, None, "image/png"),
        (Detect::PreferDetected, "text/csv", b"a,b\n1,2\n", None, "text/csv"),
    ];
    for (detect, declared, bytes, problem, media_type) in table {
        let mut route = route();
        route.accept.types.detect = detect;
        let offer = Offer { declared_type: Some(declared.to_owned()), ..offer() };
        let mut admission = admit(&Arc::new(route), offer).expect("admitted");
        assert_eq!(admission.first_bytes_wanted().is_some(), detect != Detect::Ignore);
        let failed = admission.detect(bytes).err().map(|failure| failure.problem);
        assert_eq!(failed, problem, "{detect:?} {declared}");
        if problem.is_none() {
            assert_eq!(admission.media_type, media_type, "{detect:?} {declared}");
        }
    }
}

#[test]
fn what_is_denied_is_denied_by_its_bytes_as_well() {
    for detect in [Detect::MustMatch, Detect::PreferDetected] {
        let mut route = route();
        route.accept.types = TypeRules { allow: Vec::new(), deny: vec![pattern("image/*")], detect };
        let offer = Offer { declared_type: None, ..offer() };
        let mut admission = admit(&Arc::new(route), offer).expect("admitted");
        assert_eq!(admission.detect(PNG).err().map(|failure| failure.problem), Some(Problem::TypeRefused));
    }
}

#[test]
fn sizes_are_bounded_by_type() {
    let size = SizeLimits { min: Some(1), max: Some(5), by_type: vec![(pattern("video/*"), 100)] };
    let table = [
        ("image/png", 5, None),
        ("image/png", 6, Some(Problem::FileTooLarge)),
        ("video/mp4", 100, None),
        ("video/mp4", 101, Some(Problem::FileTooLarge)),
        ("image/png", 0, Some(Problem::EmptyFile)),
    ];
    for (declared, len, expected) in table {
        let mut route = route();
        route.accept.size = size.clone();
        let offer = Offer { declared_type: Some(declared.to_owned()), size: Some(len), ..offer() };
        assert_eq!(outcome(route, offer), expected, "{declared} {len}");
    }
    let mut route = route();
    route.accept.size.min = Some(20);
    assert_eq!(outcome(route, offer()), Some(Problem::FileTooSmall));
}

#[test]
fn the_size_is_demanded_where_a_step_needs_it() {
    let mut route = route();
    let why = "step `store` sends a form".to_owned();
    route.needs.size = Some(Need { step: Some("store".into()), why });
    let admission = admit(&Arc::new(route), Offer { size: None, ..offer() }).expect("admitted");
    let failure = plan(admission).expect_err("refused");
    assert_eq!((failure.problem, failure.step), (Problem::LengthRequired, None));
    for word in ["`store`", "Content-Length", "Upload-Length"] {
        assert!(failure.detail.contains(word), "{}", failure.detail);
    }
}

#[test]
fn a_demanded_digest_must_come_before_the_file() {
    let planned = |require_digest, early: DigestSet, digests| {
        let mut route = Route { require_digest, ..route() };
        route.needs.early_digests = early;
        plan(admit(&Arc::new(route), Offer { digests, ..offer() }).expect("admitted"))
    };
    let sha256 = DigestSet::default().with(Algorithm::Sha256);
    let field = ("repr-digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
    let brought = || ClientDigests::parse([field]).expect("parses");
    assert!(planned(true, DigestSet::default(), ClientDigests::default()).is_err());
    assert!(planned(false, sha256, ClientDigests::default()).is_err());
    let plan = planned(true, sha256, brought()).expect("planned");
    assert!(plan.digests().contains(Algorithm::Sha256) && plan.digests().contains(Algorithm::Crc64Nvme));
}

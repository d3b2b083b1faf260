//! `tidegate check`: the report and its exit code.

use crate::support::{Ended, ROUTE, configuration, tidegate};

fn check(route: &str, flags: &[&str]) -> Ended {
    let (_folder, main) = configuration(route);
    Ended::of(tidegate().arg("check").arg("--config").arg(main).args(flags))
}

#[test]
fn exits_0_for_a_sound_configuration_and_1_for_one_with_errors() {
    let sound = check(ROUTE, &[]);
    assert_eq!((sound.code, sound.stdout.as_str()), (0, "no problem found\n"), "{sound:?}");
    let wrong = check(&ROUTE.replace("expect: 2xx", "expct: 2xx"), &["--json"]);
    assert_eq!(wrong.code, 1);
    let report: serde_json::Value = serde_json::from_str(&wrong.stdout).expect("it is JSON");
    assert_eq!(report["errors"], 1, "{report}");
    assert_eq!(report["problems"][0]["line"], 6, "{report}");
}

#[test]
fn takes_absent_variables_for_warnings_where_it_is_told_to() {
    let route = ROUTE.replace("com' }", "com', auth: { bearer: { env: TOKEN_OF_STORE } } }");
    assert_eq!(check(&route, &[]).code, 1);
    assert_eq!(check(&route, &["--without-environment"]).code, 0);
}

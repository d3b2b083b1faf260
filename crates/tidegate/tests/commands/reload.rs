//! Another configuration for a gateway that runs.

use std::io::{Read as _, Write as _};

use crate::serve::begun;
use crate::support::{ROUTE, Site, ask, get_text};

fn routes(site: &Site) -> String {
    get_text(&site.admin, "/routes")
}

fn has_metric(site: &Site, line: &str) -> bool {
    get_text(&site.admin, "/metrics").lines().any(|found| found == line)
}

#[test]
fn a_route_that_is_gone_ends_its_uploads_well_and_takes_no_more() {
    let site = Site::with_route(ROUTE);
    let mut upload = begun(&site);
    // The shipped routes are in the first line.
    let main = site.main();
    let rest = main.split_once('\n').expect("it has lines").1;
    site.write("tidegate.yaml", &format!("routes: more.yaml\n{rest}"));
    site.gateway.signal("HUP");
    let event = site.gateway.event("configuration reloaded");
    assert_eq!((&event["generation"], &event["why"]), (&2.into(), &"SIGHUP".into()), "{event}");
    assert!(!routes(&site).contains("kustomer-media") && routes(&site).contains("\"raw\""), "{}", routes(&site));

    upload.write_all(&[7; 63]).expect("the gateway goes on reading");
    // The same connection, and the route of before.
    upload
        .write_all(b"PUT /kustomer/media/b.pdf HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        .expect("it is read");
    let mut answers = String::new();
    upload.read_to_string(&mut answers).expect("two answers");
    assert!(answers.starts_with("HTTP/1.1 201 Created\r\n"), "{answers}");
    assert!(answers.contains("HTTP/1.1 404 Not Found\r\n") && answers.contains("no-such-route"), "{answers}");
}

#[test]
fn what_cannot_be_used_is_told_with_its_place_and_the_one_before_stays() {
    let site = Site::with_route(ROUTE);
    site.write("more.yaml", &ROUTE.replace("target: store", "target: stor"));
    site.gateway.signal("HUP");
    let event = site.gateway.event("there is no target `stor`");
    let place = event["place"].as_str().expect("text");
    assert!(place.contains("more.yaml:6:"), "{event}");
    let event = site.gateway.event("the changed configuration cannot be used; the one before stays");
    assert_eq!(event["problems"], 1, "{event}");
    assert!(has_metric(&site, "tidegate_config_last_reload_successful 0"));
    assert!(has_metric(&site, "tidegate_config_generation 1"));
    assert!(routes(&site).contains("\"raw\""));

    site.write("more.yaml", &ROUTE.replace("route: raw", "route: cooked"));
    site.gateway.signal("HUP");
    site.gateway.event("configuration reloaded");
    assert!(has_metric(&site, "tidegate_config_last_reload_successful 1"));
    assert!(has_metric(&site, "tidegate_config_generation 2"));
    assert!(routes(&site).contains("\"cooked\""));
}

#[test]
fn a_file_that_changes_is_noticed() {
    let site = Site::with_route(ROUTE);
    site.write("more.yaml", &ROUTE.replace("route: raw", "route: cooked"));
    let event = site.gateway.event("configuration reloaded");
    assert_eq!(event["why"], "a file changed", "{event}");
    assert!(routes(&site).contains("\"cooked\""));
}

#[test]
fn changes_that_take_a_restart_are_told() {
    let site = Site::shipped();
    site.write("tidegate.yaml", &format!("{}log: {{ format: json }}\n", site.main()));
    site.gateway.signal("HUP");
    let event = site.gateway.event("some changes take a restart");
    assert_eq!(event["keys"], "log.format", "{event}");
}

#[test]
fn the_log_tells_more_or_less_as_the_configuration_says() {
    let site = Site::shipped();
    let main = site.main();
    let with = |level: &str| format!("{main}log: {{ level: '{level}' }}\n");
    site.write("tidegate.yaml", &with("debug,gateway::server=warn"));
    site.gateway.signal("HUP");
    site.gateway.event("configuration reloaded");
    // No filter.
    site.write("tidegate.yaml", &with("=["));
    site.gateway.signal("HUP");
    let event = site.gateway.event("the changed configuration cannot be used; the one before stays");
    assert!(event["error"].as_str().is_some_and(|error| error.contains("log.level")), "{event}");
    site.write("tidegate.yaml", &with("error"));
    site.gateway.signal("HUP");
    while !has_metric(&site, "tidegate_config_generation 3") {
        std::thread::yield_now();
    }
    site.gateway.signal("TERM");
    let mut site = site;
    assert_eq!(site.gateway.rest(), Vec::<String>::new(), "nothing is told below error");
}

#[test]
fn an_operator_changes_what_is_logged_until_it_is_taken_back() {
    let site = Site::shipped();
    let answer = ask(&site.admin, "PUT", "/log?filter=error,gateway::admin=warn");
    assert!(answer.ends_with(r#"{"filter":"error,gateway::admin=warn"}"#), "{answer}");
    let event = site.gateway.event("an operator changes what is logged");
    assert_eq!(event["filter"], "error,gateway::admin=warn", "{event}");
    // Not told, and what comes after it is.
    site.gateway.signal("HUP");
    while !has_metric(&site, "tidegate_config_generation 2") {
        std::thread::yield_now();
    }
    assert!(get_text(&site.admin, "/log").ends_with(r#"{"filter":"info"}"#), "a reload takes it back");
    let refused = ask(&site.admin, "PUT", "/log?filter=%3D%5B");
    assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains("is no log filter"), "{refused}");
    ask(&site.admin, "PUT", "/log?filter=off");
    let answer = ask(&site.admin, "DELETE", "/log");
    assert!(answer.ends_with(r#"{"filter":"info"}"#), "{answer}");
    site.gateway.signal("TERM");
    site.gateway.event("drained");
}

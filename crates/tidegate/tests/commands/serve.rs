//! `tidegate serve` from its start to its signals.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;

use crate::support::{Background, Ended, ROUTE, Site, configuration, get_text, shipped, tidegate};

/// An upload of 70 bytes of which the first 7 are sent.
pub(crate) fn begun(site: &Site) -> TcpStream {
    let mut stream = TcpStream::connect(&site.address).expect("the gateway listens");
    let head = format!("PUT /kustomer/media/a.pdf HTTP/1.1\r\nHost: {}\r\nContent-Length: 70\r\n\r\n", site.address);
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&[7; 7])).expect("the gateway reads");
    site.wait_for_uploads(1);
    stream
}

#[test]
fn a_configuration_that_cannot_be_used_is_reported_and_fails() {
    let (_folder, main) = configuration(&ROUTE.replace("target: store", "target: stor"));
    let ended = Ended::of(tidegate().arg("serve").arg("--config").arg(main));
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    for words in ["the configuration cannot be used", "raw.yaml:6:", "stor"] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
}

#[test]
fn an_address_that_is_taken_fails() {
    let site = Site::shipped();
    let main = shipped("config/tidegate.yaml");
    let mut serve = tidegate();
    serve.args(["serve".as_ref(), "--config".as_ref(), main.as_os_str()]).envs(site.environment.clone());
    let ended = Ended::of(serve.env("TIDEGATE_LISTEN", &site.address).env("TIDEGATE_ADMIN", "127.0.0.1:0"));
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("cannot listen at"), "{}", ended.stderr);
}

#[test]
fn serves_until_it_is_told_to_end_and_exits_0_when_nothing_was_lost() {
    for signal in ["TERM", "INT"] {
        let mut site = Site::shipped();
        site.gateway.event("tidegate is ready");
        let answer = get_text(&site.admin, "/readyz");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        site.gateway.signal(signal);
        site.gateway.event("drained");
        assert_eq!(site.gateway.code(), 0);
    }
}

#[test]
fn a_filter_that_is_none_is_refused_before_anything_listens() {
    let (_folder, main) = configuration(ROUTE);
    let ended = Ended::of(tidegate().env("RUST_LOG", "=[").arg("serve").arg("--config").arg(main));
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("RUST_LOG"), "{}", ended.stderr);
}

#[test]
fn an_upload_in_flight_ends_before_a_drain_does() {
    let mut site = Site::shipped();
    let mut upload = begun(&site);
    site.gateway.signal("TERM");
    site.gateway.event("draining");
    upload.write_all(&[7; 63]).expect("the gateway goes on reading");
    let mut answer = String::new();
    upload.read_to_string(&mut answer).expect("an answer, and the end of the connection");
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(site.gateway.code(), 0);
}

#[test]
fn a_hangup_ends_no_upload() {
    let mut site = Site::shipped();
    let mut upload = begun(&site);
    site.gateway.signal("HUP");
    site.gateway.event("configuration reloaded");
    upload.write_all(&[7; 63]).expect("the gateway goes on reading");
    site.gateway.signal("TERM");
    let mut answer = String::new();
    upload.read_to_string(&mut answer).expect("an answer, and the end of the connection");
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    assert_eq!(site.gateway.code(), 0);
}

#[test]
fn a_second_signal_aborts_uploads_and_fails() {
    let mut site = Site::shipped();
    let mut upload = begun(&site);
    site.gateway.signal("TERM");
    site.gateway.event("draining");
    site.gateway.signal("TERM");
    let mut answer = String::new();
    upload.read_to_string(&mut answer).expect("an answer, and the end of the connection");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(site.gateway.code(), 1);
}

#[test]
fn listens_with_the_socket_that_a_service_manager_hands_over() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("it is bound").to_string();
    let (_folder, main) = configuration(ROUTE);
    let text = std::fs::read_to_string(&main).expect("it is there");
    std::fs::write(&main, text.replacen("127.0.0.1:0", &address, 1)).expect("it can be written");
    // As systemd does it: the first socket is descriptor 3, and the variables name the process that they are for.
    let hand_over = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" serve --config \"$1\"";
    let mut shell = Command::new("sh");
    shell.env_clear().args(["-c".as_ref(), hand_over.as_ref(), tidegate().get_program(), main.as_os_str()]);
    // It waits before anybody accepts.
    let mut waiting = TcpStream::connect(&address).expect("the socket listens");
    waiting.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it is sent");
    let mut gateway = Background::logging(shell.stdin(OwnedFd::from(socket)));
    let event = gateway.event("listening");
    assert_eq!((&event["address"], &event["handed_over"]), (&address.into(), &true.into()), "{event}");
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    gateway.signal("TERM");
    assert_eq!(gateway.code(), 0);
}

#[test]
fn what_is_handed_over_and_does_not_listen_is_refused() {
    let (_folder, main) = configuration(ROUTE);
    let hand_over = "exec 3</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" serve --config \"$1\"";
    let mut shell = Command::new("sh");
    shell.env_clear().args(["-c".as_ref(), hand_over.as_ref(), tidegate().get_program(), main.as_os_str()]);
    let ended = Ended::of(&mut shell);
    assert!(ended.code == 1 && ended.stderr.contains("LISTEN_FDS"), "{ended:?}");
}

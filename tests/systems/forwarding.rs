//! What of a client's request goes on to an upstream, and what stays: credentials and cookies are the client's with this
//! gateway, a trace belongs to whoever the operator named, and a learned URL gets nothing that its answer did not ask for.

use harness::{Rig, content};
use sandbox::{Exchange, Options, Step, System};

use crate::upload::{Form, Protocol, Upload};

/// Version and trace id of a `traceparent`.
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-";
/// Parent id and flags.
const PARENT: &str = "00f067aa0ba902b7-01";

/// Fields that must not be passed on.
const PRIVATE: [(&str, &str); 7] = [
    ("authorization", "Bearer of-the-client"),
    ("cookie", "session=of-the-client"),
    ("x-forwarded-for", "192.0.2.1"),
    ("x-amz-meta-evil", "of-the-client"),
    ("x-request-id", "of-the-client"),
    ("proxy-authorization", "Basic of-the-client"),
    ("range", "bytes=0-1"),
];

fn is_learned(exchange: &Exchange) -> bool {
    let goes_to_s3 = !matches!(exchange.system, Some(System::Flowkiwi | System::KlinkCx));
    exchange.step == Step::Store && goes_to_s3
}

#[tokio::test]
async fn only_a_trace_goes_on_and_only_to_configured_targets() {
    let (rig, sandbox) = Rig::shipped(Options::default()).await;
    for system in System::ALL {
        for (form, protocol) in [(Form::Named, Protocol::Http1), (Form::Multipart, Protocol::Http2)] {
            let mut upload = Upload::to(system, content::bytes(10)).by(form, protocol);
            upload = upload.header("traceparent", &format!("{TRACE}{PARENT}"));
            for (name, value) in PRIVATE {
                upload = upload.header(name, value);
            }
            assert_eq!(upload.send(&rig).await.status, 201, "{upload}");
        }
    }
    let journal = sandbox.journal();
    assert_eq!(journal.len(), 2 * (2 + 1 + 1 + 3 + 3));
    for exchange in journal {
        let shown = format!("{} {}: {:?}", exchange.method, exchange.path(), exchange.headers);
        for (name, value) in PRIVATE {
            assert_ne!(exchange.header(name), Some(value), "{shown}");
        }
        let trace = exchange.header("traceparent");
        if is_learned(&exchange) {
            assert_eq!((trace, exchange.header("authorization")), (None, None), "{shown}");
        } else {
            let of_this_trace = |field: &str| field.starts_with(TRACE) && !field.ends_with(PARENT);
            assert!(trace.is_some_and(of_this_trace), "{shown}");
        }
    }
}

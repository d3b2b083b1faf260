//! The size of a file: announced beside a body without one, derived from a form, or missing.

use bytes::Bytes;
use harness::client::Http2Upload;
use harness::{Answer, RawConnection, Rig, content};
use http::Request;
use sandbox::{Options, System};

use crate::stored::assert_stored;
use crate::upload::{Form, Protocol, Upload};

/// Sends an upload without `Content-Length`: in chunks over HTTP/1.1, in DATA frames over HTTP/2.
async fn send_unframed(rig: &Rig, upload: &Upload) -> Answer {
    let (mut head, body) = upload.request().into_parts();
    if upload.protocol == Protocol::Http2 {
        let uri = format!("http://{}{}", rig.address(), head.uri);
        head.uri = uri.parse().expect("a target");
        let mut stream = Http2Upload::begin(rig.address(), Request::from_parts(head, ())).await.expect("a stream");
        let (first, rest) = body.split_at(body.len() / 2);
        for (part, end) in [(first, false), (rest, true)] {
            // A refusal may come first; the answer tells.
            let _sent = stream.send(Bytes::copy_from_slice(part), end).await;
        }
        return stream.answer().await.expect("an answer");
    }
    let mut text = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", head.method, head.uri, rig.address());
    for (name, value) in &head.headers {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().expect("plain text")));
    }
    text.push_str("Transfer-Encoding: chunked\r\n\r\n");
    let mut message = text.into_bytes();
    for chunk in body.chunks(1000) {
        message.extend_from_slice(format!("{:x};ext=1\r\n", chunk.len()).as_bytes());
        message.extend_from_slice(chunk);
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"0\r\n\r\n");
    let mut connection = RawConnection::open(rig.address()).await.expect("a connection");
    let _sent = connection.send(&message).await;
    connection.answer().await.expect("an answer")
}

#[tokio::test]
async fn a_body_without_content_length_is_taken_with_upload_length() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    for system in System::ALL {
        for form in [Form::Named, Form::Query, Form::Multipart] {
            for protocol in Protocol::ALL {
                for size in [1, 70_000] {
                    let upload = Upload::to(system, content::bytes(size)).by(form, protocol);
                    let announced = upload.clone().header("upload-length", &size.to_string());
                    let answer = send_unframed(&rig, &announced).await;
                    assert_stored(&sandbox, &upload, &answer);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_form_may_say_both_lengths_if_they_agree() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    for system in System::ALL {
        let upload = Upload::to(system, content::bytes(777)).by(Form::Multipart, Protocol::Http1);
        let answer = upload.clone().header("upload-length", "777").send(&rig).await;
        assert_stored(&sandbox, &upload, &answer);
        let before = sandbox.journal().len();
        let answer = upload.header("upload-length", "776").send(&rig).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "length-mismatch"));
        assert_eq!(sandbox.journal().len(), before, "{system} was asked");
    }
}

#[tokio::test]
async fn without_any_length_each_route_says_which_step_needs_it() {
    let (rig, sandbox) = Rig::shipped(Options::default()).await;
    let mut details = Vec::new();
    for system in System::ALL {
        let mut of_system = Vec::new();
        for form in [Form::Named, Form::Query, Form::Multipart] {
            for protocol in Protocol::ALL {
                let upload = Upload::to(system, content::bytes(70_000)).by(form, protocol);
                let answer = send_unframed(&rig, &upload).await;
                assert_eq!((answer.status, answer.problem().as_str()), (411, "length-required"), "{upload}");
                let problem = answer.json();
                assert_eq!((&problem["step"], &problem["blame"]), (&serde_json::Value::Null, &"client".into()));
                of_system.push(problem["detail"].as_str().unwrap_or_default().to_owned());
            }
        }
        of_system.dedup();
        assert_eq!(of_system.len(), 1, "{of_system:?}");
        details.push(format!("{system}: {}", of_system.concat()));
    }
    insta::assert_snapshot!("length_required", details.join("\n"));
    assert_eq!(sandbox.journal(), []);
}

//! Every system through every ingress form over HTTP/1.1 and HTTP/2.

use harness::{Rig, content};
use sandbox::{Options, System};

use crate::stored::assert_stored;
use crate::upload::{Form, Protocol, Upload};

#[tokio::test]
async fn every_system_takes_every_form_over_both_protocols() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    for system in System::ALL {
        for form in Form::ALL {
            for protocol in Protocol::ALL {
                let upload = Upload::to(system, content::bytes(1500)).by(form, protocol);
                let answer = upload.send(&rig).await;
                assert_stored(&sandbox, &upload, &answer);
            }
        }
    }
}

#[tokio::test]
async fn a_type_is_kept_with_its_parameters_and_a_missing_one_is_octet_stream() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    // Amazon Connect signs its URL for a type of its own, whatever the file was declared as.
    for system in System::ALL.into_iter().filter(|system| *system != System::AmazonConnect) {
        for form in [Form::Named, Form::Multipart] {
            let upload = Upload::to(system, b"a,b".to_vec()).by(form, Protocol::Http1).named("a.csv");
            let upload = Upload { media_type: "text/csv; charset=utf-8; header=present".to_owned(), ..upload };
            let answer = upload.send(&rig).await;
            assert_stored(&sandbox, &upload, &answer);
        }
        let mut request = Upload::to(system, b"a,b".to_vec()).request();
        request.headers_mut().remove("content-type");
        let answer = harness::client::http1(rig.address(), request).await.expect("an answer");
        let untyped = Upload::to(system, b"a,b".to_vec());
        let untyped = Upload { media_type: "application/octet-stream".to_owned(), ..untyped };
        assert_stored(&sandbox, &untyped, &answer);
    }
}

#[tokio::test]
async fn a_file_without_a_name_gets_one_that_fits_its_type() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    for system in System::ALL {
        let nameless = Upload::to(system, content::bytes(10)).by(Form::Query, Protocol::Http1);
        let target = nameless.target().replace("filename=a.png", "");
        let mut request = nameless.request();
        *request.uri_mut() = target.trim_end_matches(['?', '&']).parse().expect("a target");
        let answer = harness::client::http1(rig.address(), request).await.expect("an answer");
        assert_stored(&sandbox, &nameless.named("unnamed.png"), &answer);
    }
}

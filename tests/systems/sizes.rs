//! Sizes around the boundaries of base64 groups, of buffers and of the systems' own limits.

use harness::{Rig, content};
use sandbox::{Options, System};

use crate::stored::assert_stored;
use crate::upload::{Form, Protocol, Upload};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

#[tokio::test]
async fn every_size_around_a_boundary_arrives() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    for size in [1, 2, 3, 4, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1] {
        for system in System::ALL {
            for form in [Form::Named, Form::Disposition, Form::Multipart] {
                for protocol in Protocol::ALL {
                    let upload = Upload::to(system, content::bytes(size)).by(form, protocol);
                    let answer = upload.send(&rig).await;
                    assert_stored(&sandbox, &upload, &answer);
                }
            }
        }
        sandbox.clear();
    }
}

#[tokio::test]
async fn a_few_mebibytes_arrive() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    for system in System::ALL {
        for (form, protocol) in [(Form::Named, Protocol::Http2), (Form::Multipart, Protocol::Http1)] {
            let upload = Upload::to(system, content::bytes(3 * MIB + 1)).by(form, protocol);
            let answer = upload.send(&rig).await;
            assert_stored(&sandbox, &upload, &answer);
        }
        sandbox.clear();
    }
}

/// S3 has no minimum unless a policy says so; KlinkCX wants its member `data` filled; Connect begins at one byte.
#[tokio::test]
async fn an_empty_file_is_stored_or_refused_as_its_system_wants() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    for form in Form::ALL {
        for protocol in Protocol::ALL {
            for system in [System::Kustomer, System::Flowkiwi, System::TeamworkDesk] {
                let upload = Upload::to(system, Vec::new()).by(form, protocol);
                let answer = upload.send(&rig).await;
                assert_stored(&sandbox, &upload, &answer);
            }
            let upload = Upload::to(System::KlinkCx, Vec::new()).by(form, protocol);
            let answer = upload.send(&rig).await;
            assert_eq!((answer.status, answer.problem().as_str()), (422, "upstream-refused-file"), "{upload}");
            let violations = serde_json::json!([{ "field": "data", "message": "The data field is required." }]);
            assert_eq!(answer.json()["violations"], violations);

            let before = sandbox.journal().len();
            let upload = Upload::to(System::AmazonConnect, Vec::new()).by(form, protocol);
            let answer = upload.send(&rig).await;
            assert_eq!((answer.status, answer.problem().as_str()), (400, "empty-file"), "{upload}");
            assert_eq!(sandbox.journal().len(), before, "{upload}: Connect was asked");
        }
    }
}

#[tokio::test]
async fn flowkiwi_takes_five_mebibytes_and_more_of_a_video_only() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    let typed = |size, media_type: &str| {
        let upload = Upload::to(System::Flowkiwi, content::bytes(size));
        Upload { media_type: media_type.to_owned(), ..upload }
    };
    let limit = 5 * MIB;
    for upload in [typed(limit, "image/png"), typed(limit + 1, "video/mp4")] {
        let answer = upload.send(&rig).await;
        assert_stored(&sandbox, &upload, &answer);
    }
    sandbox.clear();
    for form in [Form::Named, Form::Multipart] {
        let upload = typed(limit + 1, "image/png").by(form, Protocol::Http1);
        let answer = upload.send(&rig).await;
        assert_eq!((answer.status, answer.problem().as_str()), (413, "file-too-large"));
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains(&limit.to_string()), "{detail}");
    }
    assert_eq!(sandbox.journal(), []);
}

#[tokio::test]
async fn every_extension_that_kustomer_blocks_is_refused_before_anything_is_sent() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    let blocked = "bin bat chm com cpl crt exe hlp hta inf ins isp jse lnk mdb msc msi msp mst pcd pif ps1 reg scr sct \
                   shs vbe vba vbs wsf wsh wsl";
    assert_eq!(blocked.split_whitespace().count(), 32);
    for extension in blocked.split_whitespace() {
        for name in
            [format!("a.{extension}"), format!("a.pdf.{}", extension.to_uppercase()), format!("a.{extension}. .")]
        {
            let upload = Upload::to(System::Kustomer, content::bytes(5)).named(&name);
            let answer = upload.send(&rig).await;
            assert_eq!((answer.status, answer.problem().as_str()), (422, "extension-refused"), "{name}");
        }
    }
    assert_eq!(sandbox.journal(), []);
    let harmless = Upload::to(System::Kustomer, content::bytes(5)).named("www.example.com.pdf");
    let answer = harmless.send(&rig).await;
    assert_stored(&sandbox, &harmless, &answer);
}

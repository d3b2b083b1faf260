//! Names arrive as they were meant, in whatever form they were written.

use harness::{Rig, content};
use sandbox::{Options, System};

use crate::stored::assert_stored;
use crate::upload::{Form, Protocol, Upload};

/// Names that break whoever writes or reads them carelessly.
fn names() -> Vec<String> {
    let fixed = [
        "Übergrößenträger – naïve.png",
        "日本語のファイル.png",
        "emoji 🦀 👩‍👩‍👧 🇪🇺.png",
        "decomposed e\u{301}.png",
        "שלום\u{200F}.png",
        r#"a "quoted" name.png"#,
        r#"""#,
        "it's 'single'.png",
        "  two  spaces  inside .png",
        "100% sure.png",
        "literal%22percent%0D%0A.png",
        "%41%zz%.png",
        "a+b++c.png",
        "semi;colon=x,&amp;#?.png",
        "-rf.png",
        "$(name) ${name} {{name}} `x`.png",
        "a<b>|c*.png",
        "many.dots...here.png",
        "UPPER.PNG",
    ];
    let longest = [format!("{}a.png", "ü".repeat(125)), format!("{}.png", "x".repeat(251))];
    fixed.map(str::to_owned).into_iter().chain(longest).collect()
}

/// Whether a form can say this name at all, with `%22` meaning a quote in quoted names of a form (RFC 7578, section 4.2).
fn can_say(form: Form, name: &str) -> bool {
    match form {
        Form::Multipart | Form::EscapedMultipart => !name.contains("%22"),
        _ => true,
    }
}

async fn every_name_arrives(protocol: Protocol) {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    for name in names() {
        // Connect goes by the extension.
        let systems = System::ALL.into_iter().filter(|system| name.len() > 1 || *system != System::AmazonConnect);
        for system in systems {
            for form in Form::ALL.into_iter().filter(|form| can_say(*form, &name)) {
                let upload = Upload::to(system, content::bytes(5)).named(&name).by(form, protocol);
                let answer = upload.send(&rig).await;
                assert_stored(&sandbox, &upload, &answer);
            }
        }
        sandbox.clear();
    }
}

#[tokio::test]
async fn every_name_arrives_over_http1() {
    every_name_arrives(Protocol::Http1).await;
}

#[tokio::test]
async fn every_name_arrives_over_http2() {
    every_name_arrives(Protocol::Http2).await;
}

#[tokio::test]
async fn a_quote_may_be_written_as_percent_22_in_a_form_and_a_space_as_plus_in_a_query() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    let upload = Upload::to(System::KlinkCx, content::bytes(5));
    let written = upload.clone().named("a%22b.png").by(Form::EscapedMultipart, Protocol::Http1);
    let answer = written.send(&rig).await;
    assert_stored(&sandbox, &upload.clone().named("a\"b.png"), &answer);

    let mut request = upload.clone().by(Form::Query, Protocol::Http1).request();
    *request.uri_mut() = "/klinkcx/file?filename=a+b%2Bc.png".parse().expect("a target");
    let answer = harness::client::http1(rig.address(), request).await.expect("an answer");
    assert_stored(&sandbox, &upload.named("a b+c.png"), &answer);
}

#[tokio::test]
async fn names_that_nobody_may_have_are_refused_before_anything_is_sent() {
    let (rig, sandbox) = Rig::shipped(Options::default()).await;
    let too_long = format!("{}.png", "x".repeat(252));
    let refused = ["..", "a/b.png", "a\\b.png", "nul\0.png", "bell\u{7}.png", "gpj\u{202E}exe.png", " . ", &too_long];
    for system in System::ALL {
        for name in refused {
            for form in [Form::Named, Form::Query, Form::ExtendedDisposition, Form::ExtendedMultipart] {
                let upload = Upload::to(system, content::bytes(5)).named(name).by(form, Protocol::Http1);
                let answer = upload.send(&rig).await;
                assert_eq!((answer.status, answer.problem().as_str()), (422, "name-refused"), "{upload}");
                assert_eq!(answer.json()["blame"], "client");
            }
        }
    }
    assert_eq!(sandbox.journal(), []);
}

//! File names and extensions, in every place where a client can give one.

use harness::forms;
use http::Request;

use crate::support::{PLAIN, Stage, post, put, stored};

const DENIES: &str = "accept: { extensions: { deny: [exe, bat] } }\n";

#[tokio::test]
async fn names_that_could_leave_a_folder_or_forge_a_line_are_refused_in_every_place() {
    let stage = Stage::new(PLAIN, []).await;
    let refused = [
        "a%2Fb.png",
        "..%5Cb.png",
        "%2e%2e",
        "%2e",
        "a%00.png",
        "a%0Ab.png",
        "a%7F.png",
        "a%C2%85.png",
        "%E2%80%AEgnp.exe",
        "a%FF.png",
        "%20.%20",
    ];
    for name in refused {
        let in_path = stage.send(put(name), "x").await;
        assert_eq!(in_path.problem(), "name-refused", "{name} in the path: {in_path:?}");
        let field = format!("attachment; filename*=UTF-8''{name}");
        let in_field = stage.send(post().header("content-disposition", field), "x").await;
        // Bytes that are no UTF-8 contradict what the field itself says of them.
        let expected = if name == "a%FF.png" { "malformed-request" } else { "name-refused" };
        assert_eq!(in_field.problem(), expected, "{name} in a field: {in_field:?}");
        if name != "a%FF.png" {
            let in_query = stage.send(Request::post(format!("/files?filename={name}")), "x").await;
            assert_eq!(in_query.problem(), "name-refused", "{name} in the query: {in_query:?}");
        }
    }
    stage.expect("name-refused.separator", &stage.send(put("a%2Fb.png"), "x").await);
    stage.expect("name-refused.bidi", &stage.send(put("%E2%80%AEgnp.exe"), "x").await);
    stage.expect("name-refused.not-utf8", &stage.send(put("a%FF.png"), "x").await);
    let form = forms::form(&[], "../a.png", "image/png", b"x");
    let answer = stage.send(post().header("content-type", forms::content_type()), form).await;
    assert_eq!(answer.problem(), "name-refused", "{answer:?}");
    assert!(stage.peer.requests().is_empty());
}

#[tokio::test]
async fn names_are_kept_as_sent_and_bounded() {
    let stage = Stage::new(PLAIN, (0..8).map(|_| stored())).await;
    for (sent, kept) in [
        ("CON.png", "CON.png"),
        ("%C3%84%20%22b%22%25.PNG", "\u{c4} \"b\"%.PNG"),
        ("A%CC%88.png", "A\u{308}.png"),
        ("a+b.png", "a+b.png"),
        (".hidden", ".hidden"),
    ] {
        let answer = stage.send(put(sent), "x").await;
        assert_eq!((answer.status, &answer.json()["file"]["name"]), (201, &kept.into()), "{sent}: {answer:?}");
    }
    assert_eq!(stage.send(put(&"a".repeat(255)), "x").await.status, 201);
    stage.expect("name-refused.too-long", &stage.send(put(&"a".repeat(256)), "x").await);
}

#[tokio::test]
async fn a_rule_can_ask_for_shorter_names_and_for_a_pattern() {
    let stage = Stage::plain("accept: { name: { max-bytes: 10, pattern: '^[a-z.]+$' } }\n", [stored()]).await;
    assert_eq!(stage.send(put("abcde.png"), "x").await.status, 201);
    assert_eq!(stage.send(put("abcdefgh.png"), "x").await.problem(), "name-refused");
    stage.expect("name-refused.pattern", &stage.send(put("ABC.png"), "x").await);
}

#[tokio::test]
async fn a_name_comes_from_the_path_the_field_or_the_query() {
    let stage = Stage::new(PLAIN, (0..8).map(|_| stored())).await;
    let field = |value: &str| post().header("content-disposition", value);
    let named = [
        (field("attachment; filename=\"a b.png\""), "a b.png"),
        (field("attachment; filename=plain.png; filename*=UTF-8''%C3%A4.png"), "\u{e4}.png"),
        (field("inline; filename=\"a\\\"b.png\""), "a\"b.png"),
        (Request::post("/files?filename=a.png").header("content-disposition", "attachment; filename=a.png"), "a.png"),
        // The path names the file; the field is about something that nobody asked for.
        (put("p.png").header("content-disposition", "attachment; filename=f.png"), "p.png"),
    ];
    for (request, name) in named {
        let answer = stage.send(request, "x").await;
        assert_eq!((answer.status, &answer.json()["file"]["name"]), (201, &name.into()), "{answer:?}");
    }
}

#[tokio::test]
async fn a_file_without_a_name_is_called_unnamed_with_the_extension_of_its_type() {
    let stage = Stage::new(PLAIN, (0..6).map(|_| stored())).await;
    for (media_type, name) in [
        (Some("image/png"), "unnamed.png"),
        (Some("image/jpeg"), "unnamed.jpg"),
        (Some("text/plain; charset=utf-8"), "unnamed.txt"),
        (Some("application/octet-stream"), "unnamed"),
        (Some("application/x-nobody-knows"), "unnamed"),
        (None, "unnamed"),
    ] {
        let request = media_type.into_iter().fold(post(), |request, value| request.header("content-type", value));
        let answer = stage.send(request, "x").await;
        assert_eq!(answer.json()["file"]["name"], name, "{media_type:?}: {answer:?}");
        assert_eq!(answer.json()["file"]["type"], media_type.unwrap_or("application/octet-stream"));
    }
}

#[tokio::test]
async fn the_last_suffix_decides_after_trailing_dots_and_spaces() {
    let stage = Stage::plain(DENIES, (0..3).map(|_| stored())).await;
    stage.expect("extension-refused.exe", &stage.send(put("a.exe"), "x").await);
    for name in ["a.pdf.exe", "a.exe.%20.", "a.EXE", "a.exe...", ".exe", "a.bat%20"] {
        assert_eq!(stage.send(put(name), "x").await.problem(), "extension-refused", "{name}");
    }
    assert_eq!(stage.peer.requests().len(), 0);
    for name in ["www.example.com.pdf", "a.exe.pdf", "exe"] {
        assert_eq!(stage.send(put(name), "x").await.status, 201, "{name}");
    }
}

#[tokio::test]
async fn every_suffix_decides_where_the_rule_says_so() {
    let more = "accept: { extensions: { deny: [exe], every-suffix: true } }\n";
    let stage = Stage::plain(more, [stored()]).await;
    stage.expect("extension-refused.every-suffix", &stage.send(put("a.exe.pdf"), "x").await);
    assert_eq!(stage.send(put("a.tar.gz"), "x").await.status, 201);
}

#[tokio::test]
async fn only_listed_extensions_pass_where_the_rule_lists_some() {
    let stage = Stage::plain("accept: { extensions: { allow: [png] } }\n", [stored()]).await;
    assert_eq!(stage.send(put("a.PNG"), "x").await.status, 201);
    stage.expect("extension-refused.without-one", &stage.send(put("png"), "x").await);
    assert_eq!(stage.send(put("a.png.zip"), "x").await.problem(), "extension-refused");
}

//! The five shipped systems, end to end.

use harness::{Rig, client, content};
use http::Request;
use sandbox::Options;

#[tokio::test]
async fn smoke() {
    let (rig, sandbox) = Rig::shipped(Options::default()).await;
    for path in [
        "/kustomer/media/a%20b.png",
        "/flowkiwi/media/a.png",
        "/klinkcx/file/a.png",
        "/teamwork/desk/file/a.png",
        "/amazon/connect/file/a.png?associated_resource_arn=arn%3Aaws%3Acases%3Aus-east-1%3A123456789012%3Adomain%2Fd1%2Fcase%2Fc1&wait=true",
    ] {
        let body = content::bytes(70_000);
        let request = Request::put(path).header("content-type", "image/png").body(body.clone()).expect("a request");
        let answer = client::http1(rig.address(), request).await.expect("an answer");
        println!("{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    for exchange in sandbox.journal() {
        println!("{exchange:?}");
    }
}

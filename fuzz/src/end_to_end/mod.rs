//! One upload from the client's bytes to the upstream's, without sockets: head gate, framing, form, admission, plan,
//! run, envelope.
//!
//! The input: a byte each for the kind of request, the rule, and the fault; then name, title, note and type, and the file.
//! `client` writes the request; `head`, `body` and `gateway` are what stands between the stages in the real one, `upstream` reads what came out
//! with readers of its own and says what should have.

mod body;
mod client;
mod gateway;
mod head;
mod upstream;

use crate::chunks::{Random, cuts};
use crate::fields::Fields;

/// What is uploaded.
#[derive(Debug, Clone)]
struct Upload {
    name: String,
    title: String,
    note: String,
    media_type: String,
    file: Vec<u8>,
}

/// How the client sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ingress {
    /// The body is the file, with `Content-Length`.
    Raw,
    /// The body is the file in chunks, with `Upload-Length`.
    RawChunked,
    /// The body is the file in chunks, of unknown size.
    RawUnknown,
    /// A form; the file's size follows from `Content-Length`.
    Form,
    /// A form in chunks, with `Upload-Length`.
    FormChunked,
}

/// What is wrong with the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The true digest of the file is demanded.
    TrueDigest,
    /// Another digest is demanded.
    WrongDigest,
    /// The last byte of the body never comes.
    Truncated,
    /// One byte more than announced.
    Overlong,
    /// The announced file is one byte longer than the one that comes.
    LongAnnouncement,
    /// A second file in the form; in a raw upload the same as no fault.
    SecondFile,
}

impl Fault {
    fn is_harmless(self, ingress: Ingress) -> bool {
        match self {
            Self::None | Self::TrueDigest => true,
            Self::SecondFile => !ingress.is_form(),
            Self::LongAnnouncement => ingress == Ingress::RawUnknown,
            Self::WrongDigest | Self::Truncated | Self::Overlong => false,
        }
    }
}

impl Ingress {
    fn is_form(self) -> bool {
        matches!(self, Self::Form | Self::FormChunked)
    }
}

/// What became of an upload.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// All bytes that the upstream got with the transfer.
    sent: Vec<u8>,
    /// Whether every proof stood and the upstream answered.
    is_stored: bool,
}

/// The upstream gets exactly the request that was meant, in every cut of the client's bytes, and its end only after every
/// proof; of a request that is refused or broken it never has a complete message.
pub fn end_to_end(input: &[u8]) {
    use Fault::{LongAnnouncement, None as Sound, Overlong, SecondFile, TrueDigest, Truncated, WrongDigest};
    let mut fields = Fields::of(input);
    let ingress =
        fields.choice(&[Ingress::Raw, Ingress::RawChunked, Ingress::RawUnknown, Ingress::Form, Ingress::FormChunked]);
    let rule = fields.choice(&gateway::RULES);
    let fault = fields.choice(&[Sound, TrueDigest, WrongDigest, Truncated, Overlong, LongAnnouncement, SecondFile]);
    let (name, title, note, media_type) = (fields.text(), fields.text(), fields.text(), fields.text());
    let upload = Upload { name, title, note, media_type, file: fields.rest().to_vec() };
    let Some(request) = client::request(&upload, ingress, fault) else { return };
    // A boundary that never changes would be found and written into a value; nobody can aim at one that hangs on all of it.
    let mut random = Random::of(input);
    let seed = (u128::from(random.next()) << 64 | u128::from(random.next())).to_be_bytes();
    let [whole, single, pieces] = cuts(&request).map(|chunks| gateway::serve(rule, seed, chunks));
    // A fault may be met before or after some of the file went on; what counts is that it is met.
    assert_eq!(whole.is_stored, single.is_stored, "byte by byte");
    assert_eq!(whole.is_stored, pieces.is_stored, "in pieces");
    for outcome in [&single, &pieces, &whole] {
        if outcome.is_stored {
            assert!(fault.is_harmless(ingress), "{fault:?} is found");
            upstream::check_meant(&outcome.sent, &upload, rule);
        } else {
            assert!(!upstream::is_complete(&outcome.sent), "nothing is complete without proof");
        }
    }
    let has_size = ingress != Ingress::RawUnknown || rule.takes_unknown_size;
    if fault.is_harmless(ingress) && is_plain(&upload) && has_size {
        assert!(whole.is_stored, "an honest upload is stored");
    }
}

/// Whether no route has a reason to refuse it.
fn is_plain(upload: &Upload) -> bool {
    let is_plain = |text: &str| !text.is_empty() && text.len() < 100 && text.chars().all(|c| c.is_ascii_alphanumeric());
    let is_type = matches!(upload.media_type.as_str(), "image/png" | "text/plain");
    is_plain(&upload.name) && is_plain(&upload.title) && is_plain(&upload.note) && is_type
}

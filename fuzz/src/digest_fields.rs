//! What clients say of a file's digests. The input: one field a line (`name: value`), an empty line, and the file.

use bytes::Bytes;
use wire::digest::{Algorithm, ClientDigests, DigestField, DigestSet, Digester, Digests, repr_digest_field};

use crate::chunks::cuts;
use crate::naive;

/// A digest that is well-formed is verified and never skipped: the true one passes in every spelling, any other fails; one
/// that is malformed is an error. Digests do not hang on the chunks.
pub fn digest_fields(input: &[u8]) {
    let head_len = naive::find(input, b"\n\n").unwrap_or(input.len());
    let (head, file) = input.split_at(head_len);
    let file = file.get(2..).unwrap_or_default();
    let headers: Vec<(String, &[u8])> = head.split(|byte| *byte == b'\n').map(header).collect();
    let digests = digests(file);
    check_true_digests(&digests);
    let Ok(client) = ClientDigests::parse(headers.iter().map(|(name, value)| (name.as_str(), *value))) else { return };
    for algorithm in client.algorithms().iter() {
        let value = client.get(algorithm).expect("a demanded digest has a value");
        assert_eq!(value.len(), algorithm.output_len());
    }
    assert_eq!(client.is_empty(), client.algorithms().is_empty());
    let matches = |algorithm| client.get(algorithm) == digests.get(algorithm);
    if client.verify(&digests).is_ok() {
        assert!(client.algorithms().iter().all(matches), "only a true digest passes");
    }
    assert_eq!(client.verify(&Digests::default()).is_ok(), client.is_empty(), "what was not computed does not match");
    for (name, value) in &headers {
        if DigestField::from_name(name).is_some() && says_sha_256(value) {
            assert!(client.algorithms().contains(Algorithm::Sha256), "a SHA-256 in a field that is read is demanded");
        }
    }
}

fn header(line: &[u8]) -> (String, &[u8]) {
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    let (name, value) = line.split_at(colon);
    (String::from_utf8_lossy(name).into_owned(), value.get(1..).unwrap_or_default())
}

/// Whether the field begins with the member that clients send most.
fn says_sha_256(value: &[u8]) -> bool {
    value.trim_ascii().starts_with(b"sha-256=:")
}

fn digests(file: &[u8]) -> Digests {
    let [whole, single, pieces] = cuts(file).map(|chunks: Vec<Bytes>| {
        let mut digester = Digester::new(Algorithm::ALL.into_iter().collect::<DigestSet>());
        chunks.iter().for_each(|chunk| digester.update(chunk));
        digester.finish()
    });
    assert_eq!(whole, single, "byte by byte");
    assert_eq!(whole, pieces, "in pieces");
    whole
}

/// What the gateway itself says of a file is accepted of a client, and with one bit changed it is not.
fn check_true_digests(digests: &Digests) {
    let field = repr_digest_field(digests).expect("SHA-2 was computed");
    let client = ClientDigests::parse([("Repr-Digest", field.as_bytes())]).expect("our own field is well-formed");
    assert_eq!(client.verify(digests), Ok(()));
    let other = {
        let mut digester = Digester::new(Algorithm::ALL.into_iter().collect());
        digester.update(b"another file, which nobody meant");
        digester.finish()
    };
    assert!(client.verify(&other).is_err() || &other == digests);
}

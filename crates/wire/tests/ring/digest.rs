//! Digests: published vectors and client fields.

use wire::digest::{
    Algorithm, ClientDigests, DigestField, DigestFieldError, DigestMismatch, DigestSet, Digester, repr_digest_field,
};

fn digests(bytes: &[u8]) -> wire::digest::Digests {
    let mut digester = Digester::new(Algorithm::ALL.into_iter().collect());
    bytes.chunks(3).for_each(|chunk| digester.update(chunk));
    digester.finish()
}

fn parse(headers: &[(&str, &str)]) -> Result<ClientDigests, DigestFieldError> {
    ClientDigests::parse(headers.iter().copied())
}

/// The representation of RFC 9530's examples.
const EXAMPLE: &[u8] = b"{\"hello\": \"world\"}\n";

/// RFC 9530 section 2 and appendix B.1.
const EXAMPLE_SHA_256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";

#[test]
fn computes_the_check_values() {
    let check = digests(b"123456789");
    let hex = |algorithm| check.hex(algorithm).expect("it was asked for");
    assert_eq!(hex(Algorithm::Crc32c), "e3069283");
    assert_eq!(hex(Algorithm::Crc64Nvme), "ae8b14860a799888");
    assert_eq!(hex(Algorithm::Md5), "25f9e794323b453885f5181f1b624d0b");
    assert_eq!(hex(Algorithm::Sha1), "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
    assert_eq!(hex(Algorithm::Sha256), "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    assert!(hex(Algorithm::Sha512).starts_with("d9e6762dd1c8eaf6d61b3c6192fc408d"));
    for (algorithm, value) in check.iter() {
        assert_eq!(value.len(), algorithm.output_len(), "{algorithm}");
    }
}

#[test]
fn computes_only_what_was_asked_for() {
    let set = DigestSet::EMPTY.with(Algorithm::Md5);
    let digests = Digester::new(set).finish();
    assert_eq!(digests.hex(Algorithm::Md5).as_deref(), Some("d41d8cd98f00b204e9800998ecf8427e"));
    assert_eq!(digests.get(Algorithm::Sha256), None);
    assert_eq!(repr_digest_field(&digests), None);
    assert!(set.contains(Algorithm::Md5) && !set.contains(Algorithm::Sha1) && !set.is_empty());
    assert_eq!(set.union(DigestSet::EMPTY.with(Algorithm::Sha1)).iter().count(), 2);
}

#[test]
fn names_are_found_again() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(&algorithm.name().to_uppercase()), Some(algorithm));
    }
    assert_eq!(Algorithm::from_name("sha-3"), None);
}

#[test]
fn verifies_the_examples_of_rfc_9530() {
    let field = parse(&[("content-digest", EXAMPLE_SHA_256), ("X-Other", ":")]).expect("well-formed");
    assert_eq!(field.algorithms(), DigestSet::EMPTY.with(Algorithm::Sha256));
    assert_eq!(field.verify(&digests(EXAMPLE)), Ok(()));
    let mismatch = DigestMismatch { algorithm: Algorithm::Sha256, field: DigestField::ContentDigest };
    assert_eq!(field.verify(&digests(b"other")), Err(mismatch));
    let not_computed = Digester::new(DigestSet::EMPTY).finish();
    assert_eq!(field.verify(&not_computed), Err(mismatch));
}

#[test]
fn writes_what_it_verifies() {
    let computed = digests(EXAMPLE);
    let field = repr_digest_field(&computed).expect("SHA-2 was computed");
    assert!(field.starts_with(EXAMPLE_SHA_256), "{field}");
    let parsed = parse(&[("Repr-Digest", &field)]).expect("well-formed");
    assert_eq!(parsed.algorithms().iter().count(), 2);
    assert_eq!(parsed.verify(&computed), Ok(()));
}

#[test]
fn ignores_unknown_algorithms_and_parameters() {
    let value = format!("unixsum=:AAA=:;a;b=1;c=\"x\\\"\";d=:AA==: ,\t{EXAMPLE_SHA_256};q=0.5, md5=:AAAA:");
    let field = parse(&[("Repr-Digest", &value)]).expect("well-formed");
    assert_eq!(field.algorithms(), DigestSet::EMPTY.with(Algorithm::Sha256));
    assert!(parse(&[("Repr-Digest", "")]).expect("an empty dictionary").is_empty());
}

#[test]
fn refuses_malformed_fields() {
    let quoted = EXAMPLE_SHA_256.replace(':', "\"");
    let malformed = [
        "sha-256",
        "sha-256=",
        "sha-256=abc",
        "sha-256=:abc",
        "sha-256=:a b c:",
        "sha-256=?1",
        "SHA-256=:AAAA:",
        "=:AAAA:",
        "sha-256:AAAA:",
        "sha-256=:AAAA:,",
        "sha-256=:AAAA: x",
        "unknown=token",
        "a=:AAAA:;",
        "sha-256=:====:",
        &quoted,
    ];
    for value in malformed {
        assert_eq!(
            parse(&[("Repr-Digest", value)]),
            Err(DigestFieldError::Malformed(DigestField::ReprDigest)),
            "{value}"
        );
    }
    assert_eq!(parse(&[("Content-MD5", "x")]), Err(DigestFieldError::Malformed(DigestField::ContentMd5)));
}

#[test]
fn refuses_values_of_the_wrong_length() {
    let error = parse(&[("Repr-Digest", "sha-256=:AAAA:")]).expect_err("three bytes");
    let expected =
        DigestFieldError::WrongLength { field: DigestField::ReprDigest, algorithm: Algorithm::Sha256, len: 3 };
    assert_eq!(error, expected);
}

#[test]
fn refuses_two_values_for_one_algorithm() {
    let other = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
    let contradiction =
        DigestFieldError::Contradiction { field: DigestField::ReprDigest, algorithm: Algorithm::Sha256 };
    let both = format!("{EXAMPLE_SHA_256}, {other}");
    assert_eq!(parse(&[("Repr-Digest", &both)]), Err(contradiction.clone()));
    assert_eq!(parse(&[("Repr-Digest", EXAMPLE_SHA_256), ("repr-digest", other)]), Err(contradiction));
    assert!(parse(&[("Repr-Digest", EXAMPLE_SHA_256), ("repr-digest", EXAMPLE_SHA_256)]).is_ok());
}

#[test]
fn verifies_every_field_and_not_only_the_first() {
    let fields = parse(&[("Repr-Digest", EXAMPLE_SHA_256), ("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==")]);
    let mismatch = DigestMismatch { algorithm: Algorithm::Md5, field: DigestField::ContentMd5 };
    assert_eq!(fields.expect("well-formed").verify(&digests(EXAMPLE)), Err(mismatch));
}

#[test]
fn two_fields_may_speak_of_one_algorithm_and_both_are_verified() {
    let other = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
    let fields = parse(&[("Repr-Digest", EXAMPLE_SHA_256), ("Content-Digest", other)]).expect("well-formed");
    let mismatch = DigestMismatch { algorithm: Algorithm::Sha256, field: DigestField::ContentDigest };
    assert_eq!(fields.verify(&digests(EXAMPLE)), Err(mismatch));
}

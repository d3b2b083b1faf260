//! Each digest alone, and what an upload that asks for nothing computes anyway.

use std::hint::black_box;

use wire::digest::{Algorithm, ClientDigests, DigestSet, Digester};

use super::{Case, FILE_LEN, file};

pub(super) fn cases() -> Vec<Case> {
    let digest = |algorithm: Algorithm| {
        Case::new(format!("digest/{}", algorithm.name()), Some(FILE_LEN), move || digesting(algorithm))
    };
    let mut cases: Vec<_> = Algorithm::ALL.into_iter().map(digest).collect();
    cases.push(Case::new("digest-fields", None, || reading_fields));
    cases
}

fn digesting(algorithm: Algorithm) -> impl FnMut() {
    let file = file();
    move || {
        let mut digester = Digester::new(DigestSet::EMPTY.with(algorithm));
        digester.update(black_box(&file));
        assert_eq!(digester.finish().get(algorithm).map(<[u8]>::len), Some(algorithm.output_len()));
    }
}

fn reading_fields() {
    const FIELDS: [(&str, &[u8]); 2] = [
        ("repr-digest", b"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
        ("content-md5", b"1B2M2Y8AsgTpgAmY7PhCfg=="),
    ];
    let digests = ClientDigests::parse(black_box(FIELDS)).expect("they are well-formed");
    assert!(digests.get(Algorithm::Sha256).is_some());
}

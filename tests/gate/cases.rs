//! The corpus: malformed, ambiguous and sound requests as data files, each with the verdict that it must get.

use std::path::Path;

/// One request and its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    /// Where it stands, and what it is.
    pub(crate) name: String,
    /// Expected status.
    pub(crate) status: u16,
    /// Expected problem; empty for a receipt.
    pub(crate) problem: String,
    /// The request.
    pub(crate) bytes: Vec<u8>,
}

/// Every case of every file.
pub(crate) fn all() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("gate/corpus");
    let entries = std::fs::read_dir(folder).expect("the corpus can be listed");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.iter().flat_map(|file| of_file(file)).collect()
}

fn of_file(file: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(file).expect("a file of the corpus can be read");
    let topic = file.file_stem().expect("a file has a name").to_string_lossy();
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(lines.len() % 3, 0, "{topic}: three lines a case");
    lines.chunks(3).map(|case| read(&topic, case)).collect()
}

fn read(topic: &str, lines: &[&str]) -> Case {
    let name = format!("{topic}: {}", lines[0]);
    let (status, problem) = lines[1].split_once(' ').unwrap_or((lines[1], ""));
    let status = status.parse().unwrap_or_else(|_| panic!("{name}: a verdict begins with a status"));
    Case { status, problem: problem.to_owned(), bytes: unescape(lines[2]), name }
}

/// `\r`, `\n`, `\t`, `\\`, `\xNN`, and `\*N{c}` for N times c.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            bytes.extend(char.to_string().into_bytes());
            continue;
        }
        match chars.next() {
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('\\') => bytes.push(b'\\'),
            Some('x') => {
                let digits: String = chars.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).expect("two digits"));
            }
            Some('*') => {
                let count: String = chars.by_ref().take_while(|char| *char != '{').collect();
                let unit: String = chars.by_ref().take_while(|char| *char != '}').collect();
                bytes.extend(unit.repeat(count.parse().expect("a count")).into_bytes());
            }
            other => panic!("unknown escape {other:?} in {text:?}"),
        }
    }
    bytes
}

#[test]
fn escapes_are_what_the_files_say() {
    assert_eq!(unescape(r"a\r\n\t\\\x00\xff\*3{b}c"), b"a\r\n\t\\\0\xffbbbc");
}

#[test]
fn the_corpus_is_large_enough_to_mean_something() {
    let cases = all();
    let refused = cases.iter().filter(|case| case.status != 201).count();
    assert!(refused >= 300, "{refused} refusals");
    assert!(cases.len() - refused >= 40, "sound requests that look odd must pass too");
}

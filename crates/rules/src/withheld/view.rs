//! A text as its reader could undo it: percent-encoding and the escapes of JSON and HTML, layer by layer, each byte with its
//! place.
//!
//! Secrets are compared on this view. So no list of spellings has to be complete: case, needless escapes, escapes of escapes,
//! torn lines and invisible characters all lead to the same bytes.

use std::ops::Range;

use crate::shown::is_invisible;

/// Layers that are undone. Texts of proxies of proxies have two; more costs time on texts that are made of `%2525…`.
const MAX_LAYERS: usize = 4;

/// Longest character reference, without `&` and `;`: `#1114111` and `percnt` are shorter.
const MAX_REFERENCE: usize = 9;

/// References by name that keys and tokens can need; the rest of HTML's two thousand are letters of other scripts.
const NAMED: [(&[u8], u8); 25] = [
    (b"amp", b'&'),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"quot", b'"'),
    (b"apos", b'\''),
    (b"sol", b'/'),
    (b"bsol", b'\\'),
    (b"plus", b'+'),
    (b"equals", b'='),
    (b"colon", b':'),
    (b"semi", b';'),
    (b"comma", b','),
    (b"period", b'.'),
    (b"excl", b'!'),
    (b"num", b'#'),
    (b"dollar", b'$'),
    (b"percnt", b'%'),
    (b"lpar", b'('),
    (b"rpar", b')'),
    (b"ast", b'*'),
    (b"quest", b'?'),
    (b"commat", b'@'),
    (b"lowbar", b'_'),
    (b"vert", b'|'),
    (b"grave", b'`'),
];

/// A byte and the stretch of the source that it was written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unit {
    byte: u8,
    start: usize,
    end: usize,
}

/// One layer: text to search in, and where each of its bytes comes from.
#[derive(Debug)]
pub(super) struct Layer {
    /// One character for each byte that counts, so that bytes that are no UTF-8 can be searched as well.
    pub(super) text: String,
    /// The stretch of the source for each byte of `text`.
    places: Vec<(usize, usize)>,
}

impl Layer {
    /// The stretch of the source that a stretch of `text` was written as.
    pub(super) fn source(&self, found: &Range<usize>) -> Option<Range<usize>> {
        let last = found.end.checked_sub(1)?;
        Some(self.places.get(found.start)?.0..self.places.get(last)?.1)
    }

    /// The whole run of base64 around a place, as its first and last characters hold bits of the value. It ends at white space,
    /// which is not in `text`: words that only stand beside it stay.
    pub(super) fn whole_base64(&self, mut start: usize, mut end: usize) -> Range<usize> {
        let bytes = self.text.as_bytes();
        let is_base64 = |at: usize| {
            bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'='))
        };
        let touches = |one: usize, next: usize| {
            self.places.get(one).zip(self.places.get(next)).is_some_and(|(one, next)| one.1 >= next.0)
        };
        while let Some(before) = start.checked_sub(1).filter(|before| is_base64(*before) && touches(*before, start)) {
            start = before;
        }
        while let Some(last) = end.checked_sub(1).filter(|last| is_base64(end) && touches(*last, end)) {
            end = last.saturating_add(2);
        }
        start..end
    }

    /// What makes no difference is left out: case, white space (a `+` is one in a query), controls, and the backslash of an
    /// escape that stands for the character after it. A `+` belongs to both its neighbours, as a value may begin or end with it.
    fn of(units: &[Unit]) -> Self {
        let mut layer = Self { text: String::with_capacity(units.len()), places: Vec::with_capacity(units.len()) };
        let mut plus: Option<(usize, usize)> = None;
        for unit in units {
            let pluses = plus.filter(|plus| plus.1 == unit.start);
            if unit.byte == b'+' {
                plus = Some((pluses.map_or(unit.start, |plus| plus.0), unit.end));
                if let Some(before) = layer.places.last_mut().filter(|before| before.1 == unit.start) {
                    before.1 = unit.end;
                }
            }
            if unit.byte <= b' ' || matches!(unit.byte, b'+' | b'\\' | 0x7f) {
                continue;
            }
            let c = char::from(unit.byte.to_ascii_lowercase());
            let start = pluses.map_or(unit.start, |plus| plus.0);
            layer.text.push(c);
            layer.places.extend(std::iter::repeat_n((start, unit.end), c.len_utf8()));
        }
        layer
    }
}

/// The text as it is, and after each layer of escapes, until there is nothing left to undo.
pub(super) fn layers(text: &str) -> Vec<Layer> {
    let visible = text.char_indices().filter(|(_, c)| !is_invisible(*c));
    let mut units: Vec<Unit> = Vec::with_capacity(text.len());
    for (start, c) in visible {
        let end = start.saturating_add(c.len_utf8());
        units.extend(c.encode_utf8(&mut [0; 4]).bytes().map(|byte| Unit { byte, start, end }));
    }
    let mut layers = vec![Layer::of(&units)];
    for _ in 0..MAX_LAYERS {
        let undone = undo(&units);
        if undone.len() == units.len() {
            break;
        }
        units = undone;
        layers.push(Layer::of(&units));
    }
    layers
}

/// Undoes one layer. Every escape is longer than what it stands for, so a layer of the same length is the same.
fn undo(units: &[Unit]) -> Vec<Unit> {
    let mut undone = Vec::with_capacity(units.len());
    let mut rest = units;
    while let Some((first, after)) = rest.split_first() {
        let Some((code, len)) = escape(first.byte, after) else {
            undone.push(*first);
            rest = after;
            continue;
        };
        let (escaped, after) = after.split_at_checked(len).unwrap_or((after, &[]));
        let end = escaped.last().map_or(first.end, |unit| unit.end);
        let unit = |byte| Unit { byte, start: first.start, end };
        match code {
            Code::Byte(byte) => undone.push(unit(byte)),
            Code::Char(c) => undone.extend(c.encode_utf8(&mut [0; 4]).bytes().map(unit)),
        }
        rest = after;
    }
    undone
}

/// What an escape stands for.
enum Code {
    Byte(u8),
    Char(char),
}

/// What begins with `first`, and how many of the units after it belong to it.
fn escape(first: u8, after: &[Unit]) -> Option<(Code, usize)> {
    match first {
        b'%' => Some((Code::Byte(u8::try_from(hex(after, 2)?).ok()?), 2)),
        b'\\' => match after.first()?.byte {
            b'x' | b'X' => Some((Code::Byte(u8::try_from(hex(after.get(1..)?, 2)?).ok()?), 3)),
            b'u' | b'U' => utf16(after),
            _ => None,
        },
        b'&' => reference(after),
        _ => None,
    }
}

/// `uXXXX`, and the second half of a pair after it.
fn utf16(after: &[Unit]) -> Option<(Code, usize)> {
    let first = hex(after.get(1..)?, 4)?;
    if let Some(c) = char::from_u32(first) {
        return Some((Code::Char(c), 5));
    }
    let [backslash, u, digits @ ..] = after.get(5..)? else { return None };
    let second = hex(digits, 4).filter(|_| backslash.byte == b'\\' && u.byte.eq_ignore_ascii_case(&b'u'))?;
    let units = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    let c = char::decode_utf16(units).next()?.ok()?;
    Some((Code::Char(c), 11))
}

/// `#43;`, `#x2b;` or `plus;`. Browsers do without the semicolon after a number.
fn reference(after: &[Unit]) -> Option<(Code, usize)> {
    let bytes: Vec<u8> = after.iter().take(MAX_REFERENCE).map(|unit| unit.byte).collect();
    let digits = |digits: &[u8], radix: u32, before: usize| {
        let len = digits.iter().take_while(|byte| char::from(**byte).is_digit(radix)).count();
        let text = std::str::from_utf8(digits.get(..len)?).ok()?;
        let c = char::from_u32(u32::from_str_radix(text, radix).ok()?)?;
        let semicolon = usize::from(digits.get(len) == Some(&b';'));
        Some((Code::Char(c), before.saturating_add(len).saturating_add(semicolon)))
    };
    match bytes.as_slice() {
        [b'#', b'x' | b'X', rest @ ..] => digits(rest, 16, 2),
        [b'#', rest @ ..] => digits(rest, 10, 1),
        named => {
            let len = named.iter().position(|byte| *byte == b';')?;
            let name = named.get(..len)?.to_ascii_lowercase();
            let (_, byte) = NAMED.iter().find(|(known, _)| *known == name)?;
            Some((Code::Byte(*byte), len.saturating_add(1)))
        }
    }
}

fn hex(units: &[Unit], len: usize) -> Option<u32> {
    let digit = |unit: &Unit| char::from(unit.byte).to_digit(16);
    units.get(..len)?.iter().try_fold(0_u32, |sum, unit| Some((sum << 4) | digit(unit)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_text_leads_to_the_same_bytes() {
        let spellings = [
            "aB/+c=1é",
            "AB%2F%2bC%3d1%C3%a9",
            r"ab\/+c=1\u00e9",
            r"\u0061\u0042\x2f+c=1é",
            "ab&#47;&#x2B;c&equals;1&#233;",
            "a\u{200b}b%252F%252Bc%253D1%25c3%25A9",
            "ab/\r\n c=1é",
        ];
        for spelling in spellings {
            let last = layers(spelling).pop().expect("a layer");
            assert_eq!(last.text, "ab/c=1\u{c3}\u{a9}", "{spelling}");
        }
    }

    #[test]
    fn every_byte_knows_where_it_was_written() {
        let text = r"é %2561\ud83d\ude00&#98;";
        let last = layers(text).pop().expect("a layer");
        let at = |c: char| {
            let start = last.text.find(c).expect("it is there");
            last.source(&(start..start + c.len_utf8())).and_then(|place| text.get(place))
        };
        assert_eq!((at('a'), at('\u{f0}'), at('b')), (Some("%2561"), Some(r"\ud83d\ude00"), Some("&#98;")));
    }

    #[test]
    fn what_only_looks_like_an_escape_stays() {
        for text in ["100%", "%zz", "%2", "\\u12", "&#;", "&nothing;", "&", "%"] {
            assert_eq!(layers(text).len(), 1, "{text}");
        }
    }
}

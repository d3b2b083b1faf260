//! Texts of others that people are about to read: nothing in them may move the cursor, break a line or turn words around.

/// Longest text that is shown. What people are told in sentences is far shorter; a name that an upstream made up may not be.
const MAX_CHARS: usize = 2000;

/// The text on one line, bounded, without control characters and without invisible ones.
#[must_use]
pub fn cleaned(text: &str) -> String {
    // Nearly every text: nothing in it is more than a letter, a digit or a sign.
    if text.len() <= MAX_CHARS && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let shown = text.chars().filter(|c| !is_invisible(*c)).map(|c| if breaks_line(c) { ' ' } else { c });
    shown.take(MAX_CHARS).collect()
}

/// Whether a text can name somebody: on one line, without what people cannot see, and without white space at its ends. Otherwise
/// two names that read the same would be two clients, or one name would be cut to another's where it is passed on.
#[must_use]
pub fn is_plain_name(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(|c| breaks_line(c) || is_invisible(c))
}

/// Controls of C0 and C1, and the two separators that some viewers break lines at.
fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Characters that change how others are read and show nothing themselves: bidirectional controls (UAX #9), joiners and zero
/// widths, deprecated formatting, annotations, variation selectors and tags. They go without a trace, so that a word that was
/// torn apart by them is looked at as the word that people see.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_all_that_is_in_it() {
        for name in ["alice", "größe 大小", "auth0|5f7c", "spiffe://example.com/a", "a@b.example", "e\u{301}"] {
            assert!(is_plain_name(name), "{name:?}");
        }
        for name in [
            "",
            " alice",
            "alice ",
            "\u{a0}alice",
            "a\tb",
            "al\u{200b}ice",
            "\u{202e}ecila",
            "a\u{2066}b",
            "a\u{2028}b",
            "\u{feff}a",
            "a\u{ad}b",
            "a\u{e0041}",
        ] {
            assert!(!is_plain_name(name), "{name:?}");
        }
    }

    #[test]
    fn leaves_nothing_that_moves_the_cursor_or_turns_words_around() {
        assert_eq!(cleaned("a\u{202e}b\u{2066}c\u{feff}d"), "abcd");
        assert_eq!(cleaned("a\r\nb\u{1b}[31m\u{9b}c\u{2028}d"), "a  b [31m c d");
        assert_eq!(cleaned("größe 大小 e\u{301}"), "größe 大小 e\u{301}");
        assert_eq!(cleaned(&"é".repeat(5000)).chars().count(), MAX_CHARS);
    }
}

//! Several values in one input: separated by the byte 0xFF, which no UTF-8 text contains, so that files of the corpus can be
//! written and read by people.

/// The separator.
const END: u8 = 0xff;

/// What is left of an input.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn of(input: &'a [u8]) -> Self {
        Self(input)
    }

    /// One of `choices`, by the next byte.
    pub(crate) fn choice<T: Copy>(&mut self, choices: &[T]) -> T {
        let (byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        choices[usize::from(*byte) % choices.len()]
    }

    /// The bytes up to the next separator.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == END);
        let (field, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        field
    }

    /// The same as text; what is no UTF-8 becomes U+FFFD.
    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// The same as a number; zero if it is none.
    pub(crate) fn number(&mut self) -> u64 {
        self.text().trim().parse().unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All the rest, separators included.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}

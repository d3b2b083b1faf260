//! Values of flags that are more than a text.

use std::str::FromStr;

/// Bytes: a plain number, or one with a unit as in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = text.parse().ok().or_else(|| rules::schema::size_in_bytes(text));
        bytes.map(Self).ok_or_else(|| "write bytes, such as `70`, or a unit, such as `5MiB` or `20MB`".to_owned())
    }
}

/// `NAME=VALUE`; the value may hold further equals signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
            _ => Err("write `NAME=VALUE`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_carry_a_unit() {
        assert_eq!("70".parse(), Ok(Size(70)));
        assert_eq!("5MiB".parse(), Ok(Size(5 << 20)));
        assert_eq!("20MB".parse(), Ok(Size(20_000_000)));
        for text in ["", "5M", "-1", "1.5MiB", "lots"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn pairs_are_split_at_the_first_equals_sign() {
        let pair: Pair = "title=a=b".parse().expect("a pair");
        assert_eq!((pair.name.as_str(), pair.value.as_str()), ("title", "a=b"));
        assert!("title".parse::<Pair>().is_err() && "=b".parse::<Pair>().is_err());
    }
}

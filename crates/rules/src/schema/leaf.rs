//! The scalars of the language: how each is read, and what is said when it cannot be.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::diagnostics::{did_you_mean, listing};

/// A scalar with a meaning.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Leaf {
    /// Any text; `${ env.NAME }` is read at load.
    Text,
    /// Any text, taken literally.
    Literal,
    /// Text for people; whatever stands in it means itself.
    Prose,
    /// A name for metrics and messages.
    Name,
    /// A name that expressions can use: letters, digits, `_`.
    Identifier,
    /// An environment variable's name.
    Variable,
    /// `true` or `false`.
    Bool,
    /// An integer in an inclusive range.
    Int(i64, i64),
    /// A number.
    Number,
    /// Bytes with a unit.
    Size,
    /// A length of time with a unit, longer than nothing.
    Duration,
    /// Bytes per second.
    Rate,
    /// So many in a second, minute or hour.
    Frequency,
    /// A status or a class such as `2xx`.
    Status,
    /// A status, or an error code.
    StatusOrCode,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An IP address with a port.
    Address,
    /// Networks, separated by commas or spaces.
    Networks,
    /// Origins of pages, patterns of such, `*` or `null`.
    WebOrigin,
    /// A media type or range.
    MediaRange,
    /// A regular expression.
    Regex,
    /// A method and a URL or path.
    Request,
    /// A path pattern.
    PathPattern,
    /// A digest algorithm.
    Algorithm,
    /// SHA-256 of an access key, in hex.
    KeyHash,
    /// A moment.
    Moment,
}

/// What is wrong with a scalar. Never quotes it: it may be the value of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// What is wrong.
    pub(crate) message: String,
    /// What to do; may quote the text, so it is left out for computed values.
    pub(crate) hint: Option<String>,
    /// Byte range in the text, if it is only a part.
    pub(crate) part: Option<(usize, usize)>,
    /// Whether the text may be a secret, so that no report shows it.
    pub(crate) secret: bool,
}

impl Complaint {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()), part: None, secret: false }
    }
}

impl Leaf {
    /// In words, with an article and an example.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Text | Self::Literal | Self::Prose => "text".to_owned(),
            Self::Name => "a name of letters, digits, `-` and `_`".to_owned(),
            Self::Identifier => "a name of letters, digits and `_`".to_owned(),
            Self::Variable => "the name of an environment variable".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Int(i64::MIN, i64::MAX) => "an integer".to_owned(),
            Self::Int(min, i64::MAX) => format!("an integer of at least {min}"),
            Self::Int(min, max) => format!("an integer from {min} to {max}"),
            Self::Number => "a number".to_owned(),
            Self::Size => "a size such as `10MiB`".to_owned(),
            Self::Duration => "a time such as `10s` or `500ms`".to_owned(),
            Self::Rate => "a rate such as `1KiB/s`".to_owned(),
            Self::Frequency => "a number per time such as `10/s` or `100/min`".to_owned(),
            Self::Status => "a status such as `201` or `2xx`".to_owned(),
            Self::StatusOrCode => "a status or an error code".to_owned(),
            Self::Choice(words) => listing(words.iter().copied()),
            Self::Address => "an address with a port such as `127.0.0.1:8080`".to_owned(),
            Self::Networks => "networks such as `10.0.0.0/8, 127.0.0.1`".to_owned(),
            Self::WebOrigin => "an origin such as `https://app.example.com` or `https://*.example.com`".to_owned(),
            Self::MediaRange => "a media type such as `image/png` or `image/*`".to_owned(),
            Self::Regex => "a regular expression".to_owned(),
            Self::Request => "a method and a path or URL such as `POST /v1/files`".to_owned(),
            Self::PathPattern => "a path such as `/files/{folder}`".to_owned(),
            Self::Algorithm => "a digest such as `sha-256`".to_owned(),
            Self::KeyHash => "the SHA-256 of a key, 64 hexadecimal digits".to_owned(),
            Self::Moment => "a day or time in UTC such as `2027-01-31` or `2027-01-31T12:00:00Z`".to_owned(),
        }
    }

    /// Whether `${ env.NAME }` may stand here, to be read at load.
    pub(crate) fn takes_variables(self) -> bool {
        match self {
            Self::Text | Self::Bool | Self::Int(..) | Self::Size | Self::Duration | Self::Rate | Self::Choice(_) => {
                true
            }
            Self::Address | Self::Networks | Self::Number | Self::WebOrigin | Self::Frequency => true,
            Self::Literal
            | Self::Prose
            | Self::Name
            | Self::Identifier
            | Self::Variable
            | Self::Status
            | Self::StatusOrCode => false,
            Self::MediaRange | Self::Regex | Self::Request | Self::PathPattern | Self::Algorithm => false,
            Self::KeyHash | Self::Moment => false,
        }
    }

    /// Judges a text. Some kinds need more than a look at the text and are judged where they are used.
    pub(crate) fn verify(self, text: &str) -> Result<(), Complaint> {
        match self {
            Self::Text | Self::Literal | Self::Prose | Self::Request | Self::PathPattern | Self::Regex => Ok(()),
            Self::WebOrigin => Ok(()),
            Self::Name => name(text),
            Self::Identifier => identifier(text),
            Self::Variable => variable(text),
            Self::Bool => boolean(text).map(drop),
            Self::Int(min, max) => integer(text, min, max).map(drop),
            Self::Number => number(text).map(drop),
            Self::Size => parse_size(text).map(drop),
            Self::Duration => parse_duration(text).map(drop),
            Self::Rate => parse_rate(text).map(drop),
            Self::Frequency => parse_frequency(text).map(drop),
            Self::Status => parse_statuses(text).map(drop),
            Self::StatusOrCode => status_or_code(text),
            Self::Choice(words) => choice(text, words),
            Self::Address => address(text).map(drop),
            Self::Networks => networks(text).map(drop),
            Self::MediaRange => media_range(text).map(drop),
            Self::Algorithm => algorithm(text),
            Self::KeyHash => key_hash(text).map(drop),
            Self::Moment => moment(text).map(drop),
        }
    }
}

fn name(text: &str) -> Result<(), Complaint> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if starts && text.len() <= 63 && text.chars().all(allowed) {
        return Ok(());
    }
    Err(Complaint::new(
        "this is no name",
        "use up to 63 lower-case letters, digits, `-` and `_`, the first a letter or digit; it becomes a metric label",
    ))
}

/// Whether an expression can use a text as a dotted name.
pub(crate) fn is_identifier(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && text.len() <= 63 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn identifier(text: &str) -> Result<(), Complaint> {
    if is_identifier(text) {
        return Ok(());
    }
    Err(Complaint::new(
        "this name cannot be used in expressions",
        "use up to 63 letters, digits and `_`, the first not a digit; a `-` would be read as a minus",
    ))
}

fn variable(text: &str) -> Result<(), Complaint> {
    if is_identifier(text) {
        return Ok(());
    }
    Err(Complaint::new(
        "this is no name of an environment variable",
        "write the bare name, such as `API_TOKEN`, without `$`, braces or a value",
    ))
}

/// `true` or `false`, and none of YAML's other spellings.
pub(crate) fn boolean(text: &str) -> Result<bool, Complaint> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => {
            let meant = match other.to_lowercase().as_str() {
                "yes" | "on" | "true" | "1" => "write `true`",
                "no" | "off" | "false" | "0" => "write `false`",
                _ => "write `true` or `false`",
            };
            Err(Complaint::new("this is neither `true` nor `false`", meant))
        }
    }
}

/// An integer in an inclusive range.
pub(crate) fn integer(text: &str, min: i64, max: i64) -> Result<i64, Complaint> {
    let hint = format!("write {}", Leaf::Int(min, max).describe());
    let value: i64 = text.parse().map_err(|_| Complaint::new("this is no integer", hint.clone()))?;
    if value < min {
        return Err(Complaint::new("this number is too small", hint));
    }
    if value > max {
        return Err(Complaint::new("this number is too large", hint));
    }
    Ok(value)
}

/// A finite number.
pub(crate) fn number(text: &str) -> Result<f64, Complaint> {
    let value = serde_json::from_str::<f64>(text).ok().filter(|value| value.is_finite());
    value.ok_or_else(|| Complaint::new("this is no number", "write a number such as `10` or `0.5`"))
}

const SIZE_UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Bytes.
pub(crate) fn parse_size(text: &str) -> Result<u64, Complaint> {
    const HINT: &str = "write a whole number and a unit: `B`, `KiB`, `MiB`, `GiB` (powers of 1024) or `kB`, `MB`, `GB` (powers of 1000)";
    let (digits, unit) = split_unit(text);
    let number: u64 = digits.parse().map_err(|_| Complaint::new("this is no size", HINT))?;
    if unit.is_empty() {
        let hint = format!("write `{digits}B` for bytes, or another unit such as `{digits}MiB`");
        return Err(Complaint::new("this size has no unit", hint));
    }
    let Some((_, factor)) = SIZE_UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(Complaint::new(
            "this size has a unit that is unknown",
            unit_hint(unit, digits).unwrap_or_else(|| HINT.to_owned()),
        ));
    };
    number.checked_mul(*factor).ok_or_else(|| Complaint::new("this size is beyond 64 bits", "write a smaller one"))
}

fn unit_hint(unit: &str, digits: &str) -> Option<String> {
    let exact = SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let letter = || {
        SIZE_UNITS
            .iter()
            .find(|(name, _)| name.len() == 3 && name.get(..1).is_some_and(|first| first.eq_ignore_ascii_case(unit)))
    };
    exact.or_else(letter).map(|(name, _)| format!("write `{digits}{name}`"))
}

/// A length of time, longer than nothing.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, Complaint> {
    const HINT: &str = "write a whole number and a unit: `ms`, `s`, `m` or `h`";
    let (digits, unit) = split_unit(text);
    let number: u64 = digits.parse().map_err(|_| Complaint::new("this is no length of time", HINT))?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        "" => {
            return Err(Complaint::new(
                "this time has no unit",
                format!("write `{digits}s` for seconds, or another unit such as `{digits}ms`"),
            ));
        }
        _ => return Err(Complaint::new("this time has a unit that is unknown", HINT)),
    };
    // A year and more is a slip of the pen, and later arithmetic stays far from overflow.
    let millis = millis.filter(|millis| *millis <= 365 * 24 * 3_600_000);
    let millis = millis.ok_or_else(|| Complaint::new("this time is longer than a year", "write a shorter one"))?;
    if millis == 0 {
        return Err(Complaint::new("this time is zero", "nothing could happen within it; write a longer one"));
    }
    Ok(Duration::from_millis(millis))
}

/// Bytes per second.
pub(crate) fn parse_rate(text: &str) -> Result<u64, Complaint> {
    let Some(size) = text.strip_suffix("/s") else {
        return Err(Complaint::new("this is no rate", "write bytes per second, such as `1KiB/s`"));
    };
    parse_size(size)
}

/// The most requests that a frequency can name: more is no limit on any machine of today.
const MOST_FREQUENT: u32 = 1_000_000;

/// So many in a second, minute or hour: the number, and the time.
pub(crate) fn parse_frequency(text: &str) -> Result<(u32, Duration), Complaint> {
    const HINT: &str = "write a whole number and `/s`, `/min` or `/h`, such as `10/s` or `100/min`";
    let (number, unit) = text.split_once('/').unwrap_or((text, ""));
    let (number, unit) = (number.trim(), unit.trim());
    let count: u32 = number.parse().map_err(|_| Complaint::new("this is no number per time", HINT))?;
    let seconds = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 3_600,
        "" => {
            let hint = format!("write `{count}/s` for each second, or `{count}/min` or `{count}/h`");
            return Err(Complaint::new("this number has no time", hint));
        }
        other => {
            let meant = match other.to_lowercase().as_str() {
                "m" | "mins" | "minute" | "minutes" => format!("write `{count}/min`"),
                "sec" | "secs" | "second" | "seconds" => format!("write `{count}/s`"),
                "hr" | "hour" | "hours" => format!("write `{count}/h`"),
                "d" | "day" | "days" => "for a day write a quota: `quota: [ { requests: 1000, per: 24h } ]`".to_owned(),
                _ => HINT.to_owned(),
            };
            return Err(Complaint::new("this number has a time that is unknown", meant));
        }
    };
    if count == 0 {
        return Err(Complaint::new("nothing could ever pass", "write at least `1/h`, or remove the limit"));
    }
    if count > MOST_FREQUENT {
        let hint = format!("write at most `{MOST_FREQUENT}/s`, or remove the limit");
        return Err(Complaint::new("this number is too large", hint));
    }
    Ok((count, Duration::from_secs(seconds)))
}

fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(at).unwrap_or((text, ""));
    (digits, unit.trim_start())
}

/// The inclusive range of statuses that a status or class means.
pub(crate) fn parse_statuses(text: &str) -> Result<(u16, u16), Complaint> {
    const HINT: &str = "write a status from 200 to 599, or a class: `2xx`, `3xx`, `4xx` or `5xx`";
    let class = match text.to_ascii_lowercase().as_str() {
        "2xx" => Some(2),
        "3xx" => Some(3),
        "4xx" => Some(4),
        "5xx" => Some(5),
        _ => None,
    };
    if let Some(class) = class {
        return Ok((class * 100, class * 100 + 99));
    }
    let status = text.parse::<u16>().ok().filter(|status| (200..600).contains(status) && text.len() == 3);
    status.map(|status| (status, status)).ok_or_else(|| Complaint::new("this is no final HTTP status", HINT))
}

fn status_or_code(text: &str) -> Result<(), Complaint> {
    match parse_statuses(text) {
        Ok((first, last)) if first != last => {
            Err(Complaint::new("a class of statuses is too wide here", "list the statuses, such as `[400, 422]`"))
        }
        Err(complaint) if text.chars().all(|c| c.is_ascii_digit()) => Err(complaint),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn choice(text: &str, words: &'static [&'static str]) -> Result<(), Complaint> {
    if words.contains(&text) {
        return Ok(());
    }
    let choices = listing(words.iter().copied());
    let hint = did_you_mean(text, words.iter().copied()).unwrap_or_else(|| format!("write {choices}"));
    Err(Complaint::new(format!("this is not one of {choices}").replace(" or ", " and "), hint))
}

/// An address with a port.
pub(crate) fn address(text: &str) -> Result<SocketAddr, Complaint> {
    const HINT: &str =
        "write an IP address and a port: `127.0.0.1:8080`, `0.0.0.0:8080` for all interfaces, `[::1]:8080` for IPv6";
    text.trim().parse().map_err(|_| Complaint::new("this is no address with a port", HINT))
}

/// Networks, separated by commas or spaces; a lone address is a network of one.
pub(crate) fn networks(text: &str) -> Result<Vec<IpNet>, Complaint> {
    let words = text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let network = word.parse::<IpNet>().ok();
            let network = network.or_else(|| word.parse::<std::net::IpAddr>().ok().map(IpNet::from));
            network.ok_or_else(|| {
                Complaint::new(
                    "this is no list of networks",
                    "separate networks by commas: `127.0.0.0/8, ::1, 10.1.0.0/16`",
                )
            })
        })
        .collect()
}

/// Type and subtype in lower case, each perhaps `*`.
pub(crate) fn media_range(text: &str) -> Result<(String, String), Complaint> {
    let wrong = || {
        Complaint::new(
            "this is no media type",
            "write `type/subtype` without parameters, such as `image/png`, `image/*` or `*/*`",
        )
    };
    let (kind, subtype) = text.split_once('/').ok_or_else(wrong)?;
    let token = |part: &str| {
        part == "*" || (!part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&^_.+-".contains(c)))
    };
    if !token(kind) || !token(subtype) || (kind == "*" && subtype != "*") {
        return Err(wrong());
    }
    Ok((kind.to_ascii_lowercase(), subtype.to_ascii_lowercase()))
}

fn algorithm(text: &str) -> Result<(), Complaint> {
    use wire::digest::Algorithm;
    if Algorithm::from_name(text).is_some() {
        return Ok(());
    }
    let names = || Algorithm::ALL.into_iter().map(Algorithm::name);
    let hint = did_you_mean(text, names()).unwrap_or_else(|| format!("write {}", listing(names())));
    Err(Complaint::new("there is no such digest", hint))
}

/// The SHA-256 of a key. A text of another form may be the key itself, so no hint repeats it.
pub(crate) fn key_hash(text: &str) -> Result<[u8; 32], Complaint> {
    let mut hash = [0; 32];
    let digits = text.as_bytes().chunks_exact(2);
    let well_formed = text.len() == 64 && digits.remainder().is_empty();
    for (byte, pair) in hash.iter_mut().zip(digits) {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let value = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| well_formed);
        *byte = value.ok_or_else(not_hashed)?;
    }
    if well_formed { Ok(hash) } else { Err(not_hashed()) }
}

fn not_hashed() -> Complaint {
    let complaint = Complaint::new(
        "this is no SHA-256 of a key",
        "write its 64 hexadecimal digits, as `tidegate keys new` prints them; if the key itself stands here, replace it: \
         keys are stored hashed, so that whoever reads this file cannot use them",
    );
    Complaint { secret: true, ..complaint }
}

/// A day (its first moment) or a time, in UTC.
pub(crate) fn moment(text: &str) -> Result<time::OffsetDateTime, Complaint> {
    use time::format_description::well_known::Rfc3339;
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    time::OffsetDateTime::parse(&whole, &Rfc3339).map_err(|_| {
        Complaint::new(
            "this is no day or time",
            "write a day such as `2027-01-31`, or a time such as `2027-01-31T12:00:00Z`",
        )
    })
}

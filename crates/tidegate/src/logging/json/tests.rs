//! The library's own formatter is the oracle: both write the same events, and the lines must be equal but for their time.

use std::fmt;
use std::io;
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use time::OffsetDateTime;
use tracing::{Level, debug, error, info, trace, warn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{JsonLines, SpanFields, timestamp};

/// What every shape of text has gone wrong with somewhere.
const TEXTS: [&str; 12] = [
    "",
    "plain",
    "a \"quoted\" text",
    "c:\\path\\",
    "line\nbreak\r\n",
    "tab\tand\u{8}\u{c}\u{b}",
    "nul\0bell\u{7}escape\u{1b}[31mred\u{1f}\u{7f}\u{85}",
    "é, 漢字, 🦀, \u{2028}\u{2029}\u{202e}\u{feff}",
    "{\"timestamp\":\"no\"},{}",
    "\",\"outcome\":\"completed",
    "exactly sixteen.\"after sixteen.",
    "</script>&amp;",
];

/// Collects what is written, one write at a time.
#[derive(Debug, Clone, Default)]
struct Writes(Arc<Mutex<Vec<String>>>);

impl Writes {
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no test panics while it writes"))
    }
}

impl io::Write for Writes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8(bytes.to_vec()).map_err(io::Error::other)?;
        self.0.lock().expect("no test panics while it writes").push(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Writes {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The writes of this formatter, for what `log` logs.
fn written(log: impl FnOnce()) -> Vec<String> {
    let ours = Writes::default();
    let layer =
        tracing_subscriber::fmt::layer().fmt_fields(SpanFields).event_format(JsonLines).with_writer(ours.clone());
    hear(tracing_subscriber::registry().with(layer), log);
    ours.taken()
}

/// Lets both formatters write what `log` logs, and gives the lines, which are the same.
fn lines_of_both(log: impl FnOnce()) -> Vec<String> {
    let (ours, library) = (Writes::default(), Writes::default());
    let subscriber = tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().fmt_fields(SpanFields).event_format(JsonLines).with_writer(ours.clone()))
        .with(
            tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .with_writer(library.clone()),
        );
    hear(subscriber, log);
    let (ours, library) = (ours.taken(), library.taken());
    assert_eq!(ours.len(), library.len(), "each line is one write");
    for (line, expected) in ours.iter().zip(&library) {
        assert_eq!(without_time(line), without_time(expected));
        serde_json::from_str::<Value>(line).expect("a line is JSON");
    }
    assert!(!ours.is_empty(), "the log was heard");
    ours
}

fn hear(subscriber: impl tracing::Subscriber + Send + Sync, log: impl FnOnce()) {
    // With one subscriber alone, tracing asks the thread that comes first by a log statement whether anybody listens, and
    // remembers the answer for all; the other tests' threads would say no.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    tracing::subscriber::with_default(subscriber, log);
}

/// A line with zeros for the digits of its time.
fn without_time(line: &str) -> String {
    const TIME: usize = "{\"timestamp\":\"2026-01-01T00:00:00.000000Z\"".len();
    let (time, rest) = line.split_at(TIME);
    format!("{}{rest}", time.replace(|c: char| c.is_ascii_digit(), "0"))
}

#[derive(Debug)]
struct Broke(&'static str);

impl fmt::Display for Broke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it \"broke\": {}", self.0)
    }
}

impl std::error::Error for Broke {}

#[test]
fn the_line_of_an_upload_is_the_library_s() {
    let id = uuid::Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    let nothing: Option<&str> = None;
    let lines = lines_of_both(|| {
        info!(
            target: "tidegate::upload",
            upload_id = %id,
            route = "raw",
            client = nothing,
            method = %http::Method::PUT,
            status = 201_u16,
            size = Some(16384_u64),
            step = Some("store"),
            upstream_status = None::<u16>,
            "upload ended"
        );
    });
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(
        without_time(line),
        "{\"timestamp\":\"0000-00-00T00:00:00.000000Z\",\"level\":\"INFO\",\"message\":\"upload ended\",\
         \"upload_id\":\"01234567-89ab-cdef-0123-456789abcdef\",\"route\":\"raw\",\"method\":\"PUT\",\"status\":201,\
         \"size\":16384,\"step\":\"store\",\"target\":\"tidegate::upload\"}\n"
    );
}

#[test]
fn texts_are_escaped_as_the_library_does() {
    lines_of_both(|| {
        for text in TEXTS {
            info!(text, shown = %text, debugged = ?text, error = &Broke(text) as &dyn std::error::Error, "{text}");
        }
        for code in 0..0x250 {
            let text: String = char::from_u32(code).into_iter().collect();
            info!(%text, within = format!("0123456789{text}0123456789"));
        }
    });
}

#[test]
fn numbers_are_written_as_the_library_does() {
    lines_of_both(|| {
        info!(
            a = u64::MAX,
            b = i64::MIN,
            c = 0_u8,
            d = -1_i8,
            e = u128::MAX,
            f = i128::MIN,
            g = usize::MAX,
            h = true,
            i = false
        );
        info!(a = NonZero::<u32>::MIN, b = std::num::Wrapping(7_u16), c = Box::new(5_u64), d = &&3_i32);
        for number in
            [0.0, -0.0, 1.0, 0.1, 1e21, 1e-7, 123_456_789.25, f64::MAX, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY]
        {
            info!(number, short = 0.1_f32);
        }
    });
}

#[test]
fn fields_without_a_value_and_odd_names_are_written_as_the_library_does() {
    lines_of_both(|| {
        info!(none = None::<u64>, some = Some(1_u64), unknown = tracing::field::Empty, bytes = &b"\0\xff\""[..]);
        info!(dotted.name = 1, "quoted \"name\"\n" = 2, r#type = 3, r#type = ?"debug", same = 1, same = 2, level = "mine");
        info!(target: "a \"target\"\n", {}, "");
        info!(list = ?["a", "\""], nested = ?Some(Broke("\n")), pretty = format_args!("{:#?}", Some(1)));
    });
}

#[test]
fn every_level_has_its_name() {
    let lines = lines_of_both(|| {
        error!("a");
        warn!("a");
        info!("a");
        debug!("a");
        trace!("a");
    });
    assert_eq!(lines.len(), 5);
}

#[test]
fn a_line_shows_the_innermost_span_as_the_library_does() {
    let lines = lines_of_both(|| {
        let upload = tracing::info_span!("upload", id = %"0-1-2", route = "raw \"x\"");
        upload.in_scope(|| {
            info!("within");
            let inner = tracing::debug_span!("in\"ner");
            inner.in_scope(|| info!("within both"));
            info!(parent: &inner, "of another");
            info!(parent: None, "of none");
        });
        info!(parent: &upload, "from outside");
        info!("outside");
    });
    let span = ",\"span\":{\"id\":\"0-1-2\",\"route\":\"raw \\\"x\\\"\",\"name\":\"upload\"}}\n";
    assert!(lines.first().is_some_and(|line| line.ends_with(span)), "{lines:?}");
    assert!(lines.last().is_some_and(|line| !line.contains("span")), "{lines:?}");
}

#[test]
fn the_fields_of_any_span_are_the_library_s() {
    lines_of_both(|| {
        let spans = [
            tracing::info_span!("none"),
            tracing::info_span!("unset", later = tracing::field::Empty),
            tracing::info_span!("unsorted", b = 1_u64, a = "x", c = true, aa = -1_i64),
            tracing::info_span!("same", a = 1, a = 2),
            tracing::info_span!("named", name = "x"),
            tracing::info_span!("float", a = 0.25, b = f64::NAN),
            tracing::info_span!("bytes", a = &b"\0\xff"[..]),
            tracing::info_span!("raw", r#type = ?"debug", z = 1),
            tracing::info_span!("wide", a = u128::MAX, b = ?Some("\""), c = Some(1), d = None::<u8>),
        ];
        for span in spans {
            span.in_scope(|| info!("within"));
        }
    });
}

#[test]
fn what_a_span_learns_later_is_shown_as_the_library_does() {
    lines_of_both(|| {
        let span = tracing::info_span!("upload", id = 1, size = tracing::field::Empty, cause = tracing::field::Empty);
        span.record("size", 5);
        span.in_scope(|| info!("within"));
        span.record("cause", "a \"word\"").record("size", 6);
        span.in_scope(|| info!("within"));
        let empty = tracing::info_span!("empty", cause = tracing::field::Empty);
        empty.record("cause", "x");
        empty.in_scope(|| info!("within"));
    });
}

#[test]
fn a_value_that_cannot_print_itself_loses_its_text_and_not_the_line() {
    struct Mute;
    impl fmt::Debug for Mute {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("so \"far")?;
            Err(fmt::Error)
        }
    }
    let lines = written(|| info!(mute = ?Mute, after = 1, "still here"));
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let line: Value = serde_json::from_str(line).expect("a line is JSON");
    assert_eq!(
        (&line["mute"], &line["after"], &line["message"]),
        (&"so \"far".into(), &1.into(), &"still here".into())
    );
}

#[test]
fn a_time_is_rfc_3339_in_utc_to_the_microsecond() {
    let format =
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    let days = (0..2000_u64).map(|day| Duration::new(day * 86_400 * 53, 0) + Duration::from_nanos(day * 7_919_123_457));
    let edges =
        [(0, 0), (951_782_399, 999_999_999), (951_782_400, 1_000), (4_107_542_399, 999), (9_223_372_036, 854_775_807)];
    for since in days.chain(edges.map(|(seconds, nanos)| Duration::new(seconds, nanos))) {
        let mut text = String::new();
        timestamp::push_utc(&mut text, UNIX_EPOCH + since);
        let expected = OffsetDateTime::from(UNIX_EPOCH + since).format(&format).expect("it has a year of four digits");
        assert_eq!(text, expected);
    }
}

#[test]
fn a_time_that_no_clock_shows_is_the_first() {
    for at in [UNIX_EPOCH - Duration::from_secs(1), UNIX_EPOCH + Duration::from_secs(1 << 60)] {
        let mut text = String::new();
        timestamp::push_utc(&mut text, at);
        assert!(text.starts_with("1970-01-01T00:00:00.") && text.len() == 27, "{text}");
    }
}

#[test]
fn a_line_says_when_it_was_written() {
    let before = OffsetDateTime::from(SystemTime::now()) - Duration::from_micros(1);
    let lines = written(|| tracing::event!(Level::INFO, "now"));
    let line: Value = serde_json::from_str(lines.first().expect("a line")).expect("a line is JSON");
    let said = line["timestamp"].as_str().expect("a time");
    let said = OffsetDateTime::parse(said, &time::format_description::well_known::Rfc3339).expect("RFC 3339");
    assert!(before <= said && said <= OffsetDateTime::now_utc(), "{said}");
}

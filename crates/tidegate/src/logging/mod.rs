//! The log: to stderr, for people on a terminal and as JSON otherwise, with libraries that could tell secrets kept quiet.

mod json;

use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use gateway::admin::LogFilter;
use rules::config::{Log, LogFormat};
use tracing::Metadata;
use tracing_subscriber::filter::{EnvFilter, ParseError, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;

use json::{JsonLines, SpanFields};

/// Crates that log heads, bodies, signatures or keys below `warn`; whatever the filter says, they do not get through.
const QUIET: [&str; 6] = ["aws_", "h2", "hyper", "rustls", "tokio_rustls", "tower"];

/// What is logged, which can change while the process runs.
#[derive(Clone)]
pub(crate) struct Filter {
    handle: Handle<EnvFilter, Registry>,
    texts: Arc<Mutex<Texts>>,
}

/// The same in words.
struct Texts {
    configured: String,
    current: String,
}

/// A filter that can be put in force.
pub(crate) struct Level {
    text: String,
    filter: EnvFilter,
}

impl Level {
    /// What passes: `RUST_LOG` takes the place of the configuration's level.
    pub(crate) fn of(log: &Log) -> anyhow::Result<Self> {
        match std::env::var("RUST_LOG") {
            Ok(text) if !text.is_empty() => Self::parse(text).context("RUST_LOG is no log filter"),
            _ => {
                Self::parse(log.level.clone()).with_context(|| format!("`log.level`: `{}` is no log filter", log.level))
            }
        }
    }

    fn parse(text: String) -> Result<Self, ParseError> {
        let filter = EnvFilter::try_new(&text)?;
        Ok(Self { text, filter })
    }
}

impl Filter {
    /// Logs what the configuration says from now on.
    pub(crate) fn configure(&self, level: Level) -> anyhow::Result<()> {
        self.texts().configured.clone_from(&level.text);
        self.put_in_force(level).context("the log has ended")
    }

    fn put_in_force(&self, level: Level) -> Result<(), reload::Error> {
        self.handle.reload(level.filter)?;
        self.texts().current = level.text;
        Ok(())
    }

    fn texts(&self) -> MutexGuard<'_, Texts> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogFilter for Filter {
    fn current(&self) -> String {
        self.texts().current.clone()
    }

    fn change(&self, filter: &str) -> Result<(), String> {
        let level = Level::parse(filter.to_owned()).map_err(|error| format!("`{filter}` is no log filter: {error}"))?;
        self.put_in_force(level).map_err(|error| error.to_string())
    }

    fn reset(&self) -> Result<(), String> {
        let configured = self.texts().configured.clone();
        self.change(&configured)
    }
}

/// Starts logging.
pub(crate) fn start(log: &Log) -> anyhow::Result<Filter> {
    let Level { text, filter } = Level::of(log)?;
    let (filter, handle) = reload::Layer::new(filter);
    let terminal = std::io::stderr().is_terminal();
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if for_people(log.format, terminal) {
        lines.with_ansi(colours).boxed()
    } else {
        lines.fmt_fields(SpanFields).event_format(JsonLines).boxed()
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(may_pass))
        .with(lines)
        .try_init()
        .context("logging was started twice")?;
    std::panic::set_hook(Box::new(log_panic));
    let texts = Texts { configured: text.clone(), current: text };
    Ok(Filter { handle, texts: Arc::new(Mutex::new(texts)) })
}

/// A panic is a bug, and it is one line of the log like everything else.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let text = own_words(panic.payload_as_str().unwrap_or("no text"));
    tracing::error!(place, text, "a bug: this task panicked");
}

/// What of a panic's text is the code's own. Texts of the standard library quote the data that was at hand: a string that was cut
/// within a character, the error that was unwrapped. Data may be a secret, so the text ends where the first quotation begins,
/// or where a colon announces a value.
fn own_words(text: &str) -> &str {
    text.split(['`', '"', '\'', '(', '{', '[', ':', '\n']).next().unwrap_or_default().trim_end()
}

fn for_people(format: LogFormat, terminal: bool) -> bool {
    match format {
        LogFormat::Auto => terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    }
}

fn may_pass(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= tracing::Level::WARN || !is_quiet(metadata.target())
}

/// Whether a target belongs to one of the quiet crates or their kin, such as `hyper_util` and `aws_sigv4::sign`.
fn is_quiet(target: &str) -> bool {
    QUIET.iter().any(|name| target.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_could_tell_secrets_are_quiet() {
        for target in
            ["aws_sigv4::http_request::sign", "hyper::proto::h1", "hyper_util::client", "h2::codec", "rustls::conn"]
        {
            assert!(is_quiet(target), "{target}");
        }
        for target in ["gateway::server", "tidegate", "rules::run", "wire"] {
            assert!(!is_quiet(target), "{target}");
        }
    }

    #[test]
    fn a_panic_s_text_quotes_no_data() {
        let secret = "c4nary-é-secret";
        let cut = std::panic::catch_unwind(|| {
            let _cut = secret.split_at(8);
        });
        let unwrapped = std::panic::catch_unwind(|| {
            // As `unwrap` does, which the lints forbid.
            std::panic::panic_any(format!("called `Result::unwrap()` on an `Err` value: {secret:?}"));
        });
        let compared = std::panic::catch_unwind(|| assert_eq!(secret, "other", "the two differ"));
        for (panic, words) in [(cut, ""), (unwrapped, "called"), (compared, "assertion")] {
            let payload = panic.expect_err("it panics");
            let text = payload.downcast_ref::<String>().cloned().unwrap_or_default();
            let text = if text.is_empty() {
                payload.downcast_ref::<&str>().copied().unwrap_or_default().to_owned()
            } else {
                text
            };
            assert!(!own_words(&text).contains("c4nary"), "{text}");
            assert!(own_words(&text).starts_with(words) && !own_words(&text).is_empty(), "{text}");
        }
        assert_eq!(own_words("index out of bounds"), "index out of bounds");
    }

    #[test]
    fn auto_is_for_people_only_on_a_terminal() {
        assert!(for_people(LogFormat::Auto, true) && !for_people(LogFormat::Auto, false));
        assert!(for_people(LogFormat::Pretty, false) && !for_people(LogFormat::Json, true));
    }
}

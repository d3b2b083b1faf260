//! The one environment in which expressions are compiled and evaluated: fuel-limited, strict, without IO.

use std::sync::LazyLock;

use minijinja::value::Object;
use minijinja::{Environment, UndefinedBehavior, Value};

use super::reference::{FILTERS, FUNCTIONS, TESTS};
use super::{filters, strict};

/// Instructions that one evaluation may take. A rule's expression takes a few dozen; a nested `map` over an answer of the
/// largest size stays below this, while a runaway one ends within milliseconds.
const FUEL: u64 = 200_000;

/// What a name can stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Filter,
    Test,
    Function,
    Constant,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Test => "test",
            Self::Function => "function",
            Self::Constant => "constant",
        }
    }

    fn names(self) -> Box<dyn Iterator<Item = &'static str>> {
        match self {
            Self::Filter => Box::new(FILTERS.iter().map(|(name, ..)| *name)),
            Self::Test => Box::new(TESTS.iter().map(|(name, ..)| *name)),
            Self::Function => Box::new(FUNCTIONS.iter().map(|(name, ..)| *name)),
            Self::Constant => Box::new(["omit"].into_iter()),
        }
    }
}

/// Whether a name exists.
pub(super) fn is_known(kind: Kind, name: &str) -> bool {
    kind.names().any(|known| known == name)
}

/// What the author may have meant.
pub(super) fn suggest(kind: Kind, name: &str) -> Option<String> {
    if kind == Kind::Function && is_known(Kind::Filter, name) {
        return Some(format!("`{name}` is a filter: write `value | {name}`"));
    }
    let best = kind.names().map(|known| (strsim::damerau_levenshtein(known, name), known)).min()?;
    let close = best.0 <= 1 + name.len() / 4;
    close.then(|| format!("did you mean `{}`?", best.1))
}

/// The environment; built at the first use.
pub(super) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(build);
    &ENVIRONMENT
}

/// The environment of conditions that decide who is let in.
pub(super) fn strict_environment() -> &'static Environment<'static> {
    static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut environment = build();
        strict::add_to(&mut environment);
        environment
    });
    &ENVIRONMENT
}

fn build() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(true);
    filters::add_to(&mut environment);
    for unwanted in ["debug", "namespace"] {
        environment.remove_global(unwanted);
    }
    environment.add_global("omit", Value::from_object(Omit));
    environment
}

/// The value of `omit`: whatever would hold it is left out.
#[derive(Debug)]
struct Omit;

impl Object for Omit {
    fn repr(self: &std::sync::Arc<Self>) -> minijinja::value::ObjectRepr {
        minijinja::value::ObjectRepr::Plain
    }
}

/// Whether a value is `omit`.
pub(super) fn is_omit(value: &Value) -> bool {
    value.downcast_object_ref::<Omit>().is_some()
}

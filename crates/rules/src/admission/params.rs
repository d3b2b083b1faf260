//! Parameters: every complaint at once.

use serde_json::Value;
use uuid::Uuid;

use crate::config::{Param, ParamKind};
use crate::failure::{Failure, Problem, Violation};

/// Checks what the client gave against what the route declares, and fills in defaults. In the order of declaration.
pub(super) fn check(declared: &[Param], given: &[(String, String)]) -> Result<Vec<(String, Value)>, Failure> {
    let mut complaints = unknown(declared, given);
    let mut values = Vec::new();
    for param in declared {
        let mut same = given.iter().filter(|(name, _)| *name == param.name).map(|(_, value)| value);
        let value = match (same.next(), same.next()) {
            (Some(_), Some(_)) => Err((Problem::InvalidParameter, "is given more than once".to_owned())),
            (Some(text), None) => parse(param, text).map(Some).map_err(|what| (Problem::InvalidParameter, what)),
            (None, _) if param.default.is_some() => Ok(param.default.clone()),
            (None, _) if param.required => Err((Problem::MissingParameter, "is required".to_owned())),
            (None, _) => Ok(None),
        };
        match value {
            Ok(Some(value)) => values.push((param.name.clone(), value)),
            Ok(None) => {}
            Err((problem, message)) => complaints.push((problem, param.name.clone(), message)),
        }
    }
    let Some((problem, name, message)) = complaints.first() else { return Ok(values) };
    let more = complaints.len() - 1;
    let rest = if more == 0 { String::new() } else { format!(" (and {more} more: see `violations`)") };
    let failure = Failure::new(*problem, format!("parameter `{name}` {message}{rest}"));
    let violation = |(_, name, message): &(Problem, String, String)| Violation {
        field: format!("params.{name}"),
        message: message.clone(),
    };
    let violations = complaints.iter().map(violation).collect();
    Err(failure.with_violations(violations))
}

/// Complaints about parameters of which more may come: none about those that are missing.
pub(super) fn check_some(declared: &[Param], given: &[(String, String)]) -> Vec<Violation> {
    let optional: Vec<_> = declared.iter().map(|param| Param { required: false, ..param.clone() }).collect();
    check(&optional, given).err().map(|failure| failure.violations).unwrap_or_default()
}

/// Longest name of a client's that is said back to it.
const SHOWN_NAME_CHARS: usize = 64;

fn unknown(declared: &[Param], given: &[(String, String)]) -> Vec<(Problem, String, String)> {
    let mut complaints: Vec<(Problem, String, String)> = Vec::new();
    for (name, _) in given {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(SHOWN_NAME_CHARS).collect();
        let known = declared.iter().any(|param| param.name == *name);
        if known || complaints.iter().any(|(_, seen, _)| *seen == shown) {
            continue;
        }
        let near = declared.iter().map(|param| (strsim::damerau_levenshtein(&param.name, &shown), &param.name)).min();
        let hint = near.filter(|(distance, _)| *distance <= 2).map(|(_, near)| format!("; did you mean `{near}`?"));
        complaints.push((Problem::UnknownParameter, shown, format!("is not known here{}", hint.unwrap_or_default())));
    }
    complaints
}

/// The typed value, or what is wrong with the text. The text itself is not repeated: it may be private.
fn parse(param: &Param, text: &str) -> Result<Value, String> {
    if !param.one_of.is_empty() && !param.one_of.iter().any(|one| one == text) {
        return Err(format!("must be one of {}", param.one_of.join(", ")));
    }
    match &param.kind {
        ParamKind::String { pattern, max_bytes, uuid } => {
            if text.len() > *max_bytes {
                return Err(format!("has {} bytes, {max_bytes} are accepted", text.len()));
            }
            if *uuid && (text.len() != 36 || Uuid::try_parse(text).is_err()) {
                return Err("must be a UUID such as 123e4567-e89b-12d3-a456-426614174000".to_owned());
            }
            // The pattern is to match the whole value, wherever its author put anchors.
            let whole = |found: regex::Match<'_>| found.start() == 0 && found.end() == text.len();
            if pattern.as_ref().is_some_and(|pattern| !pattern.find(text).is_some_and(whole)) {
                return Err("does not match the pattern that is accepted".to_owned());
            }
            Ok(text.into())
        }
        ParamKind::Boolean => match text {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err("must be true or false".to_owned()),
        },
        ParamKind::Integer { min, max } => {
            let canonical = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
            let number = canonical.ok_or("must be an integer")?;
            if number < *min || number > *max {
                return Err(between("an integer", min, max, (*min == i64::MIN, *max == i64::MAX)));
            }
            Ok(number.into())
        }
        ParamKind::Number { min, max } => {
            let number: serde_json::Number = serde_json::from_str(text).map_err(|_| "must be a number")?;
            let size = number.as_f64().filter(|size| size.is_finite()).ok_or("must be a number")?;
            if size < *min || size > *max {
                return Err(between("a number", min, max, (*min <= f64::MIN, *max >= f64::MAX)));
            }
            Ok(number.into())
        }
    }
}

fn between(what: &str, min: &dyn ToString, max: &dyn ToString, (no_min, no_max): (bool, bool)) -> String {
    match (no_min, no_max) {
        (true, _) => format!("must be {what} of at most {}", max.to_string()),
        (_, true) => format!("must be {what} of at least {}", min.to_string()),
        _ => format!("must be {what} from {} to {}", min.to_string(), max.to_string()),
    }
}

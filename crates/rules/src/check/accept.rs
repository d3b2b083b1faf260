//! `accept` and `params`: what may come.

use regex::Regex;

use super::fields::Fields;
use super::structure::report;
use crate::config::{Accept, Detect, ExtensionRules, FormRules, NameRules, SizeLimits, TypePattern, TypeRules};
use crate::diagnostics::Problems;
use crate::schema::Complaint;
use crate::schema::table::accept::{ACCEPT, EXTENSIONS, FORMS, NAMES, SIZES, TYPES};
use crate::schema::values::{boolean, integer, media_range, parse_size};
use crate::source::Node;

/// Reads `accept`; `None` after problems.
pub(super) fn read(node: Option<&Node>, text: &str, problems: &mut Problems) -> Option<Accept> {
    let accept = Fields::new(node, &ACCEPT);
    let size = sizes(accept.object("size", &SIZES), problems);
    let types = types(accept.object("types", &TYPES), problems);
    let extensions = extensions(accept.object("extensions", &EXTENSIONS), problems);
    let name = names(accept.object("name", &NAMES), text, problems);
    let form = forms(accept.object("form", &FORMS), problems);
    Some(Accept { size: size?, types: types?, extensions: extensions?, name: name?, form: form? })
}

fn sizes(fields: Fields<'_>, problems: &mut Problems) -> Option<SizeLimits> {
    let (min, max) = (fields.read_optional("min", parse_size), fields.read_optional("max", parse_size));
    check_bound(min.flatten(), max.flatten(), fields.get("max"), problems);
    let mut by_type = Vec::new();
    for entry in fields.get("by-type").map(Node::entries).unwrap_or_default() {
        let limit = entry.value.text().and_then(|text| parse_size(text).ok());
        check_bound(min.flatten(), limit, Some(&entry.value), problems);
        match media_range(&entry.key) {
            Ok((kind, subtype)) => by_type.extend(limit.map(|limit| (TypePattern { kind, subtype }, limit))),
            Err(complaint) => {
                problems.error(entry.key_span, complaint.message).maybe_hint(complaint.hint);
            }
        }
    }
    Some(SizeLimits { min: min?, max: max?, by_type })
}

fn check_bound(min: Option<u64>, max: Option<u64>, node: Option<&Node>, problems: &mut Problems) {
    let (Some(max), Some(node)) = (max, node) else { return };
    if min.is_some_and(|min| min > max) {
        problems
            .error(node.span, "no file can be this small and as large as `min` wants")
            .hint("make the upper limit larger than `min`");
    } else if max == 0 {
        problems
            .error(node.span, "this limit lets only empty files pass")
            .hint("write a size such as `10MiB`, or remove the limit");
    }
}

fn types(fields: Fields<'_>, problems: &mut Problems) -> Option<TypeRules> {
    let patterns = |key: &str| -> Vec<TypePattern> {
        let ranges = fields.texts(key).into_iter().filter_map(|text| media_range(&text).ok());
        ranges.map(|(kind, subtype)| TypePattern { kind, subtype }).collect()
    };
    let (allow, deny) = (patterns("allow"), patterns("deny"));
    let covers = |wide: &TypePattern, narrow: &TypePattern| {
        wide.kind == "*" || (wide.kind == narrow.kind && (wide.subtype == "*" || wide.subtype == narrow.subtype))
    };
    for (pattern, node) in allow.iter().zip(fields.get("allow").map(Node::items).unwrap_or_default()) {
        if deny.iter().any(|denied| covers(denied, pattern)) {
            problems
                .error(node.span, "this type is allowed and denied")
                .hint("`deny` wins: remove it from one of the two lists");
        }
    }
    let detect = match fields.text("detect")?.as_str() {
        "must-match" => Detect::MustMatch,
        "prefer-detected" => Detect::PreferDetected,
        _ => Detect::Ignore,
    };
    Some(TypeRules { allow, deny, detect })
}

fn extensions(fields: Fields<'_>, problems: &mut Problems) -> Option<ExtensionRules> {
    let allow = extension_list(fields.get("allow"), problems);
    let deny = extension_list(fields.get("deny"), problems);
    for (extension, node) in allow.iter().zip(fields.get("allow").map(Node::items).unwrap_or_default()) {
        if deny.contains(extension) {
            problems
                .error(node.span, "this extension is allowed and denied")
                .hint("`deny` wins: remove it from one of the two lists");
        }
    }
    Some(ExtensionRules { allow, deny, every_suffix: fields.read("every-suffix", boolean)? })
}

fn extension_list(node: Option<&Node>, problems: &mut Problems) -> Vec<String> {
    let mut list = Vec::new();
    for item in node.map(Node::items).unwrap_or_default() {
        let Some(text) = item.text() else { continue };
        if text.is_empty() || text.contains(['.', '/', '*', ' ']) {
            let bare = text.trim_matches(|c| "*. ".contains(c));
            let hint = if bare.is_empty() || bare.contains(['.', '/', '*', ' ']) {
                "write the last suffix alone, such as `gz`".to_owned()
            } else {
                format!("write `{bare}`")
            };
            problems.error(item.span, "an extension is written without dot, asterisk and space").hint(hint);
        }
        list.push(text.to_lowercase());
    }
    list
}

fn names(fields: Fields<'_>, text: &str, problems: &mut Problems) -> Option<NameRules> {
    let pattern = fields.get("pattern").map(|node| regex(node, text, problems, ToOwned::to_owned));
    let max_bytes = fields.read("max-bytes", |text| integer(text, 1, 255))?;
    let pattern = pattern.map_or(Some(None), |pattern| pattern.map(Some))?;
    Some(NameRules { max_bytes: usize::try_from(max_bytes).ok()?, pattern })
}

/// Longest value of one field: as long as a parameter can be. More is a file.
const MAX_FIELD_SIZE: u64 = 64 << 10;

/// Most that the fields of one form may take: they are held until the upload ends.
const MAX_FIELDS_SIZE: u64 = 16 << 20;

fn forms(fields: Fields<'_>, problems: &mut Problems) -> Option<FormRules> {
    let field_size = fields.read("field-size", parse_size)?;
    let fields_size = fields.read("fields-size", parse_size)?;
    if let (true, Some(node)) = (field_size > MAX_FIELD_SIZE, fields.get("field-size")) {
        problems
            .error(node.span, "`field-size` is out of range")
            .hint("write a size up to `64KiB`: no parameter is longer, and what is larger is a file");
    }
    if let (true, Some(node)) = (fields_size > MAX_FIELDS_SIZE, fields.get("fields-size")) {
        problems.error(node.span, "`fields-size` is out of range").hint("write a size up to `16MiB`");
    }
    if let (true, Some(node)) = (field_size > fields_size, fields.get("field-size").or(fields.get("fields-size"))) {
        problems
            .error(node.span, "one field may be larger than all of them together")
            .hint("make `fields-size` at least as large as `field-size`");
    }
    let count = fields.read("fields", |text| integer(text, 0, 1_000))?;
    Some(FormRules {
        fields: usize::try_from(count).ok()?,
        field_size: usize::try_from(field_size).ok()?,
        fields_size: usize::try_from(fields_size).ok()?,
    })
}

/// Compiles a pattern, `wrap`ped once it was found to be good.
pub(super) fn regex(node: &Node, text: &str, problems: &mut Problems, wrap: fn(&str) -> String) -> Option<Regex> {
    let pattern = node.text()?;
    let compiled = Regex::new(pattern).and_then(|_| Regex::new(&wrap(pattern)));
    compiled.map_err(|error| report(problems, text, node, regex_complaint(pattern, &error), None)).ok()
}

/// The crate shows the pattern, a caret below it and the reason; the place is read off the caret.
fn regex_complaint(pattern: &str, error: &regex::Error) -> Complaint {
    let shown = error.to_string();
    let reason = shown.lines().last().unwrap_or_default().trim_start_matches("error: ");
    let caret = shown.lines().find(|line| line.contains('^') && line.trim_matches([' ', '^']).is_empty());
    let column = caret.and_then(|line| line.find('^')).and_then(|at| at.checked_sub(4));
    let part = column.filter(|_| !pattern.contains('\n')).and_then(|column| {
        let (offset, found) = pattern.char_indices().nth(column)?;
        Some((offset, found.len_utf8()))
    });
    let hint = match reason {
        "unclosed group" | "unopened group" => "write `\\(` or `\\)` for a parenthesis itself",
        "look-around, including look-ahead and look-behind, is not supported" => {
            "write the pattern without look-around"
        }
        _ => {
            "use the syntax of the Rust crate `regex`; inside double quotes YAML wants `\\\\` for a backslash, inside single quotes `\\`"
        }
    };
    Complaint {
        message: format!("this is no regular expression: {reason}"),
        hint: Some(hint.to_owned()),
        part,
        secret: false,
    }
}

//! The table as a page for people.

use std::fmt::Write;

use super::{Key, MAIN, Need, Object, ROUTE, Shape};
use crate::expr::{FILTERS, FUNCTIONS, TESTS};

const HEAD: &str = "\
<!-- Made from the table that `tidegate check` works with. Do not edit: run `UPDATE_DOCS=1 cargo test -p tidegate-rules`. -->

# Rule reference

Every key of the configuration. [Writing rules](writing-rules.md) explains how they work together; `tidegate check` says where a
file breaks them, and `tidegate schema` prints them as JSON Schema for editors.

";

const VALUES: &str = "\
## Values

| value | is written |
| --- | --- |
| size | a whole number with a unit: `B`, `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024) or `kB`, `MB`, `GB`, `TB` (powers of 1000) |
| time | a whole number with a unit: `ms`, `s`, `m`, `h` |
| rate | a size per second: `1KiB/s` |
| number per time | a whole number with `/s`, `/min` or `/h`: `10/s`, `100/min` |
| status | `200` to `599`, or a class: `2xx`, `3xx`, `4xx`, `5xx` |
| address | an IP address with a port: `127.0.0.1:8080`, `[::1]:8080` |
| networks | `10.0.0.0/8, fd00::/8, 127.0.0.1`, separated by commas or spaces, or a list |
| media type | `image/png`, `image/*`, `*/*`, without parameters |
| regular expression | the syntax of the Rust crate [`regex`](https://docs.rs/regex/latest/regex/#syntax); of Unicode its general categories and scripts, such as `\\p{L}` and `\\p{Greek}` |
| text | any text; a number or a word such as `no` needs no quotes, its characters count |
| text or an expression | text in which `${ … }` is evaluated for each upload |
| condition | an expression that is true or false: `${ json.ok }` |
| JSON tree | any YAML value; `true`, `false`, `null` and numbers are typed if they are not quoted, everything else is text |

A value that is needed when the configuration is loaded (addresses, sizes, times, URLs of targets …) may use environment variables and
nothing else: `${ env.NAME }`, `${ env.NAME | default(\"…\") }`. A variable that is set to nothing counts as not set. Inside `{ … }`
and `[ … ]`, and where it contains `: ` or ` #`, an expression must be quoted.

";

/// The reference page, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = Page { text: HEAD.to_owned(), written: Vec::new() };
    page.object(&MAIN, 2);
    page.object(&ROUTE, 2);
    page.text.push_str(VALUES);
    page.names("Filters", "`value | name(…)`", FILTERS);
    page.names("Tests", "`value is name`, `value is not name`", TESTS);
    page.names("Functions", "`name(…)`", FUNCTIONS);
    page.text.truncate(page.text.trim_end().len());
    page.text.push('\n');
    page.text
}

struct Page {
    text: String,
    written: Vec<&'static str>,
}

impl Page {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.text.write_fmt(line).and_then(|()| self.text.write_char('\n')).expect("writing to a string never fails");
    }

    /// An object, and below it every object that its keys hold.
    fn object(&mut self, object: &'static Object, level: usize) {
        if self.written.contains(&object.name) {
            return;
        }
        self.written.push(object.name);
        self.line(format_args!("{} {}\n\n{}\n", "#".repeat(level), title(object.name), object.doc));
        self.line(format_args!("| key | value | without it | meaning |\n| --- | --- | --- | --- |"));
        for key in object.keys.iter().filter(|key| !matches!(key.shape, Shape::Later)) {
            self.line(format_args!(
                "| `{}` | {} | {} | {} |",
                key.name,
                value(&key.shape),
                missing(key),
                cell(key.doc)
            ));
        }
        self.line(format_args!(""));
        for key in object.keys {
            self.objects_in(&key.shape);
        }
    }

    fn objects_in(&mut self, shape: &'static Shape) {
        match shape {
            Shape::Object(object) => self.object(object, 3),
            Shape::List(inner) | Shape::OneOrMore(inner) | Shape::Map { value: inner, .. } => self.objects_in(inner),
            Shape::OneOf(shapes) => shapes.iter().for_each(|shape| self.objects_in(shape)),
            Shape::Leaf(_) | Shape::Template | Shape::Condition | Shape::Tree | Shape::Later => {}
        }
    }

    fn names(&mut self, what: &str, usage: &str, rows: &[(&str, &str, (&str, &str))]) {
        self.line(format_args!("## {what}\n\n{usage}\n\n| name | gives | example | |\n| --- | --- | --- | --- |"));
        for (name, gives, (example, result)) in rows {
            self.line(format_args!("| `{name}` | {} | `{}` | `{}` |", cell(gives), cell(example), cell(result)));
        }
        self.line(format_args!(""));
    }
}

fn missing(key: &Key) -> String {
    match key.need {
        Need::Required => "required".to_owned(),
        Need::Optional => "–".to_owned(),
        Need::Default("") => "`\"\"`".to_owned(),
        Need::Default(text) => format!("`{text}`"),
    }
}

/// What stands in a key, with links to objects.
fn value(shape: &Shape) -> String {
    match shape {
        Shape::Leaf(leaf) => cell(&leaf.describe()),
        Shape::Template => "text or an expression".to_owned(),
        Shape::Condition => "condition".to_owned(),
        Shape::Tree => "JSON tree".to_owned(),
        Shape::List(item) => format!("list of: {}", value(item)),
        Shape::OneOrMore(item) => format!("{}, or a list of such", value(item)),
        Shape::Map { key, value } => format!("map: `{key}:` {}", self::value(value)),
        Shape::Object(object) => format!("[{}](#{})", object.name, object.name.replace(' ', "-").to_lowercase()),
        Shape::OneOf(shapes) => shapes.iter().map(value).collect::<Vec<_>>().join(", or "),
        Shape::Later => String::new(),
    }
}

/// Bars would end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn title(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

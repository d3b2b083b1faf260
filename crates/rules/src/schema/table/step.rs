//! Steps.

use super::body::FORM_ITEM;
use super::secret::SECRET;
use super::{DURATION, Key, Leaf, Object, Rule, Shape, default, later, object, optional, required};

pub(crate) static STEP: Object = Object {
    name: "step",
    doc: "One HTTP request. Its answer is known to later steps by the step's id: `ID.status`, `ID.headers['etag']`, `ID.json`, `ID.xml` \
          (element text by path, namespaces ignored) and `ID.text`. In `expect.that`, `until`, `fail-when`, `check`, `undo` and `expires` \
          the step's own answer is known too, by its id or as bare `status`, `headers`, `json`, `xml` and `text`.",
    keys: &[
        required(
            "id",
            Shape::Leaf(Leaf::Identifier),
            "The step's name: how expressions call its answer, and a metric label.",
        ),
        optional(
            "when",
            Shape::Condition,
            "The step is skipped unless this holds. Its answer is then undefined, so later uses need `| default(…)`.",
        ),
        REQUEST,
        TARGET,
        HEADERS_KEY,
        QUERY,
        JSON,
        optional("form", Shape::List(&FORM_ITEM), "A `multipart/form-data` body, its items in this order."),
        URLENCODED,
        TEXT_BODY,
        optional(
            "body",
            Shape::Leaf(Leaf::Choice(&["file", "none"])),
            "`file` sends the file as it is; `none` sends an empty body with `Content-Length: 0`.",
        ),
        later("s3"),
        default(
            "expect",
            "2xx",
            EXPECT_SHAPE,
            "Which answers are a success: a status, a class such as `2xx`, a list of these, or `{ status: …, that: CONDITION }`.",
        ),
        optional("until", Shape::Condition, "Asks again until this holds."),
        optional("fail-when", Shape::Condition, "With `until`: gives up when this holds."),
        optional(
            "fail-as",
            Shape::Leaf(Leaf::Choice(&["refuses-file"])),
            "With `fail-when`: `refuses-file` blames the file (422) and not the upstream (502).",
        ),
        optional("every", DURATION, "With `until`: how long to wait between two requests. `1s` unless given."),
        optional("within", DURATION, "With `until`: how long to go on in all. `30s` unless given."),
        optional(
            "otherwise",
            Shape::Leaf(Leaf::Choice(&["processing"])),
            "With `until`: past `within` the upload ends well as `processing` (202) instead of failing.",
        ),
        optional(
            "retry",
            Shape::Leaf(Leaf::Choice(&["idempotent", "never"])),
            "Whether the request may be sent again when its answer is lost. Without it, GET, HEAD, PUT and DELETE may, and what carries \
             `upload.idempotency_key`; POST and PATCH may not.",
        ),
        optional(
            "expires",
            Shape::Template,
            "When the URL or policy that this answer gives ends (RFC 3339 text, HTTP date or Unix seconds). If it has ended when the file is \
             about to be sent, this step runs once more.",
        ),
        optional(
            "undo",
            Shape::Object(&UNDO),
            "One request that takes this step back when a later one fails or the client vanishes.",
        ),
        optional(
            "check",
            Shape::OneOrMore(&Shape::Condition),
            "What must be true of the answer, such as `${ store.json.size == file.size }`. If it is not, the upstream misbehaved (502).",
        ),
        optional("timeout", DURATION, "How long the answer may take, in place of the target's."),
    ],
    rule: Rule::AtMostOneOf(&["json", "form", "urlencoded", "text", "body"]),
};

const REQUEST: Key = required(
    "request",
    Shape::Leaf(Leaf::Request),
    "Method and URL: `POST /v1/files/${ create.json.id }` for a path below the target's `url`, or `PUT ${ create.json.url }` for a URL \
     learned from an answer. An expression in the path is encoded as one segment, in the query as one value.",
);
const TARGET: Key = required("target", Shape::Leaf(Leaf::Literal), "One of `targets`.");
const HEADERS_KEY: Key = optional(
    "headers",
    HEADERS,
    "Headers: a map, or a list of `NAME: value` and `fields: ${ … }`, which adds all headers of a map or list of pairs in an answer. \
     Learned headers win over written ones.",
);
const QUERY: Key = optional("query", TEMPLATES, "Query parameters, added to those that the URL has.");
const JSON: Key = optional(
    "json",
    Shape::Tree,
    "A JSON body. `${ file.base64 }` (or `file.base64url`) in one of its texts is where the file streams. Unquoted `true`, `false`, `null` and numbers \
     are typed, everything else is text; a scalar that is exactly one expression has that expression's type; \
     a key whose value is `${ omit }` is left out.",
);
const URLENCODED: Key = optional("urlencoded", TEMPLATES, "An `application/x-www-form-urlencoded` body.");
const TEXT_BODY: Key =
    optional("text", Shape::Template, "Any other text as body; say its `Content-Type` in `headers`.");
const EXPECT_SHAPE: Shape =
    Shape::OneOf(&[Shape::Leaf(Leaf::Status), Shape::List(&Shape::Leaf(Leaf::Status)), Shape::Object(&EXPECT)]);
const STATUSES: Shape = Shape::OneOrMore(&Shape::Leaf(Leaf::Status));
const TEMPLATES: Shape = Shape::Map { key: "NAME", value: &Shape::Template };

pub(crate) static EXPECT: Object = object(
    "expect",
    "Which answers are a success.",
    &[
        default("status", "2xx", STATUSES, "A status, a class, or a list of these."),
        optional(
            "that",
            Shape::Condition,
            "A condition on the answer. On a body that is not JSON, conditions on `json` do not hold.",
        ),
    ],
);

pub(crate) static UNDO: Object = Object {
    name: "undo",
    doc: "A request that takes a step back. It goes to the step's target unless it names another, and it may use the step's own answer.",
    keys: &[
        REQUEST,
        optional("target", Shape::Leaf(Leaf::Literal), "One of `targets`, in place of the step's."),
        HEADERS_KEY,
        QUERY,
        optional("json", Shape::Tree, "A JSON body."),
        URLENCODED,
        TEXT_BODY,
        optional("body", Shape::Leaf(Leaf::Choice(&["none"])), "`none` sends an empty body with `Content-Length: 0`."),
        optional(
            "expect",
            STATUSES,
            "Which answers mean that it worked: a status, a class, or a list of these. Without it: `2xx` and `404`.",
        ),
    ],
    rule: Rule::AtMostOneOf(&["json", "urlencoded", "text", "body"]),
};

/// A map of headers, or a list.
pub(super) const HEADERS: Shape = Shape::OneOf(&[HEADER_MAP, Shape::List(&HEADER_MAP)]);
const HEADER_MAP: Shape = Shape::Map { key: "NAME", value: &HEADER_VALUE };
const HEADER_VALUE: Shape = Shape::OneOf(&[Shape::Template, Shape::Object(&SECRET)]);

//! Examples: what `tidegate test` runs.

use super::{BOOL, LITERAL, Leaf, Object, PROSE, Rule, SIZE, Shape, default, object, optional, required};

pub(crate) static EXAMPLE: Object = Object {
    name: "example",
    doc: "One upload, the requests that the upstream must hear for it with its answers, and what the client must be told. It runs \
          through a whole gateway whose upstreams are all played from here: no name is looked up and nothing leaves the machine. The \
          main file counts for nothing in it, and neither does the environment. Texts in an example mean themselves: \
          `${ … }` is not evaluated in them.",
    keys: &[
        required("name", PROSE, "What it shows, in words. No two examples of a file share a name."),
        optional(
            "env",
            Shape::Map { key: "NAME", value: &PROSE },
            "The environment variables that the rule reads; nothing else is set. A secret that is not named has its own name in \
             angle brackets as its value, so that `{ env: API_KEY }` is sent as `<API_KEY>`; one from a file has the file's name. An \
             optional secret that is not named has no value.",
        ),
        required("request", Shape::Object(&EXAMPLE_REQUEST), "What the client sends."),
        optional(
            "upstream",
            Shape::List(&Shape::Object(&EXCHANGE)),
            "Every request that goes out, in order, with its answer. One that does not stand here fails the example, and so does one that \
             stands here and does not come.",
        ),
        optional(
            "receipt",
            Shape::Tree,
            "The receipt that the client must get. What is not named is not compared; lists are compared whole. A text may be a \
             matcher instead.",
        ),
        optional(
            "problem",
            Shape::Tree,
            "The problem that the client must get instead, compared like a receipt. Its `type` may be written without \
             `urn:tidegate:problem:`, and must be there.",
        ),
    ],
    rule: Rule::AtMostOneOf(&["receipt", "problem"]),
};

pub(crate) static EXAMPLE_REQUEST: Object = Object {
    name: "example request",
    doc: "An upload. Its file is `text`, `base64` or `size`, and empty without any of these.",
    keys: &[
        default(
            "by",
            "put",
            Shape::Leaf(Leaf::Choice(&["put", "post", "form"])),
            "The form of the request: `PUT` with the name as the last segment of the path, `POST`, or `POST` with a form.",
        ),
        optional(
            "path",
            PROSE,
            "Where it goes, percent-encoded where that must be. The route's own `path` unless that has `{ … }` in it; a `PUT` has `filename` \
             added as one more segment.",
        ),
        optional(
            "filename",
            PROSE,
            "The file's name. A `PUT` needs one, unless the route's path takes the name itself.",
        ),
        optional("type", PROSE, "The file's media type."),
        optional(
            "params",
            Shape::Map { key: "NAME", value: &PROSE },
            "Parameters: the query, or in a form the fields before the file.",
        ),
        optional(
            "headers",
            Shape::Map { key: "NAME", value: &PROSE },
            "Further headers, such as `Idempotency-Key` or `Repr-Digest`.",
        ),
        optional(
            "client",
            Shape::Object(&EXAMPLE_CLIENT),
            "Who sends it, on a route with `access`: its providers count for nothing here, its condition does. Without it the request \
             shows no credentials.",
        ),
        optional("text", PROSE, "The file, as text."),
        optional("base64", LITERAL, "The file, as base64."),
        optional("size", SIZE, "The file: so many bytes of no meaning, always the same. At most 16 MiB."),
    ],
    rule: Rule::AtMostOneOf(&["text", "base64", "size"]),
};

pub(crate) static EXAMPLE_CLIENT: Object = object(
    "example client",
    "Who sends an upload.",
    &[required("subject", PROSE, "`client.subject`."), optional("claims", Shape::Tree, "`client.claims`: a map.")],
);

pub(crate) static EXCHANGE: Object = object(
    "exchange",
    "One request to an upstream, and its answer.",
    &[
        optional(
            "expect",
            Shape::Object(&EXPECTED_REQUEST),
            "The request that must go out. It stands everywhere but where the connection is refused.",
        ),
        required(
            "answer",
            Shape::OneOf(&[
                Shape::Leaf(Leaf::Choice(&["refused", "reset", "unfinished"])),
                Shape::Object(&SCRIPTED_ANSWER),
            ]),
            "What the upstream says. `refused`: it takes no connection. `reset`: it resets the connection when it has heard the \
             request. `unfinished`: the request may begin but must not come to its end, as after a wrong digest.",
        ),
    ],
);

pub(crate) static EXPECTED_REQUEST: Object = Object {
    name: "expected request",
    doc: "What the upstream must hear. What is not named is not compared; a body that is named is compared whole.",
    keys: &[
        required(
            "method",
            Shape::Leaf(Leaf::Choice(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])),
            "The method.",
        ),
        required(
            "url",
            MATCHED,
            "The whole URL as it is sent, from `https://` or `http://` on, without a port that is the scheme's own. With `query`, it ends \
             before the `?`.",
        ),
        optional("query", MATCHED_MAP, "Parameters of the query, decoded. There may be others."),
        optional("headers", MATCHED_MAP, "Headers, names in any case. There may be others."),
        optional(
            "body",
            Shape::Leaf(Leaf::Choice(&["file", "none"])),
            "`file`: the bytes of the request's file and no others. `none`: an empty body.",
        ),
        optional("text", MATCHED, "The body as text."),
        optional(
            "json",
            Shape::Tree,
            "The body as JSON: the same keys in any order, and no others. A text may be a matcher instead.",
        ),
        optional("base64", LITERAL, "The body's bytes, as base64."),
        optional(
            "form",
            Shape::List(&Shape::Object(&EXPECTED_PART)),
            "The parts of a `multipart/form-data` body, all of them, in order.",
        ),
        optional(
            "urlencoded",
            MATCHED_MAP,
            "The pairs of an `application/x-www-form-urlencoded` body, decoded, all of them, in order.",
        ),
    ],
    rule: Rule::AtMostOneOf(&["body", "text", "json", "base64", "form", "urlencoded"]),
};

pub(crate) static EXPECTED_PART: Object = Object {
    name: "expected part",
    doc: "A part of a form. What is not named is not compared.",
    keys: &[
        required("name", PROSE, "Its name."),
        optional("filename", MATCHED, "Its file name."),
        optional("type", MATCHED, "Its `Content-Type`."),
        optional("body", Shape::Leaf(Leaf::Choice(&["file", "none"])), "As in an expected request."),
        optional("text", MATCHED, "Its content as text."),
        optional("json", Shape::Tree, "Its content as JSON."),
        optional("base64", LITERAL, "Its content, as base64."),
    ],
    rule: Rule::AtMostOneOf(&["body", "text", "json", "base64"]),
};

pub(crate) static SCRIPTED_ANSWER: Object = Object {
    name: "scripted answer",
    doc: "An answer of the upstream. Its `Content-Length` is added; with `json` and without a `Content-Type`, `application/json` is.",
    keys: &[
        required("status", Shape::Leaf(Leaf::Int(200, 599)), "Its status."),
        optional("headers", Shape::Map { key: "NAME", value: &PROSE }, "Its headers."),
        optional("json", Shape::Tree, "A JSON body."),
        optional("text", PROSE, "Any other text."),
        optional("base64", LITERAL, "Bytes, as base64."),
    ],
    rule: Rule::AtMostOneOf(&["json", "text", "base64"]),
};

pub(crate) static MATCHER: Object = Object {
    name: "matcher",
    doc: "Stands in the place of a text that is not known beforehand, or that must not be there.",
    keys: &[
        optional("$matches", Shape::Leaf(Leaf::Regex), "A regular expression that the whole text must match."),
        optional("$absent", BOOL, "`true`: there must be nothing of that name."),
    ],
    rule: Rule::ExactlyOne,
};

const MATCHED: Shape = Shape::OneOf(&[PROSE, Shape::Object(&MATCHER)]);
const MATCHED_MAP: Shape = Shape::Map { key: "NAME", value: &MATCHED };

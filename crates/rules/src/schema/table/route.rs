//! A route's file.

use super::accept::ACCEPT;
use super::access::ROUTE_ACCESS;
use super::cors::CORS;
use super::example::EXAMPLE;
use super::fair_use::ROUTE_LIMITS;
use super::step::STEP;
use super::target::TARGET;
use super::{BOOL, Key, LITERAL, Leaf, Object, PROSE, Shape, default, later, object, optional, required};

/// A route's file.
pub(crate) static ROUTE: Object = object(
    "route",
    "One file is one route: a path at which files are accepted, and the requests that bring a file to its upstream. Every step is one \
     HTTP request; the step whose body holds the file is the transfer, and there is exactly one. Steps before it prepare, steps \
     after it finalize.",
    &[
        required(
            "route",
            Shape::Leaf(Leaf::Name),
            "The route's name, in metrics, logs and receipts. No two routes share one.",
        ),
        required(
            "path",
            Shape::Leaf(Leaf::PathPattern),
            "Where clients send files: `POST` to it, or `PUT` to it with the file's name as one more segment. `{name}` takes any one \
             segment, `{name...}` at the end takes all that remain, the last of them being the file's name; both are in expressions as `path.name`.",
        ),
        optional("description", PROSE, "What the route does, for people."),
        optional(
            "access",
            ROUTE_ACCESS,
            "Who may use the route: `public` for anybody, names of providers of the main file's `access`, any one of which will do, or \
             `{ any-of: …, that: … }`. A route without it is served on loopback listeners only.",
        ),
        optional(
            "require",
            Shape::List(&Shape::Leaf(Leaf::Choice(&["digest"]))),
            "What clients must bring: `[digest]` wants a `Repr-Digest`, `Content-Digest` or `Content-MD5` with each upload, so that digests can be \
             used in steps before the file was read.",
        ),
        optional(
            "digests",
            Shape::List(&Shape::Leaf(Leaf::Algorithm)),
            "Digests to compute and show in the receipt, beside `crc64nvme`, which is always there: `sha-256`, `sha-512`, `sha-1`, `md5`, \
             `crc32c`. What an expression uses or a client sent is computed anyway.",
        ),
        optional(
            "params",
            Shape::Map { key: "NAME", value: &Shape::Object(&PARAM) },
            "What clients may send beside the file, in the query or, before the file, in a form. Anything else they send is refused.",
        ),
        optional(
            "accept",
            Shape::Object(&ACCEPT),
            "Which files are accepted. Checked before anything is sent upstream.",
        ),
        optional(
            "cors",
            Shape::Object(&CORS),
            "Which pages may upload from a browser. Without it there are no CORS headers.",
        ),
        optional(
            "limits",
            Shape::Object(&ROUTE_LIMITS),
            "What clients may take of the route. Beyond it: 429 with `Retry-After`, before the body is read.",
        ),
        required(
            "targets",
            Shape::Map { key: "NAME", value: &Shape::Object(&TARGET) },
            "Every place that the steps may talk to.",
        ),
        required("steps", Shape::List(&Shape::Object(&STEP)), "The requests, in order."),
        optional(
            "result",
            Shape::Tree,
            "What the receipt's `result` holds. The usual keys are `id` and `url`; a `url` also becomes the `Location` of the answer.",
        ),
        optional(
            "examples",
            Shape::List(&Shape::Object(&EXAMPLE)),
            "Uploads with the answers of a scripted upstream, and what must come of them. `tidegate test` runs them; a gateway does not.",
        ),
        later("spool"),
    ],
);

pub(crate) static PARAM: Object = object(
    "param",
    "A parameter that clients may send. It is `params.NAME` in expressions.",
    &[
        default(
            "type",
            "string",
            Shape::Leaf(Leaf::Choice(&["string", "boolean", "integer", "number"])),
            "What it holds.",
        ),
        optional("enum", Shape::List(&LITERAL), "The only values it may have."),
        optional("min", Shape::Leaf(Leaf::Number), "The smallest value of an `integer` or `number`."),
        optional("max", Shape::Leaf(Leaf::Number), "The largest value of an `integer` or `number`."),
        optional(
            "pattern",
            Shape::Leaf(Leaf::Regex),
            "A regular expression that the whole value of a `string` must match.",
        ),
        MAX_BYTES,
        optional("format", Shape::Leaf(Leaf::Choice(&["uuid"])), "`uuid`: a `string` that is a UUID with hyphens."),
        optional("default", LITERAL, "The value when the client sends none."),
        optional("required", BOOL, "Whether the client must send it. `true` unless there is a `default`."),
        optional("description", PROSE, "What it is for."),
    ],
);

const MAX_BYTES: Key = default(
    "max-bytes",
    "4096",
    Shape::Leaf(Leaf::Int(1, 65_536)),
    "The longest value of a `string`, in bytes of UTF-8.",
);

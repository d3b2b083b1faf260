//! Which pages may upload from a browser.

use super::{BOOL, DURATION, LITERAL, Leaf, Object, Shape, default, object, optional, required};

pub(crate) static CORS: Object = object(
    "cors",
    "Which pages may upload to this route from a browser. Without it, browsers keep the answers from pages of other origins, and \
     nothing is refused for where it comes from. With it, a request from a page that is not listed is refused with 403 before its \
     body is read; requests without `Origin`, which no page sent, are not touched. The [browser guide](browser.md) explains it.",
    &[
        required(
            "origins",
            Shape::OneOrMore(&Shape::Leaf(Leaf::WebOrigin)),
            "Whose pages may upload: scheme, host and port, compared exactly. `https://*.example.com` stands for one label or more in \
             place of the asterisk. `\"*\"` alone allows everybody's pages, also those without an origin. `null` allows pages \
             without an origin of their own (sandboxed frames, local files), which anybody can make. Several in one text are \
             separated by commas or spaces. An empty list refuses every page.",
        ),
        default(
            "credentials",
            "false",
            BOOL,
            "Whether pages may send cookies and client certificates along. Not together with `\"*\"` or `null`. A key or token in a \
             header needs no `credentials`.",
        ),
        default(
            "max-age",
            "10m",
            DURATION,
            "How long a browser may keep the answer to a preflight. Browsers cut it: Chromium at two hours.",
        ),
        optional(
            "allow-headers",
            Shape::List(&LITERAL),
            "Request headers that pages may set, beside `Content-Type`, `Content-Disposition`, `Upload-Length`, `Repr-Digest`, \
             `Content-Digest`, `Content-MD5`, `Idempotency-Key`, `Authorization`, `X-Api-Key`, `X-Request-Id`, `traceparent` and \
             `tracestate`, which they always may.",
        ),
        optional(
            "expose",
            Shape::List(&LITERAL),
            "Headers of answers that pages may read, beside `Tidegate-Upload-Id`, `Location`, `Repr-Digest`, `Retry-After` and \
             `X-Request-Id`, which they always may.",
        ),
        default(
            "private-network",
            "false",
            BOOL,
            "Whether pages of public sites may reach this gateway at a private or loopback address, where the browser asks for that \
             (`Access-Control-Request-Private-Network`). Not together with `\"*\"`.",
        ),
    ],
);

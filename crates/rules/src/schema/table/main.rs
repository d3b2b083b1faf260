//! The main file.

use super::access::PROVIDER;
use super::fair_use::FAIR_USE;
use super::secret::PEM_FILE;
use super::{BOOL, DURATION, Leaf, Object, SIZE, Shape, TEXT, default, object, optional, required};

/// The main file.
pub(crate) static MAIN: Object = object(
    "main file",
    "One file says where uploads are accepted, which routes there are, and what the process may use. Every key but `routes` has a \
     default that is safe. `${ env.NAME }` and `${ env.NAME | default(\"…\") }` read environment variables when the file is loaded.",
    &[
        optional(
            "listeners",
            Shape::List(&Shape::Object(&LISTENER)),
            "Where uploads are accepted. Without it: `127.0.0.1:8080`, without TLS.",
        ),
        optional(
            "admin",
            Shape::Object(&ADMIN),
            "Where metrics, health and the list of uploads are served. Keep it away from clients.",
        ),
        required(
            "routes",
            Shape::OneOrMore(&TEXT),
            "A file name or a glob such as `routes/*.yaml`, or a list of them, relative to this file. Each file holds one route. \
             A route whose variables are not set is an error, so name only the routes that you use.",
        ),
        optional(
            "access",
            Shape::Map { key: "NAME", value: &Shape::Object(&PROVIDER) },
            "Ways in which clients show who they are. Routes name them in their own `access`.",
        ),
        optional("limits", Shape::Object(&LIMITS), "What the process may use."),
        optional(
            "fair-use",
            Shape::Object(&FAIR_USE),
            "What clients may take of the gateway, where a route does not say.",
        ),
        optional("timeouts", Shape::Object(&TIMEOUTS), "How long things may take."),
        optional("egress", Shape::Object(&EGRESS), "Where the gateway may connect to."),
        optional("log", Shape::Object(&LOG), "How to log."),
    ],
);

pub(crate) static LISTENER: Object = object(
    "listener",
    "An address at which uploads are accepted.",
    &[
        default(
            "address",
            "127.0.0.1:8080",
            Shape::Leaf(Leaf::Address),
            "IP address and port; port 0 lets the system choose one.",
        ),
        default(
            "http2",
            "false",
            BOOL,
            "Whether connections without TLS may speak HTTP/2 at once (prior knowledge), beside HTTP/1.1 on the same port.",
        ),
        optional("tls", Shape::Object(&LISTENER_TLS), "Speaks TLS: HTTP/2 or HTTP/1.1, as the client chooses by ALPN."),
    ],
);

pub(crate) static LISTENER_TLS: Object = object(
    "listener TLS",
    "Certificate and key of a listener.",
    &[
        required("cert", Shape::Object(&PEM_FILE), "The certificate chain."),
        required("key", Shape::Object(&PEM_FILE), "Its private key."),
        optional(
            "client-ca",
            Shape::Object(&PEM_FILE),
            "The authorities whose certificates clients may show, for `mtls` providers.",
        ),
        default(
            "client-certificate",
            "optional",
            Shape::Leaf(Leaf::Choice(&["optional", "required"])),
            "With `client-ca`: whether a client without a certificate is refused in the handshake already. A certificate that is shown \
             must be valid either way.",
        ),
    ],
);

pub(crate) static ADMIN: Object = object(
    "admin",
    "Where metrics and health are served.",
    &[default("address", "127.0.0.1:9464", Shape::Leaf(Leaf::Address), "IP address and port.")],
);

pub(crate) static LIMITS: Object = object(
    "limits",
    "What the process may use. What goes beyond is refused early and clearly, never queued without bound.",
    &[
        default(
            "memory",
            "256MiB",
            SIZE,
            "All body buffers of the process together, at least `1MiB`. When it cannot fund another upload, the answer is 503.",
        ),
        default(
            "connections",
            "10000",
            Shape::Leaf(Leaf::Int(1, 1_000_000)),
            "Open client connections. Beyond it: 503 and close.",
        ),
        optional(
            "connections-per-client",
            Shape::Leaf(Leaf::Int(1, 1_000_000)),
            "Open connections of one client: an IP address, of IPv6 the first 64 bits. Beyond it: 503 and close. Proxies that `fair-use` \
             names are not counted. Without it nobody is limited, as all clients behind one balancer have its address.",
        ),
        default("uploads", "4096", Shape::Leaf(Leaf::Int(1, 1_000_000)), "Uploads at once. Beyond it: 503."),
        default("head-size", "32KiB", SIZE, "Bytes of a request's head, from `1KiB` to `1MiB`. Beyond it: 431."),
        default("head-fields", "64", Shape::Leaf(Leaf::Int(8, 1_000)), "Header fields of a request. Beyond it: 431."),
        default(
            "head-line",
            "16KiB",
            SIZE,
            "Bytes of one line of a request's head, at most `head-size`. Beyond it: 431.",
        ),
        default("target-size", "8KiB", SIZE, "Bytes of a request's target, at most `head-size`. Beyond it: 414."),
        default(
            "streams",
            "64",
            Shape::Leaf(Leaf::Int(1, 1_000)),
            "Requests of one HTTP/2 connection at once. Further ones wait until the client may open them.",
        ),
        default(
            "resets",
            "20",
            Shape::Leaf(Leaf::Int(1, 1_000)),
            "Requests of one HTTP/2 connection that its client took back before the gateway turned to them. One more ends the \
             connection: it is the sign of a rapid-reset attack.",
        ),
    ],
);

pub(crate) static TIMEOUTS: Object = object(
    "timeouts",
    "How long things may take. A transfer has no limit in all: as long as it moves, it may go on.",
    &[
        default("head", "10s", DURATION, "From the first byte of a connection or request to the end of its head."),
        default("idle", "30s", DURATION, "A body that does not move, on either side."),
        default(
            "min-rate",
            "1KiB/s",
            Shape::Leaf(Leaf::Rate),
            "A client's body that is slower than this, on average, ends with 408. `0B/s` allows any.",
        ),
        default("min-rate-grace", "10s", DURATION, "How long a body may be slower than `min-rate` at first."),
        default("keep-alive", "60s", DURATION, "An idle connection of a client."),
        default("connect", "3s", DURATION, "Dialling an upstream."),
        default("answer", "60s", DURATION, "An upstream's answer, after the request was sent."),
        default("drain", "30s", DURATION, "How long uploads in flight may go on after SIGTERM."),
    ],
);

pub(crate) static EGRESS: Object = object(
    "egress",
    "Where the gateway may connect to.",
    &[default(
        "allow-private",
        "",
        Shape::OneOrMore(&Shape::Leaf(Leaf::Networks)),
        "Networks at which upstreams may live although they are private, loopback or link-local, separated by commas. Empty means none: \
         a URL in an upstream's answer cannot reach into your network. A cloud's metadata service is opened by its own address alone. \
         Prefer a target's own `allow-private`, which opens a network to one target.",
    )],
);

pub(crate) static LOG: Object = object(
    "log",
    "How to log.",
    &[
        default(
            "format",
            "auto",
            Shape::Leaf(Leaf::Choice(&["auto", "pretty", "json"])),
            "`auto` is pretty on a terminal and JSON otherwise.",
        ),
        default(
            "level",
            "info",
            TEXT,
            "`error`, `warn`, `info`, `debug` or `trace`, or a filter of the `tracing` crate such as `info,gateway=debug`.",
        ),
    ],
);

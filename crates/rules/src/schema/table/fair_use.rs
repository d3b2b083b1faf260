//! What clients may take: defaults in the main file, and each route's own.

use super::{DURATION, Key, Leaf, Object, SIZE, Shape, default, object, optional, required};

/// Beyond it newcomers share places.
const CLIENTS: Key = default(
    "clients",
    "65536",
    Shape::Leaf(Leaf::Int(64, 1_000_000)),
    "Clients that are remembered at once, over all routes; each takes some 300 bytes. Further ones share 64 places by route, each of which has \
     the share of one client. Addresses without a name fill at most three quarters.",
);

pub(crate) static FAIR_USE: Object = object(
    "fair-use",
    "What clients may take of each route that does not say so itself. `route` here stands for a route's missing `limits.route`, `client` for its \
     missing `limits.client`, each as a whole; a route that writes `client: {}` has no limits on a client.",
    &[
        optional("route", Shape::Object(&ALLOWANCE), "What all clients of a route may take together."),
        optional("client", Shape::Object(&ALLOWANCE), "What each client may take of a route."),
        CLIENTS,
        optional(
            "proxies",
            Shape::Object(&PROXIES),
            "Proxies of yours before the gateway. Without it a client's address is that of its connection.",
        ),
    ],
);

pub(crate) static PROXIES: Object = object(
    "proxies",
    "Proxies of yours that clients come through. From a connection of one of them, the client is the last address in the field that is no such proxy; \
     what clients write themselves stands before that and is not believed.",
    &[
        required(
            "networks",
            Shape::OneOrMore(&Shape::Leaf(Leaf::Networks)),
            "Where they are: `10.1.0.0/16`. Each must write the field, and clients must not be in these networks.",
        ),
        default(
            "field",
            "x-forwarded-for",
            Shape::Leaf(Leaf::Choice(&["x-forwarded-for", "forwarded"])),
            "Which field they write. Only this one is read.",
        ),
    ],
);

pub(crate) static ROUTE_LIMITS: Object = object(
    "route limit",
    "What clients may take of the route. A client is who it proved to be, else its IP address (of IPv6 the first 64 bits). The counts are of this \
     process: two gateways give twice as much, and a restart begins anew.",
    &[
        optional(
            "route",
            Shape::Object(&ALLOWANCE),
            "What all clients may take together. Without it, `fair-use.route` of the main file holds.",
        ),
        optional(
            "client",
            Shape::Object(&ALLOWANCE),
            "What each client may take. Without it, `fair-use.client` of the main file holds.",
        ),
    ],
);

pub(crate) static ALLOWANCE: Object = object(
    "allowance",
    "What may be taken. Each key is a limit of its own; without it there is none.",
    &[
        optional("uploads", Shape::Leaf(Leaf::Int(1, 1_000_000)), "Uploads at once. Beyond it: 429."),
        optional(
            "requests",
            Shape::Leaf(Leaf::Frequency),
            "Requests in a time, evenly spread after a first burst. Beyond it: 429.",
        ),
        optional(
            "burst",
            Shape::Leaf(Leaf::Int(1, 1_000_000)),
            "Requests that may come at once after a quiet time. Without it: the number in `requests`.",
        ),
        optional(
            "bytes",
            Shape::Leaf(Leaf::Rate),
            "Bytes of request bodies per second, at least `1KiB/s`. Beyond it nothing is refused: the gateway reads more slowly. That wait \
             counts against no time limit.",
        ),
        optional(
            "quota",
            Shape::List(&Shape::Object(&QUOTA)),
            "What may be taken in hours or days, at most four of them. Beyond it: 429 until the window ends.",
        ),
    ],
);

pub(crate) static QUOTA: Object = object(
    "quota",
    "What may be taken in a window of time. A window begins with the first request that is let in and ends `per` later; the next request after that \
     begins another.",
    &[
        optional("requests", Shape::Leaf(Leaf::Int(1, 1_000_000_000_000)), "Requests that are let in."),
        optional(
            "bytes",
            SIZE,
            "Bytes of request bodies. An announced size is charged when the request is let in and settled when it ends; a body of unknown size is \
             charged as it comes, and cut off where the quota ends.",
        ),
        required("per", DURATION, "How long a window is, such as `1h` or `24h`; at least `1s`."),
    ],
);

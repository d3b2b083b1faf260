//! Targets.

use super::secret::{OPTIONAL_SECRET, PEM_FILE, SECRET};
use super::step::HEADERS;
use super::{BOOL, DURATION, LITERAL, Leaf, Object, Rule, Shape, TEXT, default, later, object, optional, required};

pub(crate) static TARGET: Object = object(
    "target",
    "A place that steps may talk to: an API with a URL of its own, or the hosts to which URLs in an API's answers may point.",
    &[
        optional(
            "url",
            TEXT,
            "Scheme, host and port of the API, such as `https://api.example.com`. Steps give the path.",
        ),
        optional(
            "allow",
            Shape::OneOrMore(&TEXT),
            "Where URLs learned from answers may point: origins such as `https://*.amazonaws.com`, in a list or separated by commas or \
             spaces. The asterisk stands for one label or more. Such requests get no credentials unless this target has its own `auth`.",
        ),
        optional("auth", Shape::Object(&AUTH), "Credentials of every request to this target."),
        optional(
            "headers",
            HEADERS,
            "Headers of every request to this target. A step's own header of the same name wins.",
        ),
        optional(
            "errors",
            Shape::Object(&ERRORS),
            "Where this API keeps its error texts, so that clients are told what went wrong.",
        ),
        optional("timeout", DURATION, "How long an answer may take, in place of `timeouts.answer`."),
        optional("connect-timeout", DURATION, "How long dialling may take, in place of `timeouts.connect`."),
        optional("tls", Shape::Object(&TARGET_TLS), "How the upstream's certificate is judged."),
        optional(
            "allow-private",
            Shape::OneOrMore(&Shape::Leaf(Leaf::Networks)),
            "Private networks that this target may live in, beside those of `egress.allow-private`; no other target may dial them.",
        ),
        default(
            "chunked",
            "false",
            BOOL,
            "Whether it takes bodies whose length is not known in advance (`Transfer-Encoding: chunked`). If not, clients must say how \
             large their file is. Most storage services do not.",
        ),
    ],
);

pub(crate) static TARGET_TLS: Object = object(
    "target TLS",
    "How the upstream's certificate is judged.",
    &[required("ca", Shape::Object(&PEM_FILE), "The certificate authorities to trust, in place of the system's.")],
);

pub(crate) static AUTH: Object = Object {
    name: "auth",
    doc: "Credentials. One kind per target.",
    keys: &[
        optional("bearer", Shape::Object(&SECRET), "`Authorization: Bearer SECRET`."),
        optional("basic", Shape::Object(&BASIC), "`Authorization: Basic …`, from a user name and a password."),
        optional("header", Shape::Object(&HEADER_AUTH), "A header of the API's own."),
        optional(
            "query",
            Shape::Object(&QUERY_AUTH),
            "A query parameter. Prefer a header where the API takes one: URLs end up in logs.",
        ),
        optional("sigv4", Shape::Object(&SIGV4), "AWS Signature Version 4."),
        later("oauth2-client-credentials"),
    ],
    rule: Rule::ExactlyOne,
};

pub(crate) static BASIC: Object = object(
    "basic",
    "User name and password.",
    &[
        required("username", Shape::OneOf(&[TEXT, Shape::Object(&SECRET)]), "The user name, as text or as a secret."),
        required("password", Shape::Object(&SECRET), "The password."),
    ],
);

pub(crate) static HEADER_AUTH: Object = object(
    "header auth",
    "A header that holds a secret.",
    &[
        required("name", LITERAL, "The header's name."),
        required("value", Shape::Object(&SECRET), "The secret."),
        default("prefix", "", LITERAL, "Text before the secret, such as `\"Token \"`."),
    ],
);

pub(crate) static QUERY_AUTH: Object = object(
    "query auth",
    "A query parameter that holds a secret.",
    &[required("name", LITERAL, "The parameter's name."), required("value", Shape::Object(&SECRET), "The secret.")],
);

pub(crate) static SIGV4: Object = object(
    "sigv4",
    "AWS Signature Version 4. The path is encoded twice, as AWS wants it, for every service but `s3`.",
    &[
        required("service", TEXT, "The service's signing name, such as `connect`."),
        required("region", TEXT, "The region, such as `eu-central-1`."),
        required("credentials", Shape::Object(&CREDENTIALS), "The access key."),
    ],
);

pub(crate) static CREDENTIALS: Object = object(
    "credentials",
    "An access key of AWS.",
    &[
        required("access-key-id", Shape::Object(&SECRET), "The access key's id."),
        required("secret-access-key", Shape::Object(&SECRET), "The secret access key."),
        optional("session-token", Shape::Object(&OPTIONAL_SECRET), "The session token of temporary credentials."),
    ],
);

pub(crate) static ERRORS: Object = object(
    "errors",
    "Where an API keeps its error texts. Each is an expression or a list of alternatives: the first that gives something wins. \
     Known here: `status`, `headers['name']`, `json`, `xml` and `text` of the answer.",
    &[
        optional("code", ALTERNATIVES, "The machine-readable code."),
        optional("detail", ALTERNATIVES, "The text for people."),
        optional("violations", ALTERNATIVES, "Complaints about single fields: a list of maps, or a map of lists."),
        optional(
            "refuses-file",
            Shape::List(&Shape::OneOf(&[Shape::Leaf(Leaf::StatusOrCode), Shape::Object(&REFUSAL)])),
            "Which answers blame the file and not the operator: statuses, codes, or both as `{ status: 400, code: [A, B] }`. 413, 415 \
             and 422 always do.",
        ),
    ],
);

const ALTERNATIVES: Shape = Shape::OneOrMore(&Shape::Template);

pub(crate) static REFUSAL: Object = object(
    "refusal",
    "An answer that blames the file.",
    &[
        optional("status", Shape::Leaf(Leaf::Int(200, 599)), "Its status."),
        required("code", Shape::OneOrMore(&LITERAL), "One code or several."),
    ],
);

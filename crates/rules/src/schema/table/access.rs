//! Who may use a route: providers in the main file, and what routes say of them.

use super::secret::SECRET;
use super::target::TARGET_TLS;
use super::{DURATION, Key, Leaf, Object, Rule, Shape, TEXT, default, object, optional, required};

const NAME: Shape = Shape::Leaf(Leaf::Name);
const NAMES: Shape = Shape::OneOrMore(&NAME);

/// A route's `access`.
pub(crate) const ROUTE_ACCESS: Shape = Shape::OneOf(&[Shape::Object(&ACCESS_RULE), NAMES]);

pub(crate) static ACCESS_RULE: Object = object(
    "access rule",
    "Who may use a route, with a condition on who they are.",
    &[
        required("any-of", NAMES, "Names of providers, any one of which will do."),
        optional(
            "that",
            Shape::Condition,
            "Must hold besides, such as `${ client.claims.tenant == path.tenant }`. It is asked when the request's head is there, so it can use \
             `client`, `path` and `env`. A claim that is missing makes it false.",
        ),
    ],
);

pub(crate) static PROVIDER: Object = Object {
    name: "provider",
    doc: "One way in which clients show who they are. [Access](access.md) explains each with examples.",
    keys: &[
        optional("api-keys", Shape::Object(&API_KEYS), "Keys that clients send, stored here as hashes."),
        optional("jwt", Shape::Object(&JWT), "Tokens that an issuer of yours signs (OpenID Connect, OAuth 2)."),
        optional("mtls", Shape::Object(&MTLS), "Certificates of clients. Needs `tls.client-ca` at a listener."),
        optional("tickets", Shape::Object(&TICKETS), "Upload tickets, which this gateway signs for browsers and apps."),
    ],
    rule: Rule::ExactlyOne,
};

pub(crate) static API_KEYS: Object = object(
    "api-keys",
    "Keys of clients, in a file, in place, or both. They come as `X-Api-Key` or as `Authorization: Bearer`.",
    &[
        optional("file", TEXT, "A YAML file with a list of keys, read again when it changes."),
        optional("keys", Shape::List(&Shape::Object(&API_KEY)), "Keys in place."),
    ],
);

pub(crate) static API_KEY: Object = object(
    "API key",
    "One key. `tidegate keys new` makes one and prints its entry.",
    &[
        required("id", NAME, "Who has it: `client.subject` in expressions. No two keys of a provider share one."),
        required(
            "sha256",
            Shape::Leaf(Leaf::KeyHash),
            "SHA-256 of the key in hexadecimal digits. The key must be random, of 128 bits at least: a word that people choose is found \
             by trying.",
        ),
        optional("not-after", Shape::Leaf(Leaf::Moment), "The key is refused from this time on."),
        optional("claims", Shape::Tree, "A map of what else is known of its holder: `client.claims` in expressions."),
    ],
);

pub(crate) static JWT: Object = object(
    "jwt",
    "Tokens of one issuer (RFC 7519). They come as `Authorization: Bearer`.",
    &[
        required("issuer", TEXT, "What a token's `iss` must be, character by character."),
        required(
            "audience",
            Shape::OneOrMore(&TEXT),
            "What a token's `aud` must name: this gateway, or one of several names of it.",
        ),
        required("jwks", Shape::Object(&JWKS), "Where the issuer's public keys are."),
        required(
            "algorithms",
            Shape::OneOrMore(&TEXT),
            "The algorithms that are accepted: `ES256`, `ES384`, `EdDSA`, `PS256`, `PS384`, `PS512`, `RS256`, `RS384`, `RS512`. Name those \
             that the issuer uses and no others. There is no `none`, and there are no shared secrets (`HS256`): who can check such a token can make one.",
        ),
        default("leeway", "30s", DURATION, "How far the issuer's clock may be off, at most `5m`."),
        default("subject", "sub", TEXT, "The claim that becomes `client.subject`. A token without it is refused."),
    ],
);

pub(crate) static JWKS: Object = Object {
    name: "jwks",
    doc: "A JSON Web Key Set (RFC 7517), by URL or in a file.",
    keys: &[
        optional(
            "url",
            TEXT,
            "The set's URL. `https`, unless it is an address in a network that `allow-private` permits.",
        ),
        optional("file", TEXT, "The set's file, read again when it changes."),
        default(
            "max-age",
            "10m",
            DURATION,
            "How long a fetched set is used before it is fetched again. A key id that is not in it is looked for at once, though not more than every ten seconds.",
        ),
        default("keep", "24h", DURATION, "How much longer a set is used while the issuer cannot be reached."),
        optional(
            "allow-private",
            Shape::OneOrMore(&Shape::Leaf(Leaf::Networks)),
            "Private networks that the issuer may live in, beside those of `egress.allow-private`.",
        ),
        optional("tls", Shape::Object(&TARGET_TLS), "How the issuer's certificate is judged."),
    ],
    rule: Rule::AtMostOneOf(&["url", "file"]),
};

pub(crate) static MTLS: Object =
    object("mtls", "Certificates of clients, signed by an authority of the listener's `tls.client-ca`.", &[SUBJECT]);

const SUBJECT: Key = default(
    "subject",
    "common-name",
    Shape::Leaf(Leaf::Choice(&["common-name", "dns", "uri", "email"])),
    "Which name of the certificate becomes `client.subject`: the subject's common name, or the alternative name of that kind. There must be \
     exactly one.",
);

pub(crate) static TICKETS: Object = object(
    "tickets",
    "Upload tickets: `POST /-/tickets` gives an authenticated client a URL with which somebody else may upload one file, or a few, for a \
     while.",
    &[
        required(
            "keys",
            Shape::List(&Shape::Object(&TICKET_KEY)),
            "Keys that sign: the first signs, all verify. To rotate, add one in front, and remove the last when its tickets have expired.",
        ),
        required("mint", NAMES, "Providers whose clients may mint."),
        default("max-lifetime", "1h", DURATION, "The longest life that a ticket may ask for, at most `24h`."),
        default("max-uses", "100", Shape::Leaf(Leaf::Int(1, 10_000)), "The most uploads that one ticket may ask for."),
        optional(
            "origin",
            TEXT,
            "Scheme, host and port at which clients reach this gateway. Without it a ticket's `url` begins with its path.",
        ),
    ],
);

pub(crate) static TICKET_KEY: Object = object(
    "ticket key",
    "A key that signs tickets.",
    &[
        required("id", NAME, "Its name, which stands in each ticket."),
        required(
            "secret",
            Shape::Object(&SECRET),
            "Its secret: 32 characters at least, random, such as `openssl rand -base64 48` gives.",
        ),
    ],
);

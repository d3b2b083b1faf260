//! References to secrets and files.

use super::{BOOL, Key, Leaf, Object, Rule, Shape, TEXT, default, object, optional, required};

/// `{ env: NAME }` or `{ file: PATH }`.
pub(crate) static SECRET: Object = Object {
    name: "secret",
    doc: "A reference to a secret. The value itself never stands in a rule: it is read when the configuration is loaded, sent only \
          to the target it belongs to, and printed as `***`.",
    keys: &[ENV, FILE],
    rule: Rule::ExactlyOne,
};

/// A secret that may have no value.
pub(crate) static OPTIONAL_SECRET: Object = object(
    "optional secret",
    "A reference to a secret that may have no value.",
    &[ENV, FILE, default("optional", "false", BOOL, "Whether it may be missing. One that is missing is not sent.")],
);

const ENV: Key = optional("env", Shape::Leaf(Leaf::Variable), "The environment variable that holds the value.");
const FILE: Key = optional(
    "file",
    TEXT,
    "The file that holds the value; one line break at its end is cut off. It is read again when it changes.",
);

/// `{ file: PATH }`.
pub(crate) static PEM_FILE: Object = object(
    "PEM file",
    "A file in PEM format.",
    &[required("file", TEXT, "Path of a PEM file. It is read when the gateway starts.")],
);

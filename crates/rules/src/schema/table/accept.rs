//! What a route accepts.

use super::{BOOL, LITERAL, Leaf, Object, SIZE, Shape, default, object, optional};

pub(crate) static ACCEPT: Object = object(
    "accept",
    "Which files are accepted. All of it is checked before a step runs, the size also while the file streams.",
    &[
        optional("size", Shape::Object(&SIZES), "How large a file may be."),
        optional("types", Shape::Object(&TYPES), "Which media types pass."),
        optional("extensions", Shape::Object(&EXTENSIONS), "Which file name extensions pass."),
        optional(
            "name",
            Shape::Object(&NAMES),
            "Which file names pass. Control characters and path separators are always refused.",
        ),
        optional("form", Shape::Object(&FORMS), "What a form may hold beside its file."),
    ],
);

pub(crate) static SIZES: Object = object(
    "size",
    "How large a file may be.",
    &[
        optional("min", SIZE, "The smallest size. `1B` refuses empty files."),
        optional("max", SIZE, "The largest size."),
        optional(
            "by-type",
            Shape::Map { key: "TYPE", value: &SIZE },
            "The largest size for a media type or range such as `video/*`, in place of `max`. The first that matches counts.",
        ),
    ],
);

pub(crate) static TYPES: Object = object(
    "types",
    "Which media types pass.",
    &[
        optional(
            "allow",
            Shape::List(&Shape::Leaf(Leaf::MediaRange)),
            "If not empty, the type must match one of these.",
        ),
        optional("deny", Shape::List(&Shape::Leaf(Leaf::MediaRange)), "The type must match none of these."),
        default(
            "detect",
            "ignore",
            Shape::Leaf(Leaf::Choice(&["ignore", "must-match", "prefer-detected"])),
            "What the first bytes of the file say about its type. `must-match` refuses a file that is not what it is declared to be; no \
             finding passes (text has no signature), and so does a container for the types built on it (a `.docx` is a zip). \
             `prefer-detected` takes the finding in place of the declared type. `ignore` does not look.",
        ),
    ],
);

pub(crate) static EXTENSIONS: Object = object(
    "extensions",
    "Which file name extensions pass, without the dot and whatever their case. The extension is the last suffix, after trailing dots and spaces are cut.",
    &[
        optional("allow", Shape::List(&LITERAL), "If not empty, the extension must be one of these."),
        optional("deny", Shape::List(&LITERAL), "The extension must be none of these."),
        default(
            "every-suffix",
            "false",
            BOOL,
            "Whether every suffix counts and not only the last: `a.exe.pdf` is then also an `exe`.",
        ),
    ],
);

pub(crate) static NAMES: Object = object(
    "name",
    "Which file names pass.",
    &[
        default("max-bytes", "255", Shape::Leaf(Leaf::Int(1, 255)), "The longest name in bytes of UTF-8."),
        optional(
            "pattern",
            Shape::Leaf(Leaf::Regex),
            "A regular expression that must match somewhere in the name; `^` and `$` make it match the whole.",
        ),
    ],
);

pub(crate) static FORMS: Object = object(
    "form",
    "What a form may hold beside its file: 400 `malformed-form` beyond it. The memory that fields take is charged to `limits.memory`.",
    &[
        default("fields", "128", Shape::Leaf(Leaf::Int(0, 1_000)), "Text fields."),
        default("field-size", "64KiB", SIZE, "Bytes of one field's value, up to `64KiB`."),
        default("fields-size", "256KiB", SIZE, "Bytes of all fields together, names included, up to `16MiB`."),
    ],
);

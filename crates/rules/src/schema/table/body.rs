//! Items of a form.

use super::{BOOL, LITERAL, Object, Shape, default, object, optional, required};

pub(super) const FORM_ITEM: Shape =
    Shape::OneOf(&[Shape::Object(&FIELD), Shape::Object(&FIELDS), Shape::Object(&FILE)]);

pub(crate) static FIELD: Object = object(
    "form field",
    "One field of a form.",
    &[
        required("field", Shape::Template, "Its name."),
        required("value", Shape::Template, "Its value; `${ omit }` leaves the field out."),
        optional("type", Shape::Template, "Its `Content-Type`."),
    ],
);

pub(crate) static FIELDS: Object = object(
    "form fields",
    "All fields that an answer gives, such as those of a POST policy, in the order received and byte for byte.",
    &[
        required("fields", Shape::Template, "A map, or a list of `{ name, value }` or `{ key, value }`."),
        optional("rename", Shape::Map { key: "OLD", value: &LITERAL }, "New names by old ones."),
        optional("drop", Shape::List(&LITERAL), "Names to leave out."),
        optional("keep", Shape::List(&LITERAL), "If not empty, the only names to take."),
        default("drop-empty", "false", BOOL, "Whether fields without a value are left out."),
    ],
);

pub(crate) static FILE: Object = object(
    "form file",
    "The part that holds the file.",
    &[
        required("file", Shape::Template, "The part's name."),
        optional("filename", Shape::Template, "The file name sent; the upload's unless given."),
        optional("type", Shape::Template, "The part's `Content-Type`; the upload's unless given."),
    ],
);

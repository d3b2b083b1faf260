//! What must hold for every input, as plain functions of bytes.
//!
//! A property panics when it does not hold. libFuzzer looks for inputs with which one does not (`fuzz_targets`), the tests
//! replay the corpus and try seeded random inputs, and each needs nothing that the other brings. Oracles are written anew
//! here, for whole inputs and without regard to speed, so that they cannot share a mistake with what they judge.

mod chunks;
mod fields;
mod naive;
mod routes;

// Properties of `wire`.
mod answer_reader;
mod chunked;
mod content_disposition;
mod digest_fields;
mod envelope;
mod form_parser;
mod form_writer;
mod head_gate;
mod xml_reader;

// Properties of `rules`.
mod expression;
mod json_writer;
mod policy_check;
mod url_check;
mod yaml_config;

// Of both.
mod end_to_end;

pub use answer_reader::answer_reader;
pub use chunked::chunked;
pub use content_disposition::content_disposition;
pub use digest_fields::digest_fields;
pub use end_to_end::end_to_end;
pub use envelope::envelope;
pub use expression::expression;
pub use form_parser::form_parser;
pub use form_writer::form_writer;
pub use head_gate::head_gate;
pub use json_writer::json_writer;
pub use policy_check::policy_check;
pub use url_check::url_check;
pub use xml_reader::xml_reader;
pub use yaml_config::yaml_config;

/// One property, under the name of its fuzz target, its corpus and its dictionary.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// The property.
    pub property: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 15] = [
    Target { name: "answer_reader", property: answer_reader },
    Target { name: "chunked", property: chunked },
    Target { name: "content_disposition", property: content_disposition },
    Target { name: "digest_fields", property: digest_fields },
    Target { name: "end_to_end", property: end_to_end },
    Target { name: "envelope", property: envelope },
    Target { name: "expression", property: expression },
    Target { name: "form_parser", property: form_parser },
    Target { name: "form_writer", property: form_writer },
    Target { name: "head_gate", property: head_gate },
    Target { name: "json_writer", property: json_writer },
    Target { name: "policy_check", property: policy_check },
    Target { name: "url_check", property: url_check },
    Target { name: "xml_reader", property: xml_reader },
    Target { name: "yaml_config", property: yaml_config },
];

/// What a fuzz target does without libFuzzer: holds the property against the files that the command line names.
///
/// # Errors
/// A file cannot be read.
///
/// # Panics
/// The property does not hold.
pub fn replay(property: fn(&[u8])) -> std::io::Result<()> {
    std::env::args_os().skip(1).try_for_each(|path| {
        property(&std::fs::read(path)?);
        Ok(())
    })
}

//! What a route accepts.

use std::fmt;

use regex::Regex;

/// Checked before anything is sent upstream.
#[derive(Debug, Clone)]
pub struct Accept {
    /// Bounds on the size.
    pub size: SizeLimits,
    /// Media types.
    pub types: TypeRules,
    /// File name extensions.
    pub extensions: ExtensionRules,
    /// File names.
    pub name: NameRules,
    /// What a form may hold beside its file.
    pub form: FormRules,
}

/// Bounds on the size in bytes, inclusive.
#[derive(Debug, Clone, Default)]
pub struct SizeLimits {
    /// Smallest.
    pub min: Option<u64>,
    /// Largest.
    pub max: Option<u64>,
    /// Largest by type, first match wins over `max`.
    pub by_type: Vec<(TypePattern, u64)>,
}

/// Which media types pass.
#[derive(Debug, Clone, Default)]
pub struct TypeRules {
    /// If not empty, the type must match one.
    pub allow: Vec<TypePattern>,
    /// The type must match none.
    pub deny: Vec<TypePattern>,
    /// What the first bytes say about the type.
    pub detect: Detect,
}

/// What to do with the type that the first bytes show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detect {
    /// Nothing.
    #[default]
    Ignore,
    /// The declared type must agree with it.
    MustMatch,
    /// It takes the place of the declared type.
    PreferDetected,
}

/// A media type or a range: `image/png`, `image/*`, `*/*`. Lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypePattern {
    /// Before the slash, or `*`.
    pub kind: String,
    /// After the slash, or `*`.
    pub subtype: String,
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.subtype)
    }
}

/// Which extensions pass; lower case, without the dot.
#[derive(Debug, Clone, Default)]
pub struct ExtensionRules {
    /// If not empty, the extension must be one of these.
    pub allow: Vec<String>,
    /// The extension must be none of these.
    pub deny: Vec<String>,
    /// Whether every suffix counts and not only the last.
    pub every_suffix: bool,
}

/// Which names pass.
#[derive(Debug, Clone)]
pub struct NameRules {
    /// Longest name in bytes.
    pub max_bytes: usize,
    /// Must match somewhere in the name (anchor it to match the whole).
    pub pattern: Option<Regex>,
}

/// What a form may hold beside its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormRules {
    /// Text fields.
    pub fields: usize,
    /// Bytes of one field's value.
    pub field_size: usize,
    /// Bytes of all fields together, names included.
    pub fields_size: usize,
}

impl Default for FormRules {
    fn default() -> Self {
        let limits = wire::form::FormLimits::default();
        Self { fields: limits.fields, field_size: limits.field_value, fields_size: limits.total_field_bytes }
    }
}

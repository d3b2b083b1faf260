//! The check of POST policies. The input: the policy document, the file's name, its size, then fields as name and value.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rules::policy::PostPolicy;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;

use crate::fields::Fields;

const NOW: OffsetDateTime = datetime!(2030-01-01 00:00 UTC);

/// More fields tell nothing new.
const MAX_FIELDS: usize = 12;

/// The form about to be sent.
struct Form {
    fields: Vec<(String, String)>,
    file_name: String,
    file_len: u64,
}

/// A policy that the storage service's documentation has a reading for is judged as that reading does: no form is refused
/// that the service would take, and none is sent that it would not. Of anything else only an end can come.
pub fn policy_check(input: &[u8]) {
    let mut fields = Fields::of(input);
    let document = fields.bytes();
    let (file_name, file_len) = (fields.text(), fields.number());
    let mut form = Form { fields: Vec::new(), file_name, file_len };
    while !fields.is_empty() && form.fields.len() < MAX_FIELDS {
        form.fields.push((fields.text(), fields.text()));
    }
    let encoded = BASE64_STANDARD.encode(document);
    // Not base64 at all.
    let _anything = PostPolicy::decode(&String::from_utf8_lossy(document));
    let decoded = PostPolicy::decode(&encoded);
    let ours = decoded.as_ref().map(|policy| policy.check(&form.fields, &form.file_name, Some(file_len), NOW));
    let Some(strict) = Strict::parse(document) else { return };
    let ours = ours.expect("what S3 can read is read");
    assert_eq!(ours.is_ok(), strict.takes(&form), "the verdict is S3's: {ours:?}");
}

/// A policy as S3 documents it ("Creating a POST policy").
struct Strict {
    expiration: OffsetDateTime,
    conditions: Vec<Condition>,
}

enum Condition {
    Equal(String, String),
    StartsWith(String, String),
    Length(u64, u64),
}

impl Strict {
    /// None where the documentation leaves open what it means: values that are no text, empty values, duplicate names.
    fn parse(document: &[u8]) -> Option<Self> {
        let document: Value = serde_json::from_slice(document).ok()?;
        let expiration = OffsetDateTime::parse(document.get("expiration")?.as_str()?, &Rfc3339).ok()?;
        let conditions = document.get("conditions")?.as_array()?;
        Some(Self { expiration, conditions: conditions.iter().map(condition).collect::<Option<_>>()? })
    }

    fn takes(&self, form: &Form) -> bool {
        let holds = self.conditions.iter().all(|condition| form.fulfils(condition));
        self.expiration > NOW && holds && (!form.is_signed() || form.fields.iter().all(|(name, _)| self.covers(name)))
    }

    fn covers(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let exempt = ["policy", "signature", "x-amz-signature", "x-goog-signature", "awsaccesskeyid", "googleaccessid"];
        let mentioned = self.conditions.iter().any(|condition| match condition {
            Condition::Equal(field, _) | Condition::StartsWith(field, _) => field.to_lowercase() == name,
            Condition::Length(..) => false,
        });
        mentioned || exempt.contains(&&*name) || ["file", "submit"].contains(&&*name) || name.starts_with("x-ignore-")
    }
}

impl Form {
    fn value(&self, wanted: &str) -> Option<String> {
        let (_, value) = self.fields.iter().find(|(name, _)| name.to_lowercase() == wanted.to_lowercase())?;
        Some(value.replace("${filename}", &self.file_name))
    }

    /// Services that sign forms this way refuse fields that their policy does not mention.
    fn is_signed(&self) -> bool {
        ["x-amz-signature", "awsaccesskeyid", "x-goog-signature"].into_iter().any(|name| self.value(name).is_some())
    }

    fn fulfils(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Length(min, max) => (*min..=*max).contains(&self.file_len),
            // The bucket stands in the URL.
            Condition::Equal(field, wanted) => match self.value(field) {
                Some(value) => value == *wanted,
                None => field.to_lowercase() == "bucket",
            },
            Condition::StartsWith(field, prefix) => match self.value(field) {
                // "Content-Type values for a starts-with condition that include commas are interpreted as lists."
                Some(value) if field.to_lowercase() == "content-type" => {
                    value.starts_with(&**prefix) && value.split(',').all(|one| one.trim().starts_with(&**prefix))
                }
                Some(value) => value.starts_with(&**prefix),
                None => prefix.is_empty(),
            },
        }
    }
}

fn condition(written: &Value) -> Option<Condition> {
    let text = |value: &Value| value.as_str().filter(|text| text.is_ascii()).map(str::to_owned);
    if let Some(pairs) = written.as_object() {
        let mut pairs = pairs.iter();
        let ((name, value), None) = (pairs.next()?, pairs.next()) else { return None };
        let value = text(value).filter(|value| !value.is_empty())?;
        return name.is_ascii().then(|| Condition::Equal(name.clone(), value));
    }
    let [operator, first, second] = written.as_array()?.as_slice() else { return None };
    let field = || text(first)?.strip_prefix('$').map(str::to_owned);
    match operator.as_str()? {
        "eq" => Some(Condition::Equal(field()?, text(second).filter(|value| !value.is_empty())?)),
        "starts-with" => Some(Condition::StartsWith(field()?, text(second)?)),
        "content-length-range" => Some(Condition::Length(first.as_u64()?, second.as_u64()?)),
        _ => None,
    }
}

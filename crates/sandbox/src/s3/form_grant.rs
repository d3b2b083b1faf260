//! What a vendor hands out so that someone else may send one file by form.

use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use crate::policy;
use crate::sigv4::{self, Scope};
use crate::state::{REGION, vendor_credentials};
use crate::system::System;

/// A POST policy to be signed.
#[derive(Debug)]
pub(crate) struct FormGrant {
    pub(crate) system: System,
    /// The vendor's own fields, in order; bucket and signature are added.
    pub(crate) fields: Vec<(String, String)>,
    /// Smallest and largest size of the file.
    pub(crate) range: (u64, u64),
    /// From now; negative is expired already.
    pub(crate) life: Duration,
    /// `X-Amz-Date`, `Policy` and conditions as pairs (AWS SDK for JavaScript), or `x-amz-date`, `policy` and
    /// conditions as triples, sorted (others).
    pub(crate) camel_case: bool,
}

impl FormGrant {
    /// The path of the URL that the form goes to.
    pub(crate) fn path(&self) -> String {
        format!("/{}", self.system.bucket().unwrap_or_default())
    }

    /// All fields of the form, in the vendor's order and case.
    pub(crate) fn sign(self, now: OffsetDateTime) -> Map<String, Value> {
        let signer = vendor_credentials(self.system);
        let scope = Scope::new(now, REGION, "s3");
        let bucket = self.system.bucket().unwrap_or_default();
        let credential = format!("{}/{}", signer.access_key, scope.name());
        let mut fields = self.fields;
        fields.push(("bucket".into(), bucket.to_owned()));
        for (name, value) in [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("X-Amz-Credential", credential),
            ("X-Amz-Date", sigv4::amz_date(now)),
        ] {
            let name = if self.camel_case { name.to_owned() } else { name.to_ascii_lowercase() };
            fields.push((name, value));
        }
        let encoded = policy::issue(now.saturating_add(self.life), self.range, &fields, self.camel_case);
        let signature = sigv4::sign(&signer.secret_key, &scope, &encoded);
        let [policy_name, signature_name] =
            if self.camel_case { ["Policy", "X-Amz-Signature"] } else { ["policy", "x-amz-signature"] };
        fields.push((policy_name.into(), encoded));
        fields.push((signature_name.into(), signature));
        if !self.camel_case {
            fields.sort();
        }
        fields.into_iter().map(|(name, value)| (name, Value::String(value))).collect()
    }
}

//! The stored counts, and what differs from them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use benches::cases::Case;
use serde_json::{Value, json};

/// Where the counts lie, in the repository.
pub(crate) const FILE: &str = "benches/instructions.json";

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json");

/// How far a count may be from the stored one, in per cent. Hash tables with random seeds move a count by some tenths of one;
/// what matters moves it by five.
const TOLERANCE_PERCENT: u64 = 3;

/// … and in instructions, so that one more branch in a case of a few hundred is not a change.
const TOLERANCE_INSTRUCTIONS: u64 = 100;

/// Printed below what differs. A count that fell is an error as well: left as it is, everything up to the old count could come
/// back unseen.
pub(crate) const HOW_TO_ACCEPT: &str = "
If this is meant (or the compiler or valgrind is another), accept it and commit the file with the reason:
    cargo bench -p tidegate-benches --bench instructions -- update
To see where the instructions go:
    CARGO_PROFILE_BENCH_DEBUG=1 cargo bench -p tidegate-benches --bench instructions -- profile CASE";

/// Instructions by case, and the processor that valgrind showed.
pub(crate) struct Counts {
    processor: String,
    by_case: BTreeMap<String, u64>,
}

impl Counts {
    pub(crate) fn new(processor: String, counts: Vec<(String, u64)>) -> Self {
        Self { processor, by_case: counts.into_iter().collect() }
    }

    pub(crate) fn stored() -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(PATH).with_context(|| format!("cannot read {FILE}"))?;
        let value: Value = serde_json::from_str(&text).with_context(|| format!("{FILE} is no JSON"))?;
        let by_case = value.get("instructions").and_then(Value::as_object).into_iter().flatten();
        Ok(Self {
            processor: value.get("processor").and_then(Value::as_str).unwrap_or_default().to_owned(),
            by_case: by_case.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect(),
        })
    }

    pub(crate) fn store(&self) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(&json!({ "processor": self.processor, "instructions": self.by_case }))?;
        std::fs::write(PATH, text + "\n").with_context(|| format!("cannot write {FILE}"))
    }

    /// Each case with its count and, where bytes matter, the count of one byte.
    pub(crate) fn table(&self, cases: &[Case]) -> String {
        let mut table = format!("processor under valgrind: {}\n\n", self.processor);
        for case in cases {
            let count = self.by_case.get(&case.name).copied().unwrap_or_default();
            let per_byte = case.bytes.map(|bytes| format!("{:>10.3} per byte", ratio(count, bytes)));
            let _infallible = writeln!(table, "{:<36}{count:>12}{}", case.name, per_byte.unwrap_or_default());
        }
        table
    }

    /// What of `now` is not what is stored here.
    pub(crate) fn complaints(&self, now: &Self) -> Vec<String> {
        if self.processor != now.processor {
            return vec![format!(
                "The stored counts are for another processor, so nothing can be compared:\n  stored {}\n  here   {}",
                self.processor, now.processor
            )];
        }
        let names: std::collections::BTreeSet<_> = self.by_case.keys().chain(now.by_case.keys()).collect();
        names.into_iter().filter_map(|name| complaint(name, self.by_case.get(name), now.by_case.get(name))).collect()
    }
}

fn complaint(name: &str, stored: Option<&u64>, now: Option<&u64>) -> Option<String> {
    match (stored.copied(), now.copied()) {
        (Some(stored), Some(now)) => {
            let moved = stored.abs_diff(now);
            let allowed = TOLERANCE_INSTRUCTIONS.max(stored.saturating_mul(TOLERANCE_PERCENT) / 100);
            let (word, sign) = if now > stored { ("grew", '+') } else { ("fell", '-') };
            let percent = ratio(moved, stored) * 100.0;
            (moved > allowed)
                .then(|| format!("{name} {word} from {stored} to {now} instructions ({sign}{percent:.1} %)"))
        }
        (None, Some(now)) => Some(format!("{name} has no stored count; it takes {now} instructions")),
        (_, None) => Some(format!("{name} has a stored count and is no case any more")),
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

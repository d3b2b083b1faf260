//! The stored counts, and what differs from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::cases::Case;

/// Where the counts lie, in the repository.
pub const FILE: &str = "benches/instructions.json";

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json");

/// How far a count may be from the stored one, in per cent. Hash tables with random seeds move a count by some tenths of one;
/// what matters moves it by five.
const TOLERANCE_PERCENT: u64 = 3;

/// … and in instructions, so that one more branch in a case of a few hundred is not a change.
const TOLERANCE_INSTRUCTIONS: u64 = 100;

/// Printed below what differs. A count that fell is an error as well: left as it is, everything up to the old count could come
/// back unseen.
pub const HOW_TO_ACCEPT: &str = "
If this is meant (or the compiler or valgrind is another), accept it and commit the file with the reason:
    cargo bench -p tidegate-benches --bench instructions -- update
To see where the instructions go:
    CARGO_PROFILE_BENCH_DEBUG=1 cargo bench -p tidegate-benches --bench instructions -- profile CASE";

/// Instructions by case, and the processor that valgrind showed.
#[derive(Debug, Clone)]
pub struct Counts {
    processor: String,
    by_case: BTreeMap<String, u64>,
}

impl Counts {
    /// What was counted.
    #[must_use]
    pub fn new(processor: String, counts: Vec<(String, u64)>) -> Self {
        Self { processor, by_case: counts.into_iter().collect() }
    }

    /// What is stored.
    ///
    /// # Errors
    /// The file cannot be read, or is no JSON.
    pub fn stored() -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(PATH).with_context(|| format!("cannot read {FILE}"))?;
        let value: Value = serde_json::from_str(&text).with_context(|| format!("{FILE} is no JSON"))?;
        let by_case = value.get("instructions").and_then(Value::as_object).into_iter().flatten();
        Ok(Self {
            processor: value.get("processor").and_then(Value::as_str).unwrap_or_default().to_owned(),
            by_case: by_case.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect(),
        })
    }

    /// Stores these in the place of what is stored.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn store(&self) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(&json!({ "processor": self.processor, "instructions": self.by_case }))?;
        std::fs::write(PATH, text + "\n").with_context(|| format!("cannot write {FILE}"))
    }

    /// Each case with its count and, where bytes matter, the count of one byte.
    #[must_use]
    pub fn table(&self, cases: &[Case]) -> String {
        let mut table = format!("processor under valgrind: {}\n\n", self.processor);
        for case in cases {
            let count = self.by_case.get(&case.name).copied().unwrap_or_default();
            let per_byte = case.bytes.map(|bytes| format!("{:>10.3} per byte", ratio(count, bytes)));
            let _infallible = writeln!(table, "{:<36}{count:>12}{}", case.name, per_byte.unwrap_or_default());
        }
        table
    }

    /// What of `now` is not what is stored here.
    #[must_use]
    pub fn complaints(&self, now: &Self) -> Vec<String> {
        if self.processor != now.processor {
            return vec![format!(
                "The stored counts are for another processor, so nothing can be compared:\n  stored {}\n  here   {}",
                self.processor, now.processor
            )];
        }
        let names: BTreeSet<_> = self.by_case.keys().chain(now.by_case.keys()).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(processor: &str, counts: &[(&str, u64)]) -> Counts {
        Counts::new(processor.to_owned(), counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
    }

    #[test]
    fn complains_of_what_grew_fell_came_and_went_and_of_nothing_else() {
        let stored = counts(
            "p",
            &[("exact", 10_000), ("near", 10_000), ("grew", 10_000), ("fell", 10_000), ("gone", 1), ("tiny", 300)],
        );
        let now = counts(
            "p",
            &[("exact", 10_000), ("near", 10_300), ("grew", 10_301), ("fell", 9_000), ("new", 5), ("tiny", 400)],
        );
        let expected = [
            "fell fell from 10000 to 9000 instructions (-10.0 %)",
            "gone has a stored count and is no case any more",
            "grew grew from 10000 to 10301 instructions (+3.0 %)",
            "new has no stored count; it takes 5 instructions",
        ];
        assert_eq!(stored.complaints(&now), expected);
        assert!(stored.complaints(&stored).is_empty());
    }

    #[test]
    fn compares_nothing_across_processors() {
        let complaints = counts("x86_64 avx2", &[("a", 1)]).complaints(&counts("x86_64", &[("a", 1)]));
        assert_eq!(complaints.len(), 1);
        assert!(complaints.iter().all(|complaint| complaint.contains("stored x86_64 avx2")), "{complaints:?}");
    }

    #[test]
    fn every_case_has_a_name_of_its_own_and_a_stored_count() {
        let names: BTreeSet<String> = crate::cases::all().into_iter().map(|case| case.name).collect();
        assert_eq!(names.len(), crate::cases::all().len());
        let stored = Counts::stored().expect("it can be read");
        assert_eq!(stored.by_case.into_keys().collect::<BTreeSet<_>>(), names);
    }

    #[test]
    fn every_case_does_its_work() {
        for case in crate::cases::all() {
            case.prepare()();
        }
    }
}

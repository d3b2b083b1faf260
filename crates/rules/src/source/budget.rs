//! Bounds on a file, enforced before a tree is built from it.

use serde_yaml::budget::{Budget, BudgetBreach, EnforcingPolicy, check_yaml_budget};

/// Values in one file, before aliases are followed. The longest rule in use has some two hundred.
pub(super) const MAX_NODES: usize = 20_000;

/// Values in one file when every alias was followed.
pub(super) const MAX_EXPANDED_NODES: usize = 40_000;

/// Maps and lists inside one another; also what bounds every recursion over the tree.
pub(super) const MAX_DEPTH: usize = 64;

/// Uses of anchors in one file.
const MAX_ALIASES: usize = 500;

/// The bound that a text breaks, in words. A text that is no YAML breaks none: the parser says more about it.
pub(super) fn breach(text: &str) -> Option<String> {
    let budget = serde_yaml::budget! {
        max_nodes: MAX_NODES,
        max_events: MAX_NODES * 4,
        max_depth: MAX_DEPTH,
        max_aliases: MAX_ALIASES,
        max_anchors: MAX_ALIASES,
        max_documents: 2,
        max_total_scalar_bytes: super::MAX_FILE_LEN,
        enforce_alias_anchor_ratio: false,
    };
    let report = check_yaml_budget(text, budget.unwrap_or_else(Budget::default), EnforcingPolicy::AllContent).ok()?;
    Some(match report.breached? {
        BudgetBreach::Depth { .. } => format!("maps and lists are nested more than {MAX_DEPTH} levels deep"),
        BudgetBreach::Aliases { .. } => format!("there are more than {MAX_ALIASES} aliases (`*name`)"),
        BudgetBreach::Anchors { .. } => format!("there are more than {MAX_ALIASES} anchors (`&name`)"),
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => format!("there are more than {MAX_NODES} values"),
        BudgetBreach::Documents { .. } => "there are more than two documents (`---`)".to_owned(),
        _ => "the file is larger than any configuration should be".to_owned(),
    })
}

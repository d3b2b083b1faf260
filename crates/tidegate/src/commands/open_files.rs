//! How many files the process may have open: each connection of a client is one, and each to an upstream.

use rules::config::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For everything that is no connection: listeners, secrets, logs, the runtime.
const OTHERS: u64 = 64;

/// Raises the limit as far as the process may, and says what is missing: beyond it connections cannot be accepted.
pub(crate) fn allow(limits: &Limits) {
    let allowed = raise();
    let wanted = (limits.connections as u64).saturating_add(limits.uploads as u64).saturating_add(OTHERS);
    if allowed.is_some_and(|allowed| allowed < wanted) {
        tracing::warn!(
            allowed,
            wanted,
            "the process may open too few files for limits.connections and limits.uploads: raise its limit (`ulimit -n`, LimitNOFILE)"
        );
    }
}

/// Sets the soft limit to the hard one, which needs no privilege; gives it, unless there is none.
fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    if raised.is_ok() { limit.maximum } else { limit.current }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raises_the_soft_limit_to_the_hard_one() {
        assert_eq!(raise(), getrlimit(Resource::Nofile).maximum);
        assert_eq!(getrlimit(Resource::Nofile).current, getrlimit(Resource::Nofile).maximum);
    }
}

//! Descriptors: thousands of uploads need thousands, and the usual limit is 1024.

use anyhow::ensure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process, and those that it starts from now on, open as many files as the system allows.
///
/// # Errors
/// That is fewer than `wanted`.
pub fn allow(wanted: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    ensure!(
        limit.maximum.is_none_or(|most| most >= wanted),
        "{wanted} open files are needed and {} are allowed: raise the hard limit (`ulimit -Hn`)",
        limit.maximum.unwrap_or_default()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raises_the_limit_to_what_is_allowed_and_says_when_that_is_too_little() {
        allow(16).expect("every system allows that");
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        if let Some(most) = limit.maximum {
            let error = allow(most + 1).expect_err("it is one too many");
            assert!(error.to_string().contains("ulimit -Hn"), "{error}");
        }
    }
}

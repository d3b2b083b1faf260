//! What the peers' configuration files have in common: places that are filled in, and how many connections a job opens.

use std::fmt::Display;

use crate::job::JobKind;

/// How many connections a peer must be able to hold. Some programs reserve memory for each, so it follows the job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connections {
    /// From clients.
    pub(super) clients: u32,
    /// From clients and to the upstream.
    pub(super) both_sides: u32,
    /// With log, listener and what else a program opens.
    pub(super) open_files: u32,
}

/// What a program opens beside its connections, with room.
const OTHER_FILES: u32 = 200;

impl Connections {
    /// Of a job, with room for connections that end while others begin.
    pub(super) fn of(job: JobKind) -> Self {
        let clients = match job {
            JobKind::Slow2000 => 2500,
            JobKind::Slow5000 | JobKind::Overload => 6000,
            _ => 1000,
        };
        let both_sides = 2 * clients;
        Self { clients, both_sides, open_files: both_sides + OTHER_FILES }
    }
}

/// Puts each value in the place of its name in braces.
pub(super) fn fill(template: &str, values: &[(&str, &dyn Display)]) -> String {
    values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), &value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn fills_every_place_of_a_name_and_leaves_other_braces() {
        let text = fill("server { listen {port}; # {port}\n}", &[("port", &80), ("unused", &"x")]);
        assert_eq!(text, "server { listen 80; # 80\n}");
    }
}

//! How often tickets were used: in this process's memory, bounded, forgotten when they expire.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rules::access::Ticket;
use rules::failure::{Failure, Problem};
use time::OffsetDateTime;

/// Tickets in use or used at once: about eight megabytes. Beyond it no ticket that is new here can be used, as its uses could not be
/// counted.
const MAX_TICKETS: usize = 65_536;

/// When a client may come back that found the table full.
const COME_BACK: Duration = Duration::from_secs(5);

/// The uses of every ticket that has not expired.
#[derive(Debug, Default)]
pub(super) struct UseTable(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    used: HashMap<String, Used>,
    /// When expired tickets were last looked for, in Unix seconds.
    swept: i64,
}

#[derive(Debug)]
struct Used {
    uses: u32,
    expires: i64,
}

/// One use of a ticket. It is given back unless [`TicketUse::spend`] is called: an upload that stored nothing costs nothing.
#[derive(Debug)]
pub(crate) struct TicketUse {
    table: Arc<UseTable>,
    id: Option<String>,
}

impl UseTable {
    /// Takes one use of a ticket.
    ///
    /// # Errors
    /// `forbidden` when none is left, `overloaded` when the table is full.
    pub(super) fn begin(self: &Arc<Self>, ticket: &Ticket, now: OffsetDateTime) -> Result<TicketUse, Failure> {
        let now = now.unix_timestamp();
        let mut table = self.lock();
        if !table.used.contains_key(&ticket.id) && table.used.len() >= MAX_TICKETS {
            table.sweep(now);
            if table.used.len() >= MAX_TICKETS {
                let detail = "too many upload tickets are in use";
                return Err(Failure { retry_after: Some(COME_BACK), ..Failure::new(Problem::Overloaded, detail) });
            }
        }
        let used = table.used.entry(ticket.id.clone()).or_insert(Used { uses: 0, expires: ticket.expires });
        if used.uses >= ticket.uses {
            return Err(Failure::new(Problem::Forbidden, "this ticket has been used as often as it may be"));
        }
        used.uses = used.uses.saturating_add(1);
        Ok(TicketUse { table: Arc::clone(self), id: Some(ticket.id.clone()) })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Forgets tickets that cannot be used any more, at most once a second: a full table must not cost a walk per request.
    fn sweep(&mut self, now: i64) {
        if self.swept != now {
            self.swept = now;
            self.used.retain(|_, used| used.expires > now);
        }
    }
}

impl TicketUse {
    /// The upload stored something, or may have.
    pub(crate) fn spend(mut self) {
        self.id = None;
    }
}

impl Drop for TicketUse {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let mut table = self.table.lock();
        if let Some(used) = table.used.get_mut(&id) {
            used.uses = used.uses.saturating_sub(1);
            if used.uses == 0 {
                table.used.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn ticket(id: &str, uses: u32, expires: i64) -> Ticket {
        let ticket = serde_json::json!({ "i": id, "r": "r", "e": expires, "u": uses, "p": "teams" });
        serde_json::from_value(ticket).expect("a ticket")
    }

    #[test]
    fn a_use_comes_back_unless_something_was_stored() {
        let table = Arc::new(UseTable::default());
        let once = ticket("a", 1, 60);
        let held = table.begin(&once, NOW).expect("one is left");
        assert_eq!(table.begin(&once, NOW).expect_err("it is in use").problem, Problem::Forbidden);
        drop(held);
        table.begin(&once, NOW).expect("it came back").spend();
        assert_eq!(table.begin(&once, NOW).expect_err("it is spent").problem, Problem::Forbidden);
        let twice = ticket("b", 2, 60);
        table.begin(&twice, NOW).expect("two are left").spend();
        drop(table.begin(&twice, NOW).expect("one is left"));
        table.begin(&twice, NOW).expect("it came back").spend();
        assert!(table.begin(&twice, NOW).is_err());
    }

    #[test]
    fn a_full_table_refuses_what_it_could_not_count_and_forgets_what_has_expired() {
        let table = Arc::new(UseTable::default());
        for number in 0..MAX_TICKETS {
            table.begin(&ticket(&number.to_string(), 1, 60), NOW).expect("there is room").spend();
        }
        assert_eq!(table.begin(&ticket("new", 1, 90), NOW).expect_err("it is full").problem, Problem::Overloaded);
        let later = NOW + Duration::from_secs(60);
        table.begin(&ticket("new", 1, 90), later).expect("the others have expired").spend();
        assert_eq!(table.lock().used.len(), 1);
    }
}

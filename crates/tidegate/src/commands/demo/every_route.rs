//! Every route, every form, several sizes: stand-ins, gateway and client in this process.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use rules::config::{Log, LogFormat};
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use super::attempt::{Attempt, Site};
use super::case::{Case, every_route};
use super::peak::{self, Process};
use super::{shipped, show_progress};
use crate::cli::Demo;
use crate::commands::numbers::{bytes, exact_bytes, mib_per_second};
use crate::commands::print;
use crate::commands::table::{Column, Table};
use crate::logging;

/// Files that are larger are left out.
const LARGEST: u64 = 256 << 20;
/// For the gateway to end; every upload has ended by then.
const GRACE: Duration = Duration::from_secs(5);

/// One line of the table.
struct Row {
    case: Case,
    attempt: Attempt,
    /// Bytes.
    peak: Option<u64>,
}

/// Uploads everything and prints the table; tells whether all went well.
pub(super) async fn run(flags: &Demo) -> anyhow::Result<bool> {
    let level = if flags.verbose { "info" } else { "warn" };
    logging::start(&Log { format: LogFormat::Auto, level: level.to_owned() })?;
    let sandbox = Sandbox::start(Options::default()).await.context("the stand-ins cannot start")?;
    let gateway = shipped::start(&sandbox)?;
    let address = *gateway.addresses().first().context("the shipped configuration has no listener")?;
    let cases = every_route(flags.largest.map_or(LARGEST, |size| size.0));
    let rows = upload_all(Site { gateway: address, sandbox: &sandbox }, &cases).await;
    let drained = gateway.drain(GRACE).await;
    sandbox.stop().await;

    ensure!(!rows.is_empty(), "`--largest` leaves no file to upload");
    print(&if flags.json { format!("{}\n", as_json(&rows)) } else { for_people(&rows) })?;
    ensure!(drained.lost_nothing(), "the gateway did not end cleanly");
    Ok(rows.iter().all(Row::is_good))
}

async fn upload_all(site: Site<'_>, cases: &[Case]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let (at, of) = (number.saturating_add(1), cases.len());
        show_progress(&format!("{at}/{of}  {}  {}  {}", case.route(), case.request(), exact_bytes(case.size)));
        let known = peak::reset(Process::Own).is_some();
        let attempt = site.attempt(case, number).await;
        let peak = peak::resident(Process::Own).filter(|_| known).map(|resident| resident.peak);
        rows.push(Row { case: *case, attempt, peak });
    }
    show_progress("");
    rows
}

impl Row {
    fn is_good(&self) -> bool {
        self.attempt.error.is_none()
    }

    fn rate(&self) -> f64 {
        mib_per_second(self.case.size, self.attempt.elapsed)
    }
}

fn for_people(rows: &[Row]) -> String {
    let mut table = Table::new([
        Column::left("route"),
        Column::left("sent by"),
        Column::right("size"),
        Column::right("time"),
        Column::right("MiB/s"),
        Column::right("peak memory"),
        Column::left("result"),
    ]);
    for row in rows {
        // Of some bytes, or of a refusal, a rate tells nothing.
        let told = row.is_good() && row.case.size >= 1 << 20;
        let rate = if told { format!("{:.0}", row.rate()) } else { "–".to_owned() };
        table.row([
            row.case.route().to_owned(),
            row.case.request().to_string(),
            exact_bytes(row.case.size),
            format!("{:.1} ms", row.attempt.elapsed.as_secs_f64() * 1e3),
            rate,
            row.peak.map_or_else(|| "–".to_owned(), bytes),
            row.attempt.error.clone().unwrap_or_else(|| "verified".to_owned()),
        ]);
    }
    format!("{table}\n{}", summary(rows))
}

fn summary(rows: &[Row]) -> String {
    let failed = rows.iter().filter(|row| !row.is_good()).count();
    let sum: u64 = rows.iter().map(|row| row.case.size).sum();
    let elapsed: Duration = rows.iter().map(|row| row.attempt.elapsed).sum();
    let outcome = match failed {
        0 => "all verified: size and SHA-256 of every receipt and of every file that arrived".to_owned(),
        failed => format!("{failed} FAILED"),
    };
    format!(
        "{} uploads, {} in {:.1} s; {outcome}.\n\
         Peak memory is that of the whole process: gateway, stand-ins and client.\n",
        rows.len(),
        bytes(sum),
        elapsed.as_secs_f64(),
    )
}

fn as_json(rows: &[Row]) -> Value {
    let uploads: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "route": row.case.route(),
                "sent_by": row.case.request().to_string(),
                "size": row.case.size,
                "seconds": row.attempt.elapsed.as_secs_f64(),
                "mib_per_second": row.rate(),
                "peak_bytes": row.peak,
                "verified": row.is_good(),
                "error": row.attempt.error,
            })
        })
        .collect();
    let failed = rows.iter().filter(|row| !row.is_good()).count();
    json!({ "uploads": uploads, "failed": failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: usize, error: Option<&str>) -> Row {
        let case = *every_route(LARGEST).get(number).expect("there is such a case");
        let elapsed = Duration::from_millis(250);
        Row { case, attempt: Attempt { elapsed, error: error.map(ToOwned::to_owned) }, peak: Some(20 << 20) }
    }

    #[test]
    fn the_table_tells_what_failed() {
        let unknown = Row { peak: None, ..row(8, None) };
        insta::assert_snapshot!(for_people(&[row(0, None), row(3, Some("502 upstream-failed: no")), unknown]));
    }

    #[test]
    fn json_counts_failures() {
        let value = as_json(&[row(0, None), row(1, Some("no"))]);
        assert_eq!((&value["failed"], &value["uploads"][1]["verified"]), (&json!(1), &json!(false)));
    }
}

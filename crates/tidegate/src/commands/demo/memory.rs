//! The gateway's memory, measured alone and held against its bounds.

use std::time::Duration;

use anyhow::Context as _;
use sandbox::{Options, Sandbox, System};
use serde_json::{Value, json};

use super::attempt::{Attempt, Site};
use super::case::Case;
use super::gateway_process::GatewayProcess;
use super::peak::{self, Resident};
use super::{show_progress, slow};
use crate::cli::Demo;
use crate::client::{Form, Protocol};
use crate::commands::numbers::{bytes, exact_bytes, mib_per_second};
use crate::commands::print;
use crate::commands::table::{Column, Table};

/// The file that shows that memory does not grow with it.
const LARGE: u64 = 1 << 30;
/// What the process may grow by while a large file passes.
const LARGE_BOUND: u64 = 16 << 20;
/// What the process may grow by while many slow uploads are open.
const SLOW_BOUND: u64 = 32 << 20;
/// The size of a file that wakes everything that is made at its first use.
const SMALL: u64 = 70;
/// For what the last upload left to be given back, before the next is measured.
const SETTLE: Duration = Duration::from_millis(500);
/// Numbers of slow uploads begin here.
const SLOW_NUMBERS: usize = 1000;

/// A load, in words.
#[derive(Debug, Clone, Copy)]
struct Load {
    name: &'static str,
    system: System,
    form: Form,
    protocol: Protocol,
}

/// Each kind of body towards an upstream, and each way in.
const LOADS: [Load; 6] = [
    load("raw body (Amazon Connect)", System::AmazonConnect, Form::NamedPut, Protocol::Http1),
    load("POST-policy form (Kustomer)", System::Kustomer, Form::NamedPut, Protocol::Http1),
    load("base64 in JSON (KlinkCX)", System::KlinkCx, Form::NamedPut, Protocol::Http1),
    load("form in, raw body out", System::AmazonConnect, Form::Multipart, Protocol::Http1),
    load("form in, form out", System::TeamworkDesk, Form::Multipart, Protocol::Http1),
    load("HTTP/2 in, form out", System::Kustomer, Form::NamedPut, Protocol::Http2),
];

const fn load(name: &'static str, system: System, form: Form, protocol: Protocol) -> Load {
    Load { name, system, form, protocol }
}

/// One line of the table.
struct Row {
    name: String,
    /// All files together, in bytes.
    size: u64,
    attempt: Attempt,
    /// Before and after; none where the system does not tell.
    resident: Option<(Resident, Resident)>,
    /// Bytes by which the process may grow.
    bound: u64,
}

/// Measures every load and prints the table; tells whether all uploads worked and all bounds held.
pub(super) async fn run(flags: &Demo) -> anyhow::Result<bool> {
    let size = flags.largest.map_or(LARGE, |size| size.0);
    let options = Options { connect_file_limit: size.max(SMALL), ..Options::default() };
    let sandbox = Sandbox::start(options).await.context("the stand-ins cannot start")?;
    let gateway = GatewayProcess::start(&sandbox, flags.verbose).await?;
    let site = Site { gateway: gateway.address, sandbox: &sandbox };
    let mut rows = warm_up(site).await?;
    for (number, load) in LOADS.iter().enumerate() {
        show_progress(&format!("{}  {}", load.name, exact_bytes(size)));
        let case = Case::new(load.system, load.form, load.protocol, size);
        let row = measured(&gateway, load.name.to_owned(), size, LARGE_BOUND, async {
            Ok(site.attempt(&case, number).await)
        });
        rows.push(row.await?);
    }
    let name = format!("{} slow uploads at once", slow::UPLOADS);
    show_progress(&name);
    let slow = slow::run(site, &gateway, SLOW_NUMBERS);
    rows.push(measured(&gateway, name, slow::TOTAL, SLOW_BOUND, slow).await?);
    show_progress("");
    sandbox.stop().await;

    print(&if flags.json { format!("{}\n", as_json(&rows)) } else { for_people(&rows) })?;
    Ok(rows.iter().all(Row::is_good))
}

/// Small uploads through every load; only failures are worth a line.
async fn warm_up(site: Site<'_>) -> anyhow::Result<Vec<Row>> {
    let mut failures = Vec::new();
    for (number, load) in LOADS.iter().enumerate() {
        let case = Case::new(load.system, load.form, load.protocol, SMALL);
        let attempt = site.attempt(&case, SLOW_NUMBERS.saturating_sub(1).saturating_sub(number)).await;
        if attempt.error.is_some() {
            let name = format!("warming up: {}", load.name);
            failures.push(Row { name, size: SMALL, attempt, resident: None, bound: LARGE_BOUND });
        }
    }
    Ok(failures)
}

async fn measured(
    gateway: &GatewayProcess,
    name: String,
    size: u64,
    bound: u64,
    load: impl Future<Output = anyhow::Result<Attempt>>,
) -> anyhow::Result<Row> {
    tokio::time::sleep(SETTLE).await;
    let before = peak::reset(gateway.process()?);
    let attempt = load.await?;
    let after = peak::resident(gateway.process()?);
    Ok(Row { name, size, attempt, resident: before.zip(after), bound })
}

impl Row {
    /// Bytes by which the peak stood above what was resident before.
    fn growth(&self) -> Option<u64> {
        self.resident.map(|(before, after)| after.peak.saturating_sub(before.now))
    }

    fn is_within_bound(&self) -> bool {
        self.growth().is_none_or(|growth| growth < self.bound)
    }

    fn is_good(&self) -> bool {
        self.attempt.error.is_none() && self.is_within_bound()
    }

    fn verdict(&self) -> String {
        match &self.attempt.error {
            Some(error) => error.clone(),
            None if !self.is_within_bound() => "BOUND BROKEN".to_owned(),
            None if self.resident.is_none() => "verified; this system does not tell memory".to_owned(),
            None => "verified, within bound".to_owned(),
        }
    }
}

fn for_people(rows: &[Row]) -> String {
    let mut table = Table::new([
        Column::left("load"),
        Column::right("size"),
        Column::right("time"),
        Column::right("MiB/s"),
        Column::right("before"),
        Column::right("peak"),
        Column::right("growth"),
        Column::right("bound"),
        Column::left("result"),
    ]);
    for row in rows {
        let shown = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), bytes);
        table.row([
            row.name.clone(),
            exact_bytes(row.size),
            format!("{:.1} s", row.attempt.elapsed.as_secs_f64()),
            format!("{:.0}", mib_per_second(row.size, row.attempt.elapsed)),
            shown(row.resident.map(|(before, _)| before.now)),
            shown(row.resident.map(|(_, after)| after.peak)),
            shown(row.growth()),
            exact_bytes(row.bound),
            row.verdict(),
        ]);
    }
    let bad = rows.iter().filter(|row| !row.is_good()).count();
    let outcome = match bad {
        0 => "Every bound held, and every file arrived whole.".to_owned(),
        bad => format!("{bad} of {} FAILED.", rows.len()),
    };
    format!("{table}\nResident memory of the gateway's process alone, after some small uploads. {outcome}\n")
}

fn as_json(rows: &[Row]) -> Value {
    let loads: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "load": row.name,
                "size": row.size,
                "seconds": row.attempt.elapsed.as_secs_f64(),
                "before_bytes": row.resident.map(|(before, _)| before.now),
                "peak_bytes": row.resident.map(|(_, after)| after.peak),
                "growth_bytes": row.growth(),
                "bound_bytes": row.bound,
                "good": row.is_good(),
                "error": row.attempt.error,
            })
        })
        .collect();
    json!({ "loads": loads, "failed": rows.iter().filter(|row| !row.is_good()).count() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(peak: Option<u64>, error: Option<&str>) -> Row {
        let resident = |now, peak| Resident { now, peak };
        Row {
            name: "raw body".to_owned(),
            size: 1 << 30,
            attempt: Attempt { elapsed: Duration::from_secs(4), error: error.map(ToOwned::to_owned) },
            resident: peak.map(|peak| (resident(10 << 20, 10 << 20), resident(11 << 20, peak))),
            bound: LARGE_BOUND,
        }
    }

    #[test]
    fn a_peak_at_the_bound_breaks_it() {
        assert!(row(Some((26 << 20) - 1), None).is_good());
        assert!(!row(Some(26 << 20), None).is_good());
    }

    #[test]
    fn the_table_tells_what_broke() {
        let rows = [row(Some(14 << 20), None), row(Some(40 << 20), None), row(None, None), row(None, Some("lost"))];
        insta::assert_snapshot!(for_people(&rows));
    }
}

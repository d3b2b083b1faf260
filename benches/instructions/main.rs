//! Counts the instructions of each case of [`benches::cases`] under callgrind and compares them with `instructions.json`.
//!
//! Unlike times, these counts are the same on a busy and on an idle machine, so a check can fail on a few per cent. They say
//! nothing of caches, of system calls, and of instructions that valgrind does not know: it shows AVX2 and hides AVX-512, the SHA
//! extensions and wide carry-less multiplication, so SHA-256 and the CRCs are counted as older processors compute them.

#![expect(clippy::print_stdout, reason = "the counts are for a terminal")]

mod callgrind;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use benches::cases::{self, Case};
use benches::counts::{self, Counts};

use callgrind::Callgrind;

const USAGE: &str = "usage: cargo bench -p tidegate-benches --bench instructions -- [COMMAND]

  compare         count, and fail where a count is not what instructions.json says (default)
  update          count, and write instructions.json anew
  show [TEXT]     count the cases whose name holds TEXT
  profile CASE    keep the profile of one case, to be read with callgrind_annotate
  list            the names of all cases";

fn main() -> anyhow::Result<ExitCode> {
    // Cargo says that this is a benchmark.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        [] | ["compare"] => return compare(),
        ["update"] => {
            count(|_| true)?.store()?;
            println!("\n{} is written anew.", counts::FILE);
        }
        ["show"] => drop(count(|_| true)?),
        ["show", text] => drop(count(|name| name.contains(text))?),
        ["profile", name] => {
            let file = Callgrind::find()?.profile(find(name)?)?;
            println!("callgrind_annotate --auto=yes {}", file.display());
        }
        ["list"] => cases::all().iter().for_each(|case| println!("{}", case.name)),
        // The two below run under valgrind.
        ["run", name] => callgrind::run(find(name)?),
        ["processor"] => println!("{}", callgrind::processor()),
        _ => bail!("{USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn find(name: &str) -> anyhow::Result<&'static Case> {
    let case = cases::all().into_iter().find(|case| case.name == name);
    Ok(Box::leak(Box::new(case.with_context(|| format!("there is no case `{name}`; `list` names all"))?)))
}

fn count(wanted: impl Fn(&str) -> bool) -> anyhow::Result<Counts> {
    let cases: Vec<_> = cases::all().into_iter().filter(|case| wanted(&case.name)).collect();
    let callgrind = Callgrind::find()?;
    let counts = Counts::new(callgrind.processor()?, callgrind.count_all(&cases)?);
    print!("{}", counts.table(&cases));
    Ok(counts)
}

fn compare() -> anyhow::Result<ExitCode> {
    let stored = Counts::stored()?;
    let complaints = stored.complaints(&count(|_| true)?);
    if complaints.is_empty() {
        println!("\nAll counts are what {} says.", counts::FILE);
        return Ok(ExitCode::SUCCESS);
    }
    println!("\n{}\n{}", complaints.join("\n"), counts::HOW_TO_ACCEPT);
    Ok(ExitCode::FAILURE)
}

//! `tidegate sandbox`: stand-ins of the supported systems until a signal.

use std::process::ExitCode;

use anyhow::Context as _;
use sandbox::{Options, Sandbox};
use serde_json::{Map, Value, json};

use super::print;
use super::signals::Signals;
use crate::cli;

/// Runs the stand-ins, or prints the environment of those that run elsewhere.
pub(crate) fn run(flags: &cli::Sandbox) -> anyhow::Result<ExitCode> {
    let options = Options { address: Some(flags.address), ..Options::default() };
    if flags.env {
        print(&exports(&Sandbox::environment_at(&options).context("there is no such sandbox")?))?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(stand_in(options, flags))
}

async fn stand_in(options: Options, flags: &cli::Sandbox) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let sandbox = Sandbox::start(options).await.with_context(|| format!("cannot listen from {} on", flags.address))?;
    let environment = sandbox.environment();
    if let Some(file) = &flags.env_file {
        let written = std::fs::write(file, exports(&environment));
        written.with_context(|| format!("cannot write {}", file.display()))?;
    }
    print(&if flags.json { json_line(&sandbox, &environment) } else { for_people(&sandbox, &environment) })?;
    signals.next().await;
    sandbox.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn for_people(sandbox: &Sandbox, environment: &[(String, String)]) -> String {
    let systems: String = sandbox.describe().iter().map(|line| format!("  {line}\n")).collect();
    let exports: String = exports(environment).lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "The stand-ins listen; Ctrl-C ends them.\n\n{systems}\n\
         To point the shipped routes at them, set this where the gateway runs (`tidegate sandbox --env` prints it):\n\n\
         {exports}"
    )
}

fn json_line(sandbox: &Sandbox, environment: &[(String, String)]) -> String {
    let systems: Map<_, _> = sandbox.origins().into_iter().map(|(name, origin)| (name, Value::from(origin))).collect();
    let environment: Map<_, _> =
        environment.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    format!("{}\n", json!({ "systems": systems, "environment": environment }))
}

/// Lines that a POSIX shell can evaluate.
fn exports(environment: &[(String, String)]) -> String {
    environment.iter().map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', r"'\''"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_for_a_shell() {
        let environment = [("A".to_owned(), "it's $HOME".to_owned())];
        assert_eq!(exports(&environment), "export A='it'\\''s $HOME'\n");
    }
}

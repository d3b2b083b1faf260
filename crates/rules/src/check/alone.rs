//! A route's file on its own, without a main file: how examples are read and run.

use std::sync::Arc;

use super::access::Ways;
use super::main_file::{self, MainFile};
use super::variables::{Missing, Variables};
use super::{Load, MAIN_FILE, ROUTE_FILE, Source, config, examples, structure};
use crate::config::{ApiKeys, Config, Environment, Example, Examples, Provider, ProviderKind};
use crate::diagnostics::{Problems, Report, Severity};
use crate::source;

/// A gateway of defaults that listens where the system chooses.
const MAIN: &str = "listeners: [{ address: '127.0.0.1:0' }]\nadmin: { address: '127.0.0.1:0' }\nroutes: []\n";

/// The examples of a route's file. The file itself must be sound as far as that can be told without an environment.
///
/// # Errors
/// Every problem of the file.
pub fn read_examples(path: &str, source: &dyn Source) -> Result<Examples, Report> {
    let nothing = Environment::default();
    let mut load = Load::new(source, &nothing, Missing::Tolerated);
    let mut problems = Problems::new(path.into());
    let root = load.open(path, &ROUTE_FILE, &mut problems);
    let text = load.texts.last().map(|(_, text)| Arc::clone(text)).unwrap_or_default();
    let ways = without_main_file(stand_in(ApiKeys::default()));
    let mut list = Vec::new();
    if let Some(root) = root.as_ref().filter(|root| !root.entries().is_empty()) {
        // What it gives is not needed: without the examples' variables it may be nothing.
        let _without_environment = super::route::read(root, &text, &load.variables, &ways, &mut problems);
        // Its problems were reported just now.
        let mut told = Problems::new(path.into());
        list = examples::read(root, &text, &load.variables, &mut told);
    }
    let sound = !problems.has_errors();
    // What is odd is told by `check`, and variables that are not set are the examples' business.
    load.problems.extend(problems.into_vec().into_iter().filter(|problem| problem.severity == Severity::Error));
    let route = root.as_ref().and_then(|root| root.get("route")?.text()).unwrap_or_default().into();
    if sound { Ok(Examples { route, text, list }) } else { Err(Report::new(load.texts, load.problems)) }
}

/// The configuration in which an example runs: its route alone, in the example's environment. Secrets need no value for it.
/// Whatever providers the route's `access` names, the client must show one of `keys`.
///
/// # Errors
/// Every problem of the file in this environment.
pub fn load_for_example(path: &str, source: &dyn Source, example: &Example, keys: ApiKeys) -> Result<Config, Report> {
    let mut load = Load::new(source, &example.env, Missing::SecretsTolerated);
    let provider = stand_in(keys);
    let ways = without_main_file(Arc::clone(&provider));
    let route = load.route(path, &ways);
    let main = defaults(&load.variables);
    let report = Report::new(load.texts, load.problems);
    match config(main, vec![route]) {
        Some(config) if report.errors() == 0 => Ok(Config { access: vec![provider], ..config }),
        _ => Err(report),
    }
}

fn defaults(variables: &Variables<'_>) -> Option<MainFile> {
    let mut problems = Problems::new("".into());
    let mut root = source::parse(MAIN, &mut problems)?;
    structure::walk(&mut root, &MAIN_FILE, MAIN, variables, &mut problems);
    main_file::read(&root, variables, &mut problems)
}

/// Takes the place of every provider that a route names.
fn stand_in(keys: ApiKeys) -> Arc<Provider> {
    Arc::new(Provider { name: "example".into(), kind: ProviderKind::ApiKeys(keys) })
}

fn without_main_file(provider: Arc<Provider>) -> Ways {
    Ways {
        declared: Vec::new(),
        usable: Vec::new(),
        stand_in: Some(provider),
        asks_for_certificates: true,
        // The main file may permit networks; whether an example's dial is permitted shows when it runs.
        permitted: None,
        open_address: None,
    }
}

//! The checked configuration: what `check` makes of the YAML, and what the other stages rely on.
//!
//! Every value here has been proved: names resolve, units are parsed, each route has exactly one transfer step, and no
//! expression uses a fact before its time.

mod accept;
mod access;
mod cors;
mod environment;
mod example;
mod fair_use;
mod main;
mod params;
mod route;
mod step;
mod target;

pub use accept::*;
pub use access::*;
pub use cors::*;
pub use environment::Environment;
pub use example::*;
pub use fair_use::*;
pub use main::*;
pub use params::*;
pub use route::*;
pub use step::*;
pub use target::*;

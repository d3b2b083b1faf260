//! Configurations in memory, and what uploads to them bring.

use std::sync::Arc;

use rules::admission::Offer;
use rules::check::{Environment, Source, load};
use rules::config::Route;
use rules::run::Now;
use time::macros::datetime;
use uuid::Uuid;
use wire::digest::ClientDigests;
use wire::name::FileName;

/// A main file and one route.
pub(crate) struct Files {
    main: String,
    route: String,
}

impl Files {
    pub(crate) const MAIN: &str = "main.yaml";

    pub(crate) fn with_route(route: &str) -> Self {
        Self { main: "routes: route.yaml\n".to_owned(), route: route.to_owned() }
    }

    pub(crate) fn with_main(main: &str) -> Self {
        let route = include_str!("../../config/routes/klinkcx-file.yaml");
        Self { main: main.to_owned(), route: route.to_owned() }
    }
}

impl Source for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        Ok(if path == Self::MAIN { &self.main } else { &self.route }.clone())
    }

    fn glob(&self, _relative_to: &str, pattern: &str) -> Result<Vec<String>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

/// Variables that the rules name.
pub(crate) fn environment() -> Environment {
    let names =
        ["KLINKCX_TOKEN", "TOKEN", "CONNECT_INSTANCE_ID", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    names.into_iter().map(|name| (name, "value")).collect()
}

/// A route from its text, which must be right.
pub(crate) fn route(text: &str) -> Arc<Route> {
    let loaded = load(Files::MAIN, &Files::with_route(text), &environment());
    let checked = loaded.unwrap_or_else(|report| panic!("{report}"));
    Arc::clone(checked.config.routes.first().expect("there is one route"))
}

/// An upload of which nothing is known but its name.
pub(crate) fn offer(name: &str) -> Offer {
    Offer {
        upload_id: Uuid::nil(),
        idempotency_key: None,
        received: NOW.wall,
        path: Vec::new(),
        params: Vec::new(),
        name: FileName::parse(name).ok(),
        declared_type: None,
        size: Some(3),
        digests: ClientDigests::default(),
        pass: rules::access::Pass::default(),
    }
}

/// When everything happens.
pub(crate) const NOW: Now =
    Now { wall: datetime!(2030-01-01 00:00 UTC), monotonic: std::time::Duration::from_secs(1000) };

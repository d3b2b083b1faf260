//! What became of the latest attempt to load a configuration: for the metrics and for the admin side.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::metrics::Metrics;

/// The latest attempt, and the latest that took effect.
#[derive(Debug)]
pub struct LatestLoad {
    metrics: Arc<Metrics>,
    known: Mutex<Known>,
}

/// What is known.
#[derive(Debug, Clone)]
pub struct Known {
    /// When the configuration in force took effect.
    pub in_force_since: SystemTime,
    /// When another one was refused after that, and why.
    pub refused: Option<(SystemTime, String)>,
}

impl LatestLoad {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, known: Mutex::new(Known { in_force_since: SystemTime::now(), refused: None }) }
    }

    /// A configuration took effect. `generation` counts from 1.
    pub(crate) fn took_effect(&self, generation: i64) {
        let now = SystemTime::now();
        self.metrics.config_loaded(generation, now);
        *self.lock() = Known { in_force_since: now, refused: None };
    }

    /// A configuration was refused; the one before goes on.
    pub fn refused(&self, why: &(dyn Error + 'static)) {
        let mut told = why.to_string();
        let mut cause = why.source();
        while let Some(deeper) = cause {
            told = format!("{told}: {deeper}");
            cause = deeper.source();
        }
        self.refused_because(&told);
    }

    /// The same, in words.
    pub fn refused_because(&self, why: &str) {
        self.metrics.config_refused();
        self.lock().refused = Some((SystemTime::now(), why.to_owned()));
    }

    /// What is known.
    #[must_use]
    pub fn known(&self) -> Known {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

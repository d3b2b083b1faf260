//! Going on under another configuration, without a connection or an upload lost.
//!
//! All that can fail is done first: files are read, addresses bound, keys opened. Then it is put in force; what requests are served
//! under changes in one step. Uploads in flight keep what they began with.

use std::sync::Arc;

use rules::config::Config;
use tokio::sync::Semaphore;

use super::listener::Entrance;
use super::listeners::HandedOver;
use super::{Gateway, StartError, generation, listeners};
use crate::secrets::Secrets;

/// A configuration that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// Counts from 1, which is the one that the gateway started with.
    pub generation: i64,
    /// Keys whose change takes a restart, in the words of the configuration.
    pub needs_restart: Vec<&'static str>,
}

impl Gateway {
    /// Goes on under another configuration with these secrets. Must be called in a runtime; it reads the files that the
    /// configuration names.
    ///
    /// Listeners at the same address keep their socket, and connections that are open stay open; a listener that is gone takes no
    /// further request. What clients took of a limit still counts where the limit is the same.
    ///
    /// # Errors
    /// Something of it cannot be used. The configuration before stays in force then, and the metrics say so.
    pub fn reload(&self, config: Arc<Config>, secrets: &Arc<Secrets>) -> Result<Reloaded, StartError> {
        let mut running = self.running();
        let before = self.current.app();
        let refused = |error| {
            before.loads.refused(&error);
            error
        };
        let next = generation::next(&before, config, secrets, Arc::clone(&self.resolver)).map_err(refused)?;
        let planned = listeners::plan(&next.config, &running.entrances, &mut HandedOver::default()).map_err(refused)?;

        // From here on nothing fails.
        let (old, new) = (Arc::clone(&before.config), Arc::clone(&next.config));
        let next = Arc::new(next);
        next.metrics.watch_secrets(Arc::clone(secrets));
        next.budget.resize(new.limits.memory);
        next.uploads.resize(new.limits.uploads);
        running.shared.promises.resize(new.limits.memory);
        let generation = next.generation;
        self.current.replace(Arc::clone(&next));
        next.fair_use.forget_others();
        running.shared = running.shared.under(&new);
        self.resize_places(&running.shared.free, old.limits.connections, new.limits.connections);
        let entrances = listeners::open(planned, &running.shared);
        end_all_but(&entrances, &std::mem::replace(&mut running.entrances, entrances.clone()));
        next.loads.took_effect(generation);
        Ok(Reloaded { generation, needs_restart: needs_restart(&old, &new) })
    }

    /// Makes room for more connections, or for fewer as soon as enough have ended.
    fn resize_places(&self, free: &Arc<Semaphore>, before: usize, now: usize) {
        let [before, now] = [before, now].map(|places| places.min(Semaphore::MAX_PERMITS));
        free.add_permits(now.saturating_sub(before));
        let mut surplus = before.saturating_sub(now);
        surplus = surplus.saturating_sub(free.forget_permits(surplus));
        if surplus > 0 {
            let (free, killing) = (Arc::clone(free), self.killing.clone());
            let shrinking = async move {
                for _ in 0..surplus {
                    if let Ok(place) = free.acquire().await {
                        place.forget();
                    }
                }
            };
            tokio::spawn(async move { killing.run_until_cancelled(shrinking).await });
        }
    }
}

fn end_all_but(kept: &[Arc<Entrance>], before: &[Arc<Entrance>]) {
    for entrance in before.iter().filter(|entrance| !kept.iter().any(|other| Arc::ptr_eq(other, entrance))) {
        tracing::info!(address = %entrance.address, "no longer listening");
        entrance.end();
    }
}

fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let changed = [
        ("admin", old.admin != new.admin),
        ("log.format", old.log.format != new.log.format),
        ("fair-use.clients", old.clients.remembered != new.clients.remembered),
    ];
    changed.into_iter().filter_map(|(key, is_changed)| is_changed.then_some(key)).collect()
}

//! What one upload buffers beside its connection's read buffer, paid out of the budget before it is filled.

use std::sync::{Arc, Mutex, PoisonError};

use rules::config::{Body, Route};

use crate::budget::{Budget, Permit};

/// File bytes that are kept after they were sent, so that a connection that turns out dead can be replaced once. More would
/// make every upload pay for a rare event.
pub(crate) const HELD_FILE_BYTES: usize = 16 * 1024;
/// The block into which base64 is encoded.
const BASE64_BLOCK: usize = 256 * 1024;

/// One upload's share of the budget; dropping it gives everything back. It grows with what is kept until the upload ends:
/// a form's fields and the answers of the upstreams.
#[derive(Debug)]
pub struct UploadMemory {
    permit: Mutex<Permit>,
}

impl UploadMemory {
    /// Pays for the buffers that every upload by this route may fill; none when the budget cannot.
    pub(crate) fn take(budget: &Arc<Budget>, route: &Route) -> Option<Arc<Self>> {
        let encodes = route.steps.get(route.transfer).is_some_and(|step| matches!(step.request.body, Body::Json(_)));
        let bytes = if encodes { HELD_FILE_BYTES + BASE64_BLOCK } else { HELD_FILE_BYTES };
        Some(Arc::new(Self { permit: Mutex::new(budget.try_take(bytes)?) }))
    }

    /// A share that has nothing yet and grows with what is kept; none when the budget is spent.
    pub(crate) fn nothing_yet(budget: &Arc<Budget>) -> Option<Arc<Self>> {
        Some(Arc::new(Self { permit: Mutex::new(budget.try_take(0)?) }))
    }

    /// Pays for `bytes` more until the upload ends; false, and nothing taken, when the budget cannot.
    #[must_use]
    pub(crate) fn grow(&self, bytes: usize) -> bool {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner).grow(bytes)
    }

    /// Memory out of a budget that never ends.
    #[cfg(test)]
    pub(crate) fn plenty() -> Arc<Self> {
        Self::out_of(&Budget::new(u64::MAX)).expect("nothing can always be had")
    }

    /// Memory that can grow to all of a budget; none when that is spent already.
    pub(crate) fn out_of(budget: &Arc<Budget>) -> Option<Arc<Self>> {
        Some(Arc::new(Self { permit: Mutex::new(budget.try_take(0)?) }))
    }
}

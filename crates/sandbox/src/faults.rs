//! What can go wrong on cue.
//!
//! A fault waits for the next request of its system and step, once or several times. It interrupts the request's body,
//! replaces the answer, or changes what is done; everything else about that request stays as strict as ever.

use std::time::Duration;

use crate::http::Cut;
use crate::system::{Step, System};

/// A fault that waits for its request.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Whose requests.
    pub system: System,
    /// Which step.
    pub step: Step,
    /// What happens.
    pub kind: FaultKind,
    /// How many requests it still hits.
    pub times: u32,
}

impl Fault {
    /// A fault that hits one request.
    pub fn once(system: System, step: Step, kind: FaultKind) -> Fault {
        Fault { system, step, kind, times: 1 }
    }

    /// The same fault for so many requests.
    pub fn times(self, times: u32) -> Fault {
        Fault { times, ..self }
    }

    /// The same fault for every request until [`clear`](crate::Sandbox::clear).
    pub fn always(self) -> Fault {
        self.times(u32::MAX)
    }
}

/// What happens. `after` counts body bytes, framing apart; a body shorter than that is not interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// Answers in the vendor's error shape (or, for a 2xx, with an empty object) before the body was read.
    AnswerEarly {
        /// Body bytes read before the answer.
        after: u64,
        /// The status.
        status: u16,
        /// Whether the rest of the body is read (and the connection kept) or the connection is closed.
        keep_reading: bool,
    },
    /// Stops reading, for so long or for ever.
    Stall {
        /// Body bytes read before the pause.
        after: u64,
        /// `None` is for ever.
        pause: Option<Duration>,
    },
    /// Resets the connection (RST), without an answer.
    Reset {
        /// Body bytes read before the reset.
        after: u64,
    },
    /// Closes the connection (FIN), without an answer.
    Close {
        /// Body bytes read before the close; 0 closes after the head.
        after: u64,
    },
    /// Reads the whole body, does nothing, and answers with that status in the vendor's error shape.
    Fail {
        /// The status, for instance 500 or 429.
        status: u16,
        /// The seconds of a `Retry-After` field.
        retry_after: Option<u64>,
    },
    /// Reads the body, does nothing, and answers 302.
    Redirect {
        /// The `Location`.
        location: String,
    },
    /// Flowkiwi: stores the file and reports another file's hash.
    WrongHash,
    /// Flowkiwi: reports the hash in base64 instead of hex.
    Base64Hash,
    /// Flowkiwi: refuses with 403 and this missing permission.
    MissingPermission(String),
    /// The learned URL has this origin (`http://host:port`) instead of the storage's.
    PointElsewhere {
        /// Scheme, host and port.
        origin: String,
    },
    /// The policy or the URL that is handed out has expired already.
    Expired,
    /// Does the work, then answers with this many bytes of broken JSON.
    MalformedJson,
    /// Does the work, then answers 200 with an HTML page, as a proxy in front of the vendor would.
    HtmlAnswer,
    /// Does the work, then answers with so many spaces after the real body, as part of it.
    HugeAnswer {
        /// How many.
        bytes: u64,
    },
    /// Does the work, then waits before the answer.
    SlowAnswer {
        /// How long.
        delay: Duration,
    },
    /// Does the work, then closes without an answer.
    DropReply,
    /// Does the work, then closes in the middle of the answer.
    CutAnswer,
    /// Amazon Connect: the scan of the file completed by this request ends in `REJECTED`.
    RejectScan,
}

impl FaultKind {
    /// Where it interrupts the body, if it does.
    pub(crate) fn cut(&self) -> Option<Cut> {
        match self {
            FaultKind::AnswerEarly { after, .. } | FaultKind::Reset { after } | FaultKind::Close { after } => {
                Some(Cut { after: *after, pause: None })
            }
            FaultKind::Stall { after, pause } => Some(Cut { after: *after, pause: *pause }),
            _ => None,
        }
    }

    /// Whether it takes the place of the work.
    pub(crate) fn replaces_work(&self) -> bool {
        matches!(self, FaultKind::Fail { .. } | FaultKind::Redirect { .. })
    }
}

/// Takes the first fault that waits for this request.
pub(crate) fn take(faults: &mut Vec<Fault>, system: System, step: Step) -> Option<FaultKind> {
    let at = faults.iter().position(|fault| fault.system == system && fault.step == step && fault.times > 0)?;
    let fault = faults.get_mut(at)?;
    if fault.times != u32::MAX {
        fault.times = fault.times.saturating_sub(1);
    }
    let kind = fault.kind.clone();
    if fault.times == 0 {
        faults.remove(at);
    }
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_as_often_as_it_was_told_and_only_its_own_step() {
        let mut faults = vec![Fault::once(System::Kustomer, Step::Store, FaultKind::DropReply).times(2)];
        assert_eq!(take(&mut faults, System::Kustomer, Step::Prepare), None);
        assert_eq!(take(&mut faults, System::Flowkiwi, Step::Store), None);
        assert_eq!(take(&mut faults, System::Kustomer, Step::Store), Some(FaultKind::DropReply));
        assert_eq!(take(&mut faults, System::Kustomer, Step::Store), Some(FaultKind::DropReply));
        assert_eq!(take(&mut faults, System::Kustomer, Step::Store), None);
    }
}

//! What all listeners share: settings, addresses, keys, uploads, faults and the journal.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::faults::{self, Fault, FaultKind};
use crate::http::{Body, Framing, Head};
use crate::journal::{Exchange, JOURNAL_LIMIT};
use crate::objects::{Receiver, Uploads};
use crate::options::Options;
use crate::server::Site;
use crate::sigv4::Credentials;
use crate::system::{Step, System};

/// The region of all stand-ins.
pub(crate) const REGION: &str = "us-east-1";
/// What callers must present. They are told apart by name wherever one leaks.
pub(crate) const KUSTOMER_API_KEY: &str = "kustomer-sandbox-api-key";
pub(crate) const FLOWKIWI_TOKEN: &str = "flowkiwi-sandbox-token";
pub(crate) const FLOWKIWI_ORGANIZATION_ID: &str = "0196f0aa-5b1e-738e-b88f-6e08c466a4f7";
pub(crate) const KLINKCX_TOKEN: &str = "kpt_klinkcx-sandbox-token";
pub(crate) const TEAMWORK_DESK_API_KEY: &str = "teamwork-sandbox-api-key";
pub(crate) const CONNECT_INSTANCE_ID: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const AWS_ACCESS_KEY_ID: &str = "AKIASANDBOXCALLER001";
pub(crate) const AWS_SECRET_ACCESS_KEY: &str = "caller-sandbox-secret/K7MDENG+bPxRfiCYEXAMPLE";

/// Where the listeners are: `http://127.0.0.1:port`.
#[derive(Debug, Clone)]
pub(crate) struct Origins {
    /// One per system, in the order of [`System::ALL`].
    pub(crate) systems: Vec<(System, String)>,
    /// The S3 endpoint.
    pub(crate) storage: String,
}

impl Origins {
    /// Notes where `site` listens.
    pub(crate) fn add(&mut self, site: Site, address: SocketAddr) {
        let origin = format!("http://{address}");
        match site {
            Site::System(system) => self.systems.push((system, origin)),
            Site::Storage => self.storage = origin,
        }
    }

    /// Where a system listens.
    pub(crate) fn of(&self, system: System) -> &str {
        let found = self.systems.iter().find(|(known, _)| *known == system);
        found.map(|(_, origin)| origin.as_str()).unwrap_or_default()
    }
}

/// What all listeners share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) origins: Origins,
    uploads: Mutex<Uploads>,
    faults: Mutex<Vec<Fault>>,
    journal: Mutex<VecDeque<Exchange>>,
}

/// One request as a stand-in gets it.
#[derive(Debug)]
pub(crate) struct Request<'c> {
    pub(crate) head: Head,
    pub(crate) framing: Framing,
    pub(crate) body: Body<'c>,
    pub(crate) fault: Option<FaultKind>,
}

impl Shared {
    pub(crate) fn new(options: Options, origins: Origins) -> Shared {
        Shared { options, origins, uploads: Mutex::default(), faults: Mutex::default(), journal: Mutex::default() }
    }

    pub(crate) fn uploads(&self) -> MutexGuard<'_, Uploads> {
        locked(&self.uploads)
    }

    pub(crate) fn script(&self, fault: Fault) {
        locked(&self.faults).push(fault);
    }

    pub(crate) fn take_fault(&self, system: Option<System>, step: Step) -> Option<FaultKind> {
        faults::take(&mut locked(&self.faults), system?, step)
    }

    pub(crate) fn record(&self, exchange: Exchange) {
        let mut journal = locked(&self.journal);
        if journal.len() >= JOURNAL_LIMIT {
            journal.pop_front();
        }
        journal.push_back(exchange);
    }

    pub(crate) fn journal(&self) -> Vec<Exchange> {
        locked(&self.journal).iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.uploads().clear();
        locked(&self.faults).clear();
        locked(&self.journal).clear();
    }

    /// A receiver for one file, as the settings want it. `md5` is for S3, whose ETag it is.
    pub(crate) fn receiver(&self, md5: bool) -> Receiver {
        Receiver::new(self.options.keep_objects, md5)
    }

    /// The origin for a learned URL, unless a fault has another.
    pub(crate) fn storage_origin<'a>(&'a self, fault: Option<&'a FaultKind>) -> &'a str {
        match fault {
            Some(FaultKind::PointElsewhere { origin }) => origin.trim_end_matches('/'),
            _ => &self.origins.storage,
        }
    }

    /// The credentials with which callers sign for Amazon Connect.
    pub(crate) fn caller_credentials(&self) -> Credentials {
        Credentials {
            access_key: AWS_ACCESS_KEY_ID.to_owned(),
            secret_key: AWS_SECRET_ACCESS_KEY.to_owned(),
            session_token: self.options.session_token.clone(),
        }
    }
}

/// The vendor's own S3 credentials, with which it signs policies and URLs.
pub(crate) fn vendor_credentials(system: System) -> Credentials {
    let (access_key, secret_key, session_token) = match system {
        System::Kustomer => ("AKIASANDBOXKUSTOMER1", "kustomer-sandbox-signing-secret", None),
        System::TeamworkDesk => ("AKIASANDBOXTEAMWORK1", "teamwork-sandbox-signing-secret", None),
        _ => ("ASIASANDBOXCONNECT01", "connect-sandbox-signing-secret", Some("connect//sandbox+session=token")),
    };
    Credentials {
        access_key: access_key.to_owned(),
        secret_key: secret_key.to_owned(),
        session_token: session_token.map(str::to_owned),
    }
}

/// A panic while a lock was held leaves the data usable: every change under these locks is one step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

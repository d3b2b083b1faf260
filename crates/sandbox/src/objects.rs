//! The uploads that the stand-ins know: announced ones, and those whose bytes arrived.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use md5::Md5;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::sigv4::hex;
use crate::system::System;

/// So many uploads are remembered; older ones are forgotten, so that a long-running sandbox stays small.
const UPLOADS_LIMIT: usize = 65_536;
/// The first bytes that are always kept, for reading an image's dimensions.
const PREFIX: usize = 32;

/// How an upload stands with its system, in the system's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectState {
    /// Kustomer: announced, `uploaded` is false.
    Announced,
    /// Kustomer: `uploaded` is true. Flowkiwi and KlinkCX: stored.
    Stored,
    /// Teamwork Desk: `temp`, before it was activated.
    Temp,
    /// Teamwork Desk: `active`.
    Active,
    /// Amazon Connect: `DRAFTING`, before it was completed.
    Drafting,
    /// Amazon Connect: `PROCESSING`, being scanned.
    Processing,
    /// Amazon Connect: `APPROVED`.
    Approved,
    /// Amazon Connect: `REJECTED`.
    Rejected,
}

/// A file whose bytes arrived completely.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredObject {
    /// The system that has it.
    pub system: System,
    /// The system's id of it, as text.
    pub id: String,
    /// The file's name as the system was told.
    pub name: String,
    /// The type: for S3 the one it was stored with, else the declared one.
    pub content_type: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex.
    pub sha256: String,
    /// How it stands.
    pub state: ObjectState,
    /// The bytes, with [`keep_objects`](crate::Options::keep_objects).
    pub content: Option<Bytes>,
    /// What else was said of the file: the fields of the prepare request or of the upload itself.
    pub fields: Map<String, Value>,
    /// How often its bytes were written completely.
    pub writes: u32,
}

/// A file that was announced, whether its bytes came or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The system that expects it.
    pub system: System,
    /// The system's id of it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: ObjectState,
    /// Whether its bytes arrived.
    pub has_bytes: bool,
}

/// One upload as the stand-ins keep it.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) system: System,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) content_type: Option<String>,
    /// Bucket key, where S3 is part of it; KlinkCX's second id.
    pub(crate) key: Option<String>,
    /// The caller's idempotency token.
    pub(crate) token: Option<String>,
    pub(crate) state: ObjectState,
    pub(crate) fields: Map<String, Value>,
    pub(crate) received: Option<Received>,
    pub(crate) writes: u32,
    pub(crate) created: OffsetDateTime,
    /// How often a finished scan is still reported as running.
    pub(crate) polls_left: u32,
    /// What the scan will find.
    pub(crate) verdict: ObjectState,
}

impl Upload {
    /// An upload of which nothing is known but its name.
    pub(crate) fn new(system: System, id: String, name: &str, state: ObjectState) -> Upload {
        Upload {
            system,
            id,
            name: name.to_owned(),
            content_type: None,
            key: None,
            token: None,
            state,
            fields: Map::new(),
            received: None,
            writes: 0,
            created: OffsetDateTime::now_utc(),
            polls_left: 0,
            verdict: ObjectState::Approved,
        }
    }

    fn names(&self) -> impl Iterator<Item = (System, Name)> {
        let key = self.key.clone().map(Name::Key);
        let token = self.token.clone().map(Name::Token);
        let system = self.system;
        [Some(Name::Id(self.id.clone())), key, token].into_iter().flatten().map(move |name| (system, name))
    }

    fn stored(&self) -> Option<StoredObject> {
        let received = self.received.as_ref()?;
        Some(StoredObject {
            system: self.system,
            id: self.id.clone(),
            name: self.name.clone(),
            content_type: self.content_type.clone(),
            size: received.size,
            sha256: received.sha256.clone(),
            state: self.state,
            content: received.content.clone(),
            fields: self.fields.clone(),
            writes: self.writes,
        })
    }
}

/// What an upload can be found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    Id(String),
    Key(String),
    Token(String),
}

/// All uploads, in the order in which they were begun.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    by_number: BTreeMap<u64, Upload>,
    numbers: HashMap<(System, Name), u64>,
    begun: u64,
}

impl Uploads {
    /// Adds one; `make` gets its number, from 1. Its names must not change afterwards.
    pub(crate) fn add(&mut self, make: impl FnOnce(u64) -> Upload) -> &mut Upload {
        if self.by_number.len() >= UPLOADS_LIMIT
            && let Some((_, oldest)) = self.by_number.pop_first()
        {
            self.forget_names(&oldest);
        }
        self.begun = self.begun.saturating_add(1);
        let number = self.begun;
        let upload = make(number);
        self.numbers.extend(upload.names().map(|name| (name, number)));
        self.by_number.entry(number).or_insert(upload)
    }

    /// The upload of that name.
    pub(crate) fn find(&mut self, system: System, name: Name) -> Option<&mut Upload> {
        let number = self.numbers.get(&(system, name))?;
        self.by_number.get_mut(number)
    }

    /// The upload with that id.
    pub(crate) fn with_id(&mut self, system: System, id: &str) -> Option<&mut Upload> {
        self.find(system, Name::Id(id.to_owned()))
    }

    /// Forgets one; false when there was none.
    pub(crate) fn remove(&mut self, system: System, id: &str) -> bool {
        let number = self.numbers.get(&(system, Name::Id(id.to_owned())));
        let removed = number.copied().and_then(|number| self.by_number.remove(&number));
        if let Some(upload) = &removed {
            self.forget_names(upload);
        }
        removed.is_some()
    }

    fn forget_names(&mut self, upload: &Upload) {
        for name in upload.names() {
            self.numbers.remove(&name);
        }
    }

    /// Forgets all. Numbers go on, so that no id comes twice.
    pub(crate) fn clear(&mut self) {
        self.by_number.clear();
        self.numbers.clear();
    }

    /// Those whose bytes arrived.
    pub(crate) fn stored(&self) -> Vec<StoredObject> {
        self.by_number.values().filter_map(Upload::stored).collect()
    }

    /// All of them.
    pub(crate) fn announced(&self) -> Vec<Announced> {
        let announced = |upload: &Upload| Announced {
            system: upload.system,
            id: upload.id.clone(),
            name: upload.name.clone(),
            state: upload.state,
            has_bytes: upload.received.is_some(),
        };
        self.by_number.values().map(announced).collect()
    }
}

/// What remains of a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) size: u64,
    /// Hex.
    pub(crate) sha256: String,
    /// Hex; empty when nobody asked for it.
    pub(crate) md5: String,
    pub(crate) prefix: Vec<u8>,
    pub(crate) content: Option<Bytes>,
}

/// Takes a file's bytes one chunk after the other and keeps only what it must.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    size: u64,
    sha256: Sha256,
    md5: Option<Md5>,
    prefix: Vec<u8>,
    content: Option<Vec<u8>>,
}

impl Receiver {
    /// `keep` keeps the contents, `md5` computes what S3 calls the ETag.
    pub(crate) fn new(keep: bool, md5: bool) -> Receiver {
        Receiver {
            size: 0,
            sha256: Sha256::new(),
            md5: md5.then(Md5::new),
            prefix: Vec::new(),
            content: keep.then(Vec::new),
        }
    }

    /// The next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.size = self.size.saturating_add(bytes.len() as u64);
        self.sha256.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        let room = PREFIX.saturating_sub(self.prefix.len()).min(bytes.len());
        self.prefix.extend_from_slice(bytes.get(..room).unwrap_or_default());
        if let Some(content) = &mut self.content {
            content.extend_from_slice(bytes);
        }
    }

    /// Bytes taken up to now.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Keeps the contents no longer.
    pub(crate) fn forget_content(&mut self) {
        self.content = None;
    }

    /// All bytes were there.
    pub(crate) fn finish(self) -> Received {
        Received {
            size: self.size,
            sha256: hex(&self.sha256.finalize()),
            md5: self.md5.map(|md5| hex(&md5.finalize())).unwrap_or_default(),
            prefix: self.prefix,
            content: self.content.map(Bytes::from),
        }
    }
}

//! S3's upload in parts, as far as its SDK needs it: create, parts in any order, complete. Nothing is signed or checked.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::locked;

/// Where the SDK's objects lie.
const BUCKET: &str = "/bench/";

/// One of the three calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Begins an upload.
    Create,
    /// Carries a part of the file.
    Part { upload: u64, number: u32 },
    /// Ends the upload: the file is there.
    Complete { upload: u64 },
}

impl Call {
    /// What belongs to that request line.
    pub(super) fn by(method: &str, target: &str) -> Option<Self> {
        let (path, query) = target.split_once('?')?;
        if !path.starts_with(BUCKET) {
            return None;
        }
        let value = |name: &str| {
            let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let upload = || value("uploadId")?.parse().ok();
        match method {
            "POST" if value("uploads").is_some() => Some(Self::Create),
            "POST" => Some(Self::Complete { upload: upload()? }),
            "PUT" => Some(Self::Part { upload: upload()?, number: value("partNumber")?.parse().ok()? }),
            _ => None,
        }
    }

    /// The status line's end, with a field where the SDK wants one, and the body of the answer.
    pub(super) fn answer(self, parts: &Parts) -> (&'static str, Vec<u8>) {
        match self {
            Self::Create => ("200 OK", parts.created().into_bytes()),
            Self::Part { .. } => ("200 OK\r\nETag: \"7\"", Vec::new()),
            Self::Complete { .. } => {
                let xml = "<CompleteMultipartUploadResult><ETag>\"7\"</ETag></CompleteMultipartUploadResult>";
                ("200 OK", xml.as_bytes().to_vec())
            }
        }
    }
}

/// Uploads that were begun, and their parts while the sink keeps files.
#[derive(Debug, Default)]
pub(super) struct Parts {
    begun: AtomicU64,
    kept: Mutex<BTreeMap<(u64, u32), Vec<u8>>>,
}

impl Parts {
    fn created(&self) -> String {
        let upload = self.begun.fetch_add(1, Ordering::SeqCst);
        format!("<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>")
    }

    /// Remembers a part.
    pub(super) fn keep(&self, upload: u64, number: u32, part: Vec<u8>) {
        locked(&self.kept).insert((upload, number), part);
    }

    /// The parts of an upload in the order of their numbers, and forgets them.
    pub(super) fn join(&self, upload: u64) -> Vec<u8> {
        let mut kept = locked(&self.kept);
        let numbers: Vec<_> = kept.range((upload, 0)..=(upload, u32::MAX)).map(|(key, _)| *key).collect();
        numbers.iter().filter_map(|key| kept.remove(key)).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, Parts};

    #[test]
    fn the_calls_of_the_sdk_are_told_apart() {
        assert_eq!(Call::by("POST", "/bench/a.bin?uploads=&x-id=CreateMultipartUpload"), Some(Call::Create));
        let part = Call::Part { upload: 7, number: 2 };
        assert_eq!(Call::by("PUT", "/bench/a.bin?partNumber=2&uploadId=7&x-id=UploadPart"), Some(part));
        assert_eq!(Call::by("POST", "/bench/a.bin?uploadId=7"), Some(Call::Complete { upload: 7 }));
        for (method, target) in [
            ("PUT", "/bench/a.bin?x-id=PutObject"),
            ("PUT", "/raw/a.bin?partNumber=2&uploadId=7"),
            ("DELETE", "/bench/a.bin?uploadId=7"),
            ("POST", "/bench/a.bin"),
        ] {
            assert_eq!(Call::by(method, target), None, "{method} {target}");
        }
    }

    #[test]
    fn parts_are_joined_by_number_and_not_by_arrival() {
        let parts = Parts::default();
        parts.keep(1, 2, b"lo".to_vec());
        parts.keep(2, 1, b"other".to_vec());
        parts.keep(1, 1, b"hel".to_vec());
        assert_eq!(parts.join(1), b"hello");
        assert_eq!(parts.join(1), b"", "they are forgotten");
        assert_eq!(parts.join(2), b"other");
    }
}

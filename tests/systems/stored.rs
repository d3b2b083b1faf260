//! What arrived at the sandbox, and whether it is what was sent.

use harness::{Answer, content};
use sandbox::{ObjectState, Sandbox, StoredObject, System};

use crate::upload::{Upload, route_of};

/// Checks a receipt against the upload, and the object that it names against both.
pub(crate) fn assert_stored(sandbox: &Sandbox, upload: &Upload, answer: &Answer) -> StoredObject {
    let receipt = answer.json();
    assert_eq!(answer.status, 201, "{upload}: {receipt}");
    let sha256 = content::sha256_hex(&upload.content);
    assert_eq!(receipt["route"], route_of(upload.system), "{upload}");
    assert_eq!(receipt["status"], "stored", "{upload}");
    assert_eq!(receipt["file"]["name"], upload.name, "{upload}");
    assert_eq!(receipt["file"]["type"], upload.media_type, "{upload}");
    assert_eq!(receipt["file"]["size"], upload.content.len(), "{upload}");
    assert_eq!(receipt["file"]["digests"]["sha-256"], sha256, "{upload}");

    let id = match &receipt["result"]["id"] {
        serde_json::Value::String(id) => id.clone(),
        other => other.to_string(),
    };
    let of_this = |object: &StoredObject| object.system == upload.system && object.id == id;
    let object = sandbox.objects().into_iter().find(of_this);
    let object = object.unwrap_or_else(|| panic!("{upload}: nothing is stored as `{id}`"));
    assert_eq!(object.name, name_at(upload.system, &upload.name), "{upload}");
    assert_eq!(object.content_type.as_deref(), Some(upload.media_type.as_str()), "{upload}");
    assert_eq!(object.size, upload.content.len() as u64, "{upload}");
    assert_eq!(object.sha256, sha256, "{upload}");
    assert!(object.content.as_deref() == Some(&upload.content), "{upload}: the content differs");
    assert_eq!(object.writes, 1, "{upload}");
    assert_eq!(object.state, final_state(upload.system), "{upload}");
    object
}

/// A form cannot say a quote in a name: browsers write `%22`, and Flowkiwi keeps what was written.
fn name_at(system: System, name: &str) -> String {
    if system == System::Flowkiwi { name.replace('"', "%22") } else { name.to_owned() }
}

/// How a file stands when the route is done with it.
fn final_state(system: System) -> ObjectState {
    match system {
        System::TeamworkDesk => ObjectState::Active,
        System::AmazonConnect => ObjectState::Processing,
        _ => ObjectState::Stored,
    }
}

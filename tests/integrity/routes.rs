//! The kinds of bodies that upstreams take, each by a route: the five shipped ones, and three that send chunks.

use harness::Rules;
use sandbox::peer::ScriptedPeer;
use sandbox::{Sandbox, System};

use crate::shape::{Shape, Upload};

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) query: &'static str,
    /// The step before the transfer, if there is one.
    pub(crate) prepare: Option<&'static str>,
    /// The transfer's step.
    pub(crate) transfer: &'static str,
    /// The step after it, if there is one.
    pub(crate) finalize: Option<&'static str>,
    /// Whose stand-in is behind it; without one it is a peer that takes chunks.
    pub(crate) system: Option<System>,
    /// Whether its rule can take back what was begun.
    pub(crate) undoes: bool,
}

/// A presigned PUT of the raw file.
pub(crate) const CONNECT: Route = Route {
    name: "amazon-connect-file",
    path: "/amazon/connect/file",
    query: "?associated_resource_arn=arn%3Aaws%3Acases%3Aus-east-1%3A123456789012%3Adomain%2Fd1%2Fcase%2Fc1",
    prepare: Some("start"),
    transfer: "store",
    finalize: Some("complete"),
    system: Some(System::AmazonConnect),
    undoes: true,
};

/// A POST-policy form.
pub(crate) const KUSTOMER: Route =
    Route { prepare: Some("create"), ..shipped("kustomer-media", "/kustomer/media", "store", System::Kustomer) };

/// A POST-policy form, and a step after it.
pub(crate) const TEAMWORK: Route = Route {
    prepare: Some("ref"),
    finalize: Some("activate"),
    ..shipped("teamwork-desk-file", "/teamwork/desk/file", "store", System::TeamworkDesk)
};

/// A plain form.
pub(crate) const FLOWKIWI: Route = shipped("flowkiwi-media", "/flowkiwi/media", "store", System::Flowkiwi);

/// Base64 inside JSON.
pub(crate) const KLINKCX: Route = shipped("klinkcx-file", "/klinkcx/file", "create", System::KlinkCx);

/// The raw file in chunks, where its size is not known.
pub(crate) const CHUNKED_RAW: Route = chunked("chunked-raw", "/chunked-raw");

/// A form in chunks.
pub(crate) const CHUNKED_FORM: Route = chunked("chunked-form", "/chunked-form");

/// JSON in chunks, the file in the middle of a string.
pub(crate) const CHUNKED_JSON: Route = chunked("chunked-json", "/chunked-json");

/// The routes with stand-ins.
pub(crate) const SHIPPED: [Route; 5] = [CONNECT, KUSTOMER, TEAMWORK, FLOWKIWI, KLINKCX];

const fn shipped(name: &'static str, path: &'static str, transfer: &'static str, system: System) -> Route {
    Route { system: Some(system), transfer, ..chunked(name, path) }
}

const fn chunked(name: &'static str, path: &'static str) -> Route {
    Route { name, path, query: "", prepare: None, transfer: "store", finalize: None, system: None, undoes: false }
}

impl Route {
    /// An upload to this route.
    pub(crate) fn upload(&self, shape: Shape, name: &str, file: Vec<u8>) -> Upload {
        Upload {
            shape,
            path: self.path.to_owned(),
            query: self.query.to_owned(),
            name: name.to_owned(),
            media_type: "video/mp4".to_owned(),
            file: file.into(),
            fields: Vec::new(),
            part_fields: Vec::new(),
        }
    }
}

/// The shipped rules against a sandbox.
pub(crate) fn shipped_rules(sandbox: &Sandbox) -> Rules {
    Rules::shipped(sandbox)
}

/// The routes that send chunks, against a peer.
pub(crate) fn chunked_rules(peer: &ScriptedPeer) -> Rules {
    let bodies = [
        (CHUNKED_RAW, "body: file"),
        (CHUNKED_FORM, "form: [ { field: a, value: b }, { file: file } ]"),
        (CHUNKED_JSON, "json: { uri: 'data:video/mp4;base64,${ file.base64 }#', name: '${ file.name }' }"),
    ];
    bodies.iter().fold(Rules::default().variable("PEER_URL", &peer.origin()), |rules, (route, body)| {
        rules.route(&peer_rule(route.name, route.path, "chunked: true", body))
    })
}

/// A rule with one step, `PUT /{name of the file}`, whose answer 200 is the receipt.
pub(crate) fn peer_rule(name: &str, path: &str, target: &str, body: &str) -> String {
    format!(
        "route: {name}\npath: {path}\ndigests: [sha-256]\ntargets:\n  peer: {{ url: '${{ env.PEER_URL }}', {target} }}\n\
         steps:\n  - id: store\n    request: PUT /${{ file.name }}\n    target: peer\n    {body}\n    expect: 200\n\
         result: {{ id: '${{ file.name }}' }}\n"
    )
}

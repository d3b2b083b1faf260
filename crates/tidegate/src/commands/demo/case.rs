//! What is uploaded: every route, with the sizes that its system takes.

use std::fmt;

use sandbox::System;

use crate::client::{Form, Protocol};

const MIB: u64 = 1 << 20;

/// What every system takes; Amazon Connect has a list of extensions. Nobody looks into the file.
const DOCUMENT: &str = "application/pdf";
/// Flowkiwi takes larger files of this kind.
const VIDEO: &str = "video/mp4";

/// One upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) system: System,
    pub(super) form: Form,
    pub(super) protocol: Protocol,
    /// Bytes.
    pub(super) size: u64,
    pub(super) media_type: &'static str,
}

impl Case {
    /// An upload that no system refuses for its type.
    pub(super) fn new(system: System, form: Form, protocol: Protocol, size: u64) -> Self {
        Self { system, form, protocol, size, media_type: DOCUMENT }
    }

    /// The name of its route.
    pub(super) fn route(&self) -> &'static str {
        match self.system {
            System::Kustomer => "kustomer-media",
            System::Flowkiwi => "flowkiwi-media",
            System::KlinkCx => "klinkcx-file",
            System::TeamworkDesk => "teamwork-desk-file",
            System::AmazonConnect => "amazon-connect-file",
        }
    }

    /// The path of its route.
    pub(super) fn path(&self) -> &'static str {
        match self.system {
            System::Kustomer => "/kustomer/media",
            System::Flowkiwi => "/flowkiwi/media",
            System::KlinkCx => "/klinkcx/file",
            System::TeamworkDesk => "/teamwork/desk/file",
            System::AmazonConnect => "/amazon/connect/file",
        }
    }

    /// The parameters that its route needs.
    pub(super) fn params(&self) -> Vec<(String, String)> {
        let resource = "arn:aws:cases:us-east-1:123456789012:domain/demo/case/demo";
        match self.system {
            System::AmazonConnect => vec![("associated_resource_arn".to_owned(), resource.to_owned())],
            _ => Vec::new(),
        }
    }

    /// A name that no other upload has.
    pub(super) fn file_name(&self, number: usize) -> String {
        let extension = if self.media_type == VIDEO { "mp4" } else { "pdf" };
        format!("demo-{number}.{extension}")
    }

    /// How it is sent, in words.
    pub(super) fn request(&self) -> Request {
        Request { form: self.form, protocol: self.protocol }
    }
}

/// How a file is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    form: Form,
    protocol: Protocol,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            Form::NamedPut => "PUT",
            Form::Post => "POST",
            Form::Multipart => "form",
        };
        let protocol = match self.protocol {
            Protocol::Http1 => "",
            Protocol::Http2 => ", HTTP/2",
        };
        f.pad(&format!("{form}{protocol}"))
    }
}

/// Everything that the demo uploads, files larger than `largest` left out.
pub(super) fn every_route(largest: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for system in System::ALL {
        let of = |form, protocol, size| Case::new(system, form, protocol, size);
        cases.extend([1, 70, 5 * MIB].map(|size| of(Form::NamedPut, Protocol::Http1, size)));
        cases.push(largest_of(system));
        cases.extend([70, 5 * MIB].map(|size| of(Form::Post, Protocol::Http1, size)));
        cases.extend([70, 5 * MIB].map(|size| of(Form::Multipart, Protocol::Http1, size)));
        cases.push(of(Form::NamedPut, Protocol::Http2, 5 * MIB));
    }
    cases.retain(|case| case.size <= largest);
    cases
}

/// What the system takes, at most 256 MiB.
fn largest_of(system: System) -> Case {
    let put = |size| Case::new(system, Form::NamedPut, Protocol::Http1, size);
    match system {
        System::Kustomer | System::KlinkCx | System::TeamworkDesk => put(256 * MIB),
        System::Flowkiwi => Case { media_type: VIDEO, ..put(100 * MIB) },
        System::AmazonConnect => put(100 * MIB),
    }
}

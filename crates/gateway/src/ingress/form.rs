//! A form up to the head of its file: text fields are parameters, and where the file begins tells how long it is.

use std::error::Error as _;
use std::future::poll_fn;

use rules::config::FormRules;
use rules::failure::{Failure, Problem};
use rules::run::TransferTrouble;
use wire::form::{FilePart, FormError, FormEvent, FormLimits, FormParser, Trailing};

use super::body::BodyReader;
use super::head::AnnouncedSizes;
use super::source::ClientFile;
use crate::memory::UploadMemory;

/// A form whose file comes next.
#[derive(Debug)]
pub(crate) struct OpenedForm<'a> {
    /// The text fields, in order.
    pub(crate) fields: Vec<(String, String)>,
    /// The head of the file's part.
    pub(crate) part: FilePart,
    /// Exact size of the file, if announced or derived.
    pub(crate) size: Option<u64>,
    /// The file's bytes.
    pub(crate) file: ClientFile<'a>,
}

/// Why a form could not be opened.
#[derive(Debug)]
pub(crate) enum FormTrouble {
    /// What it says is refused.
    Refused(Failure),
    /// It could not be read.
    Unreadable(TransferTrouble),
}

/// A parser for the form that a `Content-Type` announces.
///
/// # Errors
/// `malformed-form` for a boundary that is missing, doubled or malformed.
pub(crate) fn parser(content_type: &str, rules: &FormRules) -> Result<FormParser, Failure> {
    let limits = FormLimits {
        fields: rules.fields,
        field_value: rules.field_size,
        total_field_bytes: rules.fields_size,
        ..FormLimits::default()
    };
    FormParser::new(content_type, limits).map_err(|error| malformed(&error))
}

/// Reads the fields and the head of the file's part.
///
/// # Errors
/// Anything that breaks the form's rules or the reading.
pub(crate) async fn open<'a>(
    mut parser: FormParser,
    body: &'a mut BodyReader,
    sizes: AnnouncedSizes,
    memory: &UploadMemory,
) -> Result<OpenedForm<'a>, FormTrouble> {
    let mut fields = Vec::new();
    let mut paid = 0_usize;
    let part = loop {
        let event = parser.next_event().map_err(|error| FormTrouble::Refused(malformed(&error)))?;
        // Paid for while it is collected, and not only once it is complete.
        if !memory.grow(parser.field_bytes().saturating_sub(paid)) {
            let detail = "no memory is left for the fields of this form";
            return Err(FormTrouble::Refused(Failure::new(Problem::Overloaded, detail)));
        }
        paid = parser.field_bytes();
        match event {
            Some(FormEvent::Field { name, value, .. }) => fields.push((name, value)),
            Some(FormEvent::FileStart(part)) => break part,
            Some(FormEvent::End) => return Err(FormTrouble::Refused(no_file())),
            Some(_) => {}
            None => feed(&mut parser, body).await?,
        }
    };
    let size = file_size(&mut parser, sizes).map_err(FormTrouble::Refused)?;
    Ok(OpenedForm { fields, part, size, file: ClientFile::form(body, parser, size) })
}

async fn feed(parser: &mut FormParser, body: &mut BodyReader) -> Result<(), FormTrouble> {
    match poll_fn(|cx| body.poll_data(cx)).await.map_err(FormTrouble::Unreadable)? {
        Some(chunk) => {
            parser.push(chunk);
            Ok(())
        }
        None => match parser.finish() {
            Ok(()) => Err(FormTrouble::Refused(no_file())),
            Err(error) => Err(FormTrouble::Refused(malformed(&error))),
        },
    }
}

/// The file's size: `Upload-Length` if given, else what `Content-Length` leaves between here and the closing delimiter.
fn file_size(parser: &mut FormParser, sizes: AnnouncedSizes) -> Result<Option<u64>, Failure> {
    let framing = parser.offset().saturating_add(parser.closing_len());
    match (sizes.upload_length, sizes.content_length) {
        (Some(told), body) => {
            let whole = told.saturating_add(framing);
            // Some clients leave out the line break after the closing delimiter.
            if let Some(body) = body.filter(|body| *body != whole && body.saturating_add(CRLF) != whole) {
                let detail = format!(
                    "a file of {told} bytes (Upload-Length) does not fit a form of {body} bytes (Content-Length)"
                );
                return Err(Failure::new(Problem::LengthMismatch, detail));
            }
            parser.expect_file_len(told, Trailing::Either);
            Ok(Some(told))
        }
        (None, Some(body)) => {
            let too_short = "the request is too short to hold the form's closing delimiter";
            let derived = body.checked_sub(framing).ok_or_else(|| Failure::new(Problem::MalformedForm, too_short))?;
            parser.expect_file_len(derived, Trailing::Exact);
            Ok(Some(derived))
        }
        (None, None) => Ok(None),
    }
}

/// Length of a line break.
const CRLF: u64 = 2;

fn malformed(error: &FormError) -> Failure {
    let problem = match error {
        FormError::FileNameNotUtf8 => Problem::NameRefused,
        FormError::Digest(_) => Problem::MalformedRequest,
        _ => Problem::MalformedForm,
    };
    Failure::new(problem, in_full(error))
}

/// What is wrong with a form, and the cause where there is one: its client has no other way to learn it.
pub(super) fn in_full(error: &FormError) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn no_file() -> Failure {
    Failure::new(Problem::MalformedForm, "the form has no file part: one part needs a `filename`")
}

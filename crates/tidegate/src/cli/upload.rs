//! The flags of `tidegate upload`.

use clap::Args;

use super::values::{Pair, Size};

const UPLOAD_HELP: &str = "\
Each file is sent by PUT to URL/NAME, with its size, its type and its SHA-256, and streamed: memory does not grow
with it. The gateway commits nothing if what arrives has another size or digest. The receipt is printed, or the
problem that the gateway tells.

Examples:
  tidegate upload http://127.0.0.1:8080/kustomer/media photo.jpg
  tidegate upload http://127.0.0.1:8080/klinkcx/file report.pdf --param title='Report of May'
  head -c 1M /dev/urandom | tidegate upload http://127.0.0.1:8080/teamwork/desk/file - --name noise.dat --size 1MiB

Certificates are checked against the system's; SSL_CERT_FILE names others.

Exit codes:
  0  every file was stored, or is being processed by the upstream
  1  a file was not
  2  wrong usage";

/// Send files: the reference client.
#[derive(Debug, Args)]
#[command(after_help = UPLOAD_HELP)]
pub(crate) struct Upload {
    /// Where the route is, such as http://127.0.0.1:8080/kustomer/media.
    #[arg(value_name = "URL")]
    pub(crate) url: http::Uri,
    /// Files; `-` is standard input, and wants `--name`.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<String>,
    /// A parameter that the route declares; may be given several times.
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub(crate) param: Vec<Pair>,
    /// Send a multipart form instead of a PUT; parameters become its text fields.
    #[arg(long)]
    pub(crate) form: bool,
    /// The file's name upstream, in the place of its own.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The media type, in the place of the one that belongs to the name's extension.
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    pub(crate) media_type: Option<String>,
    /// The exact size of standard input, for routes that need it.
    #[arg(long, value_name = "SIZE")]
    pub(crate) size: Option<Size>,
    /// Send no SHA-256, and spare the pass over the file that computes it.
    #[arg(long)]
    pub(crate) no_digest: bool,
    /// A header field to add, such as `Idempotency-Key: 7f0c`; may be given several times.
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,
    /// Speak HTTP/2, in cleartext with prior knowledge.
    #[arg(long)]
    pub(crate) http2: bool,
    /// Print one JSON object a line for each file: `file`, `status`, and `receipt`, `problem` or `error`.
    #[arg(long)]
    pub(crate) json: bool,
}

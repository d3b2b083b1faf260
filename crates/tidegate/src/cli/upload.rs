//! The flags of `tidegate upload`.

use clap::Args;

use super::values::{Pair, Size};

const UPLOAD_HELP: &str = "\
Each file is sent by PUT to URL/NAME, with its size, its type and its SHA-256, and streamed: memory does not grow
with it. The gateway commits nothing if what arrives has another size or digest. The receipt is printed, or the
problem that the gateway tells, in the order of the files.

A file is sent again, under the same Idempotency-Key, when nothing listened, or when the gateway said that the same
request may succeed later and that nothing was stored. If the connection is lost before the answer, the file may have
been stored, so it is not sent again. Standard input can be read once only: it waits for a listener, no more.

Examples:
  tidegate upload http://127.0.0.1:8080/kustomer/media photo.jpg
  tidegate upload http://127.0.0.1:8080/klinkcx/file report.pdf --param title='Report of May'
  tidegate upload http://127.0.0.1:8080/kustomer/media --recursive photos --parallel 8 --table
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
    /// Files, and with `--recursive` folders; `-` is standard input, and wants `--name`.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<String>,
    /// Send what is in folders and in the folders below. Symbolic links to folders are not followed; a name that two files
    /// share is an error, as some upstreams would keep one of them.
    #[arg(long, short)]
    pub(crate) recursive: bool,
    /// How many files are sent at once.
    #[arg(long, short = 'j', value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) parallel: u8,
    /// How often a file is sent again where that is safe, after half a second, a second, two and so on, or when the gateway
    /// says so.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u8).range(..=10))]
    pub(crate) retries: u8,
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
    /// Print one JSON object a line for each file: `file`, `attempts`, `status`, and `receipt`, `problem` or `error`.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print one table when all is done, a line for each file.
    #[arg(long, conflicts_with = "json")]
    pub(crate) table: bool,
}

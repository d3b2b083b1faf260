//! The main file → listeners, limits, time limits.

use ipnet::IpNet;

use super::destinations::warn_of_wide_networks;
use super::fields::Fields;
use super::variables::Variables;
use super::{access, beside, fair_use};
use crate::config::{ClientCa, Clients, Limits, Listener, ListenerTls, Log, LogFormat, Provider, Timeouts};
use crate::diagnostics::{Problems, did_you_mean};
use crate::schema::MAIN;
use crate::schema::table::fair_use::FAIR_USE;
use crate::schema::table::main::{ADMIN, EGRESS, LIMITS, LISTENER, LISTENER_TLS, LOG, TIMEOUTS};
use crate::schema::values::{address, boolean, integer, networks, parse_duration, parse_rate, parse_size};
use crate::source::{Node, Span};

/// Body buffers below this could not carry one upload through its stages.
const MIN_MEMORY: u64 = 1 << 20;

/// Bounds of a request head's size.
const HEAD_SIZES: std::ops::RangeInclusive<u64> = (1 << 10)..=(1 << 20);

/// Words for the log level; other texts are filters.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

const LEVEL_HINT: &str = "write `error`, `warn`, `info`, `debug` or `trace`, or a filter such as `info,gateway=debug`";

/// What the main file says beside its routes.
pub(super) struct MainFile {
    pub(super) listeners: Vec<Listener>,
    pub(super) admin: std::net::SocketAddr,
    pub(super) limits: Limits,
    pub(super) fair_use: fair_use::Said,
    pub(super) clients: Clients,
    pub(super) timeouts: Timeouts,
    pub(super) allow_private: Vec<IpNet>,
    pub(super) log: Log,
    pub(super) access: Vec<std::sync::Arc<Provider>>,
}

/// Globs of route files with their places.
pub(super) fn route_globs(root: &Node) -> Vec<(String, Span)> {
    let globs = root.get("routes").map(Node::one_or_more).unwrap_or_default();
    globs.iter().filter_map(|glob| glob.text().map(|text| (text.to_owned(), glob.span))).collect()
}

/// Reads the main file; `None` after problems.
pub(super) fn read(root: &Node, variables: &Variables<'_>, problems: &mut Problems) -> Option<MainFile> {
    let file = Fields::new(Some(root), &MAIN);
    let listeners = listeners(file.get("listeners"), problems);
    let limits = limits(file.object("limits", &LIMITS), problems);
    let fair_use = fair_use::read(file.get("fair-use"), &FAIR_USE, problems);
    let clients = fair_use::clients(file.get("fair-use"));
    let log = log(file.object("log", &LOG), problems);
    let admin = file.object("admin", &ADMIN).read("address", address)?;
    if let (false, Some(node)) = (admin.ip().to_canonical().is_loopback(), root.get("admin")) {
        problems
            .warning(node.span, "the admin side can be reached from other machines, and asks nobody who they are")
            .hint("write `127.0.0.1:9464`, or let a firewall or a network policy admit the monitoring only");
    }
    check_addresses(root, problems);
    warn_of_wide_networks(file.object("egress", &EGRESS).get("allow-private"), problems);
    let allow_private = allow_private(file.object("egress", &EGRESS).get("allow-private"));
    let access = access::read(file.get("access"), &allow_private, variables, problems);
    Some(MainFile {
        listeners: listeners?,
        admin,
        limits: limits?,
        fair_use: fair_use?,
        clients: clients?,
        timeouts: timeouts(file.object("timeouts", &TIMEOUTS))?,
        allow_private,
        log: log?,
        access,
    })
}

/// Networks of a key that takes one text or a list.
pub(super) fn allow_private(node: Option<&Node>) -> Vec<IpNet> {
    let texts = node.map(Node::one_or_more).unwrap_or_default().iter().filter_map(Node::text);
    texts.filter_map(|text| networks(text).ok()).flatten().collect()
}

fn listeners(node: Option<&Node>, problems: &mut Problems) -> Option<Vec<Listener>> {
    let Some(node) = node else {
        return listener(Fields::new(None, &LISTENER), problems).map(|only| vec![only]);
    };
    if node.items().is_empty() && matches!(node.value, crate::source::Value::List(_)) {
        problems
            .error(node.span, "there is no listener")
            .hint("add `- address: 127.0.0.1:8080`, or remove the key for just that");
        return None;
    }
    node.items().iter().map(|item| listener(Fields::new(Some(item), &LISTENER), problems)).collect()
}

fn listener(fields: Fields<'_>, problems: &mut Problems) -> Option<Listener> {
    let http2 = fields.read("http2", boolean)?;
    let tls = match fields.get("tls") {
        Some(tls) => {
            let certificate = Fields::new(Some(tls), &LISTENER_TLS);
            if let (Some(node), None) = (tls.entry("client-certificate"), tls.get("client-ca")) {
                problems
                    .error(node.key_span, "no authority is named whose certificates clients may show")
                    .hint("add `client-ca: { file: … }`, or remove this");
            }
            let path = |key: &str| Some(beside(problems.file(), tls.get(key)?.get("file")?.text()?));
            let required = certificate.text("client-certificate")? == "required";
            let client_ca = path("client-ca").map(|file| ClientCa { file, required });
            Some(ListenerTls { cert: path("cert")?, key: path("key")?, client_ca })
        }
        None => None,
    };
    if let (true, Some(_), Some(key)) = (http2, &tls, fields.get("http2")) {
        problems
            .warning(key.span, "`http2` is about connections without TLS")
            .hint("remove it: with `tls`, clients choose HTTP/2 by ALPN");
    }
    Some(Listener { address: fields.read("address", address)?, tls, http2 })
}

/// Two listeners at one address cannot both be opened.
fn check_addresses(root: &Node, problems: &mut Problems) {
    let mut seen: Vec<(std::net::SocketAddr, Span)> = Vec::new();
    let listeners = root.get("listeners").map(Node::items).unwrap_or_default();
    let admin = root.get("admin");
    for node in listeners.iter().chain(admin).filter_map(|holder| holder.get("address")) {
        let Some(parsed) = node.text().and_then(|text| address(text).ok()) else { continue };
        match seen.iter().find(|(other, _)| *other == parsed && parsed.port() != 0) {
            Some((_, first)) => {
                problems
                    .error(node.span, "this address is used twice")
                    .related(*first, "first used here")
                    .hint("give each listener its own port");
            }
            None => seen.push((parsed, node.span)),
        }
    }
}

fn limits(fields: Fields<'_>, problems: &mut Problems) -> Option<Limits> {
    let memory = fields.read("memory", parse_size)?;
    let head_size = fields.read("head-size", parse_size)?;
    let count = |key: &str| {
        fields.read(key, |text| integer(text, 1, 1_000_000)).and_then(|number| usize::try_from(number).ok())
    };
    if let (true, Some(node)) = (memory < MIN_MEMORY, fields.get("memory")) {
        problems
            .error(node.span, "this is too little memory to carry an upload")
            .hint("give the buffers at least `1MiB`; the default is `256MiB`");
    }
    if let (false, Some(node)) = (HEAD_SIZES.contains(&head_size), fields.get("head-size")) {
        problems
            .error(node.span, "`head-size` is out of range")
            .hint("write a size from `1KiB` to `1MiB`; the default is `32KiB`");
    }
    let mut part_of_head = |key: &str| {
        let size = fields.read(key, parse_size)?;
        let (Some(node), false) = (fields.get(key), (1..=head_size).contains(&size)) else { return Some(size) };
        problems
            .error(node.span, format!("`{key}` is out of range"))
            .hint("write a size from `1B` to that of `head-size`: it is a part of the head");
        None
    };
    // The defaults may lie above a small `head-size`, which then decides.
    let (head_line, target_size) = (part_of_head("head-line"), part_of_head("target-size"));
    let (head_line, target_size) = (head_line?.min(head_size), target_size?.min(head_size));
    Some(Limits {
        memory,
        connections: count("connections")?,
        connections_per_client: fields
            .read_optional("connections-per-client", |text| integer(text, 1, 1_000_000))?
            .and_then(|number| usize::try_from(number).ok()),
        uploads: count("uploads")?,
        head_size: usize::try_from(head_size).ok()?,
        head_fields: count("head-fields")?,
        head_line: usize::try_from(head_line).ok()?,
        target_size: usize::try_from(target_size).ok()?,
        streams: u32::try_from(count("streams")?).ok()?,
        resets: count("resets")?,
    })
}

fn timeouts(fields: Fields<'_>) -> Option<Timeouts> {
    let time = |key: &str| fields.read(key, parse_duration);
    Some(Timeouts {
        head: time("head")?,
        idle: time("idle")?,
        min_rate: fields.read("min-rate", parse_rate)?,
        min_rate_grace: time("min-rate-grace")?,
        keep_alive: time("keep-alive")?,
        connect: time("connect")?,
        answer: time("answer")?,
        drain: time("drain")?,
    })
}

fn log(fields: Fields<'_>, problems: &mut Problems) -> Option<Log> {
    let level = fields.text("level")?;
    let is_filter = level.contains(['=', ',']);
    if let (Some(node), false) = (fields.get("level"), LEVELS.contains(&level.as_str()) || is_filter) {
        let hint = did_you_mean(&level, LEVELS).unwrap_or_else(|| LEVEL_HINT.to_owned());
        problems.error(node.span, "there is no such log level").hint(hint);
    }
    let format = match fields.text("format")?.as_str() {
        "pretty" => LogFormat::Pretty,
        "json" => LogFormat::Json,
        _ => LogFormat::Auto,
    };
    Some(Log { format, level })
}

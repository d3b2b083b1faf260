//! `access` of the main file: the providers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::fields::Fields;
use super::key_file;
use super::main_file::allow_private;
use super::variables::Variables;
use super::{beside, secret_at};
use crate::config::{
    ApiKeys, CertificateName, ErrorRules, JwksSource, Jwt, JwtAlgorithm, MIN_TICKET_SECRET, Provider, ProviderKind,
    SecretRef, Target, TicketKey, Tickets, weakness_of_ticket_secret,
};
use crate::diagnostics::{Problems, did_you_mean, listing};
use crate::egress;
use crate::schema::table::access::{API_KEYS, JWKS, JWT, MTLS, TICKETS};
use crate::schema::values::{integer, parse_duration};
use crate::source::{Entry, Node, Span, Style, Value};
use crate::url::{Origin, Scheme, Url};

/// What routes may name, and what is known of the listeners.
#[derive(Debug, Default)]
pub(super) struct Ways {
    /// Every name that stands in the file, be it that of a provider with a fault of its own.
    pub(super) declared: Vec<String>,
    /// The providers that can be used.
    pub(super) usable: Vec<Arc<Provider>>,
    /// Where there is no main file: what every name stands for.
    pub(super) stand_in: Option<Arc<Provider>>,
    /// Whether a listener asks for certificates.
    pub(super) asks_for_certificates: bool,
    /// The first address that strangers can reach.
    pub(super) open_address: Option<std::net::SocketAddr>,
    /// Private networks that `egress.allow-private` permits; none: the main file is not sound, so nobody knows.
    pub(super) permitted: Option<Vec<IpNet>>,
}

/// The word that no provider can be called.
pub(super) const PUBLIC: &str = "public";

/// More would accept tokens long after their end.
const MAX_LEEWAY: Duration = Duration::from_secs(5 * 60);

/// A ticket is a bearer right in a URL; one that lives for days should have been a key.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Reads the providers; one that cannot be used is left out after it was reported.
pub(super) fn read(
    node: Option<&Node>,
    egress: &[IpNet],
    variables: &Variables<'_>,
    problems: &mut Problems,
) -> Vec<Arc<Provider>> {
    let entries = node.map(Node::entries).unwrap_or_default();
    let mut check = AccessCheck { entries, egress, variables, problems };
    entries.iter().filter_map(|entry| check.provider(entry)).map(Arc::new).collect()
}

struct AccessCheck<'c> {
    entries: &'c [Entry],
    egress: &'c [IpNet],
    variables: &'c Variables<'c>,
    problems: &'c mut Problems,
}

impl AccessCheck<'_> {
    fn provider(&mut self, entry: &Entry) -> Option<Provider> {
        if let Err(complaint) = crate::schema::Leaf::Name.verify(&entry.key) {
            self.problems.error(entry.key_span, complaint.message).maybe_hint(complaint.hint);
        } else if entry.key == PUBLIC {
            let problem = self.problems.error(entry.key_span, "no provider can be called `public`");
            problem.hint("routes write `access: public` for anybody; choose another name");
        }
        let (kind, node) = entry.value.entries().first().map(|kind| (kind.key.as_str(), &kind.value))?;
        let kind = match kind {
            "api-keys" => ProviderKind::ApiKeys(self.api_keys(node)?),
            "jwt" => ProviderKind::Jwt(self.jwt(node)?),
            "mtls" => ProviderKind::Mtls(self.mtls(node)?),
            "tickets" => ProviderKind::Tickets(self.tickets(&entry.key, node)?),
            _ => return None,
        };
        Some(Provider { name: entry.key.as_str().into(), kind })
    }

    fn api_keys(&mut self, node: &Node) -> Option<ApiKeys> {
        let fields = Fields::new(Some(node), &API_KEYS);
        let keys = key_file::read_keys(fields.get("keys").map(Node::items).unwrap_or_default(), self.problems);
        if let Some(none) =
            fields.get("keys").filter(|keys| matches!(&keys.value, Value::List(items) if items.is_empty()))
        {
            self.problems
                .error(none.span, "there is no key in this list")
                .hint("add one, as `tidegate keys new` prints it, or remove `keys`");
        } else if fields.get("file").is_none() && fields.get("keys").is_none() {
            self.problems
                .error(node.span, "there is no key")
                .hint("name a `file`, or list `keys`; `tidegate keys new` makes one");
        }
        let file = fields.get("file").map(|file| file.text().map(|path| beside(self.problems.file(), path)));
        Some(ApiKeys { file: file.map_or(Some(None), |file| file.map(Some))?, keys: keys? })
    }

    fn mtls(&mut self, node: &Node) -> Option<CertificateName> {
        Some(match Fields::new(Some(node), &MTLS).text("subject")?.as_str() {
            "dns" => CertificateName::Dns,
            "uri" => CertificateName::Uri,
            "email" => CertificateName::Email,
            _ => CertificateName::CommonName,
        })
    }

    fn jwt(&mut self, node: &Node) -> Option<Jwt> {
        let fields = Fields::new(Some(node), &JWT);
        let algorithms = self.algorithms(fields.get("algorithms"));
        let jwks = fields.object("jwks", &JWKS);
        let keys = fields.get("jwks").and_then(|node| self.jwks(node, jwks));
        let leeway = fields.read("leeway", parse_duration)?;
        if let (true, Some(node)) = (leeway > MAX_LEEWAY, fields.get("leeway")) {
            self.problems
                .error(node.span, "this leeway is too long")
                .hint("write at most `5m`: for this long a token counts after its end");
        }
        for key in ["issuer", "audience"] {
            let nodes = fields.get(key).map(Node::one_or_more).unwrap_or_default();
            if let Some(empty) = nodes.iter().find(|node| node.text().is_some_and(|text| text.trim().is_empty())) {
                self.problems.error(empty.span, format!("`{key}` is empty")).hint(
                    "write what the issuer puts into its tokens: without it any token of that issuer would count",
                );
            }
        }
        Some(Jwt {
            issuer: fields.text("issuer")?,
            audience: Some(fields.texts("audience")).filter(|names| !names.is_empty())?,
            keys: keys?,
            algorithms: algorithms?,
            leeway,
            subject: fields.text("subject")?,
            max_age: jwks.read("max-age", parse_duration)?,
            keep: jwks.read("keep", parse_duration)?,
        })
    }

    fn algorithms(&mut self, node: Option<&Node>) -> Option<Vec<JwtAlgorithm>> {
        let mut algorithms = Vec::new();
        let mut usable = true;
        for item in node.map(Node::one_or_more).unwrap_or_default() {
            let name = item.text()?;
            let Some(algorithm) = JwtAlgorithm::from_name(name) else {
                usable = false;
                self.unknown_algorithm(item.span, name);
                continue;
            };
            algorithms.push(algorithm);
        }
        if let (Some(node), true, true) = (node, usable, algorithms.is_empty()) {
            self.problems
                .error(node.span, "no algorithm is named")
                .hint("write those of the issuer, such as `[ES256]`");
        }
        (usable && !algorithms.is_empty()).then_some(algorithms)
    }

    fn unknown_algorithm(&mut self, span: Span, name: &str) {
        let names = || JwtAlgorithm::ALL.iter().map(|(_, name)| *name);
        if name.eq_ignore_ascii_case("none") {
            self.problems
                .error(span, "`none` would accept tokens that nobody signed")
                .hint("name the algorithms of the issuer, such as `[ES256]`");
        } else if name.len() == 5 && name.get(..2).is_some_and(|family| family.eq_ignore_ascii_case("HS")) {
            self.problems.error(span, "an HMAC is no algorithm for keys that are public").hint(
                "who can check such a token can make one, and a published key would be its secret; let the issuer sign with \
                 `ES256`, `EdDSA` or `RS256`",
            );
        } else {
            let hint = did_you_mean(name, names()).unwrap_or_else(|| format!("write some of {}", listing(names())));
            self.problems.error(span, "there is no such signature algorithm").hint(hint);
        }
    }

    fn jwks(&mut self, node: &Node, fields: Fields<'_>) -> Option<JwksSource> {
        if let Some(file) = fields.get("file") {
            return Some(JwksSource::File(beside(self.problems.file(), file.text()?)));
        }
        let Some(written) = fields.get("url") else {
            self.problems
                .error(node.span, "these keys have no place")
                .hint("give the set's `url`, which the issuer's discovery document calls `jwks_uri`, or a `file`");
            return None;
        };
        let url = self.jwks_url(written, fields.get("allow-private"))?;
        let ca_file = fields.get("tls").and_then(|tls| tls.get("ca")?.get("file")?.text());
        let target = Target {
            name: "jwks".into(),
            origin: Some(url.origin.clone()),
            allow: Vec::new(),
            auth: None,
            headers: Vec::new(),
            errors: ErrorRules::default(),
            timeout: None,
            connect_timeout: None,
            ca_file: ca_file.map(|path| beside(self.problems.file(), path)),
            allow_private: allow_private(fields.get("allow-private")),
            chunked: false,
        };
        Some(JwksSource::Url { url, target: Arc::new(target) })
    }

    fn jwks_url(&mut self, node: &Node, private: Option<&Node>) -> Option<Url> {
        let Ok(url) = Url::parse(node.text()?.trim()) else {
            let computed = node.as_scalar().is_some_and(|scalar| scalar.style == Style::Computed);
            let hint = if computed { "look at the variable's value: " } else { "" };
            self.problems
                .error(node.span, "this is no URL")
                .hint(format!("{hint}write all of it, such as `https://id.example.com/jwks.json`"));
            return None;
        };
        if url.origin.scheme == Scheme::Http && !self.is_private(&url.origin.host, private) {
            self.problems.error(node.span, "these keys would come over a line that anybody can change").hint(
                "write `https://…`; plain `http` is possible for an address in a network that `allow-private` permits, such as \
                 `127.0.0.1`",
            );
            return None;
        }
        Some(url)
    }

    /// Whether a host is an address that is not public, in a network that was permitted.
    fn is_private(&self, host: &str, private: Option<&Node>) -> bool {
        let loopback = host.eq_ignore_ascii_case("localhost").then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let Some(address) = loopback.or_else(|| host.parse().ok()) else { return false };
        let allowed: Vec<IpNet> = self.egress.iter().copied().chain(allow_private(private)).collect();
        egress::permit(address, &[]).is_err() && egress::permit(address, &allowed).is_ok()
    }

    fn tickets(&mut self, own_name: &str, node: &Node) -> Option<Tickets> {
        let fields = Fields::new(Some(node), &TICKETS);
        let keys = self.ticket_keys(fields.get("keys"));
        let mint = self.minters(own_name, fields.get("mint"));
        let max_lifetime = fields.read("max-lifetime", parse_duration)?;
        if let (true, Some(node)) = (max_lifetime > MAX_LIFETIME, fields.get("max-lifetime")) {
            self.problems.error(node.span, "tickets would live for too long").hint(
                "write at most `24h`: a ticket is a right in a URL, and URLs get about; who needs longer needs a key",
            );
        }
        let origin = match fields.get("origin") {
            None => None,
            Some(node) => match Origin::parse(node.text()?.trim()) {
                Ok(origin) => Some(origin),
                Err(_) => {
                    let hint = "write scheme, host and perhaps a port, such as `https://uploads.example.com`";
                    self.problems.error(node.span, "this is no origin").hint(hint);
                    return None;
                }
            },
        };
        let max_uses = fields.read("max-uses", |text| integer(text, 1, 10_000))?;
        Some(Tickets { keys: keys?, mint: mint?, max_lifetime, max_uses: u32::try_from(max_uses).ok()?, origin })
    }

    fn ticket_keys(&mut self, node: Option<&Node>) -> Option<Vec<TicketKey>> {
        let node = node?;
        if node.items().is_empty() {
            self.problems
                .error(node.span, "no key signs these tickets")
                .hint("add one: `keys: [ { id: k1, secret: { env: TIDEGATE_TICKET_KEY } } ]`");
            return None;
        }
        let mut keys: Vec<TicketKey> = Vec::new();
        for item in node.items() {
            let id = item.get("id")?;
            let secret = secret_at(item.get("secret")?, false, self.variables, self.problems)?;
            if keys.iter().any(|key| Some(&*key.id) == id.text()) {
                self.problems
                    .error(id.span, "two keys have this id")
                    .hint("give each its own: tickets name their key by it");
            }
            self.check_secret(item.get("secret")?, &secret);
            keys.push(TicketKey { id: id.text()?.into(), secret });
        }
        Some(keys)
    }

    /// One in a file is looked at with the other files, and again when it is used.
    fn check_secret(&mut self, node: &Node, secret: &SecretRef) {
        let SecretRef::Env(name) = secret else { return };
        if let Some(weakness) = self.variables.environment.get(name).and_then(weakness_of_ticket_secret) {
            self.problems.error(node.span, format!("the secret in `{name}` {weakness}")).hint(ticket_secret_hint());
        }
    }

    fn minters(&mut self, own_name: &str, node: Option<&Node>) -> Option<Vec<Arc<str>>> {
        let node = node?;
        let mut names = Vec::new();
        for item in node.one_or_more() {
            let name = item.text()?;
            match self.entries.iter().find(|entry| entry.key == name) {
                None => unknown_provider(self.problems, item.span, name, self.entries.iter().map(|entry| &*entry.key)),
                Some(entry) if name == own_name || entry.value.get("tickets").is_some() => {
                    self.problems
                        .error(item.span, "a ticket cannot mint tickets")
                        .related(entry.key_span, "these are tickets")
                        .hint("name providers of keys, tokens or certificates");
                }
                Some(_) => names.push(name.into()),
            }
        }
        if node.one_or_more().is_empty() {
            self.problems.error(node.span, "nobody may mint these tickets").hint("name at least one provider");
        }
        Some(names)
    }
}

/// What to do about a weak one.
pub(super) fn ticket_secret_hint() -> String {
    format!("give it {MIN_TICKET_SECRET} random ones at least, such as `openssl rand -base64 48` makes")
}

/// Reports a name that no provider has.
pub(super) fn unknown_provider<'n>(
    problems: &mut Problems,
    span: Span,
    name: &str,
    known: impl Iterator<Item = &'n str> + Clone,
) {
    let hint = did_you_mean(name, known.clone()).unwrap_or_else(|| {
        let in_main_file = "to `access` of the main file";
        match known.clone().count() {
            0 => format!("there are none yet; add it {in_main_file}"),
            1 => format!("there is only {}; add it {in_main_file}", listing(known)),
            _ => format!("there are {}; add it {in_main_file}", listing(known)).replace(" or ", " and "),
        }
    });
    problems.error(span, format!("there is no provider `{name}`")).hint(hint);
}

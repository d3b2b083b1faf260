//! `limits` of a route and `fair-use` of the main file.

use super::fields::Fields;
use crate::config::{Allowance, Clients, FairUse, ForwardedField, Proxies, Quota, RequestRate};
use crate::diagnostics::Problems;
use crate::schema::Object;
use crate::schema::table::fair_use::{ALLOWANCE, FAIR_USE, PROXIES, QUOTA};
use crate::schema::values::{integer, networks, parse_duration, parse_frequency, parse_rate, parse_size};
use crate::source::Node;

/// Bytes per second below which no upload would get anywhere.
const SLOWEST: u64 = 1024;
/// Each client's place has room for the windows of its quotas, so there are few.
const MOST_QUOTAS: usize = 4;

/// What an object says of `route` and `client`; each is none where it says nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    route: Option<Allowance>,
    client: Option<Allowance>,
}

impl Said {
    /// What holds for a route that says this, where the main file says `defaults`.
    pub(super) fn or(self, defaults: &Self) -> FairUse {
        let either =
            |own: Option<Allowance>, default: &Option<Allowance>| own.or_else(|| default.clone()).unwrap_or_default();
        FairUse { route: either(self.route, &defaults.route), client: either(self.client, &defaults.client) }
    }
}

/// Reads what `fair-use` says of clients for all routes; `None` after problems.
pub(super) fn clients(node: Option<&Node>) -> Option<Clients> {
    let fields = Fields::new(node, &FAIR_USE);
    let remembered = fields.read("clients", |text| integer(text, 64, 1_000_000))?;
    let proxies = match fields.get("proxies") {
        Some(node) => {
            let fields = Fields::new(Some(node), &PROXIES);
            let field = match fields.text("field")?.as_str() {
                "forwarded" => ForwardedField::Forwarded,
                _ => ForwardedField::XForwardedFor,
            };
            let parsed =
                fields.texts("networks").into_iter().map(|text| networks(&text).ok()).collect::<Option<Vec<_>>>();
            Some(Proxies { networks: parsed?.concat(), field })
        }
        None => None,
    };
    Some(Clients { remembered: usize::try_from(remembered).ok()?, proxies })
}

/// Reads `limits` or `fair-use`; `None` after problems.
pub(super) fn read(node: Option<&Node>, object: &'static Object, problems: &mut Problems) -> Option<Said> {
    let fields = Fields::new(node, object);
    let mut said = |key: &str| match fields.get(key) {
        Some(node) => allowance(Fields::new(Some(node), &ALLOWANCE), problems).map(Some),
        None => Some(None),
    };
    let (route, client) = (said("route"), said("client"));
    let said = Said { route: route?, client: client? };
    check_shares(&said, &fields, problems);
    Some(said)
}

fn allowance(fields: Fields<'_>, problems: &mut Problems) -> Option<Allowance> {
    let count = |key: &str| {
        let read = fields.read_optional(key, |text| integer(text, 1, 1_000_000))?;
        read.map_or(Some(None), |number| u32::try_from(number).ok().map(Some))
    };
    let requests = requests(&fields, count("burst")?, problems);
    let bytes_per_second = fields.read_optional("bytes", parse_rate);
    if let (Some(Some(..SLOWEST)), Some(node)) = (bytes_per_second, fields.get("bytes")) {
        problems
            .error(node.span, "no upload would get anywhere at this rate")
            .hint("write at least `1KiB/s`, or remove the limit");
    }
    let quotas = quotas(fields.get("quota"), problems);
    Some(Allowance {
        uploads: count("uploads")?,
        requests: requests?,
        bytes_per_second: bytes_per_second?,
        quotas: quotas?,
    })
}

fn requests(fields: &Fields<'_>, burst: Option<u32>, problems: &mut Problems) -> Option<Option<RequestRate>> {
    let rate = fields.read_optional("requests", parse_frequency)?;
    if let (None, Some(node)) = (rate, fields.get("burst")) {
        problems
            .error(node.span, "`burst` says nothing without `requests`")
            .hint("add how often requests may come, such as `requests: 10/s`");
    }
    Some(rate.map(|(count, per)| RequestRate { count, per, burst: burst.unwrap_or(count) }))
}

fn quotas(node: Option<&Node>, problems: &mut Problems) -> Option<Vec<Quota>> {
    let items = node.map(Node::items).unwrap_or_default();
    if let Some(extra) = items.get(MOST_QUOTAS) {
        problems
            .error(extra.span, format!("there are more than {MOST_QUOTAS} quotas"))
            .hint("one for an hour and one for a day say nearly all that can be said");
    }
    let quotas: Vec<_> = items.iter().map(|item| quota(item, problems)).collect();
    quotas.into_iter().collect()
}

fn quota(node: &Node, problems: &mut Problems) -> Option<Quota> {
    let fields = Fields::new(Some(node), &QUOTA);
    let requests = fields.read_optional("requests", |text| integer(text, 1, 1_000_000_000_000))?;
    let bytes = fields.read_optional("bytes", parse_size)?;
    let per = fields.read("per", parse_duration)?;
    if requests.is_none() && bytes.is_none() {
        problems
            .error(node.span, "this quota limits nothing")
            .hint("add `requests` or `bytes`, such as `{ bytes: 10GiB, per: 24h }`");
    }
    if let (Some(0), Some(node)) = (bytes, fields.get("bytes")) {
        problems.error(node.span, "nothing could ever pass").hint("write a size such as `10GiB`");
    }
    if let (true, Some(node)) = (per.as_secs() == 0, fields.get("per")) {
        problems
            .error(node.span, "this window is shorter than a second")
            .hint("for short times write `requests: 10/s` or `bytes: 10MiB/s` beside `quota`");
    }
    Some(Quota { requests: requests.and_then(|number| u64::try_from(number).ok()), bytes, per })
}

/// A file that the route accepts and a quota can never hold.
pub(super) fn warn_small_quotas(limits: Option<&Node>, largest: Option<u64>, problems: &mut Problems) {
    let allowances = ["route", "client"].into_iter().filter_map(|whose| limits?.get(whose)?.get("quota"));
    for node in allowances.flat_map(Node::items).filter_map(|quota| quota.get("bytes")) {
        let quota = node.text().and_then(|text| parse_size(text).ok());
        if quota.zip(largest).is_some_and(|(quota, largest)| quota < largest) {
            problems
                .warning(node.span, "the largest file that the route accepts never fits this quota")
                .hint("write a larger quota, or a smaller `accept.size.max`");
        }
    }
}

/// What a client may take and all clients together may not is a slip of the pen, or of a unit.
fn check_shares(said: &Said, fields: &Fields<'_>, problems: &mut Problems) {
    let (Some(route), Some(client)) = (&said.route, &said.client) else { return };
    let per_second = |rate: Option<RequestRate>| rate.map(|rate| f64::from(rate.count) / rate.per.as_secs_f64());
    let exceeds = [
        ("uploads", route.uploads.zip(client.uploads).is_some_and(|(all, one)| one > all)),
        ("bytes", route.bytes_per_second.zip(client.bytes_per_second).is_some_and(|(all, one)| one > all)),
        ("requests", per_second(route.requests).zip(per_second(client.requests)).is_some_and(|(all, one)| one > all)),
    ];
    for (key, _) in exceeds.into_iter().filter(|(_, exceeds)| *exceeds) {
        let place = |whose: &str| fields.get(whose).and_then(|node| node.get(key)).map(|node| node.span);
        if let (Some(one), Some(all)) = (place("client"), place("route")) {
            problems
                .warning(one, "one client may take more than all clients together")
                .related(all, "all clients together")
                .hint("write less here than under `route`");
        }
    }
}

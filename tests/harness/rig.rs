//! A gateway and a sandbox (or scripted peers) in one process, on ports that the system chose.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gateway::secrets::Secrets;
use gateway::server::{Dependencies, Gateway};
use gateway::upstream::{Resolve, SystemResolver};
use rules::check::{Checked, Environment, Source, load};
use rules::diagnostics::Report;
use sandbox::{Options, Sandbox};

/// Where the shipped configuration lies.
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config");

/// Where a rig's clients come in unless it says otherwise: HTTP/1.1 and cleartext HTTP/2 on one port that the system chooses.
const LISTENER: &str = "{ address: \"127.0.0.1:0\", http2: true }";

/// A running gateway.
pub struct Rig {
    gateway: Gateway,
}

/// A configuration in memory: a main file, routes, and an environment.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    files: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    settings: String,
    listener: Option<String>,
    network: Option<Network>,
}

/// Name servers and dialling under a test's control, and no private network permitted beside.
#[derive(Clone)]
struct Network(Arc<dyn Resolve>);

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a test's network")
    }
}

impl Rules {
    /// The five shipped routes, pointed at a sandbox.
    ///
    /// # Panics
    /// The shipped configuration cannot be read.
    #[must_use]
    pub fn shipped(sandbox: &Sandbox) -> Self {
        let mut rules = Self::default();
        for entry in std::fs::read_dir(Path::new(CONFIG).join("routes")).expect("config/routes exists") {
            let path = entry.expect("config/routes can be listed").path();
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            rules.files.insert(format!("routes/{name}"), std::fs::read_to_string(&path).expect("a route can be read"));
        }
        rules.environment = sandbox.environment().into_iter().collect();
        rules
    }

    /// One worked example, by its file name.
    ///
    /// # Panics
    /// There is no such example.
    #[must_use]
    pub fn example(name: &str) -> Self {
        let text = std::fs::read_to_string(Path::new(CONFIG).join("examples").join(name)).expect("the example exists");
        Self::default().route(&text)
    }

    /// Adds a route.
    #[must_use]
    pub fn route(mut self, yaml: &str) -> Self {
        self.files.insert(format!("routes/route-{}.yaml", self.files.len()), yaml.to_owned());
        self
    }

    /// Adds a file beside the main file.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.insert(name.to_owned(), text.to_owned());
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds top-level keys to the main file, such as `limits: { uploads: 1 }`.
    #[must_use]
    pub fn settings(mut self, yaml: &str) -> Self {
        self.settings.push_str(yaml);
        self.settings.push('\n');
        self
    }

    /// Sets the listener, as a YAML map in flow style.
    #[must_use]
    pub fn listener(mut self, yaml: &str) -> Self {
        self.listener = Some(yaml.to_owned());
        self
    }

    /// Replaces the network. The gateway then permits no private address, loopback included.
    #[must_use]
    pub fn network(mut self, network: Arc<dyn Resolve>) -> Self {
        self.network = Some(Network(network));
        self
    }

    /// Changes the text of every route: how a test shortens a rule's patience.
    ///
    /// # Panics
    /// No route has that text.
    #[must_use]
    pub fn edit(mut self, from: &str, to: &str) -> Self {
        assert!(self.files.values().any(|text| text.contains(from)), "no route says `{from}`");
        for text in self.files.values_mut() {
            *text = text.replace(from, to);
        }
        self
    }

    /// Checks the rules.
    ///
    /// # Panics
    /// They have problems; the message is the report.
    #[must_use]
    pub fn check(&self) -> Checked {
        self.try_check().unwrap_or_else(|report| panic!("{report}"))
    }

    /// Checks rules that may have problems.
    ///
    /// # Errors
    /// The report.
    pub fn try_check(&self) -> Result<Checked, Report> {
        let mut source = Memory { files: self.files.clone() };
        let main = format!(
            "listeners: [{}]\nadmin: {{ address: \"127.0.0.1:0\" }}\n{}routes: routes/*.yaml\negress: {{ allow-private: \"{}\" }}\n",
            self.listener.as_deref().unwrap_or(LISTENER),
            self.settings,
            if self.network.is_some() { "" } else { "127.0.0.0/8" },
        );
        source.files.insert("tidegate.yaml".to_owned(), main);
        let environment: Environment = self.environment.clone().into_iter().collect();
        load("tidegate.yaml", &source, &environment)
    }

    /// Starts a gateway with these rules.
    ///
    /// # Panics
    /// The rules have problems, or the gateway cannot start.
    pub fn start(&self) -> Rig {
        let config = Arc::new(self.check().config);
        let environment = self.environment.clone();
        let (secrets, missing) = Secrets::read(&config, &|name| environment.get(name).cloned());
        assert!(missing.is_empty(), "secrets without a value: {missing:?}");
        let needs = Dependencies {
            secrets: Arc::new(secrets),
            resolver: self
                .network
                .as_ref()
                .map_or_else(|| Arc::new(SystemResolver) as Arc<dyn Resolve>, |network| Arc::clone(&network.0)),
            sockets: Vec::new(),
            log: None,
            version: "0.0.0",
            revision: "test",
        };
        Rig { gateway: Gateway::start(config, needs).expect("the gateway starts") }
    }
}

impl Rig {
    /// A gateway with the shipped routes, and the sandbox that they talk to.
    ///
    /// # Panics
    /// Either cannot start.
    pub async fn shipped(options: Options) -> (Self, Sandbox) {
        let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
        (Rules::shipped(&sandbox).start(), sandbox)
    }

    /// Where uploads are accepted.
    ///
    /// # Panics
    /// Never: every rig has a listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        *self.gateway.addresses().first().expect("every rig has a listener")
    }

    /// Where metrics are.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.gateway.admin_address()
    }

    /// Moves the clock on by which the limits of clients go.
    pub fn pass(&self, time: Duration) {
        self.gateway.app().fair_use.clock().advance(time);
    }

    /// Ends the gateway as SIGTERM does, and says how many uploads had to be aborted.
    pub async fn drain(&self, grace: Duration) -> usize {
        self.gateway.drain(grace).await.aborted
    }
}

/// Files in memory.
struct Memory {
    files: BTreeMap<String, String>,
}

impl Source for Memory {
    fn read(&self, path: &str) -> Result<String, String> {
        // What a test lies down on disk, such as a file of keys, has a path from the root.
        let on_disk = || path.starts_with('/').then(|| std::fs::read_to_string(path).ok()).flatten();
        self.files.get(path).cloned().or_else(on_disk).ok_or_else(|| "no such file".to_owned())
    }

    fn glob(&self, _relative_to: &str, pattern: &str) -> Result<Vec<String>, String> {
        let folder = pattern.trim_end_matches("*.yaml");
        Ok(self.files.keys().filter(|name| name.starts_with(folder)).cloned().collect())
    }
}

//! A certificate authority that lives as long as the command: scripted upstreams show certificates of its making for whatever
//! host is asked for, and the gateways of examples trust nobody else.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rules::config::{Config, Route, Step, Target};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;

/// The authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    /// Makes its key, and writes its certificate where gateways can read it.
    ///
    /// # Errors
    /// No key can be made, or there is no folder for temporary files.
    pub(super) fn new() -> anyhow::Result<Self> {
        let key = KeyPair::generate().context("no key for the certificate authority of the examples")?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key)?;
        let folder = tempfile::tempdir().context("no folder for the certificate of the examples")?;
        let authority = Self { issuer: Issuer::new(params, key), folder };
        std::fs::write(authority.file(), certificate.pem())?;
        Ok(authority)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What a server for a host, or an address, speaks TLS with.
    ///
    /// # Errors
    /// The host cannot stand in a certificate.
    pub(super) fn server(&self, host: &str) -> anyhow::Result<ServerConfig> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new([host.to_owned()])?.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let builder = ServerConfig::builder().with_no_client_auth();
        let mut config = builder.with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// The same configuration, with targets that trust this authority and no other.
    pub(super) fn trusted_by(&self, mut config: Config) -> Config {
        for route in &mut config.routes {
            let trusting = Route {
                targets: route.targets.iter().map(|target| self.trusted_by_target(target)).collect(),
                steps: route.steps.iter().map(|step| Arc::new(self.trusted_by_step(step))).collect(),
                ..Route::clone(route)
            };
            *route = Arc::new(trusting);
        }
        config
    }

    fn trusted_by_step(&self, step: &Step) -> Step {
        let mut step = step.clone();
        step.request.target = self.trusted_by_target(&step.request.target);
        if let Some(undo) = &mut step.undo {
            undo.request.target = self.trusted_by_target(&undo.request.target);
        }
        step
    }

    fn trusted_by_target(&self, target: &Target) -> Arc<Target> {
        Arc::new(Target { ca_file: Some(self.file().to_string_lossy().into_owned()), ..target.clone() })
    }
}

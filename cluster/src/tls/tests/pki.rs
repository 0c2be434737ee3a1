//! A CA and what it signs, in a folder that goes with the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};

use super::TlsFiles;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The CA of a network, and the folder of its files.
pub(crate) struct Pki {
    folder: PathBuf,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self::named(&format!("CA {}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Of a CA with this name.
    pub(super) fn named(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!(
            "skynet-cluster-tls-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let pki = Self { folder, ca };
        fs::write(pki.path("ca"), pki.ca.pem()).unwrap();
        pki.sign("server", &["db.example", "127.0.0.1", "::1"], |_| ());
        pki.sign("client", &["client.example"], |_| ());
        pki
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file `name`.pem.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.pem"))
    }

    /// Makes the files `name`.pem and `name`-key.pem.
    pub(super) fn sign(&self, name: &str, names: &[&str], change: fn(&mut CertificateParams)) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        fs::write(self.path(name), certificate.pem()).unwrap();
        fs::write(self.path(&format!("{name}-key")), key.serialize_pem()).unwrap();
    }

    /// A node that has the certificate `name`.
    pub(super) fn with(&self, name: &str) -> TlsFiles {
        TlsFiles {
            cert: Some(self.path(name)),
            key: Some(self.path(&format!("{name}-key"))),
            ca: Some(self.path("ca")),
            clients: false,
        }
    }

    pub(super) fn server(&self) -> TlsFiles {
        self.with("server")
    }

    /// A listener that wants certificates.
    pub(super) fn mutual(&self) -> TlsFiles {
        TlsFiles {
            clients: true,
            ..self.server()
        }
    }

    /// A client without a certificate of its own.
    pub(super) fn client(&self) -> TlsFiles {
        TlsFiles {
            ca: Some(self.path("ca")),
            ..TlsFiles::default()
        }
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Not valid any more.
pub(super) fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2020, 2, 1);
}

/// Not valid yet.
pub(super) fn early(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2199, 1, 1);
    params.not_after = date_time_ymd(2200, 1, 1);
}

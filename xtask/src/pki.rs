//! Certificates for nodes that talk with TLS: a CA, and what it signs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};

/// A CA, whose files lie in one folder: `ca.pem`, and for each certificate `NAME.pem` and `NAME-key.pem`.
#[derive(Debug)]
pub(crate) struct Pki {
    folder: PathBuf,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    /// Makes a CA, and a folder for it in `parent`; both are called `name`.
    pub(crate) fn new(parent: &Path, name: &str) -> Result<Self> {
        let folder = parent.join(name);
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let pki = Self { folder, ca };
        pki.replace("ca", &pki.ca.pem())?;
        Ok(pki)
    }

    /// Signs a certificate for these host names and IP addresses, good for listeners and for those that dial. One that
    /// is there already is renewed.
    pub(crate) fn sign(&self, name: &str, hosts: &[&str]) -> Result<()> {
        let hosts: Vec<_> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.ca)?;
        self.replace(name, &certificate.pem())?;
        self.replace(&format!("{name}-key"), &key.serialize_pem())
    }

    /// The file `NAME.pem`.
    pub(crate) fn file(&self, name: &str) -> String {
        let file = self.folder.join(format!("{name}.pem"));
        file.display().to_string()
    }

    /// The keys of the configuration that let a node trust this CA.
    pub(crate) fn trust(&self) -> [(&'static str, String); 1] {
        [("cluster_tls_ca", self.file("ca"))]
    }

    /// The keys of the configuration that give a node this certificate.
    pub(crate) fn identity(&self, name: &str) -> [(&'static str, String); 2] {
        [
            ("cluster_tls_cert", self.file(name)),
            ("cluster_tls_key", self.file(&format!("{name}-key"))),
        ]
    }

    /// Writes a file so that nobody sees half of it.
    fn replace(&self, name: &str, contents: &str) -> Result<()> {
        let new = self.folder.join("new");
        fs::write(&new, contents)
            .and_then(|()| fs::rename(&new, self.file(name)))
            .with_context(|| format!("{} cannot be written", self.file(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::TempFolder;

    #[test]
    fn what_is_signed_again_is_another_certificate() {
        let folder = TempFolder::new("pki").unwrap();
        let pki = Pki::new(folder.path(), "ca-of-tests").unwrap();
        let mut seen = vec![fs::read_to_string(pki.file("ca")).unwrap()];
        for _ in 0..2 {
            pki.sign("db", &["db.example", "127.0.0.1"]).unwrap();
            for (_, file) in pki.identity("db") {
                let pem = fs::read_to_string(file).unwrap();
                assert!(pem.starts_with("-----BEGIN "), "{pem}");
                assert!(!seen.contains(&pem));
                seen.push(pem);
            }
        }
        assert_eq!(
            fs::read_dir(folder.path().join("ca-of-tests"))
                .unwrap()
                .count(),
            3
        );
    }
}

//! What the files of certificates become, kept as long as they stay the same.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, Error, InconsistentKeys, RootCertStore, ServerConfig};

use super::{TlsFiles, text};

/// The most that a file of certificates may hold, in bytes.
const FILE: u64 = 1 << 20;

static CLIENTS: Kept<ClientConfig> = Kept::new();
static SERVERS: Kept<ServerConfig> = Kept::new();

/// For the side that dials.
pub(super) fn client(files: &TlsFiles) -> Result<Arc<ClientConfig>, String> {
    CLIENTS.get(files, make_client)
}

/// For the side that listens.
pub(super) fn server(files: &TlsFiles) -> Result<Arc<ServerConfig>, String> {
    SERVERS.get(files, make_server)
}

/// What was made of files, for each set of them: a process has one or two.
struct Kept<T>(Mutex<Vec<Entry<T>>>);

struct Entry<T> {
    files: TlsFiles,
    stamps: [Stamp; 3],
    made: Arc<T>,
}

/// What tells one state of a file from another: when it was written, where it lies, its length. `None`: there is no file.
type Stamp = Option<(i64, i64, u64, u64)>;

impl<T> Kept<T> {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn get(
        &self,
        files: &TlsFiles,
        make: fn(&TlsFiles) -> Result<T, String>,
    ) -> Result<Arc<T>, String> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at before the files are read: what is written in between is seen the next time.
        let stamps = stamps(files);
        let entry = kept.iter_mut().find(|entry| entry.files == *files);
        if let Some(entry) = &entry
            && entry.stamps == stamps
        {
            return Ok(Arc::clone(&entry.made));
        }
        match (make(files), entry) {
            (Ok(made), Some(entry)) => {
                entry.made = Arc::new(made);
                entry.stamps = stamps;
                Ok(Arc::clone(&entry.made))
            }
            (Ok(made), None) => {
                let made = Arc::new(made);
                kept.push(Entry {
                    files: files.clone(),
                    stamps,
                    made: Arc::clone(&made),
                });
                Ok(made)
            }
            // They are being replaced one after the other, perhaps. Told once for each state of the files.
            (Err(error), Some(entry)) => {
                log::warn!("TLS goes on with the certificates it had: {error}");
                entry.stamps = stamps;
                Ok(Arc::clone(&entry.made))
            }
            (Err(error), None) => Err(error),
        }
    }
}

fn stamps(files: &TlsFiles) -> [Stamp; 3] {
    [&files.cert, &files.key, &files.ca].map(|path| {
        let metadata = fs::metadata(path.as_ref()?).ok()?;
        Some((
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ino(),
            metadata.len(),
        ))
    })
}

fn make_client(files: &TlsFiles) -> Result<ClientConfig, String> {
    let roots = roots(files, "whoever dials with TLS")?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match own(files)? {
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| unusable(&error, files))?,
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    // Otherwise what a TLS 1.2 connection is bound to might be the same on two connections.
    config.require_ems = true;
    Ok(config)
}

fn make_server(files: &TlsFiles) -> Result<ServerConfig, String> {
    let (chain, key) = own(files)?.ok_or(
        "cluster_tls_cert and cluster_tls_key are not set: a listener with TLS needs a certificate",
    )?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = if files.clients {
        let roots = roots(
            files,
            "a listener that wants certificates of its clients (cluster_tls_clients)",
        )?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| error.to_string())?;
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&error, files))?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.require_ems = true;
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The CA's certificates; `who` needs them.
fn roots(files: &TlsFiles, who: &str) -> Result<RootCertStore, String> {
    let path = files
        .ca
        .as_deref()
        .ok_or_else(|| format!("cluster_tls_ca is not set: {who} needs it"))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, "cluster_tls_ca")? {
        roots.add(certificate).map_err(|error| {
            format!(
                "{} (cluster_tls_ca) holds a certificate that cannot be used: {}",
                path.display(),
                text::reason(&error)
            )
        })?;
    }
    Ok(roots)
}

type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// This node's certificate and its key, if it has them.
fn own(files: &TlsFiles) -> Result<Option<Own>, String> {
    match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert, "cluster_tls_cert")?;
            Ok(Some((chain, private_key(key)?)))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err("cluster_tls_cert is set, but not cluster_tls_key".to_owned()),
        (None, Some(_)) => Err("cluster_tls_key is set, but not cluster_tls_cert".to_owned()),
    }
}

fn certificates(path: &Path, key: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(&contents(path, key)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("{} ({key}) is no PEM file: {error}", path.display()))?;
    if certificates.is_empty() {
        return Err(format!(
            "{} ({key}) holds no certificate in PEM form",
            path.display()
        ));
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = contents(path, "cluster_tls_key")?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        format!(
            "{} (cluster_tls_key) holds no private key in PEM form: {error}",
            path.display()
        )
    })
}

fn contents(path: &Path, key: &str) -> Result<Vec<u8>, String> {
    let unreadable = |error| format!("{} ({key}) cannot be read: {error}", path.display());
    let mut contents = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE + 1).read_to_end(&mut contents))
        .map_err(unreadable)?;
    if contents.len() as u64 > FILE {
        return Err(format!(
            "{} ({key}) is no file of certificates: it is longer than {FILE} bytes",
            path.display()
        ));
    }
    Ok(contents)
}

fn unusable(error: &Error, files: &TlsFiles) -> String {
    let path = |path: &Option<PathBuf>| {
        path.as_deref()
            .map_or_else(String::new, |path| path.display().to_string())
    };
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => format!(
            "the key in {} (cluster_tls_key) is not that of the certificate in {} (cluster_tls_cert)",
            path(&files.key),
            path(&files.cert)
        ),
        Error::InvalidCertificate(_) => format!(
            "{} (cluster_tls_cert) holds a certificate that cannot be used: {}",
            path(&files.cert),
            text::reason(error)
        ),
        _ => format!(
            "{} (cluster_tls_key) holds a key that cannot be used: {}",
            path(&files.key),
            text::reason(error)
        ),
    }
}

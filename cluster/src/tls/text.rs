//! What went wrong, in words.

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error};

use super::TlsFiles;

/// Who is at the other end, and what it is checked against.
#[derive(Debug)]
pub(super) struct Peer {
    /// The name that was dialled; `None` on the side that listens.
    name: Option<String>,
    /// The file of the CA.
    ca: String,
}

impl Peer {
    pub(super) fn server(name: &str, files: &TlsFiles) -> Self {
        Self {
            name: Some(name.to_owned()),
            ca: ca(files),
        }
    }

    pub(super) fn client(files: &TlsFiles) -> Self {
        Self {
            name: None,
            ca: ca(files),
        }
    }
}

fn ca(files: &TlsFiles) -> String {
    let file = files.ca.as_deref();
    file.map_or_else(String::new, |path| path.display().to_string())
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or("the client"))
    }
}

/// What `error` means on a connection to `peer`.
pub(super) fn of(error: &Error, peer: &Peer, handshaking: bool) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate(error, peer),
        Error::NoCertificatesPresented => {
            format!("{peer} shows no certificate, and cluster_tls_clients wants one")
        }
        Error::AlertReceived(alert) => refused(*alert, peer),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } if handshaking => {
            format!("{peer} does not speak TLS ({})", reason(error))
        }
        Error::PeerIncompatible(_) => {
            format!("{peer} speaks another kind of TLS ({})", reason(error))
        }
        Error::DecryptError => format!("a TLS record of {peer} was changed on its way"),
        _ => format!("the TLS of {peer} is wrong: {}", reason(error)),
    }
}

/// The library's own words.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => error.to_string(),
        _ => error.to_string(),
    }
}

fn certificate(error: &CertificateError, peer: &Peer) -> String {
    let of_peer = format!("the certificate of {peer}");
    match error {
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            format!(
                "{of_peer} is for {}, wanted {}",
                names(presented),
                expected.to_str()
            )
        }
        CertificateError::ExpiredContext { time, not_after } => {
            let since = time.as_secs().saturating_sub(not_after.as_secs());
            format!("{of_peer} expired {} ago", span(since))
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            let until = not_before.as_secs().saturating_sub(time.as_secs());
            format!("{of_peer} is valid only in {}", span(until))
        }
        CertificateError::UnknownIssuer => format!(
            "{of_peer} is not signed by a CA in {} (cluster_tls_ca)",
            peer.ca
        ),
        // A CA that was made anew under its old name.
        CertificateError::BadSignature => format!(
            "{of_peer} is not signed by a CA in {} (cluster_tls_ca), but perhaps by another one of the same name",
            peer.ca
        ),
        CertificateError::InvalidPurposeContext { .. } => {
            format!("{of_peer} is not meant for this use: {error}")
        }
        _ => format!("{of_peer} is not accepted: {error}"),
    }
}

/// The names that a certificate is for, as many as are useful.
fn names(presented: &[String]) -> String {
    const SHOWN: usize = 8;
    if presented.is_empty() {
        return "no name at all".to_owned();
    }
    let shown: Vec<_> = presented
        .iter()
        .take(SHOWN)
        .map(|name| bare(name))
        .collect();
    let more = if presented.len() > SHOWN { ", …" } else { "" };
    shown.join(", ") + more
}

/// `DnsName("x")` and `IpAddress(1.2.3.4)`, as a certificate's names are shown, without the words around.
fn bare(name: &str) -> &str {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

/// What the other side has against us.
fn refused(alert: AlertDescription, peer: &Peer) -> String {
    let ours = "(cluster_tls_cert)";
    match alert {
        AlertDescription::UnknownCA => {
            format!("{peer} does not know the CA that signed our certificate {ours}")
        }
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            format!("{peer} does not accept our certificate {ours}, perhaps for its name")
        }
        AlertDescription::CertificateExpired => {
            format!("{peer} says that our certificate {ours} is not valid now")
        }
        AlertDescription::CertificateRevoked => {
            format!("{peer} says that our certificate {ours} was revoked")
        }
        AlertDescription::UnsupportedCertificate => {
            format!("{peer} says that our certificate {ours} is not meant for this use")
        }
        AlertDescription::CertificateRequired => {
            format!("{peer} wants a certificate: set cluster_tls_cert and cluster_tls_key")
        }
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
            format!("{peer} speaks another kind of TLS (alert {alert:?})")
        }
        _ => format!("{peer} ended the TLS connection (alert {alert:?})"),
    }
}

/// So many seconds, in words.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

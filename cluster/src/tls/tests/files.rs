//! Files that cannot be used, and files that change.

use std::fs;

use super::*;

fn client_error(files: &TlsFiles) -> String {
    Tls::client(files, "db.example").unwrap_err()
}

fn server_error(files: &TlsFiles) -> String {
    Tls::server(files).unwrap_err()
}

#[test]
fn what_is_missing_is_named() {
    let pki = Pki::new();
    let none = TlsFiles::default();
    assert_eq!(
        client_error(&none),
        "cluster_tls_ca is not set: whoever dials with TLS needs it"
    );
    assert_eq!(
        server_error(&none),
        "cluster_tls_cert and cluster_tls_key are not set: a listener with TLS needs a certificate"
    );
    let mut files = pki.server();
    files.key = None;
    assert_eq!(
        server_error(&files),
        "cluster_tls_cert is set, but not cluster_tls_key"
    );
    let mut files = pki.server();
    files.cert = None;
    assert_eq!(
        client_error(&files),
        "cluster_tls_key is set, but not cluster_tls_cert"
    );
    let mut files = pki.mutual();
    files.ca = None;
    assert_eq!(
        server_error(&files),
        "cluster_tls_ca is not set: a listener that wants certificates of its clients \
         (cluster_tls_clients) needs it"
    );
    assert_eq!(
        Tls::client(&pki.client(), "no name").unwrap_err(),
        "\"no name\" is no name that a certificate could be for"
    );
}

#[test]
fn what_cannot_be_used_is_named() {
    let pki = Pki::new();
    let folder = pki.folder().display().to_string();
    let mut files = pki.server();
    files.cert = Some(pki.path("none"));
    assert_eq!(
        server_error(&files),
        format!(
            "{folder}/none.pem (cluster_tls_cert) cannot be read: No such file or directory (os error 2)"
        )
    );
    files.cert = Some(pki.path("server-key"));
    assert_eq!(
        server_error(&files),
        format!("{folder}/server-key.pem (cluster_tls_cert) holds no certificate in PEM form")
    );
    files = pki.server();
    files.key = Some(pki.path("client-key"));
    assert_eq!(
        server_error(&files),
        format!(
            "the key in {folder}/client-key.pem (cluster_tls_key) is not that of the certificate in \
             {folder}/server.pem (cluster_tls_cert)"
        )
    );
    files.key = Some(pki.path("server"));
    assert!(
        server_error(&files).starts_with(&format!(
            "{folder}/server.pem (cluster_tls_key) holds no private key in PEM form: "
        )),
        "{}",
        server_error(&files)
    );
    fs::write(
        pki.path("broken"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    files = pki.client();
    files.ca = Some(pki.path("broken"));
    assert!(
        client_error(&files).starts_with(&format!(
            "{folder}/broken.pem (cluster_tls_ca) holds a certificate that cannot be used: "
        )),
        "{}",
        client_error(&files)
    );
    fs::write(pki.path("large"), vec![b'x'; (1 << 20) + 1]).unwrap();
    files.ca = Some(pki.path("large"));
    assert_eq!(
        client_error(&files),
        format!(
            "{folder}/large.pem (cluster_tls_ca) is no file of certificates: it is longer than 1048576 bytes"
        )
    );
}

/// The names of the server's certificate, as a client that wants another one is told.
fn names(pki: &Pki) -> String {
    let mut pair = Pair::new(&pki.client(), "wanted.example", &pki.server());
    pair.shake_hands(usize::MAX).0.unwrap_err()
}

#[test]
fn a_renewed_certificate_counts_for_the_next_connection() {
    let pki = Pki::new();
    let old = Pair::fitting(&pki).connected();
    pki.sign("server", &["renewed.example"], |_| ());
    let error = names(&pki);
    assert!(error.contains("is for renewed.example,"), "{error}");
    // Who is connected stays so.
    let Pair {
        mut client,
        mut server,
        ..
    } = old;
    let record = encrypted(&mut client, b"still");
    assert_eq!(server.read(&record).unwrap(), b"still");
}

#[test]
fn half_of_a_renewal_changes_nothing() {
    let pki = Pki::new();
    Pair::fitting(&pki).connected();
    let key = fs::read(pki.path("server-key")).unwrap();
    pki.sign("server", &["renewed.example"], |_| ());
    let new_key = fs::read(pki.path("server-key")).unwrap();
    fs::write(pki.path("server-key"), key).unwrap();
    Pair::fitting(&pki).connected();
    fs::remove_file(pki.path("server-key")).unwrap();
    Pair::fitting(&pki).connected();
    fs::write(pki.path("server-key"), new_key).unwrap();
    let error = names(&pki);
    assert!(error.contains("is for renewed.example,"), "{error}");
}

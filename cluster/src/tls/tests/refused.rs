//! Connections that must not come about, and what both ends are told.

use super::pki::{early, expired};
use super::*;

/// The errors of both ends; at least one end must have refused.
fn errors(client: &TlsFiles, name: &str, server: &TlsFiles) -> (String, String) {
    let mut pair = Pair::new(client, name, server);
    let (client, server) = pair.shake_hands(usize::MAX);
    (
        client.expect_err("the client is content"),
        server.expect_err("the server is content"),
    )
}

#[test]
fn another_ca() {
    let (pki, other) = (Pki::new(), Pki::new());
    let (client, server) = errors(&other.client(), "db.example", &pki.server());
    let file = other.path("ca").display().to_string();
    assert_eq!(
        client,
        format!("the certificate of db.example is not signed by a CA in {file} (cluster_tls_ca)")
    );
    assert_eq!(
        server,
        "the client does not know the CA that signed our certificate (cluster_tls_cert)"
    );
}

#[test]
fn another_ca_of_the_same_name() {
    let (pki, other) = (Pki::named("CA"), Pki::named("CA"));
    let (client, _) = errors(&other.client(), "db.example", &pki.server());
    let file = other.path("ca").display().to_string();
    assert_eq!(
        client,
        format!(
            "the certificate of db.example is not signed by a CA in {file} (cluster_tls_ca), \
             but perhaps by another one of the same name"
        )
    );
}

#[test]
fn another_name() {
    let pki = Pki::new();
    let (client, server) = errors(&pki.client(), "other.example", &pki.server());
    assert_eq!(
        client,
        "the certificate of other.example is for db.example, 127.0.0.1, 0::1, wanted other.example"
    );
    assert_eq!(
        server,
        "the client does not accept our certificate (cluster_tls_cert), perhaps for its name"
    );
    let (client, _) = errors(&pki.client(), "127.0.0.2", &pki.server());
    assert!(client.ends_with("wanted 127.0.0.2"), "{client}");
}

#[test]
fn no_name_and_too_many_names() {
    let pki = Pki::new();
    pki.sign("nameless", &[], |_| ());
    let (client, _) = errors(&pki.client(), "db.example", &pki.with("nameless"));
    assert_eq!(
        client,
        "the certificate of db.example is for no name at all, wanted db.example"
    );
    pki.sign(
        "many",
        &["a", "b", "c", "d", "e", "f", "g", "h", "i"],
        |_| (),
    );
    let (client, _) = errors(&pki.client(), "db.example", &pki.with("many"));
    assert_eq!(
        client,
        "the certificate of db.example is for a, b, c, d, e, f, g, h, …, wanted db.example"
    );
}

#[test]
fn a_certificate_out_of_its_time() {
    let pki = Pki::new();
    pki.sign("old", &["db.example"], expired);
    let (client, server) = errors(&pki.client(), "db.example", &pki.with("old"));
    assert!(
        client.starts_with("the certificate of db.example expired ")
            && client.ends_with(" days ago"),
        "{client}"
    );
    assert_eq!(
        server,
        "the client says that our certificate (cluster_tls_cert) is not valid now"
    );
    pki.sign("new", &["db.example"], early);
    let (client, _) = errors(&pki.client(), "db.example", &pki.with("new"));
    assert!(
        client.starts_with("the certificate of db.example is valid only in "),
        "{client}"
    );
}

#[test]
fn a_certificate_that_is_not_for_servers() {
    let pki = Pki::new();
    pki.sign("clients-only", &["db.example"], |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    let (client, server) = errors(&pki.client(), "db.example", &pki.with("clients-only"));
    assert!(
        client.starts_with("the certificate of db.example is not meant for this use: "),
        "{client}"
    );
    assert_eq!(
        server,
        "the client says that our certificate (cluster_tls_cert) is not meant for this use"
    );
}

#[test]
fn a_client_without_a_certificate() {
    let pki = Pki::new();
    let (client, server) = errors(&pki.client(), "db.example", &pki.mutual());
    assert_eq!(
        server,
        "the client shows no certificate, and cluster_tls_clients wants one"
    );
    assert_eq!(
        client,
        "db.example wants a certificate: set cluster_tls_cert and cluster_tls_key"
    );
}

#[test]
fn a_client_of_another_ca() {
    let (pki, other) = (Pki::new(), Pki::new());
    let mut files = other.with("client");
    files.ca = Some(pki.path("ca"));
    let (client, server) = errors(&files, "db.example", &pki.mutual());
    let file = pki.path("ca").display().to_string();
    assert_eq!(
        server,
        format!("the certificate of the client is not signed by a CA in {file} (cluster_tls_ca)")
    );
    assert_eq!(
        client,
        "db.example does not know the CA that signed our certificate (cluster_tls_cert)"
    );
}

#[test]
fn a_client_whose_certificate_has_expired() {
    let pki = Pki::new();
    pki.sign("old", &["client.example"], expired);
    let (client, server) = errors(&pki.with("old"), "db.example", &pki.mutual());
    assert!(
        server.starts_with("the certificate of the client expired "),
        "{server}"
    );
    assert_eq!(
        client,
        "db.example says that our certificate (cluster_tls_cert) is not valid now"
    );
}

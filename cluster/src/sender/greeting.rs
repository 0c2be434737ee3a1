//! What a server says of itself, and whether that is enough.

use skynet_cluster_wire::{
    ClientHello, Handshake, Proof, Response, Role, SESSION_PROBE, Secret, ServerHello,
};

/// What the other end is to say.
#[derive(Debug)]
pub(super) enum Expected {
    /// Its part of the transport's own greeting.
    Transport,
    /// What it is.
    Hello(ClientHello),
    /// That the proof is right.
    Proven,
}

/// What its answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is an unmodified node.
    Unmodified,
    /// It is one of ours.
    Ours,
    /// It is one of ours, and wants this.
    Prove(Proof),
}

/// Judges an answer. A `secret` has to be known by the other end, too.
///
/// # Errors
/// Why the connection cannot be used.
pub(super) fn judge(
    expected: &Expected,
    answer: &Response<'_>,
    secret: Option<&Secret>,
    binding: Option<[u8; 32]>,
) -> Result<Verdict, String> {
    if answer.session() != SESSION_PROBE {
        return Err("it answers what it was not asked".to_owned());
    }
    match (expected, answer) {
        (Expected::Hello(_), Response::Error { .. }) if secret.is_none() => Ok(Verdict::Unmodified),
        (Expected::Hello(_), Response::Error { .. }) => Err(
            "it does not prove that it knows the secret of cluster_secret. \
             If it is an unmodified node, write its address as skynet://host:port"
                .to_owned(),
        ),
        (Expected::Hello(mine), Response::Ok { body, .. }) => {
            let theirs = ServerHello::parse(body).map_err(|error| error.to_string())?;
            meet(mine, &theirs, secret, binding)
        }
        (Expected::Proven, Response::Ok { .. }) => Ok(Verdict::Ours),
        (Expected::Proven, Response::Error { text, .. } | Response::Reason { text, .. }) => {
            Err(String::from_utf8_lossy(text).into_owned())
        }
        _ => Err("it does not say what it is".to_owned()),
    }
}

fn meet(
    mine: &ClientHello,
    theirs: &ServerHello,
    secret: Option<&Secret>,
    binding: Option<[u8; 32]>,
) -> Result<Verdict, String> {
    let handshake = Handshake {
        client_nonce: mine.nonce,
        server_nonce: theirs.nonce,
        binding,
    };
    let wants_proof = theirs.wants_proof();
    match (secret, &theirs.proof) {
        (None, _) if wants_proof => {
            Err("it wants a proof, and this node has no cluster_secret for it".to_owned())
        }
        (None, _) => Ok(Verdict::Ours),
        (Some(secret), Some(proof)) if handshake.verify(secret, Role::Server, proof) => {
            Ok(if wants_proof {
                Verdict::Prove(Proof(handshake.prove(secret, Role::Client)))
            } else {
                Verdict::Ours
            })
        }
        (Some(_), _) => {
            Err("it does not prove that it knows the secret of cluster_secret".to_owned())
        }
    }
}

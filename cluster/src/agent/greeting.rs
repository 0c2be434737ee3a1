//! Who is at the other end: nobody has to say so, unless a proof is wanted.

use std::time::Duration;

use skynet_cluster_wire::{
    ClientHello, FLAG_PROOF, Handshake, Probe, Request, Role, ServerHello, is_probe, proof_taken,
};
use skynet_seri::{pack, unpack};
use skynet_service::{Context, Reason, log};

use super::Agent;
use super::timer::Timer;

/// How much is known of the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// The transport is not ready.
    Transport,
    /// It has to prove that it knows the secret.
    Unproven,
    /// It is listened to.
    Open,
}

impl Agent {
    /// Somebody asks who has a name, or what this end is.
    pub(super) fn on_name_query(&mut self, cx: &Context, session: u32, body: &[u8]) {
        if session == 0 {
            return;
        }
        if is_probe(body) {
            return self.on_probe(cx, session, body);
        }
        let found = unpack::<(&str,)>(body).ok().and_then(|(name,)| {
            self.reach
                .query(name.strip_prefix('@').unwrap_or(name).as_bytes())
        });
        match found.map(|handle| pack!(handle)) {
            Some(Ok(answer)) => self.succeed(cx, session, &answer),
            _ => self.fail(cx, session, Reason::UNKNOWN, "name not found"),
        }
    }

    fn on_probe(&mut self, cx: &Context, session: u32, body: &[u8]) {
        match Probe::parse(body) {
            Ok(Probe::Hello(hello)) => self.on_hello(cx, session, &hello),
            Ok(Probe::Proof(_)) => self.fail(cx, session, Reason::REFUSED, "no proof is wanted"),
            Ok(Probe::Beat(beat)) => self.succeed(cx, session, &beat.write()),
            Err(error) => {
                // A name that nobody can have; what it means one day is not known here.
                self.complain(cx, || error.to_string());
                self.fail(cx, session, Reason::UNKNOWN, "name not found");
            }
        }
    }

    /// One of our nodes.
    fn on_hello(&mut self, cx: &Context, session: u32, hello: &ClientHello) {
        let mut server_nonce = [0; 16];
        if let Err(error) = getrandom::fill(&mut server_nonce) {
            log::error!("no random numbers for a connection: {error}");
            return self.fail(cx, session, Reason::FAILED, "no random numbers");
        }
        let handshake = Handshake {
            client_nonce: hello.nonce,
            server_nonce,
            binding: self.binding,
        };
        let secret = self.settings.secret.as_ref();
        let wants_proof = self.stage == Stage::Unproven;
        let answer = ServerHello {
            nonce: server_nonce,
            heartbeat_ms: u32::try_from(self.settings.heartbeat.as_millis()).unwrap_or(u32::MAX),
            flags: if wants_proof { FLAG_PROOF } else { 0 },
            proof: secret.map(|secret| handshake.prove(secret, Role::Server)),
        };
        self.handshake = Some(handshake);
        let theirs = Duration::from_millis(hello.heartbeat_ms.into());
        self.heartbeat = self.settings.heartbeat.max(theirs);
        if !self.is_ours {
            self.is_ours = true;
            Timer::Silence.set(cx, self.heartbeat / 2);
        }
        self.succeed(cx, session, &answer.write());
    }

    /// Somebody who has to prove first that it knows the secret says something. Returns whether it has.
    ///
    /// # Errors
    /// Why it is not listened to any more.
    pub(super) fn on_unproven(
        &mut self,
        cx: &Context,
        request: &Request<'_>,
    ) -> Result<bool, String> {
        let (session, body) = match *request {
            Request::Small { session, body, .. } => (session, body),
            Request::Begin { session, .. } | Request::Part { session, .. } => (session, &[][..]),
            Request::Trace(_) | Request::Deadline(_) => (0, &[][..]),
        };
        match is_probe(body).then(|| Probe::parse(body)) {
            // Once: whoever does not take the answers could have any number of them kept.
            Some(Ok(Probe::Hello(_))) if self.handshake.is_some() => {
                Err("it says hello again instead of proving who it is".to_owned())
            }
            Some(Ok(Probe::Hello(hello))) => {
                self.on_hello(cx, session, &hello);
                Ok(false)
            }
            Some(Ok(Probe::Proof(proof))) => {
                self.on_proof(cx, session, &proof.0)?;
                Ok(true)
            }
            _ => {
                if session != 0 {
                    let text = "this node wants a proof of the secret in cluster_secret";
                    self.fail(cx, session, Reason::REFUSED, text);
                }
                Err("it has not proven that it knows the secret in cluster_secret".to_owned())
            }
        }
    }

    fn on_proof(&mut self, cx: &Context, session: u32, proof: &[u8; 32]) -> Result<(), String> {
        // Each proof has its own nonces.
        let is_right = match (&self.settings.secret, self.handshake.take()) {
            (Some(secret), Some(handshake)) => handshake.verify(secret, Role::Client, proof),
            _ => false,
        };
        if !is_right {
            let text = "the proof of the secret in cluster_secret is wrong";
            self.fail(cx, session, Reason::REFUSED, text);
            return Err(text.to_owned());
        }
        self.succeed(cx, session, &proof_taken());
        Ok(())
    }
}

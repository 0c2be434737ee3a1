//! Both ends of a connection, with certificates made for the test.
#![cfg(feature = "tls")]

mod files;
mod hostile;
pub(crate) mod pki;
mod refused;
mod session;

use skynet_service::Buffer;
use skynet_service::testing::Node;

use super::{Tls, TlsFiles};
use pki::Pki;

/// Two ends, and the fake node whose memory they use.
struct Pair {
    client: Tls,
    server: Tls,
    _node: Node,
}

/// What came out of a handshake: the first error of each end.
type Outcome = (Result<(), String>, Result<(), String>);

impl Pair {
    fn new(client: &TlsFiles, name: &str, server: &TlsFiles) -> Self {
        let node = Node::new();
        Self {
            client: Tls::client(client, name).unwrap(),
            server: Tls::server(server).unwrap(),
            _node: node,
        }
    }

    /// With certificates that fit.
    fn fitting(pki: &Pki) -> Self {
        Self::new(&pki.client(), "db.example", &pki.server())
    }

    /// Carries bytes between the two until there are none, `step` at a time.
    fn shake_hands(&mut self, step: usize) -> Outcome {
        let (mut client, mut server) = (Ok(()), Ok(()));
        loop {
            let to_server = self.client.take_output();
            let to_client = self.server.take_output();
            if to_server.is_none() && to_client.is_none() {
                return (client, server);
            }
            feed(&mut self.server, to_server, step, &mut server);
            feed(&mut self.client, to_client, step, &mut client);
        }
    }

    fn connected(mut self) -> Self {
        assert_eq!(self.shake_hands(usize::MAX), (Ok(()), Ok(())));
        assert!(!self.client.is_handshaking());
        assert!(!self.server.is_handshaking());
        self
    }
}

fn feed(to: &mut Tls, bytes: Option<Buffer>, step: usize, outcome: &mut Result<(), String>) {
    for chunk in bytes.unwrap_or_default().chunks(step.min(1 << 20)) {
        if outcome.is_ok() {
            match to.read(chunk) {
                Ok(plain) => assert!(plain.is_empty(), "plaintext in a handshake"),
                Err(error) => *outcome = Err(error),
            }
        }
    }
}

fn encrypted(from: &mut Tls, plain: &[u8]) -> Buffer {
    let mut out = Buffer::new();
    from.write(plain, &mut out).unwrap();
    out
}

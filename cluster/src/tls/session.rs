//! One connection: what came is decrypted, what goes is encrypted.

use std::fmt;
use std::io::{BufRead, Write};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, ServerConnection};
use skynet_service::Buffer;

use super::text::{self, Peer};
use super::{TlsFiles, config};

/// Bytes that a peer may send before the handshake has ended. Twice as much may be held of them at a time: once as they
/// came, once taken apart.
pub(super) const HANDSHAKE: usize = 24 << 10;
/// Plaintext whose memory is kept from one read to the next.
const KEPT: usize = 16 << 10;
/// What a record adds to its plaintext, and how much of that it takes at most.
const RECORD_EXTRA: usize = 32;
const RECORD: usize = 16 << 10;
/// What the proof of a shared secret is bound to, so that it is worth nothing on another connection.
const EXPORTER: &[u8] = b"EXPORTER-skynet-cluster";

/// A connection with TLS.
pub(crate) struct Tls {
    connection: Connection,
    peer: Peer,
    /// Bytes that came during the handshake.
    handshake: usize,
    /// What the last read gave.
    plain: Vec<u8>,
    /// Whether the other side has said that nothing follows.
    closed: bool,
}

impl Tls {
    /// The side that dialled, and wants a certificate for `server_name`: a host name or an IP address. Its first bytes
    /// are ready to be [taken](Self::take_output).
    ///
    /// # Errors
    /// The certificates cannot be used, or that is no name for one; says which file or key of the configuration.
    pub(crate) fn client(files: &TlsFiles, server_name: &str) -> Result<Self, String> {
        let bare = server_name.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| format!("{server_name:?} is no name that a certificate could be for"))?;
        let peer = Peer::server(server_name, files);
        let config = config::client(files)?;
        let connection =
            ClientConnection::new(config, name).map_err(|error| text::of(&error, &peer, true))?;
        Ok(Self::new(connection.into(), peer))
    }

    /// The side that was dialled.
    ///
    /// # Errors
    /// The certificates cannot be used; says which file or key of the configuration.
    pub(crate) fn server(files: &TlsFiles) -> Result<Self, String> {
        let peer = Peer::client(files);
        let config = config::server(files)?;
        let connection =
            ServerConnection::new(config).map_err(|error| text::of(&error, &peer, true))?;
        Ok(Self::new(connection.into(), peer))
    }

    fn new(connection: Connection, peer: Peer) -> Self {
        Self {
            connection,
            peer,
            handshake: 0,
            plain: Vec::new(),
            closed: false,
        }
    }

    /// Takes what came from the network and gives the plaintext in it, which is never more than `chunk`'s bytes and one
    /// record. There may be something to [send](Self::take_output) afterwards, also after an error.
    ///
    /// # Errors
    /// The peer is not the wanted one, does not speak TLS, or sent something wrong: the connection is to be closed.
    pub(crate) fn read(&mut self, mut chunk: &[u8]) -> Result<&[u8], String> {
        self.plain.clear();
        self.plain.shrink_to(KEPT);
        while !chunk.is_empty() && !self.closed {
            self.take(&mut chunk)?;
            let handshaking = self.connection.is_handshaking();
            let state = self
                .connection
                .process_new_packets()
                .map_err(|error| text::of(&error, &self.peer, handshaking))?;
            self.closed = state.peer_has_closed();
            self.decrypted();
        }
        Ok(&self.plain)
    }

    /// What the last read gave.
    pub(crate) fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// Takes a first part of `chunk` in.
    fn take(&mut self, chunk: &mut &[u8]) -> Result<(), String> {
        let before = chunk.len();
        let handshaking = self.connection.is_handshaking();
        self.connection
            .read_tls(chunk)
            .map_err(|error| format!("{} sent too large a TLS record ({error})", self.peer))?;
        let taken = before - chunk.len();
        if taken == 0 {
            return Err(format!("{} sent too large a TLS record", self.peer));
        }
        if handshaking {
            self.handshake += taken;
            if self.handshake > HANDSHAKE {
                return Err(format!(
                    "{} sent more than {HANDSHAKE} bytes before the TLS handshake had ended",
                    self.peer
                ));
            }
        }
        Ok(())
    }

    /// Moves what was decrypted to `plain`.
    fn decrypted(&mut self) {
        let mut reader = self.connection.reader();
        // An error only says that there is nothing more.
        while let Ok(part) = reader.fill_buf()
            && !part.is_empty()
        {
            let len = part.len();
            self.plain.extend_from_slice(part);
            reader.consume(len);
        }
    }

    /// Appends `plain`, encrypted, to `out`.
    ///
    /// # Errors
    /// The handshake has not ended, or the connection has failed.
    pub(crate) fn write(&mut self, mut plain: &[u8], out: &mut Buffer) -> Result<(), String> {
        if self.connection.is_handshaking() {
            return Err("nothing can be written before the TLS handshake has ended".to_owned());
        }
        out.reserve(plain.len() + (plain.len() / RECORD + 1) * RECORD_EXTRA);
        while !plain.is_empty() {
            let written = self
                .connection
                .writer()
                .write(plain)
                .map_err(|error| format!("the TLS connection has failed: {error}"))?;
            if written == 0 {
                return Err("the TLS connection takes nothing more".to_owned());
            }
            plain = &plain[written..];
            self.encrypted(out);
        }
        Ok(())
    }

    /// Moves what is to be sent to `out`.
    fn encrypted(&mut self, out: &mut Buffer) {
        while self.connection.wants_write() {
            // A buffer takes all.
            if !matches!(self.connection.write_tls(out), Ok(1..)) {
                break;
            }
        }
    }

    /// What is to be sent besides what was [written](Self::write): of the handshake, and alerts.
    pub(crate) fn take_output(&mut self) -> Option<Buffer> {
        if !self.connection.wants_write() {
            return None;
        }
        let mut out = Buffer::new();
        self.encrypted(&mut out);
        Some(out)
    }

    /// Says that nothing follows; gives what is to be sent for it, before the connection is closed.
    pub(crate) fn close(&mut self) -> Option<Buffer> {
        self.connection.send_close_notify();
        self.take_output()
    }

    /// Whether the handshake has not ended yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether the other side has said that nothing follows. What still comes is not looked at.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Bytes of memory held for what is read.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.plain.capacity()
    }

    /// Bytes that both ends of this connection know, and nobody else; `None` before the handshake has ended.
    pub(crate) fn binding(&self) -> Option<[u8; 32]> {
        if self.connection.is_handshaking() {
            return None;
        }
        self.connection
            .export_keying_material([0; 32], EXPORTER, None)
            .ok()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("peer", &self.peer)
            .field("handshaking", &self.is_handshaking())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

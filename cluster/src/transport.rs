//! What lies between frames and the socket: nothing, or TLS.

use skynet_service::socket::SocketId;
use skynet_service::{Buffer, Context};

use crate::tls::{Tls, TlsFiles};

/// One end of a connection.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Bytes go as they are.
    Plain,
    Tls(Box<Tls>),
}

impl Transport {
    /// The end that has dialled `host`.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub(crate) fn client(cx: &Context, host: &str) -> Result<Self, String> {
        let tls = Tls::client(&TlsFiles::read(cx), host)?;
        Ok(Self::Tls(Box::new(tls)))
    }

    /// The end that was dialled.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub(crate) fn server(cx: &Context) -> Result<Self, String> {
        let tls = Tls::server(&TlsFiles::read(cx))?;
        Ok(Self::Tls(Box::new(tls)))
    }

    /// Whether frames can be written.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Tls(tls) => !tls.is_handshaking(),
        }
    }

    /// What both ends know of this connection and nobody else does; nothing without TLS.
    pub(crate) fn binding(&self) -> Option<[u8; 32]> {
        match self {
            Self::Plain => None,
            Self::Tls(tls) => tls.binding(),
        }
    }

    /// What the bytes that came mean. What the transport itself has to say about them is written.
    ///
    /// # Errors
    /// What is wrong with them: the connection is of no further use.
    #[inline]
    pub(crate) fn read<'a>(
        &'a mut self,
        cx: &Context,
        socket: SocketId,
        chunk: &'a [u8],
    ) -> Result<&'a [u8], String> {
        match self {
            Self::Plain => Ok(chunk),
            Self::Tls(tls) => {
                let read = tls.read(chunk).map(|_| ());
                send(cx, socket, tls.take_output());
                read?;
                if tls.is_closed() && tls.plain().is_empty() {
                    return Err("it has closed the connection".to_owned());
                }
                Ok(tls.plain())
            }
        }
    }

    /// Says the first thing that the transport has to say.
    pub(crate) fn begin(&mut self, cx: &Context, socket: SocketId) {
        if let Self::Tls(tls) = self {
            send(cx, socket, tls.take_output());
        }
    }

    /// Says that nothing follows.
    pub(crate) fn end(&mut self, cx: &Context, socket: SocketId) {
        if let Self::Tls(tls) = self {
            send(cx, socket, tls.close());
        }
    }

    /// Writes frames.
    ///
    /// # Errors
    /// The connection is of no further use.
    pub(crate) fn write(
        &mut self,
        cx: &Context,
        socket: SocketId,
        frames: Buffer,
    ) -> Result<(), String> {
        let bytes = match self {
            Self::Plain => frames,
            Self::Tls(tls) => {
                let mut bytes = Buffer::new();
                tls.write(&frames, &mut bytes)?;
                bytes
            }
        };
        cx.socket_write(socket, bytes)
            .map_err(|error| error.to_string())
    }
}

/// Writes what there is. A connection that has ended says so by an event.
fn send(cx: &Context, socket: SocketId, bytes: Option<Buffer>) {
    if let Some(bytes) = bytes {
        let _ = cx.socket_write(socket, bytes);
    }
}

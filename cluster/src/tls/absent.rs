//! What stands for TLS in a plugin that was built without it.

use std::convert::Infallible;

use skynet_service::Buffer;

use super::TlsFiles;

const TEXT: &str =
    "TLS is not available: this cluster plugin was built without its feature \"tls\"";

/// A connection with TLS, of which there is none.
#[derive(Debug)]
pub(crate) struct Tls(Infallible);

impl Tls {
    pub(crate) fn client(_files: &TlsFiles, _server_name: &str) -> Result<Self, String> {
        Err(TEXT.to_owned())
    }

    pub(crate) fn server(_files: &TlsFiles) -> Result<Self, String> {
        Err(TEXT.to_owned())
    }

    pub(crate) fn read(&mut self, _chunk: &[u8]) -> Result<&[u8], String> {
        match self.0 {}
    }

    pub(crate) fn plain(&self) -> &[u8] {
        match self.0 {}
    }

    pub(crate) fn write(&mut self, _plain: &[u8], _out: &mut Buffer) -> Result<(), String> {
        match self.0 {}
    }

    pub(crate) fn take_output(&mut self) -> Option<Buffer> {
        match self.0 {}
    }

    pub(crate) fn close(&mut self) -> Option<Buffer> {
        match self.0 {}
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn is_closed(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn binding(&self) -> Option<[u8; 32]> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let files = TlsFiles::default();
        assert_eq!(Tls::client(&files, "db.example").unwrap_err(), TEXT);
        assert_eq!(Tls::server(&files).unwrap_err(), TEXT);
    }
}

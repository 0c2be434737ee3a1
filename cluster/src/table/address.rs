//! Where a node is: `host:port`, and how to speak with it.

use std::fmt;

use skynet_service::{Error, Result};

/// How to speak with a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scheme {
    /// As the node's own settings say.
    Plain,
    /// `tls://`: through TLS.
    Tls,
    /// `skynet://`: an unmodified node, of which no proof is asked.
    Skynet,
}

/// The address of a node, as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Address(String);

impl Address {
    /// Reads `host:port`, `[ipv6]:port`, with `tls://` or `skynet://` before it or not.
    ///
    /// # Errors
    /// What was found, and what was wanted.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let Some((_, host_port)) = parts(text) else {
            return Err(Error::refused(format_args!(
                "address {text:?} begins with neither tls:// nor skynet:// nor a host"
            )));
        };
        match split(host_port) {
            Some((_, port)) if port != 0 => Ok(Self(text.to_owned())),
            _ => Err(Error::refused(format_args!(
                "address {text:?} is not of the form host:port or [ipv6]:port, with a port from 1 to 65535"
            ))),
        }
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// How to speak with it.
    pub(crate) fn scheme(&self) -> Scheme {
        parts(&self.0).map_or(Scheme::Plain, |(scheme, _)| scheme)
    }

    /// `host:port`, for the node's sockets.
    pub(crate) fn host_port(&self) -> &str {
        parts(&self.0).map_or(&self.0, |(_, host_port)| host_port)
    }

    /// The host alone, an IPv6 address without its brackets.
    pub(crate) fn host(&self) -> &str {
        let host = split(self.host_port()).map_or("", |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where to listen: as [`Address::parse`], and the port may be 0.
pub(crate) fn bind_address(text: &str) -> Option<(&str, Scheme)> {
    let (scheme, host_port) = parts(text)?;
    split(host_port).map(|_| (host_port, scheme))
}

/// What stands before `://`, and behind it.
fn parts(text: &str) -> Option<(Scheme, &str)> {
    match text.split_once("://") {
        None => Some((Scheme::Plain, text)),
        Some(("tls", rest)) => Some((Scheme::Tls, rest)),
        Some(("skynet", rest)) => Some((Scheme::Skynet, rest)),
        Some(_) => None,
    }
}

/// Host and port of `host:port`; an address with colons of its own stands in brackets.
fn split(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| is_number)?;
    let is_bracketed = host.len() > 2 && host.starts_with('[') && host.ends_with(']');
    let is_bare = !host.is_empty() && !host.contains([':', '[', ']', '/']);
    let is_host = is_bracketed || is_bare;
    let is_visible = !host.contains(|c: char| c.is_whitespace() || c.is_control());
    (is_host && is_visible).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let check = |text: &str, scheme, host_port: &str| {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.scheme(), scheme, "{text}");
            assert_eq!(address.host_port(), host_port, "{text}");
            assert_eq!(address.text(), text);
        };
        check("127.0.0.1:2528", Scheme::Plain, "127.0.0.1:2528");
        check("db.example:1", Scheme::Plain, "db.example:1");
        check("[::1]:65535", Scheme::Plain, "[::1]:65535");
        check("tls://db:2528", Scheme::Tls, "db:2528");
        check(
            "skynet://[fe80::1%eth0]:9",
            Scheme::Skynet,
            "[fe80::1%eth0]:9",
        );
    }

    #[test]
    fn one_listens_on_any_port() {
        assert_eq!(bind_address("h:0"), Some(("h:0", Scheme::Plain)));
        assert_eq!(bind_address("tls://[::]:1"), Some(("[::]:1", Scheme::Tls)));
        assert_eq!(bind_address("h"), None);
        assert_eq!(bind_address("ftp://h:1"), None);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            ":",
            ":80",
            "db",
            "db:",
            "db:0",
            "db:65536",
            "db:-1",
            "db:+1",
            "db:8o",
            "::1:80",
            "[]:80",
            "[::1]",
            "d b:80",
            "http://db:80",
            "tls://",
            "tls://db",
            "db/x:80",
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}

//! Frames as values of their own, to compare.

use skynet_harbor_wire::{
    Control, Cookie, Extra, Flags, Format, Fragment, Frame, FrameError, Go, Hello, Parser,
    append_data, append_stock,
};

/// What a peer said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// A message.
    Data {
        flags: Flags,
        extra: Option<Extra>,
        fragment: Option<Fragment>,
        cookie: Cookie,
        body: Vec<u8>,
    },
    /// About the link.
    Control(Control),
    /// The bytes of its frame.
    Hello(Vec<u8>),
    /// From here on extended.
    Go(Go),
}

/// A message with the flags that belong to its parts.
pub(crate) fn message(
    mut flags: Flags,
    extra: Option<Extra>,
    fragment: Option<Fragment>,
    body: &[u8],
) -> Said {
    if extra.is_some() {
        flags |= Flags::EXTRA;
    }
    if fragment.is_some() {
        flags |= Flags::FRAGMENT;
    }
    let cookie = Cookie {
        source: 0x0700_0010,
        kind: 10,
        destination: 9,
        session: 5,
    };
    Said::Data {
        flags,
        extra,
        fragment,
        cookie,
        body: body.to_vec(),
    }
}

/// A stock message with the cookie of a greeting.
pub(crate) fn greeting(body: &[u8]) -> Said {
    let mut said = message(Flags::NONE, None, None, body);
    *said.cookie_mut() = Cookie {
        source: 0x0700_0000,
        kind: 7,
        destination: 1,
        session: 0x7fff_fffe,
    };
    said
}

pub(crate) fn hello() -> Hello<'static> {
    Hello {
        id: 7,
        keeps_listening: true,
        has_secret: false,
        gave_up: false,
        heartbeat_ms: 3000,
        epoch: 0x1122_3344_5566_7788,
        known_epoch: 5,
        last_received: 6,
        nonce: [7; 16],
        address: "127.0.0.1:2607",
    }
}

impl Said {
    pub(crate) fn hello(hello: &Hello<'_>) -> Self {
        Self::Hello(hello.write().unwrap())
    }

    pub(crate) fn cookie_mut(&mut self) -> &mut Cookie {
        match self {
            Self::Data { cookie, .. } => cookie,
            _ => panic!("{self:?} has no cookie"),
        }
    }

    pub(crate) fn kind(&mut self, kind: u8) {
        self.cookie_mut().kind = kind;
    }

    pub(crate) fn stock(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Data { cookie, body, .. } => append_stock(&mut bytes, *cookie, body).unwrap(),
            Self::Hello(frame) => bytes.extend(frame),
            Self::Go(go) => bytes = go.write(),
            Self::Control(_) => panic!("{self:?} is no stock frame"),
        }
        bytes
    }

    pub(crate) fn extended(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Data {
                flags,
                extra,
                fragment,
                cookie,
                body,
            } => append_data(&mut bytes, *flags, *extra, *fragment, *cookie, body).unwrap(),
            Self::Control(control) => bytes.extend(control.write().as_slice()),
            Self::Hello(_) | Self::Go(_) => panic!("{self:?} is no extended frame"),
        }
        bytes
    }
}

impl From<Frame<'_>> for Said {
    fn from(frame: Frame<'_>) -> Self {
        match frame {
            Frame::Data(data) => Self::Data {
                flags: data.flags,
                extra: data.extra,
                fragment: data.fragment,
                cookie: data.cookie,
                body: data.body.as_slice().to_vec(),
            },
            Frame::Control(control) => Self::Control(control),
            Frame::Hello(hello) => Self::hello(&hello),
            Frame::Go(go) => Self::Go(go),
        }
    }
}

/// What was said up to the end of the chunks or the first error.
pub(crate) type Outcome = (Vec<Said>, Option<FrameError>);

pub(crate) fn parse<'a>(
    format: Format,
    max: usize,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    run(Parser::new(format, max), chunks)
}

/// Begins in the stock format and goes on with the extended one after a GO.
pub(crate) fn parse_after_go<'a>(
    max: usize,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut parser = Parser::new(Format::Stock, max);
    let mut said = Vec::new();
    for mut chunk in chunks {
        loop {
            match parser.next(&mut chunk) {
                Ok(Some(frame)) => said.push(frame.into()),
                Ok(None) => break,
                Err(error) => return (said, Some(error)),
            }
            if let Some(Said::Go(_)) = said.last() {
                parser.switch(Format::Extended);
            }
        }
    }
    (said, None)
}

fn run<'a>(mut parser: Parser<Vec<u8>>, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut said = Vec::new();
    for mut chunk in chunks {
        loop {
            match parser.next(&mut chunk) {
                Ok(Some(frame)) => said.push(frame.into()),
                Ok(None) => break,
                Err(error) => return (said, Some(error)),
            }
        }
        assert!(chunk.is_empty(), "a chunk is used up");
    }
    (said, None)
}

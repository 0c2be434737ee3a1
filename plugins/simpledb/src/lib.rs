//! Service `simpledb`: keys and values in memory, as `.simpledb`.
//!
//! Requests are of kind `KIND_LUA`; the first value is the command, in capitals or not:
//!
//! | request | answer |
//! |---|---|
//! | `GET key` | the value, or nil |
//! | `SET key value` | the former value, or nil; nil as value removes the key |
//! | `DEL key` | the former value, or nil |
//! | `KEYS [prefix]` | an array of the keys that begin with it, in order |
//!
//! Keys are strings, values anything. Arguments: `keys=N` and `bytes=N` bound what it holds (1,000,000 keys and 256 MiB
//! unless said otherwise); when it is full, `SET` is answered with an error and changes nothing.

mod request;
mod store;

use request::answer;
use skynet_service::{Context, Error, KIND_LUA, RawMessage, RawService, Result, export};
use store::{Limits, Store};

struct SimpleDb {
    store: Store,
}

impl RawService for SimpleDb {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let store = Store::new(limits(args)?);
        cx.register(".simpledb")?;
        Ok(Self { store })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.kind() != KIND_LUA {
            return Err(Error::unsupported(format_args!(
                "the database takes lua messages, found kind {}",
                message.kind()
            )));
        }
        let answer = answer(&mut self.store, message.bytes())?;
        cx.reply(message, answer)?;
        Ok(())
    }
}

fn limits(args: &str) -> Result<Limits> {
    let mut limits = Limits::default();
    for word in args.split_whitespace() {
        let refuse = || {
            Error::msg(format_args!(
                "argument {word:?}: wanted keys=NUMBER or bytes=NUMBER"
            ))
        };
        let (name, value) = word.split_once('=').ok_or_else(refuse)?;
        let value = value.parse().map_err(|_| refuse())?;
        match name {
            "keys" => limits.keys = value,
            "bytes" => limits.bytes = value,
            _ => return Err(refuse()),
        }
    }
    Ok(limits)
}

export!(raw simpledb: SimpleDb);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_set_the_limits() {
        let check = |args: &str, expected: Option<(usize, usize)>| {
            let found = limits(args).ok().map(|limits| (limits.keys, limits.bytes));
            assert_eq!(found, expected, "{args}");
        };
        let default = Limits::default();
        check("", Some((default.keys, default.bytes)));
        check("keys=5", Some((5, default.bytes)));
        check("bytes=7 keys=5", Some((5, 7)));
        check("keys", None);
        check("keys=x", None);
        check("rooms=5", None);
    }
}

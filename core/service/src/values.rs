//! Payloads in the encoding of `skynet.pack`: what messages of `KIND_LUA` hold.

use skynet_seri::{PackArgs, Sink, SinkFull, UnpackArgs, UnpackError, WriteError};

use crate::{Buffer, Message, RawMessage, Reply};

impl Sink for Buffer {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkFull> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl Buffer {
    /// Values, written where they will be sent from: `Buffer::pack(&("SET", key, 42))?`.
    ///
    /// # Errors
    /// A value cannot be encoded: it is nested too deep or too large.
    pub fn pack<A: PackArgs + ?Sized>(args: &A) -> Result<Self, WriteError> {
        skynet_seri::pack_into(Self::new(), args)
    }
}

macro_rules! unpacked {
    ($($type:ty),*) => { $(
        impl $type {
            /// The values of the payload: `let (command, key) = message.unpack::<(&str, &str)>()?`.
            ///
            /// # Errors
            /// The payload is not an encoding of such values.
            pub fn unpack<'a, A: UnpackArgs<'a>>(&'a self) -> Result<A, UnpackError> {
                skynet_seri::unpack(self.bytes())
            }
        }
    )* };
}

unpacked!(Message, RawMessage<'_>, Reply);

#[cfg(test)]
mod tests {
    use crate::testing::Node;
    use crate::{Buffer, Context, KIND_LUA, Message, Result, Service};

    struct Sum;

    impl Service for Sum {
        async fn start(_cx: &Context, _args: &str) -> Result<Self> {
            Ok(Self)
        }

        async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
            let (name, one, two) = message.unpack::<(&str, i64, i64)>()?;
            Ok(cx.reply(&message, Buffer::pack(&(name, one + two))?)?)
        }
    }

    #[test]
    fn values_go_there_and_back() {
        let mut node = Node::new();
        let sum = node.launch::<Sum>("").unwrap();
        let question = Buffer::pack(&("sum", 2, 3)).unwrap();
        let reply = node.call(sum, KIND_LUA, question).unwrap();
        assert_eq!(reply.unpack::<(&str, i64)>().unwrap(), ("sum", 5));
        let error = node.call(sum, KIND_LUA, b"\xff").unwrap_err();
        assert_eq!(error.reason(), crate::Reason::FAILED);
    }
}

//! The callee's part, with tasks: `test_stress_task NUMBER`.

use std::time::Duration;

use skynet_service::{
    Context, FLAG_REDIRECTED, Local, Message, OnPanic, Reason, Result, Service, bail,
};

use crate::actor::KIND_AUDIT;
use crate::director::name;
use crate::figures;
use crate::graves;
use crate::payloads::{self, KIND_BLOCK, KIND_SHARED};
use crate::promises::Numbers;
use crate::request::{KIND_NUMBERED, KIND_REQUEST, Request, Wish};

/// See the module.
pub(crate) struct Task {
    /// Who is asked next.
    next: Local<u64>,
    received: Local<Numbers>,
}

impl Task {
    /// What is no request.
    fn take(&self, cx: &Context, message: &Message) -> Result<()> {
        let source = message.source().0;
        match message.kind() {
            KIND_NUMBERED => {
                let number = u64::from_le_bytes(message.bytes().try_into()?);
                self.received
                    .with(|received| received.expect(cx, source, number));
            }
            KIND_AUDIT => {
                let count = u64::from_le_bytes(message.bytes().try_into()?);
                self.received
                    .with(|received| received.expect_all(cx, source, count));
                cx.reply(message, message.bytes())?;
            }
            KIND_BLOCK => {
                figures::BLOCKS_CAME.count();
                payloads::check(cx, message.bytes(), source, "a payload");
            }
            KIND_SHARED => {
                figures::SHARED_CAME.count();
                payloads::check(cx, message.bytes(), source, "a shared payload");
            }
            _ if message.is_call() => cx.reply(message, "?")?,
            _ => {}
        }
        Ok(())
    }

    fn someone(&self) -> String {
        self.next.with(|next| {
            *next += 1;
            name(*next % 16)
        })
    }
}

impl Service for Task {
    const ON_PANIC: OnPanic = OnPanic::Request;

    async fn start(cx: &Context, args: &str) -> Result<Self> {
        let number: u64 = args.trim().parse()?;
        graves::born(cx);
        cx.register(&name(number))?;
        Ok(Self {
            next: Local::new(number),
            received: Local::new(Numbers::default()),
        })
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        figures::HANDLED.count();
        if message.kind() != KIND_REQUEST {
            return self.take(cx, &message);
        }
        let Some(request) = Request::parse(message.bytes()) else {
            bail!("this is no request");
        };
        if message.flags() & FLAG_REDIRECTED == 0 && request.number != u64::MAX {
            // Before anything is awaited, so still in the order in which messages came.
            let source = message.source().0;
            self.received
                .with(|received| received.expect(cx, source, request.number));
        }
        match request.wish {
            Wish::Fail => bail!("as was wished"),
            Wish::Drop => return Ok(()),
            Wish::Panic => panic!("as was wished"),
            Wish::Exit => cx.exit_with(Reason::FAILED, "as was wished"),
            Wish::Hold | Wish::Sleep => cx.sleep(Duration::from_millis(request.token % 20)).await,
            // Now and then it is answered, so that nothing goes round in circles for ever.
            Wish::PassOn if self.next.get().is_multiple_of(2) => {
                if let Err(error) = cx.redirect(message, self.someone().as_str()) {
                    cx.reply_error(&*error.message, Reason::REFUSED, "nobody is there")?;
                }
                return Ok(());
            }
            Wish::Ask => {
                let asked = Request {
                    wish: Wish::Answer,
                    number: u64::MAX,
                    ..request
                };
                let limit = Duration::from_millis(1 + request.token % 50);
                let bytes = asked.to_bytes();
                let reply = cx
                    .call_timeout(self.someone().as_str(), KIND_REQUEST, &bytes[..], limit)
                    .await?;
                cx.reply(&message, reply)?;
                return Ok(());
            }
            Wish::Spin | Wish::Block => {
                cx.blocking(|| std::thread::sleep(Duration::from_millis(request.token % 10)));
            }
            Wish::Answer | Wish::Elsewhere | Wish::PassOn => self.next.with(|next| *next += 1),
        }
        cx.reply(&message, &request.token.to_le_bytes()[..])?;
        Ok(())
    }
}

//! The callee's part, with tasks: `test_stress_task NUMBER`.

use std::time::Duration;

use skynet_service::{Context, Local, Message, OnPanic, Reason, Result, Service, bail};

use crate::director::name;
use crate::figures;
use crate::request::{KIND_REQUEST, Request, Wish};

/// See the module.
pub(crate) struct Task {
    /// Who is asked next.
    next: Local<u64>,
}

impl Task {
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
        cx.register(&name(number))?;
        Ok(Self {
            next: Local::new(number),
        })
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        figures::HANDLED.count();
        if message.kind() != KIND_REQUEST || !message.is_call() {
            if message.is_call() {
                cx.reply(&message, "?")?;
            }
            return Ok(());
        }
        let Some(request) = Request::parse(message.bytes()) else {
            bail!("this is no request");
        };
        match request.wish {
            Wish::Fail => bail!("as was wished"),
            Wish::Drop => return Ok(()),
            Wish::Panic => panic!("as was wished"),
            Wish::Exit => cx.exit_with(Reason::FAILED, "as was wished"),
            Wish::Hold | Wish::Sleep => cx.sleep(Duration::from_millis(request.token % 20)).await,
            Wish::PassOn => {
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
            Wish::Answer => {}
        }
        cx.reply(&message, &request.token.to_le_bytes()[..])?;
        Ok(())
    }
}

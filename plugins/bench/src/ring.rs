//! A ring of services in which tokens go round: `bench_ring MILLISECONDS SERVICES TOKENS`.

use skynet_service::{
    Context, Error, Handle, KIND_SYSTEM, KIND_TEXT, RawMessage, RawService, Result,
};

use crate::board::{self, Counter};
use crate::conductor::Scene;
use crate::pairs::SIZE;

/// Every so many services one counts: a counter each would be memory that no real service touches.
const STEP: usize = 50;

/// The ring.
pub(crate) struct Ring {
    counters: Vec<&'static Counter>,
}

impl Scene for Ring {
    const NAME: &'static str = "ring";

    fn open(cx: &Context, args: &str) -> Result<Self> {
        let (services, tokens) = args
            .split_once(' ')
            .ok_or_else(|| Error::msg("wanted numbers of services and tokens"))?;
        let (services, tokens): (usize, usize) = (services.parse()?, tokens.parse()?);
        if services == 0 || !services.is_multiple_of(STEP) || tokens == 0 {
            return Err(Error::msg(format_args!(
                "{services} services are not a multiple of {STEP}, or there are no tokens"
            )));
        }
        let links = launch(cx, services)?;
        for token in 0..tokens {
            let link = links[token * services / tokens % services];
            cx.send(link, KIND_TEXT, &[0; SIZE])?;
        }
        Ok(Self {
            counters: (0..services / STEP).map(board::counter).collect(),
        })
    }

    fn counters(&self) -> &[&'static Counter] {
        &self.counters
    }

    fn weight(&self) -> u64 {
        STEP as u64
    }
}

/// Launches the services, each knowing the one before it, and closes the ring.
fn launch(cx: &Context, services: usize) -> Result<Vec<Handle>> {
    let mut links = Vec::with_capacity(services);
    let mut next = cx.handle();
    for number in 0..services {
        let counter = if number % STEP == 0 {
            (number / STEP).to_string()
        } else {
            "-".to_owned()
        };
        next = cx.launch_now(&format!("bench_link {next} {counter}"))?;
        links.push(next);
    }
    cx.send(links[0], KIND_SYSTEM, &next.0.to_le_bytes())?;
    Ok(links)
}

/// Passes every token on: `bench_link NEXT COUNTER`, with `-` for no counter. A `KIND_SYSTEM` message names another next.
pub(crate) struct Link {
    next: Handle,
    counter: Option<&'static Counter>,
}

impl RawService for Link {
    fn start(_cx: &Context, args: &str) -> Result<Self> {
        let (next, counter) = args
            .trim()
            .split_once(' ')
            .ok_or_else(|| Error::msg("wanted a handle and a counter"))?;
        let counter = match counter {
            "-" => None,
            number => Some(board::counter(number.parse()?)),
        };
        Ok(Self {
            next: next.parse()?,
            counter,
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.kind() == KIND_SYSTEM {
            self.next = Handle(u32::from_le_bytes(message.bytes().try_into()?));
            return Ok(());
        }
        if let Some(counter) = self.counter {
            counter.add(1);
        }
        cx.send(self.next, KIND_TEXT, message.bytes())?;
        Ok(())
    }
}

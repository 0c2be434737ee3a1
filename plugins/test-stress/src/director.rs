//! Keeps the others alive: `test_stress_director SEED ACTORS`. Calls with a text: `START`, `STOP` (answered when nobody is
//! left), `STATS`.

use std::collections::HashMap;

use skynet_service::{
    Context, Error, Handle, KIND_EXIT, KIND_TEXT, Message, RawMessage, RawService, Result, bail,
};

use crate::figures;
use crate::promises::violation;
use crate::random::Random;

/// Each so many-th is a service with tasks.
const TASKS: u64 = 4;

/// What the others are called.
pub(crate) fn name(number: u64) -> String {
    format!(".s{number}")
}

/// See the module.
pub(crate) struct Director {
    random: Random,
    actors: u64,
    runs: bool,
    /// Who is alive, and which place it has; the place behind the last is the door's.
    alive: HashMap<Handle, u64>,
    /// Who waits until nobody is left.
    stopped: Option<Message>,
}

impl Director {
    fn launch(&mut self, cx: &Context, place: u64) -> Result<()> {
        let line = if place == self.actors {
            "test_stress_door".to_owned()
        } else if place % TASKS == TASKS - 1 {
            format!("test_stress_task {place}")
        } else {
            format!(
                "test_stress_actor {place} {} {}",
                self.actors,
                self.random.next()
            )
        };
        let handle = match cx.launch_now(&line) {
            Ok(handle) => handle,
            // A node that stops launches nobody.
            Err(error) if error.text.contains("stopping") => return Ok(()),
            Err(error) => {
                violation(format_args!("{line} was not launched: {error}"));
                return Err(error.into());
            }
        };
        figures::LIVES.count();
        if self.alive.insert(handle, place).is_some() {
            violation(format_args!("handle {handle} was used again"));
        }
        cx.watch_raw(handle)?;
        Ok(())
    }

    fn ended(&mut self, cx: &Context, handle: Handle) -> Result<()> {
        match self.alive.remove(&handle) {
            Some(place) if self.runs => self.launch(cx, place)?,
            Some(_) => {}
            None => violation(format_args!("the end of {handle} was told twice")),
        }
        if cx.send(handle, KIND_TEXT, "are you there?").is_ok() {
            violation(format_args!("{handle} has ended and takes messages"));
        }
        self.finish(cx)
    }

    fn finish(&mut self, cx: &Context) -> Result<()> {
        if self.alive.is_empty()
            && let Some(waiting) = self.stopped.take()
        {
            cx.reply(&waiting, figures::line().as_str())?;
        }
        Ok(())
    }

    fn stop(&mut self, cx: &Context, message: Message) -> Result<()> {
        self.runs = false;
        self.stopped = Some(message);
        for handle in self.alive.keys() {
            // Some have ended by themselves already.
            let _ = cx.kill(*handle);
        }
        self.finish(cx)
    }
}

impl RawService for Director {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let (seed, actors) = args
            .trim()
            .split_once(' ')
            .ok_or_else(|| Error::msg("wanted a seed and a number of actors"))?;
        cx.register(".director")?;
        Ok(Self {
            random: Random::new(seed.parse()?),
            actors: actors.parse()?,
            runs: false,
            alive: HashMap::new(),
            stopped: None,
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.kind() {
            KIND_EXIT => self.ended(cx, message.source()),
            KIND_TEXT => match message.bytes() {
                b"START" => {
                    self.runs = true;
                    (0..=self.actors).try_for_each(|place| self.launch(cx, place))?;
                    Ok(cx.reply(message, "started")?)
                }
                b"STOP" => {
                    let message = message.keep();
                    self.stop(cx, message)
                }
                b"STATS" => Ok(cx.reply(message, figures::line().as_str())?),
                _ => bail!("wanted START, STOP or STATS"),
            },
            _ => Ok(()),
        }
    }
}

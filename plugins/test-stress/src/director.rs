//! Keeps the others alive: `test_stress_director SEED ACTORS`. Calls with a text: `START WILD`, `START PEACEFUL`, `REST`,
//! `STOP` (answered when nobody is left), `STATS`.

use std::collections::HashMap;

use std::time::Duration;

use skynet_service::{
    Context, Error, Handle, KIND_EXIT, KIND_TEXT, Message, RawMessage, RawService, Result, bail,
};

use crate::figures;
use crate::mode::{self, Mode, mode};
use crate::promises::violation;
use crate::random::Random;

/// Each so many-th is a service with tasks.
const TASKS: u64 = 4;
/// Once in so many looks at the figures a crowd comes and goes.
const CROWD_AFTER: u64 = 4;
/// An actor that had no tick for so long is starved, or its wake-up was lost.
const STARVED: Duration = Duration::from_secs(12);

/// What the others are called.
pub(crate) fn name(number: u64) -> String {
    format!(".s{number}")
}

/// Whether a service with tasks has this place.
fn is_task(place: u64) -> bool {
    place % TASKS == TASKS - 1
}

/// See the module.
pub(crate) struct Director {
    seed: u64,
    actors: u64,
    /// How many lives each place has had.
    lives: HashMap<u64, u64>,
    /// How often somebody has asked for figures.
    looks: u64,
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
        } else if is_task(place) {
            format!("test_stress_task {place}")
        } else {
            let life = self.lives.entry(place).or_default();
            *life += 1;
            let seed = Random::of(self.seed, [place, *life]).next();
            format!("test_stress_actor {place} {} {seed}", self.actors)
        };
        let handle = match cx.launch_now(&line) {
            Ok(handle) => handle,
            // A node that stops launches nobody.
            Err(error) if error.text.contains("stopping") => return Ok(()),
            Err(error) => {
                violation(
                    cx,
                    "launches",
                    0,
                    format_args!("{line} was not launched: {error}"),
                );
                return Err(error.into());
            }
        };
        figures::LIVES.count();
        if self.alive.insert(handle, place).is_some() {
            violation(
                cx,
                "handles",
                handle.0,
                format_args!("handle {handle} was used again"),
            );
        }
        cx.watch_raw(handle)?;
        Ok(())
    }

    fn ended(&mut self, cx: &Context, handle: Handle) -> Result<()> {
        match self.alive.remove(&handle) {
            Some(place) if self.runs => self.launch(cx, place)?,
            Some(_) => {}
            None => violation(
                cx,
                "ends",
                handle.0,
                format_args!("the end of {handle} was told twice"),
            ),
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

    fn start_all(&mut self, cx: &Context, mode: Mode) -> Result<()> {
        mode::set(mode);
        self.runs = true;
        (0..=self.actors).try_for_each(|place| self.launch(cx, place))
    }

    /// Now and then there are very many.
    fn gather_crowd(&mut self, cx: &Context) {
        self.looks += 1;
        if mode() == Mode::Wild && self.looks.is_multiple_of(CROWD_AFTER) {
            // A node that stops launches nobody.
            let _ = cx.launch_now("test_stress_brief CROWD 0");
        }
    }

    /// Sees that every actor goes on.
    fn check_ticks(&self, cx: &Context) {
        if mode() == Mode::Rest {
            return;
        }
        for (handle, &place) in &self.alive {
            let since = mode::since_tick(place, cx.now());
            if place < self.actors && !is_task(place) && since > STARVED {
                violation(
                    cx,
                    "no starvation",
                    handle.0,
                    format_args!("{handle} at {} has had no turn for {since:?}", name(place)),
                );
            }
        }
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
        cx.launch_now("test_stress_undertaker")?;
        Ok(Self {
            seed: seed.parse()?,
            actors: actors.parse()?,
            lives: HashMap::new(),
            looks: 0,
            runs: false,
            alive: HashMap::new(),
            stopped: None,
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.kind() {
            KIND_EXIT => self.ended(cx, message.source()),
            KIND_TEXT => match message.bytes() {
                b"START WILD" => {
                    self.start_all(cx, Mode::Wild)?;
                    Ok(cx.reply(message, "started")?)
                }
                b"START PEACEFUL" => {
                    self.start_all(cx, Mode::Peaceful)?;
                    Ok(cx.reply(message, "started")?)
                }
                b"REST" => {
                    mode::set(Mode::Rest);
                    Ok(cx.reply(message, "resting")?)
                }
                b"STOP" => {
                    let message = message.keep();
                    self.stop(cx, message)
                }
                b"STATS" => {
                    self.check_ticks(cx);
                    self.gather_crowd(cx);
                    Ok(cx.reply(message, figures::line().as_str())?)
                }
                _ => bail!("wanted START, REST, STOP or STATS"),
            },
            _ => Ok(()),
        }
    }
}

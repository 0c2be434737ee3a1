//! A service that hardly lives: `test_stress_brief HOW NUMBER`. Its slot in the handle table is soon another's.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use skynet_service::{Context, Handle, KIND_TEXT, Outgoing, RawMessage, RawService, Result, bail};

use crate::director::name;
use crate::door;
use crate::figures;
use crate::graves;
use crate::payloads::{self, KIND_BLOCK};
use crate::promises::violation;
use crate::random::Random;
use crate::request::{KIND_REQUEST, Request};

/// Ways to live: not at all, no longer than the start, until the first message, with a name that others want too, and
/// with a start that takes so long that others find it and kill it meanwhile.
pub(crate) const HOW: [&str; 6] = ["FAIL", "EXIT", "STAY", "STAY", "CLAIM", "SLOW"];
/// Names that services in a slow start try to get.
const UNBORN: u64 = 3;
/// Names that several services want.
const CLAIMS: usize = 4;
/// How long it lives if no message comes.
const LIFE: Duration = Duration::from_millis(20);

/// So many live at once for a moment that the memory of some goes back to the system afterwards.
const CROWD: u32 = 6_000;
/// Below are those that nobody may disturb: the director, and what the scenario needs.
const FIRST: u32 = 64;

/// The last handle of the crowd of now.
static LAST_OF_CROWD: AtomicU32 = AtomicU32::new(0);
/// There is one at a time.
static HAS_CROWD: AtomicBool = AtomicBool::new(false);

/// Who had each of those names last.
static HOLDERS: [AtomicU32; CLAIMS] = [const { AtomicU32::new(0) }; CLAIMS];

/// See the module.
pub(crate) struct Brief;

/// The name of one that may be in a slow start.
pub(crate) fn unborn(random: &mut Random) -> String {
    format!(".unborn{}", random.below(UNBORN))
}

/// One who may belong to the crowd, or has.
pub(crate) fn one_of_the_crowd(random: &mut Random) -> Handle {
    let last = LAST_OF_CROWD.load(Ordering::Relaxed);
    let handle = last.saturating_sub(random.below(u64::from(CROWD)) as u32);
    Handle(handle.max(FIRST))
}

impl RawService for Brief {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        graves::born(cx);
        let (how, number) = args.trim().split_once(' ').unwrap_or((args, "0"));
        let mut random = Random::new(number.parse()?);
        match how {
            "FAIL" => bail!("a start that fails"),
            "EXIT" => cx.exit(),
            "CLAIM" => claim(cx, random.below(CLAIMS as u64) as usize),
            "SLOW" => start_slowly(cx, &mut random),
            "CROWD" if !HAS_CROWD.swap(true, Ordering::Relaxed) => {
                gather(cx);
                HAS_CROWD.store(false, Ordering::Relaxed);
                cx.exit();
            }
            "CROWD" => cx.exit(),
            _ => {}
        }
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, _message: &mut RawMessage<'_>) -> Result<()> {
        cx.exit();
        Ok(())
    }
}

/// A name belongs to one service at a time.
fn claim(cx: &Context, number: usize) {
    let wanted = format!(".claim{number}");
    if cx.register(&wanted).is_err() {
        return;
    }
    figures::CLAIMS.count();
    let before = HOLDERS[number].swap(cx.handle().0, Ordering::SeqCst);
    if before != 0 && cx.send(Handle(before), KIND_TEXT, "").is_ok() {
        violation(
            cx,
            "names",
            before,
            format_args!("{wanted} was given away while :{before:08x} had it"),
        );
    }
    let found = cx.query(&wanted);
    // Unless somebody killed it meanwhile.
    if found != Some(cx.handle()) && cx.send(cx.handle(), KIND_TEXT, "").is_ok() {
        violation(
            cx,
            "names",
            0,
            format_args!("{wanted} belongs to {} and leads to {found:?}", cx.handle()),
        );
    }
}

/// Launches a crowd and kills it.
fn gather(cx: &Context) {
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        // A node that stops launches nobody.
        let Ok(handle) = cx.launch_now("test_stress_brief IDLE 0") else {
            break;
        };
        LAST_OF_CROWD.store(handle.0, Ordering::Relaxed);
        crowd.push(handle);
    }
    figures::CROWDS.count();
    for handle in crowd {
        // Some have ended by themselves already.
        let _ = cx.kill(handle);
    }
}

/// Does what has consequences, and goes on for a while before it is born.
fn start_slowly(cx: &Context, random: &mut Random) {
    // Another may have it.
    let _ = cx.register(&unborn(random));
    let _ = cx.timer_set(LIFE, 1);
    if let Some((address, _)) = door::address() {
        let _ = cx.socket_connect(&address, Duration::from_secs(10));
        let _ = cx.socket_listen("127.0.0.1:0", 0);
    }
    let peer = name(random.below(16));
    let block = payloads::make(random);
    if cx
        .send_message(Outgoing::new(peer.as_str(), KIND_BLOCK, block))
        .is_ok()
    {
        figures::BLOCKS_SENT.count();
    }
    let bytes = Request::draw(random, u64::MAX, true).to_bytes();
    // Nobody waits for the answer: it has ended by then.
    let _ = cx.call_raw(Outgoing::new(peer.as_str(), KIND_REQUEST, &bytes[..]));
    let time = Duration::from_micros(random.below(3_000));
    cx.blocking(|| std::thread::sleep(time));
}

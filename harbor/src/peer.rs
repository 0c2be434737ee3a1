//! What the harbor knows of another node.

use std::time::Duration;

use skynet_harbor_wire::{Control, Format, Reassembler};
use skynet_service::socket::SocketId;
use skynet_service::{Buffer, PeerState};

use crate::body::Body;
use crate::outbox::Outbox;

/// Messages in fragments that a peer may have under way, and their bytes together. Ours have 16 at most.
const STREAMS: usize = 32;
const STREAM_BYTES: usize = 32 * (16 << 20);

/// The first pause before a node is dialled again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a node runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Not known yet.
    Unknown,
    /// An unmodified Skynet.
    Unmodified,
    /// This.
    Ours,
}

impl Kind {
    /// As the slave says it.
    pub(crate) const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Unmodified,
            2 => Self::Ours,
            _ => Self::Unknown,
        }
    }

    /// As the slave is told.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Unmodified => 1,
            Self::Ours => 2,
        }
    }

    pub(crate) const fn format(self) -> Format {
        match self {
            Self::Ours => Format::Extended,
            Self::Unknown | Self::Unmodified => Format::Stock,
        }
    }
}

/// Whether messages can be sent to a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// It may still come: messages wait.
    Joining,
    /// There is a proven connection.
    Up,
    /// The connection was cut, and may come back: messages wait.
    Cut,
    /// It does not answer, or nobody has this id: messages are refused.
    Lost,
}

/// Another node of the network, or one that is waited for.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: u8,
    /// Where it listens; empty when that is not known.
    pub(crate) address: String,
    pub(crate) kind: Kind,
    /// The life that the master tells of; 0 when it does not.
    pub(crate) told: u64,
    /// The life that frames are counted for; 0: none yet.
    pub(crate) life: u64,
    /// Both lives began anew here, while the peer still remembered them, and nothing has shown yet that it knows.
    pub(crate) is_doubtful: bool,
    /// It was taken for lost since its last connection: answers to its calls may have been dropped.
    pub(crate) gave_up: bool,
    /// The last life of it that has ended: it is not taken for alive again.
    pub(crate) ended: u64,
    /// Whether this node is the one that dials.
    pub(crate) dials: bool,
    /// Whether it can be dialled after its start-up.
    pub(crate) keeps_listening: bool,
    pub(crate) state: State,
    /// What the core was told of it.
    pub(crate) told_core: PeerState,
    /// The proven connection.
    pub(crate) link: Option<SocketId>,
    /// A connection of our own that is not proven yet.
    pub(crate) attempt: Option<SocketId>,
    /// How long to wait before it is dialled again.
    pub(crate) pause: Duration,
    /// Counts states, so that a timer of an old one is known.
    pub(crate) generation: u32,
    pub(crate) outbox: Outbox,
    /// Messages that may still wait above the limit: those that were sent before the senders were stopped.
    pub(crate) overdraft: usize,
    /// More waits in the socket than is good.
    pub(crate) congested: bool,
    /// It is in the list of those that have something to write.
    pub(crate) dirty: bool,
    /// Control frames to write.
    pub(crate) control: Buffer,
    /// Frames of this life that lie in mailboxes.
    pub(crate) received: u64,
    /// How many of them it was told of, and bytes that came since.
    pub(crate) acknowledged: u64,
    pub(crate) since_ack: usize,
    pub(crate) reassembler: Reassembler<Body>,
    /// After how much silence it is lost.
    pub(crate) heartbeat: Duration,
    /// When something came from it, and when that was last looked at.
    pub(crate) heard: Duration,
    pub(crate) beaten: Duration,
    /// The last round trip.
    pub(crate) rtt: Duration,
    pub(crate) counts: Counts,
}

/// What happened to messages of a peer, since the node began.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counts {
    /// Handed to its connection.
    pub(crate) sent: u64,
    /// That came from it.
    pub(crate) received: u64,
    /// That were to go there, or came from there, and were given up.
    pub(crate) dropped: u64,
    /// Connections after the first one.
    pub(crate) reconnects: u64,
}

impl Peer {
    pub(crate) fn new(id: u8, heartbeat: Duration) -> Self {
        Self {
            id,
            address: String::new(),
            kind: Kind::Unknown,
            told: 0,
            life: 0,
            is_doubtful: false,
            gave_up: false,
            ended: 0,
            dials: false,
            keeps_listening: true,
            state: State::Joining,
            told_core: PeerState::Open,
            link: None,
            attempt: None,
            pause: FIRST_PAUSE,
            generation: 0,
            outbox: Outbox::default(),
            overdraft: 0,
            congested: false,
            dirty: false,
            control: Buffer::new(),
            received: 0,
            acknowledged: 0,
            since_ack: 0,
            reassembler: Reassembler::new(STREAMS, STREAM_BYTES),
            heartbeat,
            heard: Duration::ZERO,
            beaten: Duration::ZERO,
            rtt: Duration::ZERO,
            counts: Counts::default(),
        }
    }

    /// Goes on to another state: timers of the old one mean nothing any more.
    pub(crate) fn set_state(&mut self, state: State) {
        self.state = state;
        self.generation = self.generation.wrapping_add(1);
    }

    pub(crate) const fn is_up(&self) -> bool {
        matches!(self.state, State::Up)
    }

    /// The pause before it is dialled again; twice as long the next time.
    pub(crate) fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        match self.state {
            // It is to be found as soon as it is there again, and not when its time is up.
            State::Cut => pause.min(self.heartbeat / 8),
            _ => pause,
        }
    }

    pub(crate) fn dial_at_once(&mut self) {
        self.pause = FIRST_PAUSE;
    }

    /// Has a control frame written. An unmodified node would take it for the end of the connection: it gets none.
    pub(crate) fn control(&mut self, control: Control) {
        if self.kind == Kind::Ours {
            self.control.extend_from_slice(&control.write());
        }
    }

    /// Has all that came acknowledged with what is written next.
    pub(crate) fn acknowledge(&mut self) {
        if self.acknowledged < self.received {
            self.acknowledged = self.received;
            self.since_ack = 0;
            self.control(Control::Ack(self.received));
        }
    }

    /// The life whose frames can be gone on with, and how many of them have come; 0: the next connection begins anew.
    pub(crate) const fn resumable(&self) -> (u64, u64) {
        if self.is_doubtful || self.life == 0 {
            (0, 0)
        } else {
            (self.life, self.received)
        }
    }

    /// A life begins, or the only one that is known has no number.
    pub(crate) fn begin_life(&mut self, life: u64) {
        self.life = life;
        self.is_doubtful = false;
        self.gave_up = false;
        self.received = 0;
        self.acknowledged = 0;
        self.since_ack = 0;
        self.control.clear();
        self.reassembler.clear();
    }
}

/// All nodes by their id.
#[derive(Debug)]
pub(crate) struct Peers(Vec<Option<Box<Peer>>>);

impl Default for Peers {
    fn default() -> Self {
        Self((0..=u8::MAX).map(|_| None).collect())
    }
}

impl Peers {
    #[inline]
    pub(crate) fn get(&mut self, id: u8) -> Option<&mut Peer> {
        self.0.get_mut(usize::from(id))?.as_deref_mut()
    }

    /// The node with this id, made by `make` if it is not known.
    pub(crate) fn get_or(&mut self, id: u8, make: impl FnOnce() -> Peer) -> &mut Peer {
        self.0[usize::from(id)].get_or_insert_with(|| Box::new(make()))
    }

    pub(crate) fn iter(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.0.iter_mut().flatten().map(|peer| &mut **peer)
    }
}

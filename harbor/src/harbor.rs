//! The service: what it knows, and which message goes where.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use skynet_service::socket::SocketId;
use skynet_service::{
    Context, Error, Handle, KIND_LUA, KIND_SOCKET, KIND_TIMER, KIND_WAKE, PeerState, RawMessage,
    RawService, Responder, Result, ResultExt, log,
};

use crate::connection::Connection;
use crate::names::Names;
use crate::peer::{Peer, Peers};
use crate::settings::Settings;
use crate::timer::Timer;

/// Carries messages between nodes.
#[derive(Debug)]
pub(crate) struct Harbor {
    /// Who tells of other nodes and of names.
    pub(crate) slave: Handle,
    pub(crate) settings: Settings,
    /// `None` until the node has its id.
    pub(crate) me: Option<Me>,
    pub(crate) listener: Option<Listener>,
    pub(crate) connections: HashMap<SocketId, Connection>,
    pub(crate) peers: Peers,
    pub(crate) names: Names,
    /// Requests of other nodes that came by way of a third one: whose answers say so.
    pub(crate) relayed: HashSet<(Handle, i32)>,
    /// Peers that have something to write, and whether the message that makes them do so is on its way.
    pub(crate) dirty: Vec<u8>,
    pub(crate) flushing: bool,
    /// Until then any node may still come.
    pub(crate) gathering_until: Duration,
    /// When the log was last told that connections are turned away.
    pub(crate) complained: Option<Duration>,
    /// Since when, and how many strangers it was told of.
    pub(crate) strangers: (Duration, u32),
}

/// This node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Me {
    /// 0 in a node without a network.
    pub(crate) id: u8,
    pub(crate) epoch: u64,
}

/// Where other nodes connect to.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: SocketId,
    /// As it is bound; empty before that.
    pub(crate) address: String,
    /// Who wants to know.
    pub(crate) asked: Option<Responder>,
}

impl RawService for Harbor {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let words: Vec<_> = args.split_ascii_whitespace().collect();
        let (slave, single) = match words[..] {
            [slave] => (slave, false),
            [slave, "single"] => (slave, true),
            _ => {
                return Err(Error::msg(format_args!(
                    "found {args:?}, wanted the handle of the slave, which launches the harbor"
                )));
            }
        };
        let mut harbor = Self {
            slave: slave.parse().context("the handle of the slave")?,
            settings: Settings::read(cx)?,
            me: None,
            listener: None,
            connections: HashMap::new(),
            peers: Peers::default(),
            names: Names::default(),
            relayed: HashSet::new(),
            dirty: Vec::new(),
            flushing: false,
            gathering_until: Duration::ZERO,
            complained: None,
            strangers: (Duration::ZERO, 0),
        };
        if single {
            cx.become_harbor(0)?;
            harbor.me = Some(Me { id: 0, epoch: 0 });
        }
        // It has no purpose without the other.
        cx.watch_raw(harbor.slave)?;
        Ok(harbor)
    }

    #[inline]
    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.kind() {
            KIND_SOCKET => self.on_socket(cx, message),
            // Numbers from 256 up are the node's own, which nobody can send.
            0..=255 if message.destination() != cx.handle() || message.name().is_some() => {
                self.on_outgoing(cx, message);
            }
            KIND_WAKE => self.flush(cx),
            KIND_TIMER => self.on_timer(cx, message.value()),
            KIND_LUA if message.source() == self.slave => return self.on_command(cx, message),
            skynet_service::KIND_EXIT => cx.exit(),
            kind => {
                return Err(Error::unsupported(format_args!(
                    "message of kind {kind} from {}: the harbor listens to the slave only",
                    message.source()
                )));
            }
        }
        Ok(())
    }

    fn on_stop(&mut self, cx: &Context) {
        self.say_goodbye(cx);
    }
}

impl Harbor {
    pub(crate) fn my_id(&self) -> u8 {
        self.me.map_or(0, |me| me.id)
    }

    pub(crate) fn my_epoch(&self) -> u64 {
        self.me.map_or(0, |me| me.epoch)
    }

    /// Whether a handle is of a service of this node.
    pub(crate) fn is_mine(&self, handle: Handle) -> bool {
        handle.harbor() == 0 || handle.harbor() == self.my_id()
    }

    /// A handle as other nodes know it: services that were launched before the node had its id have none in theirs.
    pub(crate) fn full(&self, handle: Handle) -> Handle {
        if handle.harbor() == 0 {
            return Handle(u32::from(self.my_id()) << 24 | handle.0);
        }
        handle
    }

    /// The node with this id. One that is not known may still come: what is for it waits, but not for ever.
    pub(crate) fn await_peer(&mut self, cx: &Context, id: u8) -> &mut Peer {
        let (heartbeat, wait) = (self.settings.heartbeat, self.settings.wait);
        self.peers.get_or(id, || {
            // The core may have been told that nobody has this id.
            if let Err(error) = cx.set_peer_state(id, PeerState::Open) {
                log::error!("{error}");
            }
            Timer::Deadline(id, 0).set(cx, wait);
            Peer::new(id, heartbeat)
        })
    }
}

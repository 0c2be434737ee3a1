//! What the slave says, and what it is told. Both in the lua protocol; numbers of 64 bits travel as signed ones.

use std::time::Duration;

use skynet_seri::{PackArgs, Reader, Table, UnpackArgs, Value, pack, unpack_prefix};
use skynet_service::socket::SocketId;
use skynet_service::{
    Context, Error, Handle, KIND_LUA, PeerState, RawMessage, Responder, Result, bail, log,
};

use crate::connection::Role;
use crate::harbor::{Harbor, Listener, Me};
use crate::peer::{Kind, Peer, State};
use crate::timer::Timer;

impl Harbor {
    /// The slave wants something.
    pub(crate) fn on_command(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let ((command,), mut arguments) = unpack_prefix::<(&str,)>(message.bytes())?;
        match command {
            "listen" => {
                let (address,) = take::<(&str,)>(&mut arguments)?;
                let address = address.to_owned();
                return self.listen(cx, message, &address);
            }
            "identity" => {
                let (id, epoch) = take::<(u8, i64)>(&mut arguments)?;
                self.identify(cx, id, epoch.cast_unsigned())?;
                return Ok(cx.reply(message, ())?);
            }
            "expect" | "dial" => {
                let (id, epoch, kind, address) = take::<(u8, i64, u8, &str)>(&mut arguments)?;
                let node = Told {
                    epoch: epoch.cast_unsigned(),
                    kind: Kind::from_number(kind),
                    address,
                    dials: command == "dial",
                };
                self.on_node(cx, id, &node);
            }
            "gone" => {
                let (id, epoch, text) = take::<(u8, i64, &str)>(&mut arguments)?;
                self.on_gone(cx, id, epoch.cast_unsigned(), text);
            }
            "name" => {
                let (name, handle) = take::<(&str, u32)>(&mut arguments)?;
                for item in self.names.bind(name, Handle(handle)) {
                    self.send_to_named(cx, Handle(handle), item);
                }
            }
            "unname" => {
                let (name,) = take::<(&str,)>(&mut arguments)?;
                self.names.unbind(name);
            }
            "joined" => {
                self.gathering_until = cx.now() + self.settings.wait;
                if !self.settings.keeps_listening {
                    self.stop_listening(cx);
                }
            }
            "nodes" => {
                let nodes = self.nodes();
                return Ok(cx.reply(message, pack(&(nodes,))?)?);
            }
            _ => bail!("the harbor knows no command {command:?}"),
        }
        Ok(())
    }

    /// Listens; the answer comes when it is known whether that works.
    fn listen(&mut self, cx: &Context, message: &mut RawMessage<'_>, address: &str) -> Result<()> {
        if self.listener.is_some() {
            bail!("the harbor listens already");
        }
        let socket = cx.socket_listen(address, 0)?;
        self.listener = Some(Listener {
            socket,
            address: String::new(),
            asked: message.keep().take_responder(),
        });
        Ok(())
    }

    fn identify(&mut self, cx: &Context, id: u8, epoch: u64) -> Result<()> {
        if let Some(me) = self.me {
            bail!("this node is node {} already", me.id);
        }
        if id == 0 || epoch == 0 {
            bail!("node {id} of epoch {epoch} cannot be");
        }
        cx.become_harbor(id)?;
        self.me = Some(Me { id, epoch });
        self.gathering_until = Duration::MAX;
        self.start_listening(cx);
        Ok(())
    }

    /// The master tells of a node.
    fn on_node(&mut self, cx: &Context, id: u8, node: &Told<'_>) {
        if id == 0 || id == self.my_id() {
            return log::warn!("the master tells of node {id}, which cannot be another one");
        }
        let is_new_life = self
            .peers
            .get(id)
            .is_some_and(|peer| node.epoch != 0 && peer.life != 0 && peer.life != node.epoch);
        if is_new_life {
            self.left(cx, id, "it has come back as another life");
        }
        let wait = self.settings.wait;
        let peer = self.await_peer(cx, id);
        peer.told = node.epoch;
        if peer.ended == node.epoch {
            peer.ended = 0;
        }
        peer.dials = node.dials;
        peer.address = node.address.to_owned();
        if node.kind != Kind::Unknown || !peer.is_up() {
            peer.kind = node.kind;
        }
        if peer.is_up() || matches!(peer.state, State::Cut) {
            return;
        }
        peer.set_state(State::Joining);
        peer.dial_at_once();
        Timer::Deadline(id, peer.generation).set(cx, wait);
        self.admit(cx, id, PeerState::Open);
        if node.dials {
            self.dial(cx, id, Role::Dialer);
        } else if node.kind == Kind::Unmodified {
            self.settle_unmodified(cx, id);
        }
    }

    /// The master says that a life has ended: it has lost its connection to that node. A node that is linked lives all
    /// the same; if it does not, the link will tell.
    fn on_gone(&mut self, cx: &Context, id: u8, epoch: u64, text: &str) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let is_other = epoch != 0 && epoch != peer.told && epoch != peer.life;
        if !is_other && !peer.is_up() {
            self.left(cx, id, text);
        }
    }

    /// All nodes, as a table for people.
    fn nodes(&mut self) -> Value {
        let mut nodes = Table::default();
        for peer in self.peers.iter() {
            nodes.array.push(describe(peer));
        }
        Value::from(nodes)
    }

    /// Tells the slave something.
    pub(crate) fn tell_slave(&self, cx: &Context, news: &impl PackArgs) {
        let sent = pack(news)
            .map_err(Error::from)
            .and_then(|bytes| Ok(cx.send(self.slave, KIND_LUA, bytes)?));
        if let Err(error) = sent {
            log::debug!("the slave was not told: {error}");
        }
    }

    /// Answers a request that was kept.
    pub(crate) fn answer(&self, asked: Responder, answer: &impl PackArgs) {
        let sent = pack(answer)
            .map_err(Error::from)
            .and_then(|bytes| Ok(asked.reply(bytes)?));
        if let Err(error) = sent {
            log::debug!("the slave was not answered: {error}");
        }
    }

    pub(crate) fn on_timer(&mut self, cx: &Context, number: u64) {
        match Timer::from_number(number) {
            Some(Timer::Proof(socket)) => self.on_proof_due(cx, SocketId(socket)),
            Some(Timer::Greeting(socket)) => self.on_chance(cx, SocketId(socket)),
            Some(Timer::Beat(id, generation)) => self.beat(cx, id, generation),
            Some(Timer::Dial(id, generation)) => self.redial(cx, id, generation),
            Some(Timer::Deadline(id, generation)) => self.deadline(cx, id, generation),
            Some(Timer::Names) => self.expire_names(cx),
            None => {}
        }
    }
}

/// What the master says of a node.
struct Told<'a> {
    epoch: u64,
    kind: Kind,
    address: &'a str,
    /// Whether it is for this node to dial it.
    dials: bool,
}

fn describe(peer: &Peer) -> Value {
    let state = match peer.state {
        State::Joining => "joining",
        State::Up => "up",
        State::Cut => "cut",
        State::Lost => "lost",
    };
    let number = |number: u64| Value::Integer(number.cast_signed());
    let count = |count: usize| number(count as u64);
    let rtt = u64::try_from(peer.rtt.as_micros()).unwrap_or(u64::MAX);
    let fields = [
        ("id", number(peer.id.into())),
        ("state", Value::string(state)),
        ("address", Value::string(peer.address.as_str())),
        ("kind", number(peer.kind.number().into())),
        ("epoch", number(peer.life)),
        ("rtt_us", number(rtt)),
        ("queued", count(peer.outbox.queued())),
        ("queued_bytes", count(peer.outbox.queued_bytes())),
        ("unacked", number(peer.outbox.unacked())),
        ("dropped", number(peer.counts.dropped)),
        ("received", number(peer.counts.received)),
        ("sent", number(peer.counts.sent)),
        ("reconnects", number(peer.counts.reconnects)),
    ];
    let mut table = Table::default();
    for (key, value) in fields {
        table.pairs.push((Value::string(key), value));
    }
    Value::from(table)
}

fn take<'a, A: UnpackArgs<'a>>(arguments: &mut Reader<'a>) -> Result<A> {
    let found = A::unpack_args(arguments)?;
    Ok(found)
}

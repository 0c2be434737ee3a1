//! Messages of this node for other nodes and for global names.

use std::time::Duration;

use skynet_harbor_wire::{Cookie, Flags, MAX_BODY};
use skynet_service::{
    Buffer, Context, FLAG_REDIRECTED, Handle, KIND_ERROR, Outgoing, PeerState, RawMessage, Reason,
    log,
};

use crate::harbor::Harbor;
use crate::item::Item;
use crate::outbox::Chunk;
use crate::peer::{Kind, Peer, State};
use crate::settings::Policy;
use crate::timer::Timer;

/// The lower 24 bits of a handle.
pub(crate) const LOCAL: u32 = 0x00ff_ffff;
/// Messages that may wait to be written together.
const TOGETHER: usize = 1024;
/// Their bytes.
const TOGETHER_BYTES: usize = 256 << 10;
/// Answers pass when too much waits; who lets so many of them wait, or so many bytes, is lost.
const ANSWERS: usize = 1 << 20;
const ANSWER_BYTES: usize = 64 << 20;
/// Messages that may be neither in the harbor's mailbox nor refused when senders are stopped: they look before they send,
/// and what a turn has taken is in the mailbox no more.
const UNDER_WAY: usize = 1024;

/// Why a message is not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    Lost,
    Absent,
    Full,
    TooLarge,
}

impl Refusal {
    const fn reason(self) -> Reason {
        match self {
            Self::Lost | Self::Absent => Reason::NODE_LOST,
            Self::Full => Reason::REFUSED,
            Self::TooLarge => Reason::TOO_LARGE,
        }
    }

    fn text(self, id: u8) -> String {
        match self {
            Self::Lost => format!("node {id} is lost"),
            Self::Absent => format!("there is no node {id}"),
            Self::Full => format!("too much waits for node {id}"),
            Self::TooLarge => {
                format!("no message to node {id} may be longer than {MAX_BODY} bytes")
            }
        }
    }
}

impl Harbor {
    /// A service has sent something to another node, or to a global name.
    pub(crate) fn on_outgoing(&mut self, cx: &Context, message: &mut RawMessage<'_>) {
        // Who must answer is at the other end.
        message.set_answered();
        let name = message
            .name()
            .map(|name| name.trim_end_matches('\0').to_owned());
        let destination = message.destination();
        let item = self.pick_up(cx, message);
        match name {
            Some(name) => self.send_to_name(cx, &name, item),
            None => self.send_to(cx, destination, item),
        }
    }

    fn pick_up(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Item {
        let source = self.full(message.source());
        let mut item = Item {
            cookie: Cookie {
                source: source.0,
                // The caller has looked: it is a kind of the wire.
                kind: u8::try_from(message.kind()).unwrap_or_default(),
                destination: message.destination().0 & LOCAL,
                session: message.session(),
            },
            flags: Flags::NONE,
            reason: message.reason(),
            trace: message.trace(),
            deadline: Duration::from_nanos(message.deadline()),
            body: message.keep_buffer(),
        };
        if message.is_call() {
            item.flags |= Flags::CALL;
        }
        let answers_relayed = !self.relayed.is_empty()
            && item.is_reply()
            && self
                .relayed
                .remove(&(message.destination(), message.session()));
        if answers_relayed {
            item.flags |= Flags::REDIRECTED;
        }
        if message.flags() & FLAG_REDIRECTED != 0 && source.harbor() != self.my_id() {
            item.flags |= Flags::REDIRECTED;
            if item.is_call() {
                self.pass_on(cx, source, message.destination(), &item);
            }
        }
        item
    }

    /// A service here has passed on a request of another node: that node is told who owes it the answer now.
    fn pass_on(&mut self, cx: &Context, caller: Handle, callee: Handle, item: &Item) {
        self.relayed.remove(&(caller, item.cookie.session));
        let callee = self.full(callee);
        let notice = Item {
            cookie: Cookie {
                source: callee.0,
                kind: item.cookie.kind,
                destination: caller.0 & LOCAL,
                session: item.cookie.session,
            },
            flags: Flags::MOVED | Flags::REDIRECTED,
            reason: Reason::NONE,
            trace: 0,
            deadline: Duration::ZERO,
            body: Buffer::new(),
        };
        let knows = self.peers.get(caller.harbor());
        // An unmodified node has no use for it. If the link is cut, it is told when that is over.
        if knows.is_some_and(|peer| peer.kind == Kind::Ours && peer.state != State::Lost) {
            self.send_to(cx, caller, notice);
        }
    }

    /// Sends to a name: now, or when it is known.
    fn send_to_name(&mut self, cx: &Context, name: &str, item: Item) {
        if let Some(handle) = self.names.find(name) {
            return self.send_to_named(cx, handle, item);
        }
        let until = cx.now() + self.settings.wait;
        match self.names.keep(name, until, item) {
            Ok(first) => {
                if first {
                    self.tell_slave(cx, &("query", name));
                }
                if !self.names.is_timed {
                    self.names.is_timed = true;
                    Timer::Names.set(cx, self.settings.wait);
                }
            }
            Err(item) => {
                let text = format!("too much waits for global names, {name} among them");
                self.give_up(cx, &item, Reason::REFUSED, &text);
            }
        }
    }

    /// Sends a message by name to the service that has it.
    pub(crate) fn send_to_named(&mut self, cx: &Context, handle: Handle, mut item: Item) {
        let source = Handle(item.cookie.source);
        item.cookie.destination = handle.0 & LOCAL;
        if !self.is_mine(handle) {
            if item.is_call() && self.is_mine(source) {
                // Until now the caller has waited for a name.
                if let Err(error) = cx.call_moved(source, item.cookie.session, handle) {
                    log::error!("{error}");
                }
            }
            return self.send_to(cx, handle, item);
        }
        let is_call = item.is_call();
        let mut message = Outgoing::new(handle, item.cookie.kind.into(), item.body)
            .session(item.cookie.session)
            .source(source)
            .trace(item.trace)
            .deadline(u64::try_from(item.deadline.as_nanos()).unwrap_or(u64::MAX));
        if is_call {
            message = message.call_flag();
        }
        if let Err(error) = cx.send_message(message) {
            let text = error.to_string();
            let reason = if error.is_full() {
                Reason::REFUSED
            } else {
                Reason::UNKNOWN
            };
            if is_call {
                self.fail_call(cx, source, item.cookie.session, handle, reason, &text);
            } else {
                log::warn!("a message by name is lost: {text}");
            }
        }
    }

    /// What has waited for a name that nobody has registered.
    pub(crate) fn expire_names(&mut self, cx: &Context) {
        let now = cx.now();
        for (name, item) in self.names.expire(now) {
            let text = format!("nobody has registered the global name {name}");
            self.give_up(cx, &item, Reason::UNKNOWN, &text);
        }
        let next = self.names.next_expiry();
        self.names.is_timed = next.is_some();
        if let Some(next) = next {
            Timer::Names.set(cx, next.saturating_sub(now));
        }
    }

    /// Sends to a service of another node.
    pub(crate) fn send_to(&mut self, cx: &Context, destination: Handle, item: Item) {
        let id = destination.harbor();
        if id == 0 || id == self.my_id() {
            // Between its own services the core needs no harbor: this one has ended, or is of a node without a network.
            return self.give_up(cx, &item, Reason::UNKNOWN, "no such service");
        }
        if item.body.len() > MAX_BODY {
            return self.refuse(cx, id, item, Refusal::TooLarge);
        }
        if self.peers.get(id).is_none() && cx.now() < self.gathering_until {
            self.await_peer(cx, id);
        }
        let Some(peer) = self.peers.get(id) else {
            self.admit(cx, id, PeerState::Absent);
            return self.refuse(cx, id, item, Refusal::Absent);
        };
        if peer.state == State::Lost {
            return self.refuse(cx, id, item, Refusal::Lost);
        }
        self.enqueue(cx, id, item);
    }

    fn enqueue(&mut self, cx: &Context, id: u8, item: Item) {
        let (most, most_bytes) = (self.settings.queue, self.settings.queue_bytes);
        let policy = self.settings.policy;
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let bytes = peer.outbox.queued_bytes() + item.body.len();
        let is_full = peer.outbox.queued() >= most || bytes > most_bytes;
        if is_full && peer.outbox.queued() > 0 && !item.is_reply() {
            match policy {
                Policy::DropOldest => {
                    if !self.make_room(cx, id, item.body.len()) {
                        return self.refuse(cx, id, item, Refusal::Full);
                    }
                }
                Policy::Block | Policy::Error => {
                    self.stop_senders(cx, id);
                    // Those who send are stopped: what they had sent before may pass. It was in memory already.
                    let overdraft = self.peers.get(id).map(|peer| &mut peer.overdraft);
                    match overdraft {
                        Some(left @ 1..) => *left -= 1,
                        _ => return self.refuse(cx, id, item, Refusal::Full),
                    }
                }
            }
        }
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let is_too_much = peer.outbox.queued() >= most.saturating_mul(16).max(ANSWERS)
            || bytes > most_bytes.saturating_mul(4).max(ANSWER_BYTES);
        if is_too_much && item.is_reply() {
            // Its calls fail when it is told that it was given up.
            if let Some(link) = peer.link.take() {
                self.drop_connection(cx, link);
            }
            return self.lose(cx, id, "it asks and does not take the answers");
        }
        peer.counts.sent += 1;
        peer.outbox.push(item);
        let is_full = peer.outbox.queued() >= most || peer.outbox.queued_bytes() >= most_bytes;
        if peer.is_up() {
            if peer.outbox.queued() >= TOGETHER || peer.outbox.queued_bytes() >= TOGETHER_BYTES {
                self.flush_peer(cx, id);
            } else {
                self.mark(cx, id);
            }
        }
        if is_full && policy != Policy::DropOldest {
            self.throttle(cx, id);
        }
    }

    /// Gives up the oldest messages for a peer until there is room for one more; false: what is left cannot be given up.
    fn make_room(&mut self, cx: &Context, id: u8, len: usize) -> bool {
        let (most, most_bytes) = (self.settings.queue, self.settings.queue_bytes);
        while let Some(peer) = self.peers.get(id)
            && peer.outbox.queued() > 0
            && (peer.outbox.queued() >= most || peer.outbox.queued_bytes() + len > most_bytes)
        {
            let Some(oldest) = peer.outbox.drop_oldest() else {
                return false;
            };
            self.refuse(cx, id, oldest, Refusal::Full);
        }
        true
    }

    /// Has senders refused, or stopped, when too much waits for a peer; lets them go on when half of that is gone.
    fn throttle(&mut self, cx: &Context, id: u8) {
        let (most, most_bytes) = (self.settings.queue, self.settings.queue_bytes);
        let (Some(peer), Some(stop)) = (self.peers.get(id), self.settings.policy.stop()) else {
            return;
        };
        let (queued, bytes) = (peer.outbox.queued(), peer.outbox.queued_bytes());
        let is_stopped = peer.told_core == stop;
        if !is_stopped && (queued >= most || bytes >= most_bytes) {
            self.stop_senders(cx, id);
        } else if is_stopped && queued <= most / 2 && bytes <= most_bytes / 2 {
            self.admit(cx, id, PeerState::Open);
        }
    }

    /// Has senders refused, or stopped, unless they are.
    fn stop_senders(&mut self, cx: &Context, id: u8) {
        let (Some(peer), Some(stop)) = (self.peers.get(id), self.settings.policy.stop()) else {
            return;
        };
        if peer.told_core != stop {
            peer.overdraft = cx.mailbox_length() + UNDER_WAY;
            self.admit(cx, id, stop);
        }
    }

    /// Tells the core what becomes of messages to a node from now on.
    pub(crate) fn admit(&mut self, cx: &Context, id: u8, state: PeerState) {
        if let Some(peer) = self.peers.get(id) {
            if peer.told_core == state {
                return;
            }
            peer.told_core = state;
        }
        if let Err(error) = cx.set_peer_state(id, state) {
            log::error!("{error}");
        }
    }

    /// A peer has something to write: soon, together with what comes until then.
    #[inline]
    pub(crate) fn mark(&mut self, cx: &Context, id: u8) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if !peer.dirty {
            peer.dirty = true;
            self.dirty.push(id);
        }
        if !self.flushing {
            // It goes to the end of the mailbox: what is there already is written together.
            self.flushing = cx.wake(0);
        }
    }

    /// Writes what there is for all peers.
    pub(crate) fn flush(&mut self, cx: &Context) {
        self.flushing = false;
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            if let Some(peer) = self.peers.get(id) {
                peer.dirty = false;
                self.flush_peer(cx, id);
            }
        }
        // Its memory serves again.
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    /// Writes what there is for one peer, as far as it takes it.
    pub(crate) fn flush_peer(&mut self, cx: &Context, id: u8) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        write_out(cx, peer);
        if peer.told_core != PeerState::Open {
            self.throttle(cx, id);
        }
    }

    fn refuse(&mut self, cx: &Context, id: u8, item: Item, refusal: Refusal) {
        if let Some(peer) = self.peers.get(id) {
            peer.counts.dropped += 1;
        }
        self.give_up(cx, &item, refusal.reason(), &refusal.text(id));
    }

    /// A message is not sent: who waits for an answer is told, else it is said in the log.
    pub(crate) fn give_up(&mut self, cx: &Context, item: &Item, reason: Reason, text: &str) {
        let source = Handle(item.cookie.source);
        if item.is_call() {
            let id = source.harbor();
            let callee = Handle(u32::from(id) << 24 | item.cookie.destination);
            self.fail_call(cx, source, item.cookie.session, callee, reason, text);
        } else if !item.flags.contains(Flags::MOVED) {
            self.complain(cx, || {
                format!(
                    "a message of {} bytes from {source} is lost: {text}",
                    item.body.len()
                )
            });
        }
    }

    /// Tells a caller, of this node or another, that its call has failed.
    pub(crate) fn fail_call(
        &mut self,
        cx: &Context,
        caller: Handle,
        session: i32,
        callee: Handle,
        reason: Reason,
        text: &str,
    ) {
        if self.is_mine(caller) {
            let error = Outgoing::new(caller, KIND_ERROR, text.as_bytes())
                .session(session)
                .reason(reason);
            if let Err(error) = cx.send_message(error) {
                log::debug!("an error did not reach {caller}: {error}");
            }
            return;
        }
        let relayed = self.relayed.remove(&(caller, session));
        let item = Item {
            cookie: Cookie {
                source: callee.0,
                kind: KIND_ERROR as u8,
                destination: caller.0 & LOCAL,
                session,
            },
            flags: if relayed || callee.harbor() != self.my_id() {
                Flags::REDIRECTED
            } else {
                Flags::NONE
            },
            reason,
            trace: 0,
            deadline: Duration::ZERO,
            body: Buffer::from(text.as_bytes()),
        };
        let is_there = self.peers.get(caller.harbor());
        if is_there.is_some_and(|peer| peer.state != State::Lost) {
            self.enqueue(cx, caller.harbor(), item);
        }
    }

    /// Says something in the log, but not more often than once in a second.
    pub(crate) fn complain(&mut self, cx: &Context, text: impl FnOnce() -> String) {
        const QUIET: Duration = Duration::from_secs(1);
        let now = cx.now();
        if self.complained.is_none_or(|at| now >= at + QUIET) {
            self.complained = Some(now);
            log::warn!("{} (the next such news in a second)", text());
        }
    }
}

fn write_out(cx: &Context, peer: &mut Peer) {
    let (Some(link), State::Up) = (peer.link, peer.state) else {
        return;
    };
    let format = peer.kind.format();
    let now = cx.now();
    let mut written = Ok(());
    while !peer.congested
        && written.is_ok()
        && let Some(chunk) = peer.outbox.next_chunk(format, now)
    {
        written = match chunk {
            Chunk::Frames(frames) if peer.control.is_empty() => cx.socket_write(link, frames),
            Chunk::Frames(frames) => {
                let control = std::mem::take(&mut peer.control);
                cx.socket_write_parts(link, &control, frames, 0)
            }
            Chunk::Large(header, body, cookie) => cx
                .socket_write_parts(link, &header, body, 0)
                .and_then(|()| cx.socket_write(link, &cookie[..])),
        };
    }
    if written.is_ok() && !peer.control.is_empty() {
        written = cx.socket_write(link, std::mem::take(&mut peer.control));
    }
    if let Err(error) = written {
        // An event says so, too.
        log::debug!("node {}: {error}", peer.id);
    }
}

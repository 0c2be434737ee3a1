//! What a peer goes through: its link comes up, is cut, heals, or the peer is lost.

use std::net::SocketAddr;
use std::time::Duration;

use skynet_harbor_wire::Control;
use skynet_service::socket::SocketId;
use skynet_service::{Context, Handle, PeerState, Reason, log};

use crate::connection::{Connection, Greeted, Role, Stage};
use crate::harbor::Harbor;
use crate::item::Item;
use crate::peer::{Kind, State};
use crate::timer::Timer;

/// How often a peer is asked whether it lives, in the time that it may be silent.
const BEATS: u32 = 4;

impl Harbor {
    /// The connection of an unmodified node can be used.
    pub(crate) fn up_unmodified(
        &mut self,
        cx: &Context,
        socket: SocketId,
        connection: &mut Connection,
    ) {
        let id = connection.peer;
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        peer.kind = Kind::Unmodified;
        // Such a node knows no second life, and no second connection.
        peer.begin_life(0);
        connection.stage = Stage::Up;
        connection.count = 0;
        connection.parser.limit(skynet_harbor_wire::MAX_FRAME);
        self.up(cx, id, socket, false);
    }

    /// The connection of one of our nodes is proven.
    ///
    /// # Errors
    /// Why it cannot be used all the same.
    pub(crate) fn up_ours(
        &mut self,
        cx: &Context,
        socket: SocketId,
        connection: &mut Connection,
        greeted: &Greeted,
    ) -> Result<(), String> {
        let id = connection.peer;
        let my_epoch = self.my_epoch();
        let mine = self.settings.heartbeat;
        let Some(peer) = self.peers.get(id) else {
            return Ok(());
        };
        let (life, _) = peer.resumable();
        if life != connection.said_life || peer.gave_up != connection.said_gave_up {
            return Err("what it was told of this node is no longer so".to_owned());
        }
        let resumes = life == greeted.epoch && greeted.known == my_epoch;
        let old = peer.link.take();
        peer.kind = Kind::Ours;
        peer.heartbeat = mine.max(Duration::from_millis(greeted.heartbeat_ms.into()));
        peer.keeps_listening = greeted.keeps_listening;
        // What the master tells is what others can use; a node itself may only know that it listens everywhere.
        if peer.address.is_empty() && is_reachable(&greeted.address) {
            peer.address.clone_from(&greeted.address);
        }
        if let Some(old) = old {
            self.drop_connection(cx, old);
        }
        connection.stage = Stage::Up;
        connection
            .parser
            .limit(skynet_harbor_wire::MAX_EXTENDED_FRAME);
        if resumes {
            // Frames that come again are counted from where the peer was told to begin.
            connection.count = connection.said_received;
            let resumed = self.resume(cx, id, socket, greeted);
            if resumed.is_err() && old.is_some() {
                self.cut(cx, id, "its next connection cannot go on");
            }
            resumed?;
        } else {
            connection.count = 0;
            self.begin_anew(cx, id, greeted);
        }
        self.up(cx, id, socket, resumes);
        Ok(())
    }

    /// A link goes on where it was: what the peer does not have is sent again.
    fn resume(
        &mut self,
        cx: &Context,
        id: u8,
        socket: SocketId,
        greeted: &Greeted,
    ) -> Result<(), String> {
        let Some(peer) = self.peers.get(id) else {
            return Ok(());
        };
        peer.gave_up = false;
        peer.control.clear();
        let Ok(again) = peer.outbox.resend(greeted.last_received) else {
            let why = format!("it has {} frames, which cannot be", greeted.last_received);
            // The next connection begins anew, or it would end here, too.
            self.end_life(cx, id, &why);
            return Err(why);
        };
        if greeted.gave_up {
            // While it took this node for lost, it could not answer: that would never come.
            let why = "it had given this node up";
            self.fail_calls(cx, id, why, Vec::new(), 0);
            self.tell_slave(cx, &("down", id, greeted.epoch.cast_signed(), why));
        }
        for frames in again {
            if let Err(error) = cx.socket_write(socket, frames) {
                log::debug!("node {id}: {error}");
                break;
            }
        }
        Ok(())
    }

    /// A link begins between two lives, of which one knows nothing of the other.
    fn begin_anew(&mut self, cx: &Context, id: u8, greeted: &Greeted) {
        let my_epoch = self.my_epoch();
        if self.peers.get(id).is_some_and(|peer| peer.life != 0) {
            self.end_life(cx, id, "it has come back without what it was sent before");
        }
        if let Some(peer) = self.peers.get(id) {
            peer.begin_life(greeted.epoch);
            // If this link ends before the peer has seen it, it goes on counting as before.
            peer.is_doubtful = greeted.known == my_epoch;
        }
    }

    fn up(&mut self, cx: &Context, id: u8, socket: SocketId, resumes: bool) {
        let now = cx.now();
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if peer.attempt == Some(socket) {
            peer.attempt = None;
        }
        peer.link = Some(socket);
        peer.congested = false;
        peer.heard = now;
        peer.beaten = now;
        peer.set_state(State::Up);
        peer.dial_at_once();
        if resumes {
            peer.counts.reconnects += 1;
        }
        let (life, kind) = (peer.life, peer.kind);
        // What waits may be too much still.
        let is_stopped = matches!(peer.told_core, PeerState::Full | PeerState::FullBlock);
        log::info!(
            "node {id} is linked{}",
            match (kind, resumes) {
                (Kind::Ours, true) => " again, and nothing is lost",
                (Kind::Ours, false) => "",
                _ => ", an unmodified one",
            }
        );
        if kind == Kind::Ours {
            let beat = Timer::Beat(id, peer.generation);
            beat.set(cx, peer.heartbeat / BEATS);
        }
        if !is_stopped {
            self.admit(cx, id, PeerState::Open);
        }
        self.tell_slave(cx, &("up", id, life.cast_signed(), kind.number()));
        self.mark(cx, id);
    }

    /// It is time to ask a peer whether it lives.
    pub(crate) fn beat(&mut self, cx: &Context, id: u8, generation: u32) {
        let now = cx.now();
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if !peer.is_up() || peer.generation != generation {
            return;
        }
        let beat = peer.heartbeat / BEATS;
        // This node was stopped, or very busy: what the peer has said meanwhile may not have been read yet.
        if now.saturating_sub(peer.beaten) > beat * 2 {
            peer.heard = peer.heard.max(now.saturating_sub(peer.heartbeat / 2));
        }
        peer.beaten = now;
        let silence = now.saturating_sub(peer.heard);
        if silence >= peer.heartbeat {
            let text = format!("it was silent for {} ms", silence.as_millis());
            if let Some(link) = peer.link.take() {
                self.drop_connection(cx, link);
            }
            return self.lose(cx, id, &text);
        }
        peer.acknowledge();
        let stamp = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        peer.control(Control::Ping(stamp));
        Timer::Beat(id, generation).set(cx, beat.min(peer.heartbeat.saturating_sub(silence)));
        self.mark(cx, id);
    }

    /// The proven connection of a peer has ended. It may be replaced.
    pub(crate) fn cut(&mut self, cx: &Context, id: u8, why: &str) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        peer.link = None;
        let is_reachable = if peer.dials {
            peer.keeps_listening
        } else {
            self.settings.keeps_listening
        };
        if peer.kind != Kind::Ours || !is_reachable {
            return self.lose(cx, id, why);
        }
        peer.set_state(State::Cut);
        peer.dial_at_once();
        Timer::Deadline(id, peer.generation).set(cx, peer.heartbeat);
        log::info!("the link to node {id} is cut: {why}");
        let (dials, listens) = (peer.dials, peer.keeps_listening);
        if dials {
            self.dial(cx, id, Role::Dialer);
        } else if listens {
            self.dial(cx, id, Role::Probe);
        }
    }

    /// What waits for a peer has waited long enough.
    pub(crate) fn deadline(&mut self, cx: &Context, id: u8, generation: u32) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if peer.generation != generation {
            return;
        }
        match peer.state {
            State::Cut => self.lose(cx, id, "it does not come back"),
            State::Joining => self.lose(cx, id, "it has not come"),
            State::Up | State::Lost => {}
        }
    }

    /// A peer does not answer: who waits on it is told. In the same life it may still come back.
    pub(crate) fn lose(&mut self, cx: &Context, id: u8, why: &str) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if peer.state == State::Lost {
            return;
        }
        let was_linked = !matches!(peer.state, State::Joining);
        peer.set_state(State::Lost);
        peer.gave_up = peer.life != 0;
        let items = peer.outbox.give_up_waiting();
        let unacked = peer.outbox.unacked();
        let life = peer.life;
        let dials = peer.dials && peer.attempt.is_none();
        let generation = peer.generation;
        let pause = peer.next_pause();
        // What is answered from now on is refused at once.
        self.relayed.retain(|(caller, _)| caller.harbor() != id);
        self.admit(cx, id, PeerState::Lost);
        self.fail_calls(cx, id, why, items, unacked);
        if was_linked {
            self.tell_slave(cx, &("down", id, life.cast_signed(), why));
        }
        if dials {
            Timer::Dial(id, generation).set(cx, pause);
        }
    }

    /// A life of a peer is over: nothing that was for it reaches the next one.
    pub(crate) fn end_life(&mut self, cx: &Context, id: u8, why: &str) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let left = peer.outbox.reset();
        let life = peer.life;
        peer.begin_life(0);
        self.relayed.retain(|(caller, _)| caller.harbor() != id);
        self.fail_calls(cx, id, why, left.items, left.unacked);
        self.tell_slave(cx, &("down", id, life.cast_signed(), why));
    }

    /// A node says that it leaves, or the master says that its life has ended.
    pub(crate) fn left(&mut self, cx: &Context, id: u8, why: &str) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        peer.ended = if peer.life == 0 { peer.told } else { peer.life };
        peer.told = 0;
        peer.dials = false;
        let sockets = [peer.link.take(), peer.attempt.take()];
        for socket in sockets.into_iter().flatten() {
            self.drop_connection(cx, socket);
        }
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let was_lost = peer.state == State::Lost;
        peer.set_state(State::Lost);
        self.names.unbind_node(id);
        self.admit(cx, id, PeerState::Absent);
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if was_lost {
            let left = peer.outbox.reset();
            peer.begin_life(0);
            self.relayed.retain(|(caller, _)| caller.harbor() != id);
            // What was not acknowledged was told when it was lost.
            self.report(id, why, left.items.len(), 0);
        } else {
            self.end_life(cx, id, why);
        }
    }

    /// Tells everybody who waits on a peer that it is lost, and the log what is lost with it.
    fn fail_calls(&mut self, cx: &Context, id: u8, why: &str, items: Vec<Item>, unacked: u64) {
        let failed = match cx.node_lost(id, Reason::NODE_LOST) {
            Ok(failed) => failed,
            Err(error) => {
                log::error!("{error}");
                0
            }
        };
        let text = format!("node {id} is gone: {why}; {failed} calls have failed");
        if failed == 0 {
            log::info!("{text}");
        } else {
            log::warn!("{text}");
        }
        let mut lost = 0;
        for item in &items {
            let caller = Handle(item.cookie.source);
            if !item.is_call() {
                lost += 1;
            } else if !self.is_mine(caller) && caller.harbor() != id {
                // Its own node cannot know whether the call got this far.
                let callee = Handle(u32::from(id) << 24 | item.cookie.destination);
                let text = format!("node {id} is lost: {why}");
                self.fail_call(
                    cx,
                    caller,
                    item.cookie.session,
                    callee,
                    Reason::NODE_LOST,
                    &text,
                );
            }
        }
        self.report(id, why, lost, unacked);
    }

    fn report(&mut self, id: u8, why: &str, lost: usize, unacked: u64) {
        if lost == 0 && unacked == 0 {
            return;
        }
        if let Some(peer) = self.peers.get(id) {
            peer.counts.dropped += lost as u64;
        }
        log::warn!(
            "node {id}: {why}; {lost} messages for it are lost, {unacked} more were sent and not acknowledged"
        );
    }

    /// This node ends: the others need not wait for it.
    pub(crate) fn say_goodbye(&mut self, cx: &Context) {
        let linked: Vec<u8> = self
            .peers
            .iter()
            .filter(|peer| peer.is_up())
            .map(|peer| peer.id)
            .collect();
        for id in linked {
            // Control frames go first, and nothing follows this one.
            self.flush_peer(cx, id);
            if let Some(peer) = self.peers.get(id)
                && peer.kind == Kind::Ours
            {
                peer.acknowledge();
                peer.control(Control::Goodbye);
                self.flush_peer(cx, id);
            }
        }
    }
}

/// Whether an address says where to connect to, and not just that any address will do.
fn is_reachable(address: &str) -> bool {
    let is_any = |address: SocketAddr| address.ip().is_unspecified();
    !address.is_empty() && !address.parse().is_ok_and(is_any)
}

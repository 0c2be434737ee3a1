//! What the fake node knows.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use skynet_abi as abi;
use skynet_abi::{
    FLAG_BY_NAME, FLAG_CALL, FLAG_FOREIGN, FLAG_REDIRECTED, FLAG_REPLY, KIND_ERROR, KIND_EXIT,
    KIND_HARBOR, KIND_RESPONSE, KIND_SYSTEM, KIND_TIMER, NAME_SIZE, REMOTE_PAYLOAD, STATUS_DEAD,
    STATUS_FULL, STATUS_INVALID, STATUS_NODE_LOST, STATUS_NOT_FOUND, STATUS_TOO_LARGE,
    STATUS_WRONG_TURN,
};

use crate::message::Head;
use crate::testing::host::Instance;
use crate::testing::network::Network;
use crate::testing::{LogRecord, Received};
use crate::{Buffer, Handle, PeerState, Reason};

/// A message in a mailbox.
pub(super) struct Mail {
    pub(super) head: Head,
    pub(super) name: Option<String>,
    pub(super) payload: Buffer,
}

impl Mail {
    /// A message that only the node can send.
    pub(super) fn from_node(kind: u32, to: u32, payload: &[u8]) -> Self {
        Self {
            head: Head {
                source: Handle::SYSTEM,
                destination: Handle(to),
                session: 0,
                kind,
                flags: 0,
                reason: 0,
                value: 0,
                trace: 0,
                deadline: 0,
            },
            name: None,
            payload: Buffer::from(payload),
        }
    }
}

/// Who lives at a handle.
pub(super) enum Body {
    /// A service; no instance while `create` runs.
    Service {
        module: abi::Module,
        instance: Option<Instance>,
        started: bool,
    },
    /// Somebody whom the test plays.
    Peer(VecDeque<Received>),
}

pub(super) struct Entry {
    pub(super) body: Body,
    pub(super) session: i32,
    pub(super) limit: usize,
    /// It has asked to end.
    pub(super) exit: Option<(u32, String)>,
}

struct OpenCall {
    caller: u32,
    session: i32,
    callee: u32,
    /// It waits for the callee's start, not for an answer of its.
    launch: bool,
}

enum Alarm {
    Timer { owner: u32, value: u64 },
    Deadline { caller: u32, session: i32 },
}

/// A fake node.
pub(super) struct State {
    pub(super) generation: u32,
    pub(super) now: u64,
    next_handle: u32,
    next_alarm: u64,
    pub(super) entries: BTreeMap<u32, Entry>,
    pub(super) queue: VecDeque<(u32, Mail)>,
    /// Services that end before the next message is delivered.
    pub(super) doomed: VecDeque<u32>,
    calls: Vec<OpenCall>,
    alarms: BTreeMap<(u64, u64), Alarm>,
    pub(super) names: HashMap<String, u32>,
    pub(super) env: HashMap<String, String>,
    pub(super) modules: HashMap<String, abi::Module>,
    pub(super) logs: Vec<LogRecord>,
    pub(super) watches: HashSet<(u32, u32)>,
    /// The services whose turns are on the stack.
    pub(super) turns: Vec<u32>,
    /// The harbor service, and the node's id.
    pub(super) harbor: Option<(u32, u8)>,
    /// What the harbor service said of other nodes.
    pub(super) peers: BTreeMap<u8, PeerState>,
    /// Answers that reached nobody.
    pub(super) strays: usize,
    pub(super) network: Network,
}

impl State {
    pub(super) fn new(generation: u32) -> Self {
        Self {
            generation,
            now: 0,
            next_handle: 1,
            next_alarm: 1,
            entries: BTreeMap::new(),
            queue: VecDeque::new(),
            doomed: VecDeque::new(),
            calls: Vec::new(),
            alarms: BTreeMap::new(),
            names: HashMap::new(),
            env: HashMap::new(),
            modules: HashMap::new(),
            logs: Vec::new(),
            watches: HashSet::new(),
            turns: Vec::new(),
            harbor: None,
            peers: BTreeMap::new(),
            strays: 0,
            network: Network::default(),
        }
    }

    pub(super) fn context(&self, handle: u32) -> abi::Context {
        abi::Context {
            handle,
            generation: self.generation,
        }
    }

    pub(super) fn is_alive(&self, handle: u32) -> bool {
        self.entries.contains_key(&handle)
    }

    pub(super) fn is_turn(&self, handle: u32) -> bool {
        self.turns.last() == Some(&handle)
    }

    pub(super) fn add(&mut self, body: Body) -> u32 {
        let handle = self.next_handle;
        self.next_handle += 1;
        let entry = Entry {
            body,
            session: 0,
            limit: 0,
            exit: None,
        };
        self.entries.insert(handle, entry);
        handle
    }

    /// A session for `caller` to learn how the start of `callee` ends.
    pub(super) fn open_launch(&mut self, caller: u32, callee: u32) -> Option<i32> {
        self.open_call(caller, callee, true)
    }

    fn open_call(&mut self, caller: u32, callee: u32, launch: bool) -> Option<i32> {
        let entry = self.entries.get_mut(&caller)?;
        entry.session += 1;
        let session = entry.session;
        self.calls.push(OpenCall {
            caller,
            session,
            callee,
            launch,
        });
        Some(session)
    }

    /// Whether a handle is one of another node.
    pub(super) fn is_remote(&self, handle: u32) -> bool {
        let own = self.harbor.map_or(0, |(_, own)| own);
        let harbor = Handle(handle).harbor();
        harbor != 0 && harbor != own
    }

    /// The handle that the service has whom other nodes know by `handle`: here ids are without harbor.
    pub(super) fn own_form(&self, handle: u32) -> u32 {
        if self.is_remote(handle) || self.is_alive(handle) {
            handle
        } else {
            handle & 0x00ff_ffff
        }
    }

    /// Finds who gets a message, and puts the destination in that it will see.
    fn resolve(&self, head: &mut Head, name: Option<&str>) -> Result<u32, i32> {
        if let Some(name) = name {
            let known = match name.strip_prefix('.') {
                Some(local) => self.names.get(local).copied(),
                None => name.parse::<Handle>().ok().map(|handle| handle.0),
            };
            match known {
                Some(handle) => {
                    head.flags &= !FLAG_BY_NAME;
                    head.destination = Handle(handle);
                }
                None if name.starts_with(['.', ':']) || name.len() >= NAME_SIZE => {
                    return Err(STATUS_NOT_FOUND);
                }
                None if head.flags & FLAG_REPLY != 0 => return Err(STATUS_INVALID),
                None => {
                    head.destination = Handle::SYSTEM;
                    return self.harbor_for(head);
                }
            }
        }
        let to = head.destination.0;
        if to == 0 {
            return Err(STATUS_INVALID);
        }
        if !self.is_remote(to) {
            head.destination = Handle(self.own_form(to));
            return Ok(head.destination.0);
        }
        let harbor = self.harbor_for(head)?;
        if self.harbor.is_some_and(|(_, own)| own == 0) {
            // In a single node there is no other one.
            return Err(STATUS_NODE_LOST);
        }
        match self.peers.get(&head.destination.harbor()) {
            None | Some(PeerState::Open) => Ok(harbor),
            Some(PeerState::Lost | PeerState::Absent) => Err(STATUS_NODE_LOST),
            Some(_) if head.flags & FLAG_REPLY != 0 => Ok(harbor),
            // Here nobody can be kept waiting.
            Some(_) => Err(STATUS_FULL),
        }
    }

    fn harbor_for(&self, head: &Head) -> Result<u32, i32> {
        let (harbor, _) = self.harbor.ok_or(STATUS_NOT_FOUND)?;
        match head.kind {
            KIND_SYSTEM | KIND_HARBOR => Err(STATUS_INVALID),
            _ => Ok(harbor),
        }
    }

    /// Puts a message into a mailbox; returns its session. `sender` acts.
    pub(super) fn post(&mut self, sender: u32, mut mail: Mail) -> Result<i32, (i32, Mail)> {
        if let Err(status) = self.admit(sender, &mut mail) {
            return Err((status, mail));
        }
        let name = mail.name.clone();
        let to = match self.resolve(&mut mail.head, name.as_deref()) {
            Ok(to) if self.is_alive(to) => to,
            Ok(_) => return Err((STATUS_DEAD, mail)),
            Err(status) => return Err((status, mail)),
        };
        let session = mail.head.session;
        if mail.head.flags & FLAG_REPLY != 0 {
            if mail.head.destination.0 == to {
                self.post_answer(sender, to, mail);
            } else {
                self.push(to, mail);
            }
            return Ok(session);
        }
        let remote_too_large = mail.head.destination.0 != to && mail.payload.len() > REMOTE_PAYLOAD;
        if remote_too_large {
            return Err((STATUS_TOO_LARGE, mail));
        }
        if self.is_full(to) {
            return Err((STATUS_FULL, mail));
        }
        if mail.head.flags & FLAG_CALL != 0 {
            let callee = mail.head.destination.0;
            if mail.head.flags & FLAG_REDIRECTED != 0 {
                self.move_call(mail.head.source.0, session, callee);
            } else if session == 0 {
                mail.head.session = self.open_call(sender, callee, false).unwrap_or(0);
                if mail.head.deadline != 0 {
                    let (caller, session) = (sender, mail.head.session);
                    self.alarm(mail.head.deadline, Alarm::Deadline { caller, session });
                }
            }
        }
        let session = mail.head.session;
        self.push(to, mail);
        Ok(session)
    }

    fn admit(&self, sender: u32, mail: &mut Mail) -> Result<(), i32> {
        let head = &mut mail.head;
        if !self.is_alive(sender) {
            return Err(STATUS_DEAD);
        }
        if head.kind > 255 {
            return Err(STATUS_INVALID);
        }
        if matches!(head.kind, KIND_RESPONSE | KIND_ERROR) && head.session != 0 {
            head.flags |= FLAG_REPLY;
        }
        if head.flags & FLAG_REDIRECTED == 0 {
            head.source = Handle(sender);
            let is_service = matches!(self.entries[&sender].body, Body::Service { .. });
            if head.flags & FLAG_CALL != 0 && is_service && !self.is_turn(sender) {
                return Err(STATUS_WRONG_TURN);
            }
        }
        Ok(())
    }

    /// An open call is owed by somebody else from now on. False: there is none.
    pub(super) fn move_call(&mut self, caller: u32, session: i32, callee: u32) -> bool {
        let caller = self.own_form(caller);
        let call = self
            .calls
            .iter_mut()
            .find(|call| call.caller == caller && call.session == session);
        call.map(|call| call.callee = callee).is_some()
    }

    fn is_full(&self, to: u32) -> bool {
        let limit = self.entries[&to].limit;
        limit != 0
            && self
                .queue
                .iter()
                .filter(|(handle, _)| *handle == to)
                .count()
                >= limit
    }

    /// An answer of `sender`. Of the harbor service's only those count that come from the node that was called.
    fn post_answer(&mut self, sender: u32, to: u32, mut mail: Mail) {
        let source = mail.head.source;
        let is_matched = mail.head.flags & (FLAG_REDIRECTED | FLAG_FOREIGN) == FLAG_REDIRECTED
            && self.harbor.is_some_and(|(service, _)| service == sender)
            && self.is_remote(source.0);
        mail.head.flags &= !FLAG_FOREIGN;
        self.end_call(to, mail, |callee| {
            !is_matched || Handle(callee).harbor() == source.harbor()
        });
    }

    /// The node's own answer.
    fn post_reply(&mut self, to: u32, mail: Mail) {
        self.end_call(to, mail, |_| true);
    }

    /// Exactly one answer per call: later ones are dropped, and those whose callee is not meant.
    fn end_call(&mut self, to: u32, mut mail: Mail, is_meant: impl Fn(u32) -> bool) {
        let session = mail.head.session;
        let open = self
            .calls
            .iter()
            .position(|call| call.caller == to && call.session == session && is_meant(call.callee));
        let Some(open) = open else {
            self.strays += 1;
            return;
        };
        self.calls.remove(open);
        mail.head.flags |= FLAG_REPLY;
        self.push(to, mail);
    }

    /// Into the mailbox, or to whoever the test plays.
    pub(super) fn push(&mut self, to: u32, mail: Mail) {
        if let Some(Entry {
            body: Body::Peer(inbox),
            ..
        }) = self.entries.get_mut(&to)
        {
            inbox.push_back(Received::from(mail));
        } else {
            self.queue.push_back((to, mail));
        }
    }

    fn fail_call(&mut self, caller: u32, session: i32, callee: u32, reason: u32, text: &str) {
        let mut mail = Mail::from_node(KIND_ERROR, caller, text.as_bytes());
        mail.head.source = Handle(callee);
        mail.head.session = session;
        mail.head.reason = reason;
        self.post_reply(caller, mail);
    }

    /// Fails each call that waits on one of these.
    pub(super) fn fail_calls(
        &mut self,
        reason: u32,
        text: &str,
        concerns: impl Fn(u32) -> bool,
    ) -> usize {
        let failed: Vec<_> = self
            .calls
            .iter()
            .filter(|call| concerns(call.callee))
            .map(|call| (call.caller, call.session, call.callee))
            .collect();
        for &(caller, session, callee) in &failed {
            if self.is_alive(caller) {
                self.fail_call(caller, session, callee, reason, text);
            }
        }
        failed.len()
    }

    /// The launcher of a service that went on starting learns that it runs.
    pub(super) fn ready(&mut self, handle: u32) {
        if let Some(Entry {
            body: Body::Service { started, .. },
            ..
        }) = self.entries.get_mut(&handle)
        {
            *started = true;
        }
        let launches: Vec<_> = self
            .calls
            .iter()
            .filter(|call| call.callee == handle && call.launch)
            .map(|call| (call.caller, call.session))
            .collect();
        for (caller, session) in launches {
            let text = Handle(handle).to_string();
            let mut mail = Mail::from_node(KIND_RESPONSE, caller, text.as_bytes());
            mail.head.source = Handle(handle);
            mail.head.session = session;
            self.post_reply(caller, mail);
        }
    }

    /// A service is gone: everybody who waits on it is told, everything it had goes.
    pub(super) fn forget(&mut self, handle: u32, reason: u32, text: &str) {
        self.entries.remove(&handle);
        self.names.retain(|_, named| *named != handle);
        self.calls.retain(|call| call.caller != handle);
        self.queue.retain(|(to, _)| *to != handle);
        self.alarms
            .retain(|_, alarm| !matches!(alarm, Alarm::Timer { owner, .. } if *owner == handle));
        let told = if reason == 0 { Reason::DEAD.0 } else { reason };
        self.fail_calls(told, text, |callee| callee == handle);
        if let Some((_, own)) = self.harbor.filter(|(service, _)| *service == handle) {
            let text = "the harbor service has ended";
            self.fail_calls(Reason::NODE_LOST.0, text, |callee| {
                let harbor = Handle(callee).harbor();
                callee == 0 || (harbor != 0 && harbor != own)
            });
            self.harbor = None;
            self.peers.clear();
        }
        let watchers: Vec<u32> = self
            .watches
            .iter()
            .filter(|(_, watched)| *watched == handle)
            .map(|(watcher, _)| *watcher)
            .collect();
        self.watches
            .retain(|(watcher, watched)| *watcher != handle && *watched != handle);
        for watcher in watchers {
            self.push_exit(watcher, handle, reason, text);
        }
        let closed = self.network.close_all_of(handle);
        self.push_events(closed);
    }

    pub(super) fn push_exit(&mut self, watcher: u32, handle: u32, reason: u32, text: &str) {
        let mut mail = Mail::from_node(KIND_EXIT, watcher, text.as_bytes());
        mail.head.source = Handle(handle);
        mail.head.reason = reason;
        self.push(watcher, mail);
    }

    pub(super) fn push_events(&mut self, events: Vec<(u32, Mail)>) {
        for (to, mail) in events {
            if self.is_alive(to) {
                self.push(to, mail);
            }
        }
    }

    fn alarm(&mut self, due: u64, alarm: Alarm) -> u64 {
        let id = self.next_alarm;
        self.next_alarm += 1;
        self.alarms.insert((due, id), alarm);
        id
    }

    pub(super) fn set_timer(&mut self, owner: u32, delay: u64, value: u64) -> u64 {
        let due = self.now.saturating_add(delay.saturating_mul(1_000_000));
        self.alarm(due, Alarm::Timer { owner, value })
    }

    pub(super) fn cancel_timer(&mut self, owner: u32, id: u64) -> bool {
        let key = self.alarms.iter().find_map(|(key, alarm)| {
            let own = matches!(alarm, Alarm::Timer { owner: found, .. } if *found == owner);
            (key.1 == id && own).then_some(*key)
        });
        key.is_some_and(|key| self.alarms.remove(&key).is_some())
    }

    /// Timers that run, deadlines not counted.
    pub(super) fn running_timers(&self) -> usize {
        self.alarms
            .values()
            .filter(|alarm| matches!(alarm, Alarm::Timer { .. }))
            .count()
    }

    /// When the next timer or deadline is due.
    pub(super) fn next_alarm_at(&self) -> Option<u64> {
        self.alarms.keys().next().map(|(due, _)| *due)
    }

    /// Sets the clock and fires one alarm that is due by then.
    pub(super) fn fire_one(&mut self, until: u64) -> bool {
        let Some(first) = self
            .alarms
            .first_entry()
            .filter(|first| first.key().0 <= until)
        else {
            return false;
        };
        self.now = self.now.max(first.key().0);
        match first.remove() {
            Alarm::Timer { owner, value } => {
                let mut mail = Mail::from_node(KIND_TIMER, owner, &[]);
                mail.head.value = value;
                self.push(owner, mail);
            }
            Alarm::Deadline { caller, session } => {
                let callee = self
                    .calls
                    .iter()
                    .find(|call| call.caller == caller && call.session == session)
                    .map(|call| call.callee);
                if let Some(callee) = callee {
                    self.fail_call(caller, session, callee, Reason::TIMED_OUT.0, "");
                }
            }
        }
        true
    }
}

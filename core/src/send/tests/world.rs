//! A node without threads: the test sends in the name of its services, and lets them have what lies in their mailboxes.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use skynet_abi::{
    Context, DELIVER_RELEASE, Host, Message, Module, OPTION_HARBOR, REASON_NODE_LOST, REASON_NONE,
    SHORT_TEXT, STATUS_OK, Text,
};

use crate::accounting::Stopwatch;
use crate::config::{Config, HarborId};
use crate::current;
use crate::end;
use crate::host;
use crate::journal;
use crate::loader::LoadedPlugin;
use crate::node::Node;
use crate::runtime;
use crate::service::{Ending, Service};
use crate::turn::{self, After};

/// The id that the node gets.
pub(super) const OWN: u32 = 0x0700_0000;

/// What all services here are made of.
const MODULE: &str = "recorder";

/// See the [module](self).
pub(super) struct World {
    pub(super) node: &'static Node,
    plugin: &'static LoadedPlugin,
    /// Older than the node's id.
    pub(super) early: &'static Service,
}

/// A message that a service was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    to: u32,
    pub(super) source: u32,
    pub(super) destination: u32,
    pub(super) session: i32,
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) reason: u32,
    pub(super) payload: Vec<u8>,
    pub(super) name: Vec<u8>,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| Mutex::new(World::new()));
static RECORDS: Mutex<Vec<Record>> = Mutex::new(Vec::new());

fn records() -> MutexGuard<'static, Vec<Record>> {
    RECORDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The node, for one test at a time.
pub(super) fn world() -> MutexGuard<'static, World> {
    WORLD.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn create(_: Context, _: Text, _: *mut *mut c_void) -> i32 {
    STATUS_OK
}

unsafe extern "C" fn release(_: *mut c_void, _: Context) {}

/// Notes what comes.
unsafe extern "C" fn deliver(_: *mut c_void, context: Context, message: *const Message) -> i32 {
    // SAFETY: the node lends the message for the call.
    let message = unsafe { &*message };
    let bytes = |data: *const u8, len: usize| {
        if len == 0 {
            return Vec::new();
        }
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(data, len) }.to_vec()
    };
    records().push(Record {
        to: context.handle,
        source: message.source,
        destination: message.destination,
        session: message.session,
        kind: message.kind,
        flags: message.flags,
        reason: message.reason,
        payload: bytes(message.data, message.len),
        name: bytes(message.name, message.name_len as usize),
    });
    DELIVER_RELEASE
}

impl World {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("skynet-send-{}", std::process::id()));
        let mut config = Config {
            harbor: HarborId::Auto,
            rundir: folder.clone(),
            cpath: vec![format!("{}/?.so", folder.display())],
            ..Config::default()
        };
        config.write_back();
        let node = runtime::build(config).expect("a node");
        drop(std::fs::remove_dir_all(&folder));
        let mut name = [0; SHORT_TEXT];
        name[..MODULE.len()].copy_from_slice(MODULE.as_bytes());
        let module = Module {
            name,
            state_version: 0,
            flags: 0,
            create: Some(create),
            deliver: Some(deliver),
            signal: None,
            release: Some(release),
            quiesce: None,
            save: None,
            restore: None,
        };
        let plugin = LoadedPlugin::builtin("test", &[module]).expect("it is whole");
        let early = launch(node, plugin);
        Self {
            node,
            plugin,
            early,
        }
    }

    pub(super) fn launch(&self) -> &'static Service {
        launch(self.node, self.plugin)
    }

    /// A service that carries messages to other nodes.
    pub(super) fn harbor(&self) -> Harbor<'_> {
        let service = self.launch();
        assert_eq!(self.become_harbor(service, OWN >> 24), STATUS_OK);
        Harbor {
            world: self,
            service,
        }
    }

    pub(super) fn become_harbor(&self, service: &'static Service, id: u32) -> i32 {
        self.call(service, |host, context| {
            let set_option = host.set_option.expect("there");
            // SAFETY: numbers.
            unsafe { set_option(context, OPTION_HARBOR, u64::from(id)) }
        })
    }

    /// Calls functions of the node in a service's own turn.
    pub(super) fn call(
        &self,
        service: &'static Service,
        body: impl FnOnce(&Host, Context) -> i32,
    ) -> i32 {
        current::within(service, self.plugin.info, || {
            body(host::table(&journal::LEVEL), service.context())
        })
    }

    /// Sends in a service's own turn; the session, or the status.
    pub(super) fn send(&self, from: &'static Service, message: Message) -> Result<i32, i32> {
        let mut session = 0;
        match self.call(from, |host, context| {
            send(host, context, &message, &mut session)
        }) {
            STATUS_OK => Ok(session),
            status => Err(status),
        }
    }

    /// Sends on behalf of a service, from elsewhere.
    pub(super) fn send_elsewhere(&self, from: &'static Service, message: Message) -> i32 {
        let mut session = 0;
        let host = host::table(&journal::LEVEL);
        send(host, from.context(), &message, &mut session)
    }

    /// The status, and how many mailboxes took it.
    pub(super) fn send_many(
        &self,
        from: &'static Service,
        message: Message,
        to: &[u32],
    ) -> (i32, usize) {
        let mut delivered = 0;
        let status = self.call(from, |host, context| {
            let send_many = host.send_many.expect("there");
            // SAFETY: as in `send`.
            unsafe { send_many(context, &message, to.as_ptr(), to.len(), &mut delivered) }
        });
        (status, delivered)
    }

    pub(super) fn watch(&self, watcher: &'static Service, handle: u32) -> i32 {
        self.call(watcher, |host, context| {
            let watch = host.watch.expect("there");
            // SAFETY: numbers.
            unsafe { watch(context, handle) }
        })
    }

    pub(super) fn peer_state(&self, service: &'static Service, harbor: u32, state: u32) -> i32 {
        self.call(service, |host, context| {
            peer_state(host, context, harbor, state)
        })
    }

    pub(super) fn peer_state_elsewhere(&self, service: &'static Service) -> i32 {
        peer_state(host::table(&journal::LEVEL), service.context(), 9, 0)
    }

    /// How many calls have failed.
    pub(super) fn node_lost(&self, service: &'static Service, harbor: u32) -> usize {
        let mut failed = 0;
        let status = self.call(service, |host, context| {
            let node_lost = host.node_lost.expect("there");
            // SAFETY: numbers, and a place that outlives the call.
            unsafe { node_lost(context, harbor, REASON_NODE_LOST, &mut failed) }
        });
        assert_eq!(status, STATUS_OK);
        failed
    }

    /// What a service has got since the last time.
    pub(super) fn received(&self, service: &'static Service) -> Vec<Record> {
        self.run();
        let to = service.handle();
        let mut records = records();
        let (own, others) = records.drain(..).partition(|record| record.to == to);
        *records = others;
        own
    }

    /// Delivers everything.
    pub(super) fn run(&self) {
        let mut watch = Stopwatch::start();
        while let Some(service) = self.node.scheduler.take_any() {
            if turn::run(service, None, &mut watch) == After::Again {
                self.node.scheduler.inject_silently(service);
            }
        }
    }

    pub(super) fn end(&self, service: &'static Service, reason: u32, text: &str) {
        self.run();
        let text = text.to_owned();
        end::exit(service, Ending { reason, text });
        end::end(service);
    }

    /// Whether a service owes an answer; from then on it does not.
    pub(super) fn settle(&self, service: &'static Service, caller: u32, session: i32) -> bool {
        // SAFETY: nobody else runs services.
        unsafe { service.turn() }.debts.settle(caller, session)
    }
}

fn send(host: &Host, context: Context, message: &Message, session: &mut i32) -> i32 {
    let send = host.send.expect("there");
    // SAFETY: the message's pointers lead to what lives during the call.
    unsafe { send(context, message, session) }
}

fn peer_state(host: &Host, context: Context, harbor: u32, state: u32) -> i32 {
    let peer_state = host.peer_state.expect("there");
    // SAFETY: numbers.
    unsafe { peer_state(context, harbor, state) }
}

fn launch(node: &Node, plugin: &'static LoadedPlugin) -> &'static Service {
    let service = node.registry.insert(0).expect("room");
    // SAFETY: nobody else has it before its first turn.
    unsafe { service.turn() }.module = plugin.module(MODULE);
    assert!(service.mailbox().rest());
    service
}

/// The harbor service of a test, which ends with it.
pub(super) struct Harbor<'a> {
    world: &'a World,
    pub(super) service: &'static Service,
}

impl Harbor<'_> {
    pub(super) fn peer_state(&self, harbor: u32, state: u32) -> i32 {
        self.world.peer_state(self.service, harbor, state)
    }

    pub(super) fn call_moved(&self, caller: u32, session: i32, callee: u32) -> i32 {
        self.world.call(self.service, |host, context| {
            let call_moved = host.call_moved.expect("there");
            // SAFETY: numbers.
            unsafe { call_moved(context, caller, session, callee) }
        })
    }

    pub(super) fn carried(&self) -> Vec<Record> {
        self.world.received(self.service)
    }
}

impl Drop for Harbor<'_> {
    fn drop(&mut self) {
        if self.service.handle() != 0 {
            self.world.end(self.service, REASON_NONE, "");
        }
        self.world.run();
        records().clear();
    }
}

//! A node without threads, for what plugins pass to it: the caller plays the plugin.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use skynet_abi::{Context, Host, LEVEL_INFO, Message, Module};

use crate::config::{Config, HarborId};
use crate::loader::LoadedPlugin;
use crate::mailbox::Batch;
use crate::node;
use crate::runtime::{self, StartError};
use crate::service::{Ending, Service};
use crate::{current, end, host, journal, turn};

/// The id of the node in its harbor network.
pub const HARBOR: u8 = 1;

/// The node of this process. Nothing runs in it but what the thread that has it calls.
#[derive(Debug)]
pub struct Node {
    node: &'static node::Node,
    plugin: &'static LoadedPlugin,
    /// Keeps the node from being without services, and gets its log. Locked while another one has its turn.
    resident: Mutex<&'static Service>,
}

impl Node {
    /// Makes the node. Its run folder is `folder`, which holds no plugin.
    ///
    /// # Errors
    /// As a node's start.
    pub fn start(folder: &Path) -> Result<Self, StartError> {
        let mut config = Config {
            harbor: HarborId::Fixed(HARBOR),
            rundir: folder.to_owned(),
            cpath: vec![format!("{}/?.so", folder.display())],
            ..Config::default()
        };
        config.write_back();
        let node = runtime::build(config)?;
        let plugin = LoadedPlugin::builtin("fuzz", &[] as &[Module]).map_err(|reason| {
            StartError::Launch {
                role: "only",
                command: "fuzz".to_owned(),
                reason: reason.to_string(),
            }
        })?;
        Ok(Self {
            node,
            plugin,
            resident: Mutex::new(insert(node)),
        })
    }

    /// The table of functions that plugins call.
    #[must_use]
    pub fn host(&self) -> &'static Host {
        host::table(&journal::LEVEL)
    }

    /// Runs `body` as a callback of a new service, shows `see` what lies in its mailbox then, and ends the service.
    pub fn in_turn<R>(&self, body: impl FnOnce(Context) -> R, mut see: impl FnMut(&Message)) -> R {
        let mut resident = self.resident.lock().unwrap_or_else(PoisonError::into_inner);
        self.tidy(&mut resident);
        let service = insert(self.node);
        let result = current::within(service, self.plugin.info, || body(service.context()));
        for mut letter in take(service) {
            let name = letter.take_name();
            see(&turn::view(&letter, name.as_deref()));
        }
        end::exit(service, Ending::default());
        end::end(service);
        drop(take(&resident));
        result
    }

    /// The resident lives and has the log, whatever a service before did to either.
    fn tidy(&self, resident: &mut &'static Service) {
        journal::LEVEL.store(LEVEL_INFO, Ordering::Relaxed);
        self.node.exit_monitor.store(0, Ordering::Relaxed);
        if resident.is_ending() {
            end::end(std::mem::replace(resident, insert(self.node)));
        }
        let logger = &self.node.log.logger;
        logger.store(resident.handle(), Ordering::Relaxed);
    }
}

/// A service that is never scheduled: it is in its turn for all its life.
fn insert(node: &node::Node) -> &'static Service {
    node.registry
        .insert(0)
        .expect("services end before new ones begin")
}

fn take(service: &Service) -> Batch {
    service.mailbox().take()
}

//! Whom a message reaches: a service of this node, or the harbor service for those of others.

use std::sync::atomic::Ordering;
use std::time::Instant;

use skynet_abi::{
    FLAG_REPLY, KIND_HARBOR, KIND_SYSTEM, NAME_SIZE, PEER_FULL, PEER_FULL_BLOCK, PEER_OPEN,
    REMOTE_PAYLOAD, STATUS_DEAD, STATUS_FULL, STATUS_INVALID, STATUS_NODE_LOST, STATUS_NOT_FOUND,
    STATUS_TOO_LARGE,
};

use super::{Destination, Outgoing};
use crate::node::{Node, node};
use crate::peers;
use crate::service::{Found, Service};
use crate::worker;

/// Whom a message will really be given to.
pub(super) struct Receiver {
    /// The service with this handle, or the harbor service for one of another node.
    pub(super) service: Found,
    /// 0 for a message to a global name.
    pub(super) handle: u32,
    /// The global name, for the harbor service.
    pub(super) name: Option<Box<[u8; NAME_SIZE]>>,
}

impl Outgoing<'_> {
    /// Whom the message will be given to, if it is for `to`. The turn of `waiter` may be kept until it can be sent.
    #[inline(always)]
    pub(super) fn resolve(
        &self,
        to: Destination<'_>,
        waiter: Option<&'static Service>,
    ) -> Result<Receiver, i32> {
        match to {
            Destination::Handle(handle) => self.resolve_handle(handle, waiter),
            Destination::Name(name) => self.resolve_name(name, waiter),
        }
    }

    #[inline(always)]
    fn resolve_handle(
        &self,
        handle: u32,
        waiter: Option<&'static Service>,
    ) -> Result<Receiver, i32> {
        match node().registry.find(handle) {
            Some(service) => Ok(Receiver {
                service,
                handle,
                name: None,
            }),
            None => self.resolve_absent(handle, waiter),
        }
    }

    /// A handle that the table does not have.
    #[cold]
    fn resolve_absent(
        &self,
        handle: u32,
        waiter: Option<&'static Service>,
    ) -> Result<Receiver, i32> {
        let node = node();
        if handle == 0 {
            return Err(STATUS_INVALID);
        }
        if node.registry.is_local(handle) {
            let handle = node.registry.own_form(handle);
            let service = node.registry.find(handle).ok_or(STATUS_DEAD)?;
            return Ok(Receiver {
                service,
                handle,
                name: None,
            });
        }
        self.check_remote(node)?;
        if node.registry.harbor() == 0 {
            // In a single node there is no other one.
            return Err(STATUS_NODE_LOST);
        }
        self.wait_for_peer(node, handle, waiter)?;
        Ok(Receiver {
            service: find_harbor(node)?,
            handle,
            name: None,
        })
    }

    /// Whether such messages can go to other nodes.
    fn check_remote(&self, node: &Node) -> Result<(), i32> {
        if self.message.kind == KIND_SYSTEM || self.message.kind == KIND_HARBOR {
            return Err(STATUS_INVALID);
        }
        find_harbor(node)?;
        if self.message.len > REMOTE_PAYLOAD {
            return Err(STATUS_TOO_LARGE);
        }
        Ok(())
    }

    /// Whether the harbor service takes messages for the node of this handle; see `PEER_*`.
    fn wait_for_peer(
        &self,
        node: &Node,
        handle: u32,
        waiter: Option<&'static Service>,
    ) -> Result<(), i32> {
        let mut until = None;
        loop {
            match node.peers.state(handle) {
                PEER_OPEN => return Ok(()),
                PEER_FULL | PEER_FULL_BLOCK if self.flags & FLAG_REPLY != 0 => return Ok(()),
                PEER_FULL => return Err(STATUS_FULL),
                PEER_FULL_BLOCK => {}
                _ => return Err(STATUS_NODE_LOST),
            }
            // The harbor service must not wait for itself, and somebody must be there to run it.
            let waiter = waiter
                .filter(|service| service.handle() != node.harbor.load(Ordering::Relaxed))
                .filter(|_| worker::hand_over(node))
                .ok_or(STATUS_FULL)?;
            let is_over = || waiter.is_ending() || node.scheduler.stopping.load(Ordering::SeqCst);
            let until = *until.get_or_insert_with(|| Instant::now() + peers::PATIENCE);
            if !node.peers.wait(handle, until, is_over) {
                return Err(STATUS_FULL);
            }
        }
    }

    #[inline(never)]
    fn resolve_name(&self, name: &[u8], waiter: Option<&'static Service>) -> Result<Receiver, i32> {
        let node = node();
        match name {
            [b'.', local_name @ ..] => {
                let name = std::str::from_utf8(local_name).map_err(|_| STATUS_NOT_FOUND)?;
                let handle = node.names.find(name).ok_or(STATUS_NOT_FOUND)?;
                self.resolve_handle(handle, waiter)
            }
            [b':', ..] => {
                let text = std::str::from_utf8(name).map_err(|_| STATUS_INVALID)?;
                let handle = parse_handle(text).ok_or(STATUS_INVALID)?;
                self.resolve_handle(handle, waiter)
            }
            [] => Err(STATUS_INVALID),
            global if global.len() >= NAME_SIZE => Err(STATUS_NOT_FOUND),
            // An answer is for whoever asked, and that is a handle.
            _ if self.flags & FLAG_REPLY != 0 => Err(STATUS_INVALID),
            global => {
                self.check_remote(node)?;
                let mut padded = [0; NAME_SIZE];
                padded[..global.len()].copy_from_slice(global);
                Ok(Receiver {
                    service: find_harbor(node)?,
                    handle: 0,
                    name: Some(Box::new(padded)),
                })
            }
        }
    }
}

fn find_harbor(node: &Node) -> Result<Found, i32> {
    node.registry
        .find(node.harbor.load(Ordering::Relaxed))
        .ok_or(STATUS_NOT_FOUND)
}

/// The handle that `:hex` means.
pub(crate) fn parse_handle(text: &str) -> Option<u32> {
    let digits = text.strip_prefix(':')?;
    let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex
        .then(|| u32::from_str_radix(digits, 16).ok())
        .flatten()
}

/// Who gets a message of the node itself for a handle that the table does not have, and with which destination.
#[cold]
pub(super) fn find_absent(node: &Node, destination: u32) -> Option<(Found, u32)> {
    if !node.registry.is_local(destination) {
        return Some((find_harbor(node).ok()?, destination));
    }
    let own_form = node.registry.own_form(destination);
    Some((node.registry.find(own_form)?, own_form))
}

//! The services that clusterd has launched for nodes: senders and proxies.

use std::collections::{BTreeMap, HashMap};

use skynet_service::Handle;

/// Senders and proxies that run.
#[derive(Default, Debug)]
pub(crate) struct Running {
    senders: BTreeMap<String, Handle>,
    proxies: HashMap<(String, String), Handle>,
    roles: HashMap<Handle, Role>,
}

/// What a service is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Has the connection to this node.
    Sender(String),
    /// Stands for a service of a node.
    Proxy(String, String),
}

impl Running {
    /// The sender of a node.
    pub(crate) fn sender(&self, node: &str) -> Option<Handle> {
        self.senders.get(node).copied()
    }

    /// All senders.
    pub(crate) const fn senders(&self) -> &BTreeMap<String, Handle> {
        &self.senders
    }

    /// The proxy of a node's service.
    pub(crate) fn proxy(&self, node: &str, service: &str) -> Option<Handle> {
        let key = (node.to_owned(), service.to_owned());
        self.proxies.get(&key).copied()
    }

    /// How many proxies there are.
    pub(crate) fn proxies(&self) -> usize {
        self.proxies.len()
    }

    /// A service was launched.
    pub(crate) fn began(&mut self, role: Role, handle: Handle) {
        match role.clone() {
            Role::Sender(node) => self.senders.insert(node, handle),
            Role::Proxy(node, service) => self.proxies.insert((node, service), handle),
        };
        self.roles.insert(handle, role);
    }

    /// A service has ended. Returns what it was for.
    pub(crate) fn ended(&mut self, handle: Handle) -> Option<Role> {
        let role = self.roles.remove(&handle)?;
        // It may have a successor already.
        match &role {
            Role::Sender(node) => {
                if self.senders.get(node) == Some(&handle) {
                    self.senders.remove(node);
                }
            }
            Role::Proxy(node, service) => {
                let key = (node.clone(), service.clone());
                if self.proxies.get(&key) == Some(&handle) {
                    self.proxies.remove(&key);
                }
            }
        }
        Some(role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_known_until_they_end() {
        let mut running = Running::default();
        let sender = Role::Sender("db".to_owned());
        let proxy = Role::Proxy("db".to_owned(), "@a".to_owned());
        running.began(sender.clone(), Handle(1));
        running.began(proxy.clone(), Handle(2));
        assert_eq!(running.sender("db"), Some(Handle(1)));
        assert_eq!(running.proxy("db", "@a"), Some(Handle(2)));
        assert_eq!(running.proxy("db", "@b"), None);
        assert_eq!(running.ended(Handle(2)), Some(proxy));
        assert_eq!((running.proxy("db", "@a"), running.proxies()), (None, 0));

        running.began(sender.clone(), Handle(3));
        assert_eq!(running.ended(Handle(1)), Some(sender.clone()));
        assert_eq!(running.sender("db"), Some(Handle(3)), "the successor stays");
        assert_eq!(running.ended(Handle(3)), Some(sender));
        assert_eq!(running.ended(Handle(3)), None);
        assert!(running.senders().is_empty());
    }
}

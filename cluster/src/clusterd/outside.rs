//! What callers from outside reach. The agents of their connections are told before whoever changed it is answered.

use skynet_seri::Value;
use skynet_service::{Buffer, Context, Handle, KIND_LUA, Result, log};

use super::exports::Export;
use super::{Clusterd, table};

impl Clusterd {
    pub(super) fn register(&self, cx: &Context, name: &[u8], handle: Handle) -> Result<()> {
        let registered = self
            .state
            .with(|state| state.names.register(name, handle))?;
        let Some(registered) = registered else {
            return Ok(());
        };
        if let Some(dropped) = registered.dropped {
            self.tell_name(cx, &dropped, None);
        }
        self.tell_name(cx, super::names::bare(name), Some(handle));
        // Told at once if it has ended already.
        self.follow(cx, handle);
        Ok(())
    }

    pub(super) fn unregister(&self, cx: &Context, name: &[u8]) {
        if self.state.with(|state| state.names.unregister(name)) {
            self.tell_name(cx, super::names::bare(name), None);
        }
    }

    pub(super) fn export(&self, cx: &Context, export: Export) -> Result<()> {
        if !self.state.with(|state| state.exports.add(export.clone()))? {
            return Ok(());
        }
        self.tell_export(cx, &export, true);
        if let Export::Handle(handle) = export {
            self.follow(cx, handle);
        }
        Ok(())
    }

    pub(super) fn unexport(&self, cx: &Context, export: &Export) {
        if self.state.with(|state| state.exports.remove(export)) {
            self.tell_export(cx, export, false);
        }
    }

    /// A service has ended: it has no name any more, and its handle opens nothing.
    pub(super) fn forget_outside(&self, cx: &Context, handle: Handle) {
        if let Some(name) = self.state.with(|state| state.names.forget(handle)) {
            log::debug!("@{} has ended", String::from_utf8_lossy(&name));
            self.tell_name(cx, &name, None);
        }
        self.unexport(cx, &Export::Handle(handle));
    }

    /// All names and exports, for a new agent.
    pub(super) fn outside(&self) -> (Value, Value) {
        self.state.with(|state| {
            let names = state.names.iter();
            let names = table(names.map(|(name, handle)| {
                let handle = Value::from(i64::from(handle.0));
                (Value::string(name), handle)
            }));
            let exports = state.exports.iter().map(Export::to_value);
            let exports = Value::from(skynet_seri::Table {
                array: exports.collect(),
                pairs: Vec::new(),
            });
            (names, exports)
        })
    }

    fn tell_name(&self, cx: &Context, name: &[u8], handle: Option<Handle>) {
        let news = Buffer::pack(&("name", name, handle.map(|handle| handle.0)));
        self.tell_agents(cx, news);
    }

    fn tell_export(&self, cx: &Context, export: &Export, is_open: bool) {
        let news = Buffer::pack(&("export", export.to_value(), is_open));
        self.tell_agents(cx, news);
    }

    fn tell_agents<E: Into<skynet_service::Error>>(&self, cx: &Context, news: Result<Buffer, E>) {
        let agents = self.state.with(|state| state.doors.listeners.agents());
        if agents.is_empty() {
            return;
        }
        let sent = news
            .map_err(Into::into)
            .and_then(|news| Ok(cx.send_many(&agents, KIND_LUA, news)?));
        match sent {
            // Those that took nothing have just ended.
            Ok(_) => {}
            Err(error) => {
                log::error!("the agents of the cluster do not learn of a change: {error}")
            }
        }
    }
}

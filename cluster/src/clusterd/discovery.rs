//! Where nodes are: asked of the discovery service, and told by it.

use std::time::Duration;

use skynet_service::{
    Buffer, CallError, Context, Error, Exit, Handle, KIND_LUA, Result, ResultExt, log,
};

use super::nodes::Changes;
use super::{Clusterd, answered_table, why};
use crate::table::{NodeTable, Whereabouts};

/// How long a discovery service that has ended is left alone, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// As many changes of a table are logged one by one.
const TOLD: usize = 20;

/// Launches the discovery service and asks for all nodes.
///
/// # Errors
/// It was not launched, or its answer is no table.
pub(super) async fn begin(cx: &Context, line: &str) -> Result<(Handle, NodeTable)> {
    let discovery = cx.launch(&format!("{line} {}", cx.handle())).await?;
    match ask(cx, discovery, Buffer::pack(&("nodes",))?).await {
        Ok(table) => Ok((discovery, table)),
        Err(error) => {
            // The next one is launched anew.
            let _ = cx.kill(discovery);
            Err(error)
        }
    }
}

async fn ask(cx: &Context, discovery: Handle, question: Buffer) -> Result<NodeTable> {
    match cx.call(discovery, KIND_LUA, question).await {
        Ok(answer) => answered_table(&answer).context("where cluster nodes are"),
        // It says itself what is wrong with what.
        Err(CallError::Failed { reason, text, .. }) if !text.is_empty() => {
            Err(Error::msg(text).with_reason(reason))
        }
        Err(error) => Err(Error::from(error).context("where cluster nodes are")),
    }
}

impl Clusterd {
    /// Has the discovery service look anew, or read a file.
    pub(super) async fn reload(&self, cx: &Context, file: Option<&str>) -> Result<()> {
        let discovery = self.state.with(|state| state.discovery);
        let discovery = discovery.ok_or_else(|| {
            Error::refused("the discovery service has ended, and is being launched again")
        })?;
        let table = ask(cx, discovery, Buffer::pack(&("reload", file))?).await?;
        self.apply(cx, table)
    }

    /// What a table says holds from now on: senders learn of it, and whoever has waited goes on.
    pub(super) fn apply(&self, cx: &Context, table: NodeTable) -> Result<()> {
        for option in &table.unknown {
            log::warn!("cluster option {option} is not known");
        }
        let Changes {
            nodes,
            is_impatient,
        } = self.state.with(|state| state.nodes.update(table))?;
        if nodes.len() > TOLD {
            log::info!("{} cluster nodes are new, elsewhere or down", nodes.len());
        }
        for (name, node) in &nodes {
            if nodes.len() <= TOLD {
                match node {
                    Whereabouts::At(address) => log::info!("cluster node {name} is at {address}"),
                    Whereabouts::Down => log::info!("cluster node {name} is down"),
                }
            }
            self.move_sender(cx, name, node);
        }
        for (name, _) in &nodes {
            self.release(cx, name);
        }
        if is_impatient {
            self.release_all(cx);
        }
        Ok(())
    }

    /// Somebody asks for a node that is not known.
    pub(super) fn tell_wanted(&self, cx: &Context, node: &str) {
        let Some(discovery) = self.state.with(|state| state.discovery) else {
            return;
        };
        if let Ok(wanted) = Buffer::pack(&("wanted", node))
            && let Err(error) = cx.send(discovery, KIND_LUA, wanted)
        {
            log::debug!("the discovery service does not learn that {node} is wanted: {error}");
        }
    }

    /// The nodes stay as they are until there is another one.
    pub(super) fn discovery_ended(&self, cx: &Context, exit: &Exit) {
        let is_it = self.state.with(|state| {
            let ended = state.discovery.take_if(|known| *known == exit.handle);
            ended.is_some()
        });
        if is_it {
            log::error!("the discovery service has ended: {}", why(exit));
            cx.spawn_with(begin_again);
        }
    }
}

async fn begin_again(cx: Context) {
    let (mut pause, longest) = PAUSES;
    loop {
        cx.sleep(pause).await;
        pause = (2 * pause).min(longest);
        let Some(this) = cx.this::<Clusterd>() else {
            return;
        };
        match begin(&cx, &this.settings.discovery).await {
            Ok((discovery, table)) => {
                this.state.with(|state| state.discovery = Some(discovery));
                this.follow(&cx, discovery);
                if let Err(error) = this.apply(&cx, table) {
                    log::error!("the cluster nodes stay as they are: {error}");
                }
                return;
            }
            Err(error) => log::error!("no discovery service: {error}"),
        }
    }
}

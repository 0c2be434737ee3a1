//! Module `clusterfile`: the names of nodes from a file, or from the configuration itself.
//!
//! It is what every *discovery* service is. `clusterd` launches it with its own handle as the last word, and asks, in
//! messages of kind `KIND_LUA`:
//!
//! | request | answer |
//! |---|---|
//! | `nodes` | a table: name to `"host:port"` (`tls://`, `skynet://` before it or not) or `false`; `__nowaiting` |
//! | `reload [file]` | the same, read anew |
//! | `wanted name` | nothing is answered: somebody waits for a node that is not known |
//!
//! Whenever it likes it sends `clusterd` `update` with such a table. A table adds nodes and changes them, it takes none
//! away.

mod source;
#[cfg(test)]
mod tests;

use std::time::Duration;

use skynet_seri::Value;
use skynet_service::{
    Buffer, Context, Error, Exit, Handle, KIND_LUA, Local, Message, Result, Service, log,
};

use crate::config::seconds;
use crate::table::NodeTable;
use source::Source;

/// Reads the names of nodes from a file, and again when it has changed.
pub(crate) struct ClusterFile {
    clusterd: Handle,
    source: Local<Source>,
    /// How often the file is looked at.
    watch: Option<Duration>,
}

impl Service for ClusterFile {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        let clusterd = args.trim().parse().map_err(|_| {
            Error::refused(format_args!(
                "found {args:?}, wanted the handle of clusterd: it launches this itself"
            ))
        })?;
        cx.monitor(clusterd);
        let source = match (cx.env("cluster"), cx.env("cluster_nodes")) {
            (Some(file), _) => Source::file(&file),
            (None, Some(text)) => Source::inline(text),
            (None, None) => Source::nothing(),
        };
        Ok(Self {
            clusterd,
            source: Local::new(source),
            watch: Some(seconds(cx, "cluster_watch", 0.0)).filter(|period| !period.is_zero()),
        })
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        let Some(period) = self.watch else {
            return Ok(());
        };
        loop {
            cx.sleep(period).await;
            self.look(cx);
        }
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        if message.kind() != KIND_LUA {
            return Err(Error::unsupported(format_args!(
                "clusterfile takes lua messages, found kind {}",
                message.kind()
            )));
        }
        let (command, file) = message.unpack::<(&str, Option<&str>)>()?;
        let table = match command {
            "nodes" => self.read(cx, None)?,
            "reload" => self.read(cx, file)?,
            // A file does not know more because somebody asks.
            "wanted" => return Ok(()),
            _ => {
                return Err(Error::unsupported(format_args!(
                    "clusterfile has no command {command:?}, only nodes, reload and wanted"
                )));
            }
        };
        Ok(cx.reply(&message, skynet_seri::encode(&[table.to_value()])?)?)
    }

    async fn on_exit(&self, cx: &Context, _exit: Exit) -> Result<()> {
        cx.exit();
        Ok(())
    }
}

impl ClusterFile {
    /// What the source says now; with a file, that is the source from now on, if it can be read.
    fn read(&self, cx: &Context, file: Option<&str>) -> Result<NodeTable> {
        self.source.with(|source| {
            let mut new = file.map_or_else(|| source.clone(), Source::file);
            let table = cx.blocking(|| new.read())?;
            *source = new;
            Ok(table)
        })
    }

    /// Tells what the file says if it has changed. One that is broken changes nothing.
    fn look(&self, cx: &Context) {
        let changed = self
            .source
            .with(|source| cx.blocking(|| source.read_if_changed()));
        match changed {
            None => {}
            Some(Ok(table)) => self.tell(cx, table.to_value()),
            Some(Err(error)) => log::error!("the cluster nodes stay as they are: {error}"),
        }
    }

    fn tell(&self, cx: &Context, table: Value) {
        let update = Buffer::pack(&("update", table));
        let sent = update
            .map_err(Error::from)
            .and_then(|update| Ok(cx.send(self.clusterd, KIND_LUA, update)?));
        if let Err(error) = sent {
            log::error!("clusterd does not learn what has changed: {error}");
        }
    }
}

//! The database's side.

use skynet_service::{Context, Error, Message, Result, ResultExt, Service};

/// Has other nodes reach the database of this one.
pub(crate) struct Db;

impl Service for Db {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        let db = cx.query(".simpledb");
        let db = db.ok_or_else(|| Error::msg("there is no .simpledb: start simpledb first"))?;
        let cluster = cx.cluster();
        // For others it is `@simpledb`, `.simpledb` and `SIMPLEDB`.
        cluster.register("simpledb", db).await?;
        cx.harbor().global_name("SIMPLEDB", db).await?;
        cluster.export(".simpledb").await?;
        cluster.export("SIMPLEDB").await?;
        let node = crate::node(args);
        let (address, port) = cluster
            .open(node)
            .await
            .context(format_args!("cluster node {node} does not listen"))?;
        log::info!("cluster node {node} listens on {address} (port {port})");
        Ok(Self)
    }

    async fn handle(&self, _cx: &Context, message: Message) -> Result<()> {
        Err(Error::unsupported(format_args!(
            "found a message of kind {}; the database is .simpledb",
            message.kind()
        )))
    }
}

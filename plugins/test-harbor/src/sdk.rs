//! What the SDK offers of a network, by words: `SDK …`. A time-out is in milliseconds; 0 is none.

use std::time::Duration;

use skynet_service::{Context, Error, Handle, Result};

/// Does it, and tells what came of it.
pub(crate) async fn run(cx: &Context, words: &[&str]) -> Result<String> {
    let harbor = cx.harbor();
    let limit = |text: &str| Ok::<_, Error>(Duration::from_millis(text.parse()?));
    Ok(match words {
        ["REMOTE", handle] => cx.is_remote(handle.parse()?).to_string(),
        ["LINK", id, "0"] => told(harbor.link(id.parse()?).await)?,
        ["LINK", id, time] => told(harbor.link_timeout(id.parse()?, limit(time)?).await)?,
        ["CONNECT", id, "0"] => told(harbor.connect(id.parse()?).await)?,
        ["CONNECT", id, time] => told(harbor.connect_timeout(id.parse()?, limit(time)?).await)?,
        ["LINKMASTER", "0"] => told(harbor.link_master().await)?,
        ["LINKMASTER", time] => told(harbor.link_master_timeout(limit(time)?).await)?,
        ["QUERY", name, "0"] => found(harbor.query_name(name).await?),
        ["QUERY", name, time] => found(harbor.query_name_timeout(name, limit(time)?).await?),
        ["NAME", name, handle] => told(harbor.global_name(name, handle.parse()?).await)?,
        ["MOVE", name, handle] => told(harbor.move_name(name, handle.parse()?).await)?,
        ["UNNAME", name] => told(harbor.unregister_name(name).await)?,
        ["NODES"] => {
            let nodes = harbor.nodes().await?;
            let lines = nodes.iter().map(|node| {
                format!(
                    "{}:{}:{:?}:{}",
                    node.id, node.address, node.state, node.dropped
                )
            });
            lines.collect::<Vec<_>>().join(" ")
        }
        ["MASTER"] => {
            let master = harbor.master().await?;
            format!("{} {}", master.address, master.state)
        }
        ["UNIQUE", line @ ..] => cx.unique(&line.join(" ")).await?.to_string(),
        ["GUNIQUE", line @ ..] => cx.global_unique(&line.join(" ")).await?.to_string(),
        ["SERVICE", name] => cx.query_service(name).await?.to_string(),
        ["GSERVICE", name] => cx.query_global_service(name).await?.to_string(),
        ["GSERVICE", name, time] => {
            let found = cx.query_global_service_timeout(name, limit(time)?).await?;
            found.to_string()
        }
        ["GET", path @ ..] => shown(cx.data_center().get(path).await?),
        ["SET", path @ .., value] => {
            cx.data_center().set(path, &Some(*value)).await?;
            String::new()
        }
        ["UPDATE", path @ .., value] => shown(cx.data_center().update(path, &Some(*value)).await?),
        ["WAIT", time, path @ ..] => {
            let center = cx.data_center().timeout(limit(time)?);
            shown(Some(center.wait(path).await?))
        }
        _ => return Err(Error::unsupported(format!("{words:?}"))),
    })
}

fn told<E: Into<Error>>(result: Result<(), E>) -> Result<String> {
    result.map(|()| "done".to_owned()).map_err(Into::into)
}

fn found(handle: Option<Handle>) -> String {
    handle.map_or("nobody".to_owned(), |handle| handle.to_string())
}

fn shown(value: Option<String>) -> String {
    value.unwrap_or_else(|| "nothing".to_owned())
}

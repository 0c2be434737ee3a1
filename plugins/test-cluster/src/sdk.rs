//! What the SDK offers of a cluster, by words: `SDK …`. A limit is in milliseconds; 0 is none. An error is told with its
//! variant in front.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use skynet_service::seri::{Table, Value};
use skynet_service::{
    Cluster, ClusterError, ClusterPlace, ClusterService, Context, Error, Handle, Result,
};

use crate::streams::made;
use crate::values;

/// One in so many messages of a stream is large.
const LARGE: i64 = 7;

/// Does it, and tells what came of it.
pub(crate) async fn run(cx: &Context, words: &[&str]) -> Result<String> {
    let done = match words {
        ["ORDER", node, name, stream, count] => order(cx, node, name, stream, count.parse()?).await,
        ["TRACED", trace, rest @ ..] => {
            let trace = u64::from_str_radix(trace, 16)?;
            requests(cx.cluster().traced(trace), rest).await
        }
        _ => requests(cx.cluster(), words).await,
    };
    done.map_err(|error| {
        let variant = format!("{error:?}");
        let end = variant.find([' ', '(']).unwrap_or(variant.len());
        let text = format!("{}: {error}", &variant[..end]);
        Error::msg(text).with_reason(error.reason())
    })
}

async fn requests(cluster: Cluster<'_>, words: &[&str]) -> Result<String, ClusterError> {
    let nothing = |()| String::new();
    let shown = |handle: Handle| handle.to_string();
    Ok(match words {
        ["CALL", node, name, limit, rest @ ..] => {
            let values = all(rest);
            let reply = match limit.parse() {
                Ok(0) | Err(_) => cluster.call(node, service(name), &values).await?,
                Ok(time) => {
                    let time = Duration::from_millis(time);
                    cluster
                        .call_timeout(node, service(name), &values, time)
                        .await?
                }
            };
            values::unpack(reply.bytes()).unwrap_or_else(|error| error.to_string())
        }
        ["SEND", node, name, rest @ ..] => {
            let sent = cluster.send(node, service(name), &all(rest)).await;
            sent.map(nothing)?
        }
        ["ACK", node, name, rest @ ..] => {
            let sent = cluster.send_acked(node, service(name), &all(rest)).await;
            sent.map(nothing)?
        }
        ["QUERY", node, name] => cluster.query(node, name).await.map(shown)?,
        ["PROXY", node, name] => cluster.proxy(node, service(name)).await.map(shown)?,
        ["SENDER", node] => cluster.sender(node).await.map(shown)?,
        ["OPEN", place] => {
            let (address, port) = match place.parse::<u16>() {
                Ok(port) => cluster.open(port).await?,
                Err(_) => cluster.open(*place).await?,
            };
            format!("{address} {port}")
        }
        ["CLOSE", place] => cluster
            .close(ClusterPlace::from(*place))
            .await
            .map(nothing)?,
        ["REGISTER", name, handle] => {
            let handle = handle.parse().unwrap_or(Handle(0));
            cluster.register(name, handle).await.map(nothing)?
        }
        ["UNREGISTER", name] => cluster.unregister(name).await.map(nothing)?,
        ["EXPORT", name] => cluster.export(service(name)).await.map(nothing)?,
        ["UNEXPORT", name] => cluster.unexport(service(name)).await.map(nothing)?,
        ["RELOAD"] => cluster.reload().await.map(nothing)?,
        ["RELOAD", file] => cluster.reload_file(file).await.map(nothing)?,
        ["UPDATE", table] => cluster.update(&values::value(table)).await.map(nothing)?,
        ["NODES"] => {
            let nodes = cluster.nodes().await?;
            let lines = nodes.iter().map(|node| {
                let address = node.address.as_deref().unwrap_or("down");
                format!(
                    "{}={address},{:?},ours={},dropped={}",
                    node.name, node.state, node.is_ours, node.dropped
                )
            });
            lines.collect::<Vec<_>>().join(" ")
        }
        _ => format!("no such word of the SDK: {words:?}"),
    })
}

fn all(words: &[&str]) -> Vec<Value> {
    words.iter().map(|word| values::value(word)).collect()
}

fn service(word: &str) -> ClusterService<'_> {
    match word.parse::<Handle>() {
        Ok(handle) => handle.into(),
        Err(_) => word.into(),
    }
}

/// Numbered messages of all kinds and sizes, whose futures are made first and then polled one after the other. Tells how
/// many of those that were answered the other end does not know.
async fn order(
    cx: &Context,
    node: &str,
    name: &str,
    stream: &str,
    count: i64,
) -> Result<String, ClusterError> {
    type Sent<'a> = Pin<Box<dyn Future<Output = Result<(), ClusterError>> + Send + 'a>>;
    let cluster = cx.cluster();
    let mut sent: Vec<Sent<'_>> = Vec::new();
    for number in 1..=count {
        sent.push(Box::pin(async move {
            let len = if number % LARGE == 0 { 70_000 } else { 40 };
            let payload = made(len, number.cast_unsigned());
            let values = ("NUMBER", stream, number, payload);
            match number % 3 {
                0 => cluster.send(node, name, &values).await,
                1 => cluster.send_acked(node, name, &values).await,
                _ => cluster.call(node, name, &values).await.map(drop),
            }
        }));
    }
    let mut failed = None;
    poll_fn(|task| {
        sent.retain_mut(|one| match one.as_mut().poll(task) {
            Poll::Ready(done) => {
                failed = failed.take().or(done.err());
                false
            }
            Poll::Pending => true,
        });
        if sent.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    if let Some(error) = failed {
        return Err(error);
    }
    let numbers = Table {
        array: (1..=count).map(Value::Integer).collect(),
        ..Table::default()
    };
    let values = [
        Value::string("CHECK"),
        Value::string(stream),
        Value::Table(Box::new(numbers)),
    ];
    let reply = cluster.call(node, name, &values[..]).await?;
    Ok(values::unpack(reply.bytes()).unwrap_or_else(|error| error.to_string()))
}

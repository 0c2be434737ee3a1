//! Requests to other nodes by messages to their senders, as a service without the SDK would make them.

use std::time::Duration;

use skynet_service::seri::{Value, encode};
use skynet_service::{Call, CallError, Context, Error, Handle, KIND_LUA, Outgoing, Reply, Result};

use crate::values;

/// Has the cluster's service of this node do something.
pub(crate) async fn ask(cx: &Context, values: &[Value]) -> Result<Reply> {
    let clusterd = match cx.query(".clusterd") {
        Some(handle) => handle,
        None => cx.unique("clusterd").await?,
    };
    let answer = cx.call(clusterd, KIND_LUA, encode(values)?).await;
    answer.map_err(passed_on)
}

/// The service that has the connection to a node.
pub(crate) async fn sender(cx: &Context, node: &str) -> Result<Handle> {
    let answer = ask(cx, &[Value::string("sender"), Value::string(node)]).await?;
    Ok(Handle(answer.unpack::<(u32,)>()?.0))
}

/// What a sender is asked for: `req`, `push` or `ack`.
pub(crate) fn request(what: &str, service: &str, body: Vec<u8>) -> Result<Vec<u8>> {
    let values = [
        Value::string(what),
        values::value(service),
        Value::String(body),
    ];
    Ok(encode(&values)?)
}

/// Calls a sender. Waits no longer than so many milliseconds; 0: no limit.
pub(crate) fn call<'a>(
    cx: &'a Context,
    sender: Handle,
    request: Vec<u8>,
    milliseconds: u64,
) -> Call<'a> {
    match milliseconds {
        0 => cx.call(sender, KIND_LUA, request),
        time => cx.call_timeout(sender, KIND_LUA, request, Duration::from_millis(time)),
    }
}

/// Calls a sender with a trace.
pub(crate) fn traced(cx: &Context, sender: Handle, request: Vec<u8>, trace: u64) -> Call<'_> {
    cx.call_message(Outgoing::new(sender, KIND_LUA, request).trace(trace))
}

/// The same error, with its reason, for whoever asked for the call.
pub(crate) fn passed_on(error: CallError) -> Error {
    let reason = error.reason();
    Error::from(error).with_reason(reason)
}

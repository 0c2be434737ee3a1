//! Where rooms live when the nodes of a network share them.
//!
//! There is a fixed number of homes, each a global name; a room belongs to one by its own name, everywhere alike. A home
//! is a room service on the node where somebody first wanted a room of it: whoever binds the name first has it. The name
//! of a home whose node is lost is free again, and the next one to bind it has an empty home.

use std::time::Duration;

use skynet_service::{Buffer, Context, Error, Handle, HarborError, KIND_LUA, Result};

use crate::protocol;

/// The service that knows the network's names.
const NETWORK: &str = ".cslave";
/// How long to wait before looking again at a name that is still bound to a home that is gone.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the master may take.
const FOUND: Duration = Duration::from_secs(5);

/// The global name of a home.
fn name(index: usize) -> String {
    format!("CHAT-ROOMS-{index}")
}

/// Waits until there is such a home.
///
/// # Errors
/// The node is in no network, or ends.
pub(crate) async fn find(cx: &Context, index: usize) -> Result<Handle> {
    let home = cx.harbor().query_name(&name(index)).await?;
    home.ok_or_else(|| Error::msg("global names are waited for"))
}

/// The home, if there is one that is known here.
///
/// # Errors
/// As [`find`].
async fn known(cx: &Context, index: usize, limit: Duration) -> Result<Option<Handle>> {
    match cx.harbor().query_name_timeout(&name(index), limit).await {
        Err(error) if error.is_timeout() => Ok(None),
        found => Ok(found?),
    }
}

/// Makes `room` the home, unless there is one. Tells which it is.
///
/// # Errors
/// There is none, and this could not be made one.
pub(crate) async fn claim(cx: &Context, index: usize, room: Handle) -> Result<Handle> {
    let name = name(index);
    match cx.harbor().global_name_timeout(&name, room, FOUND).await {
        Ok(()) => Ok(room),
        Err(HarborError::Taken { holder, .. }) => Ok(holder),
        Err(error) => Err(error.into()),
    }
}

/// Puts `room` in the place of a home of this node that has ended.
///
/// # Errors
/// The master did not allow it, or is gone.
pub(crate) async fn replace(cx: &Context, index: usize, room: Handle) -> Result<()> {
    let name = name(index);
    Ok(cx.harbor().move_name_timeout(&name, room, FOUND).await?)
}

/// Gives up a home of this node, which ends: nothing can be waited for any more.
pub(crate) fn leave(cx: &Context, index: usize) {
    let sent = Buffer::pack(&("UNREGISTER", name(index).as_str()))
        .map(|request| cx.send(NETWORK, KIND_LUA, request));
    if !matches!(sent, Ok(Ok(()))) {
        log::debug!("the name of home {index} stays behind: {sent:?}");
    }
}

/// Waits until a service has ended, on whichever node: it gets a request that it does not answer.
pub(crate) async fn wait_end(cx: &Context, service: Handle) {
    loop {
        let Ok(request) = protocol::encode_watch() else {
            return;
        };
        match cx.call(service, KIND_LUA, request).await {
            // A node may limit how long calls wait.
            Err(error) if error.is_timeout() => {}
            Ok(_) => return,
            Err(error) => return log::debug!("{service} is gone: {}", error.reason()),
        }
    }
}

/// Waits until the name of a home is no longer bound to one that is gone. Tells whom it is bound to; nobody may be.
///
/// # Errors
/// As [`find`].
pub(crate) async fn wait_free(cx: &Context, index: usize, gone: Handle) -> Result<Option<Handle>> {
    loop {
        match known(cx, index, PAUSE).await? {
            Some(home) if home == gone => cx.sleep(PAUSE).await,
            other => return Ok(other),
        }
    }
}

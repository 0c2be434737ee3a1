//! A service manager that leaves what is one per network to that of the standalone node.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use skynet_service::{
    Buffer, Context, Error, Handle, KIND_LUA, Local, Reason, Result, ResultExt as _, log,
};

use crate::answer::{Answer, is_gone};
use crate::network::SERVICE;
use crate::request::Target;
use crate::{LONGEST_LAUNCH, join_limit};

/// The first and the longest pause between two attempts to find the network's manager.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The way to the network's manager. Clones are the same.
#[derive(Clone)]
pub(crate) struct Slave {
    state: Arc<Local<State>>,
}

#[derive(Default)]
struct State {
    /// None while it is looked for.
    manager: Option<Handle>,
    /// The nodes whose loss is waited for.
    links: BTreeSet<u8>,
}

impl Slave {
    /// Finds the network's manager and tells it of this one.
    ///
    /// # Errors
    /// It does not answer in time.
    pub(crate) async fn report(cx: &Context) -> Result<Self> {
        let limit = join_limit(cx);
        let found = cx.timeout(limit, find(cx)).await;
        let manager = found
            .map_err(Error::from)
            .and_then(|found| found)
            .context(format_args!(
                "the standalone node has not answered for the global name {SERVICE}; does its service_mgr run?"
            ))?;
        let slave = Self {
            state: Arc::default(),
        };
        slave.state.with(|state| state.manager = Some(manager));
        Ok(slave)
    }

    /// Looks for the network's manager anew whenever its node is lost.
    pub(crate) fn follow(&self, cx: &Context) {
        let node = self.state.with(|state| {
            let node = state.manager?.harbor();
            state.links.insert(node).then_some(node)
        });
        let Some(node) = node else {
            return;
        };
        let slave = self.clone();
        cx.spawn_with(|cx| async move {
            // An error: nobody can tell.
            let is_lost = cx.harbor().link(node).await.is_ok();
            slave.state.with(|state| state.links.remove(&node));
            if is_lost {
                slave.look_again(&cx);
            }
        });
    }

    /// Asks the network's manager for a service.
    pub(crate) async fn ask(
        &self,
        cx: &Context,
        command: &str,
        target: &Target,
        arguments: &[u8],
    ) -> Answer {
        let Some(manager) = self.state.with(|state| state.manager) else {
            return Answer::Failed(
                Reason::NODE_LOST,
                format!("the standalone node is lost; {SERVICE} is looked for"),
            );
        };
        let request = match request(command, target, arguments) {
            Ok(request) => request,
            Err(error) => return Answer::Refused(error.to_string()),
        };
        let answer = cx
            .call_timeout(manager, KIND_LUA, request, LONGEST_LAUNCH)
            .await;
        if answer.as_ref().is_err_and(is_gone) {
            self.look_again(cx);
        }
        Answer::of_manager(answer)
    }

    /// Looks for the network's manager until it is found.
    fn look_again(&self, cx: &Context) {
        let Some(former) = self.state.with(|state| state.manager.take()) else {
            return;
        };
        log::warn!("the service manager of the network, {former}, is lost; looking for another");
        let slave = self.clone();
        cx.spawn_with(|cx| async move {
            let mut pause = PAUSES.0;
            let manager = loop {
                // As long as it takes: the name is there when the standalone node is.
                match find(&cx).await {
                    Ok(manager) => break manager,
                    Err(error) => log::debug!("{error}; trying again"),
                }
                cx.sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            };
            log::info!("the service manager of the network is {manager}");
            slave.state.with(|state| state.manager = Some(manager));
            slave.follow(&cx);
        });
    }
}

/// Finds the network's manager and tells it of this one.
async fn find(cx: &Context) -> Result<Handle> {
    let manager = cx.harbor().query_name(SERVICE).await?;
    let manager = manager.ok_or_else(|| Error::msg(format_args!("nobody is {SERVICE}")))?;
    let report = Buffer::pack(&("REPORT", i64::from(cx.handle().0)))?;
    cx.call_timeout(manager, KIND_LUA, report, join_limit(cx))
        .await?;
    Ok(manager)
}

fn request(command: &str, target: &Target, arguments: &[u8]) -> Result<Buffer> {
    let word = target.word();
    let mut request = match target.sub().filter(|_| arguments.is_empty()) {
        Some(sub) => Buffer::pack(&(command, &*word, sub))?,
        None => Buffer::pack(&(command, &*word))?,
    };
    request.extend_from_slice(arguments);
    Ok(request)
}

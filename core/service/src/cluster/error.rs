//! Why a cluster did not do what it was asked.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::gate::Failure;
use crate::error::Seconds;
use crate::{CallError, Handle, Reason, RequestError};

/// Whom a request to another node was for; displayed as `@db of cluster node lobby`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterPeer {
    /// The name of the node.
    pub node: Box<str>,
    /// The service there, by name or handle; `None`: the node itself.
    pub service: Option<Box<str>>,
}

impl fmt::Display for ClusterPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(service) = &self.service {
            write!(f, "{service} of ")?;
        }
        write!(f, "cluster node {}", self.node)
    }
}

/// The cluster did not do what it was asked. `text` says more in each case; it may be empty.
///
/// An unmodified Skynet node does not say why a call failed there: that is always [`Failed`](Self::Failed).
#[derive(Debug)]
#[non_exhaustive]
pub enum ClusterError {
    /// No such node is known, and it was waited for as long as is configured.
    UnknownNode {
        /// Its name.
        node: Box<str>,
        /// What was said about it.
        text: String,
    },
    /// The node cannot be reached, is configured as down, or its connection was lost before the answer came.
    NodeLost {
        /// Whom it was for.
        peer: ClusterPeer,
        /// What was said about it.
        text: String,
    },
    /// The node has no such service, or nobody has that name.
    UnknownService {
        /// Whom it was for.
        peer: ClusterPeer,
        /// What was said about it.
        text: String,
    },
    /// The service has ended before it answered.
    Dead {
        /// Whom it was for.
        peer: ClusterPeer,
        /// What was said about it.
        text: String,
    },
    /// The service has failed.
    Failed {
        /// Whom it was for.
        peer: ClusterPeer,
        /// How: [`Reason::FAILED`], [`Reason::PANICKED`], [`Reason::DROPPED`], ….
        reason: Reason,
        /// What it said about it.
        text: String,
    },
    /// The other node does not let it through ([exposure](super::ClusterExpose)), the service refused it, or too much
    /// waits for the node.
    Refused {
        /// Whom it was for.
        peer: ClusterPeer,
        /// What was said about it.
        text: String,
    },
    /// The time was up before the answer came.
    TimedOut {
        /// Whom it was for.
        peer: ClusterPeer,
        /// The time, if the caller has set it.
        timeout: Option<Duration>,
        /// What was said about it.
        text: String,
    },
    /// The message is larger than `cluster_max_message` of one of the two nodes.
    TooLarge {
        /// Whom it was for.
        peer: ClusterPeer,
        /// What was said about it.
        text: String,
    },
    /// The other node, or the service, cannot do this. An unmodified Skynet node acknowledges nothing.
    Unsupported {
        /// Whom it was for.
        peer: ClusterPeer,
        /// What was said about it.
        text: String,
    },
    /// Another service has the name.
    Taken {
        /// The name.
        name: Box<str>,
        /// Who has it.
        holder: Handle,
    },
    /// There is no cluster in this node: its plugin was not launched.
    NoCluster {
        /// Why not.
        text: String,
    },
    /// A request within this node failed.
    Request(RequestError),
}

impl ClusterError {
    /// Whether the time was up before it was done.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.reason() == Reason::TIMED_OUT
    }

    /// Why, in terms of an error reply.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::UnknownNode { .. } | Self::UnknownService { .. } => Reason::UNKNOWN,
            Self::NodeLost { .. } => Reason::NODE_LOST,
            Self::Dead { .. } => Reason::DEAD,
            Self::Failed { reason, .. } => *reason,
            Self::Refused { .. } | Self::Taken { .. } | Self::NoCluster { .. } => Reason::REFUSED,
            Self::TimedOut { .. } => Reason::TIMED_OUT,
            Self::TooLarge { .. } => Reason::TOO_LARGE,
            Self::Unsupported { .. } => Reason::UNSUPPORTED,
            Self::Request(RequestError::Call(error)) => error.reason(),
            Self::Request(_) => Reason::FAILED,
        }
    }

    /// There is no sender for a node.
    pub(super) fn no_sender(peer: ClusterPeer, failure: &Failure) -> Self {
        match failure {
            Failure::Told(Reason::UNKNOWN, text) => Self::UnknownNode {
                node: peer.node,
                text: text.as_ref().into(),
            },
            Failure::Told(reason, text) => Self::told(peer, *reason, text.as_ref().into(), None),
            Failure::NoCluster(text) => Self::NoCluster {
                text: text.as_ref().into(),
            },
        }
    }

    /// A call to the sender has failed.
    pub(super) fn of_call(peer: ClusterPeer, error: CallError) -> Self {
        match error {
            CallError::Failed {
                reason,
                text,
                timeout,
                ..
            } => Self::told(peer, reason, text, timeout),
            error @ CallError::NotSent(_) => Self::Request(RequestError::Call(error)),
        }
    }

    fn told(peer: ClusterPeer, reason: Reason, text: String, timeout: Option<Duration>) -> Self {
        match reason {
            Reason::NODE_LOST => Self::NodeLost { peer, text },
            Reason::UNKNOWN => Self::UnknownService { peer, text },
            Reason::DEAD | Reason::KILLED => Self::Dead { peer, text },
            Reason::REFUSED => Self::Refused { peer, text },
            Reason::TOO_LARGE => Self::TooLarge { peer, text },
            Reason::UNSUPPORTED => Self::Unsupported { peer, text },
            Reason::TIMED_OUT => Self::TimedOut {
                peer,
                timeout,
                text,
            },
            reason => Self::Failed { peer, reason, text },
        }
    }

    /// Why a name was not registered. Whoever refuses it because it is taken says by whom, at the end.
    pub(super) fn of_registration(name: &str, error: Self) -> Self {
        if let Self::Request(RequestError::Call(CallError::Failed {
            reason: Reason::REFUSED,
            text,
            ..
        })) = &error
            && let Some((_, holder)) = text.rsplit_once(" taken by ")
            && let Ok(holder) = holder.parse()
        {
            let name = name.into();
            return Self::Taken { name, holder };
        }
        error
    }

    /// A question to clusterd about a node has failed.
    pub(super) fn of_node(peer: ClusterPeer, error: Self) -> Self {
        match error {
            Self::Request(RequestError::Call(CallError::Failed {
                reason: Reason::UNKNOWN,
                text,
                ..
            })) => Self::UnknownNode {
                node: peer.node,
                text,
            },
            Self::Request(RequestError::Call(CallError::Failed {
                reason: Reason::NODE_LOST,
                text,
                ..
            })) => Self::NodeLost { peer, text },
            error => error,
        }
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (peer, what, text) = match self {
            Self::UnknownNode { node, text } => {
                let what = format!("cluster node {node} is not known");
                f.write_str(&what)?;
                // Whoever was asked may have said the same, and more.
                return match text.strip_prefix(&what) {
                    Some(rest) => f.write_str(rest),
                    None => more(f, text),
                };
            }
            Self::Taken { name, holder } => {
                return write!(f, "the cluster name {name:?} is taken by {holder}");
            }
            Self::NoCluster { text } => {
                f.write_str("this node has no cluster")?;
                return more(f, text);
            }
            Self::Request(error) => return error.fmt(f),
            Self::TimedOut {
                peer,
                timeout: Some(timeout),
                text,
            } => {
                let seconds = Seconds(*timeout);
                write!(f, "request to {peer} failed: timed out after {seconds}")?;
                return more(f, text);
            }
            Self::NodeLost { peer, text } => (peer, Reason::NODE_LOST, text),
            Self::UnknownService { peer, text } => (peer, Reason::UNKNOWN, text),
            Self::Dead { peer, text } => (peer, Reason::DEAD, text),
            Self::Failed { peer, reason, text } => (peer, *reason, text),
            Self::Refused { peer, text } => (peer, Reason::REFUSED, text),
            Self::TimedOut { peer, text, .. } => (peer, Reason::TIMED_OUT, text),
            Self::TooLarge { peer, text } => (peer, Reason::TOO_LARGE, text),
            Self::Unsupported { peer, text } => (peer, Reason::UNSUPPORTED, text),
        };
        write!(f, "request to {peer} failed: {what}")?;
        more(f, text)
    }
}

/// What was said besides, if anything was.
fn more(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if text.is_empty() {
        return Ok(());
    }
    write!(f, ": {text}")
}

impl StdError for ClusterError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Request(error) => error.source(),
            _ => None,
        }
    }
}

impl From<RequestError> for ClusterError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

//! Decoders that lie in programs and plugins, which are nobody's dependency: their files, as they are.

#![allow(dead_code, reason = "what goes the other way is not fuzzed")]

/// The answers that `skynet ctl` gets.
#[path = "../../../core/src/ctl/answer.rs"]
pub(crate) mod answer;
/// Lines of chat clients.
#[path = "../../../plugins/chat/src/line.rs"]
pub(crate) mod chat_line;
/// What chat, rooms and agents tell each other.
#[path = "../../../plugins/chat/src/protocol.rs"]
pub(crate) mod chat_protocol;
/// Connections to the control service.
#[path = "../../../plugins/control/src/line.rs"]
pub(crate) mod control_line;
/// Requests to the control service.
#[path = "../../../plugins/control/src/request.rs"]
pub(crate) mod control_request;
/// Requests to the database.
#[path = "../../../plugins/simpledb/src/request.rs"]
pub(crate) mod database;
/// Requests to the data center.
#[path = "../../../plugins/datacenter/src/request.rs"]
pub(crate) mod datacenter_request;
/// Settings of a gate.
#[path = "../../../gate/src/settings.rs"]
pub(crate) mod gate_settings;
/// Keys of the data center.
#[path = "../../../plugins/datacenter/src/key.rs"]
pub(crate) mod key;
/// Requests to the launcher.
#[path = "../../../plugins/launcher/src/protocol.rs"]
pub(crate) mod launcher;
/// Records of the log.
#[path = "../../../plugins/logger/src/line.rs"]
pub(crate) mod log_line;
/// Requests to the service manager.
#[path = "../../../plugins/service_mgr/src/request.rs"]
pub(crate) mod manager_request;
/// The database.
#[path = "../../../plugins/simpledb/src/store.rs"]
pub(crate) mod store;
/// Names and texts of the chat.
#[path = "../../../plugins/chat/src/text.rs"]
pub(crate) mod text;
/// The tree of the data center.
#[path = "../../../plugins/datacenter/src/tree.rs"]
pub(crate) mod tree;

//! The text commands of the fake node.

use skynet_abi as abi;
use skynet_abi::{STATUS_EXISTS, STATUS_FAILED, STATUS_NOT_FOUND, STATUS_OK, STATUS_UNSUPPORTED};

use crate::testing::host::Instance;
use crate::testing::state::{Body, State};
use crate::{Handle, Reason};

type Answer = (i32, Option<String>);

/// Carries one out for service `own`.
pub(super) fn run(state: &mut State, own: u32, command: &str, parameter: &str) -> Answer {
    match command {
        "REG" if parameter.is_empty() => (STATUS_OK, Some(Handle(own).to_string())),
        "REG" => bind(state, parameter, own),
        "NAME" => match parameter
            .split_once(' ')
            .map(|(name, text)| (name, text.parse()))
        {
            Some((name, Ok(Handle(handle)))) => bind(state, name, handle),
            _ => (STATUS_FAILED, None),
        },
        "QUERY" => (
            STATUS_OK,
            find(state, parameter).map(|handle| format!(":{handle:x}")),
        ),
        "GETENV" => (STATUS_OK, state.env.get(parameter).cloned()),
        "SETENV" => set_env(state, parameter),
        "KILL" => match find(state, parameter) {
            Some(handle) => {
                kill(state, handle);
                (STATUS_OK, None)
            }
            None => (STATUS_NOT_FOUND, None),
        },
        "EXIT" => {
            kill(state, own);
            (STATUS_OK, None)
        }
        "ABORT" => {
            let all: Vec<u32> = state.entries.keys().copied().collect();
            for handle in all.into_iter().rev() {
                kill(state, handle);
            }
            (STATUS_OK, None)
        }
        "STAT" if parameter == "mqlen" => {
            let waiting = state.queue.iter().filter(|(to, _)| *to == own).count();
            (STATUS_OK, Some(waiting.to_string()))
        }
        "STAT" => (STATUS_OK, Some(String::new())),
        "READY" => (STATUS_OK, None),
        "HARBOR" => {
            let id = state.harbor.map_or(0, |(_, id)| id);
            (STATUS_OK, Some(id.to_string()))
        }
        _ => (STATUS_UNSUPPORTED, None),
    }
}

fn bind(state: &mut State, name: &str, handle: u32) -> Answer {
    let Some(name) = name.strip_prefix('.').filter(|name| !name.is_empty()) else {
        return (STATUS_OK, None);
    };
    if state.names.contains_key(name) {
        return (STATUS_OK, None);
    }
    state.names.insert(name.to_owned(), handle);
    (STATUS_OK, Some(name.to_owned()))
}

fn find(state: &State, text: &str) -> Option<u32> {
    match text.strip_prefix('.') {
        Some(name) => state.names.get(name).copied(),
        None => text
            .parse::<Handle>()
            .ok()
            .map(|handle| handle.0)
            .filter(|handle| state.is_alive(*handle)),
    }
}

fn set_env(state: &mut State, parameter: &str) -> Answer {
    match parameter.split_once(' ') {
        Some((key, _)) if state.env.contains_key(key) => {
            (STATUS_EXISTS, Some(format!("{key} is there already")))
        }
        Some((key, value)) => {
            state.env.insert(key.to_owned(), value.to_owned());
            (STATUS_OK, None)
        }
        None => (STATUS_FAILED, None),
    }
}

/// The service ends as soon as it is not in a turn.
pub(super) fn kill(state: &mut State, handle: u32) {
    let is_service = matches!(
        state.entries.get(&handle).map(|entry| &entry.body),
        Some(Body::Service { .. })
    );
    if !is_service {
        return;
    }
    if let Some(entry) = state.entries.get_mut(&handle) {
        entry.exit.get_or_insert((Reason::KILLED.0, String::new()));
    }
    if !state.turns.contains(&handle) {
        state.doomed.push_back(handle);
    }
}

/// Whom `address [number]` means.
pub(super) fn signal_target(
    state: &State,
    parameter: &str,
) -> Option<(Instance, abi::Module, u32, i32)> {
    let (address, number) = parameter.split_once(' ').unwrap_or((parameter, "0"));
    let handle = find(state, address)?;
    match &state.entries.get(&handle)?.body {
        Body::Service {
            module,
            instance: Some(instance),
            ..
        } => Some((*instance, *module, handle, number.parse().ok()?)),
        _ => None,
    }
}

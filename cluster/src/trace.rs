//! Trace tags: what other nodes call a request that goes through many services.
//!
//! Inside a node a request carries a number. This remembers which tag a number stands for, so that a request that came
//! with a tag leaves the node with the same one.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Bytes of tags that are remembered; the oldest are forgotten first.
const MOST_BYTES: usize = 1 << 20;

#[derive(Default)]
struct Tags {
    by_number: HashMap<u64, Box<[u8]>>,
    order: VecDeque<u64>,
    bytes: usize,
}

/// Shared by the agents, which learn tags, and the senders, which pass them on.
static TAGS: Mutex<Option<Tags>> = Mutex::new(None);

/// The number that stands for a tag; never 0.
pub(crate) fn number_of(tag: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    tag.hash(&mut hasher);
    let number = hasher.finish().max(1);
    let mut tags = TAGS.lock().unwrap_or_else(PoisonError::into_inner);
    let tags = tags.get_or_insert_default();
    if tags.by_number.contains_key(&number) {
        return number;
    }
    tags.bytes += tag.len();
    tags.order.push_back(number);
    tags.by_number.insert(number, tag.into());
    while tags.bytes > MOST_BYTES
        && let Some(oldest) = tags.order.pop_front()
    {
        let gone = tags.by_number.remove(&oldest);
        tags.bytes -= gone.map_or(0, |tag| tag.len());
    }
    number
}

/// The tag that a request with this number carries to the node `node`, with the session before `next`.
pub(crate) fn tag_for(number: u64, node: &str, next_session: u32) -> Vec<u8> {
    let known = {
        let tags = TAGS.lock().unwrap_or_else(PoisonError::into_inner);
        tags.as_ref()
            .and_then(|tags| tags.by_number.get(&number).cloned())
    };
    match known {
        // It says already where it came from.
        Some(tag) if tag.starts_with(b"(") => tag.into_vec(),
        Some(tag) => [prefix(node, next_session).as_bytes(), &tag].concat(),
        None => format!("{}{number:016x}", prefix(node, next_session)).into_bytes(),
    }
}

/// Where a request begins, as Skynet writes it.
fn prefix(node: &str, next_session: u32) -> String {
    static PROCESS: OnceLock<String> = OnceLock::new();
    let process = PROCESS.get_or_init(|| {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let printable = |letter| if letter <= ' ' { '_' } else { letter };
        let host: String = host.trim_end().chars().map(printable).collect();
        format!("{host}{}", std::process::id())
    });
    format!("({process}-{node}-{next_session})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_came_from_elsewhere_goes_on_as_it_is() {
        let number = number_of(b"(vm12171-py-12):00000008-1");
        assert_eq!(tag_for(number, "db", 7), b"(vm12171-py-12):00000008-1");
    }

    #[test]
    fn a_number_of_our_own_becomes_a_tag_that_tells_where_it_began() {
        let tag = String::from_utf8(tag_for(0x12, "db", 7)).unwrap();
        let end = format!("{}-db-7)0000000000000012", std::process::id());
        assert!(tag.starts_with('(') && tag.ends_with(&end), "{tag}");
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        for number in 0..100_u32 {
            let tag = [&number.to_le_bytes()[..], &[b'x'; 32 << 10]].concat();
            number_of(&tag);
        }
        let tags = TAGS.lock().unwrap();
        let tags = tags.as_ref().unwrap();
        assert!(tags.bytes <= MOST_BYTES);
        assert_eq!(tags.order.len(), tags.by_number.len());
    }
}

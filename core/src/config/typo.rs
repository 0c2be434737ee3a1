//! Keys that look like a known one misspelt.

use super::error::Warning;
use super::file::Entries;
use super::keys;

/// A warning for each unknown key that is close to a known one.
///
/// Keys of tables (`gate.port`) belong to services, who know best how they are spelt.
pub(super) fn warnings(entries: &Entries) -> Vec<Warning> {
    entries
        .iter()
        .filter(|(key, _)| !key.contains('.'))
        .filter_map(|(key, entry)| nearest(key).map(|near| (key, entry, near)))
        .map(|(key, entry, near)| Warning {
            place: entry.place.clone(),
            text: format!("{key} is no key of the node; is it {near} that was meant?"),
        })
        .collect()
}

/// The known key that `key` is probably meant to be; `None` when it is known, or like none.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    if keys::names().any(|name| name == key) {
        return None;
    }
    let key = key.to_lowercase();
    let len = key.chars().count();
    keys::names()
        // Letters that are too many or too few are slips too: a very long key is like none, at once.
        .filter(|name| len.abs_diff(name.len()) <= tolerance(name))
        .map(|name| (distance(&key, name), name))
        .filter(|(distance, name)| *distance <= tolerance(name))
        .min()
        .map(|(_, name)| name)
}

/// How many slips make a key still the same word. Short words are close to many others.
fn tolerance(name: &str) -> usize {
    if name.len() < 7 { 1 } else { 2 }
}

/// How many letters must be put in, left out, changed, or swapped with their neighbour, to make `b`
/// out of `a`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    // Rows of the table of distances between beginnings of `a` and of `b`: the last two and the
    // one being made.
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

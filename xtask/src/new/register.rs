//! Adds entries to lists in TOML files that people keep, without touching anything else in them.

use anyhow::{Context, Result, ensure};
use toml_edit::{Array, DocumentMut, Item, TableLike, Value};

/// The file with `entry` at the end of the list at `path`. The list is made if there is none.
pub(super) fn push(text: &str, path: &[&str], entry: &str) -> Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let (last, tables) = path.split_last().context("a list has a name")?;
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for name in tables {
        let inner = table
            .get_mut(name)
            .with_context(|| format!("it has no [{name}]"))?;
        table = inner
            .as_table_like_mut()
            .with_context(|| format!("{name} is no table"))?;
    }
    let list = table
        .entry(last)
        .or_insert(Item::Value(Array::new().into()));
    let list = list
        .as_array_mut()
        .with_context(|| format!("{last} is no list"))?;
    let there = list.iter().any(|value| value.as_str() == Some(entry));
    ensure!(!there, "{last} has {entry:?} already");
    append(list, entry);
    Ok(document.to_string())
}

/// Appends in the style of the list: on a line of its own if the others have one.
fn append(list: &mut Array, entry: &str) {
    let prefix = |value: &Value| {
        value
            .decor()
            .prefix()
            .and_then(|p| p.as_str().map(str::to_owned))
    };
    let indent = list.iter().filter_map(prefix).find_map(|prefix| {
        let (_, indent) = prefix.rsplit_once('\n')?;
        Some(indent.to_owned())
    });
    let Some(indent) = indent else {
        list.push(entry);
        return;
    };
    // What stands behind the last entry, such as a comment on it, comes before the new one.
    let trailing = list.trailing().as_str().unwrap_or_default().to_owned();
    let count = list.len();
    let behind = match list.get_mut(count.saturating_sub(1)).map(Value::decor_mut) {
        Some(decor) if !trailing.contains('\n') => {
            let suffix = decor
                .suffix()
                .and_then(|s| s.as_str())
                .unwrap_or_default()
                .to_owned();
            decor.set_suffix("");
            suffix
        }
        _ => trailing,
    };
    let behind = behind.trim_end();
    list.push_formatted(Value::from(entry).decorated(format!("{behind}\n{indent}"), ""));
    list.set_trailing("\n");
    list.set_trailing_comma(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_added_in_style() {
        let check = |text: &str, expected: &str| {
            assert_eq!(push(text, &["start"], "demo").unwrap(), expected);
        };
        check("a = 1\n[t]\n", "a = 1\nstart = [\"demo\"]\n[t]\n");
        check("start = []\n", "start = [\"demo\"]\n");
        check(
            "start = [\"a\"] # all\n",
            "start = [\"a\", \"demo\"] # all\n",
        );
        check(
            "start = [\n  \"a\",\n]\n",
            "start = [\n  \"a\",\n  \"demo\",\n]\n",
        );
        check(
            "start = [\n  \"a\"\n]\n[t]\n",
            "start = [\n  \"a\",\n  \"demo\",\n]\n[t]\n",
        );
        check(
            "start = [\n  \"a\" # one\n]\n",
            "start = [\n  \"a\", # one\n  \"demo\",\n]\n",
        );
        check(
            "start = [\n    \"a\", # one\n    \"b\",   # two\n]\n",
            "start = [\n    \"a\", # one\n    \"b\",   # two\n    \"demo\",\n]\n",
        );
    }

    #[test]
    fn what_cannot_be_added_is_refused() {
        let check = |text: &str, path: &[&str], wrong: &str| {
            let error = push(text, path, "demo").unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        };
        check(
            "start = [\"demo\"]",
            &["start"],
            "start has \"demo\" already",
        );
        check("start = 1", &["start"], "start is no list");
        check("", &["workspace", "members"], "it has no [workspace]");
        check("start = [", &["start"], "TOML parse error");
    }

    #[test]
    fn the_files_of_this_workspace_can_be_edited() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let check = |file: &str, path: &[&str]| {
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            let edited = push(&text, path, "plugins/a_new_one").unwrap();
            let added: Vec<_> = edited
                .lines()
                .filter(|line| !text.lines().any(|l| l == *line))
                .collect();
            assert_eq!(added, ["    \"plugins/a_new_one\","], "{file}");
        };
        check("Cargo.toml", &["workspace", "members"]);
        check("config/chat.toml", &["start"]);
    }
}

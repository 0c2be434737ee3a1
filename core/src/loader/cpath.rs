//! Where plugins are searched: `cservice/?.so;cservice/lib?.so`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::error::SetupError;

/// Patterns in the order of the search. A `?` stands for the module's name.
#[derive(Clone, Debug)]
pub(super) struct Cpath {
    patterns: Vec<String>,
}

/// All files that match the patterns, and the folders that were listed for it.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<PathBuf>,
    pub(super) folders: Vec<PathBuf>,
}

impl Cpath {
    /// Splits `text` at `;`. Empty parts are ignored.
    pub(super) fn parse(text: &str) -> Result<Self, SetupError> {
        let patterns: Vec<String> = text
            .split(';')
            .map(str::trim)
            .filter(|pattern| !pattern.is_empty())
            .map(str::to_owned)
            .collect();
        let bad = patterns
            .iter()
            .find(|pattern| !pattern.contains('?') || pattern.contains('\0'));
        match bad {
            Some(pattern) => Err(SetupError::Pattern {
                pattern: pattern.clone(),
            }),
            None if patterns.is_empty() => Err(SetupError::Pattern {
                pattern: String::new(),
            }),
            None => Ok(Self { patterns }),
        }
    }

    /// The files that would be named like the module.
    pub(super) fn direct(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        let paths = self.patterns.iter();
        paths.map(move |pattern| PathBuf::from(pattern.replace('?', name)))
    }

    /// The patterns as they are, for error texts.
    pub(super) fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Every file that matches a pattern with anything for `?`: in the order of the patterns, then by name.
    pub(super) fn scan(&self) -> Found {
        let mut found = Found::default();
        for pattern in &self.patterns {
            let mut paths = vec![PathBuf::new()];
            for component in Path::new(pattern).components() {
                paths = expand(paths, component, &mut found.folders);
            }
            for path in paths {
                if !found.files.contains(&path) {
                    found.files.push(path);
                }
            }
        }
        found
    }
}

/// Appends one component of a pattern to each path.
fn expand(paths: Vec<PathBuf>, part: Component<'_>, folders: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let text = part.as_os_str();
    if !text.as_bytes().contains(&b'?') {
        return paths.into_iter().map(|path| path.join(text)).collect();
    }
    let mut expanded = Vec::new();
    for path in paths {
        let folder = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &path
        };
        if !folders.iter().any(|known| known == folder) {
            folders.push(folder.to_owned());
        }
        // A folder that is not there has no files.
        let mut names: Vec<_> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name())
            .filter(|name| matches(text, name))
            .collect();
        names.sort();
        expanded.extend(names.into_iter().map(|name| path.join(name)));
    }
    expanded
}

/// Whether `name` is `pattern` with something for each `?`.
pub(super) fn matches(pattern: &OsStr, name: &OsStr) -> bool {
    let mut parts = pattern.as_bytes().split(|&byte| byte == b'?');
    let head = parts.next().unwrap_or_default();
    let Some(mut rest) = name.as_bytes().strip_prefix(head) else {
        return false;
    };
    let Some(tail) = parts.next_back() else {
        return rest.is_empty();
    };
    // Each part as early as it comes behind something leaves the most for those behind it.
    for part in parts {
        let Some(end) = end_of(part, rest) else {
            return false;
        };
        rest = &rest[end..];
    }
    rest.len() > tail.len() && rest.ends_with(tail)
}

/// Where `part` ends in `text`, of which it leaves at least one byte in front.
fn end_of(part: &[u8], text: &[u8]) -> Option<usize> {
    let starts = 1..=text.len().checked_sub(part.len())?;
    let mut starts = starts.filter(|&start| text[start..].starts_with(part));
    starts.next().map(|start| start + part.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_split_and_need_a_mark() {
        let check = |text: &str, expected: Option<&[&str]>| {
            let found = Cpath::parse(text).ok();
            let found = found.as_ref().map(|cpath| cpath.patterns.clone());
            let expected = expected.map(|list| list.iter().map(|&s| s.to_owned()).collect());
            assert_eq!(found, expected, "{text}");
        };
        check("a/?.so", Some(&["a/?.so"]));
        check("a/?.so; b/lib?.so;", Some(&["a/?.so", "b/lib?.so"]));
        check("a/x.so", None);
        check("a/?.so;b.so", None);
        check("", None);
        check(";;", None);
    }

    #[test]
    fn names_match_patterns() {
        let check = |pattern: &str, name: &str, expected: bool| {
            let found = matches(OsStr::new(pattern), OsStr::new(name));
            assert_eq!(found, expected, "{pattern} {name}");
        };
        check("?.so", "echo.so", true);
        check("?.so", ".so", false);
        check("?.so", "echo.so.1", false);
        check("lib?.so", "libecho.so", true);
        check("lib?.so", "echo.so", false);
        check("?-?.so", "a-b.so", true);
        check("?-?.so", "ab.so", false);
        check("?", "a.so", true);
        check("a.so", "a.so", true);
        check("a.so", "a.sox", false);
        check("?-?-?.so", "a--b-c.so", true);
        check("?-?-?.so", "a-b.so", false);
        check("??.so", "ab.so", true);
        check("??.so", "a.so", false);
        check("?a?a", "xaxa", true);
        check("?a?a", "xaa", false);
    }

    #[test]
    fn many_marks_take_no_time() {
        let name = "a".repeat(255);
        let pattern = "?a".repeat(100) + "?b";
        assert!(!matches(OsStr::new(&pattern), OsStr::new(&name)));
        let pattern = "?a".repeat(100) + "?a";
        assert!(matches(OsStr::new(&pattern), OsStr::new(&name)));
    }
}

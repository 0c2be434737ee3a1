//! What the configuration says.

use std::path::PathBuf;

use skynet_service::{Context, Error, Result};

use crate::tree::Limits;

/// The deepest tree: what is deeper could not be packed as one table.
const DEEPEST: usize = 32;

/// The settings of a data center.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) waiters: usize,
    /// Where it is kept; in memory alone without one.
    pub(crate) file: Option<PathBuf>,
}

impl Settings {
    /// The service's argument is the file; everything else, and the file if there is no argument, is in the node's
    /// environment.
    ///
    /// # Errors
    /// A setting is wrong.
    pub(crate) fn read(cx: &Context, args: &str) -> Result<Self> {
        Self::from_texts(args, |key| cx.env(&format!("datacenter.{key}")))
    }

    fn from_texts(args: &str, get: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let number = |key: &str, default: usize, allowed: std::ops::RangeInclusive<usize>| {
            let Some(text) = get(key) else {
                return Ok(default);
            };
            let found = size(&text).filter(|found| allowed.contains(found));
            found.ok_or_else(|| {
                Error::msg(format_args!(
                    "datacenter.{key} is {text:?}; wanted {} to {}",
                    allowed.start(),
                    allowed.end()
                ))
            })
        };
        let limits = Limits {
            bytes: number("max_bytes", 64 << 20, 1024..=1 << 40)?,
            depth: number("max_depth", DEEPEST, 1..=DEEPEST)?,
        };
        let waiters = number("max_waiters", 65_536, 0..=1 << 24)?;
        let file = match args.trim() {
            "" => get("file").filter(|file| !file.is_empty()),
            file => Some(file.to_owned()),
        };
        Ok(Self {
            limits,
            waiters,
            file: file.map(PathBuf::from),
        })
    }
}

/// A number, with `K`, `M`, `G` or `T` behind it if it counts those.
fn size(text: &str) -> Option<usize> {
    let text = text.trim();
    let (number, shift) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 10),
        b'M' => (&text[..text.len() - 1], 20),
        b'G' => (&text[..text.len() - 1], 30),
        b'T' => (&text[..text.len() - 1], 40),
        _ => (text, 0),
    };
    let number: usize = number.parse().ok()?;
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &str, settings: &[(&str, &str)]) -> Result<Settings> {
        Settings::from_texts(args, |key| {
            let found = settings.iter().find(|(known, _)| *known == key);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn settings_have_defaults() {
        let settings = read("", &[]).unwrap();
        assert_eq!(settings.limits.bytes, 64 << 20);
        assert_eq!(settings.limits.depth, 32);
        assert_eq!(settings.waiters, 65_536);
        assert_eq!(settings.file, None);
        let all = [
            ("max_bytes", "2M"),
            ("max_depth", "4"),
            ("max_waiters", "0"),
            ("file", "center.redb"),
        ];
        let settings = read("", &all).unwrap();
        assert_eq!(settings.limits.bytes, 2 << 20);
        assert_eq!(settings.limits.depth, 4);
        assert_eq!(settings.waiters, 0);
        assert_eq!(settings.file, Some("center.redb".into()));
        assert_eq!(
            read(" own.redb ", &all).unwrap().file,
            Some("own.redb".into())
        );
    }

    #[test]
    fn wrong_settings_are_refused() {
        for (key, value) in [
            ("max_bytes", "many"),
            ("max_bytes", ""),
            ("max_bytes", "1"),
            ("max_bytes", "2T"),
            ("max_bytes", "99999999999999999999G"),
            ("max_depth", "0"),
            ("max_depth", "33"),
            ("max_waiters", "-1"),
        ] {
            let error = read("", &[(key, value)]).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}

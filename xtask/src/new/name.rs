//! Names of new plugins.

use std::fmt;

use anyhow::{Result, ensure};

/// The longest name of a module that the ABI carries.
const LONGEST: usize = skynet_abi::SHORT_TEXT - 1;

/// Words that are no name of a crate (Rust's keywords, and crates that every crate sees), or whose type would
/// hide one that the template uses.
const RESERVED: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "context",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "log",
    "loop",
    "macro",
    "match",
    "message",
    "mod",
    "move",
    "mut",
    "ok",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "result",
    "return",
    "self",
    "service",
    "skynet_abi",
    "skynet_service",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// A name that is right for a package, a library file, a module and a Rust identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    /// Checks a name.
    pub(super) fn parse(text: &str) -> Result<Self> {
        ensure!(!text.is_empty(), "a plugin needs a name");
        ensure!(
            text.len() <= LONGEST,
            "the name {text:?} has {} bytes, at most {LONGEST} are allowed",
            text.len()
        );
        let first = text.starts_with(|c: char| c.is_ascii_lowercase());
        let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        ensure!(
            first && text.chars().all(rest),
            "the name {text:?} must begin with a lower-case letter and go on with lower-case letters, \
             digits and _"
        );
        ensure!(!RESERVED.contains(&text), "{text:?} is a reserved word");
        Ok(Self(text.to_owned()))
    }

    /// The name as it is.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its Rust type: `my_demo` is `MyDemo`.
    fn type_name(&self) -> String {
        let capital = |word: &str| {
            let mut letters = word.chars();
            letters
                .next()
                .into_iter()
                .flat_map(char::to_uppercase)
                .chain(letters)
                .collect::<String>()
        };
        self.0.split('_').map(capital).collect()
    }

    /// A template with the name in it.
    pub(super) fn fill(&self, template: &str) -> String {
        template
            .replace("{{name}}", &self.0)
            .replace("{{Name}}", &self.type_name())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let check = |name: &str, wrong: Option<&str>| match (Name::parse(name), wrong) {
            (Ok(_), None) => {}
            (Err(error), Some(wrong)) => assert!(error.to_string().contains(wrong), "{error}"),
            (result, _) => panic!("{name:?}: {result:?}"),
        };
        check("demo", None);
        check("demo_2", None);
        check("", Some("needs a name"));
        check("Demo", Some("lower-case"));
        check("2demo", Some("begin with"));
        check("../demo", Some("lower-case"));
        check("my-demo", Some("lower-case"));
        check("démo", Some("lower-case"));
        check("async", Some("reserved"));
        check("service", Some("reserved"));
        check("skynet_service", Some("reserved"));
        check(&"a".repeat(31), None);
        check(&"a".repeat(32), Some("at most 31"));
    }

    #[test]
    fn templates_are_filled() {
        let name = Name::parse("my_demo2").unwrap();
        assert_eq!(name.fill("{{name}}: {{Name}}"), "my_demo2: MyDemo2");
    }
}

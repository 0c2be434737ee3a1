//! `$NAME` and `${NAME}` in the text of a configuration file, replaced from the environment.
//!
//! Replacement comes before parsing, so that it works in any place: `thread = $THREADS` as well as
//! `logger = "$HOME/log"`. It knows just enough of TOML's shape to do no harm:
//!
//! * comments are left alone: a variable mentioned there need not exist;
//! * within `"…"` the value is escaped, so that its quotes and backslashes stay part of the text;
//! * within `'…'`, where nothing can be escaped, and outside strings, a value that would end the
//!   string or the line is refused. So no replacement adds a line, and line numbers stay true.
//!
//! `$$` stands for one `$`; a `$` before anything else stands for itself.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt::Write as _;

/// Looks a variable up: [`std::env::var_os`], or a test's own.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// A variable that could not be put in place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// The line, counted from 1.
    pub(super) line: usize,
    /// The variable's name.
    pub(super) name: String,
    /// Why its value cannot be used; `None` when it has none.
    pub(super) why: Option<&'static str>,
}

/// Replaces every variable of `text`.
pub(super) fn expand(text: &str, lookup: Lookup<'_>) -> Result<String, Failure> {
    let mut expander = Expander {
        rest: text,
        output: String::with_capacity(text.len()),
        line: 1,
    };
    let mut place = Part::Plain;
    while let Some(next) = expander.rest.chars().next() {
        place = match (place, next) {
            (Part::Comment, '\n') => expander.copy(1, Part::Plain),
            (Part::Comment, _) => expander.copy(next.len_utf8(), place),
            (_, '$') => {
                expander.variable(place, lookup)?;
                place
            }
            (Part::Plain, '#') => expander.copy(1, Part::Comment),
            (Part::Plain, '"' | '\'') => expander.open(next),
            (Part::Text { quote: '"', .. }, '\\') => expander.escape(place),
            (Part::Text { quote, long }, _) if next == quote => expander.close(quote, long),
            // A string that ends with its line is an error, which the parser will tell.
            (Part::Text { long: false, .. }, '\n') => expander.copy(1, Part::Plain),
            _ => expander.copy(next.len_utf8(), place),
        };
    }
    Ok(expander.output)
}

/// What the text is part of.
#[derive(Clone, Copy)]
enum Part {
    /// Outside comments and strings.
    Plain,
    /// From `#` to the end of the line.
    Comment,
    /// A string: its quote, and whether it is one of three quotes.
    Text { quote: char, long: bool },
}

struct Expander<'a> {
    rest: &'a str,
    output: String,
    line: usize,
}

impl<'a> Expander<'a> {
    /// Moves past `length` bytes and returns them.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Copies `length` bytes; what follows is `then`.
    fn copy(&mut self, length: usize, then: Part) -> Part {
        let taken = self.take(length);
        self.output.push_str(taken);
        then
    }

    /// How many `quote`s come next.
    fn quotes(&self, quote: char) -> usize {
        self.rest.chars().take_while(|next| *next == quote).count()
    }

    fn open(&mut self, quote: char) -> Part {
        let long = self.quotes(quote) >= 3;
        self.copy(if long { 3 } else { 1 }, Part::Text { quote, long })
    }

    fn close(&mut self, quote: char, long: bool) -> Part {
        match (long, self.quotes(quote)) {
            (false, _) => self.copy(1, Part::Plain),
            // A long string may end with up to two quotes of its own.
            (true, count @ 3..) => self.copy(count.min(5), Part::Plain),
            (true, count) => self.copy(count, Part::Text { quote, long }),
        }
    }

    /// A backslash and what it escapes, as they are.
    fn escape(&mut self, place: Part) -> Part {
        let escaped = self.rest.chars().nth(1).map_or(0, char::len_utf8);
        self.copy(1 + escaped, place)
    }

    fn variable(&mut self, place: Part, lookup: Lookup<'_>) -> Result<(), Failure> {
        if self.rest.starts_with("$$") {
            self.take(2);
            self.output.push('$');
            return Ok(());
        }
        let Some((name, length)) = variable_name(self.rest) else {
            self.copy(1, place);
            return Ok(());
        };
        self.take(length);
        let failure = |why| Failure {
            line: self.line,
            name: name.to_owned(),
            why,
        };
        let value = lookup(name).ok_or_else(|| failure(None))?;
        let value = value
            .to_str()
            .ok_or_else(|| failure(Some("its value is not UTF-8")))?;
        let value = fit(value, place).map_err(|why| failure(Some(why)))?;
        self.output.push_str(&value);
        Ok(())
    }
}

/// The variable's name that `text`, beginning with `$`, starts with, and how many bytes it takes.
fn variable_name(text: &str) -> Option<(&str, usize)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (body, braces) = match text.strip_prefix("${") {
        Some(body) => (body, 3),
        None => (&text[1..], 1),
    };
    let length = body.find(|c| !is_part(c)).unwrap_or(body.len());
    let name = &body[..length];
    let named = name.starts_with(|c: char| !c.is_ascii_digit());
    let closed = braces == 1 || body[length..].starts_with('}');
    (named && closed).then_some((name, length + braces))
}

/// A variable's value as it must be written in this part of the file.
fn fit(value: &str, place: Part) -> Result<String, &'static str> {
    match place {
        Part::Text { quote: '"', .. } => Ok(escape(value)),
        Part::Text { .. } if value.contains('\'') => {
            Err("its value has a ' in it, which ends a '...' string; use a \"...\" string")
        }
        _ if value.contains(|c: char| c.is_control() && c != '\t') => {
            Err("its value has a line break or control character in it; use a \"...\" string")
        }
        _ => Ok(value.to_owned()),
    }
}

/// The inside of a `"…"` string that means `value`.
pub(super) fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{:04X}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

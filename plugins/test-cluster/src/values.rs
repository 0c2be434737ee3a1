//! Values as words.

use std::fmt::Write as _;

use skynet_service::seri::{self, Table, Value};
use skynet_service::{Handle, Result};

/// `nil`, `true`, `false`, numbers and `:handles` are what they look like, `{key=value,…}` is a table, `[value,…]` a body with these
/// values; everything else is text. A text that looks like one of them begins with `=`.
pub(crate) fn pack<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Vec<u8>> {
    let values: Vec<_> = words.into_iter().map(value).collect();
    Ok(seri::encode(&values)?)
}

pub(crate) fn value(word: &str) -> Value {
    if let Some(text) = word.strip_prefix('=') {
        return Value::string(text);
    }
    if let Some(pairs) = word
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        return table(pairs);
    }
    if let Some(body) = word
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        && let Ok(body) = pack(body.split(','))
    {
        return Value::String(body);
    }
    if let Ok(Handle(handle)) = word.parse() {
        return Value::Integer(handle.into());
    }
    if let Ok(number) = word.parse() {
        return Value::Integer(number);
    }
    match word {
        "nil" => Value::Nil,
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        text => Value::string(text),
    }
}

/// `key=value,…`
pub(crate) fn table(pairs: &str) -> Value {
    let pairs = pairs.split(',').filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(key, word)| (Value::string(key), value(word)));
    Value::Table(Box::new(Table {
        pairs: pairs.collect(),
        ..Table::default()
    }))
}

/// The values of a message, with blanks between them.
pub(crate) fn unpack(bytes: &[u8]) -> Result<String> {
    Ok(shown(&seri::decode(bytes)?))
}

/// Values, with blanks between them.
pub(crate) fn shown(values: &[Value]) -> String {
    let mut text = String::new();
    for value in values {
        if !text.is_empty() {
            text.push(' ');
        }
        show(value, &mut text);
    }
    text
}

fn show(value: &Value, out: &mut String) {
    // Writing to a text does not fail.
    let _ = match value {
        Value::Nil => write!(out, "nil"),
        Value::Boolean(value) => write!(out, "{value}"),
        Value::Integer(value) => write!(out, "{value}"),
        Value::Number(value) => write!(out, "{value}"),
        Value::Pointer(value) => write!(out, "pointer {value:x}"),
        Value::String(bytes) => write!(out, "{}", String::from_utf8_lossy(bytes)),
        Value::Table(table) => {
            out.push('{');
            for value in &table.array {
                show(value, out);
                out.push(' ');
            }
            for (key, value) in &table.pairs {
                show(key, out);
                out.push('=');
                show(value, out);
                out.push(' ');
            }
            write!(out, "}}")
        }
    };
}

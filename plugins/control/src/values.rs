//! Calls over the lua protocol, as people write their values.

use skynet_seri::{Table, Value, Writer, decode};
use skynet_service::{Context, KIND_LUA, Result};

use crate::carry_out::{PATIENCE, resolve_callee, told};

/// Calls a service with values; answers with those of its reply.
pub(crate) async fn call(cx: &Context, address: &str, words: &[String]) -> Result<String> {
    let callee = resolve_callee(cx, address).await?;
    let mut request = Writer::new();
    for word in words {
        write(&mut request, word)?;
    }
    let request = request.finish()?;
    let reply = cx
        .call_timeout(callee, KIND_LUA, request, PATIENCE)
        .await
        .map_err(told)?;
    let shown: Vec<String> = decode(&reply)?.iter().map(show).collect();
    Ok(format!("{}\n", shown.join(" ")))
}

/// `nil`, `true`, `false` and numbers are what they look like, everything else is a string.
fn write(request: &mut Writer<Vec<u8>>, word: &str) -> Result<()> {
    match (word, word.parse::<i64>(), word.parse::<f64>()) {
        ("nil", ..) => request.nil()?,
        ("true", ..) => request.boolean(true)?,
        ("false", ..) => request.boolean(false)?,
        (_, Ok(integer), _) => request.integer(integer)?,
        (_, _, Ok(number)) if number.is_finite() => request.number(number)?,
        _ => request.string(word.as_bytes())?,
    }
    Ok(())
}

fn show(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Number(value) => format!("{value:?}"),
        Value::Pointer(value) => format!("pointer {value:#x}"),
        Value::String(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        Value::Table(table) => show_table(table),
    }
}

fn show_table(table: &Table) -> String {
    let array = table.array.iter().map(show);
    let pairs = table
        .pairs
        .iter()
        .map(|(key, value)| format!("[{}] = {}", show(key), show(value)));
    format!("{{{}}}", array.chain(pairs).collect::<Vec<_>>().join(", "))
}

//! Requests as packed values, carried out on a store.

use skynet_seri::{Reader, ValueRef};
use skynet_service::{Error, Reason, Result};

use super::store::Store;

/// Carries out one packed request; returns the packed answer.
pub(crate) fn answer(store: &mut Store, request: &[u8]) -> Result<Vec<u8>> {
    let mut values = Reader::new(request);
    let command = next(&mut values)?;
    let command = command
        .as_str()
        .ok_or_else(|| wrong("command", "a text", &command))?
        .to_ascii_uppercase();
    match command.as_str() {
        "GET" => {
            let key = next(&mut values)?;
            Ok(packed(store.get(key_of(&key)?)))
        }
        "SET" => {
            let key = next(&mut values)?;
            let key = key_of(&key)?;
            // The rest is kept as it is packed; all but the first value is left out.
            let rest = values.rest();
            let former = match next(&mut values)? {
                ValueRef::Nil => store.remove(key),
                _ => {
                    let value = &rest[..rest.len() - values.rest().len()];
                    store
                        .set(key, value)
                        .map_err(|full| Error::from(full).with_reason(Reason::REFUSED))?
                }
            };
            Ok(packed(former.as_deref()))
        }
        "DEL" => {
            let key = next(&mut values)?;
            Ok(packed(store.remove(key_of(&key)?).as_deref()))
        }
        "KEYS" => {
            let prefix = next(&mut values)?;
            let prefix = match prefix {
                ValueRef::Nil => &[],
                _ => key_of(&prefix)?,
            };
            keys(store, prefix)
        }
        _ => Err(Error::unsupported(format_args!(
            "the database has no command {command:?}, only GET, SET, DEL and KEYS"
        ))),
    }
}

/// The next value; nil when there is none, as in Lua.
fn next<'a>(values: &mut Reader<'a>) -> Result<ValueRef<'a>> {
    Ok(values.next().transpose()?.unwrap_or(ValueRef::Nil))
}

fn key_of<'a>(value: &ValueRef<'a>) -> Result<&'a [u8]> {
    value
        .as_bytes()
        .ok_or_else(|| wrong("key", "a string", value))
}

fn wrong(what: &str, wanted: &str, found: &ValueRef<'_>) -> Error {
    Error::refused(format_args!(
        "{what}: found {}, wanted {wanted}",
        found.kind()
    ))
}

fn packed(value: Option<&[u8]>) -> Vec<u8> {
    /// How nil is packed.
    const NIL: &[u8] = &[0];
    value.unwrap_or(NIL).to_vec()
}

fn keys(store: &Store, prefix: &[u8]) -> Result<Vec<u8>> {
    let count = store.keys(prefix).count();
    let mut writer = skynet_seri::Writer::new();
    writer.begin_table(count)?;
    for key in store.keys(prefix) {
        writer.string(key)?;
    }
    writer.end_table()?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use skynet_seri::{Value, decode, pack};

    use super::super::store::Limits;
    use super::*;

    fn check(store: &mut Store, request: &[u8], expected: Value) {
        let answer = answer(store, request).unwrap();
        assert_eq!(decode(&answer).unwrap(), [expected]);
    }

    fn check_refused(store: &mut Store, request: &[u8], expected: &str) {
        let error = answer(store, request).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn commands_are_answered() {
        let store = &mut Store::default();
        check(store, &pack!("GET", "a").unwrap(), Value::Nil);
        check(store, &pack!("SET", "a", 1, 2).unwrap(), Value::Nil);
        check(
            store,
            &pack!("set", "a", "text").unwrap(),
            Value::Integer(1),
        );
        check(store, &pack!("get", "a").unwrap(), Value::from("text"));
        let table = pack!("SET", "b", [1, 2, 3]).unwrap();
        check(store, &table, Value::Nil);
        let array = vec![Value::Integer(1), Value::Integer(2), Value::Integer(3)];
        check(store, &pack!("GET", "b").unwrap(), Value::from(array));
        let both = vec![Value::from("a"), Value::from("b")];
        check(store, &pack!("KEYS").unwrap(), Value::from(both));
        let one = vec![Value::from("b")];
        check(store, &pack!("KEYS", "b").unwrap(), Value::from(one));
        check(store, &pack!("DEL", "a").unwrap(), Value::from("text"));
        check(store, &pack!("DEL", "a").unwrap(), Value::Nil);
        let none: Option<i64> = None;
        assert!(answer(store, &pack!("SET", "b", none).unwrap()).is_ok());
        check(store, &pack!("GET", "b").unwrap(), Value::Nil);
    }

    #[test]
    fn wrong_requests_are_refused() {
        let store = &mut Store::new(Limits {
            keys: 1,
            bytes: 100,
        });
        check_refused(store, b"", "found nil");
        check_refused(store, &pack!(1).unwrap(), "wanted a text");
        check_refused(store, &pack!("FLY").unwrap(), "\"FLY\"");
        check_refused(store, &pack!("GET").unwrap(), "wanted a string");
        check_refused(store, &pack!("SET", 1, 1).unwrap(), "wanted a string");
        check_refused(store, b"\xff\xff", "");
        check(store, &pack!("SET", "a", 1).unwrap(), Value::Nil);
        check_refused(store, &pack!("SET", "b", 1).unwrap(), "full");
        check_refused(store, &pack!("SET", "a", "x".repeat(200)).unwrap(), "full");
        check(store, &pack!("GET", "a").unwrap(), Value::Integer(1));
    }
}

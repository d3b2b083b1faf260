//! JSON in and out of expression values: order kept, 64-bit integers exact.

use std::fmt;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Parses an answer. Of equal keys the last one wins. A number outside the range of i64 and u64 becomes a value that fails
/// where it is used.
///
/// # Errors
/// The text is no JSON, or nested too deeply.
pub(crate) fn parse_json(text: &[u8]) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = AnyValue.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// The expression value of a JSON value.
pub(crate) fn from_json(value: &serde_json::Value) -> Value {
    AnyValue.deserialize(value).unwrap_or_else(|_| invalid_number())
}

/// The JSON value of an expression value.
///
/// # Errors
/// In words, what JSON cannot hold: something undefined, a number beyond 64 bits, bytes, a key that is no text.
pub(crate) fn to_json(value: &Value) -> Result<serde_json::Value, &'static str> {
    match value.kind() {
        ValueKind::None => Ok(serde_json::Value::Null),
        ValueKind::Bool => Ok(value.is_true().into()),
        ValueKind::Number => number(value),
        ValueKind::String => Ok(value.as_str().unwrap_or_default().into()),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|_| "a list that cannot be read")?;
            items.map(|item| to_json(&item)).collect::<Result<Vec<_>, _>>().map(Into::into)
        }
        ValueKind::Map => map(value).map(serde_json::Value::Object),
        ValueKind::Undefined => Err("undefined"),
        ValueKind::Invalid => Err("a number beyond 64 bits"),
        _ => Err("nothing that JSON can hold"),
    }
}

fn number(value: &Value) -> Result<serde_json::Value, &'static str> {
    if value.is_integer() {
        let signed = i64::try_from(value.clone()).map(serde_json::Value::from);
        return signed.or_else(|_| u64::try_from(value.clone()).map(Into::into)).map_err(|_| "a number beyond 64 bits");
    }
    let float = f64::try_from(value.clone()).ok().and_then(serde_json::Number::from_f64);
    float.map(Into::into).ok_or("a number that is not finite")
}

fn map(value: &Value) -> Result<serde_json::Map<String, serde_json::Value>, &'static str> {
    let keys = value.try_iter().map_err(|_| "a map that cannot be read")?;
    let mut object = serde_json::Map::new();
    for key in keys {
        let item = value.get_item(&key).map_err(|_| "a map that cannot be read")?;
        let name = key.as_str().ok_or("a map with keys that are no text")?;
        object.insert(name.to_owned(), to_json(&item)?);
    }
    Ok(object)
}

fn invalid_number() -> Value {
    Value::from(Error::new(ErrorKind::InvalidOperation, "`number` is outside the range of 64 bits"))
}

struct AnyValue;

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::from(()))
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    /// Integers beyond 64 bits arrive here, already rounded.
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        const BEYOND_U64: f64 = 18_446_744_073_709_551_616.0;
        const BELOW_I64: f64 = -9_223_372_036_854_775_808.0;
        Ok(if value >= BEYOND_U64 || value <= BELOW_I64 { invalid_number() } else { value.into() })
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(AnyValue)? {
            values.push(value);
        }
        Ok(values.into())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(name) = items.next_key::<String>()? {
            let value = items.next_value_seed(AnyValue).map_err(de::Error::custom)?;
            pairs.push((name, value));
        }
        Ok(Value::from_pairs(pairs))
    }
}

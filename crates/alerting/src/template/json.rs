//! `toJson`: values as Go's `encoding/json` writes them.

use super::OUTPUT_BYTES_MAX;
use super::value::{Held, List, Value};

/// Names of the fields of `template.Data` and `template.Alert`, and what Alertmanager's JSON calls them.
const NAMES: [(&str, &str); 14] = [
    ("Receiver", "receiver"),
    ("Status", "status"),
    ("Alerts", "alerts"),
    ("NotificationReason", "notification_reason"),
    ("GroupLabels", "groupLabels"),
    ("CommonLabels", "commonLabels"),
    ("CommonAnnotations", "commonAnnotations"),
    ("ExternalURL", "externalURL"),
    ("Labels", "labels"),
    ("Annotations", "annotations"),
    ("StartsAt", "startsAt"),
    ("EndsAt", "endsAt"),
    ("GeneratorURL", "generatorURL"),
    ("Fingerprint", "fingerprint"),
];

pub(super) fn to_json(value: &Value<'_>) -> Result<String, String> {
    let mut out = String::new();
    write(&mut out, value)?;
    Ok(out)
}

fn write(out: &mut String, value: &Value<'_>) -> Result<(), String> {
    if out.len() > OUTPUT_BYTES_MAX {
        return Err(format!("text longer than {OUTPUT_BYTES_MAX} bytes"));
    }
    match value {
        Value::Missing | Value::NilInterface | Value::NilSample => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Float(float) => write_float(out, *float)?,
        Value::Text(text) | Value::Html(text) | Value::Url(text) => write_text(out, text.as_str()),
        Value::Time(time, _) => write_text(out, &time.format("2006-01-02T15:04:05.999999999Z07:00")),
        Value::Location(_) => out.push_str("{}"),
        Value::TextMap(map) => {
            let entries = map.entries();
            let pairs = entries.iter().map(|(name, text)| (name.as_str(), Value::Text(text.clone())));
            write_object(out, pairs)?;
        }
        Value::AnyMap(map) => {
            write_object(out, map.entries().iter().map(|(name, value)| (name.as_str(), value.clone())))?;
        }
        Value::List(list) => write_list(out, list)?,
        Value::Alert(view) => write_named(out, &view.fields())?,
        Value::Notification(view) => write_named(out, &view.fields())?,
        Value::Pair(pair) => {
            let fields = [("Name", Value::Text(pair.0.clone())), ("Value", Value::Text(pair.1.clone()))];
            write_object(out, fields)?;
        }
        Value::Rule(data) => write_object(out, super::rule_fields(data))?,
        Value::Sample(_) => out.push_str("{}"),
        _ => match (value.as_int(), value.as_uint(), value) {
            (Some(int), ..) => out.push_str(&int.to_string()),
            (_, Some(uint), _) => out.push_str(&uint.to_string()),
            (.., Value::Duration(nanos, Held::Pointer)) => out.push_str(&nanos.to_string()),
            _ => out.push_str("null"),
        },
    }
    Ok(())
}

fn write_list(out: &mut String, list: &List<'_>) -> Result<(), String> {
    out.push('[');
    for (index, item) in list.items().iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item)?;
    }
    out.push(']');
    Ok(())
}

fn write_object<'p, 'a>(
    out: &mut String,
    pairs: impl IntoIterator<Item = (&'p str, Value<'a>)>,
) -> Result<(), String> {
    out.push('{');
    for (index, (name, value)) in pairs.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_text(out, name);
        out.push(':');
        write(out, &value)?;
    }
    out.push('}');
    Ok(())
}

fn write_named(out: &mut String, fields: &[(&str, Value<'_>)]) -> Result<(), String> {
    let named = fields.iter().map(|(name, value)| {
        let json = NAMES.iter().find(|(own, _)| own == name).map_or(*name, |(_, json)| *json);
        (json, value.clone())
    });
    write_object(out, named)
}

/// As JavaScript writes numbers: an exponent below 1e-6 and from 1e21.
fn write_float(out: &mut String, float: f64) -> Result<(), String> {
    if !float.is_finite() {
        let float = super::number::format_float(float, 'g', None);
        return Err(format!("json: unsupported value: {float}"));
    }
    let magnitude = float.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        // One digit of the exponent is enough for small ones.
        out.push_str(&super::number::format_float(float, 'e', None).replace("e-0", "e-"));
    } else {
        out.push_str(&super::number::format_float(float, 'f', None));
    }
    Ok(())
}

/// With what is dangerous in HTML escaped.
pub(super) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}

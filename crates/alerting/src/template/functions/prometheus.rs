//! The functions of rule templates (`prometheus/prometheus`, `template/template.go`).

use std::net::IpAddr;
use std::rc::Rc;

use super::super::escape::query_escape;
use super::super::number::quote;
use super::super::time::Time;
use super::super::value::{AnyMap, Held, List, ListKind, Sample, Value};
use super::{
    Args, Outside, Signature, Type, fixed, humanize_duration, is_match, lower, replace_all, safe_html,
    scaled_up, short, text, to_float, upper, variadic,
};

pub(super) const FUNCTIONS: &[Signature] = &[
    fixed("query", &[Type::Text], query),
    fixed("first", &[Type::Samples], first),
    fixed("label", &[Type::Text, Type::Sample], label),
    fixed("value", &[Type::Sample], |_, args| Ok(Value::Float(sample(args, 0)?.value))),
    fixed("strvalue", &[Type::Sample], |_, args| label_of(&*sample(args, 0)?, "__value__")),
    variadic("args", &[], Type::Any, arguments),
    fixed("reReplaceAll", &[Type::Text, Type::Text, Type::Text], replace_all),
    fixed("safeHtml", &[Type::Text], safe_html),
    fixed("match", &[Type::Text, Type::Text], is_match),
    fixed("title", &[Type::Text], title),
    fixed("toUpper", &[Type::Text], upper),
    fixed("toLower", &[Type::Text], lower),
    fixed("graphLink", &[Type::Text], |_, args| link(args, 0)),
    fixed("tableLink", &[Type::Text], |_, args| link(args, 1)),
    fixed("sortByLabel", &[Type::Text, Type::Samples], sort_by_label),
    fixed("stripPort", &[Type::Text], |_, args| {
        let address = args.text(0);
        text(split_host_port(address).map_or(address, |(host, _)| host).to_owned())
    }),
    fixed("stripDomain", &[Type::Text], strip_domain),
    fixed("humanize", &[Type::Any], humanize),
    fixed("humanize1024", &[Type::Any], humanize_1024),
    fixed("humanizeDuration", &[Type::Any], humanize_duration),
    fixed("humanizePercentage", &[Type::Any], |_, args| {
        text(format!("{}%", short(to_float(&args.value(0))? * 100.0)))
    }),
    fixed("humanizeTimestamp", &[Type::Any], humanize_timestamp),
    fixed("toTime", &[Type::Any], |_, args| match to_time(to_float(&args.value(0))?)? {
        Some(time) => Ok(Value::Time(time, Held::Pointer)),
        None => Err("value is NaN or Inf".to_owned()),
    }),
    fixed("toDuration", &[Type::Any], |_, args| {
        // Go's conversion of what does not fit is not defined; here it is the nearest that fits.
        Ok(Value::Duration((to_float(&args.value(0))? * 1e9) as i64, Held::Pointer))
    }),
    fixed("now", &[], |outside, _| Ok(Value::Float(outside.now.as_seconds()))),
    fixed("pathPrefix", &[], |outside, _| text(path(outside.external_url))),
    fixed("externalURL", &[], |outside, _| text(outside.external_url.to_owned())),
    fixed("parseDuration", &[Type::Text], parse_duration),
    fixed("urlQueryEscape", &[Type::Text], |_, args| text(query_escape(args.text(0)))),
];

fn query<'a>(outside: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let found = outside.ask(args.text(0))?;
    let samples = found.into_iter().map(|(labels, value)| Value::Sample(Rc::new(Sample { labels, value })));
    Ok(Value::List(List::flat(ListKind::Samples, samples.collect())))
}

fn first<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    args.list(0).first().cloned().ok_or_else(|| "first() called on vector with no elements".to_owned())
}

fn sample(args: &Args<'_, '_>, index: usize) -> Result<Rc<Sample>, String> {
    match args.values.get(index) {
        Some(Value::Sample(sample)) => Ok(Rc::clone(sample)),
        _ => Err("runtime error: invalid memory address or nil pointer dereference".to_owned()),
    }
}

fn label<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    label_of(&*sample(args, 1)?, args.text(0))
}

fn label_of<'a>(sample: &Sample, name: &str) -> Result<Value<'a>, String> {
    text(sample.labels.get(name).unwrap_or("").to_owned())
}

fn arguments<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let named =
        args.values.iter().enumerate().map(|(index, value)| (format!("arg{index}").into(), value.clone()));
    Ok(Value::AnyMap(Rc::new(AnyMap::new(named.collect())?)))
}

/// `strings.Title`: a letter is in upper case where a word begins.
fn title<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let mut out = String::with_capacity(args.text(0).len());
    let mut before = ' ';
    for character in args.text(0).chars() {
        out.push(if separates(before) { super::upper_character(character) } else { character });
        before = character;
    }
    text(out)
}

fn separates(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_alphanumeric() && character != '_';
    }
    !character.is_alphanumeric() && character.is_whitespace()
}

fn link<'a>(args: &Args<'_, 'a>, tab: u8) -> Result<Value<'a>, String> {
    text(format!("/graph?g0.expr={}&g0.tab={tab}", query_escape(args.text(0))))
}

fn sort_by_label<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let mut samples = args.list(1).to_vec();
    let key = |value: &Value<'a>| match value {
        Value::Sample(sample) => sample.labels.get(args.text(0)).unwrap_or("").to_owned(),
        _ => String::new(),
    };
    samples.sort_by_cached_key(key);
    Ok(Value::List(List::flat(ListKind::Samples, samples)))
}

/// `net.SplitHostPort`
fn split_host_port(address: &str) -> Option<(&str, &str)> {
    let (rest, port) = address.rsplit_once(':')?;
    let host = match rest.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').filter(|host| !host.contains([']', '[']))?,
        None if rest.contains([':', '[', ']']) => return None,
        None => rest,
    };
    (!port.contains(['[', ']'])).then_some((host, port))
}

fn strip_domain<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let address = args.text(0);
    let (host, port) = match split_host_port(address) {
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    };
    if host.parse::<IpAddr>().is_ok() {
        return text(address.to_owned());
    }
    let host = host.split('.').next().unwrap_or(host);
    text(match port {
        Some(port) if !port.is_empty() => format!("{host}:{port}"),
        _ => host.to_owned(),
    })
}

fn humanize<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let value = to_float(&args.value(0))?;
    if value == 0.0 || !value.is_finite() {
        return text(short(value));
    }
    let (scaled, prefix) = if value.abs() >= 1.0 {
        scaled_down(value, 1000.0, ["k", "M", "G", "T", "P", "E", "Z", "Y"])
    } else {
        scaled_up(value)
    };
    text(format!("{}{prefix}", short(scaled)))
}

fn humanize_1024<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let value = to_float(&args.value(0))?;
    if value.abs() <= 1.0 || !value.is_finite() {
        return text(short(value));
    }
    let (scaled, prefix) = scaled_down(value, 1024.0, ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"]);
    text(format!("{}{prefix}", short(scaled)))
}

fn scaled_down(value: f64, step: f64, prefixes: [&'static str; 8]) -> (f64, &'static str) {
    let mut scaled = (value, "");
    for prefix in prefixes {
        if scaled.0.abs() < step {
            break;
        }
        scaled = (scaled.0 / step, prefix);
    }
    scaled
}

/// An instant of seconds since 1970, cut to milliseconds; nothing for what is no number.
fn to_time(seconds: f64) -> Result<Option<Time>, String> {
    if !seconds.is_finite() {
        return Ok(None);
    }
    let nanos = seconds * 1e9;
    if nanos > i64::MAX as f64 || nanos < i64::MIN as f64 {
        let seconds = super::super::number::format_float(seconds, 'g', None);
        return Err(format!(
            "{seconds} cannot be represented as a nanoseconds timestamp since it overflows int64"
        ));
    }
    Ok(Some(Time::from_millis(nanos as i64 / 1_000_000)))
}

fn humanize_timestamp<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let seconds = to_float(&args.value(0))?;
    text(match to_time(seconds)? {
        Some(time) => time.to_string(),
        None => short(seconds),
    })
}

/// The path of a URL, decoded (`url.URL.Path`).
fn path(url: &str) -> String {
    let behind_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = behind_scheme.find(['/', '?', '#']).map_or("", |at| &behind_scheme[at..]);
    let path = path.split(['?', '#']).next().unwrap_or("");
    super::super::escape::percent_decode(path).unwrap_or_else(|| path.to_owned())
}

/// prometheus/common's `model.ParseDuration`, in seconds.
fn parse_duration<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let written = args.text(0);
    let bad = || format!("not a valid duration string: {}", quote(written));
    let mut rest = match written {
        "0" => return Ok(Value::Float(0.0)),
        "" => return Err("empty duration string".to_owned()),
        _ => written,
    };
    let (mut millis, mut next) = (0_u64, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        if letters == 0 {
            return Err(bad());
        }
        let unit = UNITS.iter().position(|(name, _)| *name == &rest[..letters]);
        let unit = unit.ok_or_else(|| {
            format!("unknown unit {} in duration {}", quote(&rest[..letters]), quote(written))
        })?;
        if unit < next {
            return Err(bad());
        }
        next = unit + 1;
        let out_of_range = || "duration out of range".to_owned();
        millis = count
            .checked_mul(UNITS[unit].1)
            .and_then(|more| millis.checked_add(more))
            .filter(|millis| *millis <= i64::MAX as u64 / 1_000_000)
            .ok_or_else(out_of_range)?;
        rest = &rest[letters..];
    }
    // As Go divides nanoseconds by those of a second.
    Ok(Value::Float((millis * 1_000_000) as f64 / 1e9))
}

#[cfg(test)]
mod tests {
    use super::super::super::number::parse_float;
    use super::*;

    #[test]
    fn addresses_split_as_go_splits_them() {
        assert_eq!(split_host_port("db-1:5432"), Some(("db-1", "5432")));
        assert_eq!(split_host_port("[::1]:80"), Some(("::1", "80")));
        assert_eq!(split_host_port(":80"), Some(("", "80")));
        for whole in ["db-1", "::1", "[::1]", "[::1]::80", "a:b]:1", "a:[1]"] {
            assert_eq!(split_host_port(whole), None, "{whole}");
        }
    }

    #[test]
    fn numbers_are_read_from_texts_as_go_reads_them() {
        assert_eq!(parse_float("1_000.5"), Ok(1000.5));
        assert!(parse_float("1e").is_err());
    }
}

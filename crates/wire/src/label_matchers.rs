//! Conditions on labels as Alertmanager's configuration, its API and its command line write them.
//!
//! Two grammars are read. The classic one (`pkg/labels`, until 0.26) takes a name of the classic alphabet and a value
//! with or without quotes: `severity=~"warn.*"`, `team = shop`. The UTF-8 one (`matcher/parse`, since 0.27) takes any
//! name, in quotes where it holds a reserved character: `"告警级别"="严重"`. As Alertmanager 0.34 does without feature
//! flags, a text that both can read means what the classic grammar says. A list is divided by commas, may stand in
//! braces and may be empty.
//!
//! One difference: `.` in a pattern also takes a line feed, as in PromQL; in Alertmanager it does not.

use lingshao_model::{MatchOp, Matcher, MatcherError};

/// Why a text holds no matchers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchersError {
    /// No name, no operator, or something behind the value.
    #[error("bad matcher format: {0}")]
    Format(String),
    /// A quote that is not closed, or one inside of a value.
    #[error("matcher value contains unescaped double quote: {0}")]
    Quote(String),
    /// Braces around what must be a single matcher.
    #[error("unexpected open or close brace: {0}")]
    Brace(String),
    /// The pattern is no regular expression.
    #[error(transparent)]
    Pattern(#[from] MatcherError),
}

/// Reads a list: `{a="b", c=~"d"}`, `a=b,c!=d`, a single one, or nothing.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, MatchersError> {
    classic_list(text).or_else(|error| utf8_list(text).ok_or(error))
}

/// Reads exactly one, as a filter of the API holds it: no braces, and a comma belongs to the value.
pub fn parse_matcher(text: &str) -> Result<Matcher, MatchersError> {
    if text.starts_with('{') || text.ends_with('}') {
        return Err(MatchersError::Brace(text.to_owned()));
    }
    let single = || utf8_list(text).filter(|matchers| matchers.len() == 1)?.pop();
    classic(text).or_else(|error| single().ok_or(error))
}

/// As Alertmanager writes it: `a="b"`, the name in quotes when it holds a reserved character.
pub fn format(matcher: &Matcher) -> String {
    let value = escape(matcher.value());
    let operator = matcher.op().as_str();
    match matcher.name().chars().any(is_reserved) {
        true => format!("\"{}\"{operator}\"{value}\"", escape(matcher.name())),
        false => format!("{}{operator}\"{value}\"", matcher.name()),
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('\n', r"\n").replace('"', "\\\"")
}

const OPERATORS: [(&str, MatchOp); 4] =
    [("=~", MatchOp::Regex), ("=", MatchOp::Equal), ("!=", MatchOp::NotEqual), ("!~", MatchOp::NotRegex)];

fn operator(text: &str) -> Option<(MatchOp, &str)> {
    OPERATORS.iter().find_map(|(sign, op)| Some((*op, text.strip_prefix(sign)?)))
}

fn classic_list(text: &str) -> Result<Vec<Matcher>, MatchersError> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let mut parts = split_outside_quotes(inner);
    if parts.last().is_some_and(|last| last.trim().is_empty()) {
        parts.pop(); // A comma may end the list.
    }
    parts.into_iter().map(classic).collect()
}

/// Commas between unescaped quotes divide nothing.
fn split_outside_quotes(text: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            ',' if !is_quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
                continue;
            }
            '"' if !is_escaped => is_quoted = !is_quoted,
            '\\' => {
                is_escaped = !is_escaped;
                continue;
            }
            ',' => continue,
            _ => {}
        }
        is_escaped = false;
    }
    parts.push(&text[start..]);
    parts
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

fn classic(text: &str) -> Result<Matcher, MatchersError> {
    let wrong = || MatchersError::Format(text.to_owned());
    let rest = text.trim_matches(is_blank);
    let length = rest.find(|character: char| !is_classic(character)).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(length);
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(wrong());
    }
    let (op, raw) = operator(rest.trim_start_matches(is_blank)).ok_or_else(wrong)?;
    Ok(Matcher::new(op, name, &classic_value(raw.trim_start_matches(is_blank))?)?)
}

fn is_classic(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | ':')
}

/// Takes off quotes and escapes; a backslash before any other character stands for itself.
fn classic_value(raw: &str) -> Result<String, MatchersError> {
    let wrong = || MatchersError::Quote(raw.to_owned());
    let (inner, mut is_open) = match raw.strip_prefix('"') {
        Some(inner) => (inner, true),
        None => (raw, false),
    };
    let mut value = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                None => value.push('\\'),
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\')) => value.push(escaped),
                Some(other) => value.extend(['\\', other]),
            },
            '"' if is_open && characters.as_str().is_empty() => is_open = false,
            '"' => return Err(wrong()),
            plain => value.push(plain),
        }
    }
    if is_open { Err(wrong()) } else { Ok(value) }
}

fn is_reserved(character: char) -> bool {
    character.is_whitespace() || "{}!=~,\\\"'`".contains(character)
}

/// The UTF-8 grammar; nothing if the text does not follow it.
fn utf8_list(text: &str) -> Option<Vec<Matcher>> {
    let mut rest = text.trim_start();
    let is_braced = match rest.strip_prefix('{') {
        Some(inner) => {
            rest = inner.trim_start();
            true
        }
        None => false,
    };
    let mut matchers = Vec::new();
    while !rest.is_empty() && !rest.starts_with('}') {
        let (matcher, after) = utf8(rest)?;
        matchers.push(matcher);
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if after.is_empty() || after.starts_with('}') => after,
            None => return None,
        };
    }
    let after = if is_braced { rest.strip_prefix('}')? } else { rest };
    after.trim().is_empty().then_some(matchers)
}

fn utf8(text: &str) -> Option<(Matcher, &str)> {
    let (name, rest) = word(text)?;
    let (op, rest) = operator(rest.trim_start())?;
    let (value, rest) = word(rest.trim_start())?;
    Some((Matcher::new(op, &name, &value).ok()?, rest))
}

/// Quoted text as in Go, or everything up to a reserved character.
fn word(text: &str) -> Option<(String, &str)> {
    if let Some(inner) = text.strip_prefix('"') {
        return quoted(inner);
    }
    let length = text.find(is_reserved).unwrap_or(text.len());
    (length > 0).then(|| (text[..length].to_owned(), &text[length..]))
}

/// Reads up to the closing quote, with the escapes of Go's `strconv.Unquote`.
fn quoted(inner: &str) -> Option<(String, &str)> {
    let mut bytes = Vec::new();
    let mut rest = inner;
    loop {
        let character = rest.chars().next()?;
        rest = &rest[character.len_utf8()..];
        match character {
            '"' => return Some((String::from_utf8(bytes).ok()?, rest)),
            '\n' => return None,
            '\\' => rest = escaped(rest, &mut bytes)?,
            plain => push(&mut bytes, plain),
        }
    }
}

fn push(bytes: &mut Vec<u8>, character: char) {
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn escaped<'t>(text: &'t str, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let kind = text.chars().next()?;
    let after = &text[kind.len_utf8()..];
    let number = |digits: usize, radix: u32, from: &'t str| {
        let digits = from.get(..digits).filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)))?;
        Some((u32::from_str_radix(digits, radix).ok()?, &from[digits.len()..]))
    };
    match kind {
        'a' => bytes.push(7),
        'b' => bytes.push(8),
        'f' => bytes.push(12),
        'n' => bytes.push(b'\n'),
        'r' => bytes.push(b'\r'),
        't' => bytes.push(b'\t'),
        'v' => bytes.push(11),
        '\\' => bytes.push(b'\\'),
        '"' => bytes.push(b'"'),
        'x' => {
            let (byte, rest) = number(2, 16, after)?;
            bytes.push(u8::try_from(byte).ok()?);
            return Some(rest);
        }
        '0'..='7' => {
            let (byte, rest) = number(3, 8, text)?;
            bytes.push(u8::try_from(byte).ok()?);
            return Some(rest);
        }
        'u' | 'U' => {
            let (code, rest) = number(if kind == 'u' { 4 } else { 8 }, 16, after)?;
            push(bytes, char::from_u32(code)?);
            return Some(rest);
        }
        _ => return None,
    }
    Some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Ok` with the matchers as Alertmanager writes them, or the error's text.
    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let written = parse_matchers(text).map(|matchers| {
            let each: Vec<String> = matchers.iter().map(format).collect();
            each.join(",")
        });
        let written = written.map_err(|error| error.to_string());
        assert_eq!(written.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn the_classic_grammar_is_forgiving() {
        check("", Ok(""));
        check("{}", Ok(""));
        check("foo=bar", Ok(r#"foo="bar""#));
        check(r#"{foo = "bar", dings != "bums", }"#, Ok(r#"foo="bar",dings!="bums""#));
        check("foo=bar, dings!=bums", Ok(r#"foo="bar",dings!="bums""#));
        check("foo=bar,dings!=bums,", Ok(r#"foo="bar",dings!="bums""#));
        check(r#"{quote="She said: \"Hi, ladies! …\""}"#, Ok(r#"quote="She said: \"Hi, ladies! …\"""#));
        check(r#"statuscode=~"5..""#, Ok(r#"statuscode=~"5..""#));
        check("tricky=~~~", Ok(r#"tricky=~"~~""#));
        check("trickier==\\=\\=\\\"", Ok(r#"trickier="=\\=\\=\"""#));
        check("a = , b=\"\"", Ok(r#"a="",b="""#));
        check("a=中文 告警", Ok(r#"a="中文 告警""#));
        check("a=\"b\nc\"", Ok(r#"a="b\nc""#));
        check(r"a=\d\n\", Ok(r#"a="\\d\n\\""#));
        check("job:x=y", Ok(r#"job:x="y""#));
        check("foo{=bar}", Err("bad matcher format: foo{=bar"));
    }

    #[test]
    fn the_utf8_grammar_takes_every_name() {
        check(r#""告警级别"="严重""#, Ok(r#"告警级别="严重""#));
        check("告警级别=严重", Ok(r#"告警级别="严重""#));
        check(r#"{ "a b"!~"x\u4e2d\t" , 1=2, }"#, Ok("\"a b\"!~\"x中\t\",1=\"2\""));
        check(r#""a\"b\\"="\x41\101""#, Ok(r#""a\"b\\"="AA""#));
        check("1a", Err("bad matcher format: 1a"));
        check(r#""a"="\xff""#, Err(r#"bad matcher format: "a"="\xff""#));
        check(r#"{"a"="b""#, Err(r#"bad matcher format: "a"="b""#));
        check(r#""a"="b"}"#, Err(r#"bad matcher format: "a"="b""#));
        check(r#""a"="b" c"#, Err(r#"bad matcher format: "a"="b" c"#));
    }

    #[test]
    fn what_neither_reads_is_an_error() {
        check("foo", Err("bad matcher format: foo"));
        check("a=b,,c=d", Err("bad matcher format: "));
        check(",", Err("bad matcher format: "));
        check(r#"foo="bar"#, Err(r#"matcher value contains unescaped double quote: "bar"#));
        check(r#"foo=b"ar"#, Err(r#"matcher value contains unescaped double quote: b"ar"#));
        check(r#"foo=~"(""#, Err("cannot use regular expression `(`: unclosed group"));
    }

    #[test]
    fn a_single_one_has_no_braces_and_keeps_its_comma() {
        assert_eq!(parse_matcher("a=b,c").map(|one| format(&one)), Ok(r#"a="b,c""#.to_owned()));
        assert_eq!(parse_matcher("中=1").map(|one| format(&one)), Ok(r#"中="1""#.to_owned()));
        assert_eq!(parse_matcher("{a=b}"), Err(MatchersError::Brace("{a=b}".to_owned())));
        assert_eq!(parse_matcher("中=1,国=2"), Err(MatchersError::Format("中=1,国=2".to_owned())));
        assert!(parse_matcher("").is_err());
    }
}

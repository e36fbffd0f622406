//! Numbers and quoted texts as Go's `strconv` reads and writes them.

/// Digits after the point beyond which a double has only zeros; more are padded instead of computed.
const DIGITS_MAX: usize = 1100;

/// Reads a float as `strconv.ParseFloat` does; the error is its text.
pub(super) fn parse_float(text: &str) -> Result<f64, String> {
    let syntax = || format!("strconv.ParseFloat: parsing {}: invalid syntax", quote(text));
    let unsigned = text.trim_start_matches(['+', '-']);
    if text.len() - unsigned.len() > 1
        || (unsigned.eq_ignore_ascii_case("nan") && unsigned.len() != text.len())
    {
        return Err(syntax());
    }
    if let Some(digits) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let magnitude = parse_hex_float(digits).ok_or_else(syntax)?;
        return Ok(if text.starts_with('-') { -magnitude } else { magnitude });
    }
    let plain = without_underscores(text).ok_or_else(syntax)?;
    let value: f64 = plain.parse().map_err(|_| syntax())?;
    if value.is_infinite() && unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(format!("strconv.ParseFloat: parsing {}: value out of range", quote(text)));
    }
    Ok(value)
}

fn parse_hex_float(text: &str) -> Option<f64> {
    let text = without_underscores(text)?;
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mantissa = u64::from_str_radix(&digits, 16).ok()?;
    let exponent: i32 = exponent.parse().ok().filter(|exponent: &i32| exponent.abs() < 1000)?;
    let shift = exponent - 4 * i32::try_from(fraction.len()).ok()?;
    Some(mantissa as f64 * 2f64.powi(shift))
}

/// Underscores may stand between digits.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let between = |at: usize| {
        at > 0
            && bytes[at - 1].is_ascii_hexdigit()
            && bytes.get(at + 1).is_some_and(|next| next.is_ascii_hexdigit())
    };
    let fine = bytes.iter().enumerate().all(|(at, byte)| *byte != b'_' || between(at));
    fine.then(|| text.replace('_', ""))
}

/// Reads what `strconv.ParseInt` and `ParseUint` with base 0 read: sign and magnitude.
pub(super) fn parse_integer(text: &str) -> Option<(bool, u64)> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let prefixed = digits.len() < lower.len();
    let digits = if prefixed { digits.strip_prefix('_').unwrap_or(digits) } else { digits };
    let digits = without_underscores(digits)?;
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(&digits, radix).ok().map(|magnitude| (negative, magnitude))
}

/// Formats as `strconv.FormatFloat` with verb `e`, `E`, `f`, `g` or `G`; without a precision the fewest digits that
/// read back as the same number.
pub(super) fn format_float(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match verb {
        'e' | 'E' => exponent_form(value, precision, verb),
        'f' => fixed_form(value, precision),
        _ => general_form(value, precision, verb),
    }
}

fn fixed_form(value: f64, precision: Option<usize>) -> String {
    let Some(precision) = precision else { return value.to_string() };
    let mut text = format!("{value:.*}", precision.min(DIGITS_MAX));
    text.extend(std::iter::repeat_n('0', precision.saturating_sub(DIGITS_MAX)));
    text
}

/// Sign, digits and the exponent of the first of them.
fn scientific(value: f64, precision: Option<usize>) -> (bool, String, i32) {
    let text = match precision {
        Some(precision) => format!("{value:.*e}", precision.min(DIGITS_MAX)),
        None => format!("{value:e}"),
    };
    let negative = text.starts_with('-');
    let text = text.trim_start_matches('-');
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (negative, mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

fn exponent_form(value: f64, precision: Option<usize>, verb: char) -> String {
    let (negative, digits, exponent) = scientific(value, precision);
    let zeros = precision.unwrap_or(0).saturating_sub(DIGITS_MAX);
    with_exponent(negative, &digits, exponent, zeros, verb)
}

fn with_exponent(negative: bool, digits: &str, exponent: i32, zeros: usize, verb: char) -> String {
    let mut out = String::with_capacity(digits.len() + zeros + 8);
    if negative {
        out.push('-');
    }
    let (first, rest) = digits.split_at(1);
    out.push_str(first);
    if !rest.is_empty() || zeros > 0 {
        out.push('.');
        out.push_str(rest);
        out.extend(std::iter::repeat_n('0', zeros));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    out.push_str(&format!("{verb}{sign}{:02}", exponent.unsigned_abs()));
    out
}

fn general_form(value: f64, precision: Option<usize>, verb: char) -> String {
    let significant = precision.map(|precision| precision.max(1));
    let (negative, digits, exponent) = scientific(value, significant.map(|significant| significant - 1));
    let trimmed = digits.trim_end_matches('0');
    let digits = if trimmed.is_empty() { "0" } else { trimmed };
    // Without a precision Go decides as if it were 6: 1234567.0 is 1.234567e+06.
    let threshold = significant.map_or(6, |significant| i32::try_from(significant).unwrap_or(i32::MAX));
    if exponent < -4 || exponent >= threshold {
        let verb = if verb == 'G' { 'E' } else { 'e' };
        return with_exponent(negative, digits, exponent, 0, verb);
    }
    let mut out = String::with_capacity(digits.len() + 8);
    if negative {
        out.push('-');
    }
    if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', usize::try_from(-exponent - 1).unwrap_or(0)));
        out.push_str(digits);
        return out;
    }
    let whole = usize::try_from(exponent).unwrap_or(0) + 1;
    if digits.len() <= whole {
        out.push_str(digits);
        out.extend(std::iter::repeat_n('0', whole - digits.len()));
    } else {
        out.push_str(&digits[..whole]);
        out.push('.');
        out.push_str(&digits[whole..]);
    }
    out
}

/// `strconv.Quote`
pub(super) fn quote(text: &str) -> String {
    quote_with(text, '"', false)
}

/// `strconv.Quote`, or `strconv.QuoteToASCII` when `ascii`, with either kind of quote.
pub(super) fn quote_with(text: &str, mark: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(mark);
    for character in text.chars() {
        push_quoted(&mut out, character, mark, ascii);
    }
    out.push(mark);
    out
}

fn push_quoted(out: &mut String, character: char, mark: char, ascii: bool) {
    match character {
        _ if character == mark || character == '\\' => out.extend(['\\', character]),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        _ if is_print(character) && (character.is_ascii() || !ascii) => out.push(character),
        _ if character < ' ' || character == '\x7f' => {
            out.push_str(&format!("\\x{:02x}", u32::from(character)));
        }
        _ if u32::from(character) < 0x10000 => out.push_str(&format!("\\u{:04x}", u32::from(character))),
        _ => out.push_str(&format!("\\U{:08x}", u32::from(character))),
    }
}

/// `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII blank.
pub(super) fn is_print(character: char) -> bool {
    if character.is_ascii() {
        return (' '..='~').contains(&character);
    }
    if character.is_whitespace() || character == '\u{ad}' {
        return false;
    }
    // The standard library prints a character as itself in quotes when it is printable; behind a letter also a mark.
    let mut escaped = ['a', character].iter().collect::<String>().escape_debug().to_string();
    escaped.remove(0);
    escaped.chars().eq([character])
}

/// `strconv.Unquote` of a token of the lexer: in double quotes or in backquotes.
pub(super) fn unquote(token: &str) -> Option<String> {
    if let Some(raw) = token.strip_prefix('`') {
        return Some(raw.strip_suffix('`')?.replace('\r', ""));
    }
    let mut rest = token.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::with_capacity(rest.len());
    let mut bytes: Vec<u8> = Vec::new();
    while !rest.is_empty() {
        match unquote_one(rest, '"')? {
            (Unquoted::Character(character), after) => {
                flush_bytes(&mut bytes, &mut out);
                out.push(character);
                rest = after;
            }
            (Unquoted::Byte(byte), after) => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    flush_bytes(&mut bytes, &mut out);
    Some(out)
}

/// Bytes written as `\xNN` become what they encode; texts here are UTF-8.
fn flush_bytes(bytes: &mut Vec<u8>, out: &mut String) {
    if !bytes.is_empty() {
        out.push_str(&String::from_utf8_lossy(bytes));
        bytes.clear();
    }
}

/// The character of a constant like `'a'` or `'\n'`.
pub(super) fn unquote_character(token: &str) -> Result<char, String> {
    let inner = token.strip_prefix('\'').ok_or("invalid syntax")?;
    let (unquoted, rest) = unquote_one(inner, '\'').ok_or("invalid syntax")?;
    if rest != "'" {
        return Err(format!("malformed character constant: {token}"));
    }
    match unquoted {
        Unquoted::Character(character) => Ok(character),
        Unquoted::Byte(byte) => Ok(char::from(byte)),
    }
}

enum Unquoted {
    Character(char),
    Byte(u8),
}

fn unquote_one(text: &str, mark: char) -> Option<(Unquoted, &str)> {
    let mut characters = text.chars();
    let first = characters.next()?;
    if first == mark || first == '\n' {
        return None;
    }
    if first != '\\' {
        return Some((Unquoted::Character(first), characters.as_str()));
    }
    let kind = characters.next()?;
    let rest = characters.as_str();
    let simple = |character| Some((Unquoted::Character(character), rest));
    match kind {
        'a' => simple('\x07'),
        'b' => simple('\x08'),
        'f' => simple('\x0c'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\x0b'),
        '\\' => simple('\\'),
        '\'' | '"' if kind == mark => simple(kind),
        'x' | 'u' | 'U' => {
            let length = if kind == 'x' {
                2
            } else if kind == 'u' {
                4
            } else {
                8
            };
            let digits =
                rest.get(..length).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            numbered(u32::from_str_radix(digits, 16).ok()?, kind == 'x', &rest[length..])
        }
        '0'..='7' => {
            let digits =
                text.get(1..4).filter(|digits| digits.bytes().all(|byte| (b'0'..b'8').contains(&byte)))?;
            numbered(u32::from_str_radix(digits, 8).ok().filter(|code| *code < 256)?, true, &text[4..])
        }
        _ => None,
    }
}

fn numbered(code: u32, is_byte: bool, rest: &str) -> Option<(Unquoted, &str)> {
    if is_byte {
        return Some((Unquoted::Byte(u8::try_from(code).ok()?), rest));
    }
    char::from_u32(code).map(|character| (Unquoted::Character(character), rest))
}

/// As `regexp` quotes patterns: in backquotes where that is possible.
pub(super) fn quote_raw(text: &str) -> String {
    if can_backquote(text) { format!("`{text}`") } else { quote(text) }
}

/// `strconv.CanBackquote`
pub(super) fn can_backquote(text: &str) -> bool {
    !text.contains(|c: char| matches!(c, '`' | '\x7f' | '\u{feff}') || (c < ' ' && c != '\t'))
}

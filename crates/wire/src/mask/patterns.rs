//! Numbers of persons in texts. A first look costs one byte in eleven: every number of interest covers eleven bytes
//! that are digits, blanks or dashes.

use super::{Kind, names};

/// The shortest number: a mobile one without separators.
const BYTES_MIN: usize = 11;
/// Groups of digits that belong together: a card in fours has five.
const GROUPS_MAX: usize = 5;

#[inline]
fn is_inner(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b' ' | b'-')
}

/// Whether a number may be there.
#[inline]
pub(super) fn may_have(text: &[u8]) -> bool {
    let mut at = BYTES_MIN - 1;
    while let Some(byte) = text.get(at) {
        if is_inner(*byte) {
            let run = run_around(text, at);
            if run.1 - run.0 >= BYTES_MIN && has_digits(&text[run.0..run.1]) {
                return true;
            }
            at = run.1;
        }
        at += BYTES_MIN;
    }
    false
}

fn has_digits(run: &[u8]) -> bool {
    run.iter().filter(|byte| byte.is_ascii_digit()).count() >= BYTES_MIN
}

fn run_around(text: &[u8], at: usize) -> (usize, usize) {
    let before = text[..at].iter().rev().take_while(|byte| is_inner(**byte)).count();
    let behind = text[at..].iter().take_while(|byte| is_inner(**byte)).count();
    (at - before, at + behind)
}

/// Visits every number, in order: its first byte, one behind its last, its kind.
pub(super) fn each(text: &str, visit: &mut dyn FnMut(usize, usize, Kind)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // Up to here everything belongs to numbers that were visited.
    let mut done = 0;
    while let Some(length) = bytes[at..].iter().position(u8::is_ascii_digit) {
        let start = at + length;
        match number(text, start).filter(|(begin, _, _)| *begin >= done) {
            Some((begin, end, kind)) => {
                visit(begin, end, kind);
                done = end;
                at = end;
            }
            None => at = start + digits(&bytes[start..]),
        }
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The number whose digits begin here; it may begin earlier, with the country.
fn number(text: &str, start: usize) -> Option<(usize, usize, Kind)> {
    let bytes = text.as_bytes();
    if !is_free_before(bytes, start) {
        return None;
    }
    let (ends, count) = groups(bytes, start);
    let found = identity(bytes, start).or_else(|| {
        // The longest first: a card in groups begins with what may be something else.
        (0..count).rev().find_map(|last| grouped(bytes, start, &ends[..=last]))
    });
    let (end, kind) = found?;
    let begin = if kind == Kind::Phone { country(bytes, start) } else { start };
    (is_free_behind(bytes, end) && !is_serial(text, start)).then_some((begin, end, kind))
}

/// Where up to five groups of digits end that the same single separator joins.
fn groups(bytes: &[u8], start: usize) -> ([usize; GROUPS_MAX], usize) {
    let mut ends = [0; GROUPS_MAX];
    let mut end = start + digits(&bytes[start..]);
    ends[0] = end;
    let mut count = 1;
    let separator = bytes.get(end).copied();
    while count < GROUPS_MAX && matches!(separator, Some(b' ' | b'-')) && bytes.get(end).copied() == separator
    {
        let length = digits(&bytes[end + 1..]);
        if length == 0 {
            break;
        }
        end += 1 + length;
        ends[count] = end;
        count += 1;
    }
    (ends, count)
}

/// A number that is made of these groups.
fn grouped(bytes: &[u8], start: usize, ends: &[usize]) -> Option<(usize, Kind)> {
    let end = *ends.last()?;
    let mut number = [0; 19];
    let mut length = 0;
    for digit in bytes[start..end].iter().filter(|byte| byte.is_ascii_digit()) {
        *number.get_mut(length)? = *digit;
        length += 1;
    }
    let number = &number[..length];
    let sizes = |place: usize| ends[place] - if place == 0 { start } else { ends[place - 1] + 1 };
    let in_fours = || (0..ends.len() - 1).all(|place| sizes(place) == 4);
    match ends.len() {
        1 if is_mobile(number) => Some((end, Kind::Phone)),
        2 if matches!(sizes(0), 2 | 4) && is_mobile(number) => Some((end, Kind::Phone)),
        3 if is_mobile(number) && (sizes(0), sizes(1)) == (3, 4) => Some((end, Kind::Phone)),
        1 if is_card(number) => Some((end, Kind::Card)),
        4.. if in_fours() && is_card(number) => Some((end, Kind::Card)),
        4 if is_mobile(number) && (sizes(1), sizes(2)) == (3, 4) => Some((end, Kind::Phone)),
        _ => None,
    }
}

/// 13–19 and nine digits more, the country before them.
fn is_mobile(digits: &[u8]) -> bool {
    let digits = digits.strip_prefix(b"00").unwrap_or(digits);
    let national = if digits.len() == 13 { digits.strip_prefix(b"86") } else { Some(digits) };
    matches!(national, Some([b'1', b'3'..=b'9', rest @ ..]) if rest.len() == 9)
}

fn is_card(digits: &[u8]) -> bool {
    let issued = match digits {
        [b'6', b'2', ..] => (16..=19).contains(&digits.len()),
        [b'4', ..] | [b'5', b'1'..=b'5', ..] => digits.len() == 16,
        _ => false,
    };
    issued && luhn(digits)
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') * if place % 2 == 1 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// GB 11643-1999: province, date of birth, check character (ISO 7064, MOD 11-2).
fn identity(bytes: &[u8], start: usize) -> Option<(usize, Kind)> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let number = bytes.get(start..start + 18)?;
    if !number[..17].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let figure = |from: usize, to: usize| {
        number[from..to].iter().fold(0, |figure, digit| figure * 10 + u32::from(digit - b'0'))
    };
    let is_born = (1900..2100).contains(&figure(6, 10))
        && (1..=12).contains(&figure(10, 12))
        && (1..=31).contains(&figure(12, 14));
    let sum: u32 = number.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    let check = b"10X98765432"[(sum % 11) as usize];
    let is_one = (11..=82).contains(&figure(0, 2)) && is_born && number[17].to_ascii_uppercase() == check;
    is_one.then_some((start + 18, Kind::Identity))
}

/// Nothing that continues the number stands before it.
fn is_free_before(bytes: &[u8], start: usize) -> bool {
    match bytes[..start] {
        [.., before, b'.'] => !before.is_ascii_digit(),
        // An escape of a JSON text inside of a text: `\n138…`.
        [.., b'\\', b'n' | b't' | b'r'] => true,
        [.., byte] => !is_word(byte),
        [] => true,
    }
}

fn is_free_behind(bytes: &[u8], end: usize) -> bool {
    match bytes[end..] {
        [b'.', behind, ..] => !behind.is_ascii_digit(),
        [byte, ..] => !is_word(byte),
        [] => true,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where the number begins, if `+86` stands before its digits, in whatever way.
fn country(bytes: &[u8], start: usize) -> usize {
    let before = &bytes[..start];
    for country in [&b"+86 "[..], b"+86-", b"+", b"(+86)", b"(+86) "] {
        if before.ends_with(country) {
            return start - country.len();
        }
    }
    start
}

/// Whether a key before the number says that it is a serial one: `order_no=`, `"trace_id": "`, `订单号：`.
fn is_serial(text: &str, start: usize) -> bool {
    let before = text[..start].trim_end_matches([' ', '"', '\'', '\\', '[', '(']);
    let Some(key) = before.strip_suffix(['=', ':', '：', '#']) else { return false };
    let key = key.trim_end_matches([' ', '"', '\'', '\\']);
    let from = key.rfind(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '-')));
    let from = from.map_or(0, |at| at + key[at..].chars().next().map_or(0, char::len_utf8));
    // A name is short; what is longer is no name.
    key.len() - from <= 64 && names::is_serial(&key[from..])
}

/// A mail address around an `@`: its first byte, one behind its last.
pub(super) fn mail(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    const NAME_BYTES_MAX: usize = 64; // RFC 5321, §4.5.3.1.1.
    let is_name =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-' | b'%');
    let is_domain = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let name = bytes[..at].iter().rev().take(NAME_BYTES_MAX).take_while(is_name).count();
    let domain = bytes[at + 1..].iter().take(253).take_while(is_domain).count();
    let domain = &bytes[at + 1..at + 1 + domain];
    let domain = domain.strip_suffix(b".").unwrap_or(domain);
    (name > 0 && domain.contains(&b'.')).then_some((at - name, at + 1 + domain.len()))
}

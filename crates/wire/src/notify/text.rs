//! Texts within a service's limits.

/// Cuts a text into parts of at most `bytes_max` bytes, at line ends where there are any, never inside of a
/// character. Line ends at the cuts are left out. An empty text is one empty part.
pub fn split(text: &str, bytes_max: usize) -> Vec<&str> {
    let bytes_max = bytes_max.max(4); // The longest character.
    let mut parts = Vec::new();
    let mut rest = text;
    while bytes_max < rest.len() {
        let fits = floor_char_boundary(rest, bytes_max);
        // A line end right behind the part is as good as one at its end.
        let window = &rest[..floor_char_boundary(rest, fits + 1)];
        let (part, next) = match window.rfind('\n') {
            Some(at) if 0 < at => (&rest[..at], at + 1),
            _ => (&rest[..fits], fits),
        };
        parts.push(part);
        rest = &rest[next..];
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(rest);
    }
    parts
}

/// The longest beginning of at most so many bytes.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..floor_char_boundary(text, bytes_max)]
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The parts of a text, each with its number in front (`(1/3) `) when there are several.
pub fn numbered(text: &str, bytes_max: usize) -> Vec<String> {
    /// Room for `(99/99)` and a line end.
    const MARK_BYTES: usize = 8;
    if text.len() <= bytes_max {
        return vec![text.to_owned()];
    }
    let parts = split(text, bytes_max.saturating_sub(MARK_BYTES));
    let count = parts.len();
    parts.iter().enumerate().map(|(at, part)| format!("({}/{count})\n{part}", at + 1)).collect()
}

/// A label's value among Markdown: characters by which it could mention somebody, link somewhere or change its colour
/// are replaced by their wide twins, since labels come from what is watched.
pub fn without_markup(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '<' => '＜',
            '>' => '＞',
            '[' => '［',
            ']' => '］',
            '`' => '\u{2018}',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

/// A variable of a short message: letters, digits, `:`, `-`, `%` and one decimal point, so that nothing in it looks
/// like an address, which the providers refuse.
pub fn sms_parameter(text: &str, chars_max: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    let is_digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
    let dots = chars.iter().filter(|c| **c == '.').count();
    let keeps = |(at, c): &(usize, &char)| {
        let is_point = **c == '.' && dots == 1 && is_digit(at.checked_sub(1)) && is_digit(Some(at + 1));
        c.is_alphanumeric() || ":-%".contains(**c) || is_point
    };
    chars.iter().enumerate().filter(keeps).map(|(_, c)| *c).take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, bytes_max: usize, expected: &[&str]) {
        assert_eq!(split(text, bytes_max), expected);
    }

    #[test]
    fn texts_are_cut_at_line_ends() {
        check("", 10, &[""]);
        check("short", 10, &["short"]);
        check("ab\ncd\nef", 5, &["ab\ncd", "ef"]);
        check("abcde\nfghij", 5, &["abcde", "fghij"]);
        check("abcdefghij", 4, &["abcd", "efgh", "ij"]);
        check("告警恢复", 7, &["告警", "恢复"]);
        check("\nabcdef", 4, &["\nabc", "def"]);
    }

    #[test]
    fn parts_are_numbered_and_still_fit() {
        assert_eq!(numbered("ab\ncd", 10), ["ab\ncd"]);
        assert_eq!(numbered("abcd\nefgh", 8 + 4 - 4), ["(1/2)\nabcd", "(2/2)\nefgh"]);
    }

    #[test]
    fn labels_bring_no_markup() {
        assert_eq!(without_markup("<@all> [x](http://a)\n`b`"), "＜@all＞ ［x］(http://a) ‘b‘");
    }

    #[test]
    fn variables_of_short_messages_hold_no_address() {
        let check = |text, chars_max, expected: &str| assert_eq!(sms_parameter(text, chars_max), expected);
        check("数据库连接失败", 6, "数据库连接失");
        check("http://a.cn/x", 20, "http:acnx");
        check("3.5%", 6, "3.5%");
        check("10.0.0.1:9100", 20, "10001:9100");
        check("【a】 b\n", 6, "ab");
    }

    proptest! {
        #[test]
        fn nothing_but_line_ends_is_lost(text in "[a-z\u{4e00}-\u{4e20}\n]{0,200}", bytes_max in 4usize..40) {
            let parts = split(&text, bytes_max);
            prop_assert!(parts.iter().all(|part| part.len() <= bytes_max));
            let flat = |text: &str| text.replace('\n', "");
            prop_assert_eq!(flat(&parts.concat()), flat(&text));
        }
    }
}

//! What a word is: one tokenizer for values, queries and filters.
//!
//! A word is a run of letters, digits and `_`. `.` and `'` between letters or between digits, and `,` between digits do
//! not end it (UAX #29, rules WB6, 7, 11 and 12): `3.14`, `example.com`, `can't`, `1,000`. Every Han or Kana character
//! is a word of its own. Words compare in any case, by simple folding: a character for a character.

/// A word of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its first byte.
    pub start: usize,
    /// Behind its last byte.
    pub end: usize,
    /// Whether it is one Han or Kana character.
    pub han: bool,
}

/// The words of a text, in order.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    text: &'a str,
    at: usize,
}

/// Cuts a text into words. Does not allocate.
#[inline]
pub fn words(text: &str) -> Words<'_> {
    Words { text, at: 0 }
}

impl Iterator for Words<'_> {
    type Item = Word;

    #[inline]
    fn next(&mut self) -> Option<Word> {
        loop {
            let (start, first) = (self.at, self.peek(self.at)?);
            self.at += first.bytes;
            match first.class {
                Class::Other => {}
                Class::Han => return Some(Word { start, end: self.at, han: true }),
                Class::Letter | Class::Digit | Class::Joiner => {
                    self.at = self.run_end(self.at, first.class);
                    return Some(Word { start, end: self.at, han: false });
                }
            }
        }
    }
}

impl Words<'_> {
    /// Where the run ends that goes on at `at` behind a character of a class.
    #[inline]
    fn run_end(&self, mut at: usize, mut before: Class) -> usize {
        while let Some(next) = self.peek(at) {
            match next.class {
                Class::Letter | Class::Digit | Class::Joiner => {
                    before = next.class;
                    at += next.bytes;
                }
                Class::Han => break,
                Class::Other => {
                    let joins = match self.text.as_bytes()[at] {
                        b'.' | b'\'' => before == Class::Letter || before == Class::Digit,
                        b',' => before == Class::Digit,
                        _ => false,
                    };
                    match self.peek(at + 1) {
                        Some(after) if joins && after.class == before => at += 1 + after.bytes,
                        _ => break,
                    }
                }
            }
        }
        at
    }

    #[inline]
    fn peek(&self, at: usize) -> Option<Character> {
        let byte = *self.text.as_bytes().get(at)?;
        if byte < 0x80 {
            return Some(Character { class: ASCII[byte as usize], bytes: 1 });
        }
        // `at` may lie inside of a character only behind a non-ASCII `Other`, which never joins.
        let character = self.text.get(at..)?.chars().next()?;
        Some(Character { class: class(character), bytes: character.len_utf8() })
    }
}

#[derive(Clone, Copy)]
struct Character {
    class: Class,
    bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Other,
    Letter,
    Digit,
    /// `_`, which belongs to any word.
    Joiner,
    Han,
}

const ASCII: [Class; 128] = {
    let mut classes = [Class::Other; 128];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => Class::Digit,
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'_' => Class::Joiner,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

#[inline]
fn class(character: char) -> Class {
    match character {
        _ if is_han(character) => Class::Han,
        _ if character.is_numeric() => Class::Digit,
        _ if character.is_alphanumeric() => Class::Letter,
        _ => Class::Other,
    }
}

/// Whether a character is a word of its own: Han with its extensions, Hiragana, Katakana.
#[inline]
pub const fn is_han(character: char) -> bool {
    matches!(character,
        '\u{3005}' | '\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

/// A character as it compares in any case.
#[inline]
pub fn fold(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => character,
    }
}

/// A text as it compares in any case.
pub fn folded(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().map(fold).collect() }
}

/// Whether two texts are the same in any case.
pub fn same_folded(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars().map(fold).eq(b.chars().map(fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found: Vec<&str> = words(text).map(|word| &text[word.start..word.end]).collect();
        assert_eq!(found.join("|"), expected, "{text}");
    }

    #[test]
    fn runs_of_letters_and_digits_are_words() {
        check("", "");
        check("connection timed out", "connection|timed|out");
        check("/api/v1/orders/12?x=1", "api|v1|orders|12|x|1");
        check("order_no=000123456", "order_no|000123456");
        check("a-b:c@d", "a|b|c|d");
        check("Ünïcode Öl straße", "Ünïcode|Öl|straße");
        check("—dash—", "dash");
    }

    #[test]
    fn points_between_two_of_a_kind_do_not_split() {
        check("3.14, 1,000 can't example.com.", "3.14|1,000|can't|example.com");
        check("v1.2 a.1 1.a x,y 'quoted'", "v1.2|a|1|1|a|x|y|quoted");
        check("a..b cost=0.123s", "a|b|cost|0.123s");
        check("10.0.0.1:80", "10.0.0.1|80");
    }

    #[test]
    fn every_han_character_is_a_word() {
        check("支付失败: timeout超时", "支|付|失|败|timeout|超|时");
        check("3.支", "3|支");
        check("カタ仮名", "カ|タ|仮|名");
        assert!(words("支").all(|word| word.han));
    }

    #[test]
    fn case_is_folded_character_by_character() {
        assert_eq!(folded("ÄPFEL Ǆ İ"), "äpfel ǆ İ");
        assert!(same_folded("Straße", "sTRAßE"));
        assert!(!same_folded("straße", "strasse"));
    }
}

//! `$name`, `${name:format}` and `[[name]]` in expressions, replaced by something that parses.
//!
//! What belongs in a place is told from what stands around it: a duration in brackets and after `offset`, a word inside of
//! a text or a name, and in the open either a name or a number, which only the parser can tell; hence two [`Filled`]
//! texts to try. Every replacement can be recognised in a text that was printed from the parsed expression.

use lingshao_model::TimeDelta;

/// Stands for `$__rate_interval`. No hand-written window has this length.
pub const RATE_INTERVAL: TimeDelta = TimeDelta(300_001);
/// Stands for `$__interval`.
pub const INTERVAL: TimeDelta = TimeDelta(60_003);
/// Stands for `$__range`.
pub const RANGE: TimeDelta = TimeDelta(3_600_002);
/// Other durations are longer by the number of their variable, and by this so as to be none of those above.
const DURATION_FIRST: i64 = 7_200_100;
/// Most variables that are replaced in one expression: a bound for work, far above any panel's.
const VARIABLES_MAX: usize = 200;

/// An expression without variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// What may be parsed.
    pub text: String,
    pieces: Vec<Piece>,
    /// Whether a variable stands in the open, so that another try may parse.
    pub is_guess: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    /// In the filled text.
    start: usize,
    end: usize,
    /// In the original.
    from: usize,
    to: usize,
    /// As written.
    variable: String,
    /// How it looks where it is printed again; nothing if it cannot be recognised there.
    printed: Option<String>,
}

/// What stands in the open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Name,
    Number,
}

impl Filled {
    /// Texts to try, in this order.
    pub fn of(original: &str) -> Vec<Filled> {
        let first = fill(original, Open::Name);
        match first.is_guess {
            true => vec![first, fill(original, Open::Number)],
            false => vec![first],
        }
    }

    /// Where a byte of the filled text stands in the original; the beginning of a variable, for all of its bytes.
    pub fn original(&self, offset: usize) -> usize {
        let before = self.pieces.iter().rfind(|piece| piece.start <= offset);
        match before {
            Some(piece) if offset < piece.end => piece.from,
            Some(piece) => piece.to + (offset - piece.end),
            None => offset,
        }
    }

    /// Where a span of the filled text ends in the original: behind a variable of which it ends inside.
    pub fn original_end(&self, offset: usize) -> usize {
        let before = self.pieces.iter().rfind(|piece| piece.start < offset);
        match before {
            Some(piece) if offset <= piece.end => piece.to,
            Some(piece) => piece.to + (offset - piece.end),
            None => offset,
        }
    }

    /// Puts variables back into a text that was printed from the parsed expression, or made from parts of it. Nothing
    /// if one of them cannot be recognised.
    pub fn restored(&self, printed: &str) -> Option<String> {
        let is_known = self.pieces.iter().all(|piece| piece.printed.is_some());
        is_known.then(|| self.shown(printed))
    }

    /// A text for people with variables in it as far as they are recognised.
    pub fn shown(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (window, variable) in
            [(RATE_INTERVAL, "$__rate_interval"), (INTERVAL, "$__interval"), (RANGE, "$__range")]
        {
            text = replace_word(&text, &window.to_string(), variable);
        }
        for piece in &self.pieces {
            if let Some(printed) = &piece.printed {
                text = replace_word(&text, printed, &piece.variable);
            }
        }
        text
    }

    /// Whether a name is one that a variable makes.
    pub fn is_variable(&self, name: &str) -> bool {
        self.pieces.iter().filter_map(|piece| piece.printed.as_deref()).any(|printed| name.contains(printed))
    }
}

/// Replaces where neither neighbour makes it part of a longer number or, but for names, of a word.
fn replace_word(text: &str, word: &str, with: &str) -> String {
    let is_number = word.starts_with(|first: char| first.is_ascii_digit());
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let before = rest[..at].chars().next_back().or(replaced.chars().next_back());
        let after = rest[at + word.len()..].chars().next();
        let joins = |neighbour: Option<char>| neighbour.is_some_and(|one| one.is_ascii_alphanumeric());
        replaced.push_str(&rest[..at]);
        replaced.push_str(if is_number && (joins(before) || joins(after)) { word } else { with });
        rest = &rest[at + word.len()..];
    }
    replaced + rest
}

/// Where in an expression the scan is.
struct Scan<'t> {
    text: &'t str,
    at: usize,
    /// The quote that ends the text that we are in.
    quote: Option<char>,
    brackets: usize,
    open: Open,
    filled: Filled,
}

fn fill(original: &str, open: Open) -> Filled {
    let filled = Filled { text: String::with_capacity(original.len()), pieces: Vec::new(), is_guess: false };
    let mut scan = Scan { text: original, at: 0, quote: None, brackets: 0, open, filled };
    while scan.at < original.len() {
        match variable(&original[scan.at..]) {
            Some((length, name)) if scan.filled.pieces.len() < VARIABLES_MAX => scan.replace(length, name),
            _ => scan.copy(),
        }
    }
    scan.filled
}

/// The length and the name of a variable at the start of a text.
fn variable(rest: &str) -> Option<(usize, &str)> {
    let (prefix, suffix) = match () {
        () if rest.starts_with("${") => ("${", "}"),
        () if rest.starts_with("[[") => ("[[", "]]"),
        () if rest.starts_with('$') => ("$", ""),
        () => return None,
    };
    let inner = &rest[prefix.len()..];
    let name_length =
        inner.find(|one: char| !one.is_ascii_alphanumeric() && one != '_').unwrap_or(inner.len());
    let name = &inner[..name_length];
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if suffix.is_empty() {
        return Some((prefix.len() + name_length, name));
    }
    // A field (`.text`) and a format (`:regex`) may follow.
    let tail = &inner[name_length..];
    let end = tail.find(suffix)?;
    let is_format =
        |one: char| one.is_ascii_alphanumeric() || matches!(one, '.' | ':' | '_' | '-' | ' ' | '$');
    tail[..end].chars().all(is_format).then_some((prefix.len() + name_length + end + suffix.len(), name))
}

impl Scan<'_> {
    fn copy(&mut self) {
        let Some(character) = self.text[self.at..].chars().next() else { return };
        self.filled.text.push(character);
        self.at += character.len_utf8();
        match (self.quote, character) {
            (Some('"' | '\''), '\\') => {
                if let Some(escaped) = self.text[self.at..].chars().next() {
                    self.filled.text.push(escaped);
                    self.at += escaped.len_utf8();
                }
            }
            (Some(quote), own) if own == quote => self.quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => self.quote = Some(character),
            (None, '[') => self.brackets += 1,
            (None, ']') => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
    }

    fn replace(&mut self, length: usize, name: &str) {
        let number = self.filled.pieces.len();
        let from = self.at;
        let (text, printed) = self.placeholder(from + length, name, number);
        let start = self.filled.text.len();
        self.filled.text.push_str(&text);
        self.at = from + length;
        self.filled.pieces.push(Piece {
            start,
            end: self.filled.text.len(),
            from,
            to: self.at,
            variable: self.text[from..self.at].to_owned(),
            printed,
        });
    }

    /// What stands in a variable's place, and how it is printed again.
    fn placeholder(&mut self, end: usize, name: &str, number: usize) -> (String, Option<String>) {
        let word = || (format!("lingshao_var_{number}_"), Some(format!("lingshao_var_{number}_")));
        if self.quote.is_some() {
            return word();
        }
        let is_name_part = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == ':';
        let before = self.text[..self.at].chars().next_back();
        let after = self.text[end..].chars().next();
        let is_offset = self.filled.text.trim_end().ends_with("offset");
        if self.brackets > 0 || is_offset {
            // A number whose unit stands outside of the variable: printed, it is another number.
            if after.is_some_and(|one| one.is_ascii_alphabetic()) {
                return ("5".to_owned(), None);
            }
            let own = match name {
                "__rate_interval" => RATE_INTERVAL,
                "__interval" => INTERVAL,
                "__range" => RANGE,
                _ => TimeDelta(DURATION_FIRST + number as i64),
            };
            return (own.to_string(), Some(own.to_string()));
        }
        if matches!(name, "__interval_ms" | "__range_s" | "__range_ms" | "__from" | "__to") {
            return figure(number);
        }
        // A repeated neighbour is a variable too: `$a$b`.
        if before.is_some_and(is_name_part) || after.is_some_and(|one| is_name_part(one) || one == '{') {
            return word();
        }
        self.filled.is_guess = true;
        let is_called = self.text[end..].trim_start().starts_with('(');
        match self.open {
            Open::Name if is_called => ("sum".to_owned(), None),
            Open::Number if is_called => ("rate".to_owned(), None),
            Open::Name => word(),
            Open::Number => figure(number),
        }
    }
}

fn figure(number: usize) -> (String, Option<String>) {
    let text = format!("900{number:03}.5");
    (text.clone(), Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(original: &str, first: &str) {
        let filled = &Filled::of(original)[0];
        assert_eq!(filled.text, first);
        assert_eq!(filled.restored(&filled.text).as_deref(), Some(original), "and back");
        for offset in 0..=filled.text.len() {
            assert!(filled.original(offset) <= filled.original_end(offset), "{offset}");
            assert!(filled.original_end(offset) <= original.len());
        }
    }

    #[test]
    fn variables_become_what_belongs_in_their_place() {
        check("rate(a[$__rate_interval])", "rate(a[5m1ms])");
        check("rate(a[$__interval]) + b offset $range", "rate(a[1m3ms]) + b offset 2h101ms");
        check("increase(a[$__range:])", "increase(a[1h2ms:])");
        check(
            r#"a{job=~"$job", i="${node:regex}:[[port]]"}"#,
            r#"a{job=~"lingshao_var_0_", i="lingshao_var_1_:lingshao_var_2_"}"#,
        );
        check("$metric{a=\"b\"} / x_$kind", "lingshao_var_0_{a=\"b\"} / x_lingshao_var_1_");
        check("sum by ($group) (a)", "sum by (lingshao_var_0_) (a)");
        check("rate(a[$window:$step])", "rate(a[2h100ms:2h101ms])");
        check("a / $__range_s", "a / 900000.5");
        check(r#"label_replace(a, "b", "$1", "c", "(.*)$")"#, r#"label_replace(a, "b", "$1", "c", "(.*)$")"#);
        check(r#"a{b="\"$c"}"#, r#"a{b="\"lingshao_var_0_"}"#);
        check("rate(a[[[window]]])", "rate(a[2h100ms])");
        check("没有 $ 变量", "没有 $ 变量");
    }

    #[test]
    fn what_may_be_a_name_or_a_number_is_tried_as_both() {
        let tries = Filled::of("topk($n, a) > $limit");
        assert_eq!(tries[0].text, "topk(lingshao_var_0_, a) > lingshao_var_1_");
        assert_eq!(tries[1].text, "topk(900000.5, a) > 900001.5");
        assert_eq!(
            tries[1].restored("topk(900000.5, sum(a)) > 900001.5").unwrap(),
            "topk($n, sum(a)) > $limit"
        );
        let tries = Filled::of("$fn(a[5m])");
        assert_eq!((tries[0].text.as_str(), tries[1].text.as_str()), ("sum(a[5m])", "rate(a[5m])"));
        assert_eq!(tries[1].restored("rate(a[5m])"), None);
        let filled = &Filled::of("rate(${kind}_total[${n}m])")[0];
        assert_eq!(filled.restored("rate(lingshao_var_0__total[5m])"), None);
        assert_eq!(filled.shown("`lingshao_var_0__total` of [1m3ms]"), "`${kind}_total` of [$__interval]");
        assert!(filled.is_variable("lingshao_var_0__total") && !filled.is_variable("up"));
    }

    #[test]
    fn places_lead_back() {
        let original = "rate(a[$__rate_interval]) > bb";
        let filled = &Filled::of(original)[0];
        let at = |wanted: &str| filled.original(filled.text.find(wanted).unwrap());
        assert_eq!(at("a["), 5);
        assert_eq!(at("5m1ms"), 7);
        assert_eq!(&original[at("bb")..], "bb");
        assert_eq!(filled.original_end(filled.text.find("5m1ms").unwrap() + 5), 7 + "$__rate_interval".len());
    }
}

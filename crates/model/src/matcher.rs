//! One condition of a selector.
//!
//! Prometheus writes regular expressions in Go's RE2 syntax; ours are the `regex` crate's, equally linear-time.
//! [`Matcher::new`] translates the few spellings on which the two differ.

use std::fmt;

use regex::{Captures, Regex, RegexBuilder};

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends
    Regex,
    /// `!~`, anchored at both ends
    NotRegex,
}

impl MatchOp {
    /// As it is written in a selector.
    pub fn as_str(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }

    fn is_negated(self) -> bool {
        matches!(self, MatchOp::NotEqual | MatchOp::NotRegex)
    }
}

/// `name op "value"`. A label that a series lacks counts as the empty string.
#[derive(Clone)]
pub struct Matcher {
    name: Box<str>,
    op: MatchOp,
    value: Box<str>,
    test: Test,
}

/// What is really computed: most regular expressions on boards are a literal, a list or a prefix.
#[derive(Clone)]
enum Test {
    /// One of these texts (sorted).
    OneOf(Box<[Box<str>]>),
    /// Everything that starts so (newlines included: Prometheus compiles with `s`).
    Prefix(Box<str>),
    /// Everything that starts so and is longer (`prefix.+`).
    LongerThanPrefix(Box<str>),
    /// And whether its compiled form is larger than [`SMALL_PATTERN_BYTES`].
    Pattern(Regex, bool),
}

/// Why a matcher cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// The regular expression is not one, or would need too much memory.
    #[error("cannot use regular expression `{pattern}`: {reason}")]
    Regex {
        /// As the user wrote it.
        pattern: String,
        /// What the compiler says, on one line.
        reason: String,
    },
}

/// Compiled size above which a pattern is refused: 1 MiB is some 10,000 alternatives, and a query may hold
/// many matchers.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Compiled size of nearly all patterns that people write.
const SMALL_PATTERN_BYTES: usize = 64 << 10;

impl Matcher {
    /// Compiles a condition.
    pub fn new(op: MatchOp, name: &str, value: &str) -> Result<Matcher, MatcherError> {
        let test = match op {
            MatchOp::Equal | MatchOp::NotEqual => Test::OneOf(Box::new([value.into()])),
            MatchOp::Regex | MatchOp::NotRegex => compile(value)?,
        };
        Ok(Matcher { name: name.into(), op, value: value.into(), test })
    }

    /// `name="value"`.
    pub fn equal(name: &str, value: &str) -> Matcher {
        let test = Test::OneOf(Box::new([value.into()]));
        Matcher { name: name.into(), op: MatchOp::Equal, value: value.into(), test }
    }

    /// The label that is looked at.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The value or pattern as written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label value passes; pass `""` for a label that is not there.
    pub fn matches(&self, value: &str) -> bool {
        self.accepts(value) != self.op.is_negated()
    }

    /// Whether a series without this label passes.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// The only values that can pass, sorted, when they can be listed; an index looks these up instead of trying
    /// every value.
    pub fn listed_values(&self) -> Option<&[Box<str>]> {
        match &self.test {
            Test::OneOf(values) if !self.op.is_negated() => Some(values),
            _ => None,
        }
    }

    /// Whether it holds a compiled pattern, which may take some hundred kilobytes.
    pub fn is_pattern(&self) -> bool {
        matches!(self.test, Test::Pattern(..))
    }

    /// What the compiled pattern takes at most, in bytes: for those who keep many.
    pub fn pattern_bytes_max(&self) -> usize {
        match self.test {
            Test::Pattern(_, true) => PATTERN_BYTES_MAX,
            Test::Pattern(_, false) => SMALL_PATTERN_BYTES,
            _ => 0,
        }
    }

    fn accepts(&self, value: &str) -> bool {
        match &self.test {
            Test::OneOf(values) if values.len() == 1 => &*values[0] == value,
            Test::OneOf(values) => values.binary_search_by(|own| (**own).cmp(value)).is_ok(),
            Test::Prefix(prefix) => value.starts_with(&**prefix),
            Test::LongerThanPrefix(prefix) => value.len() > prefix.len() && value.starts_with(&**prefix),
            Test::Pattern(pattern, _) => pattern.is_match(value),
        }
    }
}

fn compile(pattern: &str) -> Result<Test, MatcherError> {
    if let Some(values) = literal_list(pattern) {
        return Ok(Test::OneOf(values));
    }
    if let Some(prefix) = pattern.strip_suffix(".*").and_then(literal) {
        return Ok(Test::Prefix(prefix));
    }
    if let Some(prefix) = pattern.strip_suffix(".+").and_then(literal) {
        return Ok(Test::LongerThanPrefix(prefix));
    }
    match build_within(&anchored(pattern), SMALL_PATTERN_BYTES) {
        Ok(small) => Ok(Test::Pattern(small, false)),
        Err(_) => anchored_regex(pattern).map(|large| Test::Pattern(large, true)),
    }
}

/// Compiles a pattern in Go's syntax that must match a whole text, for those who need its groups (relabelling,
/// `label_replace`); conditions on labels are [`Matcher`]s.
pub fn anchored_regex(pattern: &str) -> Result<Regex, MatcherError> {
    build(pattern, &anchored(pattern))
}

/// Compiles a pattern in Go's syntax that may match anywhere, as templates use them (`match`, `reReplaceAll`).
pub fn unanchored_regex(pattern: &str) -> Result<Regex, MatcherError> {
    build(pattern, &from_go_syntax(pattern))
}

fn build(pattern: &str, translated: &str) -> Result<Regex, MatcherError> {
    build_within(translated, PATTERN_BYTES_MAX)
        .map_err(|error| MatcherError::Regex { pattern: pattern.to_owned(), reason: one_line(&error) })
}

fn build_within(translated: &str, bytes_max: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(translated).size_limit(bytes_max).dfa_size_limit(PATTERN_BYTES_MAX).build()
}

/// Appends `template` with `$1`, `${1}`, `$name`, `${name}` replaced by what the groups caught and `$$` by `$`, as
/// Go's `Regexp.Expand` does: a name is as long as possible, an unknown one is empty, a stray `$` is itself.
pub fn expand_template(captures: &Captures<'_>, template: &str, out: &mut String) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = template_name(rest) {
            out.push_str(captured(captures, name));
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
}

/// The name behind a `$`, braces taken off, and what follows.
fn template_name(rest: &str) -> Option<(&str, &str)> {
    let braced = rest.strip_prefix('{');
    let inner = braced.unwrap_or(rest);
    let length = inner.find(|character: char| character != '_' && !character.is_alphanumeric());
    let (name, after) = inner.split_at(length.unwrap_or(inner.len()));
    let after = if braced.is_some() { after.strip_prefix('}')? } else { after };
    (!name.is_empty()).then_some((name, after))
}

fn captured<'t>(captures: &Captures<'t>, name: &str) -> &'t str {
    let is_index = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    let group = if is_index {
        name.parse().ok().and_then(|index: usize| captures.get(index))
    } else {
        captures.name(name)
    };
    group.map_or("", |group| group.as_str())
}

/// `a|b|c` without any operator in it, sorted.
fn literal_list(pattern: &str) -> Option<Box<[Box<str>]>> {
    let inner = pattern.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(pattern);
    let inner = inner.strip_prefix("?:").filter(|_| inner.len() != pattern.len()).unwrap_or(inner);
    let mut values: Vec<Box<str>> = inner.split('|').map(literal).collect::<Option<_>>()?;
    values.sort_unstable();
    values.dedup();
    Some(values.into_boxed_slice())
}

/// The text that a pattern without operators stands for; boards escape what they put into lists (`10\.0\.0\.1`).
fn literal(pattern: &str) -> Option<Box<str>> {
    let mut text = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next().filter(char::is_ascii_punctuation)?),
            '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            plain => text.push(plain),
        }
    }
    Some(text.into())
}

/// Prometheus compiles `^(?s:PATTERN)$` (model/labels/regexp.go).
fn anchored(pattern: &str) -> String {
    format!("^(?s:{})$", from_go_syntax(pattern))
}

/// Rewrites what Go's syntax reads as plain text and the `regex` crate as an operator: `[` and doubled
/// punctuation inside a class, `{` that starts no repetition, `\Q…\E` and `\C`-free escapes stay as they are.
fn from_go_syntax(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut class_at: Option<usize> = None;
    while let Some(character) = rest.chars().next() {
        let width = character.len_utf8();
        if character == '\\' {
            if let Some(quoted) = rest.strip_prefix("\\Q") {
                let (literal, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
                out.push_str(&regex::escape(literal));
                rest = after;
                continue;
            }
            let escaped = rest.chars().nth(1).map_or(1, |next| 1 + next.len_utf8());
            match ascii_class(&rest[..escaped], class_at.is_some()) {
                Some(class) => out.push_str(class),
                None => out.push_str(&rest[..escaped]),
            }
            rest = &rest[escaped..];
            continue;
        }
        match class_at {
            None => {
                if character == '[' {
                    class_at = Some(out.len());
                }
                if character == '{' && !starts_repetition(rest) {
                    out.push('\\');
                }
                out.push(character);
            }
            Some(start) => {
                let first = matches!(&out[start..], "[" | "[^");
                if character == ']' && !first {
                    class_at = None;
                    out.push(']');
                } else if let Some(length) = posix_class(rest) {
                    out.push_str(&rest[..length]);
                    rest = &rest[length..];
                    continue;
                } else {
                    if matches!(character, '[' | ']' | '&' | '~') {
                        out.push('\\');
                    }
                    out.push(character);
                }
            }
        }
        rest = &rest[width..];
    }
    out
}

/// What a Perl class stands for: in Go's syntax they know ASCII only, `\w` does not match a Chinese character.
fn ascii_class(escape: &str, in_class: bool) -> Option<&'static str> {
    Some(match (escape, in_class) {
        (r"\d", true) => "0-9",
        (r"\w", true) => "0-9A-Za-z_",
        (r"\s", true) => r"\t\n\f\r ",
        (r"\d", false) => "[0-9]",
        (r"\w", false) => "[0-9A-Za-z_]",
        (r"\s", false) => r"[\t\n\f\r ]",
        (r"\D", _) => "[^0-9]",
        (r"\W", _) => "[^0-9A-Za-z_]",
        (r"\S", _) => r"[^\t\n\f\r ]",
        (r"\b", false) => r"(?-u:\b)",
        _ => return None,
    })
}

/// Length of `[:alpha:]` at the start of `rest`.
fn posix_class(rest: &str) -> Option<usize> {
    rest.strip_prefix("[:")?.find(":]").map(|at| at + 4)
}

/// Whether `rest`, at its `{`, is `{2}`, `{2,}` or `{2,5}`.
fn starts_repetition(rest: &str) -> bool {
    let Some((inner, _)) = rest[1..].split_once('}') else { return false };
    let (low, high) = inner.split_once(',').unwrap_or((inner, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !low.is_empty() && digits(low) && digits(high)
}

fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("not a regular expression");
    last.trim().trim_start_matches("error: ").to_owned()
}

/// Equal when written alike; the compiled form follows from the text.
impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        (self.op, &self.name, &self.value) == (other.op, &other.name, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op.as_str(), self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, passes: &[&str], fails: &[&str]) {
        let positive = Matcher::new(MatchOp::Regex, "l", pattern).unwrap();
        let negative = Matcher::new(MatchOp::NotRegex, "l", pattern).unwrap();
        for value in passes {
            assert!(positive.matches(value), "`{pattern}` should accept `{value}`");
            assert!(!negative.matches(value), "not `{pattern}` should refuse `{value}`");
        }
        for value in fails {
            assert!(!positive.matches(value), "`{pattern}` should refuse `{value}`");
            assert!(negative.matches(value), "not `{pattern}` should accept `{value}`");
        }
    }

    #[test]
    fn patterns_are_anchored_and_dot_takes_newlines() {
        check("5..", &["500", "5\n0"], &["1500", "5000"]);
        check("foo.*", &["foo", "foo\nbar"], &["afoo"]);
        check("foo.+", &["foox"], &["foo"]);
        check(".*", &["", "x"], &[]);
        check(".+", &["x"], &[""]);
        check("a|b|", &["a", "b", ""], &["c"]);
        check("(?i)get|post", &["GET", "Post"], &["put"]);
        check("(a|b)", &["a", "b"], &["(a", "b)"]);
        check("(?:a|b)", &["a"], &["?:a"]);
        check(r"a\.b.*", &["a.b", "a.bc"], &["axb"]);
        check(r"a\|b", &["a|b"], &["a"]);
    }

    #[test]
    fn go_spellings_mean_what_go_means() {
        check("[[]", &["["], &["]"]);
        check("[]a]", &["]", "a"], &["b"]);
        check("[a&&b]", &["a", "&", "b"], &["c"]);
        check("[[:alpha:]]", &["x"], &["1"]);
        check("a{", &["a{"], &["a"]);
        check("a{2}", &["aa"], &["a"]);
        check("\\Qa.b\\E+", &["a.b", "a.bb"], &["axb"]);
        check("/v1/\\w+", &["/v1/x"], &["/v1/", "/v1/订单"]);
        check(r"[\w-]+\d", &["a-1"], &["订1", "a-１"]);
        check(r"[^\W\d]\S", &["ab", "a订"], &["1b", "a "]);
        check(r".*\bup\b.*", &["is up", "订up单"], &["cup"]);
    }

    #[test]
    fn what_can_be_listed_is_listed() {
        let values = |op, pattern| {
            let matcher = Matcher::new(op, "l", pattern).unwrap();
            matcher.listed_values().map(|values| values.join(","))
        };
        assert_eq!(values(MatchOp::Regex, "b|a|b"), Some("a,b".to_owned()));
        assert_eq!(values(MatchOp::Equal, "a|b"), Some("a|b".to_owned()));
        let escaped = r"10\.0\.0\.2:9100|(10)|10\.0\.0\.1:9100";
        assert_eq!(values(MatchOp::Regex, escaped), None);
        let escaped = r"(10\.0\.0\.2:9100|shop\-1)";
        assert_eq!(values(MatchOp::Regex, escaped), Some("10.0.0.2:9100,shop-1".to_owned()));
        assert_eq!(values(MatchOp::Regex, r"a\|b"), None);
        assert_eq!(values(MatchOp::Regex, r"\d|b"), None);
        assert_eq!(values(MatchOp::NotEqual, "a"), None);
        assert_eq!(values(MatchOp::Regex, "a.*"), None);
    }

    #[test]
    fn large_patterns_say_so() {
        let bytes = |pattern: &str| Matcher::new(MatchOp::Regex, "l", pattern).unwrap().pattern_bytes_max();
        assert_eq!((bytes("a|b"), bytes("db-[0-9]+:9100"), bytes(r"\pL{20}")), (0, 64 << 10, 1 << 20));
        assert!(Matcher::new(MatchOp::Regex, "l", r"\pL{20}").unwrap().matches(&"店".repeat(20)));
    }

    #[test]
    fn a_bad_pattern_is_an_error_that_names_it() {
        let error = Matcher::new(MatchOp::Regex, "l", "a(b").unwrap_err();
        assert!(error.to_string().starts_with("cannot use regular expression `a(b`: "), "{error}");
        let bomb = Matcher::new(MatchOp::Regex, "l", "((a{1000}){1000}){1000}").unwrap_err();
        assert!(bomb.to_string().contains("size limit"), "{bomb}");
    }

    #[test]
    fn templates_expand_as_go_expands_them() {
        let expanded = |template: &str| {
            let regex = anchored_regex("(?P<host>[^:]+):(.*)").unwrap();
            let mut out = String::new();
            expand_template(&regex.captures("db-1:5432").unwrap(), template, &mut out);
            out
        };
        assert_eq!(expanded("$1"), "db-1");
        assert_eq!(expanded("$1x|${1}x|$0"), "|db-1x|db-1:5432");
        assert_eq!(expanded("$host/${host}/$2"), "db-1/db-1/5432");
        assert_eq!(expanded("$$1 $ ${ ${1 $-"), "$1 $ ${ ${1 $-");
        assert_eq!(expanded("$01$9${none}."), ".");
    }
}

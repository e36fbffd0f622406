//! Lucene's regular expressions, rewritten for Rust's `regex`.
//!
//! What Lucene knows and Rust does not is refused by name. What Rust knows and Lucene does not (anchors, lazy
//! repetition, flags) means what it means in Lucene: mostly itself. The result is anchored at both ends, as in Lucene,
//! and rewriting it again gives the same, so that it can be shown and read back.

use regex::RegexBuilder;

/// Longest pattern: Elasticsearch's own limit (`index.max_regex_length`).
const CHARACTERS_MAX: usize = 1000;
/// Deepest groups.
const DEPTH_MAX: u32 = 50;
/// Largest automaton, in bytes: what a pattern of that length needs, but no multiplied repetitions.
const PROGRAM_BYTES_MAX: usize = 1 << 20;

const PREFIX: &str = "(?s)^(?:";
const SUFFIX: &str = ")$";

/// What is wrong with a regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegexError {
    /// The pattern.
    #[error("a regular expression has at most {CHARACTERS_MAX} characters")]
    TooLong,
    /// What comes of it.
    #[error("this regular expression repeats too much: use fewer or smaller repetitions")]
    TooLarge,
    /// A construct of Lucene's.
    #[error(
        "`{construct}` is not supported in regular expressions: write `\\{construct}` for the character itself"
    )]
    Unsupported {
        /// Which.
        construct: char,
    },
    /// Brackets, repetitions.
    #[error("this is no regular expression: {reason}")]
    Malformed {
        /// Why.
        reason: &'static str,
    },
}

impl RegexError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            RegexError::TooLong => "regex-too-long",
            RegexError::TooLarge => "regex-too-large",
            RegexError::Unsupported { .. } => "regex-unsupported",
            RegexError::Malformed { .. } => "regex-malformed",
        }
    }

    pub(super) fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            RegexError::TooLong => vec![("limit", CHARACTERS_MAX.to_string())],
            RegexError::Unsupported { construct } => vec![("construct", construct.to_string())],
            RegexError::Malformed { reason } => vec![("reason", (*reason).to_owned())],
            RegexError::TooLarge => Vec::new(),
        }
    }
}

/// Rewrites a pattern; the result holds for whole texts and can be compiled.
pub fn to_rust(source: &str) -> Result<String, RegexError> {
    if source.chars().count() > CHARACTERS_MAX {
        return Err(RegexError::TooLong);
    }
    let mut rewriter = Rewriter { rest: source, made: String::from(PREFIX), groups: Vec::new(), atom: None };
    while let Some(mark) = rewriter.take() {
        rewriter.rewrite(mark)?;
    }
    if !rewriter.groups.is_empty() {
        return Err(RegexError::Malformed { reason: "a `(` is not closed" });
    }
    rewriter.made.push_str(SUFFIX);
    let built =
        RegexBuilder::new(&rewriter.made).size_limit(PROGRAM_BYTES_MAX).nest_limit(2 * DEPTH_MAX).build();
    match built {
        Ok(_) => Ok(rewriter.made),
        Err(regex::Error::CompiledTooBig(_)) => Err(RegexError::TooLarge),
        Err(_) => Err(RegexError::Malformed { reason: "a bracket or a repetition does not fit" }),
    }
}

/// What somebody would have typed for a pattern that [`to_rust`] made.
pub(super) fn inner(pattern: &str) -> Option<&str> {
    pattern.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)
}

struct Rewriter<'a> {
    rest: &'a str,
    made: String,
    /// Where each open group begins.
    groups: Vec<usize>,
    /// Where what a repetition would repeat begins, and whether it is repeated already.
    atom: Option<(usize, bool)>,
}

impl Rewriter<'_> {
    fn take(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let mark = characters.next()?;
        self.rest = characters.as_str();
        Some(mark)
    }

    fn rewrite(&mut self, mark: char) -> Result<(), RegexError> {
        let start = self.made.len();
        match mark {
            '|' => {
                self.made.push('|');
                self.atom = None;
                return Ok(());
            }
            '(' => return self.open(),
            ')' => return self.close(),
            '?' | '+' | '*' => return self.repeat(&mark.to_string()),
            '{' => {
                let count = self.count()?;
                return self.repeat(&count);
            }
            '[' => self.class()?,
            '"' => self.literal_run()?,
            '\\' => self.escaped()?,
            '~' | '&' | '<' => return Err(RegexError::Unsupported { construct: mark }),
            '@' => self.made.push_str("(.*)"),
            '#' => self.made.push_str(r"[^\s\S]"),
            '.' => self.made.push('.'),
            literal => self.literal(literal),
        }
        self.atom = Some((start, false));
        Ok(())
    }

    fn open(&mut self) -> Result<(), RegexError> {
        if self.groups.len() >= DEPTH_MAX as usize {
            return Err(RegexError::Malformed { reason: "its groups are nested too deeply" });
        }
        if self.rest.starts_with('?') {
            return Err(RegexError::Malformed { reason: "there is nothing to repeat before `?`" });
        }
        self.groups.push(self.made.len());
        self.made.push('(');
        self.atom = None;
        Ok(())
    }

    fn close(&mut self) -> Result<(), RegexError> {
        let start = self.groups.pop().ok_or(RegexError::Malformed { reason: "a `)` closes nothing" })?;
        self.made.push(')');
        self.atom = Some((start, false));
        Ok(())
    }

    /// Repeats what was read last. Rust reads a second mark as "lazy"; in Lucene it repeats the repetition.
    fn repeat(&mut self, repetition: &str) -> Result<(), RegexError> {
        let nothing = RegexError::Malformed { reason: "there is nothing to repeat" };
        let (start, is_repeated) = self.atom.ok_or(nothing)?;
        if is_repeated {
            self.made.insert(start, '(');
            self.made.push(')');
        }
        self.made.push_str(repetition);
        self.atom = Some((start, true));
        Ok(())
    }

    /// `{2}`, `{2,}`, `{2,5}`; the opening brace has been taken.
    fn count(&mut self) -> Result<String, RegexError> {
        let wrong = RegexError::Malformed { reason: "a repetition is written `{2}`, `{2,}` or `{2,5}`" };
        let Some((inner, rest)) = self.rest.split_once('}') else { return Err(wrong) };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (from, to) = inner.split_once(',').unwrap_or((inner, ""));
        if !is_number(from) || !(to.is_empty() || is_number(to)) {
            return Err(wrong);
        }
        let count = format!("{{{inner}}}");
        self.rest = rest;
        Ok(count)
    }

    /// `[a-z_]`, `[^"]`; the opening bracket has been taken.
    fn class(&mut self) -> Result<(), RegexError> {
        let unclosed = RegexError::Malformed { reason: "a `[` is not closed" };
        self.made.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.made.push('^');
        }
        let mut is_first = true;
        loop {
            match self.take().ok_or(unclosed.clone())? {
                ']' if !is_first => break,
                '\\' => {
                    let escaped = self.take().ok_or(unclosed.clone())?;
                    if "dDsSwW".contains(escaped) {
                        self.made.extend(['\\', escaped]);
                    } else {
                        self.class_literal(escaped);
                    }
                }
                // Between two characters it is a span, elsewhere itself.
                '-' if !is_first && !self.rest.starts_with(']') => self.made.push('-'),
                literal => self.class_literal(literal),
            }
            is_first = false;
        }
        self.made.push(']');
        Ok(())
    }

    fn class_literal(&mut self, literal: char) {
        if literal.is_ascii_punctuation() && !matches!(literal, '<' | '>') {
            self.made.push('\\');
        }
        self.made.push(literal);
    }

    /// `"as it is"`; the opening quote has been taken.
    fn literal_run(&mut self) -> Result<(), RegexError> {
        let unclosed = RegexError::Malformed { reason: "a `\"` is not closed" };
        let (inner, rest) = self.rest.split_once('"').ok_or(unclosed)?;
        self.rest = rest;
        self.made.push('(');
        inner.chars().for_each(|literal| self.literal(literal));
        self.made.push(')');
        Ok(())
    }

    fn escaped(&mut self) -> Result<(), RegexError> {
        let nothing = RegexError::Malformed { reason: "there is nothing behind a `\\`" };
        match self.take().ok_or(nothing)? {
            class @ ('d' | 'D' | 's' | 'S' | 'w' | 'W') => self.made.extend(['\\', class]),
            literal => self.literal(literal),
        }
        Ok(())
    }

    /// Itself, in Lucene's syntax as in Rust's.
    fn literal(&mut self, literal: char) {
        match literal {
            '<' | '>' => self.made.extend(['[', literal, ']']),
            mark if ".?+*|{}[]()\"\\#@&~^$".contains(mark) => self.made.extend(['\\', mark]),
            plain => self.made.push(plain),
        }
    }
}

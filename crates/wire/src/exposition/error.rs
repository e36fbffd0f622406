//! What is wrong with a page, and where.

/// The first thing wrong with a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}, in `{excerpt}`")]
pub struct ExpositionError {
    /// Line, from 1.
    pub line: usize,
    /// Character of the line, from 1.
    pub column: usize,
    /// What is wrong, or was expected there.
    pub what: &'static str,
    /// Some of the line, escaped: at most [`EXCERPT_CHARS_MAX`] characters, from some way before the place.
    pub excerpt: String,
}

/// Longest excerpt in an error.
pub const EXCERPT_CHARS_MAX: usize = 80;

const BEFORE_BYTES: usize = 40;

impl ExpositionError {
    #[cold]
    pub(super) fn new(page: &[u8], at: usize, what: &'static str) -> ExpositionError {
        let at = at.min(page.len());
        let line_start = memchr::memrchr(b'\n', &page[..at]).map_or(0, |newline| newline + 1);
        let line = 1 + memchr::memchr_iter(b'\n', &page[..line_start]).count();
        let column = 1 + String::from_utf8_lossy(&page[line_start..at]).chars().count();
        let mut from = line_start.max(at.saturating_sub(BEFORE_BYTES));
        while from > line_start && page[from] & 0xc0 == 0x80 {
            from -= 1; // Not from the middle of a character.
        }
        let rest = &page[from..];
        let line_rest = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len()).min(8 * EXCERPT_CHARS_MAX)];
        ExpositionError { line, column, what, excerpt: escaped(&String::from_utf8_lossy(line_rest)) }
    }
}

/// The text's start, escaped, within [`EXCERPT_CHARS_MAX`] characters.
pub(super) fn escaped(text: &str) -> String {
    let mut short = String::new();
    for character in text.chars() {
        let escape = character.escape_debug();
        // A quote is no danger between the backquotes of our messages, and pages are full of them.
        let plain = matches!(character, '"' | '\'');
        if short.chars().count() + if plain { 1 } else { escape.len() } >= EXCERPT_CHARS_MAX {
            short.push('…');
            break;
        }
        if plain { short.push(character) } else { short.extend(escape) }
    }
    short
}

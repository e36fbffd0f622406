//! A place in a page, and the pieces that both formats are made of.

/// What is wrong, at which byte of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

/// Where white space may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spacing {
    /// Blanks and tabs between all tokens; newlines in quotes; commas between labels may be left out.
    Free,
    /// Nowhere but where one blank must stand.
    Strict,
}

/// A label, or the metric's name, as it stands between braces.
pub(super) enum Pair<'a> {
    /// A quoted text without a value, escapes and all.
    Name(&'a str),
    /// A label: name and value without quotes, escapes and all.
    Label(&'a str, &'a str),
}

const LETTER: u8 = 1; // Starts and continues names of metrics and labels.
const COLON: u8 = 2; // Only names of metrics.
const DIGIT: u8 = 4;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => LETTER,
            b':' => COLON,
            b'0'..=b'9' => DIGIT,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    #[cold]
    pub(super) fn fault(&self, what: &'static str) -> Fault {
        Fault { at: self.at, what }
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over one byte if it is this one.
    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Steps over a text if it stands here.
    pub(super) fn eat_text(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text.as_bytes());
        if found {
            self.at += text.len();
        }
        found
    }

    /// Steps over blanks and tabs; answers whether there were any.
    #[inline]
    pub(super) fn blanks(&mut self) -> bool {
        let start = self.at;
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
        self.at > start
    }

    #[inline]
    pub(super) fn space(&mut self, spacing: Spacing) {
        if spacing == Spacing::Free {
            self.blanks();
        }
    }

    #[inline]
    fn classes(&mut self, first: u8, then: u8) -> Option<&'a str> {
        let rest = self.rest();
        if rest.first().is_none_or(|byte| CLASSES[usize::from(*byte)] & first == 0) {
            return None;
        }
        let length =
            rest.iter().position(|byte| CLASSES[usize::from(*byte)] & then == 0).unwrap_or(rest.len());
        let name = &self.text[self.at..self.at + length];
        self.at += length;
        Some(name)
    }

    /// A bare metric name.
    #[inline]
    pub(super) fn metric_name(&mut self) -> Option<&'a str> {
        self.classes(LETTER | COLON, LETTER | COLON | DIGIT)
    }

    #[inline]
    fn label_name(&mut self) -> Option<&'a str> {
        self.classes(LETTER, LETTER | DIGIT)
    }

    /// A quoted text without its quotes; `None` when no quote stands here.
    #[inline]
    pub(super) fn quoted(&mut self, newlines: bool) -> Result<Option<&'a str>, Fault> {
        let start = self.at;
        if !self.eat(b'"') {
            return Ok(None);
        }
        loop {
            let Some(length) = memchr::memchr2(b'"', b'\\', self.rest()) else {
                return Err(Fault { at: start, what: "the quote is never closed" });
            };
            self.at += length + 1;
            if self.text.as_bytes()[self.at - 1] == b'"' {
                break;
            }
            // Whatever is escaped is part of the text, but an escaped newline is none in either format.
            match self.text[self.at..].chars().next() {
                None | Some('\n') => return Err(Fault { at: start, what: "the quote is never closed" }),
                Some(escaped) => self.at += escaped.len_utf8(),
            }
        }
        let text = &self.text[start + 1..self.at - 1];
        if !newlines && memchr::memchr(b'\n', text.as_bytes()).is_some() {
            return Err(Fault { at: start, what: "the quote is never closed on its line" });
        }
        Ok(Some(text))
    }

    /// What stands between braces, the opening one being passed already, up to and with the closing one.
    #[inline]
    pub(super) fn pairs(&mut self, spacing: Spacing, mut visit: impl FnMut(Pair<'a>)) -> Result<(), Fault> {
        self.space(spacing);
        loop {
            if self.eat(b'}') {
                return Ok(());
            }
            visit(self.pair(spacing)?);
            self.space(spacing);
            if self.eat(b',') {
                self.space(spacing);
            } else if spacing == Spacing::Strict && self.peek() != Some(b'}') {
                return Err(self.fault("expected `,` or `}` after a label"));
            }
        }
    }

    #[inline]
    fn pair(&mut self, spacing: Spacing) -> Result<Pair<'a>, Fault> {
        let newlines = spacing == Spacing::Free;
        let (name, quoted) = match self.label_name() {
            Some(name) => (name, false),
            None => match self.quoted(newlines)? {
                Some(name) => (name, true),
                None => return Err(self.fault("expected a label name or `}`")),
            },
        };
        self.space(spacing);
        if !self.eat(b'=') {
            return match self.peek() {
                Some(b',' | b'}') if quoted => Ok(Pair::Name(name)),
                _ => Err(self.fault("expected `=` after the label name")),
            };
        }
        self.space(spacing);
        match self.quoted(newlines)? {
            Some(value) => Ok(Pair::Label(name, value)),
            None => Err(self.fault("expected a label value in double quotes")),
        }
    }

    /// Name and labels of a sample: its text.
    #[inline]
    pub(super) fn series(&mut self, spacing: Spacing) -> Result<&'a str, Fault> {
        let start = self.at;
        let mut names = usize::from(self.metric_name().is_some());
        let bare_end = self.at;
        if names > 0 {
            self.space(spacing);
        }
        if !self.eat(b'{') {
            if names == 0 {
                return Err(self.fault("expected a metric name, `{`, or `#`"));
            }
            self.at = bare_end;
            return Ok(&self.text[start..bare_end]);
        }
        let braces = self.at;
        self.pairs(spacing, |pair| names += usize::from(matches!(pair, Pair::Name(_))))?;
        match names {
            1 => Ok(&self.text[start..self.at]),
            0 => Err(Fault {
                at: braces,
                what: "the metric has no name, neither before nor between the braces",
            }),
            _ => Err(Fault { at: braces, what: "the metric has more than one name" }),
        }
    }

    /// Everything up to a byte that `ends` it or to the end of the page.
    #[inline]
    pub(super) fn until(&mut self, ends: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len());
        let token = &self.text[self.at..self.at + length];
        self.at += length;
        token
    }

    /// The rest of the line; the cursor then stands behind its newline. Whether there was one is answered too.
    pub(super) fn line(&mut self) -> (&'a str, bool) {
        let rest = self.rest();
        let newline = memchr::memchr(b'\n', rest);
        let length = newline.unwrap_or(rest.len());
        let line = &self.text[self.at..self.at + length];
        self.at += length + usize::from(newline.is_some());
        (line, newline.is_some())
    }
}

//! Personal data is masked before it is kept: mobile numbers, identity cards, bank cards, secrets.
//!
//! A masked number keeps its shape for people and a keyed hash for searching: `13812345678` becomes
//! `138****5678~k7f3a9c2b1d`, wherever it stands and however it is separated. Whoever asks for the whole number finds
//! it, because [`Masker::query`] asks for the hash, too; a part of a number is no longer found. Without the key nobody
//! can try numbers out.
//!
//! **By pattern**, in every text ([`patterns`]): a number counts only as a whole run of digits that touches no other
//! letter, digit, `_`, or decimal point, and whose key (`order_no=…`, or the field's name) does not say that it is a
//! serial number.
//!
//! | what | counts as one |
//! |---|---|
//! | mobile number | 11 digits that begin with 13–19, also as 3-4-4 with blanks or dashes; `+86`, `0086`, `86` before it |
//! | identity card | 17 digits and a digit or X, a province, a date of birth, the right check character |
//! | bank card | 16–19 digits with 62, 16 with 4 or 51–55, the right check digit (Luhn), also in groups of 4 |
//!
//! Instants in milliseconds, microseconds and nanoseconds begin with 1 and have 13, 16 or 19 digits: they are none of
//! these. JSON numbers are masked by name only: they are amounts and identifiers.
//!
//! **By name**, of the field or an object that it stands in ([`names`]): whatever is called `phone`, `身份证`,
//! `card_no` … and has enough digits; whatever is called `password`, `token`, `cookie` … is replaced as a whole, also
//! where a text says `password=…` ([`secrets`]). Secrets have no hash: nobody shall look for one.
//!
//! **By the names of a configuration** ([`Masker::with_fields`]): the value as a whole becomes `***~k7f3a9c2b1d`.

use lingshao_model::log::LogValue;
use ring::hmac;

mod names;
mod patterns;
mod query;
mod secrets;

pub(crate) use names::Named;

/// Characters of the hash: 40 bits, so that a million numbers hardly ever share one.
const HASH_BYTES: usize = 5;
/// What stands for a secret.
const SECRET: &str = "***";

/// Masks personal data with a key of this installation.
#[derive(Clone, Debug)]
pub struct Masker {
    key: hmac::Key,
    /// Whether the names in mail addresses are masked, too.
    mails: bool,
    /// What is not looked for.
    off: Vec<Pattern>,
    /// Fields that stay as they are, by their whole names.
    exempt: Vec<Box<str>>,
    /// Further fields that are replaced as a whole.
    fields: Vec<names::Own>,
}

/// What is looked for unless it is switched off: in texts, and under names that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Mobile numbers.
    Phones,
    /// Identity cards.
    IdCards,
    /// Bank cards.
    BankCards,
    /// Passwords, tokens and the like.
    Secrets,
}

/// A kind of number, for its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Phone,
    Identity,
    Card,
}

impl Kind {
    const fn pattern(self) -> Pattern {
        match self {
            Kind::Phone => Pattern::Phones,
            Kind::Identity => Pattern::IdCards,
            Kind::Card => Pattern::BankCards,
        }
    }

    /// How many of its first characters stay. The last four do, too.
    const fn head(self) -> usize {
        match self {
            Kind::Phone | Kind::Identity => 3,
            Kind::Card => 4,
        }
    }
}

impl Masker {
    /// A masker with a secret of its own; 32 random bytes that never leave the installation.
    pub fn new(secret: &[u8]) -> Masker {
        Masker {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            mails: false,
            off: Vec::new(),
            exempt: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Does not look for these.
    pub fn without(self, off: impl IntoIterator<Item = Pattern>) -> Masker {
        Masker { off: off.into_iter().collect(), ..self }
    }

    /// Masks further fields as a whole: by the whole name where there are dots in it, else as the names that are known
    /// already, by the end of the last part, whatever its case and its `_` and `-`.
    pub fn with_fields<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Masker {
        Masker { fields: names.into_iter().map(names::Own::new).collect(), ..self }
    }

    /// Masks the names in mail addresses, too: `z***@example.com~k…`.
    pub fn with_mails(self) -> Masker {
        Masker { mails: true, ..self }
    }

    /// Leaves fields as they are, whatever stands in them; nested names with dots.
    pub fn with_exempt<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Masker {
        Masker { exempt: names.into_iter().map(Box::from).collect(), ..self }
    }

    /// What the name of a field says about its value.
    pub(crate) fn named(&self, name: &str) -> Named {
        if self.exempt.iter().any(|exempt| **exempt == *name) {
            return Named::Exempt;
        }
        if self.fields.iter().any(|own| own.is(name)) {
            return Named::Private;
        }
        match names::named(name) {
            Named::Number(kind) if !self.looks_for(kind.pattern()) => Named::Nothing,
            Named::Secret if !self.looks_for(Pattern::Secrets) => Named::Nothing,
            named => named,
        }
    }

    fn looks_for(&self, pattern: Pattern) -> bool {
        !self.off.contains(&pattern)
    }

    /// Whether something in a value has to be masked; then `out` holds what it becomes.
    #[inline]
    pub(crate) fn value(&self, named: Named, value: LogValue<&str>, out: &mut String) -> bool {
        match (named, value) {
            (Named::Nothing, LogValue::Text(text)) => self.text(text, out),
            (Named::Nothing | Named::Exempt, _) | (_, LogValue::Null | LogValue::Bool(_)) => false,
            (Named::Secret | Named::Private, LogValue::Text("")) => false,
            (Named::Private, value) => {
                self.whole(value, out);
                true
            }
            (Named::Secret, _) => {
                out.clear();
                out.push_str(SECRET);
                true
            }
            (Named::Number(kind), LogValue::Text(text)) => {
                self.number(kind, text, out) || self.text(text, out)
            }
            (Named::Number(kind), LogValue::Int(number)) => {
                self.number(kind, itoa::Buffer::new().format(number), out)
            }
            (Named::Number(_), LogValue::Float(_)) => false,
        }
    }

    /// Masks what looks like a number of persons or a secret in a text. `false`: there is none, and `out` means nothing.
    #[inline]
    pub fn text(&self, text: &str, out: &mut String) -> bool {
        let secrets = self.looks_for(Pattern::Secrets) && secrets::may_have(text);
        let suspicious = secrets || patterns::may_have(text.as_bytes()) || (self.mails && text.contains('@'));
        if !suspicious {
            return false;
        }
        let numbers = self.replace_numbers(text, out, |kind, number, out| self.push(kind, number, out));
        let secrets = secrets && secrets::replace(out);
        let mails = self.mails && self.mask_mails(out);
        numbers || secrets || mails
    }

    /// A value of which nothing but its hash is kept.
    fn whole(&self, value: LogValue<&str>, out: &mut String) {
        out.clear();
        out.push_str(SECRET);
        out.push('~');
        match value {
            LogValue::Int(number) => self.push_hash(itoa::Buffer::new().format(number), out),
            LogValue::Float(number) => self.push_hash(&number.to_string(), out),
            LogValue::Text(text) => self.push_hash(text.trim(), out),
            LogValue::Null | LogValue::Bool(_) => {}
        }
    }

    /// A value that is a number by its name.
    fn number(&self, kind: Kind, text: &str, out: &mut String) -> bool {
        const DIGITS_MIN: usize = 7; // A landline without its area code.
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let others = text
            .bytes()
            .any(|byte| !matches!(byte, b'0'..=b'9' | b' ' | b'-' | b'+' | b'(' | b')' | b'x' | b'X'));
        if digits < DIGITS_MIN || others {
            return false;
        }
        out.clear();
        self.push(kind, text, out);
        true
    }

    /// Appends what a number becomes.
    fn push(&self, kind: Kind, number: &str, out: &mut String) {
        let digits = normal(kind, number);
        let tail = digits.len().saturating_sub(4);
        let head = kind.head().min(tail);
        out.push_str(&digits[..head]);
        out.extend(std::iter::repeat_n('*', tail - head));
        out.push_str(&digits[tail..]);
        out.push('~');
        self.push_hash(&digits, out);
    }

    fn push_hash(&self, text: &str, out: &mut String) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        out.push('k');
        for byte in &hmac::sign(&self.key, text.as_bytes()).as_ref()[..HASH_BYTES] {
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }

    /// Masks the names of mail addresses in place; answers whether there were any.
    fn mask_mails(&self, text: &mut String) -> bool {
        let mut masked = String::with_capacity(text.len());
        let mut copied = 0;
        for at in memchr::memchr_iter(b'@', text.as_bytes()) {
            let Some((start, end)) =
                patterns::mail(text.as_bytes(), at).filter(|(start, _)| *start >= copied)
            else {
                continue;
            };
            masked.push_str(&text[copied..=start]);
            masked.push_str(SECRET);
            masked.push_str(&text[at..end]);
            masked.push('~');
            self.push_hash(&text[start..end].to_ascii_lowercase(), &mut masked);
            copied = end;
        }
        if copied > 0 {
            masked.push_str(&text[copied..]);
            *text = masked;
        }
        copied > 0
    }

    /// Copies a text, giving each number another form; answers whether there was one.
    fn replace_numbers(&self, text: &str, out: &mut String, push: impl Fn(Kind, &str, &mut String)) -> bool {
        out.clear();
        let mut copied = 0;
        patterns::each(text, &mut |start, end, kind| {
            if self.looks_for(kind.pattern()) {
                out.push_str(&text[copied..start]);
                push(kind, &text[start..end], out);
                copied = end;
            }
        });
        out.push_str(&text[copied..]);
        copied > 0
    }
}

/// The characters that make the number, however it is separated; mobile numbers without the country.
fn normal(kind: Kind, number: &str) -> String {
    let mut digits: String = number.chars().filter(char::is_ascii_alphanumeric).collect();
    digits.make_ascii_uppercase();
    if kind == Kind::Phone && digits.len() > 11 {
        for country in ["0086", "86"] {
            if let Some(rest) = digits.strip_prefix(country).filter(|rest| rest.len() == 11) {
                return rest.to_owned();
            }
        }
    }
    digits
}

#[cfg(test)]
mod tests;

//! Writes HTML: literal text passes, values are escaped for the place where they land.
//!
//! Go's `html/template` finds the places before it runs; here they are followed while text goes by, which gives the
//! same for every template that Go accepts. Comments are dropped. Scripts take JSON, never code.

use super::json;
use super::print::push_printed;
use super::value::Value;

/// What stands for a value that may not stand there.
const FAILSAFE: &str = "ZgotmplZ";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Plain,
    Script,
    Style,
    /// `title` and `textarea`: text, but no tags.
    Title,
    Textarea,
}

/// What an attribute's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attribute {
    Plain,
    Url,
    Css,
    Js,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    Double,
    Single,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UrlPart {
    Start,
    BeforeQuery,
    Query,
}

/// Inside JavaScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Js {
    Code,
    Text(char),
    /// A template literal or a regular expression: nothing may be written there.
    Unclear,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    Comment,
    Tag,
    AttributeName,
    AfterName,
    BeforeValue,
    Value(Attribute, Quote),
    /// Between a tag like `<script>` and its end.
    Raw,
}

pub(super) struct HtmlWriter {
    out: String,
    state: State,
    /// Of the tag that is open, or whose text this is.
    element: Element,
    attribute: Attribute,
    url: UrlPart,
    js: Js,
}

impl HtmlWriter {
    pub(super) fn new() -> HtmlWriter {
        HtmlWriter {
            out: String::new(),
            state: State::Text,
            element: Element::Plain,
            attribute: Attribute::Plain,
            url: UrlPart::Start,
            js: Js::Code,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// Text of the template itself.
    pub(super) fn literal(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let taken = self.take(rest);
            rest = &rest[taken..];
        }
    }

    /// Passes a piece of text on; gives how long it was.
    fn take(&mut self, text: &str) -> usize {
        match self.state {
            State::Text => self.text(text),
            State::Comment => self.comment(text),
            State::Tag => self.tag(text),
            State::AttributeName => self.attribute_name(text),
            State::AfterName => self.after_name(text),
            State::BeforeValue => self.before_value(text),
            State::Value(kind, quote) => self.attribute_value(text, kind, quote),
            State::Raw => self.raw(text),
        }
    }

    fn text(&mut self, text: &str) -> usize {
        for (at, _) in text.match_indices('<') {
            let after = &text[at + 1..];
            if after.starts_with("!--") {
                self.push_without_tags(&text[..at]);
                self.state = State::Comment;
                return at + 4;
            }
            let name_at = usize::from(after.starts_with('/'));
            let name = tag_name(&after[name_at..]);
            if !name.is_empty() {
                self.push_without_tags(&text[..at]);
                let end = at + 1 + name_at + name.len();
                self.out.push_str(&text[at..end]);
                self.element = if name_at == 0 { element(name) } else { Element::Plain };
                self.state = State::Tag;
                return end;
            }
        }
        self.push_without_tags(text);
        text.len()
    }

    /// A lone `<` is escaped, as Go does, except before a document type.
    fn push_without_tags(&mut self, text: &str) {
        let mut copied = 0;
        for (at, _) in text.match_indices('<') {
            let doctype = text.get(at + 1..at + 9).is_some_and(|word| word.eq_ignore_ascii_case("!DOCTYPE"));
            if !doctype {
                self.out.push_str(&text[copied..at]);
                self.out.push_str("&lt;");
                copied = at + 1;
            }
        }
        self.out.push_str(&text[copied..]);
    }

    fn comment(&mut self, text: &str) -> usize {
        match text.find("-->") {
            Some(at) => {
                self.state = State::Text;
                self.element = Element::Plain;
                at + 3
            }
            None => text.len(),
        }
    }

    fn copy(&mut self, text: &str, length: usize) -> usize {
        self.out.push_str(&text[..length]);
        length
    }

    fn tag(&mut self, text: &str) -> usize {
        let blanks = text.len() - text.trim_start_matches(is_blank).len();
        if blanks > 0 {
            return self.copy(text, blanks);
        }
        if text.starts_with('>') {
            self.state = if self.element == Element::Plain { State::Text } else { State::Raw };
            self.js = Js::Code;
            return self.copy(text, 1);
        }
        let length = name_length(text).max(1).min(text.len());
        let length = (length..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        self.attribute = attribute_kind(&text[..length].to_ascii_lowercase());
        self.state = if length == text.len() { State::AttributeName } else { State::AfterName };
        self.copy(text, length)
    }

    fn attribute_name(&mut self, text: &str) -> usize {
        let length = name_length(text);
        if length < text.len() {
            self.state = State::AfterName;
        }
        self.copy(text, length)
    }

    fn after_name(&mut self, text: &str) -> usize {
        let blanks = text.len() - text.trim_start_matches(is_blank).len();
        if blanks == text.len() {
            return self.copy(text, blanks);
        }
        if text[blanks..].starts_with('=') {
            self.state = State::BeforeValue;
            return self.copy(text, blanks + 1);
        }
        self.state = State::Tag;
        self.copy(text, blanks)
    }

    fn before_value(&mut self, text: &str) -> usize {
        let blanks = text.len() - text.trim_start_matches(is_blank).len();
        if blanks == text.len() {
            return self.copy(text, blanks);
        }
        let (quote, length) = match text[blanks..].chars().next() {
            Some('"') => (Quote::Double, 1),
            Some('\'') => (Quote::Single, 1),
            _ => (Quote::None, 0),
        };
        self.begin_value(quote);
        self.copy(text, blanks + length)
    }

    fn begin_value(&mut self, quote: Quote) {
        self.state = State::Value(self.attribute, quote);
        self.url = UrlPart::Start;
        self.js = Js::Code;
    }

    fn attribute_value(&mut self, text: &str, kind: Attribute, quote: Quote) -> usize {
        let end = match quote {
            Quote::Double => text.find('"'),
            Quote::Single => text.find('\''),
            Quote::None => text.find(|c: char| is_blank(c) || c == '>'),
        };
        let value = &text[..end.unwrap_or(text.len())];
        match kind {
            Attribute::Url => self.follow_url(value),
            Attribute::Js => self.follow_js(value),
            Attribute::Plain | Attribute::Css => {}
        }
        let Some(end) = end else { return self.copy(text, text.len()) };
        self.state = State::Tag;
        self.copy(text, end + usize::from(quote != Quote::None))
    }

    fn follow_url(&mut self, text: &str) {
        let is_fragment = |(at, _): (usize, &str)| !text[..at].ends_with('&');
        if text.contains('?') || text.match_indices('#').any(is_fragment) {
            self.url = UrlPart::Query;
        } else if self.url == UrlPart::Start && !text.trim_matches(is_blank).is_empty() {
            self.url = UrlPart::BeforeQuery;
        }
    }

    fn follow_js(&mut self, text: &str) {
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match (self.js, character) {
                (Js::Unclear, _) => return,
                (Js::Text(_), '\\') => {
                    characters.next();
                }
                (Js::Text(mark), _) if mark == character => self.js = Js::Code,
                (Js::Text(_), _) => {}
                (Js::Code, '"' | '\'') => self.js = Js::Text(character),
                (Js::Code, '`' | '/') => self.js = Js::Unclear,
                (Js::Code, _) => {}
            }
        }
    }

    fn raw(&mut self, text: &str) -> usize {
        let word = match self.element {
            Element::Script => "script",
            Element::Style => "style",
            Element::Title => "title",
            Element::Textarea => "textarea",
            Element::Plain => "",
        };
        let ends = |(at, _): &(usize, &str)| {
            let after = &text[at + 2..];
            after.get(..word.len()).is_some_and(|own| own.eq_ignore_ascii_case(word))
                && after[word.len()..].starts_with(|c: char| is_blank(c) || c == '>' || c == '/')
        };
        let end = text.match_indices("</").find(ends).map(|(at, _)| at);
        let inner = &text[..end.unwrap_or(text.len())];
        match self.element {
            Element::Script => {
                self.follow_js(inner);
                self.out.push_str(inner);
            }
            Element::Style => self.out.push_str(inner),
            _ => self.push_without_tags(inner),
        }
        if end.is_some() {
            self.state = State::Text;
            self.element = Element::Plain;
        }
        inner.len()
    }

    /// Whether what a function of Go's does is done here to every value, so that doing it before would show.
    pub(super) fn escapes_again(&self, function: &str) -> bool {
        if function != "html" {
            return function == "urlquery"
                && matches!(self.state, State::Value(Attribute::Url, _))
                && self.url == UrlPart::Query;
        }
        match self.state {
            State::Text | State::Value(_, Quote::Double | Quote::Single) => true,
            State::Raw => matches!(self.element, Element::Title | Element::Textarea),
            _ => false,
        }
    }

    /// What an action printed.
    pub(super) fn value(&mut self, value: &Value<'_>) -> Result<(), String> {
        self.make_room();
        let printed = Printed::new(value);
        match self.state {
            State::Text => match printed.kind {
                PrintedKind::Html => self.out.push_str(&printed.text),
                _ => push_escaped(&mut self.out, &printed.text, Table::Text),
            },
            State::Comment => {}
            State::Tag | State::AttributeName | State::AfterName | State::BeforeValue => {
                self.out.push_str(&filtered_name(&printed.text));
            }
            State::Value(kind, quote) => self.push_attribute(value, &printed, kind, quote)?,
            State::Raw => self.push_raw(value, &printed)?,
        }
        Ok(())
    }

    /// Before something is written between names and values, it is clear what it is.
    fn make_room(&mut self) {
        match self.state {
            State::Tag | State::AfterName => {
                self.state = State::AttributeName;
                self.attribute = Attribute::Plain;
            }
            State::BeforeValue => self.begin_value(Quote::None),
            _ => {}
        }
    }

    fn push_attribute(
        &mut self,
        value: &Value<'_>,
        printed: &Printed,
        kind: Attribute,
        quote: Quote,
    ) -> Result<(), String> {
        let text = match kind {
            Attribute::Plain if printed.kind == PrintedKind::Html => without_tags(&printed.text),
            Attribute::Plain => printed.text.clone(),
            Attribute::Url => url_text(printed, self.url),
            Attribute::Css => css_value(&printed.text),
            Attribute::Js => self.js_text(value)?,
        };
        let kept_entities = kind == Attribute::Plain && printed.kind == PrintedKind::Html;
        let table = match (quote, kept_entities) {
            (Quote::None, true) => Table::UnquotedNormal,
            (Quote::None, false) => Table::Unquoted,
            (_, true) => Table::Normal,
            (_, false) => Table::Text,
        };
        let nothing = if kind == Attribute::Plain { printed.text.is_empty() } else { text.is_empty() };
        if quote == Quote::None && nothing {
            self.out.push_str(FAILSAFE);
            return Ok(());
        }
        push_escaped(&mut self.out, &text, table);
        Ok(())
    }

    fn push_raw(&mut self, value: &Value<'_>, printed: &Printed) -> Result<(), String> {
        match self.element {
            Element::Script => {
                let text = self.js_text(value)?;
                self.out.push_str(&text);
            }
            Element::Style => self.out.push_str(&css_value(&printed.text)),
            _ if printed.kind == PrintedKind::Html => {
                push_escaped(&mut self.out, &printed.text, Table::Normal);
            }
            _ => push_escaped(&mut self.out, &printed.text, Table::Text),
        }
        Ok(())
    }

    fn js_text(&self, value: &Value<'_>) -> Result<String, String> {
        match self.js {
            Js::Text(_) => Ok(js_string(&Printed::new(value).text)),
            Js::Unclear => Err("values cannot be written behind a slash or backquote in a script".to_owned()),
            Js::Code => {
                let json = match super::print::own_text(value) {
                    Some(text) if !matches!(value, Value::Time(..)) => json::to_json(&Value::text(text))?,
                    _ => json::to_json(value)?,
                };
                let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '$' | '_'));
                let padded = word(json.chars().next()) || word(json.chars().next_back());
                Ok(if padded { format!(" {json} ") } else { json })
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PrintedKind {
    Plain,
    Html,
    Url,
}

struct Printed {
    text: String,
    kind: PrintedKind,
}

impl Printed {
    fn new(value: &Value<'_>) -> Printed {
        let mut text = String::new();
        let kind = match value {
            // What is missing prints nothing in HTML.
            Value::Missing | Value::NilInterface => PrintedKind::Plain,
            _ => {
                push_printed(&mut text, value);
                match value {
                    Value::Html(_) => PrintedKind::Html,
                    Value::Url(_) => PrintedKind::Url,
                    _ => PrintedKind::Plain,
                }
            }
        };
        Printed { text, kind }
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\x0c' | '\r')
}

fn tag_name(text: &str) -> &str {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return "";
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == ':' || c == '-'));
    &text[..end.unwrap_or(text.len())]
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| is_blank(c) || c == '=' || c == '>').unwrap_or(text.len())
}

fn element(name: &str) -> Element {
    match name.to_ascii_lowercase().as_str() {
        "script" => Element::Script,
        "style" => Element::Style,
        "title" => Element::Title,
        "textarea" => Element::Textarea,
        _ => Element::Plain,
    }
}

/// What an attribute's value is, guessed on the safe side.
fn attribute_kind(name: &str) -> Attribute {
    const URLS: [&str; 19] = [
        "action",
        "archive",
        "background",
        "cite",
        "classid",
        "codebase",
        "data",
        "formaction",
        "href",
        "icon",
        "longdesc",
        "manifest",
        "poster",
        "profile",
        "src",
        "srcset",
        "usemap",
        "xmlns",
        "ping",
    ];
    let name = match (name.strip_prefix("data-"), name.split_once(':')) {
        (Some(name), _) => name,
        (_, Some(("xmlns", _))) => return Attribute::Url,
        (_, Some((_, name))) => name,
        _ => name,
    };
    if URLS.contains(&name) {
        return Attribute::Url;
    }
    match name {
        "style" => Attribute::Css,
        "srclang" => Attribute::Plain,
        _ if name.starts_with("on") => Attribute::Js,
        _ if ["src", "uri", "url"].iter().any(|part| name.contains(part)) => Attribute::Url,
        _ => Attribute::Plain,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Text,
    /// Without `&`, for what has entities already.
    Normal,
    Unquoted,
    UnquotedNormal,
}

fn push_escaped(out: &mut String, text: &str, table: Table) {
    let unquoted = matches!(table, Table::Unquoted | Table::UnquotedNormal);
    for character in text.chars() {
        match character {
            '\0' => out.push_str(if unquoted { "&#xfffd;" } else { "\u{fffd}" }),
            '"' => out.push_str("&#34;"),
            '&' if matches!(table, Table::Text | Table::Unquoted) => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '+' => out.push_str("&#43;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ' | '=' | '`' if unquoted => {
                out.push_str(&format!("&#{};", u32::from(character)));
            }
            '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{ffff}' if unquoted => {
                out.push_str(&format!("&#x{:x};", u32::from(character)));
            }
            plain => out.push(plain),
        }
    }
}

fn filtered_name(text: &str) -> String {
    let name = text.to_ascii_lowercase();
    let fine = !name.is_empty()
        && attribute_kind(&name) == Attribute::Plain
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if fine { name } else { FAILSAFE.to_owned() }
}

fn url_text(printed: &Printed, part: UrlPart) -> String {
    let trusted = printed.kind == PrintedKind::Url;
    if part == UrlPart::Start && !trusted && !is_safe_url(&printed.text) {
        return format!("#{FAILSAFE}");
    }
    let normalizes = part != UrlPart::Query || trusted;
    let bytes = printed.text.as_bytes();
    let mut out = String::with_capacity(bytes.len() + 16);
    for (at, byte) in bytes.iter().enumerate() {
        let escape_follows =
            bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let kept = match byte {
            b'-' | b'.' | b'_' | b'~' => true,
            b'%' => normalizes && escape_follows,
            _ if b"!#$&*+,/:;=?@[]".contains(byte) => normalizes,
            _ => byte.is_ascii_alphanumeric(),
        };
        if kept {
            out.push(char::from(*byte));
        } else {
            super::escape::push_percent(&mut out, *byte, false);
        }
    }
    out
}

/// Relative, or of a scheme that runs nothing.
fn is_safe_url(text: &str) -> bool {
    match text.split_once(':') {
        Some((scheme, _)) if !scheme.contains('/') => {
            ["http", "https", "mailto"].iter().any(|safe| scheme.eq_ignore_ascii_case(safe))
        }
        _ => true,
    }
}

/// `cssValueFilter`: words, numbers and colours pass.
fn css_value(text: &str) -> String {
    let bad = |c: char| "\0\"'()/;@[\\]`{}<>".contains(c);
    let word: String = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect::<String>()
        .to_ascii_lowercase();
    if text.contains(bad) || text.contains("--") || word.contains("expression") || word.contains("mozbinding")
    {
        return FAILSAFE.to_owned();
    }
    text.to_owned()
}

fn js_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\x0c' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '/' => out.push_str("\\/"),
            '\\' => out.push_str("\\\\"),
            '\0'..='\x1f' | '"' | '`' | '&' | '\'' | '+' | '<' | '>' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            plain => out.push(plain),
        }
    }
    out
}

/// The text of a piece of HTML.
fn without_tags(html: &str) -> String {
    let mut writer = HtmlWriter::new();
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while !rest.is_empty() {
        let in_text = writer.state == State::Text;
        let taken = writer.take(rest);
        if in_text {
            let tag_begins = writer.state == State::Tag;
            let text = if tag_begins {
                rest[..taken].rfind('<').map_or("", |at| &rest[..at])
            } else {
                &rest[..taken]
            };
            let text = if writer.state == State::Comment { text.trim_end_matches("<!--") } else { text };
            out.push_str(text);
        }
        rest = &rest[taken..];
    }
    out
}

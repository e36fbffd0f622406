//! `Sprint`, `Sprintln` and `Sprintf` as Go's `fmt` does them.

use super::OUTPUT_BYTES_MAX;
use super::number::{can_backquote, format_float, is_print, quote_with};
use super::time::{duration_text, month_name, weekday_name};
use super::value::{ListKind, Text, Value};

/// Widths and precisions above this are no numbers to Go.
const WIDTH_MAX: usize = 1_000_000;

/// `fmt.Sprint`: blanks between operands of which neither is a string.
pub(super) fn sprint(values: &[Value<'_>]) -> String {
    let mut printer = Printer::default();
    let mut after_text = false;
    for (index, value) in values.iter().enumerate() {
        let is_text = value.as_text().is_some();
        if index > 0 && !is_text && !after_text {
            printer.out.push(' ');
        }
        printer.argument(value, 'v');
        after_text = is_text;
    }
    printer.out
}

/// `fmt.Sprintln`
pub(super) fn sprintln(values: &[Value<'_>]) -> String {
    let mut printer = Printer::default();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            printer.out.push(' ');
        }
        printer.argument(value, 'v');
    }
    printer.out.push('\n');
    printer.out
}

/// Appends what `{{ value }}` prints.
pub(super) fn push_printed(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Missing => out.push_str("<no value>"),
        Value::Text(text) => out.push_str(text.as_str()),
        Value::Sample(sample) => {
            let mut printer = Printer { out: std::mem::take(out), ..Printer::default() };
            printer.sample(sample, 'v', 0);
            *out = printer.out;
        }
        Value::Notification(_) => {
            let mut printer = Printer { out: std::mem::take(out), ..Printer::default() };
            printer.structure(value, 'v', 0);
            *out = printer.out;
        }
        _ => {
            let mut printer = Printer { out: std::mem::take(out), ..Printer::default() };
            printer.argument(value, 'v');
            *out = printer.out;
        }
    }
}

/// `fmt.Sprintf`; an error when the text gets longer than a template may write.
pub(super) fn sprintf(format: &str, values: &[Value<'_>]) -> Result<String, String> {
    let mut formatter =
        Formatter { printer: Printer::default(), values, next: 0, reordered: false, good: true };
    formatter.run(format);
    let out = formatter.printer.out;
    if out.len() > OUTPUT_BYTES_MAX {
        return Err(format!("text longer than {OUTPUT_BYTES_MAX} bytes"));
    }
    Ok(out)
}

#[derive(Clone, Copy, Default)]
struct Flags {
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`
    plus_v: bool,
    /// `%#v`
    sharp_v: bool,
}

struct Formatter<'v, 'a> {
    printer: Printer,
    values: &'v [Value<'a>],
    next: usize,
    /// Whether an index like `[2]` stood somewhere.
    reordered: bool,
    /// Whether the index of this verb is fine.
    good: bool,
}

impl Formatter<'_, '_> {
    fn run(&mut self, format: &str) {
        let mut rest = format;
        while let Some((before, after)) = rest.split_once('%') {
            self.printer.push(before);
            match self.verb(after) {
                Some(after) => rest = after,
                None => {
                    rest = "";
                    break;
                }
            }
            if self.printer.out.len() > OUTPUT_BYTES_MAX {
                return;
            }
        }
        self.printer.push(rest);
        if !self.reordered && self.next < self.values.len() {
            self.extra();
        }
    }

    fn extra(&mut self) {
        self.printer.flags = Flags::default();
        self.printer.push("%!(EXTRA ");
        for (index, value) in self.values[self.next..].iter().enumerate() {
            if index > 0 {
                self.printer.push(", ");
            }
            self.printer.typed(value);
        }
        self.printer.push(")");
    }

    /// Reads one verb behind its percent sign; nothing when the text ends within it.
    fn verb<'f>(&mut self, text: &'f str) -> Option<&'f str> {
        self.good = true;
        let mut flags = Flags::default();
        let length = text.bytes().take_while(|byte| b"#0+- ".contains(byte)).count();
        for flag in text[..length].bytes() {
            match flag {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                _ => flags.space = true,
            }
        }
        let (mut rest, mut after_index) = self.index(&text[length..]);
        rest = self.width(rest, &mut flags, &mut after_index);
        rest = self.precision(rest, &mut flags, &mut after_index);
        if !after_index {
            rest = self.index(rest).0;
        }
        let Some(verb) = rest.chars().next() else {
            self.printer.push("%!(NOVERB)");
            return None;
        };
        self.apply(verb, flags);
        Some(&rest[verb.len_utf8()..])
    }

    fn apply(&mut self, verb: char, mut flags: Flags) {
        if verb == '%' {
            self.printer.out.push('%');
        } else if !self.good {
            self.printer.push(&format!("%!{verb}(BADINDEX)"));
        } else if self.next >= self.values.len() {
            self.printer.push(&format!("%!{verb}(MISSING)"));
        } else {
            if verb == 'v' {
                flags.sharp_v = std::mem::take(&mut flags.sharp);
                flags.plus_v = std::mem::take(&mut flags.plus);
            }
            self.printer.flags = flags;
            self.printer.argument(&self.values[self.next], verb);
            self.printer.flags = Flags::default();
            self.next += 1;
        }
    }

    fn width<'f>(&mut self, text: &'f str, flags: &mut Flags, after_index: &mut bool) -> &'f str {
        let Some(rest) = text.strip_prefix('*') else {
            let (number, rest) = leading_number(text);
            flags.width = number;
            if *after_index && number.is_some() {
                self.good = false;
            }
            return rest;
        };
        match self.number_from_argument() {
            Some(width) => {
                flags.width = usize::try_from(width.unsigned_abs()).ok();
                if width < 0 {
                    flags.minus = true;
                    flags.zero = false;
                }
            }
            None => self.printer.push("%!(BADWIDTH)"),
        }
        *after_index = false;
        rest
    }

    fn precision<'f>(&mut self, text: &'f str, flags: &mut Flags, after_index: &mut bool) -> &'f str {
        let Some(rest) = text.strip_prefix('.').filter(|rest| !rest.is_empty()) else { return text };
        if *after_index {
            self.good = false;
        }
        let (rest, indexed) = self.index(rest);
        *after_index = indexed;
        let Some(starred) = rest.strip_prefix('*') else {
            let (number, rest) = leading_number(rest);
            flags.precision = Some(number.unwrap_or(0));
            return rest;
        };
        match self.number_from_argument() {
            Some(precision) => flags.precision = usize::try_from(precision).ok(),
            None => self.printer.push("%!(BADPREC)"),
        }
        *after_index = false;
        starred
    }

    fn number_from_argument(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        let number = value.as_int().or_else(|| value.as_uint().and_then(|uint| i64::try_from(uint).ok()))?;
        (number.unsigned_abs() <= WIDTH_MAX as u64).then_some(number)
    }

    /// Reads an index like `[2]`; gives what follows and whether there was one.
    fn index<'f>(&mut self, text: &'f str) -> (&'f str, bool) {
        let Some(inner) = text.strip_prefix('[') else { return (text, false) };
        self.reordered = true;
        let Some((digits, rest)) = inner.split_once(']') else {
            self.good = false;
            return (inner, false);
        };
        match leading_number(digits) {
            (Some(number), "") if number >= 1 && number <= self.values.len() => {
                self.next = number - 1;
                (rest, true)
            }
            _ => {
                self.good = false;
                (rest, true)
            }
        }
    }
}

/// A number, if one stands there that is not too large, and what follows.
fn leading_number(text: &str) -> (Option<usize>, &str) {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    match text[..length].parse::<usize>() {
        Ok(number) if number <= WIDTH_MAX => (Some(number), &text[length..]),
        Ok(_) | Err(_) if length > 0 => (None, ""),
        _ => (None, text),
    }
}

#[derive(Default)]
struct Printer {
    out: String,
    flags: Flags,
    /// Inside a complaint about a verb no methods are asked.
    complaining: bool,
}

impl Printer {
    /// What comes after more than a template may write is left out: it is refused anyway, and padding repeated for
    /// each of ten thousand alerts would fill the memory first.
    fn push(&mut self, text: &str) {
        if !self.is_over() {
            self.out.push_str(text);
        }
    }

    fn is_over(&self) -> bool {
        self.out.len() > OUTPUT_BYTES_MAX
    }

    /// Fills up to the width with blanks, or with zeros in front where Go does.
    fn pad(&mut self, text: &str) {
        if self.is_over() {
            return;
        }
        let missing = self.flags.width.unwrap_or(0).saturating_sub(text.chars().count());
        let missing = missing.min(OUTPUT_BYTES_MAX + 1);
        if self.flags.minus {
            self.push(text);
            self.out.extend(std::iter::repeat_n(' ', missing));
        } else {
            let filler = if self.flags.zero { '0' } else { ' ' };
            self.out.extend(std::iter::repeat_n(filler, missing));
            self.push(text);
        }
    }

    fn pad_blank(&mut self, text: &str) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(text);
        self.flags.zero = zero;
    }

    fn bad_verb(&mut self, value: &Value<'_>, verb: char) {
        if self.complaining {
            // Go shows the inside of times and zones here, which depends on how they came to be.
            return self.push(&own_text(value).unwrap_or_default());
        }
        self.complaining = true;
        self.push(&format!("%!{verb}("));
        self.typed(value);
        self.push(")");
        self.complaining = false;
    }

    /// `type=value`
    fn typed(&mut self, value: &Value<'_>) {
        if matches!(value, Value::Missing | Value::NilInterface) {
            return self.push("<nil>");
        }
        self.push(value.type_name());
        self.push("=");
        self.argument(value, 'v');
    }

    fn argument(&mut self, value: &Value<'_>, verb: char) {
        if matches!(value, Value::Missing | Value::NilInterface) {
            match verb {
                'T' | 'v' => self.pad("<nil>"),
                _ => self.push(&format!("%!{verb}(<nil>)")),
            }
            return;
        }
        if verb == 'T' {
            return self.text(value.type_name(), 's', value);
        }
        self.value(value, verb, 0);
    }

    fn value(&mut self, value: &Value<'_>, verb: char, depth: usize) {
        if verb == 'w' {
            return self.bad_verb(value, verb);
        }
        if !self.complaining
            && !self.flags.sharp_v
            && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q')
            && let Some(text) = own_text(value)
        {
            return self.text(&text, verb, value);
        }
        match value {
            Value::Missing | Value::NilInterface if verb == 'v' => self.push("<nil>"),
            Value::Missing | Value::NilInterface => self.push(&format!("%!{verb}(<nil>)")),
            Value::NilSample if verb == 'v' => self.pad("<nil>"),
            Value::Bool(value) if matches!(verb, 't' | 'v') => {
                self.pad(if *value { "true" } else { "false" });
            }
            Value::Float(float) => self.float(*float, verb, value),
            Value::Text(text) | Value::Html(text) | Value::Url(text) => self.text(text.as_str(), verb, value),
            Value::TextMap(_) | Value::AnyMap(_) => self.map(value, verb, depth),
            Value::List(list) => {
                let (open, close, comma) = self.brackets(value, "[", "]");
                self.push(&open);
                for (index, item) in list.items().iter().enumerate() {
                    if self.is_over() {
                        break;
                    }
                    self.push(if index > 0 { comma } else { "" });
                    self.element(item, verb, depth + 1, list.kind == ListKind::Any);
                }
                self.push(close);
            }
            Value::Sample(sample) if depth == 0 => {
                self.push("&");
                self.sample(sample, verb, depth + 1);
            }
            // Go shows an address here, another one every time; a text that changes is a new alert.
            Value::Sample(_) => self.push("0xc000000000"),
            Value::Notification(_) if depth == 0 => {
                self.push("&");
                self.structure(value, verb, depth + 1);
            }
            Value::Rule(_) | Value::Notification(_) | Value::Alert(_) | Value::Pair(_) | Value::Time(..) => {
                self.structure(value, verb, depth);
            }
            _ => self.integer_or_complaint(value, verb),
        }
    }

    fn element(&mut self, item: &Value<'_>, verb: char, depth: usize, in_interface: bool) {
        if in_interface && matches!(item, Value::Missing | Value::NilInterface) {
            return self.push("<nil>");
        }
        self.value(item, verb, depth);
    }

    fn integer_or_complaint(&mut self, value: &Value<'_>, verb: char) {
        match (value.as_int(), value.as_uint()) {
            (Some(int), _) => self.integer(int.unsigned_abs(), int < 0, verb, value),
            (_, Some(uint)) => self.integer(uint, false, verb, value),
            _ => self.bad_verb(value, verb),
        }
    }

    /// What stands around and between elements.
    fn brackets(
        &self,
        value: &Value<'_>,
        open: &str,
        close: &'static str,
    ) -> (String, &'static str, &'static str) {
        if self.flags.sharp_v {
            return (format!("{}{{", value.type_name()), "}", ", ");
        }
        (open.to_owned(), close, " ")
    }

    fn map(&mut self, value: &Value<'_>, verb: char, depth: usize) {
        let (open, close, comma) = self.brackets(value, "map[", "]");
        self.push(&open);
        let entry = |printer: &mut Printer, index: usize, name: &Text<'_>, item: &Value<'_>, any: bool| {
            printer.push(if index > 0 { comma } else { "" });
            printer.value(&Value::Text(name.clone()), verb, depth + 1);
            printer.push(":");
            printer.element(item, verb, depth + 1, any);
        };
        match value {
            Value::TextMap(map) => {
                for (index, (name, text)) in map.entries().iter().enumerate() {
                    entry(self, index, name, &Value::Text(text.clone()), false);
                }
            }
            Value::AnyMap(map) => {
                for (index, (name, item)) in map.entries().iter().enumerate() {
                    entry(self, index, name, item, true);
                }
            }
            _ => {}
        }
        self.push(close);
    }

    fn sample(&mut self, sample: &std::rc::Rc<super::value::Sample>, verb: char, depth: usize) {
        let pairs = super::value::Pairs::SampleLabels(std::rc::Rc::clone(sample));
        let labels = Value::TextMap(super::value::TextMap { pairs, is_kv: false });
        self.fields(
            "template.sample",
            &[("Labels", labels), ("Value", Value::Float(sample.value))],
            verb,
            depth,
        );
    }

    fn structure(&mut self, value: &Value<'_>, verb: char, depth: usize) {
        match value {
            Value::Alert(view) => self.fields("template.Alert", &view.fields(), verb, depth),
            Value::Notification(view) => self.fields("template.Data", &view.fields(), verb, depth),
            Value::Pair(pair) => {
                let fields = [("Name", Value::Text(pair.0.clone())), ("Value", Value::Text(pair.1.clone()))];
                self.fields("template.Pair", &fields, verb, depth);
            }
            Value::Rule(data) => self.fields(value.type_name(), &super::rule_fields(data), verb, depth),
            _ => self.bad_verb(value, verb),
        }
    }

    fn fields(&mut self, type_name: &str, fields: &[(&str, Value<'_>)], verb: char, depth: usize) {
        let named = self.flags.sharp_v || self.flags.plus_v;
        if self.flags.sharp_v {
            self.push(type_name);
        }
        self.push("{");
        for (index, (name, value)) in fields.iter().enumerate() {
            if index > 0 {
                self.push(if self.flags.sharp_v { ", " } else { " " });
            }
            if named {
                self.push(&format!("{name}:"));
            }
            self.value(value, verb, depth + 1);
        }
        self.push("}");
    }

    fn text(&mut self, text: &str, verb: char, value: &Value<'_>) {
        let cut = |text: &str| match self.flags.precision {
            Some(precision) => text.chars().take(precision).collect::<String>(),
            None => text.to_owned(),
        };
        match verb {
            'v' if self.flags.sharp_v => self.pad(&quote_with(&cut(text), '"', false)),
            'v' | 's' => {
                let cut = cut(text);
                self.pad(&cut);
            }
            'q' => {
                let cut = cut(text);
                if self.flags.sharp && can_backquote(&cut) {
                    return self.pad(&format!("`{cut}`"));
                }
                self.pad(&quote_with(&cut, '"', self.flags.plus));
            }
            'x' | 'X' => self.hexadecimal(text.as_bytes(), verb == 'X'),
            _ => self.bad_verb(value, verb),
        }
    }

    fn hexadecimal(&mut self, bytes: &[u8], upper: bool) {
        let length = self.flags.precision.map_or(bytes.len(), |precision| precision.min(bytes.len()));
        let lead = match (self.flags.sharp, upper) {
            (true, true) => "0X",
            (true, false) => "0x",
            _ => "",
        };
        let mut text = String::with_capacity(length * 2);
        for (index, byte) in bytes[..length].iter().enumerate() {
            if self.flags.space && index > 0 {
                text.push(' ');
            }
            if index == 0 || self.flags.space {
                text.push_str(lead);
            }
            text.push_str(&if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        }
        self.pad(&text);
    }

    fn float(&mut self, float: f64, verb: char, value: &Value<'_>) {
        let (format, default) = match verb {
            'v' => ('g', None),
            'g' | 'G' => (verb, None),
            'f' | 'F' => ('f', Some(6)),
            'e' | 'E' => (verb, Some(6)),
            _ => return self.bad_verb(value, verb),
        };
        let precision = self.flags.precision.or(default).map(|precision| precision.min(OUTPUT_BYTES_MAX + 1));
        let mut text = format_float(float, format, precision);
        if !text.starts_with(['-', '+']) {
            text.insert(0, '+');
        }
        if self.flags.space && text.starts_with('+') && !self.flags.plus {
            text.replace_range(..1, " ");
        }
        if !float.is_finite() {
            if float.is_nan() && !self.flags.space && !self.flags.plus {
                text.remove(0);
            }
            // Infinity keeps its sign.
            return self.pad_blank(&text);
        }
        if self.flags.sharp {
            text =
                with_point(&text, if format == 'g' || format == 'G' { precision.or(Some(6)) } else { None });
        }
        if self.flags.plus || !text.starts_with('+') {
            let width = self.flags.width.unwrap_or(0);
            if self.flags.zero && !self.flags.minus && width > text.len() {
                self.push(&text[..1]);
                let zeros = (width - text.len()).min(OUTPUT_BYTES_MAX + 1);
                self.out.extend(std::iter::repeat_n('0', zeros));
                return self.push(&text[1..]);
            }
            return self.pad(&text);
        }
        self.pad(&text[1..]);
    }

    fn integer(&mut self, magnitude: u64, negative: bool, verb: char, value: &Value<'_>) {
        let digits = match verb {
            'v' | 'd' => magnitude.to_string(),
            'b' => format!("{magnitude:b}"),
            'o' | 'O' => format!("{magnitude:o}"),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            'c' | 'q' | 'U' => return self.character(magnitude, negative, verb),
            _ => return self.bad_verb(value, verb),
        };
        if self.flags.precision == Some(0) && magnitude == 0 {
            return self.pad_blank("");
        }
        let signed = negative || self.flags.plus || self.flags.space;
        let least = match (self.flags.precision, self.flags.width) {
            (Some(precision), _) => precision,
            (None, Some(width)) if self.flags.zero && !self.flags.minus => {
                width - usize::from(signed && width > 0)
            }
            _ => 0,
        };
        let zeros = least.saturating_sub(digits.len()).min(OUTPUT_BYTES_MAX + 1);
        let digits = format!("{}{digits}", "0".repeat(zeros));
        let prefix = match verb {
            'O' => "0o",
            'b' if self.flags.sharp => "0b",
            'o' if self.flags.sharp && !digits.starts_with('0') => "0",
            'x' if self.flags.sharp => "0x",
            'X' if self.flags.sharp => "0X",
            _ => "",
        };
        let sign = match (negative, self.flags.plus, self.flags.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        self.pad_blank(&format!("{sign}{prefix}{digits}"));
    }

    fn character(&mut self, magnitude: u64, negative: bool, verb: char) {
        let code = if negative { None } else { u32::try_from(magnitude).ok().and_then(char::from_u32) };
        let character = code.unwrap_or(char::REPLACEMENT_CHARACTER);
        match verb {
            'c' => self.pad(&character.to_string()),
            'q' => self.pad(&quote_with(&character.to_string(), '\'', self.flags.plus)),
            _ => {
                let number = if negative { magnitude.wrapping_neg() } else { magnitude };
                let width = self.flags.precision.unwrap_or(4).clamp(4, 1000);
                let mut text = format!("U+{number:0width$X}");
                if self.flags.sharp && code.is_some_and(is_print) {
                    text.push_str(&format!(" '{character}'"));
                }
                self.pad_blank(&text);
            }
        }
    }
}

/// A number with a sign in front, with a point and up to so many digits.
fn with_point(text: &str, significant: Option<usize>) -> String {
    let at = text.find(['e', 'E']).unwrap_or(text.len());
    let (number, tail) = text.split_at(at);
    let mut number = number.to_owned();
    let counted = number[1..].bytes().filter(|byte| *byte != b'.').skip_while(|byte| *byte == b'0').count();
    let mut missing = significant.unwrap_or(0).saturating_sub(counted);
    if !number.contains('.') {
        if &number[1..] == "0" {
            missing = missing.saturating_sub(1);
        }
        number.push('.');
    }
    number.extend(std::iter::repeat_n('0', missing.min(OUTPUT_BYTES_MAX)));
    number + tail
}

/// What a value's own `String` method gives.
pub(super) fn own_text(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Month(month) if (1..=12).contains(month) => Some(month_name(*month).to_owned()),
        Value::Month(month) => Some(format!("%!Month({})", *month as u64)),
        Value::Weekday(day) if (0..7).contains(day) => Some(weekday_name(*day).to_owned()),
        Value::Weekday(day) => Some(format!("%!Weekday({})", *day as u64)),
        Value::Duration(nanos, _) => Some(duration_text(*nanos)),
        Value::Time(time, _) => Some(time.to_string()),
        Value::Location(zone) => Some(zone.name().to_owned()),
        Value::TextMap(map) if map.is_kv => {
            let pairs = super::functions::sorted_pairs(map);
            Some(pairs_text(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
        }
        Value::List(list) if list.kind == ListKind::Pairs => {
            let pair = |item: &Value<'_>| match item {
                Value::Pair(pair) => (pair.0.as_str().to_owned(), pair.1.as_str().to_owned()),
                _ => (String::new(), String::new()),
            };
            let pairs: Vec<(String, String)> = list.items().iter().map(pair).collect();
            Some(pairs_text(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
        }
        _ => None,
    }
}

fn pairs_text<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

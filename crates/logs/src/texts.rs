//! Texts of a column in a block: whichever form holds them in the fewest bytes, given back byte for byte.

use std::net::Ipv4Addr;

use hashbrown::HashTable;
use lingshao_model::log::LogTime;
use rapidhash::v3::rapidhash_v3;

use crate::bytes::{Corrupt, Reader, put_signed, put_text, put_varint};
use crate::column::{Texts, Values};
use crate::filter::FilterBuilder;
use crate::zip::{Unzip, Zip};

const PLAIN: u8 = 0;
const DICTIONARY: u8 = 1;
const HEX: u8 = 2;
const IPV4: u8 = 3;
const TIMES: u8 = 4;
const RECORD_TIMES: u8 = 5;
const TEMPLATES: u8 = 6;

/// More different texts are no dictionary.
pub(crate) const DICTIONARY_MAX: usize = 4_096;
/// More forms are no templates.
const TEMPLATES_MAX: usize = 256;
/// Stand for numbers in templates: one as it is printed, one with zeros in front, whose length follows.
const NUMBER: char = '\u{1}';
const PADDED: char = '\u{2}';
/// Digits of a number in a template at most: what an `i64` always holds.
const DIGITS_MAX: usize = 18;

/// What the writer of a block has to know of an encoded column.
pub(crate) struct Encoded {
    /// The words' filter, if the form has none of its own.
    pub(crate) filter: Option<Vec<u8>>,
    /// Whether every text is its record's own time.
    pub(crate) is_time: bool,
}

/// Encodes texts; `times` are those of the records when each has exactly one of the texts.
pub(crate) fn encode(out: &mut Vec<u8>, texts: &Texts, times: Option<&[i64]>, zip: &mut Zip) -> Encoded {
    let plain = Encoded { filter: None, is_time: false };
    if let Some((different, places)) = dictionary(texts) {
        encode_dictionary(out, &different, &places, zip);
        return plain;
    }
    if let Some(is_time) = encode_times(out, texts, times, zip) {
        return Encoded { is_time, ..plain };
    }
    if encode_ipv4(out, texts, zip) {
        return plain;
    }
    let filter = Some(filter_of(texts));
    if !encode_hex(out, texts, zip) && !encode_templates(out, texts, zip) {
        out.push(PLAIN);
        encode_plain(out, texts, zip);
    }
    Encoded { filter, ..plain }
}

/// Encodes few different texts, and which of them each is.
pub(crate) fn encode_dictionary(out: &mut Vec<u8>, different: &Texts, places: &[u32], zip: &mut Zip) {
    out.push(DICTIONARY);
    put_varint(out, different.len() as u64);
    encode_plain(out, different, zip);
    zip.ints(out, &places.iter().map(|place| i64::from(*place)).collect::<Vec<_>>());
}

/// Reads `count` texts.
pub(crate) fn decode(
    reader: &mut Reader<'_>,
    count: usize,
    times: &mut dyn FnMut() -> Result<Vec<i64>, Corrupt>,
    unzip: &mut Unzip,
) -> Result<Values, Corrupt> {
    Ok(Values::Text(match reader.byte()? {
        PLAIN => decode_plain(reader, count, unzip)?,
        DICTIONARY => {
            let different = reader.size()?;
            let texts = decode_plain(reader, different, unzip)?;
            let places = unzip.ints(reader, count)?;
            let place = |place: i64| {
                u32::try_from(place).ok().filter(|place| (*place as usize) < different).ok_or(Corrupt)
            };
            return Ok(Values::Dictionary(texts, places.into_iter().map(place).collect::<Result<_, _>>()?));
        }
        form => decode_form(form, reader, times, unzip, &Choice::all(count))?.1,
    }))
}

/// Which of a column's texts are read.
pub(crate) struct Choice<'c> {
    /// How many there are.
    pub(crate) count: usize,
    /// Whether one is wanted.
    pub(crate) wanted: &'c dyn Fn(u32) -> bool,
    /// Of texts with numbers, whether one may be wanted that has this between two of them.
    pub(crate) may: &'c dyn Fn(&str) -> bool,
}

impl Choice<'_> {
    fn all(count: usize) -> Choice<'static> {
        Choice { count, wanted: &|_| true, may: &|_| true }
    }

    /// The places of wanted texts.
    fn places(&self) -> impl Iterator<Item = u32> {
        (0..self.count as u32).filter(|place| (self.wanted)(*place))
    }
}

/// Texts, and which of all they are.
pub(crate) type Chosen = (Vec<u32>, Texts);

/// Reads those texts that may be wanted; `None` if the form does not tell them apart without reading all.
pub(crate) fn decode_some(
    bytes: &[u8],
    times: &mut dyn FnMut() -> Result<Vec<i64>, Corrupt>,
    choice: &Choice<'_>,
) -> Result<Option<Chosen>, Corrupt> {
    let mut reader = Reader::new(bytes);
    let form = reader.byte()?;
    if matches!(form, PLAIN | DICTIONARY) {
        return Ok(None);
    }
    let chosen = decode_form(form, &mut reader, times, &mut Unzip::new(), choice)?;
    reader.end()?;
    Ok(Some(chosen))
}

/// The forms in which texts are not stored as such.
fn decode_form(
    form: u8,
    reader: &mut Reader<'_>,
    times: &mut dyn FnMut() -> Result<Vec<i64>, Corrupt>,
    unzip: &mut Unzip,
    choice: &Choice<'_>,
) -> Result<Chosen, Corrupt> {
    match form {
        HEX => decode_hex(reader, choice, unzip),
        IPV4 => decode_ipv4(reader, choice, unzip),
        TIMES => {
            let form = TimeForm::decode(reader)?;
            Ok(form.write_all(&unzip.ints(reader, choice.count)?, 0, choice))
        }
        RECORD_TIMES => {
            let (form, shift) = (TimeForm::decode(reader)?, reader.signed()?);
            let times = times()?;
            if times.len() == choice.count { Ok(form.write_all(&times, shift, choice)) } else { Err(Corrupt) }
        }
        TEMPLATES => decode_templates(reader, choice, unzip),
        _ => Err(Corrupt),
    }
}

fn filter_of(texts: &Texts) -> Vec<u8> {
    let mut builder = FilterBuilder::new();
    texts.iter().for_each(|text| builder.add_text(text));
    builder.build()
}

fn encode_plain(out: &mut Vec<u8>, texts: &Texts, zip: &mut Zip) {
    let lengths: Vec<i64> = texts.iter().map(|text| text.len() as i64).collect();
    zip.ints(out, &lengths);
    put_varint(out, texts.all.len() as u64);
    zip.bytes(out, texts.all.as_bytes());
}

fn decode_plain(reader: &mut Reader<'_>, count: usize, unzip: &mut Unzip) -> Result<Texts, Corrupt> {
    let lengths = unzip.ints(reader, count)?;
    let bytes = reader.size()?;
    let all = String::from_utf8(unzip.bytes(reader, bytes)?).map_err(|_| Corrupt)?;
    let (mut end, mut ends) = (0_u32, Vec::with_capacity(count));
    for length in lengths {
        end = u32::try_from(length).ok().and_then(|length| end.checked_add(length)).ok_or(Corrupt)?;
        if !all.is_char_boundary(end as usize) {
            return Err(Corrupt);
        }
        ends.push(end);
    }
    if end as usize == all.len() { Ok(Texts { all, ends }) } else { Err(Corrupt) }
}

/// The different texts, if they are few, and which of them each text is.
fn dictionary(texts: &Texts) -> Option<(Texts, Vec<u32>)> {
    let mut different = Texts::default();
    let mut numbers: HashTable<(u64, u32)> = HashTable::new();
    let mut places = Vec::with_capacity(texts.len());
    for (nth, text) in texts.iter().enumerate() {
        let hash = rapidhash_v3(text.as_bytes());
        let same = |known: &(u64, u32)| known.0 == hash && different.get(known.1 as usize) == text;
        if let Some((_, number)) = numbers.find(hash, same) {
            places.push(*number);
            continue;
        }
        let number = different.len();
        // Ids and numbers are found out early: at least half of the first texts must be repetitions.
        if number >= DICTIONARY_MAX || (number >= 64 && number > nth / 4) {
            return None;
        }
        different.push(text);
        numbers.insert_unique(hash, (hash, number as u32), |known| known.0);
        places.push(number as u32);
    }
    (different.len() < texts.len().div_ceil(2) || different.len() == 1).then_some((different, places))
}

fn encode_hex(out: &mut Vec<u8>, texts: &Texts, zip: &mut Zip) -> bool {
    let dashed = texts.get(0).len() == 36;
    let mut all = Vec::with_capacity(16 * texts.len());
    for text in texts.iter() {
        let Some(bytes) = hex_bytes(text.as_bytes(), dashed) else { return false };
        all.extend_from_slice(&bytes);
    }
    out.extend_from_slice(&[HEX, u8::from(dashed)]);
    zip.bytes(out, &all);
    true
}

/// Where the dashes of a UUID stand.
const DASHES: [usize; 4] = [8, 13, 18, 23];

fn hex_bytes(text: &[u8], dashed: bool) -> Option<[u8; 16]> {
    if text.len() != if dashed { 36 } else { 32 } || (dashed && DASHES.iter().any(|at| text[*at] != b'-')) {
        return None;
    }
    let (mut bytes, mut nibble) = ([0; 16], 0);
    for (at, digit) in text.iter().enumerate() {
        if dashed && DASHES.contains(&at) {
            continue;
        }
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        bytes[nibble / 2] |= value << (4 * (1 - nibble % 2));
        nibble += 1;
    }
    Some(bytes)
}

fn decode_hex(reader: &mut Reader<'_>, choice: &Choice<'_>, unzip: &mut Unzip) -> Result<Chosen, Corrupt> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let dashed = match reader.byte()? {
        0 => false,
        1 => true,
        _ => return Err(Corrupt),
    };
    let bytes = unzip.bytes(reader, choice.count.checked_mul(16).ok_or(Corrupt)?)?;
    let (mut chosen, mut texts) = (Vec::new(), Texts::default());
    for place in choice.places() {
        let at = 16 * place as usize;
        let (mut text, mut length) = ([b'-'; 36], 0);
        for (at, byte) in bytes[at..at + 16].iter().enumerate() {
            length += usize::from(dashed && matches!(at, 4 | 6 | 8 | 10));
            text[length] = DIGITS[usize::from(byte >> 4)];
            text[length + 1] = DIGITS[usize::from(byte & 15)];
            length += 2;
        }
        chosen.push(place);
        texts.push(std::str::from_utf8(&text[..length]).expect("digits and dashes are ASCII"));
    }
    Ok((chosen, texts))
}

fn encode_ipv4(out: &mut Vec<u8>, texts: &Texts, zip: &mut Zip) -> bool {
    let mut all = Vec::with_capacity(texts.len());
    for text in texts.iter() {
        // Leading zeros are refused by the parser, so an address has one text.
        let Ok(address) = text.parse::<Ipv4Addr>() else { return false };
        all.push(i64::from(address.to_bits()));
    }
    out.push(IPV4);
    zip.ints(out, &all);
    true
}

fn decode_ipv4(reader: &mut Reader<'_>, choice: &Choice<'_>, unzip: &mut Unzip) -> Result<Chosen, Corrupt> {
    let numbers = unzip.ints(reader, choice.count)?;
    let (mut chosen, mut texts) = (Vec::new(), Texts::default());
    for place in choice.places() {
        let parts = u32::try_from(numbers[place as usize]).map_err(|_| Corrupt)?.to_be_bytes();
        for (nth, part) in parts.into_iter().enumerate() {
            if nth > 0 {
                texts.all.push('.');
            }
            push_number(&mut texts.all, u64::from(part));
        }
        chosen.push(place);
        texts.ends.push(texts.all.len() as u32);
    }
    Ok((chosen, texts))
}

fn push_number(out: &mut String, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(&digits[at..]).expect("digits are ASCII"));
}

fn push_padded(out: &mut String, number: u64, length: usize) {
    let digits = number.checked_ilog10().map_or(1, |log| log as usize + 1);
    (digits..length).for_each(|_| out.push('0'));
    push_number(out, number);
}

/// A way to write instants: `2025-06-15T08:30:00.123Z`.
#[derive(Clone, Debug, PartialEq)]
struct TimeForm {
    /// Between date and clock.
    middle: char,
    /// Before the fraction.
    point: char,
    digits: usize,
    /// Behind all, as it stands.
    zone: String,
    /// What the zone means, nanoseconds.
    offset: i64,
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

impl TimeForm {
    fn of(text: &str) -> Option<TimeForm> {
        let bytes = text.as_bytes();
        if bytes.len() < 19 || !bytes.is_ascii() || bytes[4] != b'-' || bytes[16] != b':' {
            return None;
        }
        let (middle, rest) = (bytes[10] as char, &text[19..]);
        let (point, digits) = match rest.as_bytes() {
            [point @ (b'.' | b','), more @ ..] => {
                (*point as char, more.iter().take_while(|digit| digit.is_ascii_digit()).count())
            }
            _ => ('.', 0),
        };
        let zone = if digits == 0 { rest } else { &rest[1 + digits..] };
        if digits > 9 || zone.len() > 8 {
            return None;
        }
        let midnight = LogTime::parse(&format!("1970-01-02T00:00:00{zone}"), 0)?;
        Some(TimeForm { middle, point, digits, zone: zone.to_owned(), offset: DAY - midnight.0 })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.middle as u8, self.point as u8, self.digits as u8]);
        put_text(out, &self.zone);
        put_signed(out, self.offset);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<TimeForm, Corrupt> {
        let (middle, point) = (char::from(reader.byte()?), char::from(reader.byte()?));
        let (digits, zone) = (usize::from(reader.byte()?), reader.text()?.to_owned());
        let offset = reader.signed()?;
        if digits > 9 { Err(Corrupt) } else { Ok(TimeForm { middle, point, digits, zone, offset }) }
    }

    /// By how much all records' times are later than the texts say.
    fn shift_to(&self, texts: &Texts, times: &[i64]) -> Option<i64> {
        let shift = times[0].wrapping_sub(LogTime::parse(texts.get(0), 0)?.0);
        // Only texts without a zone may be read with one: whole quarters of an hour.
        let allowed =
            shift == 0 || (self.zone.is_empty() && shift % (900 * SECOND) == 0 && shift.abs() < DAY);
        let unit = 10_i64.pow(9 - self.digits as u32);
        let (mut again, mut day) = (String::new(), Day::default());
        let mut is_own = |(text, time): (&str, &i64)| {
            let instant = time.wrapping_sub(shift);
            again.clear();
            self.write(&mut again, instant, &mut day);
            again == text && instant % unit == 0
        };
        (allowed && texts.iter().zip(times).all(&mut is_own)).then_some(shift)
    }

    fn write_all(&self, times: &[i64], shift: i64, choice: &Choice<'_>) -> Chosen {
        let (mut chosen, mut texts) = (Vec::new(), Texts::default());
        let mut day = Day::default();
        for place in choice.places() {
            self.write(&mut texts.all, times[place as usize].wrapping_sub(shift), &mut day);
            chosen.push(place);
            texts.ends.push(texts.all.len() as u32);
        }
        (chosen, texts)
    }

    fn write(&self, out: &mut String, time: i64, day: &mut Day) {
        let local = time.wrapping_add(self.offset);
        out.push_str(day.text(local.div_euclid(DAY)));
        out.push(self.middle);
        let clock = local.rem_euclid(DAY);
        let (seconds, nanos) = ((clock / SECOND) as u64, (clock % SECOND) as u64);
        push_padded(out, seconds / 3600, 2);
        out.push(':');
        push_padded(out, seconds / 60 % 60, 2);
        out.push(':');
        push_padded(out, seconds % 60, 2);
        if self.digits > 0 {
            out.push(self.point);
            push_padded(out, nanos / 10_u64.pow(9 - self.digits as u32), self.digits);
        }
        out.push_str(&self.zone);
    }
}

/// The text of the day that was last asked for.
#[derive(Default)]
struct Day(i64, String);

impl Day {
    fn text(&mut self, day: i64) -> &str {
        if self.0 != day || self.1.is_empty() {
            let mut text = LogTime(day.saturating_mul(DAY)).to_string();
            text.truncate(10);
            *self = Day(day, text);
        }
        &self.1
    }
}

/// Encodes texts that are instants of one form; answers whether they are the records' own times.
fn encode_times(out: &mut Vec<u8>, texts: &Texts, times: Option<&[i64]>, zip: &mut Zip) -> Option<bool> {
    let form = TimeForm::of(texts.get(0))?;
    if let Some(shift) = times.and_then(|times| form.shift_to(texts, times)) {
        out.push(RECORD_TIMES);
        form.encode(out);
        put_signed(out, shift);
        return Some(true);
    }
    let (mut instants, mut again, mut day) = (Vec::with_capacity(texts.len()), String::new(), Day::default());
    for text in texts.iter() {
        let instant = LogTime::parse(text, 0)?.0;
        again.clear();
        form.write(&mut again, instant, &mut day);
        if again != text {
            return None;
        }
        instants.push(instant);
    }
    out.push(TIMES);
    form.encode(out);
    zip.ints(out, &instants);
    Some(false)
}

/// Splits numbers off a text; `false` if it holds what stands for them.
fn split(text: &str, template: &mut String, numbers: &mut Vec<i64>) -> bool {
    template.clear();
    numbers.clear();
    let bytes = text.as_bytes();
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'0'..=b'9' => {
                let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                if length <= DIGITS_MAX {
                    template.push_str(&text[copied..at]);
                    numbers.push(bytes[at..at + length].iter().fold(0, |n, b| n * 10 + i64::from(b - b'0')));
                    if bytes[at] == b'0' && length > 1 {
                        template.push(PADDED);
                        template.push((b'0' + length as u8) as char);
                    } else {
                        template.push(NUMBER);
                    }
                    copied = at + length;
                }
                at += length;
            }
            1 | 2 => return false,
            _ => at += 1,
        }
    }
    template.push_str(&text[copied..]);
    true
}

fn encode_templates(out: &mut Vec<u8>, texts: &Texts, zip: &mut Zip) -> bool {
    let mut templates = Texts::default();
    let mut known: HashTable<(u64, u32)> = HashTable::new();
    let mut places = Vec::with_capacity(texts.len());
    let mut slots: Vec<Vec<Vec<i64>>> = Vec::new();
    let (mut template, mut numbers) = (String::new(), Vec::new());
    for text in texts.iter() {
        if !split(text, &mut template, &mut numbers) {
            return false;
        }
        let hash = rapidhash_v3(template.as_bytes());
        let same = |own: &(u64, u32)| own.0 == hash && templates.get(own.1 as usize) == template;
        let found = known.find(hash, same).map(|own| own.1);
        let place = match found {
            Some(place) => place as usize,
            None if templates.len() >= TEMPLATES_MAX => return false,
            None => {
                let place = templates.len();
                templates.push(&template);
                known.insert_unique(hash, (hash, place as u32), |own| own.0);
                slots.push(vec![Vec::new(); numbers.len()]);
                place
            }
        };
        places.push(place as i64);
        slots[place].iter_mut().zip(&numbers).for_each(|(slot, number)| slot.push(*number));
    }
    out.push(TEMPLATES);
    put_varint(out, templates.len() as u64);
    encode_plain(out, &templates, zip);
    zip.ints(out, &places);
    slots.iter().flatten().for_each(|slot| zip.ints(out, slot));
    true
}

/// A piece of a template: text, then maybe a number.
struct Piece<'a> {
    before: &'a str,
    /// Its length; 0: as it is printed.
    length: usize,
    number: bool,
}

fn pieces(template: &str) -> Result<Vec<Piece<'_>>, Corrupt> {
    let (mut rest, mut pieces) = (template, Vec::new());
    while let Some(at) = rest.find([NUMBER, PADDED]) {
        let before = &rest[..at];
        let padded = rest.as_bytes()[at] == 2;
        rest = &rest[at + 1..];
        let mut length = 0;
        if padded {
            let code = *rest.as_bytes().first().ok_or(Corrupt)?;
            length = usize::from(code.checked_sub(b'0').ok_or(Corrupt)?);
            rest = rest.get(1..).ok_or(Corrupt)?;
        }
        if length > DIGITS_MAX {
            return Err(Corrupt);
        }
        pieces.push(Piece { before, length, number: true });
    }
    pieces.push(Piece { before: rest, length: 0, number: false });
    Ok(pieces)
}

fn decode_templates(
    reader: &mut Reader<'_>,
    choice: &Choice<'_>,
    unzip: &mut Unzip,
) -> Result<Chosen, Corrupt> {
    let different = reader.size()?;
    if different > TEMPLATES_MAX {
        return Err(Corrupt);
    }
    let templates = decode_plain(reader, different, unzip)?;
    let places = unzip.ints(reader, choice.count)?;
    let forms = templates.iter().map(pieces).collect::<Result<Vec<_>, _>>()?;
    let may: Vec<bool> =
        forms.iter().map(|form| form.iter().any(|piece| (choice.may)(piece.before))).collect();
    // Of each template, how many texts there are, and whether one is wanted.
    let mut uses = vec![(0, false); different];
    for (nth, place) in (0..).zip(&places) {
        let place = usize::try_from(*place).ok().filter(|place| *place < different).ok_or(Corrupt)?;
        let (count, wanted) = &mut uses[place];
        *count += 1;
        *wanted = *wanted || (may[place] && (choice.wanted)(nth));
    }
    let mut slots: Vec<Option<Vec<Vec<i64>>>> = Vec::with_capacity(different);
    for (form, (count, wanted)) in forms.iter().zip(&uses) {
        let mut numbers = form.iter().filter(|piece| piece.number);
        if *wanted {
            slots.push(Some(numbers.map(|_| unzip.ints(reader, *count)).collect::<Result<_, _>>()?));
        } else {
            numbers.try_for_each(|_| unzip.skip_ints(reader, *count))?;
            slots.push(None);
        }
    }
    let mut next = vec![0; different];
    let (mut chosen, mut texts) = (Vec::new(), Texts::default());
    for (nth, place) in (0..).zip(places) {
        let place = place as usize;
        let at = next[place];
        next[place] += 1;
        let Some(slots) = slots[place].as_ref().filter(|_| (choice.wanted)(nth)) else { continue };
        let mut slots = slots.iter();
        for piece in &forms[place] {
            texts.all.push_str(piece.before);
            if piece.number {
                let number = slots.next().ok_or(Corrupt)?[at];
                push_padded(&mut texts.all, u64::try_from(number).map_err(|_| Corrupt)?, piece.length);
            }
        }
        chosen.push(nth);
        texts.ends.push(u32::try_from(texts.all.len()).map_err(|_| Corrupt)?);
    }
    Ok((chosen, texts))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Encodes and decodes; answers the form, the filter's presence and the bytes.
    #[track_caller]
    fn check(all: &[String], times: Option<&[i64]>) -> (u8, bool, usize) {
        let mut texts = Texts::default();
        all.iter().for_each(|text| texts.push(text));
        let mut out = Vec::new();
        let encoded = encode(&mut out, &texts, times, &mut Zip::new());
        let mut reader = Reader::new(&out);
        let mut own = || times.map(<[i64]>::to_vec).ok_or(Corrupt);
        let values = decode(&mut reader, all.len(), &mut own, &mut Unzip::new()).unwrap();
        assert_eq!(reader.end(), Ok(()));
        for (place, text) in all.iter().enumerate() {
            assert_eq!(values.get(place), lingshao_model::log::LogValue::Text(&**text));
        }
        (out[0], encoded.filter.is_some(), out.len())
    }

    /// Reads those that are wanted and may hold a text, which is without digits.
    #[track_caller]
    fn check_some(all: &[String], part: &str, wanted: impl Fn(u32) -> bool) {
        let mut texts = Texts::default();
        all.iter().for_each(|text| texts.push(text));
        let mut out = Vec::new();
        encode(&mut out, &texts, None, &mut Zip::new());
        let choice = Choice { count: all.len(), wanted: &wanted, may: &|piece| piece.contains(part) };
        let (chosen, some) =
            decode_some(&out, &mut || Err(Corrupt), &choice).unwrap().expect("not stored as texts");
        let holds = |(nth, text): &(u32, &String)| wanted(*nth) && text.contains(part);
        let expected: Vec<_> = (0..).zip(all).filter(holds).collect();
        let found: Vec<_> = chosen.iter().copied().zip(some.iter().map(str::to_owned)).collect();
        assert_eq!(found.iter().map(|(nth, text)| (*nth, text)).collect::<Vec<_>>(), expected);
    }

    fn many(text: impl Fn(i64) -> String) -> Vec<String> {
        (0..1000).map(text).collect()
    }

    #[test]
    fn every_form_gives_back_its_texts() {
        assert_eq!(check(&many(|n| format!("level {}", n % 5)), None).0, DICTIONARY);
        assert_eq!(check(&many(|n| format!("{:032x}", n.wrapping_mul(0x1e37_79b9_7f4a_7c15))), None).0, HEX);
        let uuid = |n: i64| format!("{n:08x}-0000-4000-8000-{:012x}", n * 77);
        assert_eq!(check(&many(uuid), None).0, HEX);
        assert_eq!(check(&many(|n| format!("10.0.{}.{}", n / 256, n % 256)), None).0, IPV4);
        let padded = |n: i64| format!("支付失败 order_no={:09} cost={}.{:03}s", n * 977, n / 500, n % 1000);
        check_some(&many(padded), " cost=", |nth| nth % 3 == 0);
        let mixed = |n: i64| if n % 4 == 0 { padded(n) } else { format!("{n} 支付成功 {}", n % 7) };
        check_some(&many(mixed), "付失", |_| true);
        check_some(&many(mixed), "nowhere", |_| true);
        check_some(&many(mixed), "", |nth| nth == 77);
        check_some(&many(uuid), "", |nth| nth % 500 == 3);
        check_some(&many(|n| format!("10.0.{}.{}", n / 256, n % 256)), "", |nth| nth == 999);
        check_some(&many(|n| LogTime(n * 1_000_000_000).to_string()), "", |nth| nth % 9 == 8);
        let (form, filter, bytes) = check(&many(padded), None);
        assert_eq!((form, filter), (TEMPLATES, true));
        assert!(bytes < 6_500, "{bytes} bytes");
        assert_eq!(check(&many(|n| "ab \u{1}".repeat(n as usize % 7) + &n.to_string()), None).0, PLAIN);
        assert_eq!(check(&many(|n| format!("{}{n}", "9".repeat(20))), None).0, PLAIN);
    }

    #[test]
    fn times_are_known_in_the_forms_of_producers() {
        let times: Vec<i64> = (0..1000).map(|n| 1_750_000_000_123_000_000 + n * 86_000_000).collect();
        let texts = |shift: i64, from: &str, to: &str| -> Vec<String> {
            times.iter().map(|time| LogTime(time - shift).to_string().replace(from, to)).collect()
        };
        let (form, filter, bytes) = check(&texts(0, "", ""), Some(&times));
        assert_eq!((form, filter), (RECORD_TIMES, false));
        assert!(bytes < 20, "{bytes} bytes");
        assert_eq!(check(&texts(0, "", ""), None).0, TIMES);
        assert_eq!(check(&texts(1, "", ""), Some(&times)).0, TIMES);
        let local = -8 * 3600 * SECOND;
        assert_eq!(check(&texts(local, "Z", "+08:00"), Some(&times)).0, RECORD_TIMES);
        assert_eq!(check(&texts(local, "Z", ""), Some(&times)).0, RECORD_TIMES);
        assert_eq!(check(&texts(60 * SECOND, "Z", ""), Some(&times)).0, TIMES);
        let python: Vec<_> =
            times.iter().map(|t| LogTime(*t).to_string().replace('.', ",").replace('T', " ")).collect();
        assert_eq!(check(&python, Some(&times)).0, RECORD_TIMES);
        let mut odd = texts(0, "", "");
        odd[500] = "2025-06-15T08:30:60.000Z".to_owned();
        assert_ne!(check(&odd, Some(&times)).0, RECORD_TIMES);
    }

    proptest! {
        #[test]
        fn any_texts_come_back(all in prop::collection::vec("[a0-9\u{0}-\u{2}支 .:-]{0,30}", 1..40)) {
            check(&all, None);
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0..1000usize) {
            let mut own = || Ok(vec![0; count]);
            drop(decode(&mut Reader::new(&bytes), count, &mut own, &mut Unzip::new()));
        }
    }
}

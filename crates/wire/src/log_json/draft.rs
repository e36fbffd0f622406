//! A record under construction: fields come in, and time, level and message are found among them.

use std::ops::Range;

use lingshao_model::log::{Level, LogTime, LogValue, RecordBuilder};

use super::dialect::{self, RANK_MAX, Role};
use super::edits::Edits;
use super::names::{Key, Names};
use super::{Counts, NAME_BYTES_MAX, RecordContext, Settings, VALUE_BYTES_MAX, VALUES_MAX};
use super::{lift, plain};

/// What embedded objects say ranks behind what the record itself says.
const EMBEDDED_RANK: u8 = 100;
/// What a text begins with ranks behind what its record calls its level, and before what was put around the text: the
/// severity of syslog.
const RECOGNISED_RANK: u8 = 2;
/// A text that is an object as a whole is not what people read, if the object has something better.
const WHOLE_OBJECT_RANK: u8 = 120;
/// Names that `_ignored` lists; a person looks at the first ones.
const IGNORED_MAX: usize = 8;

/// Memory that is reused from record to record.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The name at hand, with those that it stands in.
    pub(super) path: String,
    /// A string without its escapes.
    pub(super) unescaped: String,
    /// The text of the message, if an object may be embedded in it.
    pub(super) message: String,
    /// What a value becomes when it is masked.
    masked: String,
    /// Where the record's JSON has to be changed before it is kept.
    pub(super) edits: Edits,
    /// Names of fields that were cut or left out.
    ignored: Vec<Box<str>>,
}

/// A record that is being filled.
#[derive(Debug)]
pub(crate) struct Draft<'r> {
    pub(super) settings: &'r Settings,
    pub(super) names: &'r mut Names,
    pub(super) scratch: &'r mut Scratch,
    counts: &'r mut Counts,
    record: RecordBuilder<'r>,
    time: Option<LogTime>,
    time_rank: u8,
    nanos: i64,
    level_rank: u8,
    message: Option<Message>,
    /// Columns would not give the record back.
    pub(super) needs_source: bool,
    /// The fields at hand come out of an object that is embedded in a text.
    pub(super) embedded: bool,
    /// The fields at hand are not added, only masked where the record's JSON has them.
    pub(super) muted: bool,
}

/// Where a value stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// In the text that is read.
    pub(super) token: Range<usize>,
    /// Whether in an array.
    pub(super) listed: bool,
}

/// The best that was found for people to read.
#[derive(Clone, Copy, Debug)]
struct Message {
    rank: u8,
    /// Its place among the fields.
    field: usize,
    /// Where it stands in the record's JSON.
    token: (usize, usize),
    /// `scratch.message` holds it, and there may be an object in it.
    liftable: bool,
}

impl<'r> Draft<'r> {
    pub(super) fn new(
        settings: &'r Settings,
        names: &'r mut Names,
        scratch: &'r mut Scratch,
        counts: &'r mut Counts,
        record: RecordBuilder<'r>,
    ) -> Draft<'r> {
        names.begin();
        scratch.ignored.clear();
        scratch.edits.clear();
        Draft {
            settings,
            names,
            scratch,
            counts,
            record,
            time: None,
            time_rank: RANK_MAX,
            nanos: 0,
            level_rank: RANK_MAX,
            message: None,
            needs_source: false,
            embedded: false,
            muted: false,
        }
    }

    /// Adds a field of the record itself, if it has none of the name.
    pub(crate) fn add(&mut self, name: &str, value: LogValue<&str>) {
        self.put(name, value, false);
    }

    /// The same; items of one array may come one after the other.
    pub(crate) fn put(&mut self, name: &str, value: LogValue<&str>, listed: bool) {
        if name.len() > NAME_BYTES_MAX || self.names.is_full(name) {
            self.drop_field(name);
            return;
        }
        let key = self.names.key(name);
        if key.repeated && !listed {
            return;
        }
        let value = match value {
            LogValue::Float(number) if number.is_nan() => LogValue::Text("NaN"),
            LogValue::Float(f64::INFINITY) => LogValue::Text("Infinity"),
            LogValue::Float(f64::NEG_INFINITY) => LogValue::Text("-Infinity"),
            value => value,
        };
        self.leaf(key, name, value, &Place { listed, ..Place::default() });
    }

    /// Adds a value that was read under a name.
    #[inline]
    pub(super) fn leaf(&mut self, key: Key, name: &str, value: LogValue<&str>, place: &Place) {
        let settings = self.settings;
        let mut masked = std::mem::take(&mut self.scratch.masked);
        match &settings.masker {
            Some(masker) if masker.value(key.named, value, &mut masked) => {
                self.counts.values_masked += 1;
                self.scratch.edits.push(place.token.clone(), &masked);
                self.keep(key, name, LogValue::Text(&masked), value, place);
            }
            _ => self.keep(key, name, value, value, place),
        }
        self.scratch.masked = masked;
    }

    /// Adds a value as it is kept; what it says about the record is read from the one that was sent.
    #[inline]
    fn keep(&mut self, key: Key, name: &str, value: LogValue<&str>, sent: LogValue<&str>, place: &Place) {
        if self.muted || (self.embedded && key.repeated && !place.listed) {
            return;
        }
        let value = match value {
            LogValue::Text(text) if text.len() > VALUE_BYTES_MAX => self.cut(name, text),
            value => value,
        };
        if self.record.len() >= VALUES_MAX {
            self.ignore(name);
            self.counts.fields_dropped += 1;
            return;
        }
        // Of names that stand twice in an object, the last one counts.
        let same = if key.repeated && !place.listed { self.names.field(key) } else { None };
        let field = same.unwrap_or(self.record.len());
        match same {
            Some(same) => self.record.replace(same, value),
            None => self.record.field(name, value, place.listed),
        }
        if !place.listed {
            self.names.set_field(key, field);
        }
        if key.role != Role::Plain && !place.listed {
            self.look(key.role, sent, place, field);
        }
    }

    /// What does the value say about the record?
    fn look(&mut self, role: Role, value: LogValue<&str>, place: &Place, field: usize) {
        let behind = if self.embedded { EMBEDDED_RANK } else { 0 };
        match role {
            Role::Plain => {}
            Role::Time(rank) => {
                let rank = rank + behind;
                if rank <= self.time_rank
                    && let Some(time) = dialect::instant(value, self.settings.zone_seconds)
                {
                    (self.time, self.time_rank) = (Some(time), rank);
                }
            }
            Role::Nanos => {
                if let LogValue::Int(nanos @ 0..1_000_000_000) = value {
                    self.nanos = nanos;
                }
            }
            Role::Level(rank, scale) => {
                let rank = rank + behind;
                if rank <= self.level_rank
                    && let Some(level) = dialect::level(value, scale)
                {
                    self.record.level(level);
                    self.level_rank = rank;
                }
            }
            Role::Message(rank) => {
                if let LogValue::Text(text) = value {
                    self.look_at_message(rank + behind, text, place, field);
                }
            }
        }
    }

    fn look_at_message(&mut self, rank: u8, text: &str, place: &Place, field: usize) {
        if self.message.is_some_and(|best| best.rank < rank) {
            return;
        }
        let liftable = self.settings.lift && !self.embedded && text.trim_end().ends_with('}');
        if liftable {
            self.scratch.message.clear();
            self.scratch.message.push_str(text);
        }
        let token = (place.token.start, place.token.end);
        self.message = Some(Message { rank, field, token, liftable });
    }

    /// When it happened, if nothing else said so.
    pub(crate) fn time_if_none(&mut self, time: LogTime) {
        if self.time.is_none() {
            self.time = Some(time);
        }
    }

    /// How bad it is, if nothing else said so.
    pub(crate) fn level_if_none(&mut self, level: Level) {
        if self.level_rank == RANK_MAX {
            self.record.level(level);
            self.level_rank = RECOGNISED_RANK;
        }
    }

    /// Notes that something of the record cannot be searched for.
    #[cold]
    pub(super) fn ignore(&mut self, name: &str) {
        self.needs_source = true;
        let ignored = &mut self.scratch.ignored;
        if ignored.len() < IGNORED_MAX && !ignored.iter().any(|known| **known == *name) {
            ignored.push(name.into());
        }
    }

    /// A name that is left out together with what stands there.
    #[cold]
    pub(crate) fn drop_field(&mut self, name: &str) {
        self.ignore(&name[..name.floor_char_boundary(64)]);
        self.counts.fields_dropped += 1;
    }

    #[cold]
    fn cut<'v>(&mut self, name: &str, text: &'v str) -> LogValue<&'v str> {
        self.ignore(name);
        self.counts.values_cut += 1;
        LogValue::Text(&text[..text.floor_char_boundary(VALUE_BYTES_MAX)])
    }

    /// The text of the message, if an object may be embedded in it; it is taken out of the scratch.
    pub(super) fn liftable(&mut self) -> Option<String> {
        self.message.filter(|message| message.liftable).map(|_| std::mem::take(&mut self.scratch.message))
    }

    /// The message is an object as a whole: what the object calls its message is better.
    pub(super) fn message_is_object(&mut self) {
        if let Some(message) = self.message.as_mut().filter(|message| message.rank > 0) {
            message.rank = WHOLE_OBJECT_RANK;
        }
    }

    /// The message is kept as another text.
    pub(super) fn replace_message(&mut self, text: &str) {
        if let Some(message) = self.message {
            self.record.replace(message.field, LogValue::Text(text));
            self.scratch.edits.push(message.token.0..message.token.1, text);
        }
    }

    /// Completes the record with what follows from its fields.
    pub(crate) fn complete(mut self, json: Option<&str>, context: &RecordContext<'_>) {
        lift::lift(&mut self);
        self.recognise();
        self.derive_message();
        for (name, value) in context.fields {
            self.add(name, LogValue::Text(value));
        }
        if let Some(time) = context.time {
            self.time_if_none(time);
        }
        if let Some(time) = self.time {
            self.record.time(LogTime(time.0.saturating_add(self.nanos)));
        }
        for index in 0..self.scratch.ignored.len() {
            let name = &self.scratch.ignored[index];
            self.record.field("_ignored", LogValue::Text(name), true);
        }
        if let Some(json) = json.filter(|_| self.needs_source) {
            self.record.source(&self.scratch.edits.applied(json));
        }
        self.record.finish();
    }

    /// Looks into the message of a record that does not say how bad it is.
    pub(crate) fn recognise(&mut self) {
        let Some(message) = self.message.filter(|_| self.settings.recognise && self.level_rank == RANK_MAX)
        else {
            return;
        };
        let LogValue::Text(text) = self.record.get(message.field).value else { return };
        let mut line = std::mem::take(&mut self.scratch.message);
        line.clear();
        line.push_str(text);
        plain::recognise(self, &line);
        self.scratch.message = line;
    }

    /// Adds `message`, if the record calls it otherwise.
    fn derive_message(&mut self) {
        let Some(message) = self.message.filter(|message| message.rank > 0) else { return };
        if self.names.has("message") {
            return;
        }
        let LogValue::Text(text) = self.record.get(message.field).value else { return };
        self.scratch.unescaped.clear();
        self.scratch.unescaped.push_str(text);
        self.record.field("message", LogValue::Text(&self.scratch.unescaped), false);
    }
}

//! From a page to the storage: one target's memory of its series.
//!
//! Contract: synchronous; times are arguments. A page that cannot be read to its end leaves nothing; a series that
//! was there and is no longer gets a staleness marker, and so do all when a scrape fails. The memory maps the raw
//! text of a series to its labels and the storage's reference, so that a steady scrape builds no labels: the next
//! line is guessed from the last page's order and compared byte by byte, hashing is only for surprises. The storage
//! takes known series first and new ones second; if it stops taking anything in between, the former are kept.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::time::Duration;

use hashbrown::HashTable;
use lingshao_model::{
    Labels, LabelsBuilder, METRIC_NAME, Refusals, SeriesBatch, TimeDelta, Timestamp, stale_nan,
};
use lingshao_tsdb::{AppendError, Db, Page as Columns, SeriesRef};
use lingshao_wire::exposition::{Entry, ExpositionError, Format, Page, Sample};
use lingshao_wire::prometheus_config::ScrapeConfig;
use lingshao_wire::relabel;

use super::metadata::{self, Metadata};

/// One target's memory.
#[derive(Debug, Default)]
pub struct Appender {
    hasher: rapidhash::fast::RandomState,
    /// Entries by text.
    table: HashTable<u32>,
    /// Entries by labels, aliases left out.
    series: HashTable<u32>,
    entries: Vec<Known>,
    /// Counts scrapes, to tell which entries the page in hand has named.
    scrape: u64,
    /// `up` and its companions, in the order of [`REPORT_NAMES`].
    report: Vec<Remembered>,
    /// Live series from before labels were made by other rules; those that do not come back end.
    retired: Vec<Labels>,
    points: Points,
    scratch: Scratch,
    metadata: Metadata,
}

/// What a page's series text stands for.
#[derive(Debug)]
struct Known {
    text: Box<str>,
    /// `None`: dropped by relabelling, or an alias.
    series: Option<Remembered>,
    /// Another text of the same series (its labels in another order, or made equal by a rule).
    alias_of: Option<u32>,
    /// The scrape that named it last.
    seen: u64,
    /// The entry whose line followed this one's.
    next: u32,
    /// Its last sample was stored and no marker since.
    live: bool,
    /// Its last sample bore the target's own time, so that it ends by itself.
    own_time: bool,
}

#[derive(Debug)]
struct Remembered {
    labels: Labels,
    reference: Option<SeriesRef>,
}

/// What is to be appended: columns of one instant, and samples with times of their own.
#[derive(Debug, Default)]
struct Points {
    slots: Vec<Slot>,
    values: Vec<f64>,
    own_time: Vec<(u32, Timestamp, f64)>,
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    Entry(u32),
    Report(u32),
}

#[derive(Debug, Default)]
struct Scratch {
    references: Vec<SeriesRef>,
    values: Vec<f64>,
    batch: SeriesBatch,
    batch_slots: Vec<Option<Slot>>,
    remembered: Vec<Option<SeriesRef>>,
    labels: LabelsBuilder,
    conflicts: Vec<(String, String)>,
}

/// How series of a page become series of the storage.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'r> {
    /// The job.
    pub job: &'r ScrapeConfig,
    /// The target's labels.
    pub labels: &'r Labels,
}

/// When a scrape happened.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The instant that its samples bear.
    pub sample: Timestamp,
    /// Our clock, against which the storage checks how late and how early samples may be.
    pub now: Timestamp,
    /// Since the request began.
    pub took: Duration,
    /// The limit on that.
    pub timeout: TimeDelta,
}

/// A page as it came.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// Decompressed.
    pub bytes: &'a [u8],
    /// How to read them.
    pub format: Format,
    /// The page tells of a target that is down: `up 0` stands beside it.
    pub is_down: bool,
}

/// What a page held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes after decompression.
    pub body_bytes: u64,
    /// Samples in the page.
    pub scraped: u64,
    /// Samples that relabelling left.
    pub kept: u64,
    /// Series not in the page before.
    pub added: u64,
    /// Lines that named a series a second time; they are left out.
    pub duplicates: u64,
    /// What the storage refused for good.
    pub refusals: Refusals,
}

/// Why a page was not stored.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// It cannot be read.
    #[error(transparent)]
    Exposition(#[from] ExpositionError),
    /// It is over a limit of its job.
    #[error("{0}")]
    Limit(String),
    /// A series has no name or a label twice.
    #[error("series `{series}`: {reason}")]
    Labels {
        /// As it stands in the page, cut.
        series: String,
        /// What is wrong.
        reason: String,
    },
    /// The storage takes nothing now.
    #[error("not stored: {0}")]
    Append(#[from] AppendError),
}

/// Series about the scrape itself; the last three with `extra_scrape_metrics` only.
const REPORT_NAMES: [&str; 8] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];
const REPORT_NAMES_PLAIN: usize = 5;

/// Longest piece of a page that an error quotes.
const QUOTE_BYTES_MAX: usize = 200;

impl Appender {
    /// Stores a page and its report. On an error nothing of the page is stored; call [`Appender::failed`] then.
    pub fn page(
        &mut self,
        db: &Db,
        page: Body<'_>,
        rules: Rules<'_>,
        times: Times,
        counts: &mut Counts,
    ) -> Result<(), PageError> {
        let before = self.entries.len();
        self.begin(rules);
        counts.body_bytes = page.bytes.len() as u64;
        let read = self.read(page.bytes, page.format, rules, counts);
        let stored = read.and_then(|()| {
            self.push_vanished();
            let up = if page.is_down { 0.0 } else { 1.0 };
            self.push_report(up, rules, times, counts, counts.body_bytes as f64);
            self.flush(db, times, &mut counts.refusals).map_err(PageError::from)
        });
        match stored {
            Ok(()) => self.settle(),
            Err(_) => self.forget_from(before),
        }
        stored
    }

    /// Ends all series and reports `up 0`.
    pub fn failed(
        &mut self,
        db: &Db,
        rules: Rules<'_>,
        times: Times,
        counts: &mut Counts,
        body_bytes: f64,
    ) -> Result<(), AppendError> {
        self.begin(rules);
        self.push_vanished();
        self.push_report(0.0, rules, times, counts, body_bytes);
        self.flush(db, times, &mut counts.refusals)?;
        self.end_live();
        Ok(())
    }

    /// Ends everything, the report too: the target is gone.
    pub fn gone(&mut self, db: &Db, rules: Rules<'_>, times: Times) -> Result<Refusals, AppendError> {
        self.begin(rules);
        self.push_vanished();
        for index in 0..self.report.len() {
            self.points.push(Slot::Report(index as u32), stale_nan());
        }
        let mut refusals = Refusals::default();
        self.flush(db, times, &mut refusals)?;
        self.end_live();
        Ok(refusals)
    }

    /// Labels are made by other rules from now on: forgets what texts stand for, but not which series live.
    pub fn rules_changed(&mut self) {
        let live = self.entries.drain(..).filter(|known| known.live && !known.own_time);
        self.retired.extend(live.filter_map(|known| known.series).map(|series| series.labels));
        self.table.clear();
        self.series.clear();
        self.report.clear();
    }

    /// How many series texts are remembered.
    pub fn remembered(&self) -> usize {
        self.entries.len()
    }

    /// What the last pages said about their metrics.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn begin(&mut self, rules: Rules<'_>) {
        self.scrape += 1;
        self.points.clear();
        if self.report.is_empty() {
            let names = if rules.job.extra_scrape_metrics { REPORT_NAMES.len() } else { REPORT_NAMES_PLAIN };
            self.report = REPORT_NAMES[..names]
                .iter()
                .map(|name| Remembered { labels: rules.labels.with(METRIC_NAME, name), reference: None })
                .collect();
        }
    }

    fn read(
        &mut self,
        body: &[u8],
        format: Format,
        rules: Rules<'_>,
        counts: &mut Counts,
    ) -> Result<(), PageError> {
        let mut previous: Option<u32> = None;
        let mut described = Vec::new();
        for entry in Page::new(body, format)? {
            match entry? {
                Entry::Sample(sample) => previous = Some(self.sample(&sample, previous, rules, counts)?),
                other => described.push(other),
            }
        }
        let limit = rules.job.limits.sample_limit;
        if limit > 0 && counts.kept > limit {
            let message = format!("sample limit exceeded: {} samples, sample_limit is {limit}", counts.kept);
            return Err(PageError::Limit(message));
        }
        if counts.added > 0 || self.metadata.is_empty() {
            // What is known about a metric changes with the series of the page or not at all.
            self.metadata.clear();
            described.iter().for_each(|entry| metadata::note(&mut self.metadata, entry));
        }
        Ok(())
    }

    /// Notes a sample that follows the one of entry `previous`; answers its own entry.
    #[inline]
    fn sample(
        &mut self,
        sample: &Sample<'_>,
        previous: Option<u32>,
        rules: Rules<'_>,
        counts: &mut Counts,
    ) -> Result<u32, PageError> {
        counts.scraped += 1;
        let guess = previous.map_or(0, |previous| self.entries[previous as usize].next);
        let guessed = self.entries.get(guess as usize).is_some_and(|known| *known.text == *sample.series);
        let index = if guessed { guess } else { self.look_up(sample, rules, counts)? };
        if let Some(previous) = previous.filter(|_| !guessed) {
            self.entries[previous as usize].next = index;
        }
        self.note(index, sample, rules, counts);
        Ok(index)
    }

    #[inline]
    fn note(&mut self, index: u32, sample: &Sample<'_>, rules: Rules<'_>, counts: &mut Counts) {
        let known = &mut self.entries[index as usize];
        if let Some(original) = known.alias_of {
            known.seen = self.scrape;
            return self.note(original, sample, rules, counts);
        }
        let own_time = sample.timestamp.filter(|_| rules.job.honor_timestamps);
        let seen_before = known.seen == self.scrape;
        known.seen = self.scrape;
        if known.series.is_none() {
            return;
        }
        if seen_before && own_time.is_none() {
            counts.duplicates += 1;
            return;
        }
        counts.kept += 1;
        known.own_time = own_time.is_some() && !rules.job.track_timestamps_staleness;
        match own_time {
            Some(t) => self.points.own_time.push((index, t, sample.value)),
            None => self.points.push(Slot::Entry(index), sample.value),
        }
    }

    /// Finds an entry that was not guessed, or makes it.
    #[cold]
    fn look_up(
        &mut self,
        sample: &Sample<'_>,
        rules: Rules<'_>,
        counts: &mut Counts,
    ) -> Result<u32, PageError> {
        let hash = self.hasher.hash_one(sample.series);
        let entries = &self.entries;
        let found = self.table.find(hash, |index| *entries[*index as usize].text == *sample.series).copied();
        if let Some(index) = found {
            return Ok(index);
        }
        let labels = make_labels(sample, rules, &mut self.scratch)?;
        let original = labels.as_ref().and_then(|labels| {
            let hash = self.hasher.hash_one(Some(labels.encoded()));
            self.series.find(hash, |index| labels_of(&self.entries, *index) == Some(labels)).copied()
        });
        counts.added += u64::from(labels.is_some() && original.is_none());
        let index = u32::try_from(self.entries.len()).expect("pages are limited far below 4 GiB");
        let series = labels.filter(|_| original.is_none());
        self.entries.push(Known {
            text: sample.series.into(),
            series: series.map(|labels| Remembered { labels, reference: None }),
            alias_of: original,
            seen: 0,
            next: index + 1,
            live: false,
            own_time: false,
        });
        self.index(index);
        Ok(index)
    }

    /// Makes an entry findable.
    fn index(&mut self, index: u32) {
        let (hasher, entries) = (&self.hasher, &self.entries);
        let text_hash = |index: &u32| hasher.hash_one(&*entries[*index as usize].text);
        self.table.insert_unique(text_hash(&index), index, text_hash);
        if labels_of(entries, index).is_some() {
            let labels_hash = |index: &u32| hasher.hash_one(labels_of(entries, *index).map(Labels::encoded));
            let hash = hasher.hash_one(labels_of(entries, index).map(Labels::encoded));
            self.series.insert_unique(hash, index, labels_hash);
        }
    }

    /// Markers for what lives and was not in the page.
    fn push_vanished(&mut self) {
        for (index, known) in self.entries.iter().enumerate() {
            if known.live && known.seen != self.scrape && !known.own_time {
                self.points.push(Slot::Entry(index as u32), stale_nan());
            }
        }
    }

    fn push_report(&mut self, up: f64, rules: Rules<'_>, times: Times, counts: &Counts, body_bytes: f64) {
        let values = [
            up,
            times.took.as_secs_f64(),
            counts.scraped as f64,
            counts.kept as f64,
            counts.added as f64,
            times.timeout.as_seconds(),
            rules.job.limits.sample_limit as f64,
            body_bytes,
        ];
        for (index, value) in values.into_iter().enumerate().take(self.report.len()) {
            self.points.push(Slot::Report(index as u32), value);
        }
    }

    /// Hands all points to the storage: by reference where it is known, by labels where not.
    fn flush(&mut self, db: &Db, times: Times, refusals: &mut Refusals) -> Result<(), AppendError> {
        self.scratch.clear();
        for (slot, value) in self.points.slots.iter().zip(&self.points.values) {
            if let Some(reference) = reference(&self.entries, &self.report, *slot) {
                self.scratch.references.push(reference);
                self.scratch.values.push(*value);
            }
        }
        let columns =
            Columns { t: times.sample, refs: &self.scratch.references, values: &self.scratch.values };
        let mut by_labels = false;
        if !columns.refs.is_empty() {
            match db.append_page(&columns, times.now) {
                Ok(appended) => refusals.merge(appended.refusals),
                Err(AppendError::RefsExpired) => by_labels = true,
                Err(error) => return Err(error),
            }
        }
        self.fill_batch(times, by_labels, refusals);
        self.append_batch(db, times, refusals)
    }

    fn fill_batch(&mut self, times: Times, all: bool, refusals: &mut Refusals) {
        let Appender { entries, report, points, scratch, .. } = self;
        for (slot, value) in points.slots.iter().zip(&points.values) {
            if all || reference(entries, report, *slot).is_none() {
                scratch.batch.push(times.sample, None, *value);
                scratch.finish(labels(entries, report, *slot), Some(*slot), refusals);
            }
        }
        for (index, t, value) in &points.own_time {
            scratch.batch.push(*t, None, *value);
            scratch.finish(labels(entries, report, Slot::Entry(*index)), Some(Slot::Entry(*index)), refusals);
        }
        if self.retired.is_empty() {
            return;
        }
        let present: HashSet<&Labels> = entries
            .iter()
            .filter(|known| known.seen == self.scrape)
            .filter_map(|known| known.series.as_ref().map(|series| &series.labels))
            .collect();
        for labels in self.retired.iter().filter(|labels| !present.contains(labels)) {
            scratch.batch.push(times.sample, None, stale_nan());
            scratch.finish(labels, None, refusals);
        }
    }

    fn append_batch(&mut self, db: &Db, times: Times, refusals: &mut Refusals) -> Result<(), AppendError> {
        let Appender { entries, report, scratch, .. } = self;
        if scratch.batch.series_count() == 0 {
            return Ok(());
        }
        let appended = db.append_with_refs(&scratch.batch, times.now, &mut scratch.remembered)?;
        refusals.merge(appended.refusals);
        for (slot, reference) in scratch.batch_slots.iter().zip(&scratch.remembered) {
            let remembered = match slot {
                Some(Slot::Entry(index)) => entries[*index as usize].series.as_mut(),
                Some(Slot::Report(index)) => report.get_mut(*index as usize),
                None => None,
            };
            if let Some(remembered) = remembered {
                remembered.reference = *reference;
            }
        }
        self.retired.clear();
        Ok(())
    }

    /// After a stored page: what it named lives, the rest is forgotten.
    fn settle(&mut self) {
        let scrape = self.scrape;
        let mut gone = false;
        for known in &mut self.entries {
            known.live = known.seen == scrape && known.series.is_some();
            gone |= known.seen != scrape;
        }
        if gone {
            // An alias says where its original stands; it is found out again when the page names it.
            self.entries.retain(|known| known.seen == scrape && known.alias_of.is_none());
            self.rebuild();
        }
    }

    fn end_live(&mut self) {
        self.entries.iter_mut().for_each(|known| known.live = false);
        self.retired.clear();
    }

    /// Forgets what a page that was not stored has added, or its texts would pile up failure by failure.
    fn forget_from(&mut self, length: usize) {
        if self.entries.len() > length {
            self.entries.truncate(length);
            self.rebuild();
        }
    }

    fn rebuild(&mut self) {
        self.table.clear();
        self.series.clear();
        for index in 0..self.entries.len() as u32 {
            self.entries[index as usize].next = index + 1;
            self.index(index);
        }
    }
}

impl Points {
    fn clear(&mut self) {
        self.slots.clear();
        self.values.clear();
        self.own_time.clear();
    }

    fn push(&mut self, slot: Slot, value: f64) {
        self.slots.push(slot);
        self.values.push(value);
    }
}

impl Scratch {
    fn clear(&mut self) {
        self.references.clear();
        self.values.clear();
        self.batch.clear();
        self.batch_slots.clear();
        self.remembered.clear();
    }

    /// Names the series of the point just pushed.
    fn finish(&mut self, labels: &Labels, slot: Option<Slot>, refusals: &mut Refusals) {
        self.labels.clear();
        labels.iter().for_each(|(name, value)| self.labels.push(name, value));
        match self.batch.finish_series(&mut self.labels) {
            Ok(()) => self.batch_slots.push(slot),
            Err((count, error)) => {
                refusals.add(lingshao_model::Refusal::InvalidLabels, count, || format!("{labels}: {error}"));
            }
        }
    }
}

fn reference(entries: &[Known], report: &[Remembered], slot: Slot) -> Option<SeriesRef> {
    match slot {
        Slot::Entry(index) => entries[index as usize].series.as_ref().and_then(|series| series.reference),
        Slot::Report(index) => report[index as usize].reference,
    }
}

fn labels_of(entries: &[Known], index: u32) -> Option<&Labels> {
    entries[index as usize].series.as_ref().map(|series| &series.labels)
}

fn labels<'l>(entries: &'l [Known], report: &'l [Remembered], slot: Slot) -> &'l Labels {
    match slot {
        Slot::Entry(index) => {
            labels_of(entries, index).expect("points are only made for series that were kept")
        }
        Slot::Report(index) => &report[index as usize].labels,
    }
}

/// The labels of a series of the page; `None` when a rule drops it.
fn make_labels(
    sample: &Sample<'_>,
    rules: Rules<'_>,
    scratch: &mut Scratch,
) -> Result<Option<Labels>, PageError> {
    let builder = &mut scratch.labels;
    builder.clear();
    sample.labels(builder);
    builder.encoded().map_err(|error| bad_labels(sample, &error.to_string()))?;
    add_target_labels(builder, rules, &mut scratch.conflicts);
    if !relabel::apply(&rules.job.metric_relabel_configs, builder) {
        return Ok(None);
    }
    if builder.get(METRIC_NAME).is_none() {
        return Err(bad_labels(sample, "relabelling leaves no metric name"));
    }
    check_limits(builder, rules.job)?;
    builder.finish().map(Some).map_err(|error| bad_labels(sample, &error.to_string()))
}

/// The target's labels win, and those of the page are kept as `exported_…`; with `honor_labels` the page wins.
fn add_target_labels(builder: &mut LabelsBuilder, rules: Rules<'_>, conflicts: &mut Vec<(String, String)>) {
    conflicts.clear();
    for (name, value) in rules.labels {
        match builder.get(name) {
            None => builder.push(name, value),
            Some(_) if rules.job.honor_labels => {}
            Some(own) => {
                conflicts.push((name.to_owned(), own.to_owned()));
                relabel::set(builder, name, value);
            }
        }
    }
    conflicts.sort_by_key(|(name, _)| name.len());
    for (name, value) in conflicts.iter() {
        let mut exported = format!("exported_{name}");
        while builder.get(&exported).is_some() {
            exported.insert_str(0, "exported_");
        }
        builder.push(&exported, value);
    }
}

fn check_limits(builder: &LabelsBuilder, job: &ScrapeConfig) -> Result<(), PageError> {
    let limits = &job.limits;
    let over = |limit: u64, count: usize| limit > 0 && count as u64 > limit;
    let metric = builder.get(METRIC_NAME).map_or("", quote);
    if over(limits.label_limit, builder.len()) {
        let (count, limit) = (builder.len(), limits.label_limit);
        let message =
            format!("label_limit exceeded (metric: {metric:?}, number of labels: {count}, limit: {limit})");
        return Err(PageError::Limit(message));
    }
    for (name, value) in builder.pairs() {
        if over(limits.label_name_length_limit, name.len()) {
            let limit = limits.label_name_length_limit;
            return Err(PageError::Limit(format!(
                "label_name_length_limit exceeded (metric: {metric:?}, label name: {:?}, length: {}, limit: {limit})",
                quote(name),
                name.len()
            )));
        }
        if over(limits.label_value_length_limit, value.len()) {
            let limit = limits.label_value_length_limit;
            return Err(PageError::Limit(format!(
                "label_value_length_limit exceeded (metric: {metric:?}, label name: {:?}, value: {:?}, length: {}, limit: {limit})",
                quote(name),
                quote(value),
                value.len()
            )));
        }
    }
    Ok(())
}

fn bad_labels(sample: &Sample<'_>, reason: &str) -> PageError {
    PageError::Labels { series: quote(sample.series).to_owned(), reason: reason.to_owned() }
}

fn quote(text: &str) -> &str {
    metadata::cut(text, QUOTE_BYTES_MAX)
}

#[cfg(test)]
mod tests;

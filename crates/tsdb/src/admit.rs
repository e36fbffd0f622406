//! What of a batch is kept: windows of time, limits, and samples that are there already.

use lingshao_model::{BatchSeries, Labels, Refusal, Refusals, Timestamp};

use crate::db::Scratch;
use crate::generation::Generation;
use crate::options::Options;
use crate::record::Entry;
use crate::series::Place;

/// Instants that are accepted.
pub(crate) struct Window {
    from: i64,
    to: i64,
}

impl Window {
    pub(crate) fn new(options: &Options, now: Timestamp) -> Window {
        let window = options.out_of_order_window.min(options.retention);
        Window { from: (now - window).0, to: (now + options.future_max).0 }
    }

    fn refusal(&self, t: i64) -> Option<Refusal> {
        if t < self.from {
            Some(Refusal::TooOld)
        } else if t > self.to {
            Some(Refusal::TooFarAhead)
        } else {
            None
        }
    }
}

/// What is being decided of a batch.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) stored: u64,
    pub(crate) refusals: Refusals,
}

impl Outcome {
    /// Checks a series that is not known yet; answers its labels if it may be added.
    pub(crate) fn admit_series(
        &mut self,
        options: &Options,
        window: &Window,
        series_count: u32,
        series: &BatchSeries<'_>,
    ) -> Option<Labels> {
        let labels = series.labels();
        let mut refuse = |reason, detail: &dyn Fn() -> String| {
            self.refusals.add(reason, series.times.len().max(1) as u64, || {
                format!("{}{}", excerpt(&labels), detail())
            });
            None
        };
        if let Some(detail) = over_label_limit(options, &labels) {
            return refuse(Refusal::LabelLimit, &|| format!(": {detail}"));
        }
        if series_count >= options.series_max {
            return refuse(Refusal::SeriesLimit, &|| format!(": {} series allowed", options.series_max));
        }
        // A series of which nothing can be kept must not take memory.
        if !series.times.iter().any(|t| window.refusal(*t).is_none()) {
            let t = series.times.first()?;
            return refuse(window.refusal(*t).expect("none is accepted"), &|| format!(" at {t}"));
        }
        Some(labels)
    }

    pub(crate) fn admit_samples(
        &mut self,
        head: &Generation,
        window: &Window,
        number: u32,
        series: &BatchSeries<'_>,
        scratch: &mut Scratch,
    ) {
        let before = scratch.entries.len();
        for (index, (t, value)) in series.times.iter().zip(series.values).enumerate() {
            let start = series.starts.get(index).copied().unwrap_or(0);
            let entry = Entry { series: number, t: *t, start, value: *value };
            self.admit(head, window, entry, &mut scratch.entries);
        }
        let undefined = !head.series(number).expect("just found").defined;
        if undefined && scratch.entries.len() > before && scratch.undefined.last() != Some(&number) {
            scratch.undefined.push(number);
        }
    }

    /// Judges one sample of a series that exists.
    #[inline]
    pub(crate) fn admit(
        &mut self,
        head: &Generation,
        window: &Window,
        entry: Entry,
        entries: &mut Vec<Entry>,
    ) {
        if let Some(reason) = window.refusal(entry.t) {
            return self.refuse(head, reason, entry);
        }
        let series = head.series(entry.series).expect("entries name series that exist");
        match series.place(entry.t, entry.value) {
            Place::End | Place::Late => {
                entries.push(entry);
                self.stored += 1;
            }
            Place::Repeated => self.stored += 1,
            Place::Conflict => self.refuse(head, Refusal::DuplicateTimestamp, entry),
        }
    }

    /// Of two samples of one series at one instant in one batch the head has seen neither when it judges them: the
    /// first stays. Most batches name each series once, in ascending order, and there is nothing to look for.
    pub(crate) fn drop_twins(&mut self, head: &Generation, scratch: &mut Scratch) {
        let Scratch { entries, undefined, order, .. } = scratch;
        if entries.is_sorted_by(|a, b| (a.series, a.t) < (b.series, b.t)) {
            return;
        }
        undefined.sort_unstable();
        undefined.dedup();
        order.clear();
        order.extend((0..).zip(&*entries).map(|(at, entry)| (entry.series, entry.t, at)));
        order.sort(); // Senders repeat their order: few ascending runs, which this sort only merges.
        let mut twins = Vec::new();
        for same in order.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let kept = entries[same[0].2 as usize].value;
            for (_, _, at) in &same[1..] {
                let twin = entries[*at as usize];
                twins.push(*at);
                if kept.to_bits() != twin.value.to_bits() {
                    self.stored -= 1;
                    self.refuse(head, Refusal::DuplicateTimestamp, twin);
                }
            }
        }
        twins.sort_unstable();
        let (mut at, mut twins) = (0, twins.into_iter().peekable());
        entries.retain(|_| {
            at += 1;
            twins.next_if_eq(&(at - 1)).is_none()
        });
    }

    #[cold]
    fn refuse(&mut self, head: &Generation, reason: Refusal, entry: Entry) {
        let series = head.series(entry.series).expect("entries name series that exist");
        self.refusals.add(reason, 1, || format!("{} at {}", excerpt(&series.labels), entry.t));
    }
}

pub(crate) fn over_label_limit(options: &Options, labels: &Labels) -> Option<String> {
    let count = labels.len();
    if count > options.labels_max {
        return Some(format!("{count} labels, {} allowed", options.labels_max));
    }
    labels.iter().find_map(|(name, value)| {
        if name.len() > options.label_name_bytes_max {
            Some(format!("a label name of {} bytes, {} allowed", name.len(), options.label_name_bytes_max))
        } else if value.len() > options.label_value_bytes_max {
            let (bytes, bytes_max) = (value.len(), options.label_value_bytes_max);
            Some(format!("the value of `{name}` has {bytes} bytes, {bytes_max} allowed"))
        } else {
            None
        }
    })
}

/// Labels for an error text, cut to a readable length.
pub(crate) fn excerpt(labels: &Labels) -> String {
    const CHARACTERS_MAX: usize = 200;
    let text = labels.to_string();
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

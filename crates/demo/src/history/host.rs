//! The host's series, made to end where its collector begins.

use super::{Host, Recipe, Story};
use crate::dice::{Dice, Purpose};
use crate::rhythm::{STEP_MS, rhythm};

/// What a family does over time.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Always what it is now.
    Constant,
    /// Was around what it is now: by how much it sways, as a share.
    Sways(f64),
    /// Fell to what it is now: by which share a day.
    Falls(f64),
    /// A counter that grows by this much a second when the shop is quiet.
    Grows(f64),
    /// Seconds of a processor in the mode that the label `mode` tells.
    Processor,
}

/// The families that are told of, in the order in which they are left out last. The rates are those of a small server.
const FAMILIES: [(&str, Kind); 27] = [
    ("node_boot_time_seconds", Kind::Constant),
    ("node_uname_info", Kind::Constant),
    ("node_memory_MemTotal_bytes", Kind::Constant),
    ("node_memory_MemAvailable_bytes", Kind::Sways(0.04)),
    ("node_memory_MemFree_bytes", Kind::Sways(0.08)),
    ("node_memory_Cached_bytes", Kind::Sways(0.05)),
    ("node_memory_Buffers_bytes", Kind::Sways(0.03)),
    ("node_memory_SwapTotal_bytes", Kind::Constant),
    ("node_memory_SwapFree_bytes", Kind::Constant),
    ("node_load1", Kind::Sways(0.5)),
    ("node_load5", Kind::Sways(0.3)),
    ("node_load15", Kind::Sways(0.2)),
    ("node_filesystem_size_bytes", Kind::Constant),
    ("node_filesystem_avail_bytes", Kind::Falls(0.004)),
    ("node_filesystem_free_bytes", Kind::Falls(0.004)),
    ("node_network_receive_bytes_total", Kind::Grows(22_000.0)),
    ("node_network_transmit_bytes_total", Kind::Grows(61_000.0)),
    ("node_disk_read_bytes_total", Kind::Grows(9_000.0)),
    ("node_disk_written_bytes_total", Kind::Grows(48_000.0)),
    ("node_disk_reads_completed_total", Kind::Grows(0.6)),
    ("node_disk_writes_completed_total", Kind::Grows(4.0)),
    ("node_disk_io_time_seconds_total", Kind::Grows(0.012)),
    ("node_network_receive_packets_total", Kind::Grows(40.0)),
    ("node_network_transmit_packets_total", Kind::Grows(46.0)),
    ("node_context_switches_total", Kind::Grows(900.0)),
    ("node_intr_total", Kind::Grows(500.0)),
    ("node_cpu_seconds_total", Kind::Processor),
];

/// A sample of the collector's page.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

pub(super) fn recipes(seed: u64, host: &Host, series_max: usize) -> Vec<Recipe> {
    let samples: Vec<Sample> = host.page.lines().filter_map(sample).collect();
    let booted = samples.iter().find(|sample| sample.name == "node_boot_time_seconds");
    let booted_ms = booted.map_or(0, |sample| (sample.value * 1_000.0) as i64);
    let mut recipes = Vec::new();
    for (family, kind) in FAMILIES {
        for sample in samples.iter().filter(|sample| sample.name == family) {
            let labels: Vec<(&str, &str)> =
                sample.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
            let noise = Noise { seed, number: 1 + recipes.len() as u64 };
            let (kind, value) = (at_mode(kind, &sample.labels), sample.value);
            let values = move |story: &Story| values(kind, value, booted_ms, noise, story);
            recipes.push(Recipe::new(&host.target, family, &labels, values));
        }
    }
    recipes.truncate(series_max);
    recipes
}

/// A processor's mode decides how fast its seconds grow: as a share of time, when the shop is quiet. Idle is what the
/// others leave.
fn at_mode(kind: Kind, labels: &[(String, String)]) -> Kind {
    let mode = labels.iter().find(|(name, _)| name == "mode").map(|(_, mode)| mode.as_str());
    match (kind, mode) {
        (Kind::Processor, Some("idle")) => Kind::Processor,
        (Kind::Processor, Some(mode)) => {
            Kind::Grows(BUSY.iter().find(|(one, _)| *one == mode).map_or(0.0, |(_, share)| *share))
        }
        (kind, _) => kind,
    }
}

const BUSY: [(&str, f64); 5] =
    [("user", 0.045), ("system", 0.018), ("iowait", 0.004), ("softirq", 0.002), ("steal", 0.001)];

#[derive(Clone, Copy, Debug)]
struct Noise {
    seed: u64,
    number: u64,
}

impl Noise {
    /// Slow noise of deviation 1 (an autoregressive process with a memory of some ten minutes).
    fn values(self, length: usize) -> impl Iterator<Item = f64> {
        let mut dice = Dice::new(self.seed, Purpose::Noise, self.number);
        let mut last = 0.0;
        (0..length).map(move |_| {
            last = 0.95 * last + 0.31 * dice.normal();
            last
        })
    }
}

fn values(kind: Kind, end: f64, booted_ms: i64, noise: Noise, story: &Story) -> Vec<f64> {
    let length = story.times.len();
    match kind {
        Kind::Constant => vec![end; length],
        Kind::Sways(share) => {
            let noise: Vec<f64> = noise.values(length).collect();
            let last = noise.last().copied().unwrap_or_default();
            // Against the last value, so that the end is exact.
            noise
                .iter()
                .map(|noise| (end * (1.0 + share * (noise - last).clamp(-1.8, 1.8))).max(0.0))
                .collect()
        }
        Kind::Falls(share) => {
            let last = story.times.last().map_or(0, |time| time.0);
            let days = |time: i64| (last - time) as f64 / 86_400_000.0;
            story.times.iter().map(|time| end * (1.0 + share * days(time.0))).collect()
        }
        Kind::Grows(rate) => counter(end, booted_ms, story, noise, move |busy| rate * busy),
        Kind::Processor => {
            let share: f64 = BUSY.iter().map(|(_, share)| share).sum();
            counter(end, booted_ms, story, noise, move |busy| (1.0 - share * busy).max(0.0))
        }
    }
}

/// A counter that ends at `end`. A host that was started within the time begins again at 0 then, and grows as fast as
/// it must to get there; so it does, too, if it cannot have grown as fast as usual.
fn counter(end: f64, booted_ms: i64, story: &Story, noise: Noise, rate: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut noise = noise.values(story.times.len());
    let seconds = |pair: &[crate::time::Moment]| (pair[1].0 - pair[0].0) as f64 / 1_000.0;
    let growth: Vec<f64> = story
        .times
        .windows(2)
        .map(|pair| {
            let busy = rhythm(pair[1]) * (1.0 + 0.15 * noise.next().unwrap_or_default()).max(0.2);
            rate(busy) * seconds(pair)
        })
        .collect();
    let boot = story.times.partition_point(|time| time.0 + STEP_MS <= booted_ms);
    let since_boot: f64 = growth[boot.min(growth.len())..].iter().sum();
    let scaled = boot > 0 || since_boot > end;
    let factor = if scaled && since_boot > 0.0 { end / since_boot } else { 1.0 };
    let mut values = vec![0.0; story.times.len()];
    let mut value = end;
    for index in (boot..values.len()).rev() {
        values[index] = value.max(0.0);
        value -= factor * index.checked_sub(1).map_or(0.0, |before| growth[before]);
    }
    let mut before_boot = 0.0;
    for index in 0..boot.min(values.len()) {
        values[index] = before_boot;
        before_boot += growth.get(index).copied().unwrap_or_default();
    }
    values
}

/// One line of Prometheus' text format; nothing for comments and for what is no number.
fn sample(line: &str) -> Option<Sample> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, value) = rest.split_once("=\"")?;
            let (value, after) = quoted(value)?;
            labels.push((label.trim_start_matches(',').trim().to_owned(), value));
            rest = after;
        }
        rest = &rest[1..];
    }
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    value.is_finite().then(|| Sample { name: name.to_owned(), labels, value })
}

/// Text up to its closing quote, without escapes, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c => value.push(c),
            },
            c => value.push(c),
        }
    }
    None
}

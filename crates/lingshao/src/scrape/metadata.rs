//! What pages say about their metrics: type, help, unit; kept within bounds for the metadata API.

use std::collections::BTreeMap;

use lingshao_wire::exposition::{Entry, MetricType};

/// Most metric families remembered per target: node_exporter has some 300.
const FAMILIES_MAX: usize = 10_000;
/// Longest help text kept, in bytes; longer ones are cut.
const HELP_BYTES_MAX: usize = 1 << 10;
/// Longest family name kept.
const NAME_BYTES_MAX: usize = 1 << 10;

/// What a target says about one metric family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family {
    /// `# TYPE`
    pub kind: MetricType,
    /// `# HELP`, at most 1 KiB of it.
    pub help: String,
    /// `# UNIT`
    pub unit: String,
}

/// All families of a target, by name.
pub type Metadata = BTreeMap<String, Family>;

/// Notes what an entry says.
pub(super) fn note(metadata: &mut Metadata, entry: &Entry<'_>) {
    let name = match entry {
        Entry::Type { name, .. } | Entry::Help { name, .. } | Entry::Unit { name, .. } => name,
        Entry::Sample(_) => return,
    };
    if !metadata.contains_key(name.as_ref())
        && (metadata.len() >= FAMILIES_MAX || name.len() > NAME_BYTES_MAX)
    {
        return;
    }
    let family = metadata.entry(name.clone().into_owned()).or_default();
    match entry {
        Entry::Type { kind, .. } => family.kind = *kind,
        Entry::Help { text, .. } => family.help = cut(text, HELP_BYTES_MAX).to_owned(),
        Entry::Unit { unit, .. } => family.unit = cut(unit, HELP_BYTES_MAX).to_owned(),
        Entry::Sample(_) => {}
    }
}

/// The beginning of a text, at most so many bytes of it.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

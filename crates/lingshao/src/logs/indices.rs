//! Names and patterns of indices, as Elasticsearch writes them: `a,logs-*,-logs-old`, `_all`.

use lingshao_logs::Store;
use lingshao_wire::es::glob;

/// The indices that exist and match, by name.
pub(crate) fn matching(store: &Store, patterns: &str) -> Vec<String> {
    let names: Vec<String> = store.index_names();
    let mut wanted = vec![false; names.len()];
    for (place, pattern) in
        patterns.split(',').map(str::trim).filter(|pattern| !pattern.is_empty()).enumerate()
    {
        let (pattern, is_wanted) = match pattern.strip_prefix('-') {
            Some(pattern) if place > 0 => (pattern, false),
            _ => (pattern, true),
        };
        for (name, wanted) in names.iter().zip(&mut wanted) {
            if pattern == "_all" || glob::matches(pattern, name) {
                *wanted = is_wanted;
            }
        }
    }
    names.into_iter().zip(wanted).filter_map(|(name, wanted)| wanted.then_some(name)).collect()
}

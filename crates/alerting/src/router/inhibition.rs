//! Which alert is not told because another one fires: sources are filed by the labels that must be alike, so that a target
//! looks only at those that can inhibit it.

use std::collections::{BTreeMap, HashMap};

use lingshao_model::{Fingerprint, InhibitRule, Labels, Matcher, Timestamp};

use super::routes::all_match;

/// The rules and the alerts that are sources of one.
#[derive(Debug, Default)]
pub(super) struct Inhibition {
    rules: Vec<Rule>,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Rule {
    source: Vec<Matcher>,
    target: Vec<Matcher>,
    equal: Vec<String>,
    buckets: HashMap<Box<[u8]>, Bucket>,
}

/// Sources with the same equal labels.
#[derive(Debug, Default)]
struct Bucket {
    /// When each ends, and whether it is a target of the same rule too.
    sources: BTreeMap<Fingerprint, (Option<Timestamp>, bool)>,
    /// The answer at an instant, good until a source changes: thousands of targets ask the same.
    memo: Option<(Timestamp, Firing)>,
}

/// A source that fires, if there is one: of all, and of those that are not targets of the same rule.
#[derive(Clone, Copy, Debug, Default)]
struct Firing {
    any: Option<Fingerprint>,
    one_sided: Option<Fingerprint>,
}

/// In which rules an alert takes part; found once, because labels never change.
#[derive(Clone, Debug, Default)]
pub(super) struct Roles {
    source: Box<[u16]>,
    target: Box<[u16]>,
}

impl Inhibition {
    pub(super) fn new(rules: &[InhibitRule]) -> Inhibition {
        let rule = |rule: &InhibitRule| Rule {
            source: rule.source.clone(),
            target: rule.target.clone(),
            equal: rule.equal.clone(),
            buckets: HashMap::new(),
        };
        Inhibition { rules: rules.iter().map(rule).collect(), scratch: Vec::new() }
    }

    /// The rules in which an alert with these labels takes part.
    pub(super) fn roles(&self, labels: &Labels) -> Roles {
        let of = |side: fn(&Rule) -> &[Matcher]| {
            let numbered = self.rules.iter().zip(0u16..); // A config file has fewer rules.
            numbered.filter(|(rule, _)| all_match(side(rule), labels)).map(|(_, at)| at).collect()
        };
        Roles { source: of(|rule| &rule.source), target: of(|rule| &rule.target) }
    }

    /// Files a source, or what became of it.
    pub(super) fn set(
        &mut self,
        labels: &Labels,
        fingerprint: Fingerprint,
        roles: &Roles,
        ends_at: Option<Timestamp>,
    ) {
        for at in &roles.source {
            let rule = &mut self.rules[usize::from(*at)];
            push_equal(&mut self.scratch, &rule.equal, labels);
            let two_sided = roles.target.contains(at);
            if !rule.buckets.contains_key(&self.scratch[..]) {
                rule.buckets.insert(self.scratch.clone().into_boxed_slice(), Bucket::default());
            }
            let bucket = rule.buckets.get_mut(&self.scratch[..]).expect("inserted above");
            bucket.sources.insert(fingerprint, (ends_at, two_sided));
            bucket.memo = None;
        }
    }

    /// Forgets a source.
    pub(super) fn remove(&mut self, labels: &Labels, fingerprint: Fingerprint, roles: &Roles) {
        for at in &roles.source {
            let rule = &mut self.rules[usize::from(*at)];
            push_equal(&mut self.scratch, &rule.equal, labels);
            if let Some(bucket) = rule.buckets.get_mut(&self.scratch[..]) {
                bucket.sources.remove(&fingerprint);
                bucket.memo = None;
                if bucket.sources.is_empty() {
                    rule.buckets.remove(&self.scratch[..]);
                }
            }
        }
    }

    /// An alert that inhibits this one. One that is on both sides of a rule is not inhibited by others that are, itself
    /// included (`inhibit.InhibitRule.hasEqual`).
    pub(super) fn inhibitor(
        &mut self,
        labels: &Labels,
        roles: &Roles,
        now: Timestamp,
    ) -> Option<Fingerprint> {
        roles.target.iter().find_map(|at| {
            let rule = &mut self.rules[usize::from(*at)];
            if rule.buckets.is_empty() {
                return None;
            }
            push_equal(&mut self.scratch, &rule.equal, labels);
            let firing = rule.buckets.get_mut(&self.scratch[..])?.firing(now);
            if roles.source.contains(at) { firing.one_sided } else { firing.any }
        })
    }
}

impl Bucket {
    fn firing(&mut self, now: Timestamp) -> Firing {
        if let Some((at, firing)) = self.memo
            && at == now
        {
            return firing;
        }
        let fires = |ends_at: &Option<Timestamp>| ends_at.is_none_or(|ends_at| now < ends_at);
        let find = |with_two_sided: bool| {
            let mut sources = self.sources.iter();
            sources
                .find(|(_, (ends_at, two_sided))| fires(ends_at) && (with_two_sided || !two_sided))
                .map(|(fingerprint, _)| *fingerprint)
        };
        let firing = Firing { any: find(true), one_sided: find(false) };
        self.memo = Some((now, firing));
        firing
    }
}

/// The values that must be alike, each with its length in front; a missing one is empty.
fn push_equal(key: &mut Vec<u8>, equal: &[String], labels: &Labels) {
    key.clear();
    for name in equal {
        let value = labels.get(name).unwrap_or("");
        key.extend_from_slice(&value.len().to_le_bytes());
        key.extend_from_slice(value.as_bytes());
    }
}

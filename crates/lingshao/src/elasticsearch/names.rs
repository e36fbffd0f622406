//! The indices that there are, and the other names that they have.
//!
//! What clients say about an index beside its fields is kept with it as one JSON text: their settings and its aliases.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use lingshao_logs::{IndexInfo, Snapshot};
use lingshao_model::log::Mapping;
use lingshao_wire::es::indices::{Existing, IndexOptions};
use lingshao_wire::es::info::IndexFacts;
use lingshao_wire::es::{EsError, UrlParams};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::App;

/// What is kept with an index.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// As they were given.
    #[serde(default)]
    pub(super) settings: Option<Box<RawValue>>,
    /// Other names.
    #[serde(default)]
    pub(super) aliases: Vec<String>,
}

impl Kept {
    /// What an index without anything has is the empty text.
    fn of(info: &IndexInfo) -> Kept {
        serde_json::from_str(&info.settings).unwrap_or_default()
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// JSON.
    pub(super) fn settings(&self) -> &str {
        self.settings.as_ref().map_or("{}", |settings| settings.get())
    }
}

/// What was last read of the catalog: it changes rarely, and every call asks for it.
#[derive(Debug, Default)]
pub(crate) struct LastRead(Mutex<Option<(u64, Arc<Indices>)>>);

/// All indices of one version of the catalog.
#[derive(Debug)]
struct Indices {
    infos: Vec<(IndexInfo, Kept)>,
    names: Vec<String>,
    aliases: BTreeMap<String, Vec<String>>,
}

impl LastRead {
    fn of(&self, snapshot: &Snapshot) -> Arc<Indices> {
        let version = snapshot.catalog_version();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((known, indices)) if *known == version => indices.clone(),
            _ => last.insert((version, Arc::new(Indices::read(snapshot)))).1.clone(),
        }
    }
}

impl Indices {
    fn read(snapshot: &Snapshot) -> Indices {
        let infos: Vec<(IndexInfo, Kept)> = snapshot
            .indices()
            .into_iter()
            .map(|info| {
                let kept = Kept::of(&info);
                (info, kept)
            })
            .collect();
        let mut aliases: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (info, kept) in &infos {
            for alias in &kept.aliases {
                aliases.entry(alias.clone()).or_default().push(info.name.clone());
            }
        }
        let names = infos.iter().map(|(info, _)| info.name.clone()).collect();
        Indices { infos, names, aliases }
    }
}

/// All indices at one moment.
#[derive(Debug)]
pub(crate) struct Known {
    snapshot: Snapshot,
    indices: Arc<Indices>,
}

impl Known {
    pub(crate) fn now(app: &App) -> Known {
        let snapshot = app.logs.store().snapshot();
        let indices = app.indices.of(&snapshot);
        Known { snapshot, indices }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.indices.infos.len()
    }

    /// Of all of them, sorted.
    pub(crate) fn names(&self) -> &[String] {
        &self.indices.names
    }

    /// Other names, and what they stand for.
    pub(crate) fn aliases(&self) -> &BTreeMap<String, Vec<String>> {
        &self.indices.aliases
    }

    /// The indices that a path names; missing ones are an error unless the call says otherwise.
    pub(super) fn resolve(&self, path: Option<&str>, params: &UrlParams) -> Result<Vec<String>, EsError> {
        self.resolve_names(&listed(path.unwrap_or("")), IndexOptions::of(params)?)
    }

    /// The same for a text without options, as people write it: no name at all is every index.
    pub(crate) fn resolve_text(&self, text: &str) -> Result<Vec<String>, EsError> {
        self.resolve_names(&listed(text), IndexOptions::default())
    }

    pub(super) fn resolve_names(
        &self,
        names: &[String],
        options: IndexOptions,
    ) -> Result<Vec<String>, EsError> {
        let Indices { names: indices, aliases, .. } = &*self.indices;
        Existing { indices, aliases }.resolve(names, options)
    }

    /// The one index that a name, or an alias of one index, stands for.
    pub(super) fn one(&self, name: &str) -> Result<&(IndexInfo, Kept), EsError> {
        let Indices { infos, aliases, .. } = &*self.indices;
        let own = infos.iter().find(|(info, _)| info.name == name);
        let aliased = || {
            let indices = aliases.get(name).filter(|indices| indices.len() == 1)?;
            infos.iter().find(|(info, _)| info.name == indices[0])
        };
        own.or_else(aliased).ok_or_else(|| EsError::no_index(name))
    }

    /// What is told about these indices.
    pub(super) fn facts<'k>(&'k self, indices: &[String]) -> Vec<IndexFacts<'k>> {
        self.chosen(indices)
            .map(|(info, kept)| {
                let size = self.snapshot.size(&info.name);
                IndexFacts {
                    name: &info.name,
                    created: info.created,
                    records: size.records,
                    bytes: size.bytes,
                    settings: kept.settings(),
                    aliases: &kept.aliases,
                }
            })
            .collect()
    }

    pub(super) fn chosen<'k>(&'k self, indices: &[String]) -> impl Iterator<Item = &'k (IndexInfo, Kept)> {
        self.indices.infos.iter().filter(|(info, _)| indices.contains(&info.name))
    }

    /// What these indices say of their fields, merged; the first one to describe a field wins.
    pub(super) fn mapping(&self, indices: &[String]) -> Mapping {
        let mut merged = Mapping::default();
        for (info, _) in self.chosen(indices) {
            for (name, field) in &info.mapping.fields {
                merged.fields.entry(name.clone()).or_insert_with(|| field.clone());
            }
        }
        merged
    }
}

/// Names between commas.
fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

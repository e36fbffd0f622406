//! Target groups from files that may change at any time (`file_sd_configs`).
//!
//! [`FileWatch::look`] reads files whose time of change or size is new, and all of them each `refresh_interval`. A file that
//! cannot be read keeps its last good groups and is reported once per content; one that is gone has none.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_wire::prometheus_config::{FileSd, TargetGroup};
use lingshao_wire::yaml::Diagnostics;

use crate::config::glob;
use crate::config::read_text;

/// How often files are looked at for a change, when `refresh_interval` is longer.
pub const LOOK_INTERVAL: TimeDelta = TimeDelta(5_000);

/// The files of one entry of `file_sd_configs`.
#[derive(Debug)]
pub struct FileWatch {
    config: FileSd,
    files: BTreeMap<PathBuf, Known>,
    read_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Known {
    stamp: Option<(SystemTime, u64)>,
    /// `__meta_filepath` of its targets.
    found: Vec<(String, String)>,
    groups: Vec<TargetGroup>,
}

/// What a look found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Groups differ from before.
    pub changed: bool,
    /// Files that cannot be used, with the reason.
    pub failures: Vec<String>,
}

impl FileWatch {
    /// Knows nothing yet.
    pub fn new(config: FileSd) -> FileWatch {
        FileWatch { config, files: BTreeMap::new(), read_at: None }
    }

    /// What is watched.
    pub fn config(&self) -> &FileSd {
        &self.config
    }

    /// Looks at the files. Blocks on the file system.
    pub fn look(&mut self, now: Timestamp) -> Look {
        let mut look = Look::default();
        let whole = self.read_at.is_none_or(|at| now - at >= self.config.refresh_interval || now < at);
        if whole {
            self.read_at = Some(now);
        }
        let mut present = Vec::new();
        let mut complete = true;
        for pattern in &self.config.files {
            match glob::paths(pattern) {
                Ok(mut paths) => present.append(&mut paths),
                Err(error) => {
                    complete = false;
                    look.failures.push(format!("{}: {error}", pattern.display()));
                }
            }
        }
        for path in &present {
            self.look_at(path, whole, &mut look);
        }
        if complete {
            let before = self.files.len();
            self.files.retain(|path, _| present.contains(path));
            look.changed |= self.files.len() != before;
        }
        look
    }

    fn look_at(&mut self, path: &Path, whole: bool, look: &mut Look) {
        let stamp = std::fs::metadata(path).and_then(|meta| Ok((meta.modified()?, meta.len())));
        let stamp = match stamp {
            Ok(stamp) => stamp,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                look.changed |= self.files.remove(path).is_some_and(|known| !known.groups.is_empty());
                return;
            }
            Err(error) => return look.failures.push(format!("{}: {error}", path.display())),
        };
        let known = self.files.entry(path.to_owned()).or_default();
        let is_new = known.stamp != Some(stamp);
        if !is_new && !whole {
            return;
        }
        known.stamp = Some(stamp);
        known.found = vec![("__meta_filepath".to_owned(), path.display().to_string())];
        match read_groups(path) {
            Ok(groups) => {
                look.changed |= known.groups != groups;
                known.groups = groups;
            }
            Err(reason) if is_new => look.failures.push(reason),
            Err(_) => {} // Said when it appeared.
        }
    }

    /// The groups of all files, each with the labels of where it was found.
    pub fn groups(&self) -> impl Iterator<Item = (&TargetGroup, &[(String, String)])> {
        self.files.values().flat_map(|known| known.groups.iter().map(|group| (group, known.found.as_slice())))
    }
}

fn read_groups(path: &Path) -> Result<Vec<TargetGroup>, String> {
    let text = read_text(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut findings = Diagnostics::new(path);
    let groups = TargetGroup::read_file(&text, &mut findings);
    if !findings.has_errors() {
        return Ok(groups);
    }
    let all: Vec<String> = findings.finish().iter().map(ToString::to_string).collect();
    Err(all.join("; ").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn shown(watch: &FileWatch) -> Vec<String> {
        watch.groups().map(|(group, found)| format!("{} {}", group.targets.join(","), found.len())).collect()
    }

    #[test]
    fn files_are_read_when_they_change_and_keep_their_last_good_content() {
        let folder = tempfile::tempdir().unwrap();
        let one = folder.path().join("one.yml");
        let config = FileSd {
            files: vec![folder.path().join("*.yml"), folder.path().join("late.json")],
            refresh_interval: TimeDelta::from_secs(300),
        };
        let mut watch = FileWatch::new(config);
        fs::write(&one, "- targets: [a]\n").unwrap();
        assert_eq!(watch.look(Timestamp(0)), Look { changed: true, failures: vec![] });
        assert_eq!(shown(&watch), ["a 1"]);
        assert_eq!(watch.look(Timestamp(1)), Look::default());

        fs::write(&one, "- targets: [a, bb]\n").unwrap();
        fs::write(folder.path().join("late.json"), r#"[{"targets": ["c"]}]"#).unwrap();
        assert!(watch.look(Timestamp(2)).changed);
        assert_eq!(shown(&watch), ["c 1", "a,bb 1"]);

        fs::write(&one, "- targets: [a, bb\n- broken").unwrap();
        let look = watch.look(Timestamp(3));
        assert!(!look.changed && look.failures.len() == 1, "{look:?}");
        assert!(look.failures[0].contains("one.yml:"), "{look:?}");
        assert_eq!(shown(&watch), ["c 1", "a,bb 1"]);
        assert_eq!(watch.look(Timestamp(4)), Look::default(), "said once");

        fs::remove_file(&one).unwrap();
        assert!(watch.look(Timestamp(5)).changed);
        assert_eq!(shown(&watch), ["c 1"]);
    }
}

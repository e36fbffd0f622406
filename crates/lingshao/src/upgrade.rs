//! Whether this version can take over from the one that ran before: its config, its data folder, its `state.db`.
//!
//! Contract: nothing is changed, no lock is taken, and the other version may be running. What is refused here is what
//! `lingshao run` would refuse, and in the same words.

use std::path::{Path, PathBuf};

use lingshao_disk::{DataDir, DataDirError, Disk, RealDisk, SealedError, SealedFile, Wal, WalError};

use crate::check::{self, Language};
use crate::config::{Config, Severity};
use crate::failure::with_causes;
use crate::state::{self, StateError, known_schema};

/// What was found, a line each.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What is as it should be, and what will happen.
    pub(crate) lines: Vec<String>,
    /// Why this version cannot take over.
    pub(crate) refusals: Vec<String>,
}

/// Where the version before has run.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) data: PathBuf,
    /// `state.db`, wherever it lies.
    pub(crate) state: PathBuf,
}

impl Site {
    /// As `run` would find it; a config that cannot be read says nothing about places.
    pub(crate) fn new(config_file: Option<&Path>, data: Option<&Path>) -> Site {
        let loaded = config_file.and_then(|file| crate::config::load(file).ok());
        let config = loaded.map_or_else(Config::without_file, |loaded| loaded.config);
        let data = crate::run::data_folder(data, &config);
        let state = config.state.path().unwrap_or_else(|| data.join("state.db"));
        Site { config_file: config_file.map(Path::to_owned), data, state }
    }
}

/// Looks at all of it.
pub(crate) async fn check(site: &Site, language: Language) -> Report {
    let mut report = Report::default();
    report.lines.push(format!("this is lingshao {}", env!("CARGO_PKG_VERSION")));
    if let Some(file) = &site.config_file {
        report.config(file, language);
    }
    report.folder(&site.data);
    report.state(site).await;
    report
}

impl Report {
    fn config(&mut self, file: &Path, language: Language) {
        let findings = check::files::check(&[file.to_owned()], None);
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        let shown = file.display();
        match (errors, findings.len()) {
            (0, 0) => self.lines.push(format!("config `{shown}`: accepted")),
            (0, warnings) => {
                let text = check::text(&findings, language);
                self.lines.push(format!(
                    "config `{shown}`: accepted, with {warnings} warnings\n{}",
                    text.trim_end()
                ));
            }
            _ => {
                let text = check::text(&findings, language);
                self.refusals.push(format!("config `{shown}` is not accepted\n{}", text.trim_end()));
            }
        }
    }

    fn folder(&mut self, data: &Path) {
        let (disk, shown) = (RealDisk::new(), data.display());
        match DataDir::look(&disk, data) {
            Ok(()) => {
                let format = DataDir::FORMAT;
                self.lines.push(format!(
                    "data folder `{shown}`: format {format}, which this version reads and writes"
                ));
                self.files(&disk, data);
            }
            Err(DataDirError::None { .. }) => {
                self.lines
                    .push(format!("data folder `{shown}`: there is none yet; the first start makes it"));
            }
            Err(error) => self.refusals.push(with_causes(&error)),
        }
    }

    /// Formats of the storages' files: each tells its own.
    fn files(&mut self, disk: &RealDisk, data: &Path) {
        let (mut looked_at, mut damaged) = (0, Vec::new());
        for path in ["metrics", "logs"].iter().flat_map(|name| files(disk, &data.join(name), 0)) {
            let looked = match path.extension().and_then(|ending| ending.to_str()) {
                Some("wal") => Wal::look(disk, &path).map_err(|error| match error {
                    WalError::NewerFormat { .. } => Some(with_causes(&error)),
                    _ => None,
                }),
                Some("block" | "part") => SealedFile::open(std::sync::Arc::new(*disk), &path)
                    .map(drop)
                    .map_err(|error| match error {
                        SealedError::NewerFormat { .. } => Some(with_causes(&error)),
                        _ => None,
                    }),
                _ => continue,
            };
            looked_at += 1;
            match looked {
                Err(Some(newer)) => return self.refusals.push(newer),
                // Gone meanwhile is merged or too old.
                Err(None) if path.exists() => damaged.push(format!("`{}`", path.display())),
                _ => {}
            }
        }
        self.lines.push(format!("metrics and logs: {looked_at} files, of formats that this version reads"));
        if !damaged.is_empty() {
            self.lines.push(format!("  damaged, and set aside at the next start: {}", damaged.join(", ")));
        }
    }

    async fn state(&mut self, site: &Site) {
        let (path, shown, known) = (&site.state, site.state.display(), known_schema());
        if !path.exists() {
            return self.lines.push(format!("`{shown}`: there is none yet; the first start makes it"));
        }
        let found = match state::copy::schema(path).await {
            Ok(found) => found.unwrap_or(0),
            Err(error) => return self.refusals.push(with_causes(&error)),
        };
        if known < found {
            let error = StateError::Newer { path: path.clone(), found, known };
            return self.refusals.push(format!("{error}; install the version that wrote it, or a later one"));
        }
        if found == known {
            return self
                .lines
                .push(format!("`{shown}`: schema {found}; the version before can be installed again"));
        }
        let data = site.data.display();
        self.lines.push(format!(
            "`{shown}`: schema {found}; the first start makes schema {known} of it, whole or not at all\n  \
             there is no way back but a backup: versions that write schema {found} refuse {known}\n  \
             make one before: lingshao backup --data {data} --to FOLDER"
        ));
    }
}

/// All files below a folder; what cannot be listed holds none.
fn files(disk: &RealDisk, folder: &Path, depth: usize) -> Vec<PathBuf> {
    const DEPTH_MAX: usize = 4;
    let mut found = Vec::new();
    for entry in disk.list(folder).unwrap_or_default() {
        let path = folder.join(&entry.name);
        if !entry.is_dir {
            found.push(path);
        } else if entry.name != "quarantine" && depth < DEPTH_MAX {
            found.extend(files(disk, &path, depth + 1));
        }
    }
    found
}

//! The files beside the log: parts in folders of days, and the list of indices.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lingshao_disk::{Disk, SealedFile, SealedWriter};
use lingshao_model::log::{LogTime, Mapping};

use crate::catalog::{Catalog, Index};
use crate::error::{OpenReport, StoreError};
use crate::ids::{IdMemory, Known};
use crate::part::{BlockReader, Part, PartError};

const DAY_NANOS: i64 = 86_400 * 1_000_000_000;
const CATALOG: &str = "indices";

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Disk { action, path, source }
}

/// `days/2025-06-15`.
pub(crate) fn day_folder(folder: &Path, day: i32) -> PathBuf {
    let mut name = LogTime(i64::from(day).saturating_mul(DAY_NANOS)).to_string();
    name.truncate(10);
    folder.join("days").join(name)
}

/// Opens all parts, oldest generations first; damaged ones are set aside and reported, leftovers deleted.
pub(crate) fn open_parts(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    report: &mut OpenReport,
) -> Result<Vec<Arc<Part>>, StoreError> {
    let days = folder.join("days");
    disk.create_dir_all(&days).map_err(failed("create folder", &days))?;
    let mut parts = Vec::new();
    for day in disk.list(&days).map_err(failed("list folder", &days))? {
        if day.is_dir {
            open_day(disk, folder, &days.join(day.name), &mut parts, report)?;
        }
    }
    parts.sort_by_key(|part: &Arc<Part>| (part.generations, part.day));
    Ok(parts)
}

fn open_day(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    day: &Path,
    parts: &mut Vec<Arc<Part>>,
    report: &mut OpenReport,
) -> Result<(), StoreError> {
    lingshao_disk::remove_unfinished(&**disk, day).map_err(failed("clean folder", day))?;
    let mut own = Vec::new();
    for entry in disk.list(day).map_err(failed("list folder", day))? {
        if !entry.name.ends_with(".part") {
            continue;
        }
        let path = day.join(&entry.name);
        match Part::open(disk, &path) {
            Ok(part) => own.push(Arc::new(part)),
            Err(error) if error.is_damage() => {
                let aside = folder.join("quarantine");
                lingshao_disk::quarantine(&**disk, &path, &aside).map_err(failed("set aside", &path))?;
                report.quarantined.push(error.to_string());
            }
            Err(PartError::File(error)) => return Err(error.into()),
            Err(PartError::Content { .. }) => unreachable!("that is damage"),
        }
    }
    // A crash between publishing a merged part and deleting what it was made of leaves both.
    let all: Vec<_> = own.iter().map(|part| part.generations).collect();
    let covered = |inner: (u64, u64)| {
        all.iter().any(|outer| *outer != inner && outer.0 <= inner.0 && inner.1 <= outer.1)
    };
    let old: Vec<_> = own.extract_if(.., |part| covered(part.generations)).collect();
    delete(disk, &old)?;
    parts.extend(own);
    Ok(())
}

/// Deletes parts; they are gone for good when it returns.
pub(crate) fn delete(disk: &Arc<dyn Disk>, parts: &[Arc<Part>]) -> Result<(), StoreError> {
    let mut folders: Vec<&Path> = Vec::new();
    for part in parts {
        disk.remove(part.path()).map_err(failed("delete", part.path()))?;
        folders.extend(part.path().parent());
    }
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        disk.sync_dir(folder).map_err(failed("sync folder", folder))?;
    }
    Ok(())
}

/// An index of which only the name is known.
pub(crate) fn bare_index(number: u32, name: &str, created: LogTime) -> Index {
    Index { number, name: name.into(), created, mapping: Mapping::default(), settings: String::new() }
}

/// Reads the list of indices; a damaged or missing one is made anew from the parts.
pub(crate) fn read_catalog(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    parts: &[Arc<Part>],
    report: &mut OpenReport,
) -> Result<Catalog, StoreError> {
    lingshao_disk::remove_unfinished(&**disk, folder).map_err(failed("clean folder", folder))?;
    let path = folder.join(CATALOG);
    let there = disk.list(folder).map_err(failed("list folder", folder))?;
    if there.iter().any(|entry| entry.name == CATALOG) {
        let damage = match SealedFile::open(Arc::clone(disk), &path) {
            Ok(file) => match Catalog::decode(file.footer()) {
                Ok(catalog) => return Ok(catalog),
                Err(_) => format!("`{}` cannot be read", path.display()),
            },
            Err(error) if error.is_damage() => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        let aside = folder.join("quarantine");
        lingshao_disk::quarantine(&**disk, &path, &aside).map_err(failed("set aside", &path))?;
        report.quarantined.push(damage);
        report.catalog_lost = true;
    }
    let mut catalog = Catalog::default();
    let mut blocks: Vec<_> = parts.iter().flat_map(|part| &part.blocks).collect();
    report.catalog_lost |= !blocks.is_empty();
    blocks.sort_by_key(|block| (block.index, block.arrived.0));
    // Of two indices of one name the newer one is the one that was not deleted.
    for block in blocks {
        if catalog.get(&block.name).is_none_or(|known| known.number < block.index) {
            catalog.put(bare_index(block.index, &block.name, LogTime(block.arrived.0)));
        }
    }
    // Changes that the log still holds come after this.
    catalog.version = 0;
    Ok(catalog)
}

pub(crate) fn write_catalog(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    catalog: &Catalog,
) -> Result<(), StoreError> {
    let file = SealedWriter::create(Arc::clone(disk), &folder.join(CATALOG))?;
    file.finish(&catalog.encode())?;
    Ok(())
}

/// Learns the ids that arrived since an instant, oldest first; what cannot be read is reported.
pub(crate) fn remember_ids(parts: &[Arc<Part>], since: i64, ids: &mut IdMemory, report: &mut OpenReport) {
    let mut blocks = Vec::new();
    for part in parts {
        let numbered = part.blocks.iter().enumerate();
        let recent = numbered.filter(|(_, block)| block.ids > 0 && block.arrived.1 >= since);
        blocks.extend(recent.map(|(number, block)| (block.seqs.0, part, number as u32)));
    }
    blocks.sort_by_key(|(seq, ..)| *seq);
    for (_, part, number) in blocks {
        if let Err(error) = remember_block(part, number, since, ids) {
            report.quarantined.push(format!("ids of the last day are not known: {error}"));
        }
    }
}

fn remember_block(part: &Arc<Part>, number: u32, since: i64, ids: &mut IdMemory) -> Result<(), PartError> {
    let block = BlockReader::open(part, number, None)?;
    let (own, seqs, arrived) = (block.ids()?, block.seqs()?, block.arrived()?);
    for (place, row) in own.rows.iter().enumerate() {
        let row = *row as usize;
        if arrived[row] >= since {
            let key = ids.key(block.entry().index, own.texts.get(place));
            let content = own.hashes.get(place).map_or(0, |hash| *hash as u64);
            if ids.find(key).is_none() {
                ids.insert(key, Known { content, seq: seqs[row] as u64 }, arrived[row]);
            }
        }
    }
    Ok(())
}

//! Runs npm and Vite, as seldom as can be.
//!
//! Everything lies in `lingshao-ui/` of the target folder, which all profiles share: packages under the fingerprint of
//! the lock file (`packages-…`), built pages under that of all sources (`pages-…`). The first build that needs either
//! makes it while the others wait at `LOCK`; a folder that has its name is whole. Sources are copied into `OUT_DIR` and
//! built there, so that nothing is written beside them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use crate::missing::Missing;
use crate::node;
use crate::sources::{Fingerprint, Sources, remove_if_there};

/// Folders of one kind that are kept: those of the branches between which somebody changes to and fro.
const KEPT: usize = 4;
/// Lines of npm's output that are shown: its errors stand at the end.
const LINES_SHOWN: usize = 60;
/// Part of the pages' fingerprint: how they are made.
const RECIPE: [&str; 2] = [include_str!("npm.rs"), include_str!("compress.mjs")];

/// The folder with the built pages, made now or before.
pub(crate) fn build(sources: &Sources, out: &Path) -> Result<PathBuf, Missing> {
    let cache = target_folder(out).join("lingshao-ui");
    let fingerprint = fingerprint(sources).map_err(|error| disk("read web/", &error))?;
    let pages = cache.join(format!("pages-{}", fingerprint.short()));
    let lock = lock(&cache).map_err(|error| disk(&format!("lock `{}`", cache.display()), &error))?;
    if !pages.is_dir() {
        check_node()?;
        let packages = install(sources, &cache)?;
        make(sources, out, &packages, &pages)?;
        prune(&cache).map_err(|error| disk(&format!("tidy `{}`", cache.display()), &error))?;
    }
    touch(&pages);
    // Others may delete it while the compiler reads our copy.
    let own = out.join("pages");
    copy_files(&pages, &own).map_err(|error| disk(&format!("copy `{}`", pages.display()), &error))?;
    drop(lock);
    Ok(own)
}

fn fingerprint(sources: &Sources) -> io::Result<Fingerprint> {
    let mut fingerprint = sources.fingerprint()?;
    RECIPE.iter().for_each(|text| fingerprint.add(text.as_bytes()));
    Ok(fingerprint)
}

/// The one that cargo marked when it made it; else the one four above `TARGET/PROFILE/build/PACKAGE/out`.
fn target_folder(out: &Path) -> PathBuf {
    let marked = out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.or(out.ancestors().nth(4)).unwrap_or(out).to_owned()
}

/// Held until it is dropped; the system lets go of it when the process dies.
fn lock(cache: &Path) -> io::Result<File> {
    fs::create_dir_all(cache)?;
    let file = File::create(cache.join("LOCK"))?;
    file.lock()?;
    Ok(file)
}

fn check_node() -> Result<(), Missing> {
    let version = |program: &str| {
        let output = Command::new(program).arg("--version").stdin(Stdio::null()).output();
        let output = output.map_err(|error| Missing::NoNode(format!("cannot start `{program}`: {error}")))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let node = version("node")?;
    if !node::is_new_enough(&node) {
        return Err(Missing::OldNode(node));
    }
    version("npm").map(drop)
}

/// `node_modules` for this lock file.
fn install(sources: &Sources, cache: &Path) -> Result<PathBuf, Missing> {
    let read = |file| sources.read(file).map_err(|error| disk(&format!("read web/{file}"), &error));
    let (manifest, lock) = (read("package.json")?, read("package-lock.json")?);
    let name = format!("packages-{}", Fingerprint::of(&lock).short());
    let packages = cache.join(&name);
    if packages.is_dir() {
        touch(&packages);
        return Ok(packages.join("node_modules"));
    }
    let partial = cache.join(format!("{name}.partial"));
    let prepared = remove_if_there(&partial)
        .and_then(|()| fs::create_dir_all(&partial))
        .and_then(|()| fs::write(partial.join("package.json"), manifest))
        .and_then(|()| fs::write(partial.join("package-lock.json"), lock));
    prepared.map_err(|error| disk(&format!("write into `{}`", partial.display()), &error))?;
    // What only tests need stays away, and no package runs code of its own while it is installed.
    let arguments = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
    run(Command::new("npm").args(arguments).current_dir(&partial))?;
    fs::rename(&partial, &packages)
        .map_err(|error| disk(&format!("name `{}`", packages.display()), &error))?;
    Ok(packages.join("node_modules"))
}

/// Builds the pages and gives them their name when they are whole.
fn make(sources: &Sources, out: &Path, packages: &Path, pages: &Path) -> Result<(), Missing> {
    let web = out.join("web");
    let compress = out.join("compress.mjs");
    let prepared = sources
        .copy_to(&web)
        .and_then(|()| std::os::unix::fs::symlink(packages, web.join("node_modules")))
        .and_then(|()| fs::write(&compress, include_str!("compress.mjs")));
    prepared.map_err(|error| disk(&format!("copy web/ to `{}`", web.display()), &error))?;
    run(Command::new("npm").args(["run", "build"]).current_dir(&web))?;
    let dist = web.join("dist");
    if !dist.join("index.html").is_file() {
        let output = format!("it has made no `{}`", dist.join("index.html").display());
        return Err(Missing::Failed { command: "npm run build".to_owned(), output });
    }
    run(Command::new("node").arg(&compress).arg(&dist))?;
    let partial = pages.with_extension("partial");
    let named = copy_files(&dist, &partial).and_then(|()| fs::rename(&partial, pages));
    named.map_err(|error| disk(&format!("write `{}`", pages.display()), &error))
}

/// Runs a command; its output is shown only if it fails.
fn run(command: &mut Command) -> Result<(), Missing> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let text = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    command.stdin(Stdio::null()).env("npm_config_update_notifier", "false").env("NO_COLOR", "1");
    let output =
        command.output().map_err(|error| Missing::NoNode(format!("cannot start `{text}`: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let shown = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
    Err(Missing::Failed { command: text, output: shown.join("\n") })
}

/// Deletes what was not used for longest, and what an earlier build left unfinished.
fn prune(cache: &Path) -> io::Result<()> {
    for kind in ["packages-", "pages-"] {
        let mut folders: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in fs::read_dir(cache)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".partial") {
                remove_if_there(&entry.path())?;
            } else if name.starts_with(kind) {
                folders.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        folders.sort_by(|one, other| other.cmp(one));
        folders.iter().skip(KEPT).try_for_each(|(_, path)| remove_if_there(path))?;
    }
    Ok(())
}

/// Marks a folder as used, for [`prune`].
fn touch(folder: &Path) {
    let marked = File::open(folder).and_then(|folder| folder.set_modified(SystemTime::now()));
    // It is then taken for older than it is, and at worst made anew.
    drop(marked);
}

/// A folder's files, in place of what was there.
fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    remove_if_there(to)?;
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_files(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn disk(what: &str, error: &io::Error) -> Missing {
    Missing::Disk(format!("cannot {what}: {error}"))
}

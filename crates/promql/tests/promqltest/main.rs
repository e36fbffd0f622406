//! Runs scripts in Prometheus' promqltest language against our engine.
//!
//! `cargo test -p lingshao-promql --test promqltest`; reads `tests/testdata/` and every folder in
//! `PROMQLTEST_DIR` (divided by colons; without it `../shared/conformance/promqltest` beside the workspace, if it is
//! there). Prints `NAME: N of M` for each file and last `promqltest: N of M`: M counts `eval` lines, one holds only
//! if all its reruns hold. `-v` or `PROMQLTEST_VERBOSE=1` tells why the others do not. Fails when an eval of our own
//! files does not hold or a file whose content stands in `floors.txt` falls below its floor; `PROMQLTEST_HASHES=1`
//! prints what could stand there.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test program speaks on stdout")]

mod compare;
mod floors;
mod own;
mod run;
mod script;
mod series;
mod sha256;
mod storage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let verbose = env::var_os("PROMQLTEST_VERBOSE").is_some() || env::args().any(|arg| arg == "-v");
    std::panic::set_hook(Box::new(|_| {})); // run::hold reports panics as failures of their eval
    if let Err(why) = own::check() {
        println!("the runner itself is wrong: {why}");
        return ExitCode::FAILURE;
    }
    let floors = floors::read();
    let (mut held, mut total, mut fallen) = (0, 0, 0);
    for (path, is_own) in folders().iter().enumerate().flat_map(|(at, folder)| scripts(folder, at == 0)) {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                println!("{}: cannot be read: {error}", path.display());
                fallen += 1;
                continue;
            }
        };
        let result = run::run(&text);
        println!("{name}: {} of {}", result.held, result.evals);
        for (line, why) in result.failures.iter().filter(|_| verbose) {
            println!("  {}:{line}: {why}", path.display());
        }
        if env::var_os("PROMQLTEST_HASHES").is_some() {
            println!("  {} {} {name}", sha256::hex(text.as_bytes()), result.held);
        }
        let floor = floors.get(&sha256::hex(text.as_bytes())).copied();
        let floor = if is_own { Some(result.evals) } else { floor };
        if let Some(floor) = floor.filter(|floor| result.held < *floor) {
            println!("{name}: fell below its floor of {floor}");
            fallen += 1;
        }
        (held, total) = (held + result.held, total + result.evals);
    }
    println!("promqltest: {held} of {total}");
    if fallen > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn folders() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![own.join("tests/testdata")];
    match env::var("PROMQLTEST_DIR") {
        Ok(list) => folders.extend(list.split(':').filter(|folder| !folder.is_empty()).map(PathBuf::from)),
        Err(_) => folders.push(own.join("../../../shared/conformance/promqltest")),
    }
    folders
}

/// The `.test` files of a folder, by name.
fn scripts(folder: &Path, is_own: bool) -> Vec<(PathBuf, bool)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    paths.sort();
    paths.into_iter().map(|path| (path, is_own)).collect()
}

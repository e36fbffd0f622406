//! Builds `web/` and writes `embedded.rs`, the table that `src/lib.rs` includes.
//!
//! Contract: pages are built when the profile is optimised, or when `LINGSHAO_REQUIRE_UI=1` asks for them; then npm
//! runs at most once for the same sources, whatever the profiles and commands (see [`npm`]). `LINGSHAO_UI_DIST` names a
//! folder that somebody else has built. Without pages the build goes on, with a page that says why; only
//! `LINGSHAO_REQUIRE_UI=1` makes that an error.

#[allow(unreachable_pub, reason = "public where it is part of the library")]
#[path = "../src/content_type.rs"]
mod content_type;
mod embed;
mod missing;
mod node;
mod npm;
mod sources;

use std::env;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use missing::Missing;
use sources::Sources;

fn main() {
    for variable in ["LINGSHAO_REQUIRE_UI", "LINGSHAO_UI_DIST"] {
        tell("rerun-if-env-changed", variable);
    }
    // Cargo would take any file of this folder otherwise.
    tell("rerun-if-changed", "build");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let required = env::var_os("LINGSHAO_REQUIRE_UI").is_some_and(|value| value == "1");
    let outcome = built(&out, required);
    if let Err(missing) = &outcome {
        assert!(!required, "LINGSHAO_REQUIRE_UI=1, but {missing}");
        if missing.is_a_surprise() {
            missing.to_string().lines().for_each(|line| tell("warning", line));
        }
    }
    embed::write(&out, outcome.as_deref().map_err(Missing::notice))
        .unwrap_or_else(|error| panic!("cannot write the table of files into `{}`: {error}", out.display()));
}

/// The folder with the built pages.
fn built(out: &Path, required: bool) -> Result<PathBuf, Missing> {
    if let Some(folder) = env::var_os("LINGSHAO_UI_DIST").filter(|folder| !folder.is_empty()) {
        let folder = PathBuf::from(folder);
        tell("rerun-if-changed", folder.display());
        return if folder.join("index.html").is_file() { Ok(folder) } else { Err(Missing::NoDist(folder)) };
    }
    let optimised = env::var("OPT_LEVEL").is_ok_and(|level| level != "0");
    if !optimised && !required {
        return Err(Missing::NotAsked);
    }
    let crate_folder =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let web = crate_folder.join("../../web");
    let sources = Sources::find(&web).map_err(|error| Missing::NoSources(web, error.to_string()))?;
    sources.watched().for_each(|path| tell("rerun-if-changed", path.display()));
    npm::build(&sources, out)
}

/// Says something to cargo.
#[expect(clippy::print_stdout, reason = "this is how a build script talks")]
fn tell(what: &str, value: impl Display) {
    println!("cargo:{what}={value}");
}

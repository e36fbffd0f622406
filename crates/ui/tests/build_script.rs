//! The build script at work: cargo builds this crate with a Node that is too old, an npm that fails, and pages that
//! somebody else has built.

#![allow(
    clippy::unwrap_used,
    reason = "all of this is test code; only functions marked as tests are known as such"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tempfile::TempDir;

#[allow(dead_code, reason = "of the build script only what is tested here is used")]
#[path = "../build/node.rs"]
mod node;
#[allow(dead_code, reason = "of the build script only what is tested here is used")]
#[path = "../build/sources.rs"]
mod sources;

/// A place to build in.
struct Workshop {
    folder: TempDir,
}

/// What came of a build.
struct Outcome {
    succeeded: bool,
    said: String,
    embedded: String,
}

impl Workshop {
    fn new() -> Workshop {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        Workshop { folder }
    }

    /// Puts a program of ours before the system's.
    fn program(&self, name: &str, script: &str) {
        let path = self.folder.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn build(&self, environment: &[(&str, &str)]) -> Outcome {
        let target = self.folder.path().join("target");
        let path = format!("{}:{}", self.folder.path().join("bin").display(), std::env::var("PATH").unwrap());
        let output = Command::new(env!("CARGO"))
            .args(["build", "--release", "--offline", "--manifest-path"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .env("PATH", path)
            .env_remove("LINGSHAO_REQUIRE_UI")
            .env_remove("LINGSHAO_UI_DIST")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let scripts = fs::read_dir(target.join("release/build")).unwrap();
        let mut tables = scripts.map(|script| script.unwrap().path().join("out/embedded.rs"));
        let embedded = tables.find_map(|table| fs::read_to_string(table).ok());
        Outcome {
            succeeded: output.status.success(),
            said: String::from_utf8(output.stderr).unwrap(),
            embedded: embedded.unwrap_or_default(),
        }
    }
}

#[test]
fn a_node_that_is_too_old_costs_the_pages_but_not_the_build() {
    let workshop = Workshop::new();
    workshop.program("node", "echo v18.20.4");
    let lenient = workshop.build(&[]);
    assert!(lenient.succeeded, "{}", lenient.said);
    assert!(
        lenient.said.contains("Node.js v18.20.4 is too old to build the pages, 20.19"),
        "{}",
        lenient.said
    );
    assert!(lenient.embedded.contains("没有 Node.js 20.19 或更新版本"), "{}", lenient.embedded);
    assert!(
        lenient.embedded.contains("there was no Node.js 20.19 or newer with npm"),
        "{}",
        lenient.embedded
    );
    assert!(lenient.embedded.contains("static ASSETS: &[Asset] = &[];"), "{}", lenient.embedded);
    let strict = workshop.build(&[("LINGSHAO_REQUIRE_UI", "1")]);
    assert!(!strict.succeeded);
    assert!(
        strict.said.contains("LINGSHAO_REQUIRE_UI=1, but Node.js v18.20.4 is too old"),
        "{}",
        strict.said
    );
}

#[test]
fn what_npm_says_when_it_fails_is_shown() {
    let workshop = Workshop::new();
    workshop.program("node", "echo v24.1.0");
    workshop.program(
        "npm",
        "test \"$1\" = --version && exit 0; echo going; echo 'npm error code E404' >&2; exit 1",
    );
    let outcome = workshop.build(&[]);
    assert!(outcome.succeeded, "{}", outcome.said);
    for line in ["`npm ci --omit=dev", "npm error code E404"] {
        assert!(outcome.said.contains(line), "{line} is missing: {}", outcome.said);
    }
    assert!(outcome.embedded.contains("npm failed while this program was built"), "{}", outcome.embedded);
}

#[test]
fn pages_that_somebody_else_has_built_need_no_npm() {
    let workshop = Workshop::new();
    workshop.program("node", "exit 1");
    let dist = workshop.folder.path().join("dist");
    fs::create_dir_all(dist.join("assets")).unwrap();
    for file in ["index.html", "assets/index-DfK3x_-Z.js", "assets/index-DfK3x_-Z.js.br", "assets/plain.css"]
    {
        fs::write(dist.join(file), file).unwrap();
    }
    let folder = dist.to_str().unwrap();
    let outcome = workshop.build(&[("LINGSHAO_UI_DIST", folder), ("LINGSHAO_REQUIRE_UI", "1")]);
    assert!(outcome.succeeded, "{}", outcome.said);
    let line = |path: &str| {
        let lines = outcome.embedded.lines();
        lines.filter(|line| line.contains(&format!("path: \"{path}\""))).collect::<String>()
    };
    let script = line("assets/index-DfK3x_-Z.js");
    assert!(script.contains("immutable: true") && script.contains("gzip: None, brotli: Some("), "{script}");
    assert!(line("assets/plain.css").contains("immutable: false"), "{}", outcome.embedded);
    assert_eq!(line("assets/index-DfK3x_-Z.js.br"), "");
    fs::remove_file(dist.join("index.html")).unwrap();
    let strict = workshop.build(&[("LINGSHAO_UI_DIST", folder), ("LINGSHAO_REQUIRE_UI", "1")]);
    assert!(!strict.succeeded);
    assert!(strict.said.contains("holds no index.html: it must name a built web/dist"), "{}", strict.said);
}

#[test]
fn node_is_new_enough_when_vite_runs_on_it() {
    let check =
        |version: &str, expected: bool| assert_eq!(node::is_new_enough(version), expected, "{version}");
    check("v20.19.0\n", true);
    check("v20.18.3", false);
    check("v18.20.4", false);
    check("v21.7.0", false);
    check("v22.11.0", false);
    check("v22.12.0", true);
    check("v23.0.0", true);
    check("v24.1.0", true);
    check("", false);
    check("no version", false);
}

#[test]
fn pages_are_built_anew_when_a_source_changes_and_not_for_a_test() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let fingerprint = || sources::Sources::find(folder.path()).unwrap().fingerprint().unwrap();
    let error = sources::Sources::find(folder.path()).unwrap_err().to_string();
    assert!(error.starts_with("index.html: "), "{error}");
    for file in ["index.html", "package.json", "package-lock.json", "vite.config.ts", "src/lib/a.ts"] {
        write(file, file);
    }
    let first = fingerprint();
    for file in ["src/lib/a.test.ts", "node_modules/x/index.js", "dist/index.html", "README.md"] {
        write(file, "new");
        assert_eq!(fingerprint(), first, "{file}");
    }
    for file in ["src/lib/a.ts", "vite.config.ts", "package-lock.json", "src/lib/b.ts"] {
        let before = fingerprint();
        write(file, "changed");
        assert_ne!(fingerprint(), before, "{file}");
    }
    let copied = tempfile::tempdir().unwrap();
    let target = copied.path().join("web");
    sources::Sources::find(folder.path()).unwrap().copy_to(&target).unwrap();
    assert_eq!(fs::read_to_string(target.join("src/lib/b.ts")).unwrap(), "changed");
    assert!(!target.join("node_modules").exists() && !target.join("src/lib/a.test.ts").exists());
}

//! The Debian package and the systemd unit: built of this binary, installed by the real dpkg into a folder, used, removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::{Server, text};

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[track_caller]
fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    said(&output)
}

/// A system that has nothing but dpkg's books. Scripts run outside of it, and leave users and services alone.
struct System {
    folder: TempDir,
    package: PathBuf,
}

impl System {
    fn new() -> System {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let binary = env!("CARGO_BIN_EXE_lingshao");
        // Compressing would take longer than all the rest.
        done(
            Command::new("sh")
                .arg(deploy("debian/build.sh"))
                .args([binary, &text(&out)])
                .env("DEB_COMPRESS", "-Znone"),
        );
        let package = fs::read_dir(&out).unwrap().next().unwrap().unwrap().path();
        let books = folder.path().join("root/var/lib/dpkg");
        for name in ["info", "updates"] {
            fs::create_dir_all(books.join(name)).unwrap();
        }
        fs::write(books.join("status"), "").unwrap();
        System { folder, package }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("root").join(name)
    }

    fn dpkg(&self, arguments: &[&str]) {
        let root = format!("--root={}", text(self.path("")));
        let forced = ["--force-not-root", "--force-script-chrootless", "--force-depends", "--force-bad-path"];
        done(Command::new("dpkg").arg(root).args(forced).arg("--log=/dev/null").args(arguments));
    }
}

#[test]
fn the_package_installs_runs_and_keeps_the_data_until_it_is_purged() {
    let system = System::new();
    let name = text(&system.package);
    assert!(name.contains(&format!("/lingshao_{}_", env!("CARGO_PKG_VERSION"))), "{name}");
    let fields = done(Command::new("dpkg-deb").args(["-f", &name, "Package", "Depends"]));
    assert!(fields.starts_with("Package: lingshao\nDepends: libc6 (>= 2."), "{fields}");
    system.dpkg(&["-i", &name]);

    let installed = |name: &str| system.path(name).exists();
    for file in [
        "usr/lib/systemd/system/lingshao.service",
        "usr/lib/sysusers.d/lingshao.conf",
        "usr/share/man/man1/lingshao.1.gz",
        "usr/share/bash-completion/completions/lingshao",
        "usr/share/doc/lingshao/copyright",
        "usr/share/doc/lingshao/guide/README.zh-CN.md",
        "usr/share/doc/lingshao/examples/alerts.yml",
    ] {
        assert!(installed(file), "{file}");
    }
    let binary = system.path("usr/bin/lingshao");
    let version = done(Command::new(&binary).arg("version"));
    assert_eq!(version, format!("lingshao {}\n", env!("CARGO_PKG_VERSION")));

    // What the unit starts, with the configuration of the package.
    let unit = fs::read_to_string(system.path("usr/lib/systemd/system/lingshao.service")).unwrap();
    assert!(unit.contains("\nExecStart=/usr/bin/lingshao run --config /etc/lingshao/lingshao.yml\n"));
    assert!(unit.contains("\nEnvironment=LINGSHAO_DATA=/var/lib/lingshao\n"));
    let config = text(system.path("etc/lingshao/lingshao.yml"));
    let data = system.path("var/lib/lingshao");
    let server = Server::try_start(&data, &["--config", &config]).unwrap();
    let rules = server.data("/api/v1/rules");
    assert_eq!(rules["groups"][0]["rules"][0]["name"], "DiskFillsUp");
    let checked =
        done(Command::new(&binary).args(["upgrade", "--check", "--config", &config, "--data", &text(&data)]));
    assert!(checked.contains("this version can take over"), "{checked}");
    drop(server);

    fs::write(&config, "global: {scrape_interval: 30s}\n").unwrap();
    system.dpkg(&["-i", &name]);
    let own = fs::read_to_string(&config).unwrap();
    assert_eq!(own, "global: {scrape_interval: 30s}\n", "another version changes no configuration");
    system.dpkg(&["-r", "lingshao"]);
    assert!(
        !binary.exists() && data.join("FORMAT").exists() && Path::new(&config).exists(),
        "data and config stay"
    );
    system.dpkg(&["-P", "lingshao"]);
    assert!(!data.exists() && !Path::new(&config).exists());
}

/// systemd's own word on the unit, where there is systemd.
#[test]
fn systemd_accepts_the_unit_and_finds_it_well_protected() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        return println!("systemd-analyze is not installed");
    };
    assert!(version.status.success());
    let folder = tempfile::tempdir().unwrap();
    let unit = fs::read_to_string(deploy("lingshao.service")).unwrap();
    let copy = folder.path().join("lingshao.service");
    fs::write(&copy, unit.replace("/usr/bin/lingshao", env!("CARGO_BIN_EXE_lingshao"))).unwrap();
    let found = done(Command::new("systemd-analyze").arg("verify").arg(&copy));
    assert_eq!(found, "", "no word is a good word");
    // 1.9 of 10 when this was written; a unit without any protection has 9.6.
    let secure = ["security", "--offline=true", "--threshold=25"];
    let output = Command::new("systemd-analyze").args(secure).arg(&copy).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

//! The Debian package and the systemd unit: built of this binary, installed by the real dpkg into a folder, used, removed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::harness::{Server, eventually, request, text};

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
        // Compressing well would take longer than all the rest.
        done(
            Command::new("sh")
                .arg(deploy("debian/build.sh"))
                .args([binary, &text(&out)])
                .env("DEB_COMPRESS", "-Zgzip -z1"),
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

/// What Debian's own judge has to say of it.
#[test]
fn lintian_finds_no_error_and_no_warning() {
    let system = System::new();
    let judged = Command::new("lintian")
        .args(["--no-cfg", "--allow-root", "--fail-on", "error,warning"])
        .arg(&system.package)
        .output()
        .expect("lintian is installed by `make setup`");
    assert!(judged.status.success(), "{}", said(&judged));
}

/// `ProtectSystem=strict` and `StateDirectory` of the unit, without systemd: all is read-only but the data, and a `/tmp` of its
/// own. Mounting needs root; says so where it is not.
#[test]
fn the_server_writes_to_no_other_folder_than_the_unit_leaves_it() {
    let unit = fs::read_to_string(deploy("lingshao.service")).unwrap();
    assert!(unit.contains("\nProtectSystem=strict\n") && unit.contains("\nPrivateTmp=yes\n"), "{unit}");
    assert!(unit.contains("\nStateDirectory=lingshao\n") && !unit.contains("ReadWritePaths"), "{unit}");
    let folder = tempfile::tempdir().unwrap();
    let (data, config) = (folder.path().join("data"), folder.path().join("lingshao.yml"));
    fs::create_dir(&data).unwrap();
    let followed = folder.path().join("app.log");
    fs::write(&followed, "").unwrap();
    let text_of = format!(
        "listeners: {{elasticsearch: '127.0.0.1:0'}}\ncollect: {{host: {{scrape_interval: 1s}}}}\nlogs: {{files: ['{}']}}\n",
        followed.display()
    );
    fs::write(&config, text_of).unwrap();
    let script = r#"set -e
        mount --make-rprivate /
        mount --bind "$2" "$2"
        awk '$2 != "/proc" && $2 != "/dev" && index($2, "/proc/") != 1 {print $2}' /proc/self/mounts | while read -r point; do
            [ "$point" = "$2" ] || mount -o remount,bind,ro "$point" 2>/dev/null || echo "stays as it is: $point" >&2
        done
        if touch "$2/../probe" 2>/dev/null; then echo "the folder beside can be written" >&2; exit 9; fi
        exec "$1" run --config "$3" --listen 127.0.0.1:0 --data "$2""#;
    let mut child = Command::new("unshare")
        .args([
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
            env!("CARGO_BIN_EXE_lingshao"),
            &text(&data),
            &text(&config),
        ])
        .stdout(Stdio::piped())
        .stderr(fs::File::create(folder.path().join("said")).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said = || fs::read_to_string(folder.path().join("said")).unwrap();
    let Some(address) = line.trim().strip_prefix("listening web=").map(str::to_owned) else {
        drop(child.wait());
        assert!(said().contains("unshare"), "{}", said());
        return println!("skipped: a mount namespace needs root");
    };
    let get = |path: &str| request(&address, "GET", path, &[], b"").unwrap();
    eventually("the host is watched", || get("/api/v1/query?query=node_load1").body.contains("node_load1"));
    fs::write(&followed, "a line of the shop\n").unwrap();
    eventually("its file is followed", || {
        get("/metrics").body.contains("lingshao_log_records_total{level=\"none\"} 1")
    });
    assert_eq!(get("/-/ready").status, 200);
    assert_eq!(get("/api/lingshao/v1/troubles").json()["troubles"], serde_json::json!([]));
    done(Command::new("kill").args(["-TERM", &child.id().to_string()]));
    assert!(child.wait().unwrap().success(), "{}", said());
    let errors: Vec<String> = said()
        .lines()
        .filter(|line| line.contains("ERROR") || line.contains("WARN"))
        .map(str::to_owned)
        .collect();
    assert_eq!(errors, [] as [String; 0]);
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

//! `examples/fastapi-shop`: what its README tells a stranger to type is typed, in a fresh copy, with a real PostgreSQL, Redis,
//! nginx and rsyslog.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::commands::{Play, assert_same_commands, blocks};
use crate::harness::{free_port, text};
use crate::servers::{self, Client, Kind};

/// Most of it is pip.
const TIME: Duration = Duration::from_secs(300);

/// What `sudo` is here: nobody becomes anybody else, and psql finds the server by its environment.
const SUDO: &str = "#!/bin/sh\n[ \"$1\" = -u ] && shift 2\nexec \"$@\"\n";

/// What systemd does: Debian's programs with Debian's files, which lie below `ROOT`. They end with the shell, whose group they are
/// in; nginx listens once it has written its number.
const SYSTEMCTL: &str = r#"#!/bin/sh
set -eu
[ "$*" = "restart nginx rsyslog" ]
/usr/sbin/nginx -c ROOT/etc/nginx/nginx.conf -g 'daemon off;' > ROOT/nginx.out 2>&1 &
/usr/sbin/rsyslogd -n -f ROOT/etc/rsyslog.conf -i ROOT/rsyslog.pid > ROOT/rsyslog.out 2>&1 &
until [ -s ROOT/nginx.pid ]; do kill -0 $! && sleep 0.1; done
"#;

/// Where nginx puts large bodies, for whoever is not root.
const TEMPORARY: [&str; 5] = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

fn repository() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

#[test]
fn the_readme_of_the_shop_has_the_same_commands_in_both_languages() {
    let of = |name: &str| blocks(&repository().join("examples/fastapi-shop").join(name));
    assert_same_commands("README", &of("README.en.md"), &of("README.md"));
}

/// Ended by its number.
struct Redis(Child);

impl Redis {
    fn start(port: u16, folder: &Path) -> Redis {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
        command.current_dir(folder).stdout(Stdio::null());
        Redis(command.spawn().expect("Redis is installed by `make setup`"))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The folders that the README's commands reach, without what lies there from other runs.
fn copy(into: &Path) {
    for name in ["examples/lingxian", "examples/fastapi-shop/shop", "python/src", "docs"] {
        fs::create_dir_all(into.join(name)).unwrap();
        let copied =
            Command::new("cp").arg("-r").arg(repository().join(name).join(".")).arg(into.join(name)).status();
        assert!(copied.unwrap().success(), "{name}");
    }
    for name in ["customers.py", "requirements.txt", "lingshao.yml", "nginx.conf", "rsyslog.conf"]
        .map(|name| format!("examples/fastapi-shop/{name}"))
    {
        fs::copy(repository().join(&name), into.join(&name)).unwrap();
    }
    for name in ["python/pyproject.toml", "python/README.md"] {
        fs::copy(repository().join(name), into.join(name)).unwrap();
    }
}

/// What stands in a text, and what it is here.
fn replaced(text: &str, own: &[(String, String)]) -> String {
    own.iter().fold(text.to_owned(), |text, (usual, own)| text.replace(usual, own))
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// `/etc`, `/var/log` and the like as they are after `apt-get install nginx-light rsyslog`, below `root`; answers what lies
/// where. The sockets and the kernel's log that rsyslog takes from this machine stay this machine's.
fn install_debians_files(root: &Path) -> Vec<(String, String)> {
    for folder in ["etc/nginx/conf.d", "etc/rsyslog.d", "var/log/nginx", "var/spool/rsyslog", "var/lib/nginx"]
    {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let below = |path: &str| (path.to_owned(), format!("{}{path}", text(root)));
    let mut own = ["/etc/nginx/conf.d", "/etc/nginx/sites-enabled", "/etc/rsyslog.d"].map(below).to_vec();
    own.extend(["/var/log", "/var/spool/rsyslog"].map(below));
    own.push(("/run/nginx.pid".to_owned(), text(root.join("nginx.pid"))));
    for (name, machines_own) in [("etc/nginx/nginx.conf", ""), ("etc/rsyslog.conf", "module(load=\"im")] {
        let debians = fs::read_to_string(Path::new("/").join(name)).expect("installed by `make setup`");
        let is_ours = |line: &&str| machines_own.is_empty() || !line.starts_with(machines_own);
        let lines: Vec<&str> = debians.lines().filter(is_ours).collect();
        fs::write(root.join(name), replaced(&(lines.join("\n") + "\n"), &own)).unwrap();
    }
    let place = |kind| format!("{kind}_temp_path {};\n", text(root.join("var/lib/nginx").join(kind)));
    fs::write(root.join("etc/nginx/conf.d/places.conf"), TEMPORARY.map(place).concat()).unwrap();
    own
}

#[test]
fn a_stranger_gets_the_whole_plan_by_the_readme() {
    let folder = tempfile::tempdir().unwrap();
    let (root, tools) = (folder.path().join("root"), folder.path().join("root/examples/bin"));
    copy(&root);
    let home = root.join("examples/fastapi-shop");
    fs::create_dir_all(&tools).unwrap();
    write_program(&tools.join("sudo"), SUDO);
    write_program(&tools.join("systemctl"), &SYSTEMCTL.replace("ROOT", &text(&root)));
    let debians = install_debians_files(&root);

    let usual = ["9090", "8000", "8080", "5432", "6379", "5000", "5140", "9200"];
    let ports = usual.map(|usual| (usual, free_port()));
    let port = |wanted: &str| ports.iter().find(|(usual, _)| *usual == wanted).unwrap().1;
    let own: Vec<(String, String)> = ports
        .iter()
        .map(|(usual, port)| (format!("127.0.0.1:{usual}"), format!("127.0.0.1:{port}")))
        .chain([("--port 8000".to_owned(), format!("--port {}", port("8000")))])
        .chain([("port=\"5140\"".to_owned(), format!("port=\"{}\"", port("5140")))])
        .chain(debians)
        // Nobody is told anything by a test.
        .chain([("https://qyapi.weixin.qq.com".to_owned(), "http://127.0.0.1:9".to_owned())])
        .collect();
    for name in ["lingshao.yml", "nginx.conf", "rsyslog.conf"] {
        let delivered = fs::read_to_string(home.join(name)).unwrap();
        fs::write(home.join(name), replaced(&delivered, &own)).unwrap();
    }

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(servers::start_at(Kind::Postgres, Some(port("5432"))));
    let (_, socket) = database.url.split_once("?host=").unwrap();
    runtime.block_on(async {
        // Its owner is called like the shop's; as Debian installs it there is only `postgres`.
        Client::open(&database.url).await.run("CREATE ROLE postgres SUPERUSER LOGIN").await;
        let other = database.url.replace("//shop@", "//postgres@");
        Client::open(&other).await.run("ALTER ROLE shop RENAME TO somebody").await;
    });
    let _redis = Redis::start(port("6379"), folder.path());
    let address = |scheme: &str, user: &str, usual: &str, path: &str| {
        format!("{scheme}://{user}127.0.0.1:{}{path}", port(usual))
    };
    let environment = [
        ("PGHOST", socket.to_owned()),
        ("PGPORT", port("5432").to_string()),
        ("PGUSER", "postgres".to_owned()),
        ("DATABASE_URL", address("postgres", "shop:shop@", "5432", "/shop")),
        ("REDIS_URL", address("redis", "", "6379", "/0")),
        ("LINGSHAO_LOG_TO", address("tcp", "", "5000", "")),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1".to_owned()),
        ("PIP_CACHE_DIR", pip_cache()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
    ];
    let blocks = blocks(&home_of_readme().join("README.en.md"));
    Play { title: "README", blocks, home: &home, own: &own, environment: &environment, time: TIME }.run();
    let said = fs::read_to_string(home.join("lingshao.log")).unwrap();
    assert!(!said.contains(" ERROR ") && !said.contains("panicked"), "{said}");
}

fn home_of_readme() -> PathBuf {
    repository().join("examples/fastapi-shop")
}

/// What pip keeps of other tests' downloads, though the shell has another home.
fn pip_cache() -> String {
    std::env::var("HOME").map_or_else(|_| text("/tmp/pip"), |home| format!("{home}/.cache/pip"))
}

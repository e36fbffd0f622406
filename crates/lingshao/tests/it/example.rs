//! `examples/fastapi-shop`: what its README tells a stranger to type is typed, in a fresh copy, with a real PostgreSQL and Redis.

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
    for name in ["customers.py", "requirements.txt", "lingshao.yml"]
        .map(|name| format!("examples/fastapi-shop/{name}"))
    {
        fs::copy(repository().join(&name), into.join(&name)).unwrap();
    }
    for name in ["python/pyproject.toml", "python/README.md"] {
        fs::copy(repository().join(name), into.join(name)).unwrap();
    }
}

#[test]
fn a_stranger_gets_the_whole_plan_by_the_readme() {
    let folder = tempfile::tempdir().unwrap();
    let (root, tools) = (folder.path().join("root"), folder.path().join("root/examples/bin"));
    copy(&root);
    let home = root.join("examples/fastapi-shop");
    fs::create_dir_all(&tools).unwrap();
    fs::write(tools.join("sudo"), SUDO).unwrap();
    fs::set_permissions(tools.join("sudo"), fs::Permissions::from_mode(0o755)).unwrap();

    let usual = ["9090", "8000", "8080", "5432", "6379", "5000", "5140", "9200"];
    let mut ports = usual.map(|usual| (usual, free_port()));
    ports[2].1 = ports[1].1; // There is no nginx in front: customers ask the shop.
    let port = |wanted: &str| ports.iter().find(|(usual, _)| *usual == wanted).unwrap().1;
    let own: Vec<(String, String)> = ports
        .iter()
        .map(|(usual, port)| (format!("127.0.0.1:{usual}"), format!("127.0.0.1:{port}")))
        .chain([("--port 8000".to_owned(), format!("--port {}", port("8000")))])
        // Nobody is told anything by a test.
        .chain([("https://qyapi.weixin.qq.com".to_owned(), "http://127.0.0.1:9".to_owned())])
        .collect();
    let config =
        own.iter().fold(fs::read_to_string(home.join("lingshao.yml")).unwrap(), |text, (usual, own)| {
            text.replace(usual, own)
        });
    fs::write(home.join("lingshao.yml"), config).unwrap();

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

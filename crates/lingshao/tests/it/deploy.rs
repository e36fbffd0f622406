//! `deploy/`: what the image starts is what this binary takes. The image itself is built by whoever has Docker.

use std::path::{Path, PathBuf};

use crate::harness::{Server, command, folder, request, text};

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name)
}

/// The words of `CMD` or `ENTRYPOINT`.
fn words(dockerfile: &str, key: &str) -> Vec<String> {
    let line = dockerfile.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    serde_json::from_str(line.trim()).unwrap()
}

#[test]
fn the_configuration_of_the_image_is_accepted_without_a_word() {
    let output = command().args(["check", &text(deploy("lingshao.yml"))]).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

/// The command of the image with its configuration, on ports that are free.
#[test]
fn the_image_starts_with_its_command_and_answers_under_its_names() {
    let dockerfile = std::fs::read_to_string(deploy("Dockerfile")).unwrap();
    assert_eq!(words(&dockerfile, "ENTRYPOINT"), ["lingshao"]);
    let started = words(&dockerfile, "CMD");
    assert_eq!(started[..3], ["run", "--config", "/etc/lingshao/lingshao.yml"]);
    let folder = folder();
    let own = std::fs::read_to_string(deploy("lingshao.yml")).unwrap();
    let config: String = own
        .lines()
        .map(|line| match line.split_once(": 0.0.0.0:") {
            Some((key, _)) => format!("{key}: 0.0.0.0:0\n"),
            None => format!("{line}\n"),
        })
        .collect();
    assert_ne!(own, config);
    std::fs::write(folder.path().join("deploy.yml"), config).unwrap();
    let config = text(folder.path().join("deploy.yml"));
    let arguments: Vec<&str> = ["--config", &config, "--listen", "0.0.0.0:0"]
        .into_iter()
        .chain(started[3..].iter().map(String::as_str))
        .collect();
    let server = Server::try_start(&folder.path().join("data"), &arguments)
        .unwrap_or_else(|(status, said)| panic!("it ended with {status}:\n{said}"));
    for name in ["elasticsearch", "logstash", "otlp", "kibana"] {
        assert!(server.door(name).starts_with("0.0.0.0:"), "{name}");
    }
    let local = |address: &str| address.replace("0.0.0.0", "127.0.0.1");
    let from = |host: &str| {
        let headers = [("Host", host)];
        request(&local(server.door("elasticsearch")), "GET", "/", &headers, b"").unwrap().status
    };
    assert_eq!((from("elasticsearch:9200"), from("lingshao:9200")), (200, 200));
    assert_eq!(from("evil.example:9200"), 421, "no other name");
    // What HEALTHCHECK runs.
    let url = format!("http://{}", local(&server.address));
    let health = command().args(["health", "--url", &url]).output().unwrap();
    assert!(health.status.success(), "{}", String::from_utf8_lossy(&health.stderr));
}

/// `cargo build --locked --profile dist` in an image of that Rust, with that Node.js.
#[test]
fn the_image_is_built_with_tools_that_are_new_enough() {
    let dockerfile = std::fs::read_to_string(deploy("Dockerfile")).unwrap();
    let manifest = std::fs::read_to_string(deploy("../Cargo.toml")).unwrap();
    let setup = std::fs::read_to_string(deploy("../scripts/setup.sh")).unwrap();
    let version = |text: &str, before: &str| -> Vec<u32> {
        let from = text.split_once(before).unwrap_or_else(|| panic!("no {before}")).1;
        let digits: String = from.chars().take_while(|one| one.is_ascii_digit() || *one == '.').collect();
        digits.split('.').map(|part| part.parse().unwrap()).collect()
    };
    assert!(version(&manifest, "rust-version = \"") <= version(&dockerfile, "}rust:"));
    assert!(version(&setup, "NODE_MINIMUM=") <= version(&dockerfile, "}node:"));
    assert!(manifest.contains("[profile.dist]"));
    for line in dockerfile.lines().filter(|line| !line.starts_with('#')) {
        for path in line.split(' ').filter(|word| word.starts_with("deploy/")) {
            assert!(deploy("..").join(path).exists(), "{path} of {line}");
        }
    }
}

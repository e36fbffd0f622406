//! `docs/guide`: every command of its pages is run, in the order in which a reader types them, and says what the page says.
//!
//! How that is done: `commands.rs`. Pages in both languages have the same commands.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::{Play, assert_same_commands, blocks, needs};
use crate::harness::free_port;

/// A page takes some seconds; one that waits for ever is told.
const PAGE_TIME: Duration = Duration::from_secs(120);

fn guide() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide")).unwrap()
}

fn pages(ending: &str) -> BTreeSet<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let names = fs::read_dir(guide()).unwrap().map(|entry| name(entry.unwrap()));
    let is_wanted =
        |name: &String| name.ends_with(ending) && name.ends_with(".zh-CN.md") == (ending == ".zh-CN.md");
    names.filter(is_wanted).map(|name| name.strip_suffix(ending).unwrap().to_owned()).collect()
}

#[test]
fn the_index_names_every_page_and_every_page_is_there_in_both_languages() {
    assert_eq!(pages(".md"), pages(".zh-CN.md"));
    for (index, ending) in [("README.md", ".md"), ("README.zh-CN.md", ".zh-CN.md")] {
        let source = fs::read_to_string(guide().join(index)).unwrap();
        for page in pages(".md").iter().filter(|page| *page != "README") {
            assert!(source.contains(&format!("({page}{ending})")), "{index} does not name {page}");
        }
    }
}

#[test]
fn links_of_the_guide_lead_somewhere() {
    for page in fs::read_dir(guide()).unwrap().map(|entry| entry.unwrap().path()) {
        let source = fs::read_to_string(&page).unwrap();
        for link in source.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                assert!(guide().join(target).exists(), "{}: {link}", page.display());
            }
        }
    }
}

#[test]
fn both_languages_have_the_same_commands() {
    for page in pages(".md") {
        let of = |ending: &str| blocks(&guide().join(format!("{page}{ending}")));
        assert_same_commands(&page, &of(".md"), &of(".zh-CN.md"));
    }
}

/// Runs all commands of a page in one shell; what it says behind each block is compared.
#[track_caller]
fn run(page: &str) {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    fs::create_dir_all(&home).unwrap();
    let examples = guide().join("../../examples/lingxian");
    std::os::unix::fs::symlink(&examples, home.join("examples")).unwrap();
    // The ports of the pages are the usual ones; here each gets one that is free.
    let ports = ["127.0.0.1:9090", "127.0.0.1:5000", "127.0.0.1:9200"];
    let own = ports.map(|usual| (usual.to_owned(), format!("127.0.0.1:{}", free_port())));
    let blocks = blocks(&guide().join(format!("{page}.md")));
    Play { title: page, blocks, home: &home, own: &own, environment: &[], time: PAGE_TIME }.run();
}

/// A page that is run has a test of its own here; the others' commands need what they say.
macro_rules! pages {
    ($($name:ident: $page:literal,)*) => {
        $(#[test]
        fn $name() {
            run($page);
        })*

        #[test]
        fn no_page_with_commands_is_forgotten() {
            let run = [$($page),*];
            for page in pages(".md") {
                let has_some = blocks(&guide().join(format!("{page}.md"))).iter().any(|block| needs(block).is_none());
                assert_eq!(run.contains(&&*page), has_some, "{page}");
            }
        }
    };
}

pages! {
    install: "install",
    first_config: "first-config",
    alerts_wecom: "alerts-wecom",
    move_over: "move-over",
    access: "access",
    backup: "backup",
    upgrade: "upgrade",
    when_something_is_wrong: "trouble",
}

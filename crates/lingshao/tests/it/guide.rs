//! `docs/guide`: every command of its pages is run, in the order in which a reader types them, and says what the page says.
//!
//! A page's blocks marked `sh` run in one shell, in a folder of their own, with this binary as `lingshao`. A `text` block
//! behind one is what it prints, a line each, `…` standing for anything. A block whose first line begins with `# needs`
//! (`# 需要`) is not run; the line tells the reader, and us, what it would take. Pages in both languages have the same
//! commands.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{free_port, text};

/// A page takes some seconds; one that waits for ever is told.
const PAGE_TIME: Duration = Duration::from_secs(120);

/// A shell command and what it is to print.
#[derive(Debug)]
struct Block {
    commands: String,
    expected: Vec<String>,
}

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

/// Blocks marked `sh`, with the `text` behind each.
fn blocks(page: &str) -> Vec<Block> {
    let source = fs::read_to_string(guide().join(page)).unwrap();
    let (mut found, mut lines): (Vec<Block>, _) = (Vec::new(), source.lines());
    let mut is_behind_commands = false;
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let content: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        match kind {
            "sh" => found.push(Block { commands: content.join("\n") + "\n", expected: Vec::new() }),
            "text" if is_behind_commands => {
                found.last_mut().unwrap().expected = content.iter().map(|line| (*line).to_owned()).collect();
            }
            _ => {}
        }
        is_behind_commands = kind == "sh";
    }
    found
}

/// Why a block is not run.
fn needs(block: &Block) -> Option<&str> {
    let first = block.commands.lines().next()?;
    first.strip_prefix("# needs ").or(first.strip_prefix("# 需要"))
}

/// What the shell sees of it: comments are each language's own.
fn bare(commands: &str) -> Vec<String> {
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    commands
        .lines()
        .filter(|line| !is_comment(line))
        .map(|line| line.split(" # ").next().unwrap().trim_end().to_owned())
        .collect()
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
        let of = |ending: &str| blocks(&format!("{page}{ending}"));
        let (english, chinese) = (of(".md"), of(".zh-CN.md"));
        assert_eq!(english.len(), chinese.len(), "{page}: blocks of commands");
        for (ours, theirs) in english.iter().zip(&chinese) {
            assert_eq!(bare(&ours.commands), bare(&theirs.commands), "{page}");
            assert_eq!(ours.expected, theirs.expected, "{page}");
            assert_eq!(needs(ours).is_some(), needs(theirs).is_some(), "{page}: {}", ours.commands);
        }
    }
}

/// Whether a line is among what was printed; `…` stands for anything.
fn is_printed(line: &str, printed: &str) -> bool {
    let pieces: Vec<&str> = line.split('…').map(str::trim).filter(|piece| !piece.is_empty()).collect();
    printed.lines().any(|own| {
        let mut rest = own;
        pieces.iter().all(|piece| match rest.find(piece) {
            Some(at) => {
                rest = &rest[at + piece.len()..];
                true
            }
            None => false,
        })
    })
}

/// Ends what a page's shell has left running, all of it its own: they are in a session of theirs.
struct Session(std::process::Child);

impl Drop for Session {
    fn drop(&mut self) {
        drop(
            Command::new("kill")
                .args(["-9", "--", &format!("-{}", self.0.id())])
                .stderr(Stdio::null())
                .status(),
        );
        drop(self.0.wait());
    }
}

/// Runs all commands of a page in one shell; what it says behind each block is compared.
#[track_caller]
fn run(page: &str) {
    const MARK: &str = "=== end of block";
    let source = format!("{page}.md");
    let folder = tempfile::tempdir().unwrap();
    let (home, tools) = (folder.path().join("home"), folder.path().join("bin"));
    fs::create_dir_all(&home).unwrap();
    fs::create_dir_all(&tools).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_lingshao"), tools.join("lingshao")).unwrap();
    let examples = guide().join("../../examples/lingxian");
    std::os::unix::fs::symlink(&examples, home.join("examples")).unwrap();
    // The ports of the pages are the usual ones; here each gets one that is free.
    let ports = ["127.0.0.1:9090", "127.0.0.1:5000", "127.0.0.1:9200"].map(|usual| (usual, free_port()));
    let own = |text: &str| {
        ports
            .iter()
            .fold(text.to_owned(), |text, (usual, port)| text.replace(usual, &format!("127.0.0.1:{port}")))
    };
    let runnable: Vec<Block> = blocks(&source).into_iter().filter(|block| needs(block).is_none()).collect();
    assert!(!runnable.is_empty(), "{page} has commands");
    let mut script = "set -eu\nexec 2>&1\n".to_owned();
    for block in &runnable {
        script += &own(&block.commands);
        script += &format!("echo '{MARK}'\n");
    }
    let printed = folder.path().join("printed");
    let path = format!("{}:{}", text(&tools), std::env::var("PATH").unwrap());
    let mut command = Command::new("setsid");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LINGSHAO_")) {
        command.env_remove(name);
    }
    command
        .args(["bash", "-c", &script])
        .current_dir(&home)
        .env("HOME", &home)
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        .env("LINGSHAO_LISTEN", own("127.0.0.1:9090"))
        .env("LINGSHAO_URL", format!("http://{}", own("127.0.0.1:9090")))
        .stdin(Stdio::null())
        .stdout(fs::File::create(&printed).unwrap());
    let mut session = Session(command.spawn().unwrap());
    let deadline = Instant::now() + PAGE_TIME;
    let status = loop {
        if let Some(status) = session.0.try_wait().unwrap() {
            break status;
        }
        let said = || fs::read_to_string(&printed).unwrap();
        assert!(Instant::now() < deadline, "{page} does not come to its end:\n{}", said());
        std::thread::sleep(Duration::from_millis(20));
    };
    let said = fs::read_to_string(&printed).unwrap();
    assert!(status.success(), "{page} stops with {status}:\n{said}");
    for (block, said) in runnable.iter().zip(said.split(MARK)) {
        for line in &block.expected {
            assert!(
                is_printed(&own(line), said),
                "{page}: `{line}` is not printed by\n{}but\n{said}",
                block.commands
            );
        }
    }
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
                let has_some = blocks(&format!("{page}.md")).iter().any(|block| needs(block).is_none());
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

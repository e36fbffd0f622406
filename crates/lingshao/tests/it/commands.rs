//! The commands of a page of documentation, run in the order in which a reader types them.
//!
//! Blocks marked `sh` run in one shell, in a folder of their own, with this binary as `lingshao`. A `text` block behind one is
//! what it prints, a line each, `…` standing for anything. A block whose first line begins with `# needs` (`# 需要`) is not
//! run; the line tells the reader, and us, what it would take.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::text;

/// A shell command and what it is to print.
#[derive(Debug)]
pub(crate) struct Block {
    commands: String,
    expected: Vec<String>,
}

/// Blocks marked `sh`, with the `text` behind each.
pub(crate) fn blocks(page: &Path) -> Vec<Block> {
    let source = fs::read_to_string(page).unwrap();
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
pub(crate) fn needs(block: &Block) -> Option<&str> {
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

/// Pages in two languages have the same commands, and expect the same of them.
#[track_caller]
pub(crate) fn assert_same_commands(page: &str, english: &[Block], chinese: &[Block]) {
    assert_eq!(english.len(), chinese.len(), "{page}: blocks of commands");
    for (ours, theirs) in english.iter().zip(chinese) {
        assert_eq!(bare(&ours.commands), bare(&theirs.commands), "{page}");
        assert_eq!(ours.expected, theirs.expected, "{page}");
        assert_eq!(needs(ours).is_some(), needs(theirs).is_some(), "{page}: {}", ours.commands);
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

/// A page to be run.
pub(crate) struct Play<'a> {
    pub(crate) title: &'a str,
    pub(crate) blocks: Vec<Block>,
    /// Where the shell begins. Beside it, `bin` is the first folder of its `PATH`.
    pub(crate) home: &'a Path,
    /// What stands in the page, the address of the web listener first, and what it is here.
    pub(crate) own: &'a [(String, String)],
    pub(crate) environment: &'a [(&'a str, String)],
    /// One that waits for ever is told.
    pub(crate) time: Duration,
}

impl Play<'_> {
    fn own(&self, text: &str) -> String {
        self.own.iter().fold(text.to_owned(), |text, (usual, own)| text.replace(usual, own))
    }

    /// Runs all commands in one shell; what it says behind each block is compared.
    #[track_caller]
    pub(crate) fn run(mut self) {
        const MARK: &str = "=== end of block";
        self.blocks.retain(|block| needs(block).is_none());
        let Play { title, home, .. } = self;
        assert!(!self.blocks.is_empty(), "{title} has commands");
        let tools = home.parent().unwrap().join("bin");
        fs::create_dir_all(&tools).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_lingshao"), tools.join("lingshao")).unwrap();
        let mut script = "set -eu\nexec 2>&1\n".to_owned();
        for block in &self.blocks {
            script += &self.own(&block.commands);
            script += &format!("echo '{MARK}'\n");
        }
        let printed = tools.with_file_name("printed");
        let path = format!("{}:{}", text(&tools), std::env::var("PATH").unwrap());
        let mut command = Command::new("setsid");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LINGSHAO_")) {
            command.env_remove(name);
        }
        let web = &self.own[0].1;
        command
            .args(["bash", "-c", &script])
            .current_dir(home)
            .env("HOME", home)
            .env("PATH", path)
            .env("LC_ALL", "C.UTF-8")
            .env("LINGSHAO_LISTEN", web)
            .env("LINGSHAO_URL", format!("http://{web}"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(fs::File::create(&printed).unwrap());
        let mut session = Session(command.spawn().unwrap());
        let deadline = Instant::now() + self.time;
        let status = loop {
            if let Some(status) = session.0.try_wait().unwrap() {
                break status;
            }
            let said = || fs::read_to_string(&printed).unwrap();
            assert!(Instant::now() < deadline, "{title} does not come to its end:\n{}", said());
            std::thread::sleep(Duration::from_millis(20));
        };
        let said = fs::read_to_string(&printed).unwrap();
        assert!(status.success(), "{title} stops with {status}:\n{said}");
        for (block, said) in self.blocks.iter().zip(said.split(MARK)) {
            for line in &block.expected {
                assert!(
                    is_printed(&self.own(line), said),
                    "{title}: `{line}` is not printed by\n{}but\n{said}",
                    block.commands
                );
            }
        }
    }
}

//! Starting the real binary, talking HTTP to it, and ending it one way or another.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lingshao_model::{LabelsBuilder, SeriesBatch, Timestamp};
use lingshao_wire::{remote_write, snappy};
use serde_json::Value;
use tempfile::TempDir;

/// Long enough for a debug build on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    pub(crate) stderr: PathBuf,
    /// Addresses of the other listeners by name.
    doors: Vec<(String, String)>,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
}

/// The binary with no `LINGSHAO_*` variable of ours around it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lingshao"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LINGSHAO_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command that ends by itself.
pub(crate) fn run(arguments: &[&str]) -> Output {
    command().args(arguments).stdin(Stdio::null()).output().expect("the binary can be started")
}

/// A folder with a config that scrapes nothing.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("quiet.yml"), "global: {}\n").expect("the folder is ours");
    folder
}

pub(crate) fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().to_str().expect("temporary folders have plain names").to_owned()
}

impl Server {
    /// On a free port, with the data and the quiet config of a folder.
    pub(crate) fn start(folder: &TempDir) -> Server {
        Server::start_with(folder, &["--config", &text(folder.path().join("quiet.yml"))])
    }

    pub(crate) fn start_with(folder: &TempDir, arguments: &[&str]) -> Server {
        Server::try_start(&folder.path().join("data"), arguments).expect("the server starts")
    }

    /// What it said on stderr if it ended instead of listening.
    pub(crate) fn try_start(data: &Path, arguments: &[&str]) -> Result<Server, (ExitStatus, String)> {
        Server::try_start_in(&[], data, arguments)
    }

    /// The same, with variables in its environment.
    pub(crate) fn try_start_in(
        environment: &[(&str, &str)],
        data: &Path,
        arguments: &[&str],
    ) -> Result<Server, (ExitStatus, String)> {
        Server::try_start_command(environment, "run", data, arguments)
    }

    /// The same, by another command that listens.
    pub(crate) fn try_start_command(
        environment: &[(&str, &str)],
        name: &str,
        data: &Path,
        arguments: &[&str],
    ) -> Result<Server, (ExitStatus, String)> {
        let unique =
            format!("{}-{:?}", std::process::id(), Instant::now()).replace([' ', ':', '{', '}', ','], "");
        let stderr = std::env::temp_dir().join(format!("lingshao-test-{unique}.log"));
        let any_port: &[&str] =
            if arguments.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
        let mut child = command()
            .envs(environment.iter().copied())
            .args([name, "--data", &text(data)])
            .args(any_port)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).expect("a log file"))
            .spawn()
            .expect("the binary can be started");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let (mut line, mut reader) = (String::new(), BufReader::new(stdout));
        reader.read_line(&mut line).expect("stdout can be read");
        // All lines are written at once.
        let rest = String::from_utf8_lossy(reader.buffer()).into_owned();
        let door = |line: &str| {
            let (name, address) = line.strip_prefix("listening ")?.split_once('=')?;
            Some((name.to_owned(), address.to_owned()))
        };
        match line.trim().strip_prefix("listening web=") {
            Some(address) => {
                let doors = rest.lines().filter_map(door).collect();
                Ok(Server { child, address: address.to_owned(), stderr, doors })
            }
            None => {
                let status = child.wait().expect("it has ended");
                let said = std::fs::read_to_string(&stderr).expect("the log file");
                drop(std::fs::remove_file(&stderr));
                Err((status, said))
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address of another listener.
    #[track_caller]
    pub(crate) fn door(&self, name: &str) -> &str {
        let found = self.doors.iter().find(|(own, _)| own == name);
        &found.unwrap_or_else(|| panic!("no listener {name}: {:?}", self.doors)).1
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// SIGKILL, as a power button for processes.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid().to_string()]).status().expect("kill(1)");
        assert!(sent.success());
    }

    /// Whether it has ended, whoever ended it.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_some()
    }

    /// Waits for its own end.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("it can be waited for");
        (status, self.log())
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.stderr).expect("the log file")
    }

    /// Bytes of a line of `/proc/PID/status`.
    pub(crate) fn memory(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let found = status.lines().find_map(|own| own.strip_prefix(line)).expect("the line is there");
        let kibibytes: u64 = found.trim_matches([':', ' ', '\t', 'k', 'B']).parse().expect("a number");
        kibibytes * 1024
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    pub(crate) fn post_form(&self, path: &str, form: &str) -> Answer {
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        self.request("POST", path, &headers, form.as_bytes())
    }

    /// One request on a connection of its own. A `Host` in the headers replaces ours.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_request(method, path, headers, body).expect("an answer")
    }

    pub(crate) fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        request(&self.address, method, path, headers, body)
    }

    /// A request to the Elasticsearch listener.
    pub(crate) fn elasticsearch(&self, method: &str, path: &str, body: &str) -> Answer {
        let headers = [("Content-Type", "application/json")];
        request(self.door("elasticsearch"), method, path, &headers, body.as_bytes()).expect("an answer")
    }

    /// Sends a batch by remote write 1.0.
    pub(crate) fn write(&self, batch: &SeriesBatch) -> Answer {
        self.write_body(&snappy::compress(&remote_write::encode_v1(batch)))
    }

    pub(crate) fn write_body(&self, body: &[u8]) -> Answer {
        self.request("POST", "/api/v1/write", WRITE_HEADERS, body)
    }

    /// The data of a successful API call.
    #[track_caller]
    pub(crate) fn data(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()["data"].clone()
    }

    /// Value of one of our own figures on `/metrics`.
    #[track_caller]
    pub(crate) fn figure(&self, series: &str) -> f64 {
        let page = self.get("/metrics").body;
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is not on the page:\n{page}")).parse().expect("a number")
    }
}

pub(crate) const WRITE_HEADERS: &[(&str, &str)] =
    &[("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_file(&self.stderr));
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The message of an API error.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error: {}", self.body)).to_owned()
    }
}

/// One request on a connection of its own, wherever it goes.
pub(crate) fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head += &format!("Host: {address}\r\n");
    }
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let bytes = answer[end + 4..].to_vec();
    Some(Answer { status, head, body: String::from_utf8_lossy(&bytes).into_owned(), bytes })
}

/// Milliseconds since the epoch, whole seconds.
pub(crate) fn now_millis() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    now.as_secs() as i64 * 1000
}

/// Adds one series with samples (milliseconds, value) to a batch.
pub(crate) fn push(batch: &mut SeriesBatch, labels: &[(&str, &str)], samples: &[(i64, f64)]) {
    samples.iter().for_each(|(t, value)| batch.push(Timestamp(*t), None, *value));
    let mut builder = LabelsBuilder::default();
    labels.iter().for_each(|(name, value)| builder.push(name, value));
    batch.finish_series(&mut builder).expect("labels of a test are valid");
}

pub(crate) fn batch(series: &[(&[(&str, &str)], &[(i64, f64)])]) -> SeriesBatch {
    let mut batch = SeriesBatch::default();
    series.iter().for_each(|(labels, samples)| push(&mut batch, labels, samples));
    batch
}

/// A port for a program that has to be told one. Below those that the system gives away by itself: nobody else takes it
/// meanwhile.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id() as u16 % 200 * 100;
    loop {
        let port = 10_000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// For a URL or a form.
pub(crate) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Asks again until something holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A write lock on a database, held by python3 (a client that is not ours).
pub(crate) struct Lock(Child);

impl Lock {
    pub(crate) fn take(file: &Path) -> Lock {
        let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None); \
                      c.execute('BEGIN IMMEDIATE'); print('.', end='', flush=True); sys.stdin.read()";
        let mut child = Command::new("python3")
            .args(["-c", script, &text(file)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        Lock(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

//! This host under node_exporter's names: CPU, load, memory, file systems, disks, network, sockets, pressure.
//!
//! Contract: reads `/proc` and `/sys` (below `collect.host.rootfs`), never blocks for longer than a few seconds: file
//! systems are asked on a helper thread that may be left behind by a dead network mount. What a kernel does not
//! offer is left out. Values and exclusions are those of node_exporter's defaults.

mod disk;
mod filesystem;
mod kernel;
mod network;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use lingshao_wire::exposition::{MetricType, PageWriter};

use crate::config::CollectHost;
use filesystem::FileSystems;
use kernel::CpuClock;

/// The collector of this host.
#[derive(Debug)]
pub struct Host {
    root: Root,
    instance: String,
    memory: Mutex<Memory>,
}

/// What is remembered from page to page.
#[derive(Debug, Default)]
struct Memory {
    cpus: CpuClock,
    file_systems: FileSystems,
}

/// Where the host's `/proc` and `/sys` are.
#[derive(Clone, Debug)]
struct Root(PathBuf);

/// Largest file of `/proc` that is read: `/proc/net/dev` of a host with thousands of containers stays below.
const FILE_BYTES_MAX: u64 = 4 << 20;

impl Root {
    /// A text file; nothing if it is not there or not text.
    fn read(&self, path: &str) -> Option<String> {
        let mut text = String::new();
        let file = std::fs::File::open(self.path(path)).ok()?;
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// A file that holds one number.
    fn number(&self, path: &str) -> Option<f64> {
        self.read(path)?.trim().parse().ok()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }
}

impl Host {
    /// Prepares to look; reads nothing yet.
    pub fn new(config: &CollectHost) -> Host {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Host {
            root: Root(config.rootfs.clone()),
            instance: config.instance.clone().unwrap_or(name),
            memory: Mutex::default(),
        }
    }

    /// The `instance` label: configured, or the host's name.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Appends the page in Prometheus' text format. Blocks for milliseconds, with dead mounts for seconds.
    pub fn collect(&self, page: &mut Vec<u8>) {
        // A panic in an earlier page leaves memory that is at worst out of date.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sheet = Sheet::default();
        kernel::collect(&self.root, &mut memory.cpus, &mut sheet);
        memory.file_systems.collect(&self.root, &mut sheet);
        disk::collect(&self.root, &mut sheet);
        network::collect(&self.root, &mut sheet);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        sheet.gauge("node_time_seconds", "System time in seconds since epoch (1970).", now.as_secs_f64());
        page.append(&mut sheet.0.finish());
    }
}

/// A page being written.
#[derive(Debug, Default)]
struct Sheet(PageWriter);

impl Sheet {
    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.0.family(name, MetricType::Gauge, help);
        self.0.sample(name, &[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.0.family(name, MetricType::Counter, help);
        self.0.sample(name, &[], value);
    }

    fn untyped(&mut self, name: &str, help: &str, value: f64) {
        self.0.family(name, MetricType::Unknown, help);
        self.0.sample(name, &[], value);
    }

    /// A family with one label.
    fn by<'v>(
        &mut self,
        name: &str,
        kind: MetricType,
        help: &str,
        label: &str,
        values: impl Iterator<Item = (&'v str, f64)>,
    ) {
        let mut values = values.peekable();
        if values.peek().is_some() {
            self.0.family(name, kind, help);
            values.for_each(|(own, value)| self.0.sample(name, &[(label, own)], value));
        }
    }
}

/// Whether a path is another one or below it.
fn is_below(path: &str, folder: &str) -> bool {
    Path::new(path).starts_with(folder)
}

#[cfg(test)]
mod tests;

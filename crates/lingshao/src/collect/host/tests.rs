//! The page against a real node_exporter on the same machine.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lingshao_model::LabelsBuilder;
use lingshao_wire::exposition::{Entry, Format, Page};

use super::*;

/// Names without which public boards and alert rules show gaps.
const NAMES: [&str; 58] = [
    "node_boot_time_seconds",
    "node_context_switches_total",
    "node_cpu_seconds_total",
    "node_disk_io_now",
    "node_disk_io_time_seconds_total",
    "node_disk_io_time_weighted_seconds_total",
    "node_disk_read_bytes_total",
    "node_disk_read_time_seconds_total",
    "node_disk_reads_completed_total",
    "node_disk_write_time_seconds_total",
    "node_disk_writes_completed_total",
    "node_disk_written_bytes_total",
    "node_filefd_allocated",
    "node_filefd_maximum",
    "node_filesystem_avail_bytes",
    "node_filesystem_device_error",
    "node_filesystem_files",
    "node_filesystem_files_free",
    "node_filesystem_free_bytes",
    "node_filesystem_readonly",
    "node_filesystem_size_bytes",
    "node_forks_total",
    "node_intr_total",
    "node_load1",
    "node_load15",
    "node_load5",
    "node_memory_Buffers_bytes",
    "node_memory_Cached_bytes",
    "node_memory_MemAvailable_bytes",
    "node_memory_MemFree_bytes",
    "node_memory_MemTotal_bytes",
    "node_memory_SReclaimable_bytes",
    "node_memory_SwapFree_bytes",
    "node_memory_SwapTotal_bytes",
    "node_netstat_TcpExt_ListenDrops",
    "node_netstat_Tcp_ActiveOpens",
    "node_netstat_Tcp_CurrEstab",
    "node_netstat_Tcp_InSegs",
    "node_netstat_Tcp_OutSegs",
    "node_netstat_Tcp_PassiveOpens",
    "node_netstat_Tcp_RetransSegs",
    "node_network_info",
    "node_network_receive_bytes_total",
    "node_network_receive_drop_total",
    "node_network_receive_errs_total",
    "node_network_transmit_bytes_total",
    "node_network_transmit_drop_total",
    "node_network_transmit_errs_total",
    "node_network_up",
    "node_procs_blocked",
    "node_procs_running",
    "node_sockstat_TCP_alloc",
    "node_sockstat_TCP_inuse",
    "node_sockstat_TCP_tw",
    "node_sockstat_UDP_inuse",
    "node_sockstat_sockets_used",
    "node_time_seconds",
    "node_uname_info",
];
/// Offered where the kernel has them.
const NAMES_IF_KNOWN: [&str; 9] = [
    "node_nf_conntrack_entries",
    "node_nf_conntrack_entries_limit",
    "node_pressure_cpu_waiting_seconds_total",
    "node_pressure_io_stalled_seconds_total",
    "node_pressure_io_waiting_seconds_total",
    "node_pressure_memory_stalled_seconds_total",
    "node_pressure_memory_waiting_seconds_total",
    "node_vmstat_oom_kill",
    "node_network_speed_bytes",
];

type Series = BTreeMap<String, (String, f64)>;

/// Every series with its metric's name and value.
fn series(page: &[u8]) -> Series {
    let mut builder = LabelsBuilder::default();
    let mut series = Series::new();
    for entry in Page::new(page, Format::Text).unwrap() {
        if let Entry::Sample(sample) = entry.unwrap() {
            builder.clear();
            sample.labels(&mut builder);
            let labels = builder.finish().unwrap().to_string();
            assert!(
                series.insert(labels.clone(), (sample.name().into_owned(), sample.value)).is_none(),
                "{labels}"
            );
        }
    }
    series
}

fn ours() -> Series {
    let mut page = Vec::new();
    Host::new(&CollectHost::default()).collect(&mut page);
    series(&page)
}

struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A node_exporter with upstream's exclusions (Debian's differ), and its port.
fn exporter() -> Option<(Exporter, u16)> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let spawned = Command::new("prometheus-node-exporter")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg(r"--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$")
        .arg("--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)")
        .arg("--collector.netdev.device-exclude=")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match spawned {
        Ok(child) => Some((Exporter(child), port)),
        Err(error) => {
            println!("skipped: prometheus-node-exporter cannot be started: {error}");
            None
        }
    }
}

/// Its page.
fn theirs(port: u16) -> Series {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let body = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
            return series(&answer[body..]);
        }
        assert!(Instant::now() < deadline, "node_exporter does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_names_that_boards_ask_for_are_there() {
    let ours = ours();
    let has = |name: &str| ours.values().any(|(own, _)| own == name);
    let missing: Vec<_> = NAMES.iter().filter(|name| !has(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Values that only this page or only that one can have.
fn is_comparable(name: &str) -> bool {
    let ours_to_give = NAMES.contains(&name) || NAMES_IF_KNOWN.contains(&name);
    let groups = [
        "node_memory_",
        "node_disk_",
        "node_netstat_",
        "node_sockstat_",
        "node_vmstat_",
        "node_pressure_",
        "node_nf_conntrack_",
        "node_cpu_",
    ];
    // Labels from udev, and a speed of -1, are not offered.
    let differs = matches!(name, "node_disk_info" | "node_network_speed_bytes");
    (ours_to_give || groups.iter().any(|group| name.starts_with(group))) && !differs
}

/// Takes their page between two of ours: how many series were compared, and what is not alike.
fn compare(port: u16) -> (usize, Vec<String>) {
    let before = ours();
    let theirs = theirs(port);
    let after = ours();
    let mut compared = 0;
    let mut wrong = Vec::new();
    for (labels, (_, value)) in theirs.iter().filter(|(_, (name, _))| is_comparable(name)) {
        let (Some((_, first)), Some((_, second))) = (before.get(labels), after.get(labels)) else {
            wrong.push(format!("{labels} is missing"));
            continue;
        };
        compared += 1;
        let (low, high) = (first.min(*second), first.max(*second));
        // Gauges move between the looks; a wrong unit or column is further off than this.
        let slack = (high - low) + high.abs() * 0.2 + 50.0;
        if *value < low - slack || *value > high + slack {
            wrong.push(format!("{labels}: {value} is not near {first} and {second}"));
        }
    }
    (compared, wrong)
}

#[test]
fn names_labels_and_values_are_those_of_node_exporter() {
    let Some((_exporter, port)) = exporter() else { return };
    theirs(port); // It runs now: the memory that it takes is there in all looks.
    let mut wrong = Vec::new();
    // On a busy machine a gauge can move more between the looks than the slack; a wrong unit or column is wrong
    // every time.
    for _ in 0..5 {
        let (compared, different) = compare(port);
        assert!(compared > 150, "{compared}");
        if different.is_empty() {
            return;
        }
        wrong = different;
    }
    panic!("{wrong:#?}");
}

//! What the kernel counts in single files of `/proc`.

use std::collections::BTreeMap;

use lingshao_wire::exposition::MetricType;

use super::{Root, Sheet};

/// Ticks per second in `/proc/stat`; fixed for user space on Linux (`USER_HZ`).
const TICKS: f64 = 100.0;

const CPU_MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

/// The last seen CPU times. Kernels let idle and iowait step back a little; a counter must not.
#[derive(Debug, Default)]
pub(super) struct CpuClock(BTreeMap<u32, [f64; 10]>);

/// A step back of more than this many seconds is a CPU that was taken away and came back.
const CPU_RESET_SECONDS: f64 = 3.0;

pub(super) fn collect(root: &Root, cpus: &mut CpuClock, sheet: &mut Sheet) {
    stat(root, cpus, sheet);
    load(root, sheet);
    memory(root, sheet);
    vmstat(root, sheet);
    netstat(root, sheet);
    sockstat(root, sheet);
    limits(root, sheet);
    pressure(root, sheet);
    uname(sheet);
}

fn stat(root: &Root, clock: &mut CpuClock, sheet: &mut Sheet) {
    let Some(text) = root.read("proc/stat") else { return };
    let mut seen = BTreeMap::new();
    for line in text.lines() {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let first: Option<f64> = rest.split_whitespace().next().and_then(|word| word.parse().ok());
        match (name, first) {
            ("intr", Some(value)) => {
                sheet.counter("node_intr_total", "Total number of interrupts serviced.", value);
            }
            ("ctxt", Some(value)) => {
                sheet.counter("node_context_switches_total", "Total number of context switches.", value);
            }
            ("processes", Some(value)) => sheet.counter("node_forks_total", "Total number of forks.", value),
            ("btime", Some(value)) => {
                sheet.gauge("node_boot_time_seconds", "Node boot time, in unixtime.", value);
            }
            ("procs_running", Some(value)) => {
                sheet.gauge("node_procs_running", "Number of processes in runnable state.", value);
            }
            ("procs_blocked", Some(value)) => {
                let help = "Number of processes blocked waiting for I/O to complete.";
                sheet.gauge("node_procs_blocked", help, value);
            }
            _ => {
                if let Some(number) = name.strip_prefix("cpu").and_then(|number| number.parse().ok()) {
                    seen.insert(number, cpu_seconds(rest));
                }
            }
        }
    }
    clock.advance(seen);
    clock.write(sheet);
}

fn cpu_seconds(text: &str) -> [f64; 10] {
    let mut seconds = [0.0; 10];
    let ticks = text.split_whitespace().map(|word| word.parse::<f64>().unwrap_or(0.0));
    seconds.iter_mut().zip(ticks).for_each(|(own, ticks)| *own = ticks / TICKS);
    seconds
}

impl CpuClock {
    fn advance(&mut self, seen: BTreeMap<u32, [f64; 10]>) {
        self.0.retain(|cpu, _| seen.contains_key(cpu));
        for (cpu, new) in seen {
            let old = self.0.entry(cpu).or_insert(new);
            if old[3] - new[3] > CPU_RESET_SECONDS {
                *old = new;
                continue;
            }
            old.iter_mut().zip(new).for_each(|(old, new)| *old = old.max(new));
        }
    }

    fn write(&self, sheet: &mut Sheet) {
        let page = &mut sheet.0;
        let name = "node_cpu_seconds_total";
        page.family(name, MetricType::Counter, "Seconds the CPUs spent in each mode.");
        for (cpu, seconds) in &self.0 {
            let cpu = cpu.to_string();
            for (mode, value) in CPU_MODES.iter().zip(seconds) {
                page.sample(name, &[("cpu", &cpu), ("mode", mode)], *value);
            }
        }
        let name = "node_cpu_guest_seconds_total";
        page.family(name, MetricType::Counter, "Seconds the CPUs spent in guests (VMs) for each mode.");
        for (cpu, seconds) in &self.0 {
            let cpu = cpu.to_string();
            page.sample(name, &[("cpu", &cpu), ("mode", "user")], seconds[8]);
            page.sample(name, &[("cpu", &cpu), ("mode", "nice")], seconds[9]);
        }
    }
}

fn load(root: &Root, sheet: &mut Sheet) {
    let Some(text) = root.read("proc/loadavg") else { return };
    let names = [
        ("node_load1", "1m load average."),
        ("node_load5", "5m load average."),
        ("node_load15", "15m load average."),
    ];
    for ((name, help), word) in names.iter().zip(text.split_whitespace()) {
        if let Ok(value) = word.parse() {
            sheet.gauge(name, help, value);
        }
    }
}

fn memory(root: &Root, sheet: &mut Sheet) {
    let Some(text) = root.read("proc/meminfo") else { return };
    for line in text.lines() {
        let Some((field, rest)) = line.split_once(':') else { continue };
        let mut words = rest.split_whitespace();
        let Some(value) = words.next().and_then(|word| word.parse::<f64>().ok()) else { continue };
        let field = field.replace('(', "_").replace(')', "");
        let (name, value) = match words.next() {
            Some("kB") => (format!("node_memory_{field}_bytes"), value * 1024.0),
            _ => (format!("node_memory_{field}"), value),
        };
        let short = name.trim_start_matches("node_memory_");
        sheet.gauge(&name, &format!("Memory information field {short}."), value);
    }
}

fn vmstat(root: &Root, sheet: &mut Sheet) {
    let Some(text) = root.read("proc/vmstat") else { return };
    for line in text.lines() {
        let Some((field, value)) = line.split_once(' ') else { continue };
        let wanted = field.starts_with("oom_kill")
            || field.starts_with("pgpg")
            || field.starts_with("pswp")
            || (field.starts_with("pg") && field.contains("fault"));
        if let (true, Ok(value)) = (wanted, value.trim().parse()) {
            let help = format!("/proc/vmstat information field {field}.");
            sheet.untyped(&format!("node_vmstat_{field}"), &help, value);
        }
    }
}

/// `/proc/net/{netstat,snmp}`: a line of names, then a line of values, per protocol; `snmp6`: one pair per line.
fn netstat(root: &Root, sheet: &mut Sheet) {
    for file in ["proc/net/netstat", "proc/net/snmp"] {
        let Some(text) = root.read(file) else { continue };
        let mut lines = text.lines();
        while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
            let Some((protocol, names)) = names.split_once(':') else { continue };
            let values = values.split_whitespace().skip(1);
            for (field, value) in names.split_whitespace().zip(values) {
                netstat_field(protocol, field, value, sheet);
            }
        }
    }
    let Some(text) = root.read("proc/net/snmp6") else { return };
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(value)) = (words.next(), words.next()) else { continue };
        if let Some(at) = name.find('6') {
            netstat_field(&name[..=at], &name[at + 1..], value, sheet);
        }
    }
}

fn netstat_field(protocol: &str, field: &str, value: &str, sheet: &mut Sheet) {
    let wanted = matches!(field, "InErrors" | "InErrs")
        || match protocol {
            "Ip" => field == "Forwarding",
            "Ip6" | "IpExt" => matches!(field, "InOctets" | "OutOctets"),
            "Icmp" | "Icmp6" => matches!(field, "InMsgs" | "OutMsgs"),
            "TcpExt" => {
                field.starts_with("Listen")
                    || field.starts_with("Syncookies")
                    || matches!(field, "TCPSynRetrans" | "TCPTimeouts" | "TCPOFOQueue" | "TCPRcvQDrop")
            }
            "Tcp" => matches!(
                field,
                "ActiveOpens"
                    | "InSegs"
                    | "OutSegs"
                    | "OutRsts"
                    | "PassiveOpens"
                    | "RetransSegs"
                    | "CurrEstab"
            ),
            "Udp" | "Udp6" => {
                matches!(field, "InDatagrams" | "OutDatagrams" | "NoPorts" | "RcvbufErrors" | "SndbufErrors")
            }
            _ => false,
        };
    if let (true, Ok(value)) = (wanted, value.parse()) {
        let help = format!("Statistic {protocol}{field}.");
        sheet.untyped(&format!("node_netstat_{protocol}_{field}"), &help, value);
    }
}

/// `TCP: inuse 14 orphan 0 tw 51 alloc 14 mem 0`
fn sockstat(root: &Root, sheet: &mut Sheet) {
    let page_bytes = rustix::param::page_size() as f64;
    for file in ["proc/net/sockstat", "proc/net/sockstat6"] {
        let Some(text) = root.read(file) else { continue };
        for line in text.lines() {
            let Some((protocol, rest)) = line.split_once(':') else { continue };
            let words: Vec<&str> = rest.split_whitespace().collect();
            for pair in words.chunks_exact(2) {
                let Ok(value) = pair[1].parse::<f64>() else { continue };
                let name = format!("node_sockstat_{protocol}_{}", pair[0]);
                let help = if protocol == "sockets" {
                    "Number of sockets in use.".to_owned()
                } else {
                    format!("Number of {protocol} sockets in state {}.", pair[0])
                };
                sheet.gauge(&name, &help, value);
                if pair[0] == "mem" {
                    let help = format!("Number of {protocol} sockets in state mem_bytes.");
                    sheet.gauge(&format!("{name}_bytes"), &help, value * page_bytes);
                }
            }
        }
    }
}

fn limits(root: &Root, sheet: &mut Sheet) {
    if let Some(text) = root.read("proc/sys/fs/file-nr") {
        let values: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        if let [allocated, _, maximum] = values[..] {
            sheet.gauge("node_filefd_allocated", "File descriptor statistics: allocated.", allocated);
            sheet.gauge("node_filefd_maximum", "File descriptor statistics: maximum.", maximum);
        }
    }
    let entries = root.number("proc/sys/net/netfilter/nf_conntrack_count");
    let limit = root.number("proc/sys/net/netfilter/nf_conntrack_max");
    if let (Some(entries), Some(limit)) = (entries, limit) {
        let help = "Number of currently allocated flow entries for connection tracking.";
        sheet.gauge("node_nf_conntrack_entries", help, entries);
        sheet.gauge("node_nf_conntrack_entries_limit", "Maximum size of connection tracking table.", limit);
        conntrack(root, sheet);
    }
}

/// A line of names, then hexadecimal values per CPU.
fn conntrack(root: &Root, sheet: &mut Sheet) {
    let Some(text) = root.read("proc/net/stat/nf_conntrack") else { return };
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or("").split_whitespace().collect();
    let mut sums = vec![0_u64; names.len()];
    for line in lines {
        let values = line.split_whitespace().map(|word| u64::from_str_radix(word, 16).unwrap_or(0));
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
    let kept =
        ["found", "invalid", "ignore", "insert", "insert_failed", "drop", "early_drop", "search_restart"];
    for (name, sum) in names.iter().zip(&sums).filter(|(name, _)| kept.contains(name)) {
        let help = format!("Connection tracking statistic {name}, all CPUs.");
        sheet.gauge(&format!("node_nf_conntrack_stat_{name}"), &help, *sum as f64);
    }
}

/// `some avg10=0.19 avg60=0.22 avg300=0.26 total=16578268`: microseconds.
fn pressure(root: &Root, sheet: &mut Sheet) {
    for resource in ["cpu", "io", "memory"] {
        let Some(text) = root.read(&format!("proc/pressure/{resource}")) else { continue };
        for line in text.lines() {
            let Some(total) =
                line.rsplit_once("total=").and_then(|(_, total)| total.trim().parse::<f64>().ok())
            else {
                continue;
            };
            let (state, help) = match line.split_whitespace().next() {
                Some("some") => ("waiting", "have waited for"),
                // For the CPU as a whole the kernel always says 0 here.
                Some("full") if resource != "cpu" => ("stalled", "no process could make progress due to"),
                _ => continue,
            };
            let help = format!("Total time in seconds that processes {help} {resource}.");
            sheet.counter(&format!("node_pressure_{resource}_{state}_seconds_total"), &help, total / 1e6);
        }
    }
}

fn uname(sheet: &mut Sheet) {
    let name = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let pairs = [
        ("domainname", text(name.domainname())),
        ("machine", text(name.machine())),
        ("nodename", text(name.nodename())),
        ("release", text(name.release())),
        ("sysname", text(name.sysname())),
        ("version", text(name.version())),
    ];
    let labels: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let help = "Labeled system information as provided by the uname system call.";
    sheet.0.family("node_uname_info", MetricType::Gauge, help);
    sheet.0.sample("node_uname_info", &labels, 1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_times_never_step_back_unless_the_cpu_was_away() {
        let at = |idle: f64, iowait: f64| {
            let mut seconds = [0.0; 10];
            (seconds[3], seconds[4]) = (idle, iowait);
            BTreeMap::from([(0, seconds)])
        };
        let mut clock = CpuClock::default();
        clock.advance(at(100.0, 5.0));
        clock.advance(at(99.0, 6.0));
        assert_eq!((clock.0[&0][3], clock.0[&0][4]), (100.0, 6.0));
        clock.advance(at(1.0, 0.5));
        assert_eq!((clock.0[&0][3], clock.0[&0][4]), (1.0, 0.5));
        clock.advance(BTreeMap::new());
        assert!(clock.0.is_empty());
    }
}

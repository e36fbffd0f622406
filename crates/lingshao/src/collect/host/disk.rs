//! `/proc/diskstats`: what block devices did.

use lingshao_wire::exposition::MetricType;

use super::{Root, Sheet};

const SECTOR_BYTES: f64 = 512.0;
const MILLIS: f64 = 0.001;

/// Columns behind the device's name, in the file's order (kernel: Documentation/admin-guide/iostats.rst), with the
/// factor to the unit in the name.
const COLUMNS: [(&str, MetricType, f64, &str); 17] = [
    ("reads_completed_total", MetricType::Counter, 1.0, "The total number of reads completed successfully."),
    ("reads_merged_total", MetricType::Counter, 1.0, "The total number of reads merged."),
    ("read_bytes_total", MetricType::Counter, SECTOR_BYTES, "The total number of bytes read successfully."),
    (
        "read_time_seconds_total",
        MetricType::Counter,
        MILLIS,
        "The total number of seconds spent by all reads.",
    ),
    (
        "writes_completed_total",
        MetricType::Counter,
        1.0,
        "The total number of writes completed successfully.",
    ),
    ("writes_merged_total", MetricType::Counter, 1.0, "The number of writes merged."),
    (
        "written_bytes_total",
        MetricType::Counter,
        SECTOR_BYTES,
        "The total number of bytes written successfully.",
    ),
    (
        "write_time_seconds_total",
        MetricType::Counter,
        MILLIS,
        "This is the total number of seconds spent by all writes.",
    ),
    ("io_now", MetricType::Gauge, 1.0, "The number of I/Os currently in progress."),
    ("io_time_seconds_total", MetricType::Counter, MILLIS, "Total seconds spent doing I/Os."),
    (
        "io_time_weighted_seconds_total",
        MetricType::Counter,
        MILLIS,
        "The weighted # of seconds spent doing I/Os.",
    ),
    (
        "discards_completed_total",
        MetricType::Counter,
        1.0,
        "The total number of discards completed successfully.",
    ),
    ("discards_merged_total", MetricType::Counter, 1.0, "The total number of discards merged."),
    (
        "discarded_sectors_total",
        MetricType::Counter,
        1.0,
        "The total number of sectors discarded successfully.",
    ),
    (
        "discard_time_seconds_total",
        MetricType::Counter,
        MILLIS,
        "This is the total number of seconds spent by all discards.",
    ),
    (
        "flush_requests_total",
        MetricType::Counter,
        1.0,
        "The total number of flush requests completed successfully",
    ),
    (
        "flush_requests_time_seconds_total",
        MetricType::Counter,
        MILLIS,
        "This is the total number of seconds spent by all flush requests.",
    ),
];

struct Device<'t> {
    name: &'t str,
    major: &'t str,
    minor: &'t str,
    values: Vec<f64>,
}

pub(super) fn collect(root: &Root, sheet: &mut Sheet) {
    let Some(text) = root.read("proc/diskstats") else { return };
    let devices: Vec<Device<'_>> = text.lines().filter_map(device).collect();
    let name = "node_disk_info";
    if !devices.is_empty() {
        sheet.0.family(name, MetricType::Gauge, "Info of /sys/block/<block_device>.");
    }
    for device in &devices {
        let labels = [("device", device.name), ("major", device.major), ("minor", device.minor)];
        sheet.0.sample(name, &labels, 1.0);
    }
    for (index, (name, kind, factor, help)) in COLUMNS.iter().enumerate() {
        let values = devices.iter().filter_map(|device| {
            device.values.get(index).map(|value| (device.name, scaled(*value, *factor)))
        });
        sheet.by(&format!("node_disk_{name}"), *kind, help, "device", values);
    }
}

/// Thousandths are divided, so that 33216 ms is 33.216 s and nothing beside it.
fn scaled(value: f64, factor: f64) -> f64 {
    if factor == MILLIS { value / 1000.0 } else { value * factor }
}

fn device(line: &str) -> Option<Device<'_>> {
    let mut words = line.split_whitespace();
    let (major, minor, name) = (words.next()?, words.next()?, words.next()?);
    let values = words.map(|word| word.parse().unwrap_or(0.0)).collect();
    (!is_excluded(name)).then_some(Device { name, major, minor, values })
}

/// node_exporter's `^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$`: memory disks and partitions.
fn is_excluded(name: &str) -> bool {
    let stem = name.trim_end_matches(|last: char| last.is_ascii_digit());
    if stem.len() == name.len() {
        return false;
    }
    if matches!(stem, "ram" | "zram" | "loop" | "fd") {
        return true;
    }
    let bytes = stem.as_bytes();
    let is_drive = ["hd", "sd", "vd", "xvd"].iter().any(|prefix| {
        stem.strip_prefix(prefix)
            .is_some_and(|letter| letter.len() == 1 && bytes[bytes.len() - 1].is_ascii_lowercase())
    });
    is_drive || (stem.starts_with("nvme") && stem.ends_with('p'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_and_memory_disks_are_left_out() {
        for name in ["sda1", "vdb12", "xvda1", "nvme0n1p2", "loop0", "ram3", "zram0", "fd0"] {
            assert!(is_excluded(name), "{name}");
        }
        for name in ["sda", "vdb", "nvme0n1", "dm-0", "md127", "mmcblk0", "sr0", "sdaa1"] {
            assert!(!is_excluded(name), "{name}");
        }
    }
}

//! Network devices: `/proc/net/dev` and `/sys/class/net`.

use lingshao_wire::exposition::MetricType;

use super::{Root, Sheet};

/// Columns of `/proc/net/dev`, in the file's order.
const COLUMNS: [&str; 16] = [
    "receive_bytes",
    "receive_packets",
    "receive_errs",
    "receive_drop",
    "receive_fifo",
    "receive_frame",
    "receive_compressed",
    "receive_multicast",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errs",
    "transmit_drop",
    "transmit_fifo",
    "transmit_colls",
    "transmit_carrier",
    "transmit_compressed",
];

/// Files of `/sys/class/net/DEVICE` that hold one number: file, name, type, factor.
const FILES: [(&str, &str, MetricType, f64); 9] = [
    ("carrier", "carrier", MetricType::Gauge, 1.0),
    ("carrier_changes", "carrier_changes_total", MetricType::Counter, 1.0),
    ("carrier_up_count", "carrier_up_changes_total", MetricType::Counter, 1.0),
    ("carrier_down_count", "carrier_down_changes_total", MetricType::Counter, 1.0),
    ("mtu", "mtu_bytes", MetricType::Gauge, 1.0),
    ("speed", "speed_bytes", MetricType::Gauge, 125_000.0),
    ("tx_queue_len", "transmit_queue_length", MetricType::Gauge, 1.0),
    ("ifindex", "iface_id", MetricType::Gauge, 1.0),
    ("type", "protocol_type", MetricType::Gauge, 1.0),
];

pub(super) fn collect(root: &Root, sheet: &mut Sheet) {
    counters(root, sheet);
    classes(root, sheet);
}

fn counters(root: &Root, sheet: &mut Sheet) {
    let Some(text) = root.read("proc/net/dev") else { return };
    let devices: Vec<(&str, Vec<f64>)> = text
        .lines()
        .filter_map(|line| {
            let (name, values) = line.split_once(':')?;
            let values = values.split_whitespace().map(|word| word.parse().unwrap_or(0.0)).collect();
            Some((name.trim(), values))
        })
        .collect();
    for (index, column) in COLUMNS.iter().enumerate() {
        let values = devices.iter().filter_map(|(name, values)| Some((*name, *values.get(index)?)));
        let help = format!("Network device statistic {column}.");
        sheet.by(&format!("node_network_{column}_total"), MetricType::Counter, &help, "device", values);
    }
}

fn classes(root: &Root, sheet: &mut Sheet) {
    let Ok(entries) = std::fs::read_dir(root.path("sys/class/net")) else { return };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    let read = |device: &str, file: &str| {
        let text = root.read(&format!("sys/class/net/{device}/{file}")).unwrap_or_default();
        text.trim_end().to_owned()
    };
    // Only real devices have a state; `bonding_masters` is a file beside them.
    let devices: Vec<(String, String)> = names
        .into_iter()
        .map(|name| (read(&name, "operstate"), name))
        .filter(|(state, _)| !state.is_empty())
        .map(|(state, name)| (name, state))
        .collect();
    if devices.is_empty() {
        return;
    }
    let up = devices.iter().map(|(name, state)| (name.as_str(), f64::from(u8::from(state == "up"))));
    let help = "Value is 1 if operstate is 'up', 0 otherwise.";
    sheet.by("node_network_up", MetricType::Gauge, help, "device", up);
    let name = "node_network_info";
    let help = "Non-numeric data from /sys/class/net/<iface>, value is always 1.";
    sheet.0.family(name, MetricType::Gauge, help);
    for (device, state) in &devices {
        let labels = [
            ("address", &read(device, "address")),
            ("broadcast", &read(device, "broadcast")),
            ("device", device),
            ("duplex", &read(device, "duplex")),
            ("ifalias", &read(device, "ifalias")),
            ("operstate", state),
        ];
        sheet.0.sample(name, &labels.map(|(name, value)| (name, value.as_str())), 1.0);
    }
    for (file, metric, kind, factor) in FILES {
        let values = devices.iter().filter_map(|(device, _)| {
            let value = root.number(&format!("sys/class/net/{device}/{file}"))?;
            // A device that is down has a speed of -1: not a speed.
            (value >= 0.0).then_some((device.as_str(), value * factor))
        });
        let help = format!("Network device property: {file} of /sys/class/net/<iface>.");
        sheet.by(&format!("node_network_{metric}"), kind, &help, "device", values);
    }
    flags(root, &devices, sheet);
}

fn flags(root: &Root, devices: &[(String, String)], sheet: &mut Sheet) {
    let values = devices.iter().filter_map(|(device, _)| {
        let text = root.read(&format!("sys/class/net/{device}/flags"))?;
        let flags = u64::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()?;
        Some((device.as_str(), flags as f64))
    });
    let help = "Network device property: flags of /sys/class/net/<iface>.";
    sheet.by("node_network_flags", MetricType::Gauge, help, "device", values);
}

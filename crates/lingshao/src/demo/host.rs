//! Facts of this host for its made-up past, read from the page of the collector that measures it from now on: so the
//! labels are the same.

use std::collections::BTreeMap;

use lingshao_demo::history::{FileSystem, Host, Target};
use lingshao_model::{Labels, LabelsBuilder};
use lingshao_wire::exposition::{Entry, Format, Page};

use crate::collect::host::Host as Collector;
use crate::config::CollectHost;

/// The host's facts, and whether it has a disk and a network: what it has not, its history must not have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    pub(super) host: Host,
    has_disk: bool,
    has_network: bool,
}

impl Facts {
    /// Looks at this host; nothing when it shows no processor, memory or file system.
    pub(super) fn read(config: &CollectHost) -> Option<Facts> {
        let collector = Collector::new(config);
        let mut page = Vec::new();
        collector.collect(&mut page);
        let target = Target { job: config.job_name.clone(), instance: collector.instance().to_owned() };
        of_page(&page, target)
    }

    /// Whether a series is one that this host goes on with.
    pub(super) fn has(&self, name: &str) -> bool {
        (self.has_disk || !name.starts_with("node_disk_"))
            && (self.has_network || !name.starts_with("node_network_"))
    }
}

fn of_page(page: &[u8], target: Target) -> Option<Facts> {
    let samples = Samples::read(page);
    let disk = samples.largest("node_disk_written_bytes_total", "device", |_| true);
    let network = samples.largest("node_network_receive_bytes_total", "device", |name| name != "lo");
    let cores = samples.of("node_cpu_seconds_total").filter(|(labels, _)| labels.get("mode") == Some("idle"));
    let host = Host {
        target,
        cores: Some(cores.count()).filter(|cores| *cores > 0)?,
        memory_bytes: samples.one("node_memory_MemTotal_bytes")? as u64,
        booted_ms: (samples.one("node_boot_time_seconds")? * 1000.0) as i64,
        file_system: samples.file_system()?,
        disk: disk.clone().unwrap_or_else(|| "none".to_owned()),
        network: network.clone().unwrap_or_else(|| "none".to_owned()),
    };
    Some(Facts { host, has_disk: disk.is_some(), has_network: network.is_some() })
}

/// A page's samples by name.
struct Samples(BTreeMap<String, Vec<(Labels, f64)>>);

impl Samples {
    fn read(page: &[u8]) -> Samples {
        let mut samples: BTreeMap<String, Vec<(Labels, f64)>> = BTreeMap::new();
        // Our own page is well formed; what could not be read would only be missing from the past.
        let entries = Page::new(page, Format::Text).into_iter().flatten();
        for entry in entries {
            let Ok(Entry::Sample(sample)) = entry else { continue };
            let mut builder = LabelsBuilder::default();
            sample.labels(&mut builder);
            if let Ok(labels) = builder.finish() {
                samples.entry(sample.name().into_owned()).or_default().push((labels, sample.value));
            }
        }
        Samples(samples)
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &(Labels, f64)> {
        self.0.get(name).into_iter().flatten()
    }

    fn one(&self, name: &str) -> Option<f64> {
        self.of(name).next().map(|(_, value)| *value)
    }

    /// The label of the series with the largest value.
    fn largest(&self, name: &str, label: &str, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let named = self.of(name).filter_map(|(labels, value)| Some((labels.get(label)?, *value)));
        let largest = named.filter(|(own, _)| wanted(own)).max_by(|a, b| a.1.total_cmp(&b.1));
        largest.map(|(own, _)| own.to_owned())
    }

    /// That of the root, or else the largest.
    fn file_system(&self) -> Option<FileSystem> {
        let all = self.of("node_filesystem_size_bytes");
        let rank = |(labels, size): &&(Labels, f64)| (labels.get("mountpoint") == Some("/"), *size as u64);
        let (labels, size) = all.max_by_key(rank)?;
        let text = |name: &str| labels.get(name).unwrap_or_default().to_owned();
        let same = |other: &Labels| other.get("mountpoint") == labels.get("mountpoint");
        let available = self.of("node_filesystem_avail_bytes").find(|(other, _)| same(other));
        Some(FileSystem {
            device: text("device"),
            mountpoint: text("mountpoint"),
            fstype: text("fstype"),
            size_bytes: *size as u64,
            available_bytes: available.map_or(0, |(_, bytes)| *bytes as u64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_carry_the_labels_of_the_page() {
        let page = "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 5\nnode_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 5\n\
            node_cpu_seconds_total{cpu=\"1\",mode=\"idle\"} 5\nnode_memory_MemTotal_bytes 4e9\nnode_boot_time_seconds 1.5\n\
            node_filesystem_size_bytes{device=\"/dev/vdb\",fstype=\"xfs\",mountpoint=\"/data\"} 9e12\n\
            node_filesystem_size_bytes{device=\"/dev/vda1\",fstype=\"ext4\",mountpoint=\"/\"} 5e10\n\
            node_filesystem_avail_bytes{device=\"/dev/vda1\",fstype=\"ext4\",mountpoint=\"/\"} 2e10\n\
            node_network_receive_bytes_total{device=\"lo\"} 9\nnode_network_receive_bytes_total{device=\"eth0\"} 5\n";
        let target = Target { job: "node".to_owned(), instance: "web-1".to_owned() };
        let facts = of_page(page.as_bytes(), target).unwrap();
        let host = &facts.host;
        assert_eq!((host.cores, host.memory_bytes, host.booted_ms), (2, 4_000_000_000, 1_500));
        let own = &host.file_system;
        let expected = FileSystem {
            device: "/dev/vda1".to_owned(),
            mountpoint: "/".to_owned(),
            fstype: "ext4".to_owned(),
            size_bytes: 50_000_000_000,
            available_bytes: 20_000_000_000,
        };
        assert_eq!((own, host.network.as_str()), (&expected, "eth0"));
        assert!(facts.has("node_network_up") && facts.has("node_load1") && !facts.has("node_disk_io_now"));
    }

    #[test]
    fn this_host_shows_its_facts() {
        let facts = Facts::read(&CollectHost::default()).unwrap();
        assert!(facts.host.cores > 0 && facts.host.file_system.size_bytes > 0, "{facts:?}");
    }
}

//! A configuration file: every mistake has a place in it, and the relabelling rules of its jobs run on a label set.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use lingshao_model::LabelsBuilder;
use lingshao_wire::prometheus_config::PrometheusConfig;
use lingshao_wire::relabel;
use lingshao_wire::yaml::{Diagnostics, Keys, Node};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(node) = Node::parse(text) else { return };
    let mut findings = Diagnostics::new(Path::new("prometheus.yml"));
    let mut keys = Keys::new(&node, "the file", &mut findings);
    let config = PrometheusConfig::read(&mut keys, Path::new("/etc"), &mut findings);
    keys.finish(&mut findings);
    for job in &config.scrape_configs {
        let mut labels = LabelsBuilder::default();
        labels.push("__address__", "10.0.0.1:8000");
        labels.push("__meta_zone", "hangzhou");
        labels.push("job", &job.job_name);
        if relabel::apply(&job.relabel_configs, &mut labels) {
            labels.encoded().expect("rules make no name twice and no empty name");
        }
    }
    for finding in findings.finish() {
        assert!(!finding.to_string().is_empty());
    }
});

//! An Alertmanager file: every mistake has a place in it; what is right can be shown and read again, and means the same.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use lingshao_model::Route;
use lingshao_wire::alertmanager_config::AlertmanagerConfig;
use lingshao_wire::label_matchers;
use lingshao_wire::yaml::Diagnostics;

fn read(text: &str) -> (AlertmanagerConfig, Diagnostics) {
    let mut findings = Diagnostics::new(Path::new("alertmanager.yml"));
    let zone = |name: &str| name.contains('/').then(|| name.to_owned());
    let config = AlertmanagerConfig::read_file(text, Path::new("/etc"), &zone, &mut findings);
    (config, findings)
}

fn check_route(route: &Route, config: &AlertmanagerConfig) {
    assert!(config.routing.receivers.iter().any(|receiver| receiver.name == route.receiver));
    for matcher in &route.matchers {
        let again = label_matchers::parse_matchers(&label_matchers::format(matcher));
        assert_eq!(again.as_deref(), Ok(std::slice::from_ref(matcher)));
    }
    route.routes.iter().for_each(|child| check_route(child, config));
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (config, findings) = read(text);
    let is_right = !findings.has_errors();
    for finding in findings.finish() {
        assert!(!finding.to_string().is_empty());
    }
    if !is_right {
        return;
    }
    check_route(&config.routing.root, &config);
    let shown = config.to_masked_yaml();
    let (again, _) = read(&shown);
    assert_eq!(again.routing.receivers, config.routing.receivers, "{shown}");
    assert_eq!(again.routing.time_intervals, config.routing.time_intervals, "{shown}");
});

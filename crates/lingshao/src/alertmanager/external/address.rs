//! Addresses of Alertmanagers: from the config and from files, relabelled (prometheus `notifier/alertmanagerset.go`).

use lingshao_model::LabelsBuilder;
use lingshao_wire::prometheus_config::{AlertmanagersConfig, TargetGroup};
use lingshao_wire::relabel;

use crate::scrape::discovery::FileWatch;

/// URLs to post to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) active: Vec<String>,
    pub(super) dropped: Vec<String>,
}

impl Addresses {
    /// Each URL once, in the order found.
    pub(super) fn build(config: &AlertmanagersConfig, files: &[FileWatch]) -> Addresses {
        let mut addresses = Addresses::default();
        let no_labels: &[(String, String)] = &[];
        let listed = config.static_configs.iter().map(|group| (group, no_labels));
        for (group, found) in listed.chain(files.iter().flat_map(FileWatch::groups)) {
            for address in &group.targets {
                addresses.add(config, group, found, address);
            }
        }
        addresses
    }

    fn add(
        &mut self,
        config: &AlertmanagersConfig,
        group: &TargetGroup,
        found: &[(String, String)],
        address: &str,
    ) {
        let mut labels = LabelsBuilder::default();
        labels.push("__address__", address);
        labels.push("__scheme__", config.scheme.as_str());
        labels.push("__alerts_path__", &path(&config.path_prefix));
        for (name, value) in group.labels.iter().chain(found) {
            relabel::set(&mut labels, name, value);
        }
        let before = url(&labels);
        if !relabel::apply(&config.relabel_configs, &mut labels) {
            self.dropped.push(before);
            return;
        }
        let url = url(&labels);
        if !self.active.contains(&url) {
            self.active.push(url);
        }
    }
}

fn path(prefix: &str) -> String {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() { "/api/v2/alerts".to_owned() } else { format!("/{prefix}/api/v2/alerts") }
}

fn url(labels: &LabelsBuilder) -> String {
    let part = |name| labels.get(name).unwrap_or("");
    format!("{}://{}{}", part("__scheme__"), part("__address__"), part("__alerts_path__"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn addresses(yaml: &str) -> Addresses {
        let text = format!("alerting:\n  alertmanagers:\n  - {yaml}\n");
        let config = config::parse(&text, std::path::Path::new("test.yml")).unwrap().config;
        Addresses::build(&config.alertmanagers[0], &[])
    }

    #[test]
    fn addresses_become_urls() {
        for (yaml, expected) in [
            ("static_configs: [{targets: ['a:9093']}]", vec!["http://a:9093/api/v2/alerts"]),
            (
                "{scheme: https, path_prefix: /am/, static_configs: [{targets: ['a:1', 'b:2', 'a:1']}]}",
                vec!["https://a:1/am/api/v2/alerts", "https://b:2/am/api/v2/alerts"],
            ),
        ] {
            assert_eq!(addresses(yaml).active, expected, "{yaml}");
        }
    }

    #[test]
    fn relabelling_drops_and_rewrites() {
        let found = addresses(
            "{static_configs: [{targets: ['a:1', 'b:2'], labels: {zone: x}}], relabel_configs: \
             [{source_labels: [__address__], regex: 'a.*', action: drop}, \
             {source_labels: [zone], target_label: __alerts_path__, replacement: '/$1'}]}",
        );
        assert_eq!(found.active, ["http://b:2/x"]);
        assert_eq!(found.dropped, ["http://a:1/api/v2/alerts"]);
    }
}

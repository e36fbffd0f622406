//! From target groups to targets: labels before and after relabelling, as Prometheus' `scrape.PopulateLabels`.

use std::collections::HashSet;

use lingshao_model::{Labels, LabelsBuilder, TimeDelta};
use lingshao_wire::prometheus_config::{Scheme, ScrapeConfig, TargetGroup};
use lingshao_wire::relabel;

/// Where and how one page is fetched, and which labels its samples get.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Labels before relabelling, those with two underscores included.
    pub discovered: Labels,
    /// Labels that its samples get.
    pub labels: Labels,
    /// The page.
    pub url: String,
    /// Time between two scrapes.
    pub interval: TimeDelta,
    /// How long one may take.
    pub timeout: TimeDelta,
}

/// What becomes of one listed address.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is scraped.
    Kept(Target),
    /// A relabelling rule dropped it; its labels before that.
    Dropped(Labels),
    /// It cannot be scraped; its labels before relabelling, and why.
    Broken(Labels, String),
}

/// All targets of a job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    /// To be scraped, no two with the same labels and page.
    pub kept: Vec<Target>,
    /// Dropped by relabelling, at most `keep_dropped_targets` of them.
    pub dropped: Vec<Labels>,
    /// How many were dropped in all.
    pub dropped_count: usize,
    /// Broken ones with the reason.
    pub broken: Vec<(Labels, String)>,
}

/// Dropped targets that are kept to be shown when the job sets no limit.
const DROPPED_MAX: usize = 10_000;

impl Targets {
    /// Builds the targets of groups; each group comes with further labels of where it was found.
    pub fn build<'g>(
        job: &ScrapeConfig,
        groups: impl Iterator<Item = (&'g TargetGroup, &'g [(String, String)])>,
    ) -> Targets {
        let mut targets = Targets::default();
        let mut seen: HashSet<(Labels, String)> = HashSet::new();
        let dropped_max = match job.limits.keep_dropped_targets {
            0 => DROPPED_MAX,
            limit => usize::try_from(limit).unwrap_or(DROPPED_MAX).min(DROPPED_MAX),
        };
        for (group, found) in groups {
            for address in &group.targets {
                match populate(job, group, found, address) {
                    Outcome::Kept(target) => {
                        if seen.insert((target.labels.clone(), target.url.clone())) {
                            targets.kept.push(target);
                        }
                    }
                    Outcome::Dropped(labels) => {
                        targets.dropped_count += 1;
                        if targets.dropped.len() < dropped_max {
                            targets.dropped.push(labels);
                        }
                    }
                    Outcome::Broken(labels, reason) => targets.broken.push((labels, reason)),
                }
            }
        }
        targets
    }

    /// Why the whole job must not be scraped.
    pub fn over_limit(&self, job: &ScrapeConfig) -> Option<String> {
        let limit = job.limits.target_limit;
        let over = limit > 0 && self.kept.len() as u64 > limit;
        over.then(|| {
            format!("target_limit exceeded (number of targets: {}, limit: {limit})", self.kept.len())
        })
    }
}

/// Labels of one address, relabelled.
fn populate(job: &ScrapeConfig, group: &TargetGroup, found: &[(String, String)], address: &str) -> Outcome {
    let mut builder = LabelsBuilder::default();
    builder.push("__address__", address);
    for (name, value) in group.labels.iter().chain(found) {
        relabel::set(&mut builder, name, value);
    }
    for (name, value) in defaults(job) {
        if builder.get(&name).is_none() {
            builder.push(&name, &value);
        }
    }
    let discovered = match builder.finish() {
        Ok(labels) => labels,
        Err(error) => return Outcome::Broken(Labels::empty(), error.to_string()),
    };
    if !relabel::apply(&job.relabel_configs, &mut builder) {
        return Outcome::Dropped(discovered);
    }
    match finish(job, discovered.clone(), &mut builder) {
        Ok(target) => Outcome::Kept(target),
        Err(reason) => Outcome::Broken(discovered, reason),
    }
}

fn defaults(job: &ScrapeConfig) -> Vec<(String, String)> {
    let mut pairs = vec![
        ("job".to_owned(), job.job_name.clone()),
        ("__scrape_interval__".to_owned(), job.scrape_interval.to_string()),
        ("__scrape_timeout__".to_owned(), job.scrape_timeout.to_string()),
        ("__metrics_path__".to_owned(), job.metrics_path.clone()),
        ("__scheme__".to_owned(), job.scheme.as_str().to_owned()),
    ];
    for (name, values) in &job.params {
        if let Some(first) = values.first() {
            pairs.push((format!("__param_{name}"), first.clone()));
        }
    }
    pairs
}

fn finish(job: &ScrapeConfig, discovered: Labels, builder: &mut LabelsBuilder) -> Result<Target, String> {
    let address = builder.get("__address__").unwrap_or("").to_owned();
    if address.is_empty() {
        return Err("no address".to_owned());
    }
    if address.contains('/') {
        return Err(format!("{address:?} is not a valid hostname"));
    }
    let interval = span(builder, "__scrape_interval__")?;
    let timeout = span(builder, "__scrape_timeout__")?;
    if timeout > interval {
        return Err(format!("scrape timeout ({timeout}) is longer than the interval ({interval})"));
    }
    let url = url(job, builder, &address)?;
    if builder.get("instance").is_none() {
        builder.push("instance", &address);
    }
    let labels = builder.finish().map_err(|error| error.to_string())?;
    let labels = labels.filtered(|name| !name.starts_with("__"));
    Ok(Target { discovered, labels, url, interval, timeout })
}

fn span(builder: &LabelsBuilder, name: &str) -> Result<TimeDelta, String> {
    let text = builder.get(name).unwrap_or("");
    let span = TimeDelta::parse(text).map_err(|error| format!("label `{name}` is `{text}`: {error}"))?;
    if span <= TimeDelta::ZERO {
        return Err(format!("label `{name}` must be above 0"));
    }
    Ok(span)
}

fn url(job: &ScrapeConfig, builder: &LabelsBuilder, address: &str) -> Result<String, String> {
    let scheme = builder.get("__scheme__").unwrap_or(Scheme::Http.as_str());
    if scheme != "http" && scheme != "https" {
        return Err(format!("invalid scheme: {scheme:?}"));
    }
    let mut params: Vec<(String, Vec<String>)> = job.params.clone();
    for (name, value) in builder.pairs() {
        let Some(name) = name.strip_prefix("__param_") else { continue };
        match params.iter_mut().find(|(own, _)| own == name) {
            Some((_, values)) if !values.is_empty() => values[0] = value.to_owned(),
            Some((_, values)) => values.push(value.to_owned()),
            None => params.push((name.to_owned(), vec![value.to_owned()])),
        }
    }
    params.sort();
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, values) in &params {
        values.iter().for_each(|value| {
            query.append_pair(name, value);
        });
    }
    let path = builder.get("__metrics_path__").unwrap_or("");
    let slash = if path.starts_with('/') || path.is_empty() { "" } else { "/" };
    let query = query.finish();
    let separator = match (query.is_empty(), path.contains('?')) {
        (true, _) => "",
        (false, true) => "&",
        (false, false) => "?",
    };
    let text = format!("{scheme}://{address}{slash}{path}{separator}{query}");
    let parsed = reqwest::Url::parse(&text).map_err(|error| format!("`{text}` is no URL: {error}"))?;
    Ok(parsed.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use lingshao_wire::prometheus_config::PrometheusConfig;
    use lingshao_wire::yaml::{Diagnostics, Keys, Node};

    use super::*;

    fn targets(job: &str) -> Targets {
        let text = format!("scrape_configs:\n- job_name: shop\n  {}\n", job.replace('\n', "\n  "));
        let mut findings = Diagnostics::new(Path::new("f"));
        let node = Node::parse(&text).unwrap();
        let mut keys = Keys::new(&node, "", &mut findings);
        let config = PrometheusConfig::read(&mut keys, Path::new(""), &mut findings);
        assert!(!findings.has_errors(), "{:?}", findings.finish());
        let job = &config.scrape_configs[0];
        Targets::build(job, job.static_configs.iter().map(|group| (group, [].as_slice())))
    }

    #[track_caller]
    fn check(job: &str, labels: &str, url: &str) {
        let targets = targets(job);
        let shown: Vec<(String, &str)> =
            targets.kept.iter().map(|target| (target.labels.to_string(), target.url.as_str())).collect();
        assert_eq!(shown, [(labels.to_owned(), url)], "{targets:?}");
    }

    #[test]
    fn labels_and_url_follow_the_job_and_its_rules() {
        check(
            "static_configs: [{targets: ['a:1'], labels: {env: prod}}]",
            r#"{env="prod", instance="a:1", job="shop"}"#,
            "http://a:1/metrics",
        );
        check(
            "scheme: https\nmetrics_path: m\nparams: {b: [x, y z], a: ['1']}\nstatic_configs: [{targets: [a]}]",
            r#"{instance="a", job="shop"}"#,
            "https://a/m?a=1&b=x&b=y+z",
        );
        check(
            "static_configs: [{targets: ['http://shop.cn/x']}]\nparams: {module: [http_2xx]}\nmetrics_path: /probe\n\
               relabel_configs:\n- {source_labels: [__address__], target_label: __param_target}\n\
               - {source_labels: [__param_target], target_label: instance}\n- {target_label: __address__, replacement: 'probe:9115'}",
            r#"{instance="http://shop.cn/x", job="shop"}"#,
            "http://probe:9115/probe?module=http_2xx&target=http%3A%2F%2Fshop.cn%2Fx",
        );
        check(
            "static_configs: [{targets: ['a:1'], labels: {job: other, __metrics_path__: /p, __tmp: x}}]",
            r#"{instance="a:1", job="other"}"#,
            "http://a:1/p",
        );
        check(
            "static_configs: [{targets: ['a:1', 'a:1']}]",
            r#"{instance="a:1", job="shop"}"#,
            "http://a:1/metrics",
        );
        check(
            "static_configs: [{targets: ['[::1]:80']}]",
            r#"{instance="[::1]:80", job="shop"}"#,
            "http://[::1]/metrics",
        );
    }

    #[test]
    fn interval_and_timeout_can_be_relabelled() {
        let kept = &targets(
            "static_configs: [{targets: [a], labels: {__scrape_interval__: 5s, __scrape_timeout__: 2s}}]",
        )
        .kept;
        assert_eq!((kept[0].interval, kept[0].timeout), (TimeDelta::from_secs(5), TimeDelta::from_secs(2)));
        let broken = |labels: &str| {
            targets(&format!("static_configs: [{{targets: [a], labels: {{{labels}}}}}]")).broken[0].1.clone()
        };
        assert_eq!(
            broken("__scrape_interval__: 5s"),
            "scrape timeout (10s) is longer than the interval (5s)"
        );
        assert!(broken("__scrape_interval__: soon").starts_with("label `__scrape_interval__` is `soon`: "));
        assert_eq!(broken("__scheme__: ftp"), "invalid scheme: \"ftp\"");
    }

    #[test]
    fn dropped_targets_are_counted_and_some_are_kept_to_be_shown() {
        let targets = targets(
            "keep_dropped_targets: 1\ntarget_limit: 5\nstatic_configs: [{targets: [a, b, c]}]\n\
                               relabel_configs: [{source_labels: [__address__], regex: a, action: keep}]",
        );
        assert_eq!((targets.kept.len(), targets.dropped.len(), targets.dropped_count), (1, 1, 2));
        assert_eq!(targets.dropped[0].get("__address__"), Some("b"));
        assert_eq!(targets.dropped[0].get("__scheme__"), Some("http"));
    }
}

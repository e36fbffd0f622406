//! What the names of metrics and labels say. All of it is convention, so each list errs on the side of silence.

/// Metrics of exporters and libraries begin so: their labels are fixed and known to whoever writes a rule from their
/// documentation. What begins otherwise is the shop's own.
const EXPORTERS: &[&str] = &[
    "ALERTS",
    "alertmanager_",
    "apache_",
    "apiserver_",
    "argocd_",
    "aws_",
    "blackbox_",
    "caddy_",
    "cadvisor_",
    "ceph_",
    "certmanager_",
    "consul_",
    "container_",
    "coredns_",
    "dcgm_",
    "docker_",
    "elasticsearch_",
    "envoy_",
    "etcd_",
    "go_",
    "grafana_",
    "haproxy_",
    "hikaricp_",
    "ipmi_",
    "istio_",
    "jetty_",
    "jvm_",
    "kafka_",
    "kube_",
    "kubelet_",
    "kubernetes_",
    "lingshao_",
    "logback_",
    "loki_",
    "machine_",
    "memcached_",
    "minio_",
    "mongodb_",
    "mysql_",
    "namedprocess_",
    "net_",
    "nginx_",
    "node_",
    "nvidia_",
    "pg_",
    "php_",
    "phpfpm_",
    "postgres_",
    "probe_",
    "process_",
    "prometheus_",
    "promhttp_",
    "python_",
    "rabbitmq_",
    "redis_",
    "rest_client_",
    "scrape_",
    "smartmon_",
    "snmp_",
    "ssl_",
    "storage_operation_",
    "system_",
    "tempo_",
    "thanos_",
    "tomcat_",
    "traefik_",
    "up",
    "vm_",
    "vmagent_",
    "vmalert_",
    "volume_manager_",
    "windows_",
    "wmi_",
    "workqueue_",
    "zookeeper_",
];

/// The name is one of an exporter or library, or of a recording rule, whose labels its author chose.
pub(super) fn is_exporters(name: &str) -> bool {
    let is_own = |prefix: &&str| name == *prefix || (prefix.ends_with('_') && name.starts_with(*prefix));
    // SNMP's interfaces: ifHCInOctets, ifOperStatus.
    let is_snmp =
        name.strip_prefix("if").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
    name.contains(':') || is_snmp || EXPORTERS.iter().any(is_own)
}

/// A counter of requests that servers split by method, route and status.
pub(super) fn is_requests(name: &str) -> bool {
    let stem = ["_total", "_count", "_seconds", "_duration", "_milliseconds", "_received", "_handled"];
    let mut rest = name;
    while let Some(shorter) = stem.iter().find_map(|end| rest.strip_suffix(end)) {
        rest = shorter;
    }
    let is_http = |rest: &str| {
        let begins = rest.strip_suffix("_requests").or(rest.strip_suffix("_request"));
        begins.is_some_and(|before| {
            before == "http" || before.ends_with("_http") || before.ends_with("http_server")
        })
    };
    !is_exporters(name) && (is_http(rest) || name == "grpc_server_handled_total")
}

/// Labels whose value says how a request ended: selecting by them picks a part of all requests.
const OUTCOMES: &[&str] = &[
    "class",
    "code",
    "error",
    "exception",
    "failed",
    "grpc_code",
    "http_code",
    "http_response_code",
    "http_response_status_code",
    "http_status",
    "http_status_code",
    "outcome",
    "reason",
    "response_code",
    "result",
    "state",
    "status",
    "status_class",
    "status_code",
    "success",
];

/// The label says how something ended.
pub(super) fn is_outcome(label: &str) -> bool {
    OUTCOMES.binary_search(&label).is_ok()
}

/// The name counts failures.
pub(super) fn counts_failures(name: &str) -> bool {
    words(name).any(|word| {
        matches!(
            word,
            "error"
                | "errors"
                | "err"
                | "errs"
                | "fail"
                | "fails"
                | "failed"
                | "failure"
                | "failures"
                | "timeout"
                | "timeouts"
                | "rejected"
                | "refused"
                | "exceptions"
                | "denied"
                | "5xx"
        )
    })
}

/// A counter of time spent: its rate is seconds a second, which is a share already.
pub(super) fn counts_time(name: &str) -> bool {
    words(name).any(|word| {
        matches!(
            word,
            "seconds" | "milliseconds" | "microseconds" | "nanoseconds" | "ms" | "time" | "cpu" | "cputime"
        )
    })
}

/// An exporter's gauge of how much there is, which some call a total: `elasticsearch_indices_docs_total`.
pub(super) fn counts_level(name: &str) -> bool {
    let levels = [
        "cache", "capacity", "disk", "docs", "heap", "inodes", "mem", "memory", "shards", "size", "space",
        "storage", "swap",
    ];
    is_exporters(name) && words(name).any(|word| levels.contains(&word))
}

/// Words of which a metric with a series for every thing in the shop is made: what the thing is, and what about it.
const THINGS: &[&str] = &[
    "coupon",
    "customer",
    "goods",
    "group",
    "item",
    "member",
    "merchant",
    "order",
    "product",
    "seller",
    "sku",
    "spu",
    "store",
    "supplier",
    "user",
    "warehouse",
];
const MEASURES: &[&str] = &[
    "balance",
    "inventory",
    "level",
    "phase",
    "price",
    "quantity",
    "rating",
    "remaining",
    "score",
    "stage",
    "state",
    "status",
    "stock",
];

/// A gauge with a series for every product, user or the like, and the label that most likely names it.
pub(super) fn thing(name: &str) -> Option<String> {
    let mut parts = words(name);
    let first = parts.next()?;
    let last = parts.next_back().unwrap_or(first);
    if is_exporters(name) || name.ends_with("_total") || !MEASURES.contains(&last) {
        return None;
    }
    match first {
        "sku" | "spu" => Some(first.to_owned()),
        thing if THINGS.contains(&thing) => Some(format!("{thing}_id")),
        "stock" | "inventory" => Some("product_id".to_owned()),
        _ if matches!(last, "stock" | "inventory") => Some("product_id".to_owned()),
        _ => None,
    }
}

/// A gauge whose value is the number of a state.
pub(super) fn is_state(name: &str) -> bool {
    let last = words(name).next_back().unwrap_or("");
    !is_exporters(name) && name.contains('_') && matches!(last, "status" | "state" | "phase" | "stage")
}

/// Metrics of shops that count what is left to do, beside the gauge of states that people try first.
const UNFINISHED: &[(&str, &str)] = &[("group_buy_status", "group_buy_expired_unsettled")];

/// What to watch instead of a state.
pub(super) fn unfinished_work(name: &str) -> Option<&'static str> {
    UNFINISHED.iter().find(|(own, _)| *own == name).map(|(_, better)| *better)
}

/// Gauges of shops that are named like counters, and the counter that is meant.
const COUNTERS: &[(&str, &str)] = &[("orders_total", "orders_created_total")];

/// The counter that is meant.
pub(super) fn real_counter(name: &str) -> Option<&'static str> {
    COUNTERS.iter().find(|(own, _)| *own == name).map(|(_, better)| *better)
}

/// Exporters of things that can be dead while the exporter answers, and the metric that says so.
const DEPENDENCIES: &[(&str, &str)] = &[
    ("elasticsearch", "elasticsearch_cluster_health_up"),
    ("haproxy", "haproxy_up"),
    ("mariadb", "mysql_up"),
    ("memcached", "memcached_up"),
    ("mongo", "mongodb_up"),
    ("mysql", "mysql_up"),
    ("nginx", "nginx_up"),
    ("pgsql", "pg_up"),
    ("postgres", "pg_up"),
    ("rabbitmq", "rabbitmq_up"),
    ("redis", "redis_up"),
];

/// The exporter's own word on what it watches, by the name of the job.
pub(super) fn dependency(job: &str) -> Option<&'static str> {
    let job = job.to_ascii_lowercase();
    DEPENDENCIES.iter().find(|(name, _)| job.contains(name)).map(|(_, metric)| *metric)
}

/// A label that tells processes or machines apart: selecting by it leaves one of them.
pub(super) fn is_place(label: &str) -> bool {
    matches!(
        label,
        "instance"
            | "pod"
            | "host"
            | "hostname"
            | "node"
            | "nodename"
            | "server"
            | "device"
            | "container"
            | "name"
            | "service"
            | "application"
            | "job"
            | "cluster"
            | "datname"
            | "database"
            | "target"
    ) || is_identity(label)
}

/// A label that names one single thing.
pub(super) fn is_identity(label: &str) -> bool {
    label == "id"
        || label == "sku"
        || label.ends_with("_id")
        || label.ends_with("Id")
        || label.ends_with("uuid")
}

/// The words of a name in snake case.
fn words(name: &str) -> impl DoubleEndedIterator<Item = &str> {
    name.split(['_', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_are() {
        for name in ["http_requests_total", "shop_http_requests_total", "http_server_requests_seconds_count"]
        {
            assert!(is_requests(name), "{name}");
        }
        assert!(is_requests("http_request_duration_seconds_count"));
        for name in ["nginx_http_requests_total", "payment_requests_total", "http_response_size_bytes"] {
            assert!(!is_requests(name), "{name}");
        }
        assert_eq!(thing("product_stock").as_deref(), Some("product_id"));
        assert_eq!(thing("sku_stock").as_deref(), Some("sku"));
        assert_eq!(thing("group_buy_status").as_deref(), Some("group_id"));
        for name in
            ["group_buy_expired_unsettled", "orders_today", "order_queue_length", "kube_pod_status_phase"]
        {
            assert_eq!(thing(name), None, "{name}");
        }
        assert!(is_exporters("node_load1") && is_exporters("up") && is_exporters("job:errors:rate5m"));
        assert!(
            is_exporters("ifHCInOctets") && !is_exporters("upload_errors_total") && !is_exporters("iffy")
        );
        assert!(is_outcome("status") && is_outcome("class") && !is_outcome("endpoint"));
        assert_eq!(dependency("postgres-exporter"), Some("pg_up"));
        assert_eq!(dependency("node"), None);
    }

    #[test]
    fn lists_that_are_searched_are_sorted() {
        assert!(OUTCOMES.is_sorted());
    }
}

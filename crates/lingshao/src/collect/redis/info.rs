//! INFO's text as metrics.

use std::collections::HashMap;

use lingshao_wire::exposition::MetricType;

use crate::collect::figures::Figures;

/// Names of lines of one kind: commands, errors, replicas, databases. Redis has some 400 commands, 16 databases unless
/// somebody raised it, and limits errors to 128 kinds itself.
const LINES_MAX: usize = 600;

/// INFO's names that become gauges under another name, without `redis_`. Those under their own name follow.
const GAUGES_RENAMED: [(&str, &str); 61] = [
    ("client_recent_max_output_buffer", "client_recent_max_output_buffer_bytes"),
    ("client_recent_max_input_buffer", "client_recent_max_input_buffer_bytes"),
    ("allocator_active", "allocator_active_bytes"),
    ("allocator_allocated", "allocator_allocated_bytes"),
    ("allocator_resident", "allocator_resident_bytes"),
    ("allocator_frag_ratio", "allocator_frag_ratio"),
    ("allocator_frag_bytes", "allocator_frag_bytes"),
    ("allocator_rss_ratio", "allocator_rss_ratio"),
    ("allocator_rss_bytes", "allocator_rss_bytes"),
    ("used_memory", "memory_used_bytes"),
    ("used_memory_rss", "memory_used_rss_bytes"),
    ("used_memory_peak", "memory_used_peak_bytes"),
    ("used_memory_lua", "memory_used_lua_bytes"),
    ("used_memory_vm_eval", "memory_used_vm_eval_bytes"),
    ("used_memory_scripts_eval", "memory_used_scripts_eval_bytes"),
    ("used_memory_overhead", "memory_used_overhead_bytes"),
    ("used_memory_startup", "memory_used_startup_bytes"),
    ("used_memory_dataset", "memory_used_dataset_bytes"),
    ("used_memory_scripts", "memory_used_scripts_bytes"),
    ("used_memory_functions", "memory_used_functions_bytes"),
    ("used_memory_vm_functions", "memory_used_vm_functions"),
    ("used_memory_vm_total", "memory_used_vm_total"),
    ("maxmemory", "memory_max_bytes"),
    ("total_system_memory", "total_system_memory_bytes"),
    ("mem_fragmentation_ratio", "mem_fragmentation_ratio"),
    // The name under which the Redis mixin looks for it.
    ("mem_fragmentation_ratio", "memory_fragmentation_ratio"),
    ("mem_fragmentation_bytes", "mem_fragmentation_bytes"),
    ("mem_clients_slaves", "mem_clients_slaves"),
    ("mem_clients_normal", "mem_clients_normal"),
    ("mem_cluster_links", "mem_cluster_links_bytes"),
    ("mem_aof_buffer", "mem_aof_buffer_bytes"),
    ("mem_replication_backlog", "mem_replication_backlog_bytes"),
    ("mem_total_replication_buffers", "mem_total_replication_buffers_bytes"),
    ("mem_not_counted_for_evict", "mem_not_counted_for_eviction_bytes"),
    ("expired_stale_perc", "expired_stale_percentage"),
    ("migrate_cached_sockets", "migrate_cached_sockets_total"),
    ("active_defrag_hits", "defrag_hits"),
    ("active_defrag_misses", "defrag_misses"),
    ("active_defrag_key_hits", "defrag_key_hits"),
    ("active_defrag_key_misses", "defrag_key_misses"),
    ("expired_time_cap_reached_count", "expired_time_cap_reached_total"),
    ("loading", "loading_dump_file"),
    ("async_loading", "async_loading"),
    ("rdb_last_save_time", "rdb_last_save_timestamp_seconds"),
    ("rdb_last_bgsave_time_sec", "rdb_last_bgsave_duration_sec"),
    ("rdb_current_bgsave_time_sec", "rdb_current_bgsave_duration_sec"),
    ("rdb_last_cow_size", "rdb_last_cow_size_bytes"),
    ("aof_last_rewrite_time_sec", "aof_last_rewrite_duration_sec"),
    ("aof_current_rewrite_time_sec", "aof_current_rewrite_duration_sec"),
    ("aof_last_cow_size", "aof_last_cow_size_bytes"),
    ("aof_current_size", "aof_current_size_bytes"),
    ("aof_base_size", "aof_base_size_bytes"),
    ("repl_backlog_size", "replication_backlog_bytes"),
    ("repl_backlog_active", "repl_backlog_is_active"),
    ("repl_backlog_histlen", "repl_backlog_history_bytes"),
    ("sync_full", "replica_resyncs_full"),
    ("sync_partial_ok", "replica_partial_resync_accepted"),
    ("sync_partial_err", "replica_partial_resync_denied"),
    ("cluster_stats_messages_sent", "cluster_messages_sent_total"),
    ("cluster_stats_messages_received", "cluster_messages_received_total"),
    ("maxclients", "max_clients"),
];

/// INFO's names that become gauges as they are.
const GAUGES: [&str; 47] = [
    "uptime_in_seconds",
    "process_id",
    "io_threads_active",
    "connected_clients",
    "blocked_clients",
    "tracking_clients",
    "clients_in_timeout_table",
    "pubsub_clients",
    "watching_clients",
    "total_watched_keys",
    "total_blocking_keys",
    "cluster_connections",
    "client_longest_output_list",
    "client_biggest_input_buf",
    "number_of_cached_scripts",
    "number_of_functions",
    "number_of_libraries",
    "lazyfree_pending_objects",
    "active_defrag_running",
    "rdb_changes_since_last_save",
    "rdb_bgsave_in_progress",
    "rdb_last_bgsave_status",
    "rdb_saves",
    "aof_enabled",
    "aof_rewrite_in_progress",
    "aof_rewrite_scheduled",
    "aof_pending_rewrite",
    "aof_buffer_length",
    "aof_pending_bio_fsync",
    "aof_delayed_fsync",
    "aof_last_bgrewrite_status",
    "aof_last_write_status",
    "module_fork_in_progress",
    "module_fork_last_cow_size",
    "pubsub_channels",
    "pubsub_patterns",
    "connected_slaves",
    "repl_backlog_first_byte_offset",
    "master_repl_offset",
    "second_repl_offset",
    "slave_expires_tracked_keys",
    "slave_priority",
    "tracking_total_keys",
    "tracking_total_items",
    "tracking_total_prefixes",
    "cluster_enabled",
    "instantaneous_ops_per_sec",
];

/// INFO's names that become counters.
const COUNTERS: [(&str, &str); 28] = [
    ("total_connections_received", "connections_received_total"),
    ("total_commands_processed", "commands_processed_total"),
    ("rejected_connections", "rejected_connections_total"),
    ("total_net_input_bytes", "net_input_bytes_total"),
    ("total_net_output_bytes", "net_output_bytes_total"),
    ("total_net_repl_input_bytes", "net_repl_input_bytes_total"),
    ("total_net_repl_output_bytes", "net_repl_output_bytes_total"),
    ("expired_keys", "expired_keys_total"),
    ("expired_subkeys", "expired_subkeys_total"),
    ("evicted_keys", "evicted_keys_total"),
    ("evicted_clients", "evicted_clients_total"),
    ("evicted_scripts", "evicted_scripts_total"),
    ("keyspace_hits", "keyspace_hits_total"),
    ("keyspace_misses", "keyspace_misses_total"),
    ("used_cpu_sys", "cpu_sys_seconds_total"),
    ("used_cpu_user", "cpu_user_seconds_total"),
    ("used_cpu_sys_children", "cpu_sys_children_seconds_total"),
    ("used_cpu_user_children", "cpu_user_children_seconds_total"),
    ("used_cpu_sys_main_thread", "cpu_sys_main_thread_seconds_total"),
    ("used_cpu_user_main_thread", "cpu_user_main_thread_seconds_total"),
    ("unexpected_error_replies", "unexpected_error_replies"),
    ("total_error_replies", "total_error_replies"),
    ("dump_payload_sanitizations", "dump_payload_sanitizations"),
    ("total_reads_processed", "total_reads_processed"),
    ("total_writes_processed", "total_writes_processed"),
    ("io_threaded_reads_processed", "io_threaded_reads_processed"),
    ("io_threaded_writes_processed", "io_threaded_writes_processed"),
    ("total_eviction_exceeded_time", "eviction_exceeded_time_total"),
];

/// Labels of `redis_instance_info`, which are INFO's names.
const ABOUT: [&str; 10] = [
    "role",
    "redis_version",
    "redis_build_id",
    "redis_mode",
    "os",
    "maxmemory_policy",
    "tcp_port",
    "run_id",
    "process_id",
    "master_replid",
];

/// Adds all of a text, as of an instant in Unix seconds.
pub(super) fn add(info: &str, now: f64, figures: &mut Figures) {
    let lines: Vec<(&str, &str)> = info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    let known: HashMap<&str, &str> = lines.iter().copied().collect();
    plain(&known, figures);
    about(&known, now, figures);
    replication(&known, figures);
    let of = |prefix: &'static str| {
        let found = lines.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, *value)));
        found.take(LINES_MAX)
    };
    of("cmdstat_").for_each(|(command, stats)| command_stats(command, stats, figures));
    of("latency_percentiles_usec_").for_each(|(command, spread)| {
        latency(command, spread, known.get(format!("cmdstat_{command}").as_str()), figures);
    });
    of("errorstat_").for_each(|(error, stats)| {
        if let Some(count) = field(stats, "count") {
            let labels = vec![("err", error.to_owned())];
            figures.add("redis_errors_total", MetricType::Counter, "Error replies by kind.", labels, count);
        }
    });
    of("slave").for_each(|(number, stats)| replica(number, stats, figures));
    of("db").for_each(|(number, stats)| database(number, stats, figures));
    if !known.contains_key("db0") {
        // An empty database has no line; its keys are none and not unknown.
        database("0", "keys=0,expires=0", figures);
    }
}

fn plain(known: &HashMap<&str, &str>, figures: &mut Figures) {
    let gauges = GAUGES.iter().map(|name| (*name, *name)).chain(GAUGES_RENAMED);
    let gauges = gauges.map(|pair| (pair, MetricType::Gauge));
    for ((name, metric), kind) in gauges.chain(COUNTERS.map(|pair| (pair, MetricType::Counter))) {
        let Some(value) = known.get(name).and_then(|text| number(text)) else { continue };
        figures.set(&format!("redis_{metric}"), kind, &format!("`{name}` of INFO."), value);
    }
    if let Some(micros) = known.get("latest_fork_usec").and_then(|text| number(text)) {
        let help = "How long the last fork took.";
        figures.set("redis_latest_fork_seconds", MetricType::Gauge, help, micros / 1e6);
    }
}

fn about(known: &HashMap<&str, &str>, now: f64, figures: &mut Figures) {
    let labels = ABOUT.map(|name| (name, known.get(name).copied().unwrap_or_default().to_owned()));
    figures.add("redis_instance_info", MetricType::Gauge, "The server.", labels.to_vec(), 1.0);
    if let Some(uptime) = known.get("uptime_in_seconds").and_then(|text| number(text)) {
        let help = "When the server was started.";
        figures.set("redis_start_time_seconds", MetricType::Gauge, help, now.floor() - uptime);
    }
}

/// What a replica says of the server that it follows.
fn replication(known: &HashMap<&str, &str>, figures: &mut Figures) {
    let Some(host) = known.get("master_host") else { return };
    let text = |name: &str| known.get(name).copied().unwrap_or_default().to_owned();
    let labels = || vec![("master_host", (*host).to_owned()), ("master_port", text("master_port"))];
    let gauge = MetricType::Gauge;
    let is_up = f64::from(u8::from(text("master_link_status") == "up"));
    figures.add("redis_master_link_up", gauge, "Whether the followed server is reached.", labels(), is_up);
    for name in ["master_last_io_seconds_ago", "master_sync_in_progress", "slave_repl_offset"] {
        if let Some(value) = number(&text(name)) {
            let help = format!("`{name}` of INFO.");
            figures.add(&format!("redis_{name}"), gauge, &help, labels(), value);
        }
    }
    let mut labels = labels();
    labels.push(("read_only", text("slave_read_only")));
    figures.add("redis_slave_info", gauge, "Whom the server follows.", labels, 1.0);
}

fn command_stats(command: &str, stats: &str, figures: &mut Figures) {
    let mut add = |name: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            figures.add(name, MetricType::Counter, help, vec![("cmd", command.to_owned())], value);
        }
    };
    let calls = field(stats, "calls");
    add("redis_commands_total", "Calls by command.", calls);
    // The name under which the Redis mixin looks for it.
    add("redis_command_calls_total", "Calls by command.", calls);
    let seconds = field(stats, "usec").map(|micros| micros / 1e6);
    add("redis_commands_duration_seconds_total", "Seconds spent by command.", seconds);
    let rejected = field(stats, "rejected_calls");
    add("redis_commands_rejected_calls_total", "Calls refused before they ran.", rejected);
    add("redis_commands_failed_calls_total", "Calls that failed.", field(stats, "failed_calls"));
}

/// `p50=1.003,p99=…`, with sum and count of the command's own line.
fn latency(command: &str, spread: &str, stats: Option<&&str>, figures: &mut Figures) {
    let Some(stats) = stats else { return };
    let (Some(calls), Some(micros)) = (field(stats, "calls"), field(stats, "usec")) else { return };
    let mut add = |suffix: &'static str, quantile: Option<&str>, value: f64| {
        let mut labels = vec![("cmd", command.to_owned())];
        labels.extend(quantile.map(|quantile| ("quantile", quantile.to_owned())));
        let (name, help) = ("redis_latency_percentiles_usec", "Microseconds by command.");
        figures.add_part(name, suffix, MetricType::Summary, help, labels, value);
    };
    for part in spread.split(',') {
        let pair =
            part.split_once('=').and_then(|(name, value)| Some((name.strip_prefix('p')?, number(value)?)));
        if let Some((percentile, value)) = pair {
            add("", Some(percentile), value);
        }
    }
    add("_sum", None, micros);
    add("_count", None, calls);
}

/// `slave0:ip=10.0.0.5,port=6379,state=online,offset=1,lag=0`; other names begin with `slave` too.
fn replica(number: &str, stats: &str, figures: &mut Figures) {
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return;
    }
    let labels = || {
        let pairs = [("slave_ip", "ip"), ("slave_port", "port"), ("slave_state", "state")];
        pairs.map(|(label, name)| (label, text(stats, name).unwrap_or_default().to_owned())).to_vec()
    };
    for (name, metric, help) in [
        ("offset", "redis_connected_slave_offset_bytes", "How far the replica is in the stream."),
        ("lag", "redis_connected_slave_lag_seconds", "Seconds since the replica last said where it is."),
    ] {
        if let Some(value) = field(stats, name) {
            figures.add(metric, MetricType::Gauge, help, labels(), value);
        }
    }
}

/// `db0:keys=2,expires=1,avg_ttl=390900`
fn database(number: &str, stats: &str, figures: &mut Figures) {
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return;
    }
    for (name, metric, factor, help) in [
        ("keys", "redis_db_keys", 1.0, "Keys."),
        ("expires", "redis_db_keys_expiring", 1.0, "Keys that expire."),
        ("avg_ttl", "redis_db_avg_ttl_seconds", 1e3, "How long they have left on average."),
        ("cached_keys", "redis_db_keys_cached", 1.0, "Keys in memory, of KeyDB."),
    ] {
        if let Some(value) = field(stats, name) {
            figures.add(metric, MetricType::Gauge, help, vec![("db", format!("db{number}"))], value / factor);
        }
    }
}

/// One value of `a=1,b=2`.
fn text<'s>(stats: &'s str, name: &str) -> Option<&'s str> {
    stats
        .split(',')
        .find_map(|pair| pair.split_once('=').filter(|(own, _)| *own == name).map(|(_, value)| value))
}

fn field(stats: &str, name: &str) -> Option<f64> {
    text(stats, name).and_then(number)
}

fn number(text: &str) -> Option<f64> {
    match text {
        "ok" | "true" => Some(1.0),
        "err" | "fail" | "false" => Some(0.0),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of one metric.
    #[track_caller]
    fn check(info: &str, metric: &str, expected: &[&str]) {
        let mut figures = Figures::default();
        add(info, 1_000.5, &mut figures);
        let page = String::from_utf8(figures.page()).unwrap();
        let lines: Vec<&str> = page.lines().filter(|line| line.starts_with(metric)).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_replica_tells_whom_it_follows() {
        let info = "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.4\r\nmaster_port:6379\r\n\
                    master_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\nslave_read_only:1\r\n\
                    slave_priority:100\r\n";
        let labels = "master_host=\"10.0.0.4\",master_port=\"6379\"";
        check(info, "redis_master_link_up", &[&format!("redis_master_link_up{{{labels}}} 0")]);
        check(info, "redis_master_last", &[&format!("redis_master_last_io_seconds_ago{{{labels}}} -1")]);
        check(info, "redis_slave_info", &[&format!("redis_slave_info{{{labels},read_only=\"1\"}} 1")]);
        check(info, "redis_connected_slave", &[]);
    }

    #[test]
    fn a_followed_server_tells_who_follows() {
        let info = "connected_slaves:1\r\nslave0:ip=10.0.0.5,port=6379,state=online,offset=42,lag=3\r\n";
        let labels = "slave_ip=\"10.0.0.5\",slave_port=\"6379\",slave_state=\"online\"";
        check(
            info,
            "redis_connected_slave_lag",
            &[&format!("redis_connected_slave_lag_seconds{{{labels}}} 3")],
        );
        check(
            info,
            "redis_connected_slave_off",
            &[&format!("redis_connected_slave_offset_bytes{{{labels}}} 42")],
        );
    }

    #[test]
    fn commands_of_old_and_new_servers_are_counted() {
        let old = "cmdstat_get:calls=21,usec=175,usec_per_call=8.33\r\n";
        check(old, "redis_commands_total", &["redis_commands_total{cmd=\"get\"} 21"]);
        check(
            old,
            "redis_commands_duration",
            &["redis_commands_duration_seconds_total{cmd=\"get\"} 0.000175"],
        );
        check(old, "redis_commands_failed", &[]);
        let new = "cmdstat_get:calls=2,usec=4,usec_per_call=2.00,rejected_calls=1,failed_calls=3\r\n\
                   latency_percentiles_usec_get:p50=1.003,p99.9=3.007\r\n";
        check(new, "redis_commands_failed", &["redis_commands_failed_calls_total{cmd=\"get\"} 3"]);
        check(
            new,
            "redis_latency",
            &[
                "redis_latency_percentiles_usec{cmd=\"get\",quantile=\"50\"} 1.003",
                "redis_latency_percentiles_usec{cmd=\"get\",quantile=\"99.9\"} 3.007",
                "redis_latency_percentiles_usec_sum{cmd=\"get\"} 4",
                "redis_latency_percentiles_usec_count{cmd=\"get\"} 2",
            ],
        );
    }

    #[test]
    fn an_empty_database_has_no_keys() {
        check("", "redis_db_keys{", &["redis_db_keys{db=\"db0\"} 0"]);
        let info = "db0:keys=2,expires=1,avg_ttl=1500\r\ndb3:keys=7,expires=0,avg_ttl=0\r\n";
        check(info, "redis_db_keys{", &["redis_db_keys{db=\"db0\"} 2", "redis_db_keys{db=\"db3\"} 7"]);
        check(info, "redis_db_avg_ttl_seconds{db=\"db0\"", &["redis_db_avg_ttl_seconds{db=\"db0\"} 1.5"]);
    }

    #[test]
    fn words_are_figures_and_ages_are_instants() {
        let info = "rdb_last_bgsave_status:ok\naof_last_write_status:err\nuptime_in_seconds:100\n";
        check(info, "redis_rdb_last_bgsave_status", &["redis_rdb_last_bgsave_status 1"]);
        check(info, "redis_aof_last_write_status", &["redis_aof_last_write_status 0"]);
        check(info, "redis_start_time", &["redis_start_time_seconds 900"]);
    }
}

//! What is asked of PostgreSQL, a line a metric. Cheap figures first: when time runs out, the last ones are missing.

use lingshao_wire::exposition::MetricType;

/// One statement.
#[derive(Debug)]
pub(super) struct Table {
    /// The group that it counts to, in `pg_scrape_collector_success`.
    pub(super) collector: &'static str,
    /// The first version that has it, as `server_version_num`.
    pub(super) since: u32,
    /// The first version that no longer has it.
    pub(super) until: u32,
    /// Labels with their expressions.
    pub(super) labels: &'static [(&'static str, &'static str)],
    pub(super) metrics: &'static [Metric],
    /// What stands behind FROM.
    from: &'static str,
    /// How many rows are taken. The reason stands beside each.
    pub(super) rows_max: usize,
}

/// One metric of a statement.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: MetricType,
    expression: &'static str,
    pub(super) help: &'static str,
}

impl Table {
    /// Labels as texts, metrics as floats.
    pub(super) fn sql(&self) -> String {
        let labels = self.labels.iter().map(|(_, expression)| format!("({expression})::text"));
        let metrics = self.metrics.iter().map(|metric| format!("({})::float8", metric.expression));
        let columns: Vec<String> = labels.chain(metrics).collect();
        format!("SELECT {} FROM {} LIMIT {}", columns.join(", "), self.from, self.rows_max)
    }
}

const fn counter(name: &'static str, expression: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricType::Counter, expression, help }
}

const fn gauge(name: &'static str, expression: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricType::Gauge, expression, help }
}

const ANY: u32 = u32::MAX;
const NONE: &[(&str, &str)] = &[];
/// Versions, as `server_version_num`.
const V10: u32 = 100_000;
const V14: u32 = 140_000;
const V17: u32 = 170_000;

/// All statements, in the order in which they are asked.
pub(super) const TABLES: &[Table] = &[
    Table {
        collector: "stat_activity",
        since: V10,
        until: ANY,
        labels: &[
            ("datname", "d.datname"),
            ("state", "s.state"),
            ("usename", "a.usename"),
            ("application_name", "a.application_name"),
            ("backend_type", "a.backend_type"),
            ("wait_event_type", "a.wait_event_type"),
            ("wait_event", "a.wait_event"),
        ],
        metrics: &[
            gauge("pg_stat_activity_count", "coalesce(a.sessions, 0)", "Sessions in this state."),
            gauge(
                "pg_stat_activity_max_tx_duration",
                "coalesce(a.longest, 0)",
                "Age of the oldest transaction among them, in seconds.",
            ),
        ],
        // Every state of every database is there, so that a state that nobody is in is 0 and not a gap.
        from: "pg_database d CROSS JOIN (VALUES ('active'), ('idle'), ('idle in transaction'), \
               ('idle in transaction (aborted)'), ('fastpath function call'), ('disabled')) s(state) \
               LEFT JOIN (SELECT datid, state, usename, application_name, backend_type, wait_event_type, wait_event, \
               count(*) AS sessions, max(extract(epoch FROM now() - xact_start)) AS longest FROM pg_stat_activity \
               GROUP BY 1, 2, 3, 4, 5, 6, 7) a ON a.datid = d.oid AND a.state = s.state \
               ORDER BY coalesce(a.sessions, 0) DESC, 1, 2",
        // Clients choose their application_name: what most sessions share comes first, and 500 kinds of session are more
        // than a board can show.
        rows_max: 500,
    },
    Table {
        collector: "database",
        since: V10,
        until: ANY,
        labels: &[("datid", "datid"), ("datname", "datname")],
        metrics: &[
            gauge("pg_stat_database_numbackends", "numbackends", "Sessions in this database."),
            counter("pg_stat_database_xact_commit", "xact_commit", "Transactions committed."),
            counter("pg_stat_database_xact_rollback", "xact_rollback", "Transactions rolled back."),
            counter("pg_stat_database_blks_read", "blks_read", "Blocks read from the operating system."),
            counter("pg_stat_database_blks_hit", "blks_hit", "Blocks found in the server's own cache."),
            counter("pg_stat_database_tup_returned", "tup_returned", "Rows that scans came across."),
            counter("pg_stat_database_tup_fetched", "tup_fetched", "Rows that index scans fetched."),
            counter("pg_stat_database_tup_inserted", "tup_inserted", "Rows inserted."),
            counter("pg_stat_database_tup_updated", "tup_updated", "Rows updated."),
            counter("pg_stat_database_tup_deleted", "tup_deleted", "Rows deleted."),
            counter("pg_stat_database_conflicts", "conflicts", "Queries cancelled by replay, on replicas."),
            counter("pg_stat_database_temp_files", "temp_files", "Temporary files written."),
            counter("pg_stat_database_temp_bytes", "temp_bytes", "Bytes written to temporary files."),
            counter("pg_stat_database_deadlocks", "deadlocks", "Deadlocks found."),
            counter("pg_stat_database_blk_read_time", "blk_read_time", "Milliseconds spent reading blocks."),
            counter(
                "pg_stat_database_blk_write_time",
                "blk_write_time",
                "Milliseconds spent writing blocks.",
            ),
            counter(
                "pg_stat_database_stats_reset",
                "extract(epoch FROM stats_reset)",
                "When these figures began anew.",
            ),
        ],
        from: "pg_stat_database ORDER BY numbackends DESC, 2",
        // One a database; a server with more is a host of databases and not a shop's.
        rows_max: 200,
    },
    Table {
        collector: "database",
        since: V14,
        until: ANY,
        labels: &[("datid", "datid"), ("datname", "datname")],
        metrics: &[counter(
            "pg_stat_database_active_time_seconds_total",
            "active_time / 1000",
            "Seconds spent executing statements.",
        )],
        from: "pg_stat_database ORDER BY numbackends DESC, 2",
        rows_max: 200, // As above.
    },
    Table {
        collector: "database",
        since: V10,
        until: ANY,
        labels: &[("datid", "datid"), ("datname", "datname")],
        metrics: &[
            counter(
                "pg_stat_database_conflicts_confl_tablespace",
                "confl_tablespace",
                "Queries cancelled for a dropped tablespace.",
            ),
            counter("pg_stat_database_conflicts_confl_lock", "confl_lock", "Queries cancelled for a lock."),
            counter(
                "pg_stat_database_conflicts_confl_snapshot",
                "confl_snapshot",
                "Queries cancelled for an old snapshot.",
            ),
            counter(
                "pg_stat_database_conflicts_confl_bufferpin",
                "confl_bufferpin",
                "Queries cancelled for a pinned buffer.",
            ),
            counter(
                "pg_stat_database_conflicts_confl_deadlock",
                "confl_deadlock",
                "Queries cancelled for a deadlock.",
            ),
        ],
        from: "pg_stat_database_conflicts ORDER BY 2",
        rows_max: 200, // As above.
    },
    Table {
        collector: "locks",
        since: V10,
        until: ANY,
        labels: &[("datname", "d.datname"), ("mode", "m.mode")],
        metrics: &[gauge("pg_locks_count", "coalesce(l.held, 0)", "Locks held or waited for.")],
        from: "pg_database d CROSS JOIN (VALUES ('accesssharelock'), ('rowsharelock'), ('rowexclusivelock'), \
               ('shareupdateexclusivelock'), ('sharelock'), ('sharerowexclusivelock'), ('exclusivelock'), \
               ('accessexclusivelock'), ('sireadlock')) m(mode) LEFT JOIN (SELECT database, lower(mode) AS mode, \
               count(*) AS held FROM pg_locks GROUP BY 1, 2) l ON l.database = d.oid AND l.mode = m.mode \
               ORDER BY coalesce(l.held, 0) DESC, 1, 2",
        // Nine modes of a hundred databases; those with locks come first.
        rows_max: 900,
    },
    Table {
        collector: "bgwriter",
        since: V10,
        until: V17,
        labels: NONE,
        metrics: &[
            counter("pg_stat_bgwriter_checkpoints_timed_total", "checkpoints_timed", TIMED),
            counter("pg_stat_bgwriter_checkpoints_req_total", "checkpoints_req", REQUESTED),
            counter("pg_stat_bgwriter_checkpoint_write_time_total", "checkpoint_write_time", WRITE_TIME),
            counter("pg_stat_bgwriter_checkpoint_sync_time_total", "checkpoint_sync_time", SYNC_TIME),
            counter("pg_stat_bgwriter_buffers_checkpoint_total", "buffers_checkpoint", WRITTEN),
            counter("pg_stat_bgwriter_buffers_backend_total", "buffers_backend", BACKEND),
            counter("pg_stat_bgwriter_buffers_backend_fsync_total", "buffers_backend_fsync", BACKEND_SYNC),
            // Their names before postgres_exporter 0.11, which boards of that time ask for.
            counter("pg_stat_bgwriter_checkpoints_timed", "checkpoints_timed", TIMED),
            counter("pg_stat_bgwriter_checkpoints_req", "checkpoints_req", REQUESTED),
            counter("pg_stat_bgwriter_checkpoint_write_time", "checkpoint_write_time", WRITE_TIME),
            counter("pg_stat_bgwriter_checkpoint_sync_time", "checkpoint_sync_time", SYNC_TIME),
            counter("pg_stat_bgwriter_buffers_checkpoint", "buffers_checkpoint", WRITTEN),
            counter("pg_stat_bgwriter_buffers_backend", "buffers_backend", BACKEND),
            counter("pg_stat_bgwriter_buffers_backend_fsync", "buffers_backend_fsync", BACKEND_SYNC),
        ],
        from: "pg_stat_bgwriter",
        rows_max: 1, // It has one row.
    },
    Table {
        collector: "bgwriter",
        since: V10,
        until: ANY,
        labels: NONE,
        metrics: &[
            counter("pg_stat_bgwriter_buffers_clean_total", "buffers_clean", CLEAN),
            counter("pg_stat_bgwriter_maxwritten_clean_total", "maxwritten_clean", MAX_WRITTEN),
            counter("pg_stat_bgwriter_buffers_alloc_total", "buffers_alloc", ALLOCATED),
            counter("pg_stat_bgwriter_stats_reset_total", "extract(epoch FROM stats_reset)", RESET),
            counter("pg_stat_bgwriter_buffers_clean", "buffers_clean", CLEAN),
            counter("pg_stat_bgwriter_maxwritten_clean", "maxwritten_clean", MAX_WRITTEN),
            counter("pg_stat_bgwriter_buffers_alloc", "buffers_alloc", ALLOCATED),
        ],
        from: "pg_stat_bgwriter",
        rows_max: 1, // It has one row.
    },
    Table {
        collector: "stat_checkpointer",
        since: V17,
        until: ANY,
        labels: NONE,
        metrics: &[
            counter("pg_stat_checkpointer_num_timed_total", "num_timed", TIMED),
            counter("pg_stat_checkpointer_num_requested_total", "num_requested", REQUESTED),
            counter(
                "pg_stat_checkpointer_restartpoints_timed_total",
                "restartpoints_timed",
                "Restartpoints by the clock.",
            ),
            counter(
                "pg_stat_checkpointer_restartpoints_req_total",
                "restartpoints_req",
                "Restartpoints asked for.",
            ),
            counter(
                "pg_stat_checkpointer_restartpoints_done_total",
                "restartpoints_done",
                "Restartpoints done.",
            ),
            counter("pg_stat_checkpointer_write_time_total", "write_time", WRITE_TIME),
            counter("pg_stat_checkpointer_sync_time_total", "sync_time", SYNC_TIME),
            counter("pg_stat_checkpointer_buffers_written_total", "buffers_written", WRITTEN),
            counter("pg_stat_checkpointer_stats_reset_total", "extract(epoch FROM stats_reset)", RESET),
            // Where they were before PostgreSQL 17, which boards still ask for.
            counter("pg_stat_bgwriter_checkpoints_timed_total", "num_timed", TIMED),
            counter("pg_stat_bgwriter_checkpoints_req_total", "num_requested", REQUESTED),
            counter("pg_stat_bgwriter_checkpoint_write_time_total", "write_time", WRITE_TIME),
            counter("pg_stat_bgwriter_checkpoint_sync_time_total", "sync_time", SYNC_TIME),
            counter("pg_stat_bgwriter_buffers_checkpoint_total", "buffers_written", WRITTEN),
        ],
        from: "pg_stat_checkpointer",
        rows_max: 1, // It has one row.
    },
    Table {
        collector: "stat_archiver",
        since: V10,
        until: ANY,
        labels: NONE,
        metrics: &[
            counter("pg_stat_archiver_archived_count", "archived_count", "Log files archived."),
            counter("pg_stat_archiver_failed_count", "failed_count", "Failed attempts at archiving."),
            gauge(
                "pg_stat_archiver_last_archive_age",
                "extract(epoch FROM now() - last_archived_time)",
                "Seconds since a log file was archived.",
            ),
        ],
        from: "pg_stat_archiver",
        rows_max: 1, // It has one row.
    },
    Table {
        collector: "stat_replication",
        since: V10,
        until: ANY,
        labels: &[
            ("application_name", "application_name"),
            ("client_addr", "host(client_addr)"),
            ("state", "state"),
            ("slot_name", "(SELECT slot_name FROM pg_replication_slots WHERE active_pid = pid LIMIT 1)"),
        ],
        metrics: &[
            gauge(
                "pg_stat_replication_pg_current_wal_lsn_bytes",
                "CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') END",
                "How much log was ever written, in bytes.",
            ),
            gauge(
                "pg_stat_replication_pg_wal_lsn_diff",
                "CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) END",
                "How much of the log the replica has not replayed, in bytes.",
            ),
        ],
        from: "pg_stat_replication",
        // max_wal_senders is 10 unless somebody raised it.
        rows_max: 100,
    },
    Table {
        collector: "replication_slot",
        since: V10,
        until: ANY,
        labels: &[("slot_name", "slot_name"), ("database", "database")],
        metrics: &[
            gauge("pg_replication_slots_active", "active::int", "Whether somebody reads from the slot."),
            gauge(
                "pg_replication_slots_pg_wal_lsn_diff",
                "CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) END",
                "How much log is kept for the slot, in bytes.",
            ),
        ],
        from: "pg_replication_slots",
        // max_replication_slots is 10 unless somebody raised it.
        rows_max: 100,
    },
    Table {
        collector: "replication_slot",
        since: V10,
        until: ANY,
        labels: &[("slot_name", "slot_name"), ("slot_type", "slot_type")],
        metrics: &[
            gauge(
                "pg_replication_slot_slot_is_active",
                "active::int",
                "Whether somebody reads from the slot.",
            ),
            gauge(
                "pg_replication_slot_slot_current_wal_lsn",
                "pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() \
                 ELSE pg_current_wal_lsn() END, '0/0')",
                "How much log was ever written or received, in bytes.",
            ),
        ],
        from: "pg_replication_slots",
        rows_max: 100, // As above.
    },
    Table {
        collector: "roles",
        since: V10,
        until: ANY,
        labels: &[("rolname", "rolname")],
        metrics: &[gauge(
            "pg_roles_connection_limit",
            "rolconnlimit",
            "Sessions that the role may have; -1: no limit.",
        )],
        from: "pg_roles WHERE rolcanlogin ORDER BY 1",
        // A shop's roles are few; a server with a role for each user is not watched by role.
        rows_max: 100,
    },
    Table {
        collector: "wal",
        since: V10,
        until: ANY,
        labels: NONE,
        metrics: &[
            gauge("pg_wal_segments", "count(*)", "Files of the write-ahead log."),
            gauge("pg_wal_size_bytes", "sum(size)", "Their size in bytes."),
        ],
        from: "pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'",
        rows_max: 1, // It is a sum.
    },
    Table {
        collector: "stat_user_tables",
        since: V10,
        until: ANY,
        labels: TABLE_LABELS,
        metrics: &[
            counter("pg_stat_user_tables_seq_scan", "t.seq_scan", "Scans of the whole table."),
            counter("pg_stat_user_tables_seq_tup_read", "t.seq_tup_read", "Rows that such scans read."),
            counter("pg_stat_user_tables_idx_scan", "t.idx_scan", "Scans by an index."),
            counter("pg_stat_user_tables_idx_tup_fetch", "t.idx_tup_fetch", "Rows that such scans fetched."),
            counter("pg_stat_user_tables_n_tup_ins", "t.n_tup_ins", "Rows inserted."),
            counter("pg_stat_user_tables_n_tup_upd", "t.n_tup_upd", "Rows updated."),
            counter("pg_stat_user_tables_n_tup_del", "t.n_tup_del", "Rows deleted."),
            counter(
                "pg_stat_user_tables_n_tup_hot_upd",
                "t.n_tup_hot_upd",
                "Rows updated without an index's doing.",
            ),
            gauge("pg_stat_user_tables_n_live_tup", "t.n_live_tup", "Rows, as estimated."),
            gauge("pg_stat_user_tables_n_dead_tup", "t.n_dead_tup", "Dead rows, as estimated."),
            gauge(
                "pg_stat_user_tables_n_mod_since_analyze",
                "t.n_mod_since_analyze",
                "Rows changed since ANALYZE.",
            ),
            gauge(
                "pg_stat_user_tables_last_vacuum",
                "coalesce(extract(epoch FROM t.last_vacuum), 0)",
                "When somebody last vacuumed it.",
            ),
            gauge(
                "pg_stat_user_tables_last_autovacuum",
                "coalesce(extract(epoch FROM t.last_autovacuum), 0)",
                "When the server last vacuumed it.",
            ),
            gauge(
                "pg_stat_user_tables_last_analyze",
                "coalesce(extract(epoch FROM t.last_analyze), 0)",
                "When somebody last analysed it.",
            ),
            gauge(
                "pg_stat_user_tables_last_autoanalyze",
                "coalesce(extract(epoch FROM t.last_autoanalyze), 0)",
                "When the server last analysed it.",
            ),
            counter("pg_stat_user_tables_vacuum_count", "t.vacuum_count", "How often somebody vacuumed it."),
            counter(
                "pg_stat_user_tables_autovacuum_count",
                "t.autovacuum_count",
                "How often the server vacuumed it.",
            ),
            counter(
                "pg_stat_user_tables_analyze_count",
                "t.analyze_count",
                "How often somebody analysed it.",
            ),
            counter(
                "pg_stat_user_tables_autoanalyze_count",
                "t.autoanalyze_count",
                "How often the server analysed it.",
            ),
        ],
        from: "pg_stat_user_tables t JOIN pg_class c ON c.oid = t.relid ORDER BY c.relpages DESC, 2, 3",
        rows_max: TABLES_MAX,
    },
    Table {
        collector: "statio_user_tables",
        since: V10,
        until: ANY,
        labels: TABLE_LABELS,
        metrics: &[
            counter(
                "pg_statio_user_tables_heap_blocks_read",
                "t.heap_blks_read",
                "Blocks of the table read.",
            ),
            counter(
                "pg_statio_user_tables_heap_blocks_hit",
                "t.heap_blks_hit",
                "Blocks of the table found in the cache.",
            ),
            counter(
                "pg_statio_user_tables_idx_blocks_read",
                "t.idx_blks_read",
                "Blocks of its indexes read.",
            ),
            counter(
                "pg_statio_user_tables_idx_blocks_hit",
                "t.idx_blks_hit",
                "Blocks of its indexes found in the cache.",
            ),
            counter(
                "pg_statio_user_tables_toast_blocks_read",
                "t.toast_blks_read",
                "Blocks of its long values read.",
            ),
            counter(
                "pg_statio_user_tables_toast_blocks_hit",
                "t.toast_blks_hit",
                "Blocks of its long values found in the cache.",
            ),
            counter(
                "pg_statio_user_tables_tidx_blocks_read",
                "t.tidx_blks_read",
                "Blocks of their indexes read.",
            ),
            counter(
                "pg_statio_user_tables_tidx_blocks_hit",
                "t.tidx_blks_hit",
                "Blocks of their indexes found in the cache.",
            ),
        ],
        from: "pg_statio_user_tables t JOIN pg_class c ON c.oid = t.relid ORDER BY c.relpages DESC, 2, 3",
        rows_max: TABLES_MAX,
    },
    Table {
        collector: "table_size",
        since: V10,
        until: ANY,
        labels: TABLE_LABELS,
        metrics: &[
            gauge(
                "pg_stat_user_tables_table_size_bytes",
                "pg_table_size(t.relid)",
                "The table's size on disk.",
            ),
            gauge(
                "pg_stat_user_tables_index_size_bytes",
                "pg_indexes_size(t.relid)",
                "Its indexes' size on disk.",
            ),
        ],
        // Cut before the sizes are asked for, as each looks at the table's files.
        from: "(SELECT s.relid, s.schemaname, s.relname FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid \
               ORDER BY c.relpages DESC, 2, 3 LIMIT 100) t",
        rows_max: TABLES_MAX,
    },
    Table {
        collector: "database_size",
        since: V10,
        until: ANY,
        labels: &[("datname", "datname")],
        metrics: &[gauge("pg_database_size_bytes", "pg_database_size(oid)", "The database's size on disk.")],
        // Of databases that we may not ask about, the size would be an error for all.
        from: "pg_database WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER') \
               ORDER BY 1",
        // It looks at every file; more would take seconds.
        rows_max: 100,
    },
];

/// Tables of the database that the address names, the largest by pages: 100 are 2,500 series. A shop has dozens; who
/// has a partition a day sees the ones that are full.
const TABLES_MAX: usize = 100;
const TABLE_LABELS: &[(&str, &str)] =
    &[("datname", "current_database()"), ("schemaname", "t.schemaname"), ("relname", "t.relname")];

const TIMED: &str = "Checkpoints by the clock.";
const REQUESTED: &str = "Checkpoints asked for.";
const WRITE_TIME: &str = "Milliseconds that checkpoints spent writing.";
const SYNC_TIME: &str = "Milliseconds that checkpoints spent syncing.";
const WRITTEN: &str = "Buffers that checkpoints wrote.";
const BACKEND: &str = "Buffers that sessions had to write themselves.";
const BACKEND_SYNC: &str = "Syncs that sessions had to do themselves.";
const CLEAN: &str = "Buffers that the background writer wrote.";
const MAX_WRITTEN: &str = "How often the background writer stopped as it had written enough.";
const ALLOCATED: &str = "Buffers taken into use.";
const RESET: &str = "When these figures began anew.";

//! The tables of `state.db` (docs/format/state.md) and how older ones become today's.

/// "This is Lingshao's", in the file's head.
pub(super) const APPLICATION_ID: i64 = 0x4C53_DB01;

/// Each brings the schema from its index to the next number. Never changed once released; new ones are added.
pub(super) const MIGRATIONS: &[&str] = &[
    r#"
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('seq', 0);
CREATE TABLE members (name TEXT PRIMARY KEY, address TEXT NOT NULL, started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE rule_alerts (member TEXT NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (member, key)) STRICT;
CREATE TABLE alerts (member TEXT NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (member, key)) STRICT;
CREATE TABLE "groups" (member TEXT NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (member, key)) STRICT;
CREATE TABLE silences (member TEXT NOT NULL, key TEXT NOT NULL PRIMARY KEY, row TEXT NOT NULL,
    seq INTEGER NOT NULL) STRICT;
CREATE TABLE log (member TEXT NOT NULL, key TEXT NOT NULL PRIMARY KEY, row TEXT NOT NULL,
    seq INTEGER NOT NULL) STRICT;
CREATE TABLE outbox (member TEXT NOT NULL, key TEXT NOT NULL PRIMARY KEY, row TEXT NOT NULL,
    seq INTEGER NOT NULL) STRICT;
CREATE INDEX silences_seq ON silences (seq);
CREATE INDEX log_seq ON log (seq);
CREATE INDEX outbox_seq ON outbox (seq);
CREATE TABLE history (n INTEGER PRIMARY KEY AUTOINCREMENT, row TEXT NOT NULL) STRICT;
"#,
    "
CREATE TABLE sessions (key BLOB PRIMARY KEY, user TEXT NOT NULL, credential BLOB NOT NULL,
    created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE boards (uid TEXT PRIMARY KEY, title TEXT NOT NULL, tags TEXT NOT NULL, version INTEGER NOT NULL,
    created_at INTEGER NOT NULL, created_by TEXT NOT NULL, updated_at INTEGER NOT NULL, updated_by TEXT NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE TABLE board_versions (uid TEXT NOT NULL, version INTEGER NOT NULL, created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL, message TEXT NOT NULL, bytes INTEGER NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (uid, version)) STRICT;
",
    "
CREATE TABLE documents (kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, name))
    STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE shop_ledger (shop TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, trade TEXT NOT NULL,
    open INTEGER NOT NULL, at INTEGER NOT NULL, row TEXT NOT NULL, PRIMARY KEY (shop, kind, key))
    STRICT, WITHOUT ROWID;
CREATE INDEX shop_ledger_open ON shop_ledger (shop, kind) WHERE open = 1;
CREATE INDEX shop_ledger_at ON shop_ledger (shop, kind, at);
CREATE INDEX shop_ledger_trade ON shop_ledger (shop, trade);
CREATE TABLE shop_audit (n INTEGER PRIMARY KEY AUTOINCREMENT, shop TEXT NOT NULL, at INTEGER NOT NULL,
    kind TEXT NOT NULL, row TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE INDEX shop_audit_kind ON shop_audit (shop, kind, at);
CREATE TRIGGER shop_audit_stays BEFORE UPDATE ON shop_audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TABLE shop_meta (shop TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (shop, name))
    STRICT, WITHOUT ROWID;
",
];

/// The tables whose rows follow the engines' state. `groups` is a keyword of newer SQLite, hence the quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// Alerts of rules.
    RuleAlerts,
    /// Alerts of the router.
    Alerts,
    /// Groups.
    Groups,
    /// Silences, shared by all members.
    Silences,
    /// What was last told, shared.
    Log,
    /// What is to be told, shared.
    Outbox,
}

impl Table {
    /// All of them, in the order of [`Table::index`].
    pub(crate) const ALL: [Table; 6] =
        [Table::RuleAlerts, Table::Alerts, Table::Groups, Table::Silences, Table::Log, Table::Outbox];

    /// Its place in arrays.
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// As SQL names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Table::RuleAlerts => "rule_alerts",
            Table::Alerts => "alerts",
            Table::Groups => "\"groups\"",
            Table::Silences => "silences",
            Table::Log => "log",
            Table::Outbox => "outbox",
        }
    }

    /// Whether members share its rows, or each has its own.
    pub(crate) fn is_shared(self) -> bool {
        matches!(self, Table::Silences | Table::Log | Table::Outbox)
    }
}

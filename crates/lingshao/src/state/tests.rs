//! What was committed comes back, whatever it was; what cannot be used is refused by name.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lingshao_alerting::router::{
    Change, Changes, GroupKey, GroupRow, LogEntry, LogKey, Saved, Silence, SilenceId,
};
use lingshao_alerting::rules::{AlertState, RuleKey, SavedAlert, SavedChange};
use lingshao_model::{
    Alert, Annotations, Delivery, DeliveryId, DeliveryOutcome, DeliveryReason, Fingerprint, IntegrationId,
    IntegrationKind, Labels, MatchOp, Matcher, TimeDelta, Timestamp,
};
use sqlx::ConnectOptions;
use tempfile::TempDir;

use super::*;
use crate::failure::Failure;
use crate::notify::Finished;

const NOW: Timestamp = Timestamp(1_700_000_000_123);

fn location(folder: &TempDir) -> Location {
    Location { path: folder.path().join("state.db"), member: None }
}

async fn open(folder: &TempDir) -> State {
    State::open(&location(folder)).await.unwrap()
}

async fn commit(state: &mut State, batch: &Batch) {
    state.begin().await.unwrap();
    state.commit(batch, NOW).await.unwrap();
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

fn alert(instance: &str, ends_at: Option<i64>) -> Alert {
    let text = [("summary", "数据库 \"主库\" 断开\n第二行"), ("empty", "")];
    Alert {
        labels: labels(&[("alertname", "DatabaseDown"), ("instance", instance)]),
        annotations: Annotations::from_pairs(text.map(|(name, text)| (name.to_owned(), text.to_owned()))),
        starts_at: Timestamp(NOW.0 - 60_000),
        ends_at: ends_at.map(Timestamp),
        updated_at: NOW,
        generator_url: "http://127.0.0.1:9090/graph?g0.expr=up+%3D%3D+0".to_owned(),
        timeout: ends_at.is_some(),
        value: String::new(),
    }
}

fn to() -> IntegrationId {
    IntegrationId { receiver: "运维/组".to_owned(), kind: IntegrationKind::WeCom, index: 2 }
}

fn delivery() -> Delivery {
    Delivery {
        id: DeliveryId(0x0123_4567_89ab_cdef_0011_2233_4455_6677),
        group_key: "{}:{alertname=\"DatabaseDown\"}".to_owned(),
        to: to(),
        group_labels: labels(&[("alertname", "DatabaseDown")]),
        alerts: vec![alert("a", None), alert("b", Some(NOW.0 - 5))],
        decided_at: NOW,
        reason: DeliveryReason::Changed,
    }
}

fn silence() -> Silence {
    let matcher = |op, name, value| Matcher::new(op, name, value).unwrap();
    Silence {
        id: SilenceId("aa0e2d7c-1f6b-4a46-9d5a-8f1f0e8b6b1a".to_owned()),
        matchers: vec![
            matcher(MatchOp::Equal, "alertname", "DatabaseDown"),
            matcher(MatchOp::NotRegex, "instance", "test-.*"),
        ],
        starts_at: Timestamp(NOW.0 - 1),
        ends_at: Timestamp(NOW.0 + 3_600_000),
        updated_at: NOW,
        created_by: "小明".to_owned(),
        comment: "大促".to_owned(),
    }
}

fn log_entry() -> LogEntry {
    LogEntry {
        key: LogKey { group_key: "{}:{}".to_owned(), to: to() },
        firing: vec![Fingerprint(1), Fingerprint(u64::MAX)],
        resolved: vec![],
        muted: vec![Fingerprint(7)],
        at: NOW,
        expires_at: Timestamp(NOW.0 + 1),
        repeat_interval: TimeDelta::from_secs(14_400),
    }
}

fn group() -> GroupRow {
    GroupRow {
        key: GroupKey { group_key: "{}:{}".to_owned(), receiver: "运维/组".to_owned() },
        labels: Labels::empty(),
        next_at: NOW,
        flushed: true,
        left: vec![Fingerprint(0xff)],
    }
}

fn rule_alert(instance: &str) -> SavedAlert {
    let rule = RuleKey {
        file: "alerts.yml".to_owned(),
        group: "业务".to_owned(),
        name: "DatabaseDown".to_owned(),
        identity: "{severity=\"critical\"}#0".to_owned(),
    };
    let Alert { labels, annotations, .. } = alert(instance, None);
    SavedAlert {
        rule: Arc::new(rule),
        labels,
        annotations,
        state: AlertState::Firing,
        active_at: Timestamp(1),
        fired_at: Some(Timestamp(2)),
        resolved_at: None,
        keep_firing_since: Some(Timestamp(3)),
        value: f64::INFINITY,
    }
}

fn everything() -> Changes {
    Changes {
        alerts: vec![Change::Put(alert("a", None))],
        groups: vec![Change::Put(group())],
        silences: vec![Change::Put(silence())],
        log: vec![Change::Put(log_entry())],
        outbox: vec![Change::Put(delivery())],
    }
}

#[tokio::test]
async fn what_was_committed_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = open(&folder).await;
    let mut batch = Batch::default();
    batch.add_changes(&everything());
    batch.add_rule_alerts(&[SavedChange::Put(rule_alert("a"))]);
    commit(&mut state, &batch).await;
    drop(state);

    let loaded = open(&folder).await.load().await.unwrap();
    assert_eq!(loaded.unreadable, Vec::<String>::new());
    assert_eq!(loaded.rule_alerts, [rule_alert("a")]);
    let router = loaded.router;
    // Matchers do not compare; their rows do.
    assert_eq!(rows::write_silence(&router.silences[0]), rows::write_silence(&silence()));
    let expected = Saved {
        saved_at: Some(NOW),
        alerts: vec![alert("a", None)],
        groups: vec![group()],
        silences: vec![],
        log: vec![log_entry()],
        outbox: vec![delivery()],
    };
    assert_eq!(Saved { silences: vec![], ..router }, expected);
}

#[tokio::test]
async fn a_later_row_replaces_and_gone_removes() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = open(&folder).await;
    let mut batch = Batch::default();
    batch.add_changes(&everything());
    batch.add_rule_alerts(&[SavedChange::Put(rule_alert("a")), SavedChange::Put(rule_alert("b"))]);
    commit(&mut state, &batch).await;

    let mut batch = Batch::default();
    let later = Alert { ends_at: Some(NOW), ..alert("a", None) };
    batch.add_changes(&Changes {
        alerts: vec![Change::Put(later.clone())],
        outbox: vec![Change::Gone(delivery().id)],
        log: vec![Change::Gone(log_entry().key)],
        ..Changes::default()
    });
    batch.add_rule_alerts(&[SavedChange::Gone(rule_alert("a").key())]);
    commit(&mut state, &batch).await;

    let loaded = state.load().await.unwrap();
    assert_eq!(loaded.rule_alerts, [rule_alert("b")]);
    assert_eq!(loaded.router.alerts, [later]);
    assert_eq!((loaded.router.outbox.len(), loaded.router.log.len()), (0, 0));
    assert_eq!(loaded.router.groups, [group()]);
}

#[tokio::test]
async fn what_was_not_committed_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = open(&folder).await;
    let mut batch = Batch::default();
    batch.add_changes(&everything());
    state.begin().await.unwrap();
    state.write(&batch, NOW).await.unwrap();
    drop(state);
    assert_eq!(open(&folder).await.load().await.unwrap().router, Saved::default());
}

#[tokio::test]
async fn the_file_is_for_its_owner_and_survives_power_cuts() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = open(&folder).await;
    commit(&mut state, &Batch::default()).await;
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mode = sqlx::query_scalar::<Sqlite, String>("PRAGMA journal_mode");
    assert_eq!(mode.fetch_one(&mut state.connection).await.unwrap(), "wal");
    assert_eq!(state.number("PRAGMA synchronous").await.unwrap(), Some(2), "FULL");
}

async fn refusal(path: &Path) -> String {
    let refused = State::open(&Location { path: path.to_owned(), member: None }).await.unwrap_err();
    Failure::from(refused).to_string().replace(&path.display().to_string(), "PATH")
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");

    let mut state = open(&folder).await;
    state.run("PRAGMA user_version = 9").await.unwrap();
    state.close().await.unwrap();
    assert_eq!(
        refusal(&path).await,
        "error: `PATH` has schema 9; this version knows 5\n  install the version that wrote it, or a later one"
    );

    let other = folder.path().join("other.db");
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&other)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    sqlx::query("CREATE TABLE t (x)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(
        refusal(&other).await,
        "error: `PATH` is a database of another program\n  choose another file with `state.url`"
    );

    let noise = folder.path().join("noise.db");
    std::fs::write(&noise, vec![7; 8192]).unwrap();
    let said = refusal(&noise).await;
    assert!(said.starts_with("error: `PATH` is damaged: file is not a database\n  restore it"), "{said}");

    let nowhere = folder.path().join("missing").join("state.db");
    assert!(refusal(&nowhere).await.starts_with("error: cannot create `PATH`: No such file"));
}

#[tokio::test]
async fn a_damaged_page_is_found_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = open(&folder).await;
    let mut batch = Batch::default();
    let many: Vec<_> = (0..500).map(|i| Change::Put(alert(&i.to_string(), None))).collect();
    batch.add_changes(&Changes { alerts: many, ..Changes::default() });
    commit(&mut state, &batch).await;
    state.close().await.unwrap();

    let path = folder.path().join("state.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let said = refusal(&path).await;
    assert!(said.starts_with("error: `PATH` is damaged: "), "{said}");
    assert!(said.contains("mv PATH PATH.damaged"), "{said}");
}

#[tokio::test]
async fn one_row_that_makes_no_sense_does_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = open(&folder).await;
    let mut batch = Batch::default();
    batch.add_changes(&everything());
    commit(&mut state, &batch).await;
    state.run("UPDATE log SET row = '{\"v\":9}'").await.unwrap();
    let loaded = state.load().await.unwrap();
    assert_eq!(loaded.unreadable.len(), 1);
    assert!(
        loaded.unreadable[0].starts_with("log [\"{}:{}\",\"运维/组\",\"wecom\",2]: not a row"),
        "{:?}",
        loaded.unreadable
    );
    assert_eq!(loaded.router.outbox, [delivery()]);
}

fn finished(n: u128) -> Finished {
    Finished {
        id: DeliveryId(n),
        group_key: "{}:{}".to_owned(),
        to: to(),
        outcome: DeliveryOutcome::Sent("ok".to_owned()),
        attempts: 1,
        began_at: NOW,
        ended_at: NOW,
    }
}

#[tokio::test]
async fn the_history_keeps_the_last_deliveries() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = open(&folder).await;
    for round in 0..3 {
        let mut batch = Batch::default();
        (0..5_000).for_each(|n| batch.add_history(&finished(round * 5_000 + n), None, LOCAL));
        commit(&mut state, &batch).await;
    }
    assert_eq!(state.number("SELECT count(*) FROM history").await.unwrap(), Some(10_000));
    let last = state.history(2).await.unwrap();
    let id = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["id"].clone();
    assert_eq!(
        last.iter().map(|row| id(row)).collect::<Vec<_>>(),
        [DeliveryId(14_999).to_string(), DeliveryId(14_998).to_string()]
    );
}

/// The figure for docs: printed with `--nocapture`.
#[tokio::test]
async fn ten_thousand_rows_are_one_short_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = open(&folder).await;
    for round in 0..3 {
        let mut batch = Batch::default();
        let many: Vec<_> = (0..10_000)
            .map(|i| Change::Put(Alert { updated_at: Timestamp(round), ..alert(&i.to_string(), None) }))
            .collect();
        batch.add_changes(&Changes { alerts: many, ..Changes::default() });
        let began = Instant::now();
        commit(&mut state, &batch).await;
        eprintln!("10,000 rows committed in {} ms", began.elapsed().as_millis());
        assert!(began.elapsed().as_millis() < 2_000, "loaded machines are slow, but not that slow");
    }
    assert_eq!(state.load().await.unwrap().router.alerts.len(), 10_000);
}

fn session(user: &str, seen_at: i64) -> Session {
    Session {
        user: user.to_owned(),
        credential: [7; 32],
        created_at: Timestamp(seen_at),
        seen_at: Timestamp(seen_at),
    }
}

#[tokio::test]
async fn sessions_come_back_and_old_and_surplus_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder).await.close().await.unwrap();
    let leaving =
        |keys| Leaving { keys, created_before: Timestamp(100), seen_before: Timestamp(200), per_user_max: 2 };
    let store = SessionStore::new(location(&folder));
    store.add(&[1; 32], &session("ming", 150), &leaving(&[])).await.unwrap();
    for (key, user, seen_at) in [(2, "ming", 300), (3, "ming", 301), (4, "ming", 302), (5, "li", 300)] {
        store.add(&[key; 32], &session(user, seen_at), &leaving(&[])).await.unwrap();
    }
    store.add(&[6; 32], &session("li", 303), &leaving(&[[5; 32]])).await.unwrap();
    store.seen(&[3; 32], Timestamp(900)).await.unwrap();
    drop(store);
    let store = SessionStore::new(location(&folder));
    let mut loaded = store.load().await.unwrap();
    loaded.sort_by_key(|(key, _)| *key);
    let seen = Session { seen_at: Timestamp(900), ..session("ming", 301) };
    let expected = [([3; 32], seen), ([4; 32], session("ming", 302)), ([6; 32], session("li", 303))];
    assert_eq!(loaded, expected);
    store.remove(&[4; 32]).await.unwrap();
    assert_eq!(store.find(&[4; 32]).await.unwrap(), None);
    assert_eq!(store.find(&[6; 32]).await.unwrap(), Some(session("li", 303)));
}

#[tokio::test]
async fn a_file_of_the_first_schema_is_brought_forward_with_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = open(&folder).await;
    let mut batch = Batch::default();
    batch.add_changes(&Changes { silences: vec![Change::Put(silence())], ..Changes::default() });
    commit(&mut state, &batch).await;
    for later in [
        "DROP TABLE sessions",
        "DROP TABLE boards",
        "DROP TABLE board_versions",
        "DROP TABLE documents",
        "DROP TABLE shop_ledger",
        "DROP TABLE shop_audit",
        "DROP TABLE shop_meta",
    ] {
        state.run(later).await.unwrap();
    }
    state.run("PRAGMA user_version = 1").await.unwrap();
    state.close().await.unwrap();
    let mut state = open(&folder).await;
    assert_eq!(state.load().await.unwrap().router.silences.len(), 1);
    assert_eq!(SessionStore::new(location(&folder)).load().await.unwrap(), []);
    assert_eq!(BoardStore::open(&location(&folder)).await.unwrap().list().await.unwrap(), []);
}

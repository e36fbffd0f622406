//! The owner with its file, in one process: who waits for whom, and what is written when nothing happens.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lingshao_model::{
    Alert, Annotations, Delivery, DeliveryOutcome, GroupBy, IntegrationKind, IntegrationShape, Labels,
    ReceiverShape, Route, Routing, TimeDelta, Timestamp,
};
use tempfile::TempDir;

use super::*;
use crate::clock;
use crate::notify::Finished;
use crate::state::{Location, State};
use crate::telemetry::alertmanager::AlertmanagerTelemetry;

fn routing() -> Arc<Routing> {
    let route = Route {
        receiver: "team".to_owned(),
        group_by: GroupBy::All,
        matchers: Vec::new(),
        goes_on: false,
        mute_time_intervals: Vec::new(),
        active_time_intervals: Vec::new(),
        group_wait: TimeDelta(300),
        group_interval: TimeDelta(300),
        repeat_interval: TimeDelta::from_secs(3600),
        routes: Vec::new(),
    };
    let integrations =
        vec![IntegrationShape { kind: IntegrationKind::Webhook, index: 0, send_resolved: true }];
    let receivers = vec![ReceiverShape { name: "team".to_owned(), integrations }];
    Arc::new(Routing { root: route, receivers, inhibit_rules: Vec::new(), time_intervals: Vec::new() })
}

/// An owner, and what it handed to the senders.
struct House {
    alerts: AlertsHandle,
    running: Running,
    told: Arc<Mutex<Vec<Delivery>>>,
}

impl House {
    async fn start(folder: &Path, member: Option<&str>) -> House {
        let location = Location { path: folder.join("state.db"), member: member.map(str::to_owned) };
        let state = State::open(&location).await.unwrap();
        let figures = Arc::new(AlertmanagerTelemetry::default());
        let address = "127.0.0.1:9".to_owned();
        let (alerts, owner, _) = Owner::restore(state, routing(), address, figures).await.unwrap();
        let told: Arc<Mutex<Vec<Delivery>>> = Arc::default();
        let taken = told.clone();
        let hooks = Hooks {
            enqueue: Box::new(move |all| taken.lock().unwrap().extend(all)),
            withdraw: Box::new(drop),
        };
        House { running: owner.start(alerts.clone(), hooks), alerts, told }
    }

    fn told(&self) -> usize {
        self.told.lock().unwrap().len()
    }

    async fn wait_told(&self, count: usize) {
        let began = Instant::now();
        while self.told() < count {
            assert!(began.elapsed() < Duration::from_secs(10), "nobody is told");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn alert(name: &str) -> Alert {
    let now = clock::now();
    Alert {
        labels: Labels::from_pairs([("alertname", name)]).unwrap(),
        annotations: Annotations::default(),
        starts_at: now,
        ends_at: None,
        updated_at: now,
        generator_url: String::new(),
        timeout: false,
        value: String::new(),
    }
}

/// When something was last written.
async fn saved_at(folder: &Path) -> Option<Timestamp> {
    let location = Location { path: folder.join("state.db"), member: None };
    State::open(&location).await.unwrap().load().await.unwrap().saved_at
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_only_looks_does_not_hold_up_what_is_due() {
    let folder = folder();
    let house = House::start(folder.path(), None).await;
    let mut looking = Vec::new();
    for _ in 0..8 {
        let alerts = house.alerts.clone();
        let slow = |_: &mut _, _| std::thread::sleep(Duration::from_millis(20));
        looking.push(tokio::spawn(async move { while alerts.look(slow).await.is_ok() {} }));
    }
    house.alerts.post(vec![alert("Down")]).await.unwrap();
    let began = Instant::now();
    house.wait_told(1).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    looking.iter().for_each(|task| task.abort());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_while_nothing_changes() {
    let folder = folder();
    let house = House::start(folder.path(), None).await;
    house.alerts.post(vec![alert("Down")]).await.unwrap();
    house.wait_told(1).await;
    let told = house.told.lock().unwrap()[0].clone();
    let finished = Finished {
        id: told.id,
        group_key: told.group_key,
        to: told.to,
        outcome: DeliveryOutcome::Sent(String::new()),
        attempts: 1,
        began_at: clock::now(),
        ended_at: clock::now(),
    };
    house.alerts.finished(vec![finished]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = saved_at(folder.path()).await;
    tokio::time::sleep(Duration::from_secs(2)).await; // Its group is looked at six times.
    assert_eq!(saved_at(folder.path()).await, before);
    assert_eq!(house.told(), 1);
    house.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_starts_leaves_alone_what_another_has_to_send() {
    let folder = folder();
    let one = House::start(folder.path(), Some("one")).await;
    one.alerts.post(vec![alert("Down")]).await.unwrap();
    one.wait_told(1).await;
    let two = House::start(folder.path(), Some("two")).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let location = Location { path: folder.path().join("state.db"), member: Some("three".to_owned()) };
    let loaded = State::open(&location).await.unwrap().load().await.unwrap();
    assert_eq!(loaded.router.outbox.len(), 1);
    assert_eq!((one.told(), two.told()), (1, 0));
}

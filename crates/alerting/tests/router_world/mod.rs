//! A router, a receiver that takes everything at once while it is up, a database, and the words to tell stories about
//! them. Times are seconds; alerts are `name=value` pairs, with a `✓` in front when they have ended.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use lingshao_alerting::router::{
    Change, Changes, GroupKey, GroupRow, LogEntry, LogKey, NewSilence, Router, Saved, Silence, SilenceError,
    SilenceId,
};
use lingshao_model::{
    Alert, Annotations, Delivery, DeliveryId, DeliveryOutcome, Fingerprint, GroupBy, InhibitRule,
    IntegrationKind, IntegrationShape, Labels, Matcher, ReceiverShape, Route, Routing, TimeDelta,
    TimeInterval, TimeSpan, Timestamp,
};

pub fn at(seconds: f64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

pub fn labels(text: &str) -> Labels {
    Labels::from_pairs(text.split(' ').filter_map(|pair| pair.split_once('='))).unwrap()
}

pub fn alert(text: &str, starts: f64, ends: Option<f64>) -> Alert {
    Alert {
        labels: labels(text),
        annotations: Annotations::default(),
        starts_at: at(starts),
        ends_at: ends.map(at),
        updated_at: at(starts),
        generator_url: String::new(),
        timeout: false,
        value: String::new(),
    }
}

/// `wait 1 interval 5 repeat 100 by alertname,job to web`, all of it optional.
pub fn root(words: &str) -> Route {
    let mut route = Route {
        receiver: "web".to_owned(),
        group_by: GroupBy::Labels(Vec::new()),
        matchers: Vec::new(),
        goes_on: false,
        mute_time_intervals: Vec::new(),
        active_time_intervals: Vec::new(),
        group_wait: TimeDelta::ZERO,
        group_interval: TimeDelta::from_secs(1),
        repeat_interval: TimeDelta::from_secs(600),
        routes: Vec::new(),
    };
    let words: Vec<&str> = words.split(' ').collect();
    for pair in words.chunks(2) {
        let seconds = || TimeDelta::from_seconds(pair[1].parse().unwrap()).unwrap();
        match pair[0] {
            "wait" => route.group_wait = seconds(),
            "interval" => route.group_interval = seconds(),
            "repeat" => route.repeat_interval = seconds(),
            "by" if pair[1] == "..." => route.group_by = GroupBy::All,
            "by" => route.group_by = GroupBy::Labels(pair[1].split(',').map(str::to_owned).collect()),
            "to" => route.receiver = pair[1].to_owned(),
            other => panic!("no such word: {other}"),
        }
    }
    route
}

pub fn route(words: &str, matchers: &[(&str, &str)]) -> Route {
    Route { matchers: equal(matchers), ..root(words) }
}

pub fn equal(pairs: &[(&str, &str)]) -> Vec<Matcher> {
    pairs.iter().map(|(name, value)| Matcher::equal(name, value)).collect()
}

/// `quiet` is not told of ends; `both` has two integrations.
pub fn routing(root: Route) -> Routing {
    let receiver = |name: &str| {
        let one =
            IntegrationShape { kind: IntegrationKind::Webhook, index: 0, send_resolved: name != "quiet" };
        let two = IntegrationShape { index: 1, ..one };
        let integrations = if name == "both" { vec![one, two] } else { vec![one] };
        ReceiverShape { name: name.to_owned(), integrations }
    };
    Routing {
        root,
        receivers: ["web", "mail", "sms", "phone", "quiet", "both"].into_iter().map(receiver).collect(),
        inhibit_rules: Vec::new(),
        time_intervals: Vec::new(),
    }
}

/// The tables as the caller of the router keeps them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    pub alerts: BTreeMap<Fingerprint, Alert>,
    pub groups: BTreeMap<GroupKey, GroupRow>,
    pub silences: BTreeMap<SilenceId, Silence>,
    pub log: BTreeMap<LogKey, LogEntry>,
    pub outbox: BTreeMap<DeliveryId, Delivery>,
}

fn write<K: Ord, V>(table: &mut BTreeMap<K, V>, changes: Vec<Change<K, V>>, key: impl Fn(&V) -> K) {
    for change in changes {
        match change {
            Change::Put(row) => drop(table.insert(key(&row), row)),
            Change::Gone(key) => drop(table.remove(&key)),
        }
    }
}

impl Store {
    pub fn write(&mut self, changes: Changes) {
        write(&mut self.alerts, changes.alerts, Alert::fingerprint);
        write(&mut self.groups, changes.groups, |row| row.key.clone());
        write(&mut self.silences, changes.silences, |row| row.id.clone());
        write(&mut self.log, changes.log, |row| row.key.clone());
        write(&mut self.outbox, changes.outbox, |row| row.id);
        let mut keys: Vec<_> = self.outbox.values().map(|row| (&row.group_key, &row.to)).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), self.outbox.len(), "one row for each group and integration");
    }

    pub fn read(&self, saved_at: Timestamp) -> Saved {
        Saved {
            saved_at: Some(saved_at),
            alerts: self.alerts.values().cloned().collect(),
            groups: self.groups.values().cloned().collect(),
            silences: self.silences.values().cloned().collect(),
            log: self.log.values().cloned().collect(),
            outbox: self.outbox.values().cloned().collect(),
        }
    }
}

/// What a message says, in one line.
pub fn tell(delivery: &Delivery) -> String {
    let to = &delivery.to;
    let index = if to.index == 0 { String::new() } else { format!("[{}]", to.index) };
    let alerts: Vec<String> = delivery
        .alerts
        .iter()
        .map(|alert| {
            let mark = if alert.is_resolved(delivery.decided_at) { "✓" } else { "" };
            let pairs: Vec<String> =
                alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{mark}{}", pairs.join(" "))
        })
        .collect();
    let reason = format!("{:?}", delivery.reason).to_lowercase();
    format!("{}{index} {reason} {}", to.receiver, alerts.join(" | "))
}

pub struct World {
    pub routing: Routing,
    pub router: Router,
    pub store: Store,
    /// Whether receivers take what is sent.
    pub up: bool,
    arrived: Vec<Delivery>,
    silences: usize,
}

impl World {
    pub fn new(root: Route) -> World {
        let routing = routing(root);
        let router = Router::new(Arc::new(routing.clone()));
        World { routing, router, store: Store::default(), up: true, arrived: Vec::new(), silences: 0 }
    }

    fn renew(&mut self) {
        self.router = Router::new(Arc::new(self.routing.clone()));
    }

    /// Only before anything happens.
    pub fn inhibit(&mut self, source: &[(&str, &str)], target: &[(&str, &str)], equal_labels: &[&str]) {
        let equal_labels = equal_labels.iter().map(|name| (*name).to_owned()).collect();
        let rule = InhibitRule { source: equal(source), target: equal(target), equal: equal_labels };
        self.routing.inhibit_rules.push(rule);
        self.renew();
    }

    /// Only before anything happens. Minutes of the day.
    pub fn hours(&mut self, name: &str, first: u16, end: u16, location: Option<&str>) {
        let location = location.map(str::to_owned);
        let span = TimeSpan { times: vec![(first, end)], location, ..TimeSpan::default() };
        self.routing.time_intervals.push(TimeInterval { name: name.to_owned(), spans: vec![span] });
        self.renew();
    }

    fn save(&mut self) {
        let changes = self.router.take_changes();
        self.store.write(changes);
    }

    /// Lets time pass up to an instant, everything that is due in it included.
    pub fn advance(&mut self, to: Timestamp) {
        while let Some(next) = self.router.next_due().filter(|next| *next <= to) {
            let told = self.router.due(next);
            self.save();
            for delivery in &told {
                assert!(!delivery.alerts.is_empty(), "a message says something");
                if self.up {
                    self.router.finished(delivery.id, &DeliveryOutcome::Sent(String::new()), next);
                }
            }
            self.save();
            self.arrived.extend(told);
        }
    }

    pub fn run(&mut self, seconds: f64) -> Vec<Delivery> {
        self.advance(at(seconds));
        std::mem::take(&mut self.arrived)
    }

    /// Up to this instant, and since the last such question, exactly this is told.
    #[track_caller]
    pub fn expect(&mut self, seconds: f64, messages: &[&str]) {
        let told: Vec<String> = self.run(seconds).iter().map(tell).collect();
        assert_eq!(told, messages, "until {seconds}");
    }

    /// Comes before what is due at this instant.
    pub fn post(&mut self, seconds: f64, alert: Alert) {
        self.advance(at(seconds) - TimeDelta(1));
        let refused = self.router.put(vec![alert], at(seconds));
        assert_eq!(refused, []);
        self.save();
    }

    pub fn fire(&mut self, seconds: f64, text: &str) {
        self.fire_since(seconds, seconds, text);
    }

    pub fn fire_since(&mut self, seconds: f64, since: f64, text: &str) {
        let said = Alert { updated_at: at(seconds), ..alert(text, since, None) };
        self.post(seconds, said);
    }

    pub fn end(&mut self, seconds: f64, text: &str) {
        let known = self.store.alerts.get(&Fingerprint::of(&labels(text)));
        let starts_at = known.map_or(at(seconds), |known| known.starts_at);
        let said = Alert { starts_at, updated_at: at(seconds), ..alert(text, seconds, Some(seconds)) };
        self.post(seconds, said);
    }

    pub fn silence(
        &mut self,
        seconds: f64,
        text: &str,
        starts: f64,
        ends: f64,
    ) -> Result<SilenceId, SilenceError> {
        self.advance(at(seconds));
        self.silences += 1;
        let new = NewSilence {
            id: None,
            matchers: labels(text).iter().map(|(name, value)| Matcher::equal(name, value)).collect(),
            starts_at: at(starts),
            ends_at: at(ends),
            created_by: "test".to_owned(),
            comment: String::new(),
        };
        let set = self.router.set_silence(new, SilenceId(format!("{}", self.silences)), at(seconds));
        self.save();
        set
    }

    pub fn sent(&mut self, seconds: f64, id: DeliveryId) {
        self.advance(at(seconds));
        self.router.finished(id, &DeliveryOutcome::Sent(String::new()), at(seconds));
        self.save();
    }

    pub fn fail_all(&mut self, seconds: f64) {
        self.advance(at(seconds));
        for row in self.router.waiting() {
            self.router.finished(row.id, &DeliveryOutcome::Failed("no".to_owned()), at(seconds));
        }
        self.save();
    }

    /// Receivers are up again, and take what waits.
    pub fn come_back(&mut self, seconds: f64) {
        self.advance(at(seconds));
        self.up = true;
        for row in self.router.waiting() {
            self.sent(seconds, row.id);
        }
    }

    pub fn restart(&mut self, seconds: f64) {
        self.restart_after(seconds, seconds);
    }

    /// Ends at one instant, starts again at another; everything that was saved comes back as it was.
    pub fn restart_after(&mut self, seconds: f64, start: f64) {
        self.advance(at(seconds));
        self.renew();
        self.router.restore(self.store.read(at(seconds)), at(start));
        if start == seconds {
            let changes = self.router.take_changes();
            assert!(changes.is_empty(), "a restart changes nothing: {changes:?}");
        }
    }

    pub fn reload(&mut self, seconds: f64, root: Route) {
        self.advance(at(seconds));
        self.routing.root = root;
        self.router.reload(Arc::new(self.routing.clone()), at(seconds));
        self.save();
    }
}

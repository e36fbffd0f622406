#![allow(clippy::unwrap_used, clippy::needless_range_loop)]
//! Any interleaving of alerts, silences, receivers that fail, kills, reloads and clocks that jump, against a model of what
//! receivers have heard. Whatever happens: once all is quiet, the last word that a receiver heard of an alert is the truth;
//! nothing is said of what is silenced or inhibited; nothing is said twice without a reason.

mod router_world;

use std::collections::BTreeMap;
use std::sync::Arc;

use lingshao_alerting::router::{NewSilence, Router, SilenceId};
use lingshao_model::{
    Alert, Delivery, DeliveryId, DeliveryOutcome, DeliveryReason, Fingerprint, InhibitRule, MatchOp, Matcher,
    Routing, TimeDelta, Timestamp,
};
use proptest::prelude::*;
use router_world::{Store, alert, equal, root, route, routing};

const ALERTS: [&str; 6] = [
    "alertname=down i=0 zone=a",
    "alertname=slow i=1 severity=warning zone=a",
    "alertname=slow i=2 severity=warning zone=a",
    "alertname=slow i=3 zone=a",
    "alertname=full i=4",
    "alertname=full i=5",
];

const REPEAT: TimeDelta = TimeDelta::from_secs(60);

#[derive(Clone, Debug)]
enum Step {
    /// Until somebody says otherwise.
    Fire(usize),
    /// With a timeout.
    Post(usize, i64),
    End(usize),
    Pass(i64),
    Silence(usize, i64),
    Unsilence,
    /// Of receiver 0 or 1: the sender takes a message up, the receiver hears it if it is up.
    Send(usize),
    /// The result of what was taken up is told to the router.
    Report(usize),
    /// The sender gives up.
    GiveUp(usize),
    Up(bool),
    Kill(i64),
    /// Like `Kill`, in the middle of a round whose transaction is lost.
    KillInRound,
    Reload(bool),
    JumpBack(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..ALERTS.len();
    prop_oneof![
        6 => which.clone().prop_map(Step::Fire),
        2 => (which.clone(), 1..90i64).prop_map(|(i, seconds)| Step::Post(i, seconds)),
        6 => which.clone().prop_map(Step::End),
        8 => (1..25_000i64).prop_map(Step::Pass),
        1 => (60_000..300_000i64).prop_map(Step::Pass),
        2 => (which, 1..120i64).prop_map(|(i, seconds)| Step::Silence(i, seconds)),
        1 => Just(Step::Unsilence),
        8 => (0..2usize).prop_map(Step::Send),
        8 => (0..2usize).prop_map(Step::Report),
        1 => (0..2usize).prop_map(Step::GiveUp),
        2 => any::<bool>().prop_map(Step::Up),
        2 => (0..100_000i64).prop_map(Step::Kill),
        1 => Just(Step::KillInRound),
        1 => any::<bool>().prop_map(Step::Reload),
        1 => (1..4_000_000i64).prop_map(Step::JumpBack),
    ]
}

/// What a receiver heard about a group.
#[derive(Clone, Debug)]
struct Heard {
    id: DeliveryId,
    firing: Vec<Fingerprint>,
    resolved: Vec<Fingerprint>,
    /// When the router was told that it arrived.
    reported_at: Option<Timestamp>,
    /// Whether the router replaced or withdrew a row since.
    disturbed: bool,
}

/// A sender, its receiver, and what the receiver believes.
#[derive(Debug, Default)]
struct Receiver {
    queue: Vec<Delivery>,
    /// Taken up, and whether it was heard.
    in_flight: Option<(Delivery, bool)>,
    fires: BTreeMap<Fingerprint, bool>,
    heard: BTreeMap<String, Heard>,
}

struct Model {
    routing: Routing,
    router: Router,
    store: Store,
    now: Timestamp,
    up: bool,
    receivers: [Receiver; 2],
    /// Since when and until when each fires.
    fires: [Option<(Timestamp, Option<Timestamp>)>; ALERTS.len()],
    /// When each last began to fire.
    began: [Timestamp; ALERTS.len()],
    silences: Vec<(SilenceId, usize, Timestamp)>,
    silences_made: usize,
}

const NAMES: [&str; 2] = ["web", "quiet"];

fn plan(long_wait: bool) -> Routing {
    let words = if long_wait { "wait 7 interval 10 repeat 60" } else { "wait 0 interval 5 repeat 60" };
    let mut plan = root(words);
    let mut quiet = route(&format!("{words} by alertname to quiet"), &[]);
    quiet.matchers = vec![Matcher::new(MatchOp::Regex, "i", ".+").unwrap()];
    quiet.goes_on = true;
    let mut web = route(&format!("{words} by alertname to web"), &[]);
    web.matchers = quiet.matchers.clone();
    plan.routes = vec![quiet, web];
    let mut routing = routing(plan);
    routing.inhibit_rules = vec![InhibitRule {
        source: equal(&[("alertname", "down")]),
        target: equal(&[("severity", "warning")]),
        equal: vec!["zone".to_owned()],
    }];
    routing
}

fn print(i: usize) -> Fingerprint {
    alert(ALERTS[i], 0.0, None).fingerprint()
}

impl Model {
    fn new() -> Model {
        let routing = plan(false);
        Model {
            router: Router::new(Arc::new(routing.clone())),
            routing,
            store: Store::default(),
            now: Timestamp(10_000_000),
            up: true,
            receivers: Default::default(),
            fires: [None; ALERTS.len()],
            began: [Timestamp::MIN; ALERTS.len()],
            silences: Vec::new(),
            silences_made: 0,
        }
    }

    fn is_firing(&self, i: usize, at: Timestamp) -> bool {
        self.fires[i].is_some_and(|(_, ends_at)| ends_at.is_none_or(|ends_at| at < ends_at))
    }

    fn is_muted(&self, i: usize, at: Timestamp) -> bool {
        let silenced = self.silences.iter().any(|(_, own, ends_at)| *own == i && at < *ends_at);
        silenced || ((i == 1 || i == 2) && self.is_firing(0, at))
    }

    fn save(&mut self) {
        let changes = self.router.take_changes();
        self.store.write(changes);
    }

    fn put(&mut self, i: usize, ends_at: Option<Timestamp>, timeout: bool) {
        let said = Alert {
            starts_at: self.now,
            ends_at,
            updated_at: self.now,
            timeout,
            value: String::new(),
            ..alert(ALERTS[i], 0.0, None)
        };
        self.began[i] = self.fires[i].map_or(self.began[i], |(since, _)| since);
        assert_eq!(self.router.put(vec![said], self.now), []);
        self.save();
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Fire(i) => {
                let since = self.fires[i]
                    .filter(|_| self.is_firing(i, self.now))
                    .map_or(self.now, |(since, _)| since);
                self.fires[i] = Some((since, None));
                self.put(i, None, false);
            }
            Step::Post(i, seconds) => {
                let ends_at = self.now + TimeDelta::from_secs(seconds);
                match self.fires[i].filter(|_| self.is_firing(i, self.now)) {
                    Some((_, None)) => {} // Who said that it fires until further notice is believed.
                    Some((since, Some(_))) => self.fires[i] = Some((since, Some(ends_at))),
                    None => self.fires[i] = Some((self.now, Some(ends_at))),
                }
                self.put(i, Some(ends_at), true);
            }
            Step::End(i) => {
                self.fires[i] = None;
                self.put(i, Some(self.now), false);
            }
            Step::Pass(millis) => self.pass(TimeDelta(millis)),
            Step::Silence(i, seconds) => self.silence(i, TimeDelta::from_secs(seconds)),
            Step::Unsilence => {
                if let Some((id, _, _)) = self.silences.pop() {
                    self.router.expire_silence(&id, self.now).unwrap();
                    self.save();
                }
            }
            Step::Send(to) => self.send(to),
            Step::Report(to) => self.report(to),
            Step::GiveUp(to) => {
                if let Some((delivery, _)) = self.receivers[to].in_flight.take_if(|(_, heard)| !*heard) {
                    // Of an end that was given up, the receiver may never hear.
                    delivery.resolved().for_each(|ended| {
                        self.receivers[to].fires.retain(|print, _| *print != ended.fingerprint());
                    });
                    self.router.finished(delivery.id, &DeliveryOutcome::Failed(String::new()), self.now);
                    self.save();
                }
            }
            Step::Up(up) => self.up = up,
            Step::Kill(millis) => self.kill(TimeDelta(millis)),
            Step::KillInRound => {
                drop(self.router.due(self.now));
                self.kill(TimeDelta::ZERO);
            }
            Step::Reload(long_wait) => {
                self.routing = plan(long_wait);
                self.router.reload(Arc::new(self.routing.clone()), self.now);
                self.save();
                self.withdraw();
            }
            Step::JumpBack(millis) => self.jump(TimeDelta(-millis)),
        }
    }

    fn pass(&mut self, span: TimeDelta) {
        let until = self.now + span;
        while let Some(next) = self.router.next_due().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.round();
        }
        self.now = until;
    }

    fn round(&mut self) {
        let before = self.store.outbox.clone();
        let told = self.router.due(self.now);
        self.save();
        for id in before.keys().filter(|id| !self.store.outbox.contains_key(id)) {
            let row = &before[id];
            if let Some(heard) = self.receivers[number(row)].heard.get_mut(&row.group_key) {
                heard.disturbed = true;
            }
        }
        for delivery in told {
            self.judge(&delivery);
            self.enqueue(delivery);
        }
        self.withdraw();
    }

    /// The laws about what is decided.
    fn judge(&self, delivery: &Delivery) {
        assert_eq!(delivery.decided_at, self.now);
        assert!(self.store.outbox.contains_key(&delivery.id), "what is told was saved before");
        for told in &delivery.alerts {
            let i = (0..ALERTS.len()).find(|i| print(*i) == told.fingerprint()).unwrap();
            assert!(!self.is_muted(i, self.now), "{} is muted", ALERTS[i]);
            assert_eq!(
                !told.is_resolved(self.now),
                self.is_firing(i, self.now),
                "{} is told as it is",
                ALERTS[i]
            );
            assert!(told.is_resolved(self.now) || told.ends_at.is_none(), "what fires has no end");
            assert!(number(delivery) == 0 || !told.is_resolved(self.now), "quiet hears of no end");
        }
    }

    fn enqueue(&mut self, delivery: Delivery) {
        let queue = &mut self.receivers[number(&delivery)].queue;
        queue.retain(|own| own.group_key != delivery.group_key);
        queue.push(delivery);
    }

    fn withdraw(&mut self) {
        for id in self.router.take_withdrawn() {
            self.receivers.iter_mut().for_each(|receiver| receiver.queue.retain(|own| own.id != id));
        }
    }

    fn send(&mut self, to: usize) {
        if self.receivers[to].in_flight.is_some() || self.receivers[to].queue.is_empty() {
            return;
        }
        let delivery = self.receivers[to].queue.remove(0);
        if self.up {
            self.hear(to, &delivery);
        }
        self.receivers[to].in_flight = Some((delivery, self.up));
    }

    /// The laws about what is heard.
    fn hear(&mut self, to: usize, delivery: &Delivery) {
        let firing: Vec<Fingerprint> = delivery.firing().map(Alert::fingerprint).collect();
        let resolved: Vec<Fingerprint> = delivery.resolved().map(Alert::fingerprint).collect();
        let began = &self.began;
        let receiver = &mut self.receivers[to];
        if let Some(last) = receiver.heard.get(&delivery.group_key) {
            let nothing_new = firing.iter().all(|print| last.firing.contains(print))
                && resolved.iter().all(|print| last.resolved.contains(print));
            let reported_at = last.reported_at.filter(|at| *at <= delivery.decided_at);
            let began =
                |at: Timestamp| (0..ALERTS.len()).any(|i| firing.contains(&print(i)) && began[i] >= at);
            if let Some(at) = reported_at
                && nothing_new
                && last.id != delivery.id
                && !last.disturbed
                && !(to == 1 && began(at))
            {
                assert_eq!(delivery.reason, DeliveryReason::Repeat, "said twice: {last:?} {delivery:?}");
                assert!(delivery.decided_at - at > REPEAT, "repeated too soon");
            }
        }
        receiver.fires.extend(firing.iter().map(|print| (*print, true)));
        receiver.fires.extend(resolved.iter().map(|print| (*print, false)));
        let heard = Heard { id: delivery.id, firing, resolved, reported_at: None, disturbed: false };
        receiver.heard.insert(delivery.group_key.clone(), heard);
    }

    fn report(&mut self, to: usize) {
        let Some((delivery, was_heard)) = self.receivers[to].in_flight.take() else { return };
        if was_heard {
            self.router.finished(delivery.id, &DeliveryOutcome::Sent(String::new()), self.now);
            self.save();
            if let Some(heard) = self.receivers[to].heard.get_mut(&delivery.group_key) {
                heard.reported_at = Some(self.now);
            }
        } else if self.store.outbox.contains_key(&delivery.id) {
            self.receivers[to].queue.push(delivery); // To be tried again.
        }
    }

    fn kill(&mut self, downtime: TimeDelta) {
        let saved_at = self.now;
        for i in 0..ALERTS.len() {
            if self.is_firing(i, saved_at) {
                self.fires[i] =
                    self.fires[i].map(|(since, ends_at)| (since, ends_at.map(|at| at + downtime)));
            }
        }
        self.now = self.now + downtime;
        for receiver in &mut self.receivers {
            receiver.queue.clear();
            receiver.in_flight = None;
            receiver.heard.values_mut().filter(|heard| heard.reported_at.is_none()).for_each(|heard| {
                heard.disturbed = true;
            });
        }
        self.router = Router::new(Arc::new(self.routing.clone()));
        self.router.restore(self.store.read(saved_at), self.now);
        self.save();
        self.round();
        self.router.waiting().into_iter().for_each(|row| self.enqueue(row));
    }

    fn silence(&mut self, i: usize, span: TimeDelta) {
        self.silences_made += 1;
        let id = SilenceId(self.silences_made.to_string());
        let name = format!("{i}");
        let ends_at = self.now + span;
        let new = NewSilence {
            id: None,
            matchers: equal(&[("i", &name)]),
            starts_at: self.now,
            ends_at,
            created_by: String::new(),
            comment: String::new(),
        };
        self.router.set_silence(new, id.clone(), self.now).unwrap();
        self.save();
        self.silences.push((id, i, ends_at));
    }

    fn jump(&mut self, by: TimeDelta) {
        self.router.due(self.now).into_iter().for_each(|delivery| self.enqueue(delivery));
        self.router.clock_moved(by);
        self.save();
        self.withdraw();
        self.now = self.now + by;
        for alert in self.fires.iter_mut().flatten() {
            *alert = (alert.0 + by, alert.1.map(|at| at + by));
        }
        self.began.iter_mut().for_each(|at| *at = *at + by);
        self.silences.iter_mut().for_each(|(_, _, ends_at)| *ends_at = *ends_at + by);
        for heard in self.receivers.iter_mut().flat_map(|receiver| receiver.heard.values_mut()) {
            heard.reported_at = heard.reported_at.map(|at| at + by);
            heard.disturbed = true; // Rows were decided by another clock.
        }
    }

    /// Everything works, and time passes.
    fn calm_down(&mut self, rounds: usize) {
        self.up = true;
        for _ in 0..rounds {
            self.pass(TimeDelta::from_secs(5));
            for to in [0, 1] {
                while self.receivers[to].in_flight.is_some() || !self.receivers[to].queue.is_empty() {
                    self.report(to);
                    self.send(to);
                }
                self.report(to);
            }
        }
    }

    fn check_beliefs(&self) {
        for i in 0..ALERTS.len() {
            let firing = self.is_firing(i, self.now);
            let believes = |to: usize| self.receivers[to].fires.get(&print(i)).copied();
            assert_eq!(believes(0).unwrap_or(false), firing, "{} believes of {}", NAMES[0], ALERTS[i]);
            assert!(!firing || believes(1) == Some(true), "{} was not told of {}", NAMES[1], ALERTS[i]);
        }
    }
}

fn number(delivery: &Delivery) -> usize {
    NAMES.iter().position(|name| *name == delivery.to.receiver).unwrap()
}

fn run(steps: Vec<Step>) {
    let mut model = Model::new();
    steps.into_iter().for_each(|step| model.take(&step));
    // The source ends, silences end: nothing is muted any more.
    model.take(&Step::End(0));
    while !model.silences.is_empty() {
        model.take(&Step::Unsilence);
    }
    model.calm_down(30);
    model.check_beliefs();
    for i in 0..ALERTS.len() {
        model.take(&Step::End(i));
    }
    model.calm_down(30);
    model.check_beliefs();
    model.pass(TimeDelta::from_secs(3600));
    let store = &model.store;
    assert_eq!(
        (store.alerts.len(), store.groups.len(), store.outbox.len()),
        (0, 0, 0),
        "nothing is left behind"
    );
    assert_eq!(store.log.len(), 0, "{:?}", store.log);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn receivers_know_the_truth_in_the_end(steps in prop::collection::vec(step(), 1..80)) {
        run(steps);
    }
}

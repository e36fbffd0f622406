//! `kill -9` at every step around the outbox and at random. A model that knows what was turned bad and good computes
//! what each receiver may have been told: no transition is lost, no message comes twice but for one repeat per receiver
//! and kill, and nothing comes out of order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lingshao_demo::fakes::FakeWebhook;
use serde_json::{Value, json};

use crate::harness::Server;
use crate::support::{Home, PATIENCE, Shop, alert, job, shop, show, try_post};

/// Points at which the process ends itself (`lingshao::alertmanager::failpoint`).
const POINTS: [&str; 9] = [
    "before-commit",
    "in-commit",
    "after-commit",
    "after-enqueue",
    "before-send",
    "after-send",
    "before-result-commit",
    "after-result-commit",
    "before-post-answer",
];
/// Things that can be wrong; half are scraped, half are posted as another Prometheus would.
const ITEMS: usize = 6;
const RULES: &str =
    "groups:\n- name: shop\n  rules:\n  - {alert: Bad, expr: bad == 1, labels: {from: rule}}\n";

/// How and when a process dies.
enum Death {
    At(String),
    After(Duration),
}

struct World {
    home: Home,
    shop: Shop,
    receivers: [FakeWebhook; 2],
    server: Server,
    death: Death,
    started: Instant,
    deaths: Box<dyn Iterator<Item = Death>>,
    bad: [bool; ITEMS],
    /// What was last posted about an item.
    posts: [Value; ITEMS],
    /// How often each item was turned.
    turns: [usize; ITEMS],
    kills: usize,
}

/// What one receiver was told, in order of arrival.
#[derive(Debug)]
struct Told {
    item: String,
    status: String,
    starts_at: String,
    delivery: String,
}

impl World {
    fn new(deaths: impl Iterator<Item = Death> + 'static) -> World {
        let receivers = [FakeWebhook::start().unwrap(), FakeWebhook::start().unwrap()];
        let shop = shop("");
        let urls: String = receivers.iter().map(|one| format!("    - {{url: '{}'}}\n", one.url())).collect();
        let extra = format!(
            "rule_files: [rules.yml]\n{}alerting:\n  route: {{receiver: hooks, group_by: [item], group_wait: 0s, \
             group_interval: 200ms}}\n  receivers:\n  - name: hooks\n    webhook_configs:\n{urls}",
            job("shop", &shop)
        );
        // Short intervals: many lives in little time.
        let mut home = Home::with_interval("200ms", &extra);
        home.write("rules.yml", RULES);
        let mut deaths: Box<dyn Iterator<Item = Death>> = Box::new(deaths);
        let mut death = deaths.next().unwrap();
        let (server, kills) = start(&mut home, &mut death);
        let (bad, turns, started) = ([false; ITEMS], [0; ITEMS], Instant::now());
        let posts = [const { Value::Null }; ITEMS];
        let world = World { home, shop, receivers, server, death, started, deaths, bad, posts, turns, kills };
        world.show();
        world
    }

    fn show(&self) {
        let line = |item: usize| format!("bad{{item=\"{item}\"}} {}\n", u8::from(self.bad[item]));
        let page: String = (0..ITEMS).step_by(2).map(line).collect();
        show(&self.shop, Some(&page));
    }

    /// Turns an item from good to bad or back, and waits until both receivers know.
    fn turn(&mut self, item: usize) {
        self.bad[item] = !self.bad[item];
        self.turns[item] += 1;
        self.show();
        self.posts[item] = self.post_of(item);
        let mut posted = item.is_multiple_of(2);
        let deadline = Instant::now() + PATIENCE;
        let status = if self.bad[item] { "firing" } else { "resolved" };
        loop {
            if !posted {
                let answer = try_post(&self.server, std::slice::from_ref(&self.posts[item]));
                posted = answer.is_ok_and(|(status, _)| status == 200);
            }
            self.die_when_due();
            if posted && self.receivers.iter().all(|one| self.knows(one, item, status)) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "lost: item {item} is {status} after {} kills; told were {:#?}\n{}",
                self.kills,
                self.receivers.iter().map(told).collect::<Vec<_>>(),
                self.server.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// As Prometheus posts it: with its beginning, and with an end that is far away or now.
    fn post_of(&self, item: usize) -> Value {
        let (name, now) = (item.to_string(), jiff::Timestamp::now());
        let mut alert = alert(&[("alertname", "Posted"), ("item", name.as_str())]);
        if self.bad[item] {
            alert["startsAt"] = json!(now.to_string());
            alert["endsAt"] = json!((now + jiff::SignedDuration::from_hours(1)).to_string());
        } else {
            alert["startsAt"] = self.posts[item]["startsAt"].clone();
            alert["endsAt"] = json!(now.to_string());
        }
        alert
    }

    /// Whether a receiver was told the last state of an item, after all states before.
    fn knows(&self, receiver: &FakeWebhook, item: usize, status: &str) -> bool {
        let name = item.to_string();
        let told: Vec<Told> = told(receiver).into_iter().filter(|one| one.item == name).collect();
        let mut turns: Vec<(&str, &str)> =
            told.iter().map(|one| (one.starts_at.as_str(), one.status.as_str())).collect();
        turns.dedup();
        turns.len() == self.turns[item] && turns.last().is_some_and(|last| last.1 == status)
    }

    /// Kills if it is time, and starts again if it is dead.
    fn die_when_due(&mut self) {
        if let Death::After(span) = self.death
            && span < self.started.elapsed()
        {
            self.server.signal("-KILL");
            while !self.server.has_ended() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if self.server.has_ended() {
            self.kills += 1;
            self.death = self.deaths.next().unwrap_or(Death::After(Duration::MAX));
            let (server, kills) = start(&mut self.home, &mut self.death);
            self.server = server;
            self.kills += kills;
            self.started = Instant::now();
        }
    }

    /// The law.
    fn judge(&self) {
        for receiver in &self.receivers {
            let told = told(receiver);
            let mut ids: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
            for one in &told {
                let ids = ids.entry((&one.item, &one.starts_at, &one.status)).or_default();
                ids.push(&one.delivery);
            }
            let turns: usize = self.turns.iter().sum();
            assert_eq!(ids.len(), turns, "{ids:#?}");
            let repeats = told.len() - turns;
            println!("{turns} turns, {} kills, {repeats} repeats", self.kills);
            assert!(repeats <= self.kills, "{repeats} repeats after {} kills: {ids:#?}", self.kills);
            for (turn, mut ids) in ids {
                ids.dedup();
                assert_eq!(ids.len(), 1, "a repeat is known by its id: {turn:?} {ids:?}");
            }
        }
    }
}

/// The binary, and how often it died before it listened: a point may be passed before that. The life after it is ended
/// from outside.
fn start(home: &mut Home, death: &mut Death) -> (Server, usize) {
    match &*death {
        Death::At(point) => home.set("LINGSHAO_KILL_AT", point),
        Death::After(_) => home.unset("LINGSHAO_KILL_AT"),
    }
    match home.try_start() {
        Ok(server) => (server, 0),
        Err(_) => {
            home.unset("LINGSHAO_KILL_AT");
            *death = Death::After(Duration::from_millis(700));
            (home.start(), 1)
        }
    }
}

fn told(receiver: &FakeWebhook) -> Vec<Told> {
    let taken = receiver.taken().into_iter();
    taken
        .map(|one| {
            let body = one.request.json().unwrap();
            let alerts = body["alerts"].as_array().unwrap();
            assert_eq!(alerts.len(), 1, "each item is a group of its own: {body}");
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            Told {
                item: text(&alerts[0]["labels"]["item"]),
                status: text(&alerts[0]["status"]),
                starts_at: text(&alerts[0]["startsAt"]),
                delivery: one.request.header("x-lingshao-delivery").unwrap().to_owned(),
            }
        })
        .collect()
}

/// Turns items one after the other until so many kills have happened.
fn endure(kills: usize, deaths: impl Iterator<Item = Death> + 'static) {
    let mut world = World::new(deaths);
    let mut item = 0;
    while world.kills < kills || world.bad.contains(&true) {
        world.turn(item % ITEMS);
        item += 1;
    }
    // What is still on its way, if anything is: repeats of the last life.
    std::thread::sleep(Duration::from_secs(3));
    world.judge();
}

/// How many kills of one kind: a hundred all in all, unless `LINGSHAO_KILLS` says otherwise.
fn share_of_kills(percent: usize) -> usize {
    let all = std::env::var("LINGSHAO_KILLS").map_or(100, |text| text.parse().unwrap());
    (all * percent).div_ceil(100)
}

/// Each point, passed for the first, second and third time, again and again.
fn points() -> impl Iterator<Item = Death> {
    let passes = (1..=3).flat_map(|nth| POINTS.map(|point| format!("{point}:{nth}")));
    passes.collect::<Vec<_>>().into_iter().cycle().map(Death::At)
}

/// Spread over the first seconds of a life by an odd stride, the same in every run.
fn random(seed: u64) -> impl Iterator<Item = Death> {
    (0..).map(move |at: u64| {
        let mixed = (at + 1 + seed * 1_000).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        Death::After(Duration::from_millis(50 + mixed % 4_000))
    })
}

#[test]
fn at_every_point_nothing_is_lost_and_at_most_one_message_repeated() {
    endure(share_of_kills(27), points());
}

/// In a world of its own, as lives mostly wait: the same once more.
#[test]
fn at_every_point_a_second_time_too() {
    endure(share_of_kills(27), points());
}

#[test]
fn at_random_nothing_is_lost_and_at_most_one_message_repeated() {
    endure(share_of_kills(23), random(1));
}

#[test]
fn at_other_random_times_too() {
    endure(share_of_kills(23), random(2));
}

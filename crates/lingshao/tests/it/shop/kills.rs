//! `kill -9` at any step, and at any moment: each order is cancelled once, each refund is made once, nothing is stuck.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::world::{Kind, Order, World};
use super::{ACT, LATE};
use crate::harness::eventually;

const POINTS: [&str; 6] = [
    "shop-before-ledger",
    "shop-after-ledger",
    "shop-before-call",
    "shop-after-call",
    "shop-before-tx",
    "shop-after-tx",
];
/// No point is passed more often until all is done.
const PASSINGS: u32 = 20;
/// Moments on each database: with the points, more than a thousand kills on PostgreSQL and MariaDB.
const MOMENTS: u32 = 440;
/// Most of a run is waiting for ticks.
const WORKERS: usize = 6;

#[derive(Clone, Copy, Debug)]
enum Kill {
    /// At the so many-th passing of a point.
    At(&'static str, u32),
    /// So long after the start.
    After(Duration),
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kill::At(point, nth) => write!(f, "{point}:{nth}"),
            Kill::After(span) => write!(f, "{span:?} after the start"),
        }
    }
}

/// Kills the process, starts it again, and looks whether all came to its one right end.
fn killed(world: &mut World, kill: Kill) {
    world.clear();
    world.place(Order { id: 1, status: 101, placed: LATE });
    world.place(Order { id: 6, status: 201, placed: LATE });
    world.group(2, &[6], 2, 60);
    // Paid after its group had failed and its leader's money was back.
    world.place(Order { id: 7, status: 203, placed: LATE });
    world.place(Order { id: 8, status: 201, placed: LATE });
    world.group(3, &[7, 8], 3, 60);
    world.run("UPDATE litemall_groupon SET status=3 WHERE id=3");
    match kill {
        Kill::At(point, nth) => {
            let at = format!("{point}:{nth}");
            let mut first = world.watch_in(&[("LINGSHAO_KILL_AT", &at)], "data", ACT);
            eventually(&format!("the end at {kill}"), || {
                let is_done = world.status(1) == 103 && [6, 8].iter().all(|id| world.refunded(*id) == 1_990);
                first.0.has_ended() || is_done
            });
        }
        Kill::After(span) => {
            let first = world.watch(ACT);
            std::thread::sleep(span);
            first.0.kill();
        }
    }
    let watched = world.watch(ACT);
    eventually(&format!("cancelled after {kill}"), || world.status(1) == 103);
    // A request that may have left is asked for after a minute; a person need not wait for that.
    for id in [6, 8] {
        watched.hurry(id, "DONE");
        assert_eq!(world.refunded(id), 1_990, "{kill}");
    }
    assert_eq!(world.stock(1), 1_000 + 6, "{kill}: stock came back once");
    let mut numbers: Vec<String> = world.provider.refunds().into_iter().map(|refund| refund.number).collect();
    numbers.sort();
    assert_eq!(numbers, ["LSlx-6-f0", "LSlx-8-f0"], "{kill}");
    let open = watched.0.get("/api/lingshao/v1/shop/refunds?open=1").json();
    assert_eq!(open["refunds"], json!([]), "{kill}: nothing is stuck");
    assert_eq!(watched.0.get("/api/lingshao/v1/shop/audit/verify").json()["whole"], true, "{kill}");
}

fn all_killed(kind: Kind, kills: &[Kill]) {
    let mut world = World::new(kind);
    for kill in kills {
        killed(&mut world, *kill);
    }
}

fn passings(points: &[&'static str], times: u32) -> Vec<Kill> {
    points.iter().flat_map(|point| (1..=times).map(|nth| Kill::At(point, nth))).collect()
}

/// Some of the steps in every run; `LINGSHAO_SOAK=1` takes all of them, and many moments in between, on all databases.
#[test]
fn a_kill_at_any_step_does_everything_once() {
    if std::env::var_os("LINGSHAO_SOAK").is_some() {
        for kind in [Kind::Postgres, Kind::Mariadb] {
            // Not a divisor of anything: the moments fall everywhere between the start and the end, which takes 4 s.
            soak(kind, (0..MOMENTS).map(|n| Kill::After(Duration::from_millis(u64::from(n) * 977 % 4_000))));
        }
        soak(Kind::Sqlite, []);
        return;
    }
    all_killed(Kind::Sqlite, &passings(&["shop-after-ledger", "shop-after-call", "shop-after-tx"], 3));
    all_killed(Kind::Postgres, &passings(&["shop-after-tx"], 2));
}

/// All points and these moments, by some workers with a database each.
fn soak(kind: Kind, moments: impl IntoIterator<Item = Kill>) {
    let kills: VecDeque<Kill> = passings(&POINTS, PASSINGS).into_iter().chain(moments).collect();
    let (count, open) = (kills.len(), Mutex::new(kills));
    let next = || open.lock().unwrap().pop_front();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let mut world = World::new(kind);
                while let Some(kill) = next() {
                    killed(&mut world, kill);
                }
            });
        }
    });
    println!("{kind:?}: {count} kills");
}

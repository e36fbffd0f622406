#![allow(clippy::unwrap_used)]
//! Two processes on one state database: each is told of every alert, each looks after the other's rows, one tells.

mod router_world;

use std::sync::Arc;

use lingshao_alerting::router::{Changes, ForeignRows, Router};
use lingshao_model::{Alert, DeliveryOutcome, Timestamp};
use router_world::{alert, at, root, routing, tell};

fn foreign(changes: Changes) -> ForeignRows {
    ForeignRows { silences: changes.silences, log: changes.log, outbox: changes.outbox }
}

/// One looks, the other takes in what it wrote, and looks.
fn look(first: &mut Router, second: &mut Router, now: Timestamp) -> [Vec<String>; 2] {
    let told = first.due(now);
    second.adopt(foreign(first.take_changes()), now);
    let also = second.due(now);
    first.adopt(foreign(second.take_changes()), now);
    [told, also].map(|told| told.iter().map(tell).collect())
}

fn sent(first: &mut Router, second: &mut Router, now: Timestamp) {
    let row = first.waiting().remove(0);
    first.finished(row.id, &DeliveryOutcome::Sent(String::new()), now);
    second.adopt(foreign(first.take_changes()), now);
}

#[test]
fn what_one_tells_the_other_does_not() {
    let routing = Arc::new(routing(root("wait 0 interval 5 repeat 100")));
    let (mut a, mut b) = (Router::new(Arc::clone(&routing)), Router::new(routing));
    let both = |a: &mut Router, b: &mut Router, said: &Alert, now: Timestamp| {
        assert!(a.put(vec![said.clone()], now).is_empty() && b.put(vec![said.clone()], now).is_empty());
    };
    let nothing: Vec<String> = Vec::new();
    both(&mut a, &mut b, &alert("alertname=a", 0.0, None), at(0.0));
    assert_eq!(look(&mut a, &mut b, at(0.0)), [vec!["web first alertname=a".to_owned()], nothing.clone()]);
    sent(&mut a, &mut b, at(1.0));
    assert_eq!(look(&mut b, &mut a, at(5.0)), [nothing.clone(), nothing.clone()]);

    // One has not heard of an alert yet that the other tells about: it leaves it in the row.
    assert!(a.put(vec![alert("alertname=b", 6.0, None)], at(6.0)).is_empty());
    let both_fire = vec!["web changed alertname=a | alertname=b".to_owned()];
    assert_eq!(look(&mut a, &mut b, at(10.0)), [both_fire, nothing.clone()]);
    // What the one replaces is the other's row too, and its outcome counts for both.
    assert!(b.put(vec![alert("alertname=b", 6.0, None)], at(11.0)).is_empty());
    both(&mut a, &mut b, &alert("alertname=a", 0.0, Some(12.0)), at(12.0));
    let one_ended = vec!["web changed ✓alertname=a | alertname=b".to_owned()];
    assert_eq!(look(&mut b, &mut a, at(15.0)), [one_ended, nothing.clone()]);
    assert_eq!((a.waiting(), a.waiting().len()), (b.waiting(), 1));
    sent(&mut b, &mut a, at(16.0));
    assert_eq!(look(&mut a, &mut b, at(20.0)), [nothing.clone(), nothing]);
    assert_eq!((a.counts(at(20.0)).outbox, b.counts(at(20.0)).outbox), (0, 0));
}

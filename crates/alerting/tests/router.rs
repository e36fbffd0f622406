#![allow(clippy::unwrap_used)]
//! The laws of the pipeline, told as a receiver lives them: seconds, what happens, and which message arrives.

mod router_world;

use lingshao_alerting::router::{
    AlertFilter, NewSilence, SILENCE_PATTERN_BYTES_MAX, SilenceError, SilenceId, SilenceState,
};
use lingshao_model::{MatchOp, Matcher, TimeDelta};
use router_world::{World, alert, at, root, route};

#[test]
fn a_group_waits_for_company_then_looks_every_interval() {
    let mut world = World::new(root("wait 1 interval 5 repeat 100 by alertname"));
    world.fire(1.0, "alertname=a i=1");
    world.fire(1.5, "alertname=a i=2");
    world.expect(2.0, &["web first alertname=a i=1 | alertname=a i=2"]);
    world.fire(2.5, "alertname=a i=3");
    world.expect(6.9, &[]);
    world.expect(7.0, &["web changed alertname=a i=1 | alertname=a i=2 | alertname=a i=3"]);
}

#[test]
fn an_alert_older_than_the_wait_is_told_at_once() {
    let mut world = World::new(root("wait 10 interval 5 repeat 100"));
    world.fire_since(20.0, 9.9, "alertname=a");
    world.expect(20.0, &["web first alertname=a"]);
    world.fire_since(21.0, 1.0, "alertname=b");
    world.expect(24.9, &[]); // The group was looked at: others wait for its interval.
    world.expect(25.0, &["web changed alertname=a | alertname=b"]);
}

#[test]
fn nothing_is_said_again_before_the_repeat_interval() {
    let mut world = World::new(root("wait 0 interval 1 repeat 5"));
    world.fire(0.0, "alertname=a");
    world.expect(0.0, &["web first alertname=a"]);
    world.expect(5.0, &[]);
    world.expect(6.0, &["web repeat alertname=a"]);
    world.expect(11.0, &[]);
    world.expect(12.0, &["web repeat alertname=a"]);
}

#[test]
fn an_end_is_told_once_then_all_is_forgotten() {
    let mut world = World::new(root("wait 0 interval 1 repeat 100"));
    world.fire(0.0, "alertname=a");
    world.fire(0.0, "alertname=b");
    world.expect(0.0, &["web first alertname=a | alertname=b"]);
    world.end(0.5, "alertname=a");
    world.expect(1.0, &["web changed ✓alertname=a | alertname=b"]);
    world.end(1.2, "alertname=a"); // Said again, as Prometheus does for a quarter of an hour.
    world.expect(2.0, &[]);
    world.end(2.5, "alertname=b");
    world.expect(3.0, &["web changed ✓alertname=b"]);
    world.end(3.5, "alertname=b");
    world.expect(60.0, &[]);
    assert_eq!((world.store.alerts.len(), world.store.groups.len(), world.store.log.len()), (0, 0, 0));
}

#[test]
fn who_is_not_told_of_ends_is_told_when_an_alert_fires_anew() {
    let mut world = World::new(root("wait 0 interval 1 repeat 100 to quiet"));
    world.fire(0.0, "alertname=a");
    world.fire(0.0, "alertname=b");
    world.expect(0.0, &["quiet first alertname=a | alertname=b"]);
    world.end(0.5, "alertname=a");
    world.expect(3.0, &[]);
    world.fire(3.5, "alertname=a");
    world.expect(4.0, &["quiet changed alertname=a | alertname=b"]);
    world.end(4.5, "alertname=a");
    world.end(4.5, "alertname=b");
    world.expect(60.0, &[]);
    assert_eq!((world.store.alerts.len(), world.store.groups.len(), world.store.log.len()), (0, 0, 0));
}

#[test]
fn an_alert_that_ends_before_the_first_look_is_not_told() {
    let mut world = World::new(root("wait 5 interval 5 repeat 100"));
    world.fire(0.0, "alertname=a");
    world.end(1.0, "alertname=a");
    world.expect(60.0, &[]);
    assert_eq!(world.store.alerts.len(), 0);
}

#[test]
fn an_alert_with_an_end_in_the_future_ends_by_itself() {
    let mut world = World::new(root("wait 0 interval 5 repeat 100"));
    world.post(0.0, alert("alertname=a", 0.0, Some(7.0)));
    world.expect(0.0, &["web first alertname=a"]);
    world.expect(5.0, &[]);
    world.expect(10.0, &["web changed ✓alertname=a"]);
}

#[test]
fn an_alert_that_comes_back_soon_finds_its_group_and_late_a_new_one() {
    let mut world = World::new(root("wait 1 interval 60 repeat 100"));
    world.fire(0.0, "alertname=a");
    world.expect(1.0, &["web first alertname=a"]);
    world.end(2.0, "alertname=a");
    world.expect(61.0, &["web changed ✓alertname=a"]);
    world.fire(70.0, "alertname=a");
    world.expect(120.9, &[]);
    world.expect(121.0, &["web changed alertname=a"]);
    world.end(122.0, "alertname=a");
    world.expect(181.0, &["web changed ✓alertname=a"]);
    world.fire(212.0, "alertname=a"); // More than half a minute later.
    world.expect(213.0, &["web first alertname=a"]);
}

#[test]
fn the_tree_is_walked_depth_first_and_goes_on_when_told() {
    let mut plan = root("wait 0 interval 1 repeat 100");
    let mut critical = route("to mail", &[("severity", "critical")]);
    critical.goes_on = true;
    let mut pay = route("to sms", &[("team", "pay")]);
    pay.routes.push(route("to phone", &[("severity", "critical")]));
    plan.routes = vec![critical, pay];
    let mut world = World::new(plan);
    world.fire(0.0, "alertname=a severity=critical team=pay");
    let both = "first alertname=a severity=critical team=pay";
    world.expect(0.0, &[&format!("mail {both}"), &format!("phone {both}")]);
    world.fire(1.0, "alertname=b severity=critical");
    world.expect(
        2.0,
        &["mail changed alertname=b severity=critical | alertname=a severity=critical team=pay"],
    );
    world.fire(2.0, "alertname=c team=pay");
    world.expect(2.0, &["sms first alertname=c team=pay"]);
    world.fire(3.0, "alertname=d");
    world.expect(3.0, &["web first alertname=d"]);
}

#[test]
fn group_keys_are_those_of_alertmanager() {
    let mut plan = root("wait 0 interval 1 repeat 100");
    let mut odd = route("to mail by alertname,text", &[("severity", "critical")]);
    odd.matchers.push(Matcher::new(MatchOp::Regex, "app", "a\"b\\\\\n.*").unwrap());
    plan.routes = vec![odd, route("to sms by ...", &[("team", "pay")])];
    let mut world = World::new(plan);
    let fire = |world: &mut World, pairs: &[(&str, &str)]| {
        let mut fired = alert("", 0.0, None);
        fired.labels = lingshao_model::Labels::from_pairs(pairs.iter().copied()).unwrap();
        world.post(0.0, fired);
    };
    fire(&mut world, &[("alertname", "x"), ("severity", "warning")]);
    fire(
        &mut world,
        &[("alertname", "x"), ("severity", "critical"), ("app", "a\"b\\\nc"), ("text", "灵\u{200b}\"\t")],
    );
    fire(&mut world, &[("alertname", "x"), ("team", "pay")]);
    let keys: Vec<String> = world.run(0.0).into_iter().map(|delivery| delivery.group_key).collect();
    let expected = [
        r#"{}:{}"#,
        r#"{}/{app=~"a\"b\\\\\n.*",severity="critical"}:{alertname="x", text="灵\u200b\"\t"}"#,
        r#"{}/{team="pay"}:{alertname="x", team="pay"}"#,
    ];
    assert_eq!(keys, expected);
}

#[test]
fn equal_routes_to_one_receiver_do_not_share_a_log() {
    let mut plan = root("wait 0 interval 1 repeat 100");
    let mut first = route("to mail", &[("team", "pay")]);
    first.goes_on = true;
    plan.routes = vec![first, route("to mail by alertname", &[("team", "pay")])];
    let mut world = World::new(plan);
    world.fire(0.0, "team=pay");
    let keys: Vec<String> = world.run(10.0).into_iter().map(|delivery| delivery.group_key).collect();
    assert_eq!(keys, [r#"{}/{team="pay"}:{}"#, r#"{}/{team="pay"}#2:{}"#]);
}

#[test]
fn alerts_stand_in_alertmanagers_order() {
    let mut world = World::new(root("wait 0 interval 1 repeat 100"));
    for labels in ["z=1", "job=b", "a=1 b=2", "job=a instance=2", "job=a instance=1", "job=a", "c=1"] {
        world.fire(0.0, labels);
    }
    let order = "instance=1 job=a | instance=2 job=a | job=a | job=b | z=1 | c=1 | a=1 b=2";
    world.expect(0.0, &[&format!("web first {order}")]);
}

#[test]
fn posted_alerts_merge_as_in_alertmanager() {
    // What was known, what is posted, and what is known then: start, end, whether the end is a timeout.
    #[track_caller]
    fn check(old: (f64, f64, bool), new: (f64, f64, bool), now: f64, expected: (f64, f64)) {
        let mut world = World::new(root("wait 1000 interval 1000 repeat 1000"));
        world.post(0.0, alert("alertname=keeps the group", 0.0, None));
        let mut post = |(start, end, timeout): (f64, f64, bool), now: f64| {
            let mut posted = alert("alertname=a", start, Some(end));
            (posted.timeout, posted.updated_at) = (timeout, at(now));
            world.post(now, posted);
        };
        post(old, old.0 + 0.1);
        post(new, now);
        let fingerprint = alert("alertname=a", 0.0, None).fingerprint();
        let known = &world.store.alerts[&fingerprint];
        assert_eq!((known.starts_at, known.ends_at.unwrap()), (at(expected.0), at(expected.1)));
    }
    check((10.0, 30.0, true), (12.0, 20.0, true), 13.0, (10.0, 20.0)); // A timeout does not outlive the younger word.
    check((10.0, 30.0, false), (12.0, 20.0, true), 13.0, (10.0, 30.0)); // An explicit end does.
    check((10.0, 30.0, false), (12.0, 13.0, false), 13.0, (10.0, 13.0)); // But not one that came.
    check((10.0, 30.0, true), (5.0, 20.0, false), 13.0, (5.0, 20.0)); // The earliest start.
    check((10.0, 12.0, false), (12.5, 30.0, true), 13.0, (12.5, 30.0)); // No overlap: an alert of its own.
    check((10.0, 12.5, false), (11.0, 11.5, false), 13.0, (10.0, 12.5)); // Both ended: the later end.
}

#[test]
fn a_source_inhibits_targets_with_equal_labels() {
    let mut world = World::new(root("wait 0 interval 1 repeat 100"));
    world.inhibit(&[("alertname", "down")], &[("severity", "warning")], &["zone"]);
    world.fire(0.0, "alertname=down zone=a");
    world.fire(0.0, "alertname=slow severity=warning zone=a");
    world.fire(0.0, "alertname=slow severity=warning zone=b");
    world.fire(0.0, "alertname=slow severity=warning");
    let slow = "alertname=slow severity=warning";
    world.expect(0.0, &[&format!("web first alertname=down zone=a | {slow} | {slow} zone=b")]);
    world.end(0.5, "alertname=down zone=a");
    let all = format!("web changed ✓alertname=down zone=a | {slow} | {slow} zone=a | {slow} zone=b");
    world.expect(1.0, &[&all]);
}

#[test]
fn alerts_on_both_sides_of_a_rule_do_not_inhibit_each_other() {
    let mut world = World::new(root("wait 0 interval 1 repeat 100"));
    world.inhibit(&[("a", "1")], &[("b", "1")], &[]);
    world.fire(0.0, "a=1 b=1 n=1");
    world.fire(0.0, "a=1 b=1 n=2");
    world.expect(0.0, &["web first a=1 b=1 n=1 | a=1 b=1 n=2"]);
    world.fire(0.5, "b=1"); // On the target's side only: any of them inhibits it.
    world.expect(1.0, &[]);
    world.fire(1.5, "a=1"); // On the source's side only: it inhibits all that are targets.
    world.expect(2.0, &["web changed a=1"]);
    world.end(2.5, "a=1");
    world.expect(3.0, &["web changed ✓a=1 | a=1 b=1 n=1 | a=1 b=1 n=2"]);
}

#[test]
fn an_end_under_inhibition_is_told_when_the_inhibition_ends() {
    let mut world = World::new(root("wait 0 interval 1 repeat 100"));
    world.inhibit(&[("alertname", "down")], &[("alertname", "slow")], &[]);
    world.fire(0.0, "alertname=slow");
    world.expect(0.0, &["web first alertname=slow"]);
    world.fire(0.5, "alertname=down");
    world.expect(1.0, &["web changed alertname=down"]);
    world.end(1.5, "alertname=slow");
    world.expect(4.0, &[]);
    world.end(4.5, "alertname=down");
    world.expect(5.0, &["web changed ✓alertname=down | ✓alertname=slow"]);
}

#[test]
fn what_ends_under_a_silence_is_told_afterwards() {
    let mut world = World::new(root("wait 0 interval 1 repeat 100"));
    world.fire(0.0, "alertname=a");
    world.fire(0.0, "alertname=b");
    world.expect(0.0, &["web first alertname=a | alertname=b"]);
    let id = world.silence(0.5, "alertname=a", 0.5, 50.0).unwrap();
    world.end(1.0, "alertname=a");
    world.expect(10.0, &[]);
    world.router.expire_silence(&id, at(10.5)).unwrap();
    world.expect(11.0, &["web changed ✓alertname=a | alertname=b"]);
}

#[test]
fn a_silence_mutes_from_its_start_to_its_end() {
    let mut world = World::new(root("wait 0 interval 1 repeat 5 by alertname"));
    world.silence(0.0, "alertname=a", 3.0, 20.0).unwrap();
    world.fire(0.0, "alertname=a i=1");
    world.expect(2.5, &["web first alertname=a i=1"]);
    world.fire(4.5, "alertname=a i=2");
    world.expect(19.9, &[]);
    world.expect(20.0, &["web changed alertname=a i=1 | alertname=a i=2"]);
}

#[test]
fn nothing_is_told_in_muted_hours() {
    let mut plan = root("wait 0 interval 10 repeat 1000000");
    plan.mute_time_intervals = vec!["night".to_owned()];
    let mut world = World::new(plan);
    world.hours("night", 0, 6 * 60, None);
    let hour = |hours: f64| hours * 3600.0;
    world.fire(hour(5.9), "alertname=a");
    world.expect(hour(6.0) - 1.0, &[]);
    world.expect(hour(6.0) + 10.0, &["web first alertname=a"]);
    world.fire(hour(23.9), "alertname=b");
    world.expect(hour(23.9) + 10.0, &["web changed alertname=a | alertname=b"]);
    world.end(hour(24.5), "alertname=a");
    world.expect(hour(30.0) - 1.0, &[]);
    let groups = world.router.groups(&AlertFilter::default(), at(hour(29.0)));
    assert_eq!(groups[0].alerts[0].muted_by, ["night"]);
    world.expect(hour(30.0) + 10.0, &["web changed ✓alertname=a | alertname=b"]);
}

#[test]
fn outside_of_active_hours_nothing_is_told() {
    let mut plan = root("wait 0 interval 10 repeat 1000000");
    plan.active_time_intervals = vec!["work".to_owned()];
    let mut world = World::new(plan);
    world.hours("work", 9 * 60, 18 * 60, Some("Asia/Shanghai"));
    world.fire(1800.0, "alertname=a"); // 08:30 in Shanghai
    world.expect(3599.0, &[]);
    world.expect(3610.0, &["web first alertname=a"]);
}

#[test]
fn while_a_receiver_is_down_changes_collapse_into_one_message() {
    let mut world = World::new(root("wait 0 interval 1 repeat 1000"));
    world.up = false;
    world.fire(0.0, "alertname=a");
    world.expect(0.0, &["web first alertname=a"]);
    world.expect(1.0, &[]); // Nothing changed: the row stays.
    world.fire(1.5, "alertname=b");
    world.expect(2.0, &["web first alertname=a | alertname=b"]);
    world.end(2.5, "alertname=a"); // It began and ended meanwhile.
    world.expect(3.0, &["web first ✓alertname=a | alertname=b"]);
    world.fire(3.2, "alertname=c");
    world.end(3.3, "alertname=c");
    world.expect(4.0, &["web first ✓alertname=a | alertname=b | ✓alertname=c"]);
    assert_eq!((world.router.waiting().len(), world.store.outbox.len()), (1, 1));
    world.come_back(5.5);
    world.expect(6.0, &[]);
    assert_eq!(world.store.alerts.len(), 1);
    world.end(6.5, "alertname=b");
    world.expect(7.0, &["web changed ✓alertname=b"]);
}

/// With Alertmanager's usual intervals: one alert fires all the time, and every ten minutes another comes and goes.
#[test]
fn six_hours_without_a_receiver_are_told_in_one_message() {
    const HOUR: f64 = 3600.0;
    let mut world = World::new(root("wait 30 interval 300 repeat 14400"));
    world.up = false;
    world.fire(0.0, "alertname=a");
    for round in 0..36 {
        let text = format!("alertname=b i={round}");
        world.fire(f64::from(round) * 600.0 + 60.0, &text);
        world.end(f64::from(round) * 600.0 + 500.0, &text);
    }
    world.run(6.1 * HOUR); // Its last look was after the last end.
    let waiting = world.router.waiting();
    assert_eq!((waiting.len(), waiting[0].firing().count(), waiting[0].resolved().count()), (1, 1, 36));
    world.come_back(6.1 * HOUR);
    world.expect(10.0 * HOUR, &[]);
    world.expect(10.2 * HOUR, &["web repeat alertname=a"]);
}

#[test]
fn an_end_and_a_new_beginning_while_a_receiver_is_down_say_that_it_fires() {
    let mut world = World::new(root("wait 0 interval 1 repeat 1000"));
    world.fire(0.0, "alertname=a");
    world.expect(0.0, &["web first alertname=a"]);
    world.up = false;
    world.end(0.5, "alertname=a");
    world.expect(1.0, &["web changed ✓alertname=a"]);
    world.fire(1.5, "alertname=a"); // The row with its end may be on its way.
    world.expect(2.0, &["web changed alertname=a"]);
}

#[test]
fn a_row_without_anything_to_say_is_withdrawn() {
    let mut world = World::new(root("wait 0 interval 1 repeat 1000 to quiet"));
    world.up = false;
    world.fire(0.0, "alertname=a");
    world.expect(0.0, &["quiet first alertname=a"]);
    let id = world.router.waiting()[0].id;
    world.end(0.5, "alertname=a");
    world.expect(1.0, &[]);
    assert_eq!(world.router.take_withdrawn(), [id]);
    assert_eq!((world.router.waiting().len(), world.store.outbox.len()), (0, 0));

    let mut world = World::new(root("wait 0 interval 1 repeat 1000"));
    world.up = false;
    world.fire(0.0, "alertname=a");
    world.expect(0.0, &["web first alertname=a"]);
    let first = world.router.waiting()[0].id;
    let silence = world.silence(0.5, "alertname=a", 0.5, 50.0).unwrap();
    world.expect(1.0, &[]);
    assert_eq!(world.router.take_withdrawn(), [first]);
    world.end(1.5, "alertname=a");
    world.expect(2.0, &[]);
    world.restart(2.2);
    world.router.expire_silence(&silence, at(2.5)).unwrap();
    world.expect(3.0, &["web first ✓alertname=a"]); // The first row may have arrived before it was withdrawn.
}

#[test]
fn a_row_that_was_replaced_while_on_its_way_counts_when_it_arrives() {
    let mut world = World::new(root("wait 0 interval 1 repeat 1000"));
    world.up = false;
    world.fire(0.0, "alertname=a");
    world.expect(0.0, &["web first alertname=a"]);
    let on_its_way = world.router.waiting()[0].id;
    world.fire(0.5, "alertname=b");
    world.expect(1.0, &["web first alertname=a | alertname=b"]);
    world.sent(1.2, on_its_way);
    assert_eq!(world.store.log.values().map(|entry| entry.firing.len()).collect::<Vec<_>>(), [1]);
    world.end(1.3, "alertname=b");
    world.expect(2.0, &["web changed alertname=a | ✓alertname=b"]);
    world.come_back(2.5);
    world.expect(10.0, &[]);
}

#[test]
fn a_row_that_failed_is_decided_anew_at_the_next_look() {
    let mut world = World::new(root("wait 0 interval 5 repeat 1000"));
    world.up = false;
    world.fire(0.0, "alertname=a");
    world.expect(0.0, &["web first alertname=a"]);
    world.fail_all(0.5);
    world.expect(4.9, &[]);
    world.expect(5.0, &["web first alertname=a"]);
    world.come_back(5.5);
    world.end(6.0, "alertname=a");
    world.up = false;
    world.expect(10.0, &["web changed ✓alertname=a"]);
    world.fail_all(10.5);
    world.expect(15.0, &["web changed ✓alertname=a"]);
}

#[test]
fn integrations_of_one_receiver_have_their_own_log() {
    let mut world = World::new(root("wait 0 interval 1 repeat 1000 to both"));
    world.up = false;
    world.fire(0.0, "alertname=a");
    world.expect(0.0, &["both first alertname=a", "both[1] first alertname=a"]);
    let row = |world: &World| world.router.waiting().into_iter().find(|row| row.to.index == 0).unwrap().id;
    let first = row(&world);
    world.sent(0.1, first);
    world.end(0.5, "alertname=a");
    world.expect(1.0, &["both changed ✓alertname=a", "both[1] first ✓alertname=a"]);
    let second = row(&world);
    world.sent(1.1, second);
    world.fire(1.5, "alertname=b");
    // The first was told that `a` has ended; the second was not.
    world.expect(5.0, &["both changed alertname=b", "both[1] first ✓alertname=a | alertname=b"]);
    world.come_back(5.5);
    assert_eq!(world.store.alerts.len(), 1);
}

#[test]
fn a_restart_changes_nothing_and_tells_nothing_again() {
    let mut world = World::new(root("wait 0 interval 5 repeat 1000"));
    world.fire(0.0, "alertname=a");
    world.expect(0.0, &["web first alertname=a"]);
    world.silence(0.5, "alertname=b", 0.5, 100.0).unwrap();
    world.fire(1.0, "alertname=b");
    world.restart(2.0);
    world.expect(5.0, &[]);
    world.end(6.0, "alertname=a");
    world.restart(7.0);
    world.up = false;
    world.expect(10.0, &["web changed ✓alertname=a"]);
    world.restart(11.0);
    assert_eq!(world.router.waiting().len(), 1);
    world.come_back(12.0);
    world.restart(13.0);
    world.expect(200.0, &["web changed alertname=b"]);
}

#[test]
fn downtime_does_not_end_alerts() {
    let mut world = World::new(root("wait 0 interval 5 repeat 10000"));
    world.post(0.0, alert("alertname=a", 0.0, Some(60.0)));
    world.expect(0.0, &["web first alertname=a"]);
    world.restart_after(1.0, 1001.0);
    world.expect(1059.0, &[]);
    world.expect(1066.0, &["web changed ✓alertname=a"]);
}

#[test]
fn a_clock_that_jumps_back_tells_nothing_again() {
    let mut world = World::new(root("wait 0 interval 5 repeat 20"));
    world.fire(4000.0, "alertname=a");
    world.expect(4000.0, &["web first alertname=a"]);
    world.post(4001.0, alert("alertname=b", 4000.0, Some(4003.0)));
    world.silence(4001.0, "alertname=c", 4001.0, 4100.0).unwrap();
    world.expect(4005.0, &["web changed alertname=a | ✓alertname=b"]);
    world.router.clock_moved(TimeDelta::from_secs(-3600));
    world.fire(406.0, "alertname=c"); // The silence goes on.
    world.expect(425.0, &[]); // 4025 by the old clock
    world.expect(430.0, &["web repeat alertname=a"]);
    world.end(431.0, "alertname=a");
    world.expect(435.0, &["web changed ✓alertname=a"]);
    world.expect(500.0, &["web first alertname=c"]); // The log forgot: twice the repeat interval is over.
}

#[test]
fn a_reload_keeps_what_was_told_and_routes_anew() {
    let mut world = World::new(root("wait 1 interval 6 repeat 600"));
    world.fire(1.0, "alertname=a");
    world.fire(1.0, "alertname=c team=pay");
    world.expect(2.0, &["web first alertname=a | alertname=c team=pay"]);
    let mut plan = root("wait 1 interval 6 repeat 600");
    plan.routes.push(route("to sms", &[("team", "pay")]));
    world.reload(3.0, plan);
    world.expect(3.0, &["sms first alertname=c team=pay"]);
    world.fire(4.0, "alertname=b");
    world.expect(8.9, &[]);
    world.expect(9.0, &["web changed alertname=a | alertname=b"]); // As Alertmanager: timers count from the reload.
}

#[test]
fn a_reload_withdraws_what_waits_for_those_who_are_gone() {
    let mut plan = root("wait 0 interval 6 repeat 600");
    plan.routes.push(route("to sms", &[("team", "pay")]));
    let mut world = World::new(plan);
    world.up = false;
    world.fire(1.0, "alertname=c team=pay");
    world.expect(1.0, &["sms first alertname=c team=pay"]);
    world.reload(2.0, root("wait 0 interval 6 repeat 600"));
    assert_eq!(world.router.take_withdrawn().len(), 1);
    world.expect(2.0, &["web first alertname=c team=pay"]);
}

#[test]
fn silences_follow_alertmanagers_rules() {
    let mut world = World::new(root("wait 0 interval 6 repeat 600"));
    let new = |id: Option<&SilenceId>, name: &str, starts: f64, ends: f64| NewSilence {
        id: id.cloned(),
        matchers: vec![Matcher::equal("alertname", name)],
        starts_at: at(starts),
        ends_at: at(ends),
        created_by: "me".to_owned(),
        comment: String::new(),
    };
    let fresh = |text: &str| SilenceId(text.to_owned());
    let router = &mut world.router;
    // The past is now.
    let one = router.set_silence(new(None, "a", 50.0, 200.0), fresh("1"), at(100.0)).unwrap();
    assert_eq!((one.to_string().as_str(), router.silence(&one).unwrap().starts_at), ("1", at(100.0)));
    // A later end changes the active one.
    let same = router.set_silence(new(Some(&one), "a", 100.0, 300.0), fresh("2"), at(101.0)).unwrap();
    assert_eq!((&same, router.silence(&one).unwrap().ends_at), (&one, at(300.0)));
    // Other matchers end it, and a new one begins.
    let two = router.set_silence(new(Some(&one), "b", 100.0, 300.0), fresh("2"), at(102.0)).unwrap();
    assert_eq!((two.to_string().as_str(), router.silence(&one).unwrap().ends_at), ("2", at(102.0)));
    assert_eq!(router.silence(&two).unwrap().starts_at, at(102.0));
    // A pending one may move, but not into the past.
    let three = router.set_silence(new(None, "c", 150.0, 300.0), fresh("3"), at(103.0)).unwrap();
    let moved = router.set_silence(new(Some(&three), "c", 140.0, 300.0), fresh("4"), at(104.0)).unwrap();
    assert_eq!((&moved, router.silence(&three).unwrap().starts_at), (&three, at(140.0)));
    let four = router.set_silence(new(Some(&three), "c", 90.0, 310.0), fresh("4"), at(105.0)).unwrap();
    assert_eq!((four.to_string().as_str(), router.silence(&three).unwrap().ends_at), ("4", at(105.0)));
    // One that has ended is copied.
    let five = router.set_silence(new(Some(&one), "a", 100.0, 320.0), fresh("5"), at(106.0)).unwrap();
    assert_eq!(five.to_string(), "5");
    let states: Vec<(String, SilenceState)> =
        router.silences(at(106.0)).iter().map(|own| (own.id.to_string(), own.state(at(106.0)))).collect();
    let states: Vec<(&str, SilenceState)> = states.iter().map(|(id, state)| (id.as_str(), *state)).collect();
    let (active, expired) = (SilenceState::Active, SilenceState::Expired);
    assert_eq!(states, [("2", active), ("4", active), ("5", active), ("3", expired), ("1", expired)]);
    // They are forgotten 120 hours after their end.
    assert_eq!(router.due(at(105.0 + 120.0 * 3600.0)), []);
    assert!(router.silence(&one).is_none() && router.silence(&three).is_none());
    assert!(router.silence(&two).is_some());
}

#[test]
fn wrong_silences_are_refused_in_alertmanagers_words() {
    let mut world = World::new(root("wait 0 interval 6 repeat 600"));
    let mut check = |id: Option<&str>, matchers: Vec<Matcher>, starts: f64, ends: f64, expected: &str| {
        let new = NewSilence {
            id: id.map(|id| SilenceId(id.to_owned())),
            matchers,
            starts_at: at(starts),
            ends_at: at(ends),
            created_by: String::new(),
            comment: String::new(),
        };
        let error = world.router.set_silence(new, SilenceId("x".to_owned()), at(10.0)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    let a = || vec![Matcher::equal("a", "1")];
    check(None, a(), 20.0, 20.0, "Failed to create silence: start time must be before end time");
    check(None, a(), 5.0, 9.0, "Failed to create silence: end time can't be in the past");
    check(None, vec![], 20.0, 30.0, "silence invalid: at least one matcher required");
    check(Some("no"), a(), 20.0, 30.0, "silence not found");
    let empty = vec![Matcher::equal("a", ""), Matcher::new(MatchOp::Regex, "b", ".*").unwrap()];
    check(None, empty, 20.0, 30.0, "silence invalid: at least one matcher must not match the empty string");
    let unnamed = vec![Matcher::equal("a", "1"), Matcher::equal("", "1")];
    check(None, unnamed, 20.0, 30.0, "silence invalid: invalid label matcher 1: invalid label name \"\"");
    let unknown = world.router.expire_silence(&SilenceId("no".to_owned()), at(1.0));
    assert_eq!(unknown, Err(SilenceError::NotFound));
}

#[test]
fn the_api_sees_what_keeps_alerts_from_being_told() {
    let mut world = World::new(root("wait 0 interval 6 repeat 600 by alertname"));
    world.inhibit(&[("alertname", "down")], &[("alertname", "slow")], &[]);
    world.fire(0.0, "alertname=down");
    world.fire(0.0, "alertname=slow");
    world.fire(0.0, "alertname=x");
    let id = world.silence(0.0, "alertname=x", 0.0, 50.0).unwrap();
    let show = |world: &mut World, filter: &AlertFilter| -> Vec<String> {
        let views = world.router.alerts(filter, at(1.0)).into_iter().map(|view| {
            let name = view.alert.labels.get("alertname").unwrap().to_owned();
            format!("{name} {:?} {} {}", view.receivers, view.silenced_by.len(), view.inhibited_by.len())
        });
        let mut shown: Vec<String> = views.collect();
        shown.sort();
        shown
    };
    let all = AlertFilter::default();
    assert_eq!(show(&mut world, &all), [r#"down ["web"] 0 0"#, r#"slow ["web"] 0 1"#, r#"x ["web"] 1 0"#]);
    let active = AlertFilter { silenced: false, inhibited: false, ..AlertFilter::default() };
    assert_eq!(show(&mut world, &active), [r#"down ["web"] 0 0"#]);
    let matching = AlertFilter { matchers: vec![Matcher::equal("alertname", "x")], ..AlertFilter::default() };
    assert_eq!(show(&mut world, &matching), [r#"x ["web"] 1 0"#]);
    let groups = world.router.groups(&AlertFilter::default(), at(1.0));
    let keys: Vec<&str> = groups.iter().map(|group| group.group_key.as_str()).collect();
    assert_eq!(keys, [r#"{}:{alertname="down"}"#, r#"{}:{alertname="slow"}"#, r#"{}:{alertname="x"}"#]);
    assert_eq!(groups[2].alerts[0].silenced_by, [id]);
    let counts = world.router.counts(at(1.0));
    assert_eq!((counts.alerts_active, counts.alerts_suppressed, counts.silences_active), (1, 2, 1));
}

#[test]
fn what_cannot_be_taken_is_named() {
    let mut world = World::new(root("wait 0 interval 6 repeat 600"));
    let empty = alert("", 0.0, None);
    let backward = alert("alertname=a", 5.0, Some(1.0));
    let long = alert(&format!("alertname={}", "x".repeat(70_000)), 0.0, None);
    let fine = alert("alertname=fine", 0.0, None);
    let refused = world.router.put(vec![empty, backward, long, fine], at(6.0));
    let reasons: Vec<String> = refused.iter().map(|refused| refused.reason.to_string()).collect();
    let expected = [
        "at least one label pair required",
        "start time must be before end time",
        "labels, annotations and generator URL of 70015 bytes, more than 65536",
    ];
    assert_eq!(reasons, expected);
    assert_eq!(world.router.alerts(&AlertFilter::default(), at(6.0)).len(), 1);
}

#[test]
fn the_patterns_of_all_silences_fit_into_memory() {
    let mut world = World::new(root("wait 0 interval 6 repeat 600"));
    let router = &mut world.router;
    let new = |pattern: &str, count: usize| NewSilence {
        id: None,
        matchers: vec![Matcher::new(MatchOp::Regex, "l", pattern).unwrap(); count],
        starts_at: at(0.0),
        ends_at: at(3600.0),
        created_by: String::new(),
        comment: String::new(),
    };
    let large = new(r"\pL{20}", 100);
    let mut ids = Vec::new();
    let refused = loop {
        let fresh = SilenceId(format!("{:04}", ids.len()));
        match router.set_silence(large.clone(), fresh, at(1.0)) {
            Ok(id) => ids.push(id),
            Err(refused) => break refused,
        }
    };
    let limit = SILENCE_PATTERN_BYTES_MAX;
    assert_eq!((ids.len(), refused), (5, SilenceError::PatternsTooLarge { limit }));
    // What people write still has room, and what is there can be changed.
    let small = router.set_silence(new("db-[0-9]+", 1), SilenceId("small".to_owned()), at(2.0));
    assert_eq!(small, Ok(SilenceId("small".to_owned())));
    let longer = NewSilence { id: Some(ids[0].clone()), starts_at: at(1.0), ends_at: at(7200.0), ..large };
    assert_eq!(router.set_silence(longer, SilenceId("x".to_owned()), at(3.0)), Ok(ids[0].clone()));
}

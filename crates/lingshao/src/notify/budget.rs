//! How many messages a service may still get now, and what of what waits goes out next. Pure; its times come from a
//! clock that never jumps.

use std::collections::VecDeque;

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_wire::notify::limits::RobotLimits;

use super::mailbox::Due;

/// Parts of a minute's messages that are kept for what is critical.
const RESERVED_PER: u32 = 6;
/// The window that we count, a little longer than the service's, since messages travel at different speeds.
const MINUTE: TimeDelta = TimeDelta(61_000);
/// The same for limits per second.
const SECOND: TimeDelta = TimeDelta(1_050);
/// The window of short messages.
const HOUR: TimeDelta = TimeDelta::from_secs(3600);

/// A limit of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// Most messages in the window.
    pub(super) most: u32,
    /// The window.
    pub(super) window: TimeDelta,
    /// Most messages in a second, where there is such a limit.
    pub(super) per_second: Option<u32>,
    /// Of `most`, those that only critical deliveries may use.
    pub(super) reserved: u32,
    /// What is too much is given up instead of waiting.
    pub(super) gives_up: bool,
}

impl Rate {
    /// A robot's.
    pub(super) fn robot(limits: &RobotLimits) -> Rate {
        Rate {
            most: limits.per_minute,
            window: MINUTE,
            per_second: limits.per_second,
            reserved: limits.per_minute / RESERVED_PER,
            gives_up: false,
        }
    }

    /// Mails, of which no server takes any number: most providers allow some hundred in an hour.
    pub(super) fn mail() -> Rate {
        Rate { most: 30, window: MINUTE, per_second: None, reserved: 5, gives_up: false }
    }

    /// Short messages to one number.
    pub(super) fn sms(per_hour_max: u64) -> Rate {
        let most = u32::try_from(per_hour_max).unwrap_or(u32::MAX);
        Rate { most, window: HOUR, per_second: None, reserved: 0, gives_up: true }
    }
}

/// When messages were sent lately. Shared by all integrations that send to one robot.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    sent: VecDeque<Timestamp>,
}

/// What may still be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Messages, when something critical is among them.
    pub(super) critical: u32,
    /// Messages otherwise.
    pub(super) others: u32,
    /// When there is one more.
    pub(super) next_in: TimeDelta,
}

impl Window {
    /// Counts a message.
    pub(super) fn count(&mut self, now: Timestamp) {
        self.sent.push_back(now);
    }

    /// Takes the last one back: it was not sent.
    pub(super) fn uncount(&mut self) {
        self.sent.pop_back();
    }

    /// What is left now.
    pub(super) fn left(&mut self, rate: &Rate, now: Timestamp) -> Left {
        self.sent.retain(|sent| *sent + rate.window > now);
        let used = u32::try_from(self.sent.len()).unwrap_or(u32::MAX);
        let critical = rate.most.saturating_sub(used);
        let oldest = self.sent.front().copied().unwrap_or(now);
        let mut left = Left {
            critical,
            others: critical.saturating_sub(rate.reserved),
            next_in: oldest + rate.window - now,
        };
        if let Some(per_second) = rate.per_second {
            let last: Vec<_> = self.sent.iter().filter(|sent| **sent + SECOND > now).collect();
            if last.len() >= per_second as usize {
                let next_in = *last[0] + SECOND - now;
                left = Left { critical: 0, others: 0, next_in };
            }
        }
        left
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing: for so long, or until something comes.
    Wait(Option<TimeDelta>),
    /// Send the first that waits.
    First,
    /// Send all that waits as one digest of at most so many messages.
    Digest(usize),
    /// Report all that waits as failed: the budget is spent.
    GiveUp,
}

/// Decides. Without a rate everything goes out one by one. With one, what waits is sent one by one while the rate
/// allows all of it; otherwise the critical ones go first, on half of the rate, and the rest becomes a digest.
pub(super) fn plan(due: &Due, rate: Option<(&Rate, Left)>) -> Plan {
    if due.count == 0 {
        return Plan::Wait(due.next_in);
    }
    let Some((rate, left)) = rate else { return Plan::First };
    let allowed = if due.critical > 0 { left.critical } else { left.others };
    if allowed == 0 {
        return if rate.gives_up { Plan::GiveUp } else { Plan::Wait(Some(left.next_in)) };
    }
    let goes_first = due.critical > 0 && !rate.gives_up && rate.most / 2 < left.critical;
    if due.count <= left.others.max(1) as usize || goes_first {
        return Plan::First;
    }
    Plan::Digest(allowed as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { most: 18, window: MINUTE, per_second: None, reserved: 3, gives_up: false };

    #[track_caller]
    fn check(count: usize, critical: usize, used: u32, expected: Plan) {
        let mut window = Window::default();
        (0..used).for_each(|_| window.count(Timestamp(0)));
        let left = window.left(&RATE, Timestamp(1_000));
        let due = Due { count, critical, ..Due::default() };
        assert_eq!(plan(&due, Some((&RATE, left))), expected);
    }

    #[test]
    fn few_go_one_by_one_and_many_become_a_digest() {
        let wait = Plan::Wait(Some(TimeDelta(60_000)));
        check(0, 0, 0, Plan::Wait(None));
        check(15, 0, 0, Plan::First);
        check(16, 0, 0, Plan::Digest(15));
        check(2, 0, 14, Plan::Digest(1));
        // The last three of a minute are for what is critical.
        check(1, 0, 15, wait);
        check(1, 1, 15, Plan::First);
        check(10, 1, 15, Plan::Digest(3));
        check(1, 1, 18, wait);
        // Critical ones go alone on half of the rate.
        check(10_000, 10_000, 0, Plan::First);
        check(10_000, 10_000, 9, Plan::Digest(9));
    }

    #[test]
    fn short_messages_are_given_up_when_the_hour_is_full() {
        let rate = Rate::sms(2);
        let mut window = Window::default();
        let due = |count| Due { count, critical: count, ..Due::default() };
        let mut decide = |count, now| {
            let left = window.left(&rate, Timestamp(now));
            let plan = plan(&due(count), Some((&rate, left)));
            if !matches!(plan, Plan::GiveUp) {
                window.count(Timestamp(now));
            }
            plan
        };
        assert_eq!(decide(1, 0), Plan::First);
        assert_eq!(decide(3, 1), Plan::Digest(1));
        assert_eq!(decide(1, 2), Plan::GiveUp);
        assert_eq!(decide(1, 3_600_000), Plan::First);
    }

    #[test]
    fn no_window_holds_more_than_the_rate() {
        let rate = Rate { most: 5, per_second: Some(2), reserved: 0, ..RATE };
        let mut window = Window::default();
        let mut sent: Vec<i64> = Vec::new();
        for now in (0..300_000).step_by(50) {
            if window.left(&rate, Timestamp(now)).critical > 0 {
                window.count(Timestamp(now));
                sent.push(now);
            }
        }
        let most = |span: i64| {
            sent.iter().map(|from| sent.iter().filter(|t| (*from..from + span).contains(t)).count()).max()
        };
        assert_eq!((most(60_000), most(1_000)), (Some(5), Some(2)));
    }
}

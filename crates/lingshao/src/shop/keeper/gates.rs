//! The gates of the monitors that act, and what of them a restart reads again: halts, and orders whose statements do harm.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::OrderKey;
use lingshao_shop::safety::{Gate, Halt, Held, Limits, Mode, MonitorHistory, RefundHeld};

use crate::shop::desk::{Desk, halt_name};
use crate::shop::monitor::Monitor;

/// One for each kind of act.
pub(super) struct Gates {
    pub(super) timeout: Gate,
    pub(super) success: Gate,
    pub(super) fail: Gate,
    /// Of members who paid after that.
    pub(super) late: Gate,
    /// Refunds have caps in place of a gate.
    pub(super) refunds: Option<Halt>,
}

impl Gates {
    /// As the last life left them: its halts, what it left to people for good, and the acts of the last day.
    pub(super) fn recall(
        desk: &Desk,
        remembered: &HashMap<String, String>,
        cancelling: &[Timestamp],
        settling: &[Timestamp],
    ) -> Gates {
        let halt = |monitor: Monitor| remembered.get(&halt_name(monitor)).and_then(|text| read_halt(text));
        let gate = |limits: &Limits, acts: &[Timestamp], monitor| {
            Gate::new(limits.clone(), MonitorHistory { acts: acts.to_vec(), halt: halt(monitor) })
        };
        let timeout = of_acts(desk.config.order_timeout.mode, &desk.config.order_timeout.limits);
        let settle = of_acts(desk.config.group_settle.mode, &desk.config.group_settle.limits);
        // A group that is full may always succeed, however many there are; who paid too late is no share of open groups.
        let any_share = Limits { share_counts_from: usize::MAX, ..settle };
        let mut gates = Gates {
            timeout: gate(&timeout, cancelling, Monitor::OrderTimeout),
            success: gate(&any_share, settling, Monitor::GroupSettle),
            late: gate(&any_share, settling, Monitor::GroupSettle),
            fail: gate(&settle, settling, Monitor::GroupSettle),
            refunds: halt(Monitor::Refunds),
        };
        let statements = statements(desk);
        let harmful = remembered.iter().filter_map(|(name, value)| read_harmful(name, value));
        for Harmful { monitor, order, at, .. } in harmful.filter(|one| one.statements == statements) {
            gates.of(monitor).into_iter().for_each(|gate| gate.quarantine(&order, at));
        }
        gates
    }

    pub(super) fn of(&mut self, monitor: Monitor) -> Vec<&mut Gate> {
        match monitor {
            Monitor::OrderTimeout => vec![&mut self.timeout],
            Monitor::GroupSettle => vec![&mut self.success, &mut self.fail, &mut self.late],
            _ => Vec::new(),
        }
    }

    pub(super) fn halted(&self, monitor: Monitor) -> Option<Halt> {
        match monitor {
            Monitor::OrderTimeout => self.timeout.halted(),
            Monitor::GroupSettle => self.success.halted().or(self.fail.halted()).or(self.late.halted()),
            Monitor::Refunds => self.refunds,
            Monitor::LowStock | Monitor::Figures => None,
        }
    }

    pub(super) fn quarantined(&self, monitor: Monitor) -> Vec<String> {
        match monitor {
            Monitor::OrderTimeout => self.timeout.quarantined().map(ToString::to_string).collect(),
            Monitor::GroupSettle => {
                let ends = self.success.quarantined().chain(self.fail.quarantined());
                ends.chain(self.late.quarantined()).map(ToString::to_string).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Limits of the hour and day are of acts; a monitor that only looks would use them up with what it finds again.
fn of_acts(mode: Mode, limits: &Limits) -> Limits {
    match mode {
        Mode::Act => limits.clone(),
        Mode::Observe | Mode::DryRun => {
            Limits { per_hour: usize::MAX, per_day: usize::MAX, ..limits.clone() }
        }
    }
}

pub(super) fn held_name(held: Held) -> &'static str {
    match held {
        Held::FirstSeen => "first_seen",
        Held::TooOld => "too_old",
        Held::Paused => "retry_later",
        Held::Quarantined => "quarantined",
        Held::Limit => "limit",
        Held::Halted => "halted",
    }
}

pub(super) fn refund_held_name(held: RefundHeld) -> &'static str {
    match held {
        RefundHeld::DayCap => "day_cap",
        RefundHeld::SizeCap => "size_cap",
        RefundHeld::RunCap => "limit",
        RefundHeld::Pause => "retry_later",
    }
}

/// Under which orders are remembered whose statements do harm: tried again in the next life, they would halt everything.
const HARMFUL: &str = "harmful:";

/// Longer than an order is looked at by any configuration.
pub(super) const HARMFUL_KEPT: TimeDelta = TimeDelta::from_secs(90 * 86_400);

/// An order that is left to a person for good.
pub(super) struct Harmful {
    pub(super) monitor: Monitor,
    pub(super) order: OrderKey,
    pub(super) at: Timestamp,
    /// Of which statements that is so.
    pub(super) statements: u64,
}

/// As what an order is remembered whose statements do harm.
pub(super) fn harmful_name(monitor: Monitor, order: &OrderKey) -> String {
    format!("{HARMFUL}{}:{order}", monitor.name())
}

pub(super) fn read_harmful(name: &str, value: &str) -> Option<Harmful> {
    let (monitor, order) = name.strip_prefix(HARMFUL)?.split_once(':')?;
    let (at, statements) = value.split_once(' ')?;
    Some(Harmful {
        monitor: Monitor::from_name(monitor)?,
        order: OrderKey::new(order).ok()?,
        at: Timestamp(at.parse().ok()?),
        statements: statements.parse().ok()?,
    })
}

/// A number that is another one when the mapping's statements are.
pub(super) fn statements(desk: &Desk) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{:?}", desk.hands.shop.mapping().actions()).hash(&mut hasher);
    hasher.finish()
}

pub(super) fn halt_detail(halt: Halt) -> String {
    match halt {
        Halt::Share { going, pending } => format!("share: {going} of {pending} pending would go at once"),
        halt => halt.name().to_owned(),
    }
}

pub(super) fn write_halt(halt: Halt) -> String {
    match halt {
        Halt::Share { going, pending } => format!("share {going} {pending}"),
        halt => halt.name().to_owned(),
    }
}

pub(super) fn read_halt(text: &str) -> Option<Halt> {
    let mut words = text.split(' ');
    Some(match words.next()? {
        "kill_switch" => Halt::KillSwitch,
        "share" => {
            let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
            Halt::Share { going: number(), pending: number() }
        }
        "rows_mismatch" => Halt::RowsMismatch,
        "our_fault" => Halt::OurFault,
        "schema_changed" => Halt::SchemaChanged,
        "clock_skew" => Halt::ClockSkew,
        "quarantine" => Halt::Quarantine,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_halt_survives_a_restart() {
        for halt in [
            Halt::Share { going: 51, pending: 100 },
            Halt::RowsMismatch,
            Halt::OurFault,
            Halt::KillSwitch,
            Halt::SchemaChanged,
            Halt::ClockSkew,
            Halt::Quarantine,
        ] {
            assert_eq!(read_halt(&write_halt(halt)), Some(halt));
        }
        assert_eq!(read_halt("what?"), None);
    }
}

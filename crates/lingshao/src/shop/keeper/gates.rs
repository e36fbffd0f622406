//! The gates of the monitors that act, and what of them a restart reads again: halts, and orders whose statements do harm.

use std::hash::{DefaultHasher, Hash, Hasher};

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::OrderKey;
use lingshao_shop::safety::{Gate, Halt, Held, RefundHeld};

use crate::shop::desk::Desk;
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

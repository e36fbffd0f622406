//! The engines' changes as rows to write, and rows as what the engines take back.

use lingshao_alerting::router::{
    Change, Changes, ForeignRows, GroupKey, LogEntry, LogKey, Silence, SilenceId,
};
use lingshao_alerting::rules::SavedChange;
use lingshao_model::{Alert, Delivery, DeliveryId, Fingerprint};

use super::rows;
use super::schema::Table;
use super::{Batch, Loaded};
use crate::state::rows::RowError;

impl Batch {
    /// What a rule group's round changed.
    pub(crate) fn add_rule_alerts(&mut self, changes: &[SavedChange]) {
        for change in changes {
            match change {
                SavedChange::Put(alert) => {
                    let key = rows::rule_alert_key(&alert.key());
                    self.put(Table::RuleAlerts, key, rows::write_rule_alert(alert));
                }
                SavedChange::Gone(key) => self.gone(Table::RuleAlerts, rows::rule_alert_key(key)),
            }
        }
    }

    /// What the router changed.
    pub(crate) fn add_changes(&mut self, changes: &Changes) {
        let Changes { alerts, groups, silences, log, outbox } = changes;
        self.add(Table::Alerts, alerts, Alert::fingerprint, Fingerprint::to_string, rows::write_alert);
        self.add(Table::Groups, groups, |row| row.key.clone(), group_key, rows::write_group);
        self.add(Table::Silences, silences, |row| row.id.clone(), SilenceId::to_string, rows::write_silence);
        self.add(Table::Log, log, |row| row.key.clone(), rows::log_key, rows::write_log);
        self.add(Table::Outbox, outbox, |row| row.id, DeliveryId::to_string, rows::write_delivery);
    }

    fn add<K, V>(
        &mut self,
        table: Table,
        changes: &[Change<K, V>],
        key_of: impl Fn(&V) -> K,
        key_text: impl Fn(&K) -> String,
        write: impl Fn(&V) -> String,
    ) {
        for change in changes {
            match change {
                Change::Put(row) => self.put(table, key_text(&key_of(row)), write(row)),
                Change::Gone(key) => self.gone(table, key_text(key)),
            }
        }
    }
}

fn group_key(key: &GroupKey) -> String {
    rows::to_text(&(&key.group_key, &key.receiver))
}

impl Loaded {
    /// Reads a row of a table.
    pub(super) fn add(&mut self, table: Table, row: &str) -> Result<(), RowError> {
        let router = &mut self.router;
        match table {
            Table::RuleAlerts => self.rule_alerts.push(rows::read_rule_alert(row)?),
            Table::Alerts => router.alerts.push(rows::read_alert(row)?),
            Table::Groups => router.groups.push(rows::read_group(row)?),
            Table::Silences => router.silences.push(rows::read_silence(row)?),
            Table::Log => router.log.push(rows::read_log(row)?),
            Table::Outbox => router.outbox.push(rows::read_delivery(row)?),
        }
        Ok(())
    }
}

/// Adds a row that another member wrote.
pub(super) fn add_foreign(foreign: &mut ForeignRows, table: Table, row: &str) -> Result<(), RowError> {
    match table {
        Table::Silences => foreign.silences.push(Change::<SilenceId, Silence>::Put(rows::read_silence(row)?)),
        Table::Log => foreign.log.push(Change::<LogKey, LogEntry>::Put(rows::read_log(row)?)),
        Table::Outbox => foreign.outbox.push(Change::<DeliveryId, Delivery>::Put(rows::read_delivery(row)?)),
        Table::RuleAlerts | Table::Alerts | Table::Groups => {}
    }
    Ok(())
}

/// The id in a key of the outbox.
pub(super) fn delivery_id(key: &str) -> Option<DeliveryId> {
    u128::from_str_radix(key, 16).ok().map(DeliveryId)
}

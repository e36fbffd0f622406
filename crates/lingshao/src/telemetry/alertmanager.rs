//! Figures of alerts, silences and `state.db`, under Alertmanager's names where it has them.

use super::{Counter, Fault, Gauge, Page, Seconds};

/// What the owner of alerts counts.
#[derive(Debug, Default)]
pub(crate) struct AlertmanagerTelemetry {
    /// Alerts that have not ended and are told about.
    pub(crate) alerts_active: Gauge,
    /// Alerts that have not ended and are silenced or inhibited.
    pub(crate) alerts_suppressed: Gauge,
    /// Groups.
    pub(crate) groups: Gauge,
    /// Silences that mute.
    pub(crate) silences_active: Gauge,
    /// Silences that will.
    pub(crate) silences_pending: Gauge,
    /// Silences that did.
    pub(crate) silences_expired: Gauge,
    /// Rows of the notification log.
    pub(crate) log: Gauge,
    /// Deliveries that wait for their outcome.
    pub(crate) outbox: Gauge,
    /// Alerts received by the API that fire.
    pub(crate) received_firing: Counter,
    /// Alerts received by the API that have ended.
    pub(crate) received_resolved: Counter,
    /// Alerts received by the API that make no sense.
    pub(crate) received_invalid: Counter,
    /// Alerts that the router did not take.
    pub(crate) refused: Counter,
    /// Transactions written to `state.db`, and how long they took.
    pub(crate) commits: Seconds,
    /// Transactions that failed.
    pub(crate) commits_failed: Counter,
    /// Why `state.db` refuses what is written.
    pub(crate) state_failed: Fault,
    /// Steps of the wall clock into the past.
    pub(crate) clock_steps: Counter,
}

impl AlertmanagerTelemetry {
    /// Adds all of it to a page.
    pub(crate) fn render(&self, page: &mut Page) {
        let states = |page: &mut Page, name: &str, help: &str, states: &[(&str, &Gauge)]| {
            page.family(name, "gauge", help);
            for (state, gauge) in states {
                page.sample(name, &[("state", state)], gauge.get());
            }
        };
        let alerts = [("active", &self.alerts_active), ("suppressed", &self.alerts_suppressed)];
        states(page, "alertmanager_alerts", "Alerts that have not ended, by state.", &alerts);
        let silences = [
            ("active", &self.silences_active),
            ("pending", &self.silences_pending),
            ("expired", &self.silences_expired),
        ];
        states(page, "alertmanager_silences", "Silences by state.", &silences);
        let help = "Groups of alerts.";
        page.gauge("alertmanager_dispatcher_aggregation_groups", help, self.groups.get());
        let name = "alertmanager_alerts_received_total";
        page.family(name, "counter", "Alerts received by the API, by status.");
        page.sample(name, &[("status", "firing")], self.received_firing.get() as f64);
        page.sample(name, &[("status", "resolved")], self.received_resolved.get() as f64);
        let name = "alertmanager_alerts_invalid_total";
        page.counter(
            name,
            "Alerts received by the API that are invalid.",
            self.received_invalid.get() as f64,
        );
        let name = "lingshao_alerts_refused_total";
        page.counter(name, "Alerts that went over a limit of the router.", self.refused.get() as f64);
        page.gauge("lingshao_notification_log_entries", "Rows of the notification log.", self.log.get());
        let help = "Deliveries that wait for their outcome.";
        page.gauge("lingshao_outbox_deliveries", help, self.outbox.get());
        let name = "lingshao_state_commit_duration_seconds";
        page.family(name, "histogram", "Transactions of state.db.");
        page.seconds(name, &[], &self.commits);
        let name = "lingshao_state_commit_failures_total";
        page.counter(name, "Transactions of state.db that failed.", self.commits_failed.get() as f64);
        let help = "1 while state.db cannot be written; people are told, but a crash would forget it.";
        page.gauge("lingshao_state_failed", help, self.state_failed.figure());
        let name = "lingshao_clock_steps_back_total";
        page.counter(name, "Times the wall clock was set back.", self.clock_steps.get() as f64);
    }
}

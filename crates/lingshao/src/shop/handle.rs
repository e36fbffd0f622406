//! How people ask the monitors, and tell them: every word that changes something is confirmed by a second one.
//!
//! A command is first answered with a token and what it would do; the same command with that token, from the same person
//! and within a minute, does it. Tokens are keyed hashes, so nothing is kept for those that nobody uses.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::act::{NextGenerationError, next_generation};
use lingshao_shop::ledger::{LedgerRow, RefundRow, RefundState};
use lingshao_shop::{OrderKey, RefundNumber};
use lingshao_wire::wechatpay::SignatureHeaders;
use lingshao_wire::wechatpay::notice::{Notice, NoticeError, NoticeEvent};
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::watch;

use super::desk::{Brake, Desk, STOPPED, TOLD_NOW, WANTED_MAX, Wanted, halt_name, paused_name, told_name};
use super::figures;
use super::hands::log;
use super::monitor::Monitor;
use super::preview::{Preview, preview};
use super::telemetry::Facts;
use super::view::View;
use crate::clock::now;
use crate::security::hex;
use crate::state::{AuditEntry, AuditRow, Broken, RefundFilter, StateError};

/// How long one waits for others' previews.
const PREVIEW_PATIENCE: Duration = Duration::from_secs(10);
/// Long enough to read what it says, too short to be found in a history.
const CONFIRM_WITHIN: TimeDelta = TimeDelta::from_secs(60);

/// Speaks to the owner and its store. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ShopHandle {
    desk: watch::Receiver<Option<Arc<Desk>>>,
    view: watch::Receiver<Option<Arc<View>>>,
    facts: Arc<Facts>,
    key: hmac::Key,
    /// One preview at a time: it asks the shop's database five questions, whoever wants it.
    previews: Arc<tokio::sync::Mutex<()>>,
}

/// What a person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A monitor does nothing until it is resumed.
    Pause(Monitor),
    /// It goes on, also after a halt.
    Resume(Monitor),
    /// Nothing acts any more.
    Stop,
    /// All go on.
    Go,
    /// Acts on these now, whatever the monitor's mode.
    Run(Monitor, Vec<String>),
    /// A refund that waits for a person is tried under a new number; one that waits for its time is asked for now.
    Retry(RefundNumber),
    /// A refund that waits for a person was given back by hand.
    Settle(RefundNumber),
    /// The shop's tables are right as they are now.
    AgreeToTables,
}

/// Why a callback of the provider is refused; it will be sent again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoticeRefused {
    /// None is taken.
    #[error("no callbacks are taken here; set `api_v3_key_file` of `shop.provider.wechatpay`")]
    NotHere,
    /// It is not WeChat Pay's, or not for us.
    #[error(transparent)]
    NotBelieved(#[from] NoticeError),
    /// Of a refund that is not ours.
    #[error("no refund of this number was sent from here")]
    Unknown,
    /// The ledger.
    #[error(transparent)]
    State(#[from] StateError),
}

/// To be given back with the same command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confirmation {
    /// The token.
    pub(crate) token: String,
    /// Until when it counts.
    pub(crate) until: Timestamp,
}

/// Why a command is not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// There is none.
    #[error("no shop is configured; add `shop:` to lingshao.yml")]
    NoShop,
    /// Others look already.
    #[error("other previews are being made; try again")]
    Busy,
    /// The second word is missing.
    #[error("say it once more with this confirmation")]
    Confirm(Confirmation),
    /// The second word does not fit.
    #[error("the confirmation is too old, or belongs to another command; begin again")]
    BadConfirmation,
    /// No such refund.
    #[error("there is no refund of this number")]
    NoRefund,
    /// Not one that can be tried again.
    #[error(transparent)]
    Retry(#[from] NextGenerationError),
    /// Nothing of it is to be decided.
    #[error("refund {0} is {1}; only one that is HUMAN, and has no newer number, can be settled by hand")]
    NotForAPerson(RefundNumber, &'static str),
    /// It is at its end.
    #[error("the refund is done")]
    Done,
    /// Only orders and groups can be acted on by hand.
    #[error("`{0}` acts on nothing by hand")]
    NotByHand(&'static str),
    /// Nothing named, or what is no key.
    #[error("name 1 to {WANTED_MAX} keys of orders or groups")]
    Keys,
    /// It would not be done.
    #[error("`{0}` acts on nothing now: {1}")]
    Refuses(&'static str, String),
    /// Another process looks after the shop: brakes hold from here, too, the rest is to be said there.
    #[error(
        "this process stands by, and `{0}` looks after the shop: say it there; Stop and Pause hold from here, too"
    )]
    Standby(String),
    /// Too much is ordered.
    #[error("what was ordered by hand before is still waiting; try again in a minute")]
    Waits,
    /// The switch's file.
    #[error("the file `{path}` cannot be changed: {source}")]
    Switch {
        /// Where.
        path: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// The ledger.
    #[error(transparent)]
    State(#[from] StateError),
}

impl fmt::Display for Command {
    /// What a confirmation belongs to: two commands that do the same are the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Pause(monitor) => write!(f, "pause {}", monitor.name()),
            Command::Resume(monitor) => write!(f, "resume {}", monitor.name()),
            Command::Stop => f.write_str("stop"),
            Command::Go => f.write_str("go"),
            Command::Run(monitor, keys) => write!(f, "run {} {}", monitor.name(), keys.join(",")),
            Command::Retry(number) => write!(f, "retry {number}"),
            Command::Settle(number) => write!(f, "settle {number}"),
            Command::AgreeToTables => f.write_str("agree"),
        }
    }
}

impl ShopHandle {
    pub(super) fn new(
        desk: watch::Receiver<Option<Arc<Desk>>>,
        view: watch::Receiver<Option<Arc<View>>>,
        facts: Arc<Facts>,
    ) -> Result<ShopHandle, anyhow::Error> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
        Ok(ShopHandle { desk, view, facts, key, previews: Arc::default() })
    }

    fn desk(&self) -> Result<Arc<Desk>, CommandError> {
        self.desk.borrow().clone().ok_or(CommandError::NoShop)
    }

    pub(super) fn end(&self) {
        if let Ok(desk) = self.desk() {
            desk.end();
        }
    }

    /// The page of business metrics; nothing before the first tick.
    pub(super) fn render(&self, out: &mut Vec<u8>) {
        if let (Ok(desk), Some(view)) = (self.desk(), self.view()) {
            figures::render(&view, &self.facts, &desk.config.left_out, out);
        }
    }

    /// Whether a shop is configured.
    pub(crate) fn is_there(&self) -> bool {
        self.desk.borrow().is_some()
    }

    /// As it was after the last tick; what people said since is in it. `None`: no tick yet, or no shop.
    pub(crate) fn view(&self) -> Option<View> {
        let desk = self.desk().ok()?;
        let mut view = View::clone(self.view.borrow().as_ref()?);
        view.stopped = desk.is_stopped();
        for monitor in &mut view.monitors {
            monitor.paused_by = Monitor::from_name(monitor.name).and_then(|monitor| desk.paused_by(monitor));
        }
        Some(view)
    }

    /// What would be done now.
    pub(crate) async fn preview(&self) -> Result<Preview, CommandError> {
        let desk = self.desk()?;
        let turn = tokio::time::timeout(PREVIEW_PATIENCE, self.previews.lock()).await;
        let _turn = turn.map_err(|_| CommandError::Busy)?;
        Ok(preview(&desk.config, &desk.hands.shop, now()).await)
    }

    /// Refunds of the ledger.
    pub(crate) async fn refunds(
        &self,
        filter: RefundFilter,
        limit: u32,
    ) -> Result<Vec<RefundRow>, CommandError> {
        Ok(self.desk()?.store.refunds(filter, limit).await?)
    }

    /// Lines of the audit trail, newest first.
    pub(crate) async fn audit(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, CommandError> {
        Ok(self.desk()?.store.audit(before, limit).await?)
    }

    /// Lines of it, oldest first.
    pub(crate) async fn audit_after(&self, after: i64, limit: u32) -> Result<Vec<AuditRow>, CommandError> {
        Ok(self.desk()?.store.audit_after(after, limit).await?)
    }

    /// How many facts of each kind there are since then.
    pub(crate) async fn counts(&self, since: Timestamp) -> Result<Vec<(String, i64)>, CommandError> {
        Ok(self.desk()?.store.counts(since).await?)
    }

    /// Where the audit trail was tampered with.
    pub(crate) async fn verify(&self) -> Result<Option<Broken>, CommandError> {
        Ok(self.desk()?.store.verify().await?)
    }

    /// Does it, when it is confirmed. `by`: who says so.
    pub(crate) async fn command(
        &self,
        command: &Command,
        by: &str,
        token: Option<&str>,
    ) -> Result<(), CommandError> {
        let desk = self.desk()?;
        check(command)?;
        let brakes = matches!(command, Command::Pause(_) | Command::Stop);
        if let (false, Some(leader)) = (brakes, self.leader()) {
            return Err(CommandError::Standby(leader));
        }
        if let Command::Run(monitor, _) = command
            && let Some(refusal) = self.refusal(*monitor)
        {
            return Err(CommandError::Refuses(monitor.name(), refusal));
        }
        match token {
            None => return Err(CommandError::Confirm(self.confirmation(command, by, now()))),
            Some(token) if self.is_confirmed(command, by, token, now()) => {}
            Some(_) => return Err(CommandError::BadConfirmation),
        }
        let mut rows = Vec::new();
        let entry = match command {
            Command::Pause(monitor) => {
                // Before anything can fail: whoever pulls a brake wants it to hold.
                desk.pause(*monitor, by);
                desk.store.remember(&paused_name(*monitor), Some(by)).await?;
                desk.saved(Brake::Pause(*monitor));
                AuditEntry { monitor: monitor.name().to_owned(), ..of("paused", by) }
            }
            Command::Resume(monitor) => {
                desk.store.remember(&paused_name(*monitor), None).await?;
                // A crash before the next tick must not undo the word.
                desk.store.remember(&halt_name(*monitor), None).await?;
                desk.resume(*monitor);
                AuditEntry { monitor: monitor.name().to_owned(), ..of("resumed", by) }
            }
            Command::Stop => {
                match desk.member {
                    // For all of them, and for whoever takes over.
                    Some(_) => {
                        desk.stop(by);
                        desk.store.remember(STOPPED, Some(by)).await?;
                        desk.saved(Brake::Stop);
                    }
                    None => switch(&desk, true)?,
                }
                of("stopped", by)
            }
            Command::Go => {
                switch(&desk, false)?;
                desk.store.remember(STOPPED, None).await?;
                desk.go();
                of("started", by)
            }
            Command::Run(monitor, keys) => {
                let wanted = Wanted { monitor: *monitor, keys: keys.clone(), by: by.to_owned(), at: now() };
                if !desk.want(wanted) {
                    return Err(CommandError::Waits);
                }
                let monitor = monitor.name().to_owned();
                AuditEntry { monitor, detail: keys.join(","), ..of("acted_by_hand", by) }
            }
            Command::Retry(number) => {
                let entry = retry(&desk, number, &mut rows).await?;
                AuditEntry { by: by.to_owned(), ..entry }
            }
            Command::Settle(number) => {
                let entry = settle(&desk, number, &mut rows).await?;
                AuditEntry { by: by.to_owned(), ..entry }
            }
            Command::AgreeToTables => {
                desk.agree();
                of("tables_agreed", by)
            }
        };
        tracing::info!(%command, by, "a person commands the shop's monitors");
        desk.store.write(&rows, std::slice::from_ref(&entry)).await?;
        log(&desk.hands.logs, vec![entry]).await;
        desk.wake.notify_one();
        Ok(())
    }

    /// WeChat Pay tells how a refund ended. Nothing of it is believed but that there is something to ask for: the ledger
    /// asks about that number at once, whoever told it.
    pub(crate) async fn wechatpay_notice(
        &self,
        signature: &SignatureHeaders<'_>,
        body: &[u8],
    ) -> Result<(), NoticeRefused> {
        let desk = self.desk().map_err(|_| NoticeRefused::NotHere)?;
        let opened = desk.hands.provider.open_notice(signature, body).ok_or(NoticeRefused::NotHere)?;
        let outcome = match opened {
            Ok(notice) => hear(&desk, &notice).await,
            Err(error) => Err(NoticeRefused::NotBelieved(error)),
        };
        let fact = if outcome.is_ok() { "callback" } else { "callback_refused" };
        self.facts.add(Monitor::Refunds, fact);
        outcome
    }

    /// Who looks after the shop, if it is another process.
    fn leader(&self) -> Option<String> {
        self.view.borrow().as_ref()?.standby.clone()
    }

    /// Why a monitor did nothing at the last tick.
    fn refusal(&self, monitor: Monitor) -> Option<String> {
        let view = self.view.borrow().clone()?;
        let own = view.monitors.iter().find(|own| own.name == monitor.name())?;
        own.refuses
            .as_ref()
            .map(|refusal| format!("{} {}", refusal.reason, refusal.detail).trim_end().to_owned())
    }

    fn confirmation(&self, command: &Command, by: &str, now: Timestamp) -> Confirmation {
        let until = now + CONFIRM_WITHIN;
        let tag = hmac::sign(&self.key, what(command, by, until).as_bytes());
        Confirmation { token: format!("{}-{}", until.0, hex(tag.as_ref())), until }
    }

    fn is_confirmed(&self, command: &Command, by: &str, token: &str, now: Timestamp) -> bool {
        let Some((until, tag)) = token.split_once('-') else { return false };
        let Ok(until) = until.parse().map(Timestamp) else { return false };
        let byte = |at: usize| tag.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let tag: Option<Vec<u8>> = (0..tag.len()).step_by(2).map(byte).collect();
        let fits = |tag: Vec<u8>| hmac::verify(&self.key, what(command, by, until).as_bytes(), &tag).is_ok();
        now < until && tag.is_some_and(fits)
    }
}

async fn hear(desk: &Desk, notice: &Notice) -> Result<(), NoticeRefused> {
    let number = match &notice.event {
        NoticeEvent::Refund { number, .. } => number,
        NoticeEvent::Paid { .. } => return Ok(()), // Of payments the shop is told.
        NoticeEvent::Other(event) => {
            tracing::info!(%event, "a callback of WeChat Pay about something else is left alone");
            return Ok(());
        }
    };
    let number = RefundNumber::new(number).map_err(|_| NoticeRefused::Unknown)?;
    let Some(row) = desk.store.refund(&number).await? else {
        tracing::warn!(refund = %number, "WeChat Pay tells of a refund that was not sent from here");
        return Err(NoticeRefused::Unknown);
    };
    if row.is_done() || desk.has_noticed(&notice.id) {
        return Ok(());
    }
    if row.is_open() && desk.member.is_none() {
        desk.nudge(number.as_str());
    } else if row.is_open() {
        // Whichever process looks after the shop reads it.
        desk.store.remember(&told_name(&number), Some(TOLD_NOW)).await?;
    } else {
        tell_of_ended(desk, &row).await?;
    }
    tracing::info!(refund = %number, "WeChat Pay has news of a refund, and is asked for it");
    desk.notice(&notice.id);
    desk.wake.notify_one();
    Ok(())
}

/// Word of a refund that we had given up, or given to a person: on disk before it is acknowledged, so that it is asked for
/// though nothing of it is open.
async fn tell_of_ended(desk: &Desk, row: &RefundRow) -> Result<(), StateError> {
    const KIND: &str = "refund_told";
    let entry = AuditEntry {
        after: row.state.name().to_owned(),
        detail: "WeChat Pay sends word of it, and is asked".to_owned(),
        ..of_refund(KIND, row)
    };
    desk.store.write(&[], std::slice::from_ref(&entry)).await?;
    desk.store.remember(&told_name(&row.number), Some(TOLD_NOW)).await?;
    desk.hands.facts.add(Monitor::Refunds, KIND);
    log(&desk.hands.logs, vec![entry]).await;
    Ok(())
}

fn what(command: &Command, by: &str, until: Timestamp) -> String {
    format!("{}\n{by}\n{command}", until.0)
}

fn of(kind: &str, by: &str) -> AuditEntry {
    AuditEntry { at: now().0, kind: kind.to_owned(), by: by.to_owned(), ..AuditEntry::default() }
}

/// About a refund as it stands.
fn of_refund(kind: &str, row: &RefundRow) -> AuditEntry {
    AuditEntry {
        monitor: Monitor::Refunds.name().to_owned(),
        order: Some(row.order.to_string()),
        refund: Some(row.number.to_string()),
        fen: Some(row.amount.0),
        before: row.state.name().to_owned(),
        ..of(kind, "")
    }
}

fn check(command: &Command) -> Result<(), CommandError> {
    match command {
        Command::Pause(monitor) | Command::Resume(monitor) if !monitor.acts() => {
            Err(CommandError::NotByHand(monitor.name()))
        }
        Command::Run(monitor, _) if !matches!(monitor, Monitor::OrderTimeout | Monitor::GroupSettle) => {
            Err(CommandError::NotByHand(monitor.name()))
        }
        Command::Run(_, keys) if keys.is_empty() || WANTED_MAX < keys.len() => Err(CommandError::Keys),
        Command::Run(_, keys) if keys.iter().any(|key| OrderKey::new(key).is_err()) => {
            Err(CommandError::Keys)
        }
        _ => Ok(()),
    }
}

fn switch(desk: &Desk, on: bool) -> Result<(), CommandError> {
    let path = &desk.kill_switch;
    let changed = if on { std::fs::write(path, "stopped\n") } else { std::fs::remove_file(path) };
    match changed {
        Err(error) if !on && error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(CommandError::Switch { path: path.display().to_string(), source }),
        Ok(()) => Ok(()),
    }
}

async fn retry(
    desk: &Desk,
    number: &RefundNumber,
    rows: &mut Vec<LedgerRow>,
) -> Result<AuditEntry, CommandError> {
    let row = desk.store.refund(number).await?.ok_or(CommandError::NoRefund)?;
    let entry = of_refund("refund_retried", &row);
    match row.state {
        RefundState::Human | RefundState::Failed => {
            let both = next_generation(&row, &desk.config.name, now())?;
            is_not_replaced(desk, &row).await?;
            let detail = format!("as {}", both[1].number);
            rows.extend(both.map(LedgerRow::Refund));
            Ok(AuditEntry { after: RefundState::Planned.name().to_owned(), detail, ..entry })
        }
        _ if !row.is_open() => Err(CommandError::Done),
        _ => {
            desk.nudge(number.as_str());
            Ok(AuditEntry {
                after: row.state.name().to_owned(),
                detail: "asked for at once".to_owned(),
                ..entry
            })
        }
    }
}

async fn is_not_replaced(desk: &Desk, row: &RefundRow) -> Result<(), CommandError> {
    match desk.newer(row).await? {
        None => Ok(()),
        Some(new) => {
            desk.keep_replaced(&row.number).await?;
            Err(NextGenerationError::Replaced(row.number.clone(), new).into())
        }
    }
}

/// A person has given the money back in some other way: nothing is sent any more, and the order is to show it.
async fn settle(
    desk: &Desk,
    number: &RefundNumber,
    rows: &mut Vec<LedgerRow>,
) -> Result<AuditEntry, CommandError> {
    let row = desk.store.refund(number).await?.ok_or(CommandError::NoRefund)?;
    if !row.needs_human() {
        return Err(CommandError::NotForAPerson(row.number, row.state.name()));
    }
    is_not_replaced(desk, &row).await?;
    let entry = of_refund("refund_settled_by_hand", &row);
    rows.push(LedgerRow::Refund(RefundRow {
        state: RefundState::Done,
        marked: false,
        attempts: 0,
        next_at: now(),
        why: "given back by hand".into(),
        ..row
    }));
    Ok(AuditEntry { after: RefundState::Done.name().to_owned(), ..entry })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_belongs_to_one_command_one_person_and_one_minute() {
        let (_, desk) = watch::channel(None);
        let (_, view) = watch::channel(None);
        let handle = ShopHandle::new(desk, view, Arc::default()).unwrap();
        let command = Command::Pause(Monitor::OrderTimeout);
        let at = Timestamp(1_000_000);
        let Confirmation { token, until } = handle.confirmation(&command, "li", at);
        assert!(handle.is_confirmed(&command, "li", &token, at));
        assert!(handle.is_confirmed(&command, "li", &token, until - TimeDelta(1)));
        assert!(!handle.is_confirmed(&command, "li", &token, until));
        assert!(!handle.is_confirmed(&command, "wang", &token, at));
        assert!(!handle.is_confirmed(&Command::Pause(Monitor::Refunds), "li", &token, at));
        assert!(!handle.is_confirmed(
            &Command::Run(Monitor::OrderTimeout, vec!["1".to_owned()]),
            "li",
            &token,
            at
        ));
        let later = token.replace(&until.0.to_string(), &(until.0 + 1).to_string());
        for wrong in ["", "1", "-", "1000060000-", "1000060000-zz", &later] {
            assert!(!handle.is_confirmed(&command, "li", wrong, at), "{wrong}");
        }
    }
}

//! Tells people: each integration of each receiver has its own queue and its own task, so that one that hangs delays
//! nobody else.
//!
//! Contract: what is enqueued is reported exactly once per process life, as sent or failed, unless a newer delivery of
//! the same group to the same integration has replaced it before; the report is awaited before the same queue sends
//! again, so that a crash repeats at most one message per integration. Answers that may change are tried again for
//! ever, with growing pauses. Robots with a rate get what waits as one digest when it is more than the rate allows,
//! critical first. Every request has a timeout, every answer is read up to 64 KiB; no secret is in a log line, an
//! error, a report or the status.

mod budget;
mod digest;
mod email;
mod http;
mod integration;
mod mailbox;
mod robot;
mod sender;
mod settings;
mod sms;
mod webhook;
mod wechat;
mod words;

pub(crate) use words::default_templates;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lingshao_model::{Delivery, DeliveryId, DeliveryOutcome, IntegrationId, Timestamp};
use lingshao_wire::notify::Verdict;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use crate::telemetry::notify::NotifyTelemetry;
pub use settings::{Settings, SettingsError};

use crate::clock;
use crate::config::Config;
use integration::{Integration, Told};
use mailbox::{Mailbox, Waiting};
use sender::Windows;

/// How long `stop` waits for requests under way: long enough for an answer that is coming, short of a supervisor's
/// patience.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// A delivery that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Which.
    pub id: DeliveryId,
    /// Of which group.
    pub group_key: String,
    /// By which way.
    pub to: IntegrationId,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// Requests made for it, those that were tried again included.
    pub attempts: u32,
    /// When it was enqueued.
    pub began_at: Timestamp,
    /// When it was over.
    pub ended_at: Timestamp,
}

/// Takes results; its future ends when they are committed. The queue that they come from waits for it.
pub type Report = Arc<dyn Fn(Vec<Finished>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// How an integration is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegrationStatus {
    /// Which.
    pub id: IntegrationId,
    /// Deliveries that wait, those being tried again included.
    pub waiting: usize,
    /// Since when and why it fails, when the last request did; without secrets.
    pub failing: Option<(Timestamp, String)>,
    /// When something last got through.
    pub last_sent: Option<Timestamp>,
}

/// What all messages share, besides the receivers.
#[derive(Clone, Debug, Default)]
pub struct House {
    /// Where people open our pages, without a slash at the end.
    pub external_url: String,
    /// IANA name of the zone in which times are written; the host's when absent.
    pub time_zone: Option<String>,
    /// In which language the default texts are.
    pub language: Language,
    /// The texts of the files that `templates` names, each with its file's name.
    pub template_files: Vec<(String, String)>,
}

impl House {
    /// As configured.
    pub(crate) fn new(config: &Config, external_url: &str) -> House {
        let files = config.template_files.iter();
        House {
            external_url: external_url.to_owned(),
            time_zone: Some(config.messages.time_zone.clone()),
            language: config.messages.language.into(),
            template_files: files.map(|file| (file.path.display().to_string(), file.text.clone())).collect(),
        }
    }
}

/// The language of the default texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// 中文
    #[default]
    Chinese,
    /// English
    English,
}

/// The queues and their tasks.
pub struct Notifier {
    report: Report,
    telemetry: Arc<NotifyTelemetry>,
    windows: Arc<Windows>,
    senders: Mutex<BTreeMap<IntegrationId, Sender>>,
    /// Takes deliveries that nobody can send, only to report them.
    strays: Arc<Mailbox>,
    stray_task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

struct Sender {
    mailbox: Arc<Mailbox>,
    integration: watch::Sender<Arc<Integration>>,
    task: JoinHandle<()>,
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}

impl Notifier {
    /// Starts a task per integration. Must be called inside of the runtime.
    pub fn start(settings: Settings, report: Report, telemetry: Arc<NotifyTelemetry>) -> Notifier {
        let strays = Arc::new(Mailbox::default());
        let stray_task = tokio::spawn(sender::report_strays(strays.clone(), report.clone()));
        let notifier = Notifier {
            report,
            telemetry,
            windows: Arc::default(),
            senders: Mutex::default(),
            strays,
            stray_task,
            stop: watch::Sender::new(false),
        };
        notifier.replace(settings);
        notifier
    }

    /// Puts deliveries into their queues, each in place of a waiting one of the same group and integration. Never
    /// waits. One for an integration that there is not, or for a queue that is full, is reported as failed.
    pub fn enqueue(&self, deliveries: Vec<Delivery>) {
        let now = clock::now();
        let senders = self.senders();
        for delivery in deliveries {
            let mailbox = senders.get(&delivery.to).map_or(&self.strays, |sender| &sender.mailbox);
            if let Err(waiting) = mailbox.put(Waiting::new(delivery, now)) {
                let id = waiting.delivery.to.clone();
                self.telemetry.finished(&id, 1, Some("queue_full"));
                if self.strays.put(waiting).is_err() {
                    // Its row stays in the outbox; the next change of its group, or the next start, brings it again.
                    tracing::error!(integration = %id, "all queues are full: a delivery waits in the outbox only");
                }
            }
        }
    }

    /// Takes deliveries out of their queues without a report. One that is being sent stays and is reported.
    pub fn withdraw(&self, ids: &[DeliveryId]) {
        for sender in self.senders().values() {
            sender.mailbox.withdraw(ids);
        }
    }

    /// From now on with these settings; queues of integrations that stay keep what waits in them.
    pub fn replace(&self, settings: Settings) {
        self.windows.keep(settings.integrations.values().map(AsRef::as_ref));
        let mut senders = self.senders();
        senders.retain(|id, sender| {
            let stays = settings.integrations.contains_key(id);
            if !stays {
                sender.mailbox.close();
            }
            stays
        });
        for (id, integration) in settings.integrations {
            match senders.get(&id) {
                Some(sender) => drop(sender.integration.send_replace(integration)),
                None => drop(senders.insert(id, self.start_sender(integration))),
            }
        }
    }

    fn start_sender(&self, integration: Arc<Integration>) -> Sender {
        let mailbox = Arc::new(Mailbox::default());
        let (integration, integrations) = watch::channel(integration);
        let sender = sender::Sender {
            mailbox: mailbox.clone(),
            integration: integrations,
            windows: self.windows.clone(),
            report: self.report.clone(),
            telemetry: self.telemetry.clone(),
            stop: self.stop.subscribe(),
        };
        Sender { mailbox, integration, task: tokio::spawn(sender.run()) }
    }

    /// Ends all tasks, after what is being sent now if that does not take long; what waits stays unreported, so that
    /// the next life sends it. Results are reported until then.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let deadline = tokio::time::Instant::now() + STOP_GRACE;
        let senders = std::mem::take(&mut *self.senders());
        for (_, mut sender) in senders {
            if tokio::time::timeout_at(deadline, &mut sender.task).await.is_err() {
                sender.task.abort();
            }
        }
        self.stray_task.abort();
    }

    /// How each integration is doing, in the order of their names.
    pub fn status(&self) -> Vec<IntegrationStatus> {
        self.senders().iter().map(|(id, sender)| sender.mailbox.status(id)).collect()
    }

    fn senders(&self) -> MutexGuard<'_, BTreeMap<IntegrationId, Sender>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends one delivery through every integration of its receiver, once, without a queue, and gives each one's answer.
/// `Ok` is the service's word for having taken it; secrets are masked in both.
pub async fn send_once(
    settings: &Settings,
    delivery: &Delivery,
) -> Vec<(IntegrationId, Result<String, String>)> {
    let mut answers = Vec::new();
    let of_receiver = |id: &&IntegrationId| id.receiver == delivery.to.receiver;
    for id in settings.integrations.keys().filter(of_receiver) {
        let integration = &settings.integrations[id];
        let delivery = Arc::new(Delivery { to: id.clone(), ..delivery.clone() });
        let told = Told { deliveries: &[delivery], parts_max: 1, is_shorter: false, now: clock::now() };
        let mut answer = Err("there is nothing to send".to_owned());
        for mut part in integration.compose(&told) {
            answer = match integration.send(&mut part).await {
                Verdict::Sent(said) => Ok(said),
                Verdict::Retry { reason, .. } | Verdict::TooLong(reason) | Verdict::Final(reason) => {
                    Err(reason)
                }
            };
            if answer.is_err() {
                break;
            }
        }
        answers.push((id.clone(), answer));
    }
    answers
}

/// The names of receivers that have an integration.
pub fn receivers(settings: &Settings) -> Vec<&str> {
    let mut names: Vec<&str> = settings.integrations.keys().map(|id| id.receiver.as_str()).collect();
    names.dedup();
    names
}

/// A clock that never jumps, for pauses and budgets: milliseconds since the first look at it.
fn steady_now() -> Timestamp {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    Timestamp(i64::try_from(START.elapsed().as_millis()).unwrap_or(i64::MAX))
}

/// An instant as people read it, in a zone by its IANA name; in UTC when there is no such zone.
pub(crate) fn local_time(t: Timestamp, time_zone: &str, format: &str) -> String {
    let instant = jiff::Timestamp::from_millisecond(t.0).unwrap_or_default();
    let zone = jiff::tz::TimeZone::get(time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    instant.to_zoned(zone).strftime(format).to_string()
}

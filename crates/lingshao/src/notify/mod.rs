//! Tells people: each integration of each receiver has its own queue and its own task, so that one that hangs delays
//! nobody else.
//!
//! Contract: what is enqueued is reported exactly once per process life, as sent or failed, unless a newer delivery of
//! the same group to the same integration has replaced it before; the report is awaited before the same queue sends
//! again, so that a crash repeats at most one message per integration. Answers that may change are tried again for
//! ever, with growing pauses. Robots with a rate get what waits as one digest when it is more than the rate allows,
//! critical first. Every request has a timeout, every answer is read up to 64 KiB; no secret is in a log line, an
//! error, a report or the status.

mod mailbox;
mod sender;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lingshao_model::{Delivery, DeliveryId, DeliveryOutcome, IntegrationId, Timestamp};
use tokio::task::JoinHandle;

pub use crate::telemetry::notify::NotifyTelemetry;

use crate::clock;
use mailbox::{Mailbox, Waiting};

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

/// The language of the default texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// 中文
    #[default]
    Chinese,
    /// English
    English,
}

/// Everything that is sent to and with what words, checked.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    integrations: BTreeMap<IntegrationId, Arc<Integration>>,
}

impl Settings {
    /// Nobody is told.
    pub fn nobody() -> Settings {
        Settings::default()
    }
}

/// One way to tell somebody.
#[derive(Debug)]
enum Integration {}

/// The queues and their tasks.
pub struct Notifier {
    report: Report,
    telemetry: Arc<NotifyTelemetry>,
    senders: Mutex<BTreeMap<IntegrationId, Sender>>,
    /// Takes deliveries that nobody can send, only to report them.
    stray: Sender,
}

struct Sender {
    mailbox: Arc<Mailbox>,
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
        let mailbox = Arc::new(Mailbox::default());
        let task = tokio::spawn(sender::give_up_all(mailbox.clone(), report.clone()));
        let stray = Sender { mailbox, task };
        let notifier = Notifier { report, telemetry, senders: Mutex::default(), stray };
        notifier.replace(settings);
        notifier
    }

    /// Puts deliveries into their queues, each in place of a waiting one of the same group and integration. Never
    /// waits. One for an integration that there is not, or for a queue that is full, is reported as failed.
    pub fn enqueue(&self, deliveries: Vec<Delivery>) {
        let now = clock::now();
        let senders = self.senders();
        for delivery in deliveries {
            let sender = senders.get(&delivery.to).unwrap_or(&self.stray);
            if let Err(waiting) = sender.mailbox.put(Waiting::new(delivery, now)) {
                // The stray queue is emptied at once; should it be full too, the row stays in the outbox.
                drop(self.stray.mailbox.put(waiting));
            }
        }
    }

    /// From now on with these settings; queues of integrations that stay keep what waits in them.
    pub fn replace(&self, settings: Settings) {
        let mut senders = self.senders();
        senders.retain(|id, sender| {
            let stays = settings.integrations.contains_key(id);
            if !stays {
                sender.mailbox.close();
            }
            stays
        });
    }

    /// Ends all tasks; what waits stays unreported, so that the next life sends it.
    pub async fn stop(&self) {
        let senders = std::mem::take(&mut *self.senders());
        for sender in senders.values() {
            sender.task.abort();
        }
        self.stray.task.abort();
    }

    /// How each integration is doing, in the order of their names.
    pub fn status(&self) -> Vec<IntegrationStatus> {
        self.senders().iter().map(|(id, sender)| sender.mailbox.status(id)).collect()
    }

    fn senders(&self) -> MutexGuard<'_, BTreeMap<IntegrationId, Sender>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

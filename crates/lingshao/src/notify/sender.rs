//! The task behind a queue: takes what is due, sends it, and says how it went.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lingshao_model::{Delivery, DeliveryOutcome, TimeDelta, Timestamp};
use lingshao_wire::notify::Verdict;
use tokio::sync::watch;

use super::budget::{Left, Plan, Rate, Window, plan};
use super::integration::{Integration, Part, Told};
use super::mailbox::{Due, Mailbox, Waiting};
use super::{Finished, NotifyTelemetry, Report, steady_now};
use crate::alertmanager::failpoint;
use crate::clock;

/// First pause after a failure; it doubles with each further one.
const PAUSE_MIN: TimeDelta = TimeDelta::from_secs(1);
/// Longest pause: a receiver that is back is told within about a minute.
const PAUSE_MAX: TimeDelta = TimeDelta::from_secs(60);
/// Failures in a row after which a person must act.
const FAILURES_LOUD: u32 = 5;
/// Messages for one delivery, or one digest, at most.
const PARTS_MAX: usize = 16;

/// When messages were sent lately, by robot.
#[derive(Debug, Default)]
pub(super) struct Windows(Mutex<HashMap<String, Window>>);

impl Windows {
    fn left(&self, integration: &Integration, now: Timestamp) -> Option<(Rate, Left)> {
        let rate = integration.rate?;
        let mut windows = self.lock();
        let window = windows.entry(integration.rate_key.clone()).or_default();
        Some((rate, window.left(&rate, now)))
    }

    /// Counts a message if one may be sent now; otherwise says when.
    fn take(&self, integration: &Integration, is_critical: bool, now: Timestamp) -> Result<(), TimeDelta> {
        let Some(rate) = integration.rate else { return Ok(()) };
        let mut windows = self.lock();
        let window = windows.entry(integration.rate_key.clone()).or_default();
        let left = window.left(&rate, now);
        if (if is_critical { left.critical } else { left.others }) == 0 {
            return Err(left.next_in);
        }
        window.count(now);
        Ok(())
    }

    /// A message that was counted has not been taken: it does not count where each one is paid for.
    fn give_back(&self, integration: &Integration) {
        if integration.rate.is_some_and(|rate| rate.gives_up)
            && let Some(window) = self.lock().get_mut(&integration.rate_key)
        {
            window.uncount();
        }
    }

    /// Forgets robots that nobody uses any more.
    pub(super) fn keep<'a>(&self, integrations: impl Iterator<Item = &'a Integration>) {
        let keys: Vec<&str> = integrations.map(|one| one.rate_key.as_str()).collect();
        self.lock().retain(|key, _| keys.contains(&key.as_str()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One integration's task.
pub(super) struct Sender {
    /// What waits.
    pub(super) mailbox: Arc<Mailbox>,
    /// How to send; replaced by reloads.
    pub(super) integration: watch::Receiver<Arc<Integration>>,
    /// What the services allow.
    pub(super) windows: Arc<Windows>,
    /// Takes results.
    pub(super) report: Report,
    /// Counts.
    pub(super) telemetry: Arc<NotifyTelemetry>,
    /// True when the process ends.
    pub(super) stop: watch::Receiver<bool>,
}

/// Deliveries under way together, and what of their messages is left.
struct Job {
    waiting: Vec<Waiting>,
    parts: VecDeque<Part>,
    parts_max: usize,
    parts_sent: usize,
    is_shorter: bool,
    said: String,
}

/// How a job went.
enum Went {
    /// Reported.
    Over,
    /// To be tried again after a while.
    Again(Job, Option<TimeDelta>, String),
    /// The process ends.
    Stopped,
}

/// How the last requests went.
#[derive(Default)]
struct Health {
    failures: u32,
    pause_until: Timestamp,
    withheld_said: Option<Timestamp>,
}

impl Job {
    fn new(waiting: Vec<Waiting>, parts_max: usize) -> Job {
        let parts_max = parts_max.clamp(1, PARTS_MAX);
        Job {
            waiting,
            parts: VecDeque::new(),
            parts_max,
            parts_sent: 0,
            is_shorter: false,
            said: String::new(),
        }
    }

    fn is_critical(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.is_critical)
    }

    fn compose(&mut self, integration: &Integration) {
        let deliveries: Vec<Arc<Delivery>> =
            self.waiting.iter().map(|waiting| waiting.delivery.clone()).collect();
        let told = Told {
            deliveries: &deliveries,
            parts_max: self.parts_max,
            is_shorter: self.is_shorter,
            now: clock::now(),
        };
        self.parts = integration.compose(&told).into();
    }
}

impl Sender {
    /// Runs until the queue is closed or the process ends.
    pub(super) async fn run(mut self) {
        let mut health = Health::default();
        let mut held: Option<Job> = None;
        let mut integration = self.integration.borrow().clone();
        while !*self.stop.borrow() {
            if !Arc::ptr_eq(&integration, &self.integration.borrow()) {
                // A reload may have mended what failed.
                integration = self.integration.borrow().clone();
                health.pause_until = Timestamp::MIN;
                self.mailbox.hurry();
            }
            let now = steady_now();
            let due = self.mailbox.due(now);
            self.telemetry
                .waiting(&integration.id, due.all + held.as_ref().map_or(0, |job| job.waiting.len()));
            if due.is_closed {
                self.give_up(&integration, held, "not_configured").await;
                self.telemetry.forget(&integration.id);
                return;
            }
            if now < health.pause_until {
                self.wait(Some(health.pause_until - now)).await;
                continue;
            }
            let job = match held.take() {
                Some(job) => job,
                None => match self.next_job(&integration, &due, now, &mut health).await {
                    Some(job) => job,
                    None => continue,
                },
            };
            match self.work(&integration, job).await {
                Went::Over => health.recover(&integration),
                Went::Again(job, after, reason) => {
                    held = self.again(&integration, job, after, &reason, &mut health);
                }
                Went::Stopped => return,
            }
        }
    }

    /// What is sent next; nothing after having waited for it.
    async fn next_job(
        &mut self,
        integration: &Integration,
        due: &Due,
        now: Timestamp,
        health: &mut Health,
    ) -> Option<Job> {
        let left = self.windows.left(integration, now);
        match plan(due, left.as_ref().map(|(rate, left)| (rate, *left))) {
            Plan::Wait(wait) => {
                self.wait(wait).await;
                None
            }
            Plan::First => {
                let left = left.map(|(_, left)| if due.critical > 0 { left.critical } else { left.others });
                let parts_max = left.map_or(PARTS_MAX, |left| left as usize);
                self.mailbox.take_first(now).map(|waiting| Job::new(vec![waiting], parts_max))
            }
            Plan::Digest(parts_max) => Some(Job::new(self.mailbox.take_all(), parts_max)),
            Plan::GiveUp => {
                self.withhold(integration, now, health).await;
                None
            }
        }
    }

    /// The hour's short messages are spent: says so, loudly but once in that hour.
    async fn withhold(&self, integration: &Integration, now: Timestamp, health: &mut Health) {
        let window = integration.rate.map_or(TimeDelta::ZERO, |rate| rate.window);
        if health.withheld_said.is_none_or(|said| said + window <= now) {
            health.withheld_said = Some(now);
            tracing::error!(integration = %integration.id, "`per_hour_max` is reached: short messages are withheld");
        }
        self.give_up(integration, None, "per_hour_max").await;
    }

    /// Sends what is left of a job.
    async fn work(&mut self, integration: &Integration, mut job: Job) -> Went {
        if job.parts.is_empty() {
            job.compose(integration);
        }
        while !job.parts.is_empty() {
            if !self.wait_for_turn(integration, job.is_critical()).await {
                return Went::Stopped;
            }
            match self.send_part(integration, &mut job).await {
                Verdict::Sent(said) => {
                    job.parts.pop_front();
                    job.parts_sent += 1;
                    job.said = said;
                }
                Verdict::Retry { after, reason } => return Went::Again(job, after, reason),
                Verdict::TooLong(_) if !job.is_shorter && job.parts_sent == 0 => {
                    job.is_shorter = true;
                    job.compose(integration);
                }
                Verdict::TooLong(reason) | Verdict::Final(reason) => {
                    tracing::error!(integration = %integration.id, %reason, "the receiver refuses the message");
                    self.finish_failed(integration, job, "refused", &reason).await;
                    return Went::Over;
                }
            }
        }
        self.finish_sent(integration, job).await;
        Went::Over
    }

    async fn send_part(&self, integration: &Integration, job: &mut Job) -> Verdict {
        let Some(part) = job.parts.front_mut() else { return Verdict::Sent(String::new()) };
        failpoint::pass("before-send");
        let began = Instant::now();
        let verdict = integration.send(part).await;
        failpoint::pass("after-send");
        job.waiting.iter_mut().for_each(|waiting| waiting.attempts += 1);
        let failure = match &verdict {
            Verdict::Sent(_) => None,
            Verdict::Retry { reason, .. } | Verdict::TooLong(reason) | Verdict::Final(reason) => Some(reason),
        };
        if failure.is_some() {
            self.windows.give_back(integration);
        }
        self.telemetry.request(&integration.id, began.elapsed(), failure.is_some());
        self.mailbox.note(clock::now(), failure.cloned());
        verdict
    }

    /// Waits until the service may be asked; false when the process ends first.
    async fn wait_for_turn(&mut self, integration: &Integration, is_critical: bool) -> bool {
        loop {
            if *self.stop.borrow() {
                return false;
            }
            match self.windows.take(integration, is_critical, steady_now()) {
                Ok(()) => return true,
                Err(wait) => self.rest(wait).await,
            }
        }
    }

    /// Prepares the next try. What has partly been told is held until the rest is told too; what has not goes back
    /// into the queue, where something newer may replace it and something else may go first.
    fn again(
        &self,
        integration: &Integration,
        mut job: Job,
        after: Option<TimeDelta>,
        reason: &str,
        health: &mut Health,
    ) -> Option<Job> {
        health.failures += 1;
        match health.failures {
            1 => {
                tracing::warn!(integration = %integration.id, %reason, "sending failed; it will be tried again");
            }
            FAILURES_LOUD => {
                tracing::error!(integration = %integration.id, reason, "sending fails again and again");
            }
            failures => tracing::debug!(integration = %integration.id, reason, failures, "sending failed"),
        }
        let now = steady_now();
        health.pause_until = now + after.unwrap_or(TimeDelta::ZERO).max(pause(health.failures));
        if job.parts_sent > 0 {
            return Some(job);
        }
        // What failed together is due together, or the first of a digest would go alone and spend the budget.
        let attempts = job.waiting.iter().map(|waiting| waiting.attempts).max().unwrap_or(0);
        let not_before = now + after.unwrap_or(TimeDelta::ZERO).max(pause(attempts));
        job.waiting.iter_mut().for_each(|waiting| waiting.not_before = not_before);
        self.mailbox.put_back(job.waiting);
        None
    }

    async fn finish_sent(&self, integration: &Integration, job: Job) {
        let count = job.waiting.len();
        self.telemetry.finished(&integration.id, count as u64, None);
        let said = if count > 1 {
            self.telemetry.merged(&integration.id, count as u64);
            format!("in a digest of {count}: {}", job.said)
        } else {
            job.said
        };
        let outcome = DeliveryOutcome::Sent(said);
        (self.report)(job.waiting.iter().map(|one| finished(one, outcome.clone())).collect()).await;
        self.mailbox.settle();
    }

    async fn finish_failed(&self, integration: &Integration, job: Job, kind: &'static str, reason: &str) {
        self.telemetry.finished(&integration.id, job.waiting.len() as u64, Some(kind));
        let outcome = DeliveryOutcome::Failed(reason.to_owned());
        (self.report)(job.waiting.iter().map(|one| finished(one, outcome.clone())).collect()).await;
        self.mailbox.settle();
    }

    /// Reports all that waits as failed.
    async fn give_up(&self, integration: &Integration, held: Option<Job>, kind: &'static str) {
        let mut waiting = self.mailbox.take_all();
        waiting.extend(held.into_iter().flat_map(|job| job.waiting));
        if waiting.is_empty() {
            return;
        }
        let reason = match kind {
            "per_hour_max" => {
                waiting.iter().for_each(|_| self.telemetry.suppressed(&integration.id, kind));
                "`per_hour_max` is reached"
            }
            _ => "the receiver is no longer configured",
        };
        self.finish_failed(integration, Job::new(waiting, 1), kind, reason).await;
    }

    /// Until something comes, the settings change, the process ends, or so long.
    async fn wait(&mut self, longest: Option<TimeDelta>) {
        let longest = longest.map_or(Duration::from_secs(3600), millis);
        tokio::select! {
            () = self.mailbox.changed() => {}
            _ = self.integration.changed() => {}
            _ = self.stop.changed() => {}
            () = tokio::time::sleep(longest) => {}
        }
    }

    /// So long, or until the process ends.
    async fn rest(&mut self, long: TimeDelta) {
        tokio::select! {
            _ = self.stop.changed() => {}
            () = tokio::time::sleep(millis(long)) => {}
        }
    }
}

impl Health {
    fn recover(&mut self, integration: &Integration) {
        if self.failures > 0 {
            tracing::info!(integration = %integration.id, failures = self.failures, "sending works again");
        }
        self.failures = 0;
        self.pause_until = Timestamp::MIN;
    }
}

fn millis(span: TimeDelta) -> Duration {
    Duration::from_millis(u64::try_from(span.0).unwrap_or(0).max(1))
}

/// Doubles with each failure, up to a minute, and differs by up to a fifth, so that queues that failed together do not
/// come back together.
fn pause(failures: u32) -> TimeDelta {
    let doubled = PAUSE_MIN.0 << failures.saturating_sub(1).min(16);
    let base = doubled.min(PAUSE_MAX.0);
    let jitter = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), failures) % 400;
    TimeDelta(base * (800 + i64::try_from(jitter).unwrap_or(200)) / 1000)
}

/// Reports whatever comes as failed: nobody can send it.
pub(super) async fn report_strays(mailbox: Arc<Mailbox>, report: Report) {
    loop {
        mailbox.changed().await;
        let waiting = mailbox.take_all();
        if !waiting.is_empty() {
            let reason = "the receiver is not configured, or its queue is full";
            let outcome = DeliveryOutcome::Failed(reason.to_owned());
            report(waiting.iter().map(|one| finished(one, outcome.clone())).collect()).await;
        }
    }
}

fn finished(waiting: &Waiting, outcome: DeliveryOutcome) -> Finished {
    Finished {
        id: waiting.delivery.id,
        group_key: waiting.delivery.group_key.clone(),
        to: waiting.delivery.to.clone(),
        outcome,
        attempts: waiting.attempts,
        began_at: waiting.began_at,
        ended_at: clock::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute() {
        for (failures, base) in [(1, 1_000), (2, 2_000), (6, 32_000), (7, 60_000), (1_000, 60_000)] {
            let pause = pause(failures).0;
            assert!((base * 8 / 10..=base * 12 / 10).contains(&pause), "{failures}: {pause}");
        }
    }
}

//! Short messages by Aliyun or Tencent: few, short, without links, and never more in an hour than was allowed.

use lingshao_model::{Delivery, Labels, TimeDelta};
use lingshao_wire::alertmanager_config::{SmsConfig, SmsProvider};
use lingshao_wire::notify::text::sms_parameter;
use lingshao_wire::notify::{Verdict, aliyun_sms, limits, tencent_sms};

use super::Language;
use super::budget::Rate;
use super::http::{Http, Secrets};
use super::integration::{Source, Told};
use super::words::{Text, Words};
use crate::clock;

/// Names of the default variables and of the templates that fill them.
const DEFAULT_PARAMETERS: [(&str, &str); 4] = [
    ("service", "lingshao.sms.service"),
    ("fault", "lingshao.sms.fault"),
    ("time", "lingshao.sms.time"),
    ("count", "lingshao.sms.count"),
];
/// Characters of a configured variable: Aliyun's longest; most accounts take less and say so.
const PARAMETER_CHARS_MAX: usize = 35;

/// Characters of our own variables at Aliyun, which counts a long message as several; a template that takes less is
/// tried again with [`limits::SMS_PARAMETER_CHARS_MAX`].
const ALIYUN_CHARS_MAX: usize = 20;

/// A provider's account and the people to whom it writes.
#[derive(Debug)]
pub(super) struct Sms {
    config: SmsConfig,
    secret: Source,
    http: Http,
    parameters: Vec<(String, Text)>,
    is_default: bool,
}

/// One short message to several numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShortMessage {
    /// Those who have not got it yet.
    numbers: Vec<String>,
    parameters: Vec<(String, String)>,
    id: String,
    sent: usize,
    /// Who will not get it, and why; numbers but for their last digits.
    refused: Vec<String>,
}

impl Sms {
    /// Builds its client.
    pub(super) fn new(config: &SmsConfig) -> Result<Sms, String> {
        let secret = Source::of(config.access_key_secret.as_ref(), config.access_key_secret_file.as_ref());
        let parameters = match &config.template_params {
            Some(own) => own.iter().map(|(name, text)| (name.clone(), Text::new(Some(text), ""))).collect(),
            None => {
                let default = |(name, template): (&str, &str)| (name.to_owned(), Text::new(None, template));
                DEFAULT_PARAMETERS.map(default).to_vec()
            }
        };
        Ok(Sms {
            secret: secret.ok_or("it has no `access_key_secret`")?,
            http: Http::new(&config.http_config, None)?,
            parameters,
            is_default: config.template_params.is_none(),
            config: config.clone(),
        })
    }

    /// Its templates.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Text> {
        self.parameters.iter().map(|(_, text)| text)
    }

    /// What its owner allows.
    pub(super) fn rate(&self) -> Rate {
        Rate::sms(self.config.per_hour_max)
    }

    /// The message for what is to be told, once per batch of numbers; several deliveries are told as one.
    pub(super) fn compose(&self, words: &Words, told: &Told<'_>) -> Vec<ShortMessage> {
        let merged;
        let delivery = match told.deliveries {
            [delivery] => delivery.as_ref(),
            several => {
                merged = merge(several[0].as_ref(), told);
                &merged
            }
        };
        let chars_max = match (told.is_shorter, self.is_default, self.config.provider) {
            (true, ..) | (false, true, SmsProvider::Tencent) => limits::SMS_PARAMETER_CHARS_MAX,
            (false, true, SmsProvider::Aliyun) => ALIYUN_CHARS_MAX,
            (false, false, _) => PARAMETER_CHARS_MAX,
        };
        let nothing = match words.language() {
            Language::Chinese => "无",
            Language::English => "none",
        };
        let fill = |(name, text): &(String, Text)| {
            let value = sms_parameter(&words.title(text, delivery, told.now), chars_max);
            (name.clone(), if value.is_empty() { nothing.to_owned() } else { value })
        };
        let parameters: Vec<_> = self.parameters.iter().map(fill).collect();
        let batch = match self.config.provider {
            SmsProvider::Aliyun => limits::ALIYUN_NUMBERS_MAX,
            SmsProvider::Tencent => limits::TENCENT_NUMBERS_MAX,
        };
        let message = |numbers: &[String]| ShortMessage {
            numbers: numbers.to_vec(),
            parameters: parameters.clone(),
            id: delivery.id.to_string(),
            sent: 0,
            refused: Vec::new(),
        };
        self.config.phone_numbers.chunks(batch).map(message).collect()
    }

    /// Sends it to those who have not got it yet.
    pub(super) async fn send(&self, message: &mut ShortMessage) -> Verdict {
        let mut secrets = Secrets::default();
        secrets.add_client(&self.config.http_config);
        secrets.add(&self.config.access_key_id);
        let secret = match self.secret.read().await {
            Ok(secret) => secret,
            Err(verdict) => return verdict,
        };
        secrets.add(&secret);
        self.config.phone_numbers.iter().for_each(|number| secrets.add(number));
        let verdict = match self.config.provider {
            SmsProvider::Aliyun => self.send_aliyun(message, &secret).await,
            SmsProvider::Tencent => self.send_tencent(message, &secret).await,
        };
        secrets.mask_verdict(verdict)
    }

    async fn send_aliyun(&self, message: &ShortMessage, secret: &str) -> Verdict {
        let account = aliyun_sms::Account {
            endpoint: &self.config.endpoint,
            key_id: &self.config.access_key_id,
            key_secret: secret,
        };
        let sent = aliyun_sms::Message {
            numbers: &message.numbers,
            sign_name: &self.config.sign_name,
            template_id: &self.config.template_id,
            parameters: &message.parameters,
            out_id: &message.id,
        };
        let nonce = match nonce() {
            Ok(nonce) => nonce,
            Err(verdict) => return verdict,
        };
        let request = aliyun_sms::request(&account, &sent, &nonce, clock::now());
        match self.http.exchange(request).await {
            Ok(received) => aliyun_sms::judge(&received.answer()),
            Err(verdict) => verdict,
        }
    }

    async fn send_tencent(&self, message: &mut ShortMessage, secret: &str) -> Verdict {
        let account = tencent_sms::Account {
            endpoint: &self.config.endpoint,
            region: &self.config.region,
            key_id: &self.config.access_key_id,
            key_secret: secret,
        };
        let parameters: Vec<String> = message.parameters.iter().map(|(_, value)| value.clone()).collect();
        let sent = tencent_sms::Message {
            numbers: &message.numbers,
            sdk_app_id: &self.config.sdk_app_id,
            sign_name: &self.config.sign_name,
            template_id: &self.config.template_id,
            parameters: &parameters,
            context: &message.id,
        };
        let request = tencent_sms::request(&account, &sent, clock::now());
        match self.http.exchange(request).await {
            Ok(received) => match tencent_sms::judge(&received.answer()) {
                tencent_sms::Judged::All(verdict) => verdict,
                tencent_sms::Judged::Each(each) => settle(message, &each),
            },
            Err(verdict) => verdict,
        }
    }
}

/// Takes note of who has got it, and says what that means for the whole.
fn settle(message: &mut ShortMessage, each: &[(String, Verdict)]) -> Verdict {
    let mut again: Option<(Option<TimeDelta>, String)> = None;
    let mut too_long = None;
    message.numbers.retain(|number| {
        let number_sent = tencent_sms::e164(number);
        let verdict = each.iter().find(|(of, _)| *of == number_sent).map(|(_, verdict)| verdict);
        match verdict {
            Some(Verdict::Sent(_)) => {
                message.sent += 1;
                false
            }
            Some(Verdict::Final(reason)) => {
                message.refused.push(format!("…{}: {reason}", last_digits(number)));
                false
            }
            Some(Verdict::TooLong(reason)) => {
                too_long = Some(reason.clone());
                true
            }
            Some(Verdict::Retry { after, reason }) => {
                let longest = again.take().map_or(*after, |(longest, _)| longest.max(*after));
                again = Some((longest, reason.clone()));
                true
            }
            None => {
                again.get_or_insert((None, "the answer leaves out a number".to_owned()));
                true
            }
        }
    });
    let refused = message.refused.join(", ");
    match (again, too_long, message.sent) {
        (Some((after, reason)), _, _) => Verdict::Retry { after, reason },
        (None, Some(reason), _) => Verdict::TooLong(reason),
        (None, None, 0) => Verdict::Final(refused),
        (None, None, sent) if refused.is_empty() => Verdict::Sent(format!("Ok, {sent} numbers")),
        (None, None, sent) => Verdict::Sent(format!("Ok, {sent} numbers; not to {refused}")),
    }
}

fn last_digits(number: &str) -> String {
    let chars: Vec<char> = number.chars().collect();
    chars[chars.len().saturating_sub(4)..].iter().collect()
}

/// Several deliveries as if they were one group without labels.
fn merge(first: &Delivery, told: &Told<'_>) -> Delivery {
    Delivery {
        group_labels: Labels::empty(),
        alerts: told.deliveries.iter().flat_map(|delivery| delivery.alerts.iter().cloned()).collect(),
        ..first.clone()
    }
}

/// 32 hex digits that were never used before.
fn nonce() -> Result<String, Verdict> {
    crate::security::nonce().ok_or_else(|| Verdict::retry("the system gives no random numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(numbers: &[&str]) -> ShortMessage {
        ShortMessage {
            numbers: numbers.iter().map(|number| (*number).to_owned()).collect(),
            parameters: Vec::new(),
            id: String::new(),
            sent: 0,
            refused: Vec::new(),
        }
    }

    #[test]
    fn only_those_who_may_still_get_it_are_tried_again() {
        let mut message = message(&["13800000001", "+8613800000002", "13800000003"]);
        let later = Verdict::retry_after_secs(30, "too often");
        let each = [
            ("+8613800000001".to_owned(), Verdict::Sent("Ok".to_owned())),
            ("+8613800000002".to_owned(), Verdict::Final("blacklisted".to_owned())),
            ("+8613800000003".to_owned(), later.clone()),
        ];
        assert_eq!(settle(&mut message, &each), later);
        assert_eq!(message.numbers, ["13800000003"]);
        let each = [("+8613800000003".to_owned(), Verdict::Sent("Ok".to_owned()))];
        let expected = "Ok, 2 numbers; not to …0002: blacklisted";
        assert_eq!(settle(&mut message, &each), Verdict::Sent(expected.to_owned()));
    }

    #[test]
    fn nobody_reached_is_a_failure() {
        let mut message = message(&["13800000001"]);
        let each = [("+8613800000001".to_owned(), Verdict::Final("daily limit".to_owned()))];
        assert_eq!(settle(&mut message, &each), Verdict::Final("…0001: daily limit".to_owned()));
    }
}

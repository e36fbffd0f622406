//! The robots of chat groups: WeCom, DingTalk, Feishu. They differ in how a message is written and signed, not in how
//! it comes to be.

use lingshao_wire::alertmanager_config::{
    DingtalkConfig, FeishuConfig, FeishuMessageType, MessageType, WecomConfig,
};
use lingshao_wire::notify::feishu::{self, Colour};
use lingshao_wire::notify::limits::{self, RobotLimits};
use lingshao_wire::notify::wechat::To;
use lingshao_wire::notify::{Request, Verdict, dingtalk, text, wecom};
use lingshao_wire::prometheus_config::HttpClientConfig;

use super::digest::severity_rank;
use super::http::{Http, Secrets};
use super::integration::{Source, Told};
use super::words::{self, Text, Words};
use crate::clock;

/// Parts into which a template's text is cut; what is longer is told as in a digest.
const PARTS_MAX: usize = 4;
/// Parts of a digest, whatever the rate allows: room is left for what comes next.
const DIGEST_PARTS_MAX: usize = 16;

/// A group's robot.
#[derive(Debug)]
pub(super) struct Robot {
    vendor: Vendor,
    url: Source,
    secret: Option<Source>,
    is_markdown: bool,
    title: Text,
    message: Text,
    http_config: HttpClientConfig,
    http: Http,
}

#[derive(Debug)]
enum Vendor {
    WeCom { mentioned: Vec<String>, mobiles: Vec<String> },
    DingTalk { at: dingtalk::At },
    Feishu { mentioned: Vec<String> },
}

/// One message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// What it is about, where the service has a place for that.
    pub(super) title: String,
    /// Within the service's limit.
    pub(super) text: String,
    /// Plain text, whatever the integration's kind.
    pub(super) is_plain: bool,
    /// People are named in it.
    pub(super) mentions: bool,
    /// How bad it is.
    pub(super) colour: Colour,
    /// To whom an application writes; robots write to their group.
    pub(super) to: To,
}

impl Robot {
    /// WeCom's.
    pub(super) fn wecom(config: &WecomConfig) -> Result<Robot, String> {
        let is_markdown = config.message_type == MessageType::Markdown;
        let name = if is_markdown { "lingshao.wecom.markdown" } else { "lingshao.wecom.text" };
        Ok(Robot {
            vendor: Vendor::WeCom {
                mentioned: config.mentioned_list.clone(),
                mobiles: config.mentioned_mobile_list.clone(),
            },
            url: Source::of(config.url.as_ref(), config.url_file.as_ref()).ok_or("it has no `url`")?,
            secret: None,
            is_markdown,
            title: Text::new(None, "lingshao.title"),
            message: Text::new(config.message.as_deref(), name),
            http_config: config.http_config.clone(),
            http: Http::new(&config.http_config, None)?,
        })
    }

    /// DingTalk's.
    pub(super) fn dingtalk(config: &DingtalkConfig) -> Result<Robot, String> {
        let is_markdown = config.message_type == MessageType::Markdown;
        let name = if is_markdown { "lingshao.dingtalk.markdown" } else { "lingshao.dingtalk.text" };
        let at = dingtalk::At { mobiles: config.mentioned_mobile_list.clone(), all: config.mention_all };
        Ok(Robot {
            vendor: Vendor::DingTalk { at },
            url: Source::of(config.url.as_ref(), config.url_file.as_ref()).ok_or("it has no `url`")?,
            secret: Source::of(config.secret.as_ref(), config.secret_file.as_ref()),
            is_markdown,
            title: Text::new(config.title.as_deref(), "lingshao.title"),
            message: Text::new(config.message.as_deref(), name),
            http_config: config.http_config.clone(),
            http: Http::new(&config.http_config, None)?,
        })
    }

    /// Feishu's.
    pub(super) fn feishu(config: &FeishuConfig) -> Result<Robot, String> {
        let is_markdown = config.message_type == FeishuMessageType::Card;
        let name = if is_markdown { "lingshao.feishu.markdown" } else { "lingshao.feishu.text" };
        let all = config.mention_all.then(|| "all".to_owned());
        Ok(Robot {
            vendor: Vendor::Feishu { mentioned: config.mentioned_list.iter().cloned().chain(all).collect() },
            url: Source::of(config.url.as_ref(), config.url_file.as_ref()).ok_or("it has no `url`")?,
            secret: Source::of(config.secret.as_ref(), config.secret_file.as_ref()),
            is_markdown,
            title: Text::new(config.title.as_deref(), "lingshao.title"),
            message: Text::new(config.message.as_deref(), name),
            http_config: config.http_config.clone(),
            http: Http::new(&config.http_config, None)?,
        })
    }

    /// Its templates.
    pub(super) fn texts(&self) -> [&Text; 2] {
        [&self.title, &self.message]
    }

    /// What the service allows.
    pub(super) fn limits(&self) -> &'static RobotLimits {
        match self.vendor {
            Vendor::WeCom { .. } => &limits::WECOM,
            Vendor::DingTalk { .. } => &limits::DINGTALK,
            Vendor::Feishu { .. } => &limits::FEISHU,
        }
    }

    /// Two integrations with the same key send to the same robot.
    pub(super) fn rate_key(&self) -> String {
        self.url.key()
    }

    /// The messages for what is to be told. People are named in the last one, when something fires.
    pub(super) fn compose(&self, words: &Words, told: &Told<'_>) -> Vec<Message> {
        let mention = self.mention_words();
        let limits = self.limits();
        let limit = if self.is_markdown { limits.markdown_bytes } else { limits.text_bytes };
        let limit = if told.is_shorter { limit / 2 } else { limit };
        let bytes_max = limit - mention.len().min(limit / 2);
        let mentions = told.is_firing();
        // Feishu reads `<at …>` in plain texts too.
        let has_markup = self.is_markdown || matches!(self.vendor, Vendor::Feishu { .. });
        let mut messages = write(words, told, &self.title, &self.message, bytes_max, has_markup);
        if let Some(last) = messages.last_mut().filter(|_| mentions) {
            last.mentions = true;
            last.text.push_str(&mention);
        }
        let needs_extra = matches!(&self.vendor, Vendor::WeCom { mobiles, .. } if !mobiles.is_empty());
        if needs_extra && self.is_markdown && mentions {
            // WeCom's Markdown cannot name people by their number; a text can.
            messages.iter_mut().for_each(|message| message.mentions = false);
            let title = messages.first().map(|message| message.title.clone()).unwrap_or_default();
            let colour = colour(told);
            let text = text::cut(&title, limits.text_bytes).to_owned();
            messages.push(Message { title, text, is_plain: true, mentions: true, colour, to: To::default() });
        }
        messages
    }

    /// What stands behind the last text to name people, where that is done inside of the text.
    fn mention_words(&self) -> String {
        let named: Vec<String> = match &self.vendor {
            Vendor::WeCom { mentioned, .. } if self.is_markdown => {
                mentioned.iter().map(|user| wecom::mention(user)).collect()
            }
            Vendor::WeCom { .. } => Vec::new(),
            Vendor::DingTalk { at } => at.mobiles.iter().map(|mobile| format!("@{mobile}")).collect(),
            Vendor::Feishu { mentioned } if self.is_markdown => {
                mentioned.iter().map(|id| feishu::mention_in_card(id)).collect()
            }
            Vendor::Feishu { mentioned } => mentioned.iter().map(|id| feishu::mention_in_text(id)).collect(),
        };
        if named.is_empty() { String::new() } else { format!("\n{}", named.join(" ")) }
    }

    /// Sends a message.
    pub(super) async fn send(&self, message: &Message) -> Verdict {
        match self.try_send(message).await {
            Ok(verdict) | Err(verdict) => verdict,
        }
    }

    async fn try_send(&self, message: &Message) -> Result<Verdict, Verdict> {
        let url = self.url.read().await?;
        let secret = match &self.secret {
            Some(secret) => Some(secret.read().await?),
            None => None,
        };
        let mut secrets = Secrets::default();
        secrets.add_url(&url);
        secrets.add_client(&self.http_config);
        secret.iter().for_each(|secret| secrets.add(secret));
        let request = self.request(&url, secret.as_deref(), message);
        let verdict = match self.http.exchange(request).await {
            Ok(received) => match &self.vendor {
                Vendor::WeCom { .. } => wecom::judge(&received.answer()),
                Vendor::DingTalk { .. } => dingtalk::judge(&received.answer()),
                Vendor::Feishu { .. } => feishu::judge(&received.answer()),
            },
            Err(verdict) => verdict,
        };
        Ok(secrets.mask_verdict(verdict))
    }

    fn request(&self, url: &str, secret: Option<&str>, message: &Message) -> Request {
        let now = clock::now();
        let is_markdown = self.is_markdown && !message.is_plain;
        let nobody = dingtalk::At::default();
        match &self.vendor {
            Vendor::WeCom { .. } if is_markdown => wecom::markdown(url, &message.text),
            Vendor::WeCom { mentioned, mobiles } => {
                let (mentioned, mobiles): (&[_], &[_]) =
                    if message.mentions { (mentioned, mobiles) } else { (&[], &[]) };
                wecom::text(url, &message.text, mentioned, mobiles)
            }
            Vendor::DingTalk { at } => {
                let url = match secret {
                    Some(secret) => dingtalk::signed_url(url, secret, now),
                    None => url.to_owned(),
                };
                let at = if message.mentions { at } else { &nobody };
                if is_markdown {
                    // A single line end is no line end in DingTalk's Markdown.
                    dingtalk::markdown(url, &message.title, &message.text.replace('\n', "  \n"), at)
                } else {
                    dingtalk::text(url, &message.text, at)
                }
            }
            Vendor::Feishu { .. } if is_markdown => {
                feishu::card(url, &message.title, message.colour, &message.text, secret, now)
            }
            Vendor::Feishu { .. } => feishu::text(url, &message.text, secret, now),
        }
    }
}

/// The parts of one text, or of a digest. Shared with the application of WeCom.
pub(super) fn write(
    words: &Words,
    told: &Told<'_>,
    title: &Text,
    message: &Text,
    part_bytes_max: usize,
    has_markup: bool,
) -> Vec<Message> {
    let parts_max = told.parts_max.clamp(1, DIGEST_PARTS_MAX);
    let bytes_max = parts_max.min(PARTS_MAX) * part_bytes_max;
    let (title, text) = match told.deliveries {
        [delivery] => {
            // Ours tell so many alerts as in a digest, which brings no markup either.
            let is_digest = message.is_default() && words::DETAILED_MAX < delivery.alerts.len();
            let plain = (has_markup && !is_digest).then(|| words::for_markdown(delivery));
            let delivery = plain.as_ref().unwrap_or(delivery);
            (words.title(title, delivery, told.now), words.tell(message, delivery, told.now, bytes_max))
        }
        several => (words.digest_title(several.len()), None),
    };
    let parts =
        text.map(|text| text::numbered(&text, part_bytes_max)).filter(|parts| parts.len() <= parts_max);
    let parts = parts.unwrap_or_else(|| digest_parts(words, told, part_bytes_max, parts_max));
    let colour = colour(told);
    let part = |text: String| Message {
        title: title.clone(),
        text,
        is_plain: false,
        mentions: false,
        colour,
        to: To::default(),
    };
    parts.into_iter().map(part).collect()
}

/// A digest that fits into so many parts. Cutting at line ends leaves room unused, so it is written shorter until it
/// fits.
fn digest_parts(words: &Words, told: &Told<'_>, part_bytes_max: usize, parts_max: usize) -> Vec<String> {
    let mut bytes_max = parts_max * part_bytes_max;
    loop {
        let parts = text::numbered(&words.digest(&told.all(), bytes_max), part_bytes_max);
        if parts.len() <= parts_max || bytes_max <= part_bytes_max / 2 {
            return parts;
        }
        bytes_max -= bytes_max / 10;
    }
}

fn colour(told: &Told<'_>) -> Colour {
    let mut firing = told.deliveries.iter().flat_map(|delivery| delivery.firing()).peekable();
    if firing.peek().is_none() {
        return Colour::Green;
    }
    let is_critical =
        firing.any(|alert| severity_rank(alert.labels.get("severity").unwrap_or_default()) == 0);
    if is_critical { Colour::Red } else { Colour::Orange }
}

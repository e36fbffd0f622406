//! The texts of messages: templates filled with a delivery, and what is told when one fails.

use lingshao_alerting::template::{Context, NotificationData, TemplateError, Templates};
use lingshao_model::{Alert, Annotations, Delivery, Labels, Timestamp};
use lingshao_wire::notify::text::without_markup;

use super::digest::{self, Page};
use super::{House, Language};
use crate::rules::log_lines;

const CHINESE: &str = include_str!("templates/zh.tmpl");
const ENGLISH: &str = include_str!("templates/en.tmpl");
/// What is the same in every language.
const COMMON: &str = include_str!("templates/common.tmpl");

/// Alerts of one delivery that the default texts tell one by one; above that they are told as in a digest.
pub(super) const DETAILED_MAX: usize = 20;

/// Everything from which texts are made.
#[derive(Clone, Debug)]
pub(super) struct Words {
    templates: Templates,
    house: House,
    time_zone: String,
}

/// A text of the configuration, or ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    template: String,
    is_default: bool,
}

impl Text {
    /// The configured template, or the default one of that name.
    pub(super) fn new(configured: Option<&str>, default_name: &str) -> Text {
        match configured {
            Some(template) => Text { template: template.to_owned(), is_default: false },
            None => Text { template: format!("{{{{ template \"{default_name}\" . }}}}"), is_default: true },
        }
    }

    /// Whether it is ours.
    pub(super) fn is_default(&self) -> bool {
        self.is_default
    }

    /// The template.
    pub(super) fn template(&self) -> &str {
        &self.template
    }
}

/// Our texts in a language.
pub(crate) fn default_templates(language: Language) -> Templates {
    let mut templates = Templates::new();
    let (name, text) = match language {
        Language::Chinese => ("zh.tmpl", CHINESE),
        Language::English => ("en.tmpl", ENGLISH),
    };
    templates.add("common.tmpl", COMMON).expect("our own texts parse");
    templates.add(name, text).expect("our own texts parse");
    templates
}

impl Words {
    /// Our texts, and over them those of the files.
    pub(super) fn new(house: &House) -> Result<Words, TemplateError> {
        let mut templates = default_templates(house.language);
        for (name, text) in &house.template_files {
            templates.add(name, text)?;
        }
        let time_zone = house.time_zone.clone().unwrap_or_else(|| "UTC".to_owned());
        Ok(Words { templates, house: house.clone(), time_zone })
    }

    /// Whether a text can be filled at all.
    pub(super) fn check(&self, text: &Text) -> Result<(), TemplateError> {
        self.templates.check(&text.template)
    }

    /// Where people open our pages.
    pub(super) fn external_url(&self) -> &str {
        &self.house.external_url
    }

    /// In which language the default texts are.
    pub(super) fn language(&self) -> Language {
        self.house.language
    }

    /// The name of the zone in which times are written.
    pub(super) fn time_zone(&self) -> &str {
        &self.time_zone
    }

    /// Fills a template.
    pub(super) fn fill(
        &self,
        template: &str,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<String, TemplateError> {
        let data = self.data(delivery);
        let mut context = Context { now, time_zone: Some(&self.time_zone), query: None };
        self.templates.render(template, &data, &mut context)
    }

    /// Fills a template of HTML: what is filled in cannot leave its place.
    pub(super) fn fill_html(
        &self,
        template: &str,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<String, TemplateError> {
        let data = self.data(delivery);
        let mut context = Context { now, time_zone: Some(&self.time_zone), query: None };
        self.templates.render_html(template, &data, &mut context)
    }

    fn data<'a>(&'a self, delivery: &'a Delivery) -> NotificationData<'a> {
        NotificationData { delivery, receiver: &delivery.to.receiver, external_url: &self.house.external_url }
    }

    /// The text for a delivery, unless it is to be told as in a digest: the template fails, writes nothing or more than
    /// `bytes_max`, or there are too many alerts for ours.
    pub(super) fn tell(
        &self,
        text: &Text,
        delivery: &Delivery,
        now: Timestamp,
        bytes_max: usize,
    ) -> Option<String> {
        if text.is_default && DETAILED_MAX < delivery.alerts.len() {
            return None;
        }
        match self.fill(&text.template, delivery, now) {
            Ok(filled) => Some(filled).filter(|text| !text.trim().is_empty() && text.len() <= bytes_max),
            Err(error) => {
                tracing::error!(integration = %delivery.to, %error, "template failed; the short text is sent");
                None
            }
        }
    }

    /// A line that names the delivery: a title, a subject. Falls back to the group's labels.
    pub(super) fn title(&self, text: &Text, delivery: &Delivery, now: Timestamp) -> String {
        let filled = self.fill(&text.template, delivery, now).unwrap_or_else(|error| {
            tracing::error!(integration = %delivery.to, %error, "template failed; the group's labels are sent");
            delivery.group_labels.to_string()
        });
        filled.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The title of many deliveries in one text.
    pub(super) fn digest_title(&self, groups: usize) -> String {
        match self.language() {
            Language::Chinese => format!("告警汇总：{groups} 组"),
            Language::English => format!("Alert digest: {groups} groups"),
        }
    }

    /// Many deliveries in one text.
    pub(super) fn digest(&self, deliveries: &[&Delivery], bytes_max: usize) -> String {
        let page = Page {
            bytes_max,
            language: self.language(),
            time_zone: self.time_zone(),
            link: &self.house.external_url,
        };
        digest::write(deliveries, &page)
    }
}

/// A delivery whose labels bring no markup, neither by themselves nor where an annotation quotes them: for texts in
/// which markup works. What else stands in annotations stays, since the rules' author may want a link there.
pub(super) fn for_markdown(delivery: &Delivery) -> Delivery {
    Delivery {
        group_labels: plain(&delivery.group_labels),
        alerts: delivery.alerts.iter().map(plain_alert).collect(),
        ..delivery.clone()
    }
}

fn plain_alert(alert: &Alert) -> Alert {
    let mut marked: Vec<&str> =
        alert.labels.iter().map(|(_, value)| value).filter(|text| !is_plain(text)).collect();
    // A single character is no mention, but would be found everywhere. The longest first, so that a part does not hide
    // the whole.
    marked.retain(|value| 1 < value.chars().count());
    marked.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let quoted = |text: &str| {
        let text = text.to_owned();
        marked.iter().fold(text, |text, value| text.replace(value, &without_markup(value)))
    };
    // Whoever makes the shop log a line writes it.
    let lines = |text: &str| text.lines().map(without_markup).collect::<Vec<_>>().join("\n");
    let annotations = alert.annotations.iter().map(|(name, text)| {
        let text = if name == log_lines::ANNOTATION { lines(text) } else { quoted(text) };
        (name.to_owned(), text)
    });
    Alert { labels: plain(&alert.labels), annotations: Annotations::from_pairs(annotations), ..alert.clone() }
}

fn is_plain(text: &str) -> bool {
    !text.contains(['<', '>', '[', ']', '`']) && !text.contains(char::is_control)
}

fn plain(labels: &Labels) -> Labels {
    if labels.iter().all(|(_, value)| is_plain(value)) {
        return labels.clone();
    }
    let pairs = labels.iter().map(|(name, value)| (name.to_owned(), without_markup(value)));
    Labels::from_pairs(pairs).unwrap_or_else(|_| labels.clone())
}

#[cfg(test)]
mod tests {
    use lingshao_model::{DeliveryId, DeliveryReason, IntegrationId, IntegrationKind, Timestamp};

    use super::*;

    #[test]
    fn labels_name_nobody_and_link_nowhere_not_even_in_an_annotation() {
        let labels = Labels::from_pairs([
            ("alertname", "A"),
            ("user", "<@all>"),
            ("path", "[win](http://evil)"),
            ("plain", "a-1"),
        ]);
        let summary =
            "user <@all> at a-1: [runbook](http://wiki), [win](http://evil) <font color=\"info\">x</font>";
        let alert = Alert {
            labels: labels.unwrap(),
            annotations: Annotations::from_pairs([
                ("summary".to_owned(), summary.to_owned()),
                ("log_lines".to_owned(), "GET /<@all>\n[x](http://evil)".to_owned()),
            ]),
            starts_at: Timestamp(0),
            ends_at: None,
            updated_at: Timestamp(0),
            generator_url: String::new(),
            timeout: false,
            value: String::new(),
        };
        let delivery = Delivery {
            id: DeliveryId(1),
            group_key: String::new(),
            to: IntegrationId { receiver: String::new(), kind: IntegrationKind::WeCom, index: 0 },
            group_labels: Labels::from_pairs([("user", "<@all>")]).unwrap(),
            alerts: vec![alert],
            decided_at: Timestamp(0),
            reason: DeliveryReason::First,
        };
        let plain = for_markdown(&delivery);
        assert_eq!(
            plain.alerts[0].annotations.get("summary").unwrap(),
            "user ＜@all＞ at a-1: [runbook](http://wiki), ［win］(http://evil) <font color=\"info\">x</font>"
        );
        assert_eq!(
            plain.alerts[0].annotations.get("log_lines").unwrap(),
            "GET /＜@all＞\n［x］(http://evil)"
        );
        assert_eq!(plain.alerts[0].labels.get("user"), Some("＜@all＞"));
        assert_eq!(plain.group_labels.get("user"), Some("＜@all＞"));
    }
}

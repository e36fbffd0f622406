//! From the configuration to integrations that can send.

use std::collections::BTreeMap;
use std::sync::Arc;

use lingshao_alerting::template::TemplateError;
use lingshao_model::{IntegrationId, IntegrationKind};
use lingshao_wire::alertmanager_config::Receiver;

use super::House;
use super::email::Email;
use super::integration::{Channel, Integration};
use super::robot::Robot;
use super::sms::Sms;
use super::webhook::Webhook;
use super::wechat::Wechat;
use super::words::{Text, Words};

/// Everything that is sent to and with what words, checked.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub(super) integrations: BTreeMap<IntegrationId, Arc<Integration>>,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file of templates, or our own.
    #[error("templates: {0}")]
    Templates(TemplateError),
    /// An integration's text.
    #[error("{integration}: {source}")]
    Text {
        /// Which.
        integration: IntegrationId,
        /// What is wrong.
        source: TemplateError,
    },
    /// Anything else of an integration.
    #[error("{integration}: {reason}")]
    Integration {
        /// Which.
        integration: IntegrationId,
        /// What is wrong; without secrets.
        reason: String,
    },
}

impl Settings {
    /// Nobody is told.
    pub fn nobody() -> Settings {
        Settings::default()
    }

    /// Builds clients and checks every text, so that nothing but the services can fail later.
    pub fn new(receivers: &[Receiver], house: &House) -> Result<Settings, SettingsError> {
        let words = Arc::new(Words::new(house).map_err(SettingsError::Templates)?);
        let mut settings = Settings::default();
        for receiver in receivers {
            settings.add_receiver(receiver, &words)?;
        }
        Ok(settings)
    }

    fn add_receiver(&mut self, receiver: &Receiver, words: &Arc<Words>) -> Result<(), SettingsError> {
        use IntegrationKind as Kind;
        let name = &receiver.name;
        self.add(name, Kind::Webhook, &receiver.webhook, words, |one| {
            Webhook::new(one).map(Channel::Webhook)
        })?;
        self.add(name, Kind::Email, &receiver.email, words, |one| Email::new(one).map(Channel::Email))?;
        self.add(name, Kind::WeCom, &receiver.wecom, words, |one| Robot::wecom(one).map(Channel::Robot))?;
        self.add(name, Kind::WeChat, &receiver.wechat, words, |one| Wechat::new(one).map(Channel::Wechat))?;
        self.add(name, Kind::DingTalk, &receiver.dingtalk, words, |one| {
            Robot::dingtalk(one).map(Channel::Robot)
        })?;
        self.add(name, Kind::Feishu, &receiver.feishu, words, |one| Robot::feishu(one).map(Channel::Robot))?;
        self.add(name, Kind::Sms, &receiver.sms, words, |one| Sms::new(one).map(Channel::Sms))
    }

    fn add<C>(
        &mut self,
        receiver: &str,
        kind: IntegrationKind,
        configs: &[C],
        words: &Arc<Words>,
        build: impl Fn(&C) -> Result<Channel, String>,
    ) -> Result<(), SettingsError> {
        for (index, config) in (0..).zip(configs) {
            let id = IntegrationId { receiver: receiver.to_owned(), kind, index };
            let channel = build(config)
                .map_err(|reason| SettingsError::Integration { integration: id.clone(), reason })?;
            for text in texts(&channel) {
                words
                    .check(text)
                    .map_err(|source| SettingsError::Text { integration: id.clone(), source })?;
            }
            self.integrations.insert(id.clone(), Arc::new(Integration::new(id, channel, words.clone())));
        }
        Ok(())
    }
}

fn texts(channel: &Channel) -> Vec<&Text> {
    match channel {
        Channel::Webhook(_) => Vec::new(),
        Channel::Robot(robot) => robot.texts().to_vec(),
        Channel::Wechat(wechat) => wechat.texts(),
        Channel::Email(email) => email.texts(),
        Channel::Sms(sms) => sms.texts().collect(),
    }
}

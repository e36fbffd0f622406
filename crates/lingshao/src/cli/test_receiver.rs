//! `lingshao test receiver NAME`: one message through every integration of a receiver, and what each answered.

use std::path::PathBuf;

use anyhow::anyhow;
use lingshao_model::{
    Alert, Annotations, Delivery, DeliveryId, DeliveryReason, IntegrationId, IntegrationKind, Labels,
    TimeDelta,
};

use super::{CONFIG_DEFAULT, Outcome, print};
use crate::clock;
use crate::config;
use crate::failure::Failure;
use crate::notify::{self, House, Settings};

/// Which receiver of which config.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The receiver's name, as under `receivers`
    receiver: String,
    /// The config file
    #[arg(long, env = "LINGSHAO_CONFIG", default_value = CONFIG_DEFAULT)]
    config: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let loaded = config::load(&arguments.config).map_err(Failure::input)?;
    let config = &loaded.config;
    let external_url = config.web.external_url.as_deref().unwrap_or("http://127.0.0.1:9090");
    let house = House::new(config, external_url);
    let settings = Settings::new(&config.alerting.receivers, &house).map_err(Failure::input)?;
    let known = notify::receivers(&settings);
    if !known.contains(&arguments.receiver.as_str()) {
        let error = anyhow!("there is no receiver `{}` that tells anybody", arguments.receiver);
        return Err(Failure::input(error).remedy(format!("those that do: {}", known.join(", "))));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::environment)?;
    let answers = runtime.block_on(notify::send_once(&settings, &message(&arguments.receiver)));
    let mut text = String::new();
    for (id, answer) in &answers {
        let (how, said) = match answer {
            Ok(said) => ("sent", said),
            Err(reason) => ("FAILED", reason),
        };
        text += &format!("{id}: {how}: {said}\n");
    }
    print(&text)?;
    Ok(if answers.iter().all(|(_, answer)| answer.is_ok()) { Outcome::Done } else { Outcome::Wrong })
}

/// A message that says of itself that it is a test.
fn message(receiver: &str) -> Delivery {
    let now = clock::now();
    let labels =
        Labels::from_pairs([("alertname", "TestMessage"), ("severity", "info"), ("service", "lingshao")]);
    let labels = labels.unwrap_or_default();
    let annotations = [
        ("summary", "测试消息 test"),
        (
            "description",
            "有人运行了 `lingshao test receiver`；没有出任何问题。Somebody tried this receiver out; nothing is wrong.",
        ),
    ];
    let alert = Alert {
        labels: labels.clone(),
        annotations: Annotations::from_pairs(
            annotations.map(|(name, text)| (name.to_owned(), text.to_owned())),
        ),
        starts_at: now - TimeDelta::from_secs(60),
        ends_at: None,
        updated_at: now,
        generator_url: String::new(),
        timeout: false,
        value: String::new(),
    };
    Delivery {
        id: DeliveryId(u128::from(now.0.unsigned_abs())),
        group_key: "{}:{alertname=\"TestMessage\"}".to_owned(),
        to: IntegrationId { receiver: receiver.to_owned(), kind: IntegrationKind::Webhook, index: 0 },
        group_labels: labels,
        alerts: vec![alert],
        decided_at: now,
        reason: DeliveryReason::First,
    }
}

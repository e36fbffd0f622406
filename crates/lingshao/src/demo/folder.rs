//! What the demo writes into its folder: the files that a shop would have written itself.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use lingshao_demo::fakes::WechatPayAccount as Account;
use lingshao_model::TimeDelta;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::config_file;
use super::services::Services;
use crate::failure::Failure;

const CONFIG: &str = include_str!("lingshao.yml");
const ALERTS: &str = include_str!("../../../../examples/lingxian/alerts.yml");
const SHOP_ALERTS: &str = include_str!("../../../../examples/lingxian/shop-alerts.yml");
const PLAN_ALERTS: &str = include_str!("../../../../examples/lingxian/original/alerts.yml");
const PLAN_BOARD: &str = include_str!("../../../../examples/lingxian/original/dashboard.json");

/// How long an alert waits in the demo. Minutes as in life would be too long for somebody who watches.
pub(super) const FOR_SECONDS: i64 = 20;

/// What of a path stands in a database's URL as it is.
const OF_A_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// The shop as the business monitors meet it.
pub(super) struct Shop {
    pub(super) address: SocketAddr,
    pub(super) provider: SocketAddr,
    /// Its SQLite file.
    pub(super) database: PathBuf,
    /// How many times as fast its timers run.
    pub(super) speed: f64,
}

/// Writes all of it; answers where the configuration lies. Boards that somebody has put there stay.
pub(super) fn write(folder: &Path, shop: &Shop, services: &Services) -> Result<PathBuf, Failure> {
    let file = config_file(folder);
    let database = std::path::absolute(&shop.database).unwrap_or_else(|_| shop.database.clone());
    let texts = [
        (file.clone(), config(shop, services)),
        // Known to everybody who has the sources: they open nothing but the demo's provider.
        (folder.join("keys/merchant.pem"), Account::MERCHANT_KEY.to_owned()),
        (folder.join("keys/wechatpay.pem"), Account::PUBLIC_KEY.to_owned()),
        (
            folder.join("keys/shop.url"),
            format!("sqlite:{}", utf8_percent_encode(&database.to_string_lossy(), OF_A_PATH)),
        ),
        (folder.join("alerts.yml"), shortened(ALERTS)),
        (folder.join("shop-alerts.yml"), shortened(SHOP_ALERTS)),
        (folder.join("original/alerts.yml"), PLAN_ALERTS.to_owned()),
        (folder.join("boards/dashboard.json"), PLAN_BOARD.to_owned()),
    ];
    for (path, text) in texts {
        let parent = path.parent().unwrap_or(folder);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, text));
        written.with_context(|| format!("cannot write `{}`", path.display())).map_err(|error| {
            Failure::environment(error).remedy("choose a folder that can be written with --data")
        })?;
    }
    Ok(file)
}

/// Orders wait half an hour in life, and the provider's word on them three minutes more.
fn config(shop: &Shop, services: &Services) -> String {
    let faster = |seconds: f64, least: f64| format!("{}s", (seconds / shop.speed).max(least).ceil());
    // As many as the shop can have at its peak.
    let times = |count: u32| (f64::from(count) * shop.speed.max(1.0)).ceil().to_string();
    let account = &services.account;
    let values = [
        ("{shop}", shop.address.to_string()),
        ("{provider}", shop.provider.to_string()),
        ("{mchid}", Account::MCHID.to_owned()),
        ("{serial}", Account::MERCHANT_SERIAL.to_owned()),
        ("{key_id}", Account::PUBLIC_KEY_ID.to_owned()),
        ("{after}", faster(1_800.0, 60.0)),
        ("{grace}", faster(180.0, 5.0)),
        ("{per_hour}", times(5_000)),
        ("{per_day}", times(50_000)),
        ("{fen_per_day}", times(10_000_000)),
        ("{wecom}", services.wecom.url()),
        ("{smtp}", services.smtp.address().to_string()),
        ("{sms}", services.sms.base()),
        ("{sms_key_id}", account.key_id.clone()),
        ("{sms_key_secret}", account.key_secret.clone()),
        ("{sms_sign}", account.sign_name.clone()),
        ("{sms_template}", account.template_id.clone()),
    ];
    values.iter().fold(CONFIG.to_owned(), |text, (place, value)| text.replace(place, value))
}

/// The rules with every longer `for` cut.
fn shortened(rules: &str) -> String {
    let head = "# 演示中所有 `for` 缩短为 20 秒 · in the demo every `for` is cut to 20 s\n";
    let lines = rules.lines().map(|line| {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let span = (key.trim() == "for").then(|| TimeDelta::parse(value.trim()).ok()).flatten();
        match span {
            Some(span) if TimeDelta::from_secs(FOR_SECONDS) < span => format!("{key}: {FOR_SECONDS}s\n"),
            _ => format!("{line}\n"),
        }
    });
    lines.fold(head.to_owned(), |text, line| text + &line)
}

#[cfg(test)]
mod tests {
    use lingshao_model::RuleKind;

    use super::*;

    #[test]
    fn what_is_written_is_a_config_without_a_mistake_that_tells_the_team() {
        let folder = tempfile::tempdir().unwrap();
        let services = Services::start().unwrap();
        let shop = Shop {
            address: "127.0.0.1:8000".parse().unwrap(),
            provider: "127.0.0.1:8001".parse().unwrap(),
            database: folder.path().join("100% 我的/shop.db"),
            speed: 10.0,
        };
        let file = write(folder.path(), &shop, &services).unwrap();
        let loaded = crate::config::load(&file).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
        let config = loaded.config;
        let (corrected, original): (Vec<_>, Vec<_>) =
            config.rule_groups.iter().partition(|group| !group.file.ends_with("original/alerts.yml"));
        assert_eq!(original.iter().map(|group| group.rules.len()).sum::<usize>(), 6);
        for rule in corrected.iter().flat_map(|group| &group.rules) {
            let RuleKind::Alerting { hold, .. } = &rule.kind else { continue };
            assert!(*hold <= TimeDelta::from_secs(20), "{}", rule.name);
            assert!(
                rule.labels.iter().any(|(name, value)| name == "edition" && value == "corrected"),
                "{}",
                rule.name
            );
        }
        assert_eq!(fs::read_to_string(folder.path().join("boards/dashboard.json")).unwrap(), PLAN_BOARD);
    }

    #[test]
    fn only_longer_waits_are_cut() {
        let cut = shortened("  for: 5m\n  keep_firing_for: 5m\n    for: 10s\n  x: 'for: 5m'\n");
        assert!(
            cut.ends_with("\n  for: 20s\n  keep_firing_for: 5m\n    for: 10s\n  x: 'for: 5m'\n"),
            "{cut}"
        );
    }
}

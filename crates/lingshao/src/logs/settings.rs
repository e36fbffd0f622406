//! What of the configuration the ways in need, ready for use.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use lingshao_model::log::LogQuery;
use lingshao_wire::mask::{Masker, Pattern};
use lingshao_wire::{date_math, log_json};
use ring::rand::{SecureRandom, SystemRandom};

use super::rules::Rules;
use crate::config::{Config, LogFile, Mask, RequestMetrics};

/// Checked and built.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where records go that name no index.
    pub(crate) index: String,
    /// How lines become records.
    pub(crate) reader: Arc<log_json::Settings>,
    /// What is counted by query.
    pub(crate) rules: Arc<Rules>,
    /// Whether request records become metrics.
    pub(crate) counts_requests: bool,
    /// IANA name of the zone in which people write times.
    pub(crate) time_zone: String,
    /// What is followed.
    pub(crate) files: Vec<LogFile>,
    /// With which personal data are hashed, and asked for.
    pub(crate) masking_key: MaskingKey,
}

impl Settings {
    /// From a configuration that was checked.
    pub(crate) fn new(config: &Config, masking_key: MaskingKey) -> anyhow::Result<Settings> {
        let time_zone = config.messages.time_zone.clone();
        let masker = masker(&config.logs.mask, &masking_key);
        let zone_seconds = zone_seconds(&time_zone);
        Ok(Settings {
            index: config.logs.index.clone(),
            rules: Arc::new(Rules::new(&config.logs.log_rules, &time_zone, masker.as_ref())?),
            reader: Arc::new(log_json::Settings { zone_seconds, masker, ..log_json::Settings::default() }),
            counts_requests: config.logs.request_metrics != RequestMetrics::Off,
            time_zone,
            files: config.logs.files.clone(),
            masking_key,
        })
    }

    /// A query as it has to be asked: whole numbers of people become what they are kept as.
    pub(crate) fn masked(&self, query: LogQuery) -> LogQuery {
        match &self.reader.masker {
            Some(masker) => masker.query(query),
            None => query,
        }
    }
}

fn masker(mask: &Mask, key: &MaskingKey) -> Option<Masker> {
    let patterns = [
        (Pattern::Phones, mask.phones),
        (Pattern::IdCards, mask.id_cards),
        (Pattern::BankCards, mask.bank_cards),
        (Pattern::Secrets, mask.secrets),
    ];
    let masker = Masker::new(key.bytes())
        .without(patterns.into_iter().filter_map(|(pattern, is_on)| (!is_on).then_some(pattern)))
        .with_fields(mask.fields.iter().map(String::as_str))
        .with_exempt(mask.keep.iter().map(String::as_str));
    let masker = if mask.mails { masker.with_mails() } else { masker };
    mask.enabled.then_some(masker)
}

/// Of this moment: producers without a zone in their times have no summer either.
fn zone_seconds(time_zone: &str) -> i32 {
    let zone = date_math::zone(time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    zone.to_offset(jiff::Timestamp::now()).seconds()
}

/// 32 random bytes that were made at the first start and never leave the data folder.
#[derive(Clone)]
pub(crate) struct MaskingKey([u8; KEY_BYTES]);

const KEY_BYTES: usize = 32;

impl MaskingKey {
    /// Reads the key of a data folder, or makes it.
    pub(crate) fn of_folder(data: &Path) -> anyhow::Result<MaskingKey> {
        let path = data.join("mask.key");
        match fs::read(&path) {
            Ok(bytes) => {
                let bytes = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map_err(|_| {
                    anyhow!("`{}` is no key of {KEY_BYTES} bytes; restore it from a backup", path.display())
                })?;
                Ok(MaskingKey(bytes))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                MaskingKey::make(&path).with_context(|| format!("cannot make the key `{}`", path.display()))
            }
            Err(error) => Err(error).with_context(|| format!("cannot read the key `{}`", path.display())),
        }
    }

    /// For whoever checks a configuration without storing anything.
    pub(crate) fn for_checks() -> MaskingKey {
        MaskingKey([0; KEY_BYTES])
    }

    fn make(path: &Path) -> anyhow::Result<MaskingKey> {
        let mut bytes = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("the system gives no random numbers"))?;
        let unfinished = path.with_extension("tmp");
        let mut file =
            fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        Ok(MaskingKey(bytes))
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MaskingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

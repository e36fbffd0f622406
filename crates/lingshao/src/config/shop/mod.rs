//! `shop`: the shop's database, what its tables mean, and what the business monitors may do there.

mod mapping;
mod monitors;
mod provider;
mod show;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lingshao_model::TimeDelta;
use lingshao_shop::mapping::Mapping;
use lingshao_shop::safety::{Limits, Mode, RefundCaps};
use lingshao_shop::sql::Database;
use lingshao_shop::{KeyError, ShopName};
use lingshao_wire::prometheus_config::Secret;
use lingshao_wire::yaml::{Diagnostics, Keys, Node, Value};

use self::mapping::{Places, check_mapping, read_mapping, read_preset};
use self::monitors::read_monitors;
use self::provider::{check_provider, read_provider};
use super::load::{read_text, remedy};
use crate::shop::FIGURES;

/// A tick reads what is new; more often, and it costs the shop more than it tells.
const EVERY_MIN: TimeDelta = TimeDelta::from_secs(1);
/// Later, and an order that is paid in its 30th minute waits visibly.
const EVERY_MAX: TimeDelta = TimeDelta::from_secs(600);

/// `shop`.
#[derive(Clone, Debug, PartialEq)]
pub struct Shop {
    /// Stands in every refund number: two shops of one merchant have two. Default: `shop`.
    pub name: ShopName,
    /// Where its data are: a URL with a password in it.
    pub database: Secret,
    /// Whose tables these are; none: all of the mapping is written out.
    pub preset: Option<String>,
    /// What its tables mean.
    pub mapping: Mapping,
    /// From the beginning of a tick to the next. Default: 30s.
    pub every: TimeDelta,
    /// Orders that were not paid in time.
    pub order_timeout: OrderTimeout,
    /// Group buys that end.
    pub group_settle: GroupSettle,
    /// Money that goes back.
    pub refunds: Refunds,
    /// Products of which there is little.
    pub low_stock: LowStock,
    /// Figures that the shop exports itself, under the same names, and that are not to stand there twice. Default: none.
    pub left_out: BTreeSet<String>,
    /// A file that stops all acting while it is there. Default: `shop.stop` in the data folder.
    pub kill_switch: Option<PathBuf>,
    /// Who took the money.
    pub provider: Provider,
}

/// `shop.monitors.order_timeout`.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderTimeout {
    /// Default: observe.
    pub mode: Mode,
    /// So long has a customer to pay. Default: 30m.
    pub after: TimeDelta,
    /// And so long may the provider's callback take. Default: 3m.
    pub grace: TimeDelta,
    /// The shop's own way to cancel, instead of statements.
    pub http: Option<HttpAction>,
    /// How much it may do.
    pub limits: Limits,
}

/// A call of the shop's own API, with `:id` and `:no` in its URL and body.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpAction {
    /// `http://127.0.0.1:8080/admin/order/:id/cancel`.
    pub url: String,
    /// Sent with POST.
    pub body: String,
    /// Further headers; their values are never shown.
    pub headers: Vec<(String, Secret)>,
}

/// `shop.monitors.group_settle`.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSettle {
    /// Default: observe.
    pub mode: Mode,
    /// How much it may do.
    pub limits: Limits,
}

/// `shop.monitors.refunds`.
#[derive(Clone, Debug, PartialEq)]
pub struct Refunds {
    /// Default: observe.
    pub mode: Mode,
    /// Whether what was paid for cancelled orders goes back by itself. Default: false: it is reported.
    pub orphans: bool,
    /// For so long after an order was placed a payment of it is looked for. Default: 48h.
    pub look_back: TimeDelta,
    /// How much may go back.
    pub caps: RefundCaps,
}

/// `shop.monitors.low_stock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowStock {
    /// Products with less count as low. Default: 10.
    pub below: i64,
}

/// `shop.provider`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// None that could be asked.
    None,
    /// WeChat Pay, API v3.
    Wechatpay(Box<Wechatpay>),
}

/// `shop.provider.wechatpay`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wechatpay {
    /// Default: `https://api.mch.weixin.qq.com`.
    pub endpoint: String,
    /// The merchant's number.
    pub mchid: String,
    /// The serial number of the merchant's certificate.
    pub serial: String,
    /// `apiclient_key.pem`.
    pub private_key_file: PathBuf,
    /// The platform's public key and what it is called.
    pub public_key: Option<(String, PathBuf)>,
    /// Platform certificates, of merchants that have no public key yet.
    pub certificate_files: Vec<PathBuf>,
    /// The APIv3 key, by which callbacks are encrypted. Without it none is taken.
    pub api_v3_key_file: Option<PathBuf>,
    /// Sent with every refund: where WeChat Pay tells how it ended. Default: it is not told.
    pub notify_url: Option<String>,
}

/// Reads the section; nothing when it cannot be used, which was said.
pub(super) fn read(node: &Node, folder: &Path, findings: &mut Diagnostics) -> Option<Shop> {
    let mut keys = Keys::new(node, "shop", findings);
    let mut places = Places::default();
    let name = read_name(&mut keys, findings);
    let database = read_database(&mut keys, folder, findings);
    let (preset, mapping) = read_preset(&mut keys, findings);
    let monitors = keys.node("monitors");
    let mapping = read_mapping(&mut keys, mapping.as_ref(), monitors, &mut places, findings);
    let every = read_every(&mut keys, findings);
    let left_out = keys.node("figures").map(|node| read_left_out(node, findings)).unwrap_or_default();
    let monitors = read_monitors(monitors, findings);
    let provider = match keys.node("provider") {
        Some(node) => read_provider(node, folder, findings),
        None => Some(None),
    };
    let kill_switch = keys.node("safety").and_then(|node| read_safety(node, folder, findings));
    let at = keys.at();
    keys.finish(findings);
    let mapping = mapping?;
    check_mapping(&mapping, &places, at, findings);
    let (provider, order_timeout, group_settle, refunds) =
        (provider?, monitors.order_timeout, monitors.group_settle, monitors.refunds);
    check_provider(provider.as_ref(), &order_timeout, &refunds, at, findings);
    Some(Shop {
        name: name?,
        database: database?,
        preset,
        mapping,
        every,
        order_timeout,
        group_settle,
        refunds,
        low_stock: monitors.low_stock,
        left_out,
        kill_switch,
        provider: provider.unwrap_or(Provider::None),
    })
}

fn read_name(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Option<ShopName> {
    let text = keys.text("name", findings).unwrap_or_else(|| "shop".to_owned());
    let name = ShopName::new(&text).map_err(|error: KeyError| {
        let remedy =
            "write a short name such as `lx`; it stands in every refund number, so never change it later";
        findings.error(keys.key_at("name"), format!("`name`: {error}"), remedy);
    });
    name.ok()
}

/// `database: URL`, or `url` or `url_file` in it; `db` is another name of it.
fn read_database(keys: &mut Keys<'_>, folder: &Path, findings: &mut Diagnostics) -> Option<Secret> {
    const REMEDY: &str = "add `database: {url_file: shop.url}`, a file with one line: \
                          postgres://USER:PASSWORD@HOST/NAME, mysql://… or sqlite:PATH";
    let (database, short) = (keys.node("database"), keys.node("db"));
    let Some(node) = database.or(short) else {
        findings.error(keys.at(), "a shop needs its `database`", REMEDY);
        return None;
    };
    let text = match &node.value {
        Value::Scalar { text, .. } => Some(text.clone()),
        _ => {
            let mut keys = Keys::new(node, "shop.database", findings);
            let inline = keys.text("url", findings);
            let file = keys.text("url_file", findings).map(|path| folder.join(path));
            // What its URL says already.
            keys.text("kind", findings);
            keys.finish(findings);
            match (inline, file) {
                (Some(text), None) => Some(text),
                (None, Some(path)) => match read_text(&path) {
                    Ok(text) => Some(text.trim().to_owned()),
                    Err(error) => {
                        let message = format!("`url_file`: cannot read `{}`: {error}", path.display());
                        findings.error(node.at, message, remedy(&error));
                        None
                    }
                },
                _ => {
                    findings.error(node.at, "a database needs either `url` or `url_file`", REMEDY);
                    None
                }
            }
        }
    }?;
    if let Err(error) = Database::check_url(&text) {
        // The text is not shown: it may hold a password.
        findings.error(node.at, format!("`database`: {error}"), REMEDY);
        return None;
    }
    Some(Secret::new(text))
}

fn read_every(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> TimeDelta {
    let every = keys.duration("every", findings).unwrap_or(TimeDelta::from_secs(30));
    if every < EVERY_MIN || EVERY_MAX < every {
        let remedy = format!("write {EVERY_MIN} to {EVERY_MAX}");
        findings.error(keys.key_at("every"), format!("`every` of {every} is not possible"), remedy);
    }
    every
}

fn read_left_out(node: &Node, findings: &mut Diagnostics) -> BTreeSet<String> {
    let mut keys = Keys::new(node, "shop.figures", findings);
    let names = keys.texts("leave_out", findings);
    keys.finish(findings);
    for (name, at) in &names {
        if !FIGURES.contains(&name.as_str()) {
            let message = format!("`leave_out`: there is no figure `{name}`");
            findings.error(*at, message, format!("write some of {}", FIGURES.join(", ")));
        }
    }
    names.into_iter().map(|(name, _)| name).collect()
}

fn read_safety(node: &Node, folder: &Path, findings: &mut Diagnostics) -> Option<PathBuf> {
    let mut keys = Keys::new(node, "shop.safety", findings);
    let kill_switch = keys.text("kill_switch", findings).map(|path| folder.join(path));
    keys.finish(findings);
    kill_switch
}

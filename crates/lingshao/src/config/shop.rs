//! `shop`: the shop's database, what its tables mean, and what the business monitors may do there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lingshao_model::TimeDelta;
use lingshao_shop::ShopName;
use lingshao_shop::mapping::{
    Clock, ColumnClock, Groups, KeyKind, Mapping, MoneyUnit, Orders, PaymentStates, Payments, Rows,
    SqlAction, States, Step, Stock, lint, preset,
};
use lingshao_shop::safety::{Limits, Mode, RefundCaps};
use lingshao_shop::sql::Database;
use lingshao_shop::{Fen, KeyError};
use lingshao_wire::prometheus_config::Secret;
use lingshao_wire::yaml::{Diagnostics, Keys, Node, Position, Value};
use serde::{Serialize, Serializer};

use super::load::{read_text, remedy};
use crate::shop::{FIGURES, provider};

/// Presets by name.
const PRESETS: [&str; 2] = ["litemall", "ruoyi-mall"];
/// A tick reads what is new; more often, and it costs the shop more than it tells.
const EVERY_MIN: TimeDelta = TimeDelta::from_secs(1);
/// Later, and an order that is paid in its 30th minute waits visibly.
const EVERY_MAX: TimeDelta = TimeDelta::from_secs(600);
/// Customers pay in the last minute: cancelling earlier than this takes orders from them.
const AFTER_MIN: TimeDelta = TimeDelta::from_secs(60);
/// A condition that no row meets.
const NEVER: &str = "FALSE";

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

/// Where each part of a mapping stands, for findings about it.
struct Places(Vec<(String, Position)>);

impl Places {
    fn put(&mut self, place: impl Into<String>, at: Position) {
        self.0.push((place.into(), at));
    }

    /// The nearest that is known.
    fn of(&self, place: &str, otherwise: Position) -> Position {
        let fits = |known: &&(String, Position)| {
            place
                .strip_prefix(known.0.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let nearest = self.0.iter().filter(fits).max_by_key(|(known, _)| known.len());
        nearest.map_or(otherwise, |(_, at)| *at)
    }
}

/// Reads the section; nothing when it cannot be used, which was said.
pub(super) fn read(node: &Node, folder: &Path, findings: &mut Diagnostics) -> Option<Shop> {
    let mut keys = Keys::new(node, "shop", findings);
    let mut places = Places(Vec::new());
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

fn read_preset(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> (Option<String>, Option<Mapping>) {
    let Some(name) = keys.text("preset", findings) else { return (None, None) };
    let mapping = preset(&name);
    if mapping.is_none() {
        let message = format!("there is no preset `{name}`");
        let remedy = format!("write one of {}, or map the tables yourself", PRESETS.join(", "));
        findings.error(keys.key_at("preset"), message, remedy);
    }
    (Some(name), mapping)
}

fn read_every(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> TimeDelta {
    let every = keys.duration("every", findings).unwrap_or(TimeDelta::from_secs(30));
    if every < EVERY_MIN || EVERY_MAX < every {
        let remedy = format!("write {EVERY_MIN} to {EVERY_MAX}");
        findings.error(keys.key_at("every"), format!("`every` of {every} is not possible"), remedy);
    }
    every
}

fn read_mapping(
    keys: &mut Keys<'_>,
    base: Option<&Mapping>,
    monitors: Option<&Node>,
    places: &mut Places,
    findings: &mut Diagnostics,
) -> Option<Mapping> {
    let money = keys.node("money").and_then(|node| read_money(node, findings));
    let clock = keys.node("clock").and_then(|node| read_clock(node, base, findings));
    let orders = keys.node("orders");
    let tables = keys.texts("tables", findings).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let stock = keys.node("stock");
    let payments = keys.node("payments");
    let groups = keys.node("groups");
    let lacks = |key: &str, findings: &mut Diagnostics| {
        let remedy = format!("add `{key}:`, or `preset: {}`", PRESETS[0]);
        findings.error(keys.at(), format!("a shop without a preset needs `{key}`"), remedy);
    };
    if base.is_none() && keys.has("preset") {
        return None; // Which was said.
    }
    if base.is_none() {
        let needed = [("money", money.is_none()), ("clock", clock.is_none()), ("orders", orders.is_none())];
        let mut is_whole = true;
        for (key, _) in needed.iter().filter(|(_, is_missing)| *is_missing) {
            is_whole = false;
            lacks(key, findings);
        }
        if !is_whole {
            return None;
        }
    }
    if let Some(node) = orders {
        places.put("orders", node.at);
    }
    let orders = match orders {
        Some(node) => read_orders(node, base.map(|mapping| &mapping.orders), places, findings),
        None => base.map(|mapping| mapping.orders.clone()),
    }?;
    let mut mapping = Mapping {
        money: money.or(base.map(|mapping| mapping.money))?,
        clock: clock.or(base.map(|mapping| mapping.clock))?,
        orders,
        tables: base.map(|mapping| mapping.tables.clone()).unwrap_or_default(),
        cancel: base.and_then(|mapping| mapping.cancel.clone()),
        claim: base.and_then(|mapping| mapping.claim.clone()),
        mark_refunded: base.and_then(|mapping| mapping.mark_refunded.clone()),
        groups: base.and_then(|mapping| mapping.groups.clone()),
        stock: base.and_then(|mapping| mapping.stock.clone()),
        payments: base.and_then(|mapping| mapping.payments.clone()),
    };
    mapping.tables.extend(tables);
    if let Some(node) = stock {
        places.put("stock", node.at);
        mapping.stock = read_stock(node, places, findings);
    }
    if let Some(node) = payments {
        places.put("payments", node.at);
        mapping.payments = read_payments(node, places, findings);
    }
    if let Some(node) = groups {
        places.put("group_settle", node.at);
        mapping.groups = read_groups(node, mapping.groups.take(), places, findings);
    }
    read_actions(monitors, &mut mapping, places, findings);
    Some(mapping)
}

fn read_money(node: &Node, findings: &mut Diagnostics) -> Option<MoneyUnit> {
    const WORDS: [(&str, MoneyUnit); 3] =
        [("yuan_decimal", MoneyUnit::Yuan), ("yuan", MoneyUnit::Yuan), ("fen", MoneyUnit::Fen)];
    if let Value::Scalar { text, .. } = &node.value {
        let found = WORDS.iter().find(|(word, _)| word == text).map(|(_, unit)| *unit);
        if found.is_none() {
            findings.error(node.at, format!("`money`: `{text}` is no unit"), "write yuan or fen");
        }
        return found;
    }
    let mut keys = Keys::new(node, "shop.money", findings);
    let unit = keys.word("unit", &WORDS, findings);
    if let Some(currency) = keys.text("currency", findings).filter(|text| text != "CNY") {
        let message = format!("`currency`: amounts in `{currency}` are not known here");
        findings.error(keys.key_at("currency"), message, "only CNY is");
    }
    keys.finish(findings);
    unit
}

fn read_clock(node: &Node, preset: Option<&Mapping>, findings: &mut Diagnostics) -> Option<Clock> {
    let mut keys = Keys::new(node, "shop.clock", findings);
    let zone = keys.text("column_zone", findings);
    let column = match &zone {
        Some(text) => {
            let column = column_clock(text);
            if column.is_none() {
                let remedy = "write how times stand in the columns: +08:00, utc, timestamptz or epoch_s";
                findings.error(
                    keys.key_at("column_zone"),
                    format!("`column_zone`: `{text}` is not known"),
                    remedy,
                );
            }
            column
        }
        None => preset.map(|mapping| mapping.clock.column),
    };
    if zone.is_none() && column.is_none() {
        findings.error(
            keys.at(),
            "`clock` needs a `column_zone`",
            "write +08:00, utc, timestamptz or epoch_s",
        );
    }
    let skew_max = keys.duration("max_skew", findings).unwrap_or(TimeDelta::from_secs(300));
    keys.finish(findings);
    Some(Clock { column: column?, skew_max })
}

fn column_clock(text: &str) -> Option<ColumnClock> {
    match text {
        "utc" | "UTC" | "Z" => return Some(ColumnClock::Local(TimeDelta::ZERO)),
        "timestamptz" | "zoned" => return Some(ColumnClock::Zoned),
        "epoch_s" | "epoch" => return Some(ColumnClock::EpochSeconds),
        "Asia/Shanghai" => return Some(ColumnClock::Local(TimeDelta::from_secs(8 * 3600))),
        _ => {}
    }
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = digits.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let possible = (0..=14).contains(&hours) && (0..60).contains(&minutes);
    possible.then(|| ColumnClock::Local(TimeDelta::from_secs(sign * (hours * 3600 + minutes * 60))))
}

/// A text that the preset gives, or that must be there.
fn needed(
    keys: &mut Keys<'_>,
    key: &'static str,
    base: Option<&String>,
    places: &mut Places,
    prefix: &str,
    findings: &mut Diagnostics,
) -> Option<String> {
    let text = given(keys, key, places, prefix, findings).or_else(|| base.cloned());
    if text.is_none() {
        findings.error(keys.at(), format!("`{prefix}` needs `{key}`"), format!("add `{key}: …`"));
    }
    text
}

/// A text that may be there.
fn given(
    keys: &mut Keys<'_>,
    key: &'static str,
    places: &mut Places,
    prefix: &str,
    findings: &mut Diagnostics,
) -> Option<String> {
    let found = keys.text(key, findings);
    if found.is_some() {
        places.put(format!("{prefix}.{key}"), keys.key_at(key));
    }
    found
}

fn read_orders(
    node: &Node,
    base: Option<&Orders>,
    places: &mut Places,
    findings: &mut Diagnostics,
) -> Option<Orders> {
    let mut keys = Keys::new(node, "shop.orders", findings);
    let mut text =
        |keys: &mut Keys<'_>, key: &'static str, base: Option<&String>, findings: &mut Diagnostics| {
            needed(keys, key, base, places, "orders", findings)
        };
    let table = text(&mut keys, "table", base.map(|orders| &orders.table), findings);
    let created = text(&mut keys, "created", base.map(|orders| &orders.created), findings);
    let paid_at = text(&mut keys, "paid_at", base.map(|orders| &orders.paid_at), findings);
    let amount = text(&mut keys, "amount", base.map(|orders| &orders.amount), findings);
    let (id, kind, number) = read_key(&mut keys, base, places, findings);
    let states = match keys.node("states") {
        Some(node) => read_states(node, base.map(|orders| &orders.states), places, findings),
        None => base.map(|orders| orders.states.clone()),
    };
    if states.is_none() && !keys.has("states") {
        let remedy = "add `states: {pending: \"status=0\", paid: …, cancelled: …}`";
        findings.error(keys.at(), "`orders` needs `states`", remedy);
    }
    let mut maybe = |key: &'static str, base: Option<&String>, findings: &mut Diagnostics| {
        // An empty text takes away what the preset says.
        given(&mut keys, key, places, "orders", findings)
            .or_else(|| base.cloned())
            .filter(|text| !text.is_empty())
    };
    let refunded_at = maybe("refunded_at", base.and_then(|orders| orders.refunded_at.as_ref()), findings);
    let exclude = maybe("exclude", base.and_then(|orders| orders.exclude.as_ref()), findings);
    let cancellable = maybe("cancellable", base.and_then(|orders| orders.cancellable.as_ref()), findings);
    let trades = maybe("trades", base.and_then(|orders| orders.trades.as_ref()), findings);
    keys.finish(findings);
    Some(Orders {
        table: table?,
        id: id?,
        key: kind,
        number: number?,
        created: created?,
        paid_at: paid_at?,
        amount: amount?,
        refunded_at,
        states: states?,
        exclude,
        cancellable,
        trades,
    })
}

fn read_key(
    keys: &mut Keys<'_>,
    base: Option<&Orders>,
    places: &mut Places,
    findings: &mut Diagnostics,
) -> (Option<String>, KeyKind, Option<String>) {
    const KINDS: [(&str, KeyKind); 3] =
        [("growing", KeyKind::Growing), ("integer", KeyKind::Integer), ("text", KeyKind::Text)];
    let (id, kind, number) = (
        base.map(|orders| &orders.id),
        base.map_or(KeyKind::Text, |orders| orders.key),
        base.map(|orders| &orders.number),
    );
    let Some(node) = keys.node("key") else {
        if base.is_none() {
            let remedy = "add `key: {id: id, no: order_sn, monotonic: true}`";
            findings.error(keys.at(), "`orders` needs its `key`", remedy);
        }
        return (id.cloned(), kind, number.cloned());
    };
    let mut keys = Keys::new(node, "shop.orders.key", findings);
    let id = needed(&mut keys, "id", id, places, "orders.key", findings);
    let number = needed(&mut keys, "no", number, places, "orders.key", findings);
    let kind = match (keys.word("kind", &KINDS, findings), keys.boolean("monotonic", findings)) {
        (Some(kind), _) => kind,
        (None, Some(true)) => KeyKind::Growing,
        (None, Some(false)) => KeyKind::Text,
        (None, None) => kind,
    };
    keys.finish(findings);
    (id, kind, number)
}

fn read_states(
    node: &Node,
    base: Option<&States>,
    places: &mut Places,
    findings: &mut Diagnostics,
) -> Option<States> {
    let mut keys = Keys::new(node, "shop.orders.states", findings);
    let never = NEVER.to_owned();
    let mut state = |key: &'static str, base: Option<&String>, findings: &mut Diagnostics| {
        needed(&mut keys, key, base, places, "orders.states", findings)
    };
    let pending = state("pending", base.map(|states| &states.pending), findings);
    let paid = state("paid", base.map(|states| &states.paid), findings);
    let cancelled = state("cancelled", base.map(|states| &states.cancelled), findings);
    // A shop that cannot say so has no such orders.
    let refunding = state("refunding", base.map(|states| &states.refunding).or(Some(&never)), findings);
    let refunded = state("refunded", base.map(|states| &states.refunded).or(Some(&never)), findings);
    keys.finish(findings);
    Some(States {
        pending: pending?,
        paid: paid?,
        cancelled: cancelled?,
        refunding: refunding?,
        refunded: refunded?,
    })
}

/// Whether a part of the preset is taken away.
fn is_off(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar { text, .. } if matches!(text.as_str(), "off" | "false"))
}

fn read_stock(node: &Node, places: &mut Places, findings: &mut Diagnostics) -> Option<Stock> {
    if is_off(node) {
        return None;
    }
    let mut keys = Keys::new(node, "shop.stock", findings);
    let mut text = |key: &'static str, findings: &mut Diagnostics| {
        needed(&mut keys, key, None, places, "stock", findings)
    };
    let (table, id, sellable) = (text("table", findings), text("id", findings), text("sellable", findings));
    let exclude = keys.text("exclude", findings);
    keys.finish(findings);
    Some(Stock { table: table?, id: id?, sellable: sellable?, exclude, listing: None })
}

fn read_payments(node: &Node, places: &mut Places, findings: &mut Diagnostics) -> Option<Payments> {
    if is_off(node) {
        return None;
    }
    let mut keys = Keys::new(node, "shop.payments", findings);
    let mut text = |keys: &mut Keys<'_>, key: &'static str, findings: &mut Diagnostics| {
        needed(keys, key, None, places, "payments", findings)
    };
    let (table, id) = (text(&mut keys, "table", findings), text(&mut keys, "id", findings));
    let created = text(&mut keys, "created", findings);
    let states = keys.node("states");
    let mut maybe =
        |key: &'static str, findings: &mut Diagnostics| given(&mut keys, key, places, "payments", findings);
    let (provider, method) = (maybe("provider", findings), maybe("method", findings));
    let exclude = maybe("exclude", findings);
    let at = keys.at();
    keys.finish(findings);
    let Some(states) = states else {
        let remedy = "add `states: {paid: \"status=1\", failed: \"status=2\", closed: \"status=3\"}`";
        findings.error(at, "`payments` needs `states`", remedy);
        return None;
    };
    let states = read_payment_states(states, places, findings);
    Some(Payments { table: table?, id: id?, created: created?, states: states?, provider, method, exclude })
}

fn read_payment_states(
    node: &Node,
    places: &mut Places,
    findings: &mut Diagnostics,
) -> Option<PaymentStates> {
    let mut keys = Keys::new(node, "shop.payments.states", findings);
    let paid = needed(&mut keys, "paid", None, places, "payments.states", findings);
    let failed = given(&mut keys, "failed", places, "payments.states", findings);
    let closed = given(&mut keys, "closed", places, "payments.states", findings);
    keys.finish(findings);
    Some(PaymentStates { paid: paid?, failed, closed })
}

fn read_groups(
    node: &Node,
    base: Option<Groups>,
    places: &mut Places,
    findings: &mut Diagnostics,
) -> Option<Groups> {
    if is_off(node) {
        return None;
    }
    let mut keys = Keys::new(node, "shop.groups", findings);
    let open =
        needed(&mut keys, "open", base.as_ref().map(|base| &base.open), places, "group_settle", findings);
    let refundable = needed(
        &mut keys,
        "refundable",
        base.as_ref().map(|base| &base.refundable),
        places,
        "group_settle",
        findings,
    );
    let state_columns: Vec<_> =
        keys.texts("state_columns", findings).into_iter().map(|(name, _)| name).collect();
    let ended = keys.text("ended", findings).or_else(|| base.as_ref().and_then(|base| base.ended.clone()));
    let mut action =
        |key: &'static str, base: Option<SqlAction>, findings: &mut Diagnostics| match keys.node(key) {
            Some(node) => read_action(node, &format!("group_settle.{key}"), places, findings),
            None if base.is_some() => base,
            None => {
                let remedy = format!("add `{key}: [{{exec: \"UPDATE …\", rows: 1}}]`");
                findings.error(node.at, format!("`groups` needs `{key}`"), remedy);
                None
            }
        };
    let success = action("success", base.as_ref().map(|base| base.success.clone()), findings);
    let fail = action("fail", base.as_ref().map(|base| base.fail.clone()), findings);
    keys.finish(findings);
    let state_columns = match base {
        Some(base) if state_columns.is_empty() => base.state_columns,
        _ => state_columns,
    };
    Some(Groups {
        open: open?,
        state_columns,
        success: success?,
        fail: fail?,
        refundable: refundable?,
        ended,
    })
}

/// The actions that stand with their monitors.
fn read_actions(
    monitors: Option<&Node>,
    mapping: &mut Mapping,
    places: &mut Places,
    findings: &mut Diagnostics,
) {
    let within = |monitor: &str, key: &str| monitors?.get(monitor)?.get(key);
    if let Some(node) = within("order_timeout", "action").filter(|node| node.get("http").is_none()) {
        mapping.cancel = read_action(node, "order_timeout.action", places, findings);
    }
    if let Some(node) = within("refunds", "claim") {
        mapping.claim = read_action(node, "orphans.claim", places, findings);
    }
    if let Some(node) = within("refunds", "mark") {
        mapping.mark_refunded = read_action(node, "refunds.mark", places, findings);
    }
}

/// `[STEP, …]`, or `{sql: [STEP, …], verify: SELECT}`.
fn read_action(
    node: &Node,
    place: &str,
    places: &mut Places,
    findings: &mut Diagnostics,
) -> Option<SqlAction> {
    places.put(place, node.at);
    if let Value::List(steps) = &node.value {
        return Some(SqlAction { steps: read_steps(steps, place, places, findings), verify: None });
    }
    let mut keys = Keys::new(node, place, findings);
    let steps = read_steps(keys.list("sql", findings), place, places, findings);
    let verify = keys.text("verify", findings);
    keys.finish(findings);
    Some(SqlAction { steps, verify })
}

fn read_steps(nodes: &[Node], place: &str, places: &mut Places, findings: &mut Diagnostics) -> Vec<Step> {
    let mut steps = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let place = format!("{place}.sql[{index}]");
        places.put(&place, node.at);
        let mut keys = Keys::new(node, "a step", findings);
        let each = keys.text("each", findings);
        let exec = needed(&mut keys, "exec", None, places, &place, findings);
        if each.is_some() {
            places.put(format!("{place}.each"), keys.key_at("each"));
        }
        let rows = match keys.text("rows", findings) {
            Some(text) => {
                let rows = rows(&text);
                if rows.is_none() {
                    let message = format!("`rows`: `{text}` is no number of rows");
                    findings.error(keys.key_at("rows"), message, "write 1 or 0..1");
                }
                rows
            }
            None => Some(Rows::ONE),
        };
        keys.finish(findings);
        if let (Some(exec), Some(rows)) = (exec, rows) {
            steps.push(Step { each, exec, rows });
        }
    }
    steps
}

fn rows(text: &str) -> Option<Rows> {
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    let rows = Rows { min: min.trim().parse().ok()?, max: max.trim().parse().ok()? };
    (rows.min <= rows.max).then_some(rows)
}

struct Monitors {
    order_timeout: OrderTimeout,
    group_settle: GroupSettle,
    refunds: Refunds,
    low_stock: LowStock,
}

fn read_monitors(node: Option<&Node>, findings: &mut Diagnostics) -> Monitors {
    let nothing = Node { at: Position::START, value: Value::Null };
    let mut keys = Keys::new(node.unwrap_or(&nothing), "shop.monitors", findings);
    let (timeout, settle, refunds, stock) =
        (keys.node("order_timeout"), keys.node("group_settle"), keys.node("refunds"), keys.node("low_stock"));
    keys.finish(findings);
    Monitors {
        order_timeout: read_timeout(timeout.unwrap_or(&nothing), findings),
        group_settle: read_settle(settle.unwrap_or(&nothing), findings),
        refunds: read_refunds(refunds.unwrap_or(&nothing), findings),
        low_stock: read_low_stock(stock.unwrap_or(&nothing), findings),
    }
}

const MODES: [(&str, Mode); 3] = [("observe", Mode::Observe), ("dry_run", Mode::DryRun), ("act", Mode::Act)];

fn read_timeout(node: &Node, findings: &mut Diagnostics) -> OrderTimeout {
    let mut keys = Keys::new(node, "shop.monitors.order_timeout", findings);
    let mode = keys.word("mode", &MODES, findings).unwrap_or_default();
    let after = keys.duration("after", findings).unwrap_or(TimeDelta::from_secs(1_800));
    if after < AFTER_MIN {
        let remedy = format!("write {AFTER_MIN} or more; customers need time to pay");
        findings.error(keys.key_at("after"), format!("`after` of {after} is too short"), remedy);
    }
    let grace = keys.duration("grace", findings).unwrap_or(TimeDelta::from_secs(180));
    // The provider is always asked and told; the key is accepted, as the plan writes it.
    keys.list("before", findings);
    let http =
        keys.node("action").and_then(|node| node.get("http")).and_then(|node| read_http(node, findings));
    let limits = keys.node("limits").map_or_else(Limits::default, |node| read_limits(node, findings));
    keys.finish(findings);
    OrderTimeout { mode, after, grace, http, limits }
}

fn read_http(node: &Node, findings: &mut Diagnostics) -> Option<HttpAction> {
    let mut keys = Keys::new(node, "shop.monitors.order_timeout.action.http", findings);
    let url = keys.text("url", findings).unwrap_or_default();
    let is_http = url
        .replace(":id", "0")
        .replace(":no", "0")
        .parse::<http::Uri>()
        .is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    if !is_http {
        let remedy = "write http://HOST/PATH, with `:id` or `:no` where the order's key or number stands";
        findings.error(keys.at(), "an HTTP action needs a `url`", remedy);
    } else if !url.contains(":id") && !url.contains(":no") && !keys.has("body") {
        findings.error(keys.key_at("url"), "`url` names no order", "put `:id` or `:no` into it, or a `body`");
    }
    let body = keys.text("body", findings).unwrap_or_default();
    let headers = keys.text_map("headers", findings);
    let headers = headers.into_iter().map(|(name, value, _)| (name, Secret::new(value))).collect();
    keys.finish(findings);
    is_http.then_some(HttpAction { url, body, headers })
}

fn read_settle(node: &Node, findings: &mut Diagnostics) -> GroupSettle {
    let mut keys = Keys::new(node, "shop.monitors.group_settle", findings);
    let mode = keys.word("mode", &MODES, findings).unwrap_or_default();
    let limits = keys.node("limits").map_or_else(Limits::default, |node| read_limits(node, findings));
    keys.finish(findings);
    GroupSettle { mode, limits }
}

fn read_limits(node: &Node, findings: &mut Diagnostics) -> Limits {
    let mut keys = Keys::new(node, "limits", findings);
    let defaults = Limits::default();
    let mut count = |key: &'static str, default: usize, findings: &mut Diagnostics| {
        keys.number(key, findings).map_or(default, |number| usize::try_from(number).unwrap_or(usize::MAX))
    };
    let (per_run, per_hour, per_day) = (
        count("per_run", defaults.per_run, findings),
        count("per_hour", defaults.per_hour, findings),
        count("per_day", defaults.per_day, findings),
    );
    let share_counts_from = count("share_counts_from", defaults.share_counts_from, findings);
    let share = keys.text("max_share_of_pending", findings);
    let percent = share.as_ref().map(|text| text.trim_end_matches('%').trim().parse::<u8>());
    if let Some(Err(_)) | Some(Ok(101..)) = percent {
        let message = format!("`max_share_of_pending`: `{}` is no share", share.unwrap_or_default());
        findings.error(keys.key_at("max_share_of_pending"), message, "write 50%");
    }
    let limits = Limits {
        per_run,
        per_hour,
        per_day,
        share_of_pending_percent_max: percent
            .and_then(Result::ok)
            .unwrap_or(defaults.share_of_pending_percent_max),
        share_counts_from,
        order_age_max: keys.duration("order_age_max", findings).unwrap_or(defaults.order_age_max),
        two_ticks: keys.boolean("two_ticks", findings).unwrap_or(true),
    };
    keys.finish(findings);
    limits
}

fn read_refunds(node: &Node, findings: &mut Diagnostics) -> Refunds {
    let mut keys = Keys::new(node, "shop.monitors.refunds", findings);
    // Read with the mapping.
    keys.node("claim");
    keys.node("mark");
    let refunds = Refunds {
        mode: keys.word("mode", &MODES, findings).unwrap_or_default(),
        orphans: keys.boolean("orphans", findings).unwrap_or(false),
        look_back: keys.duration("look_back", findings).unwrap_or(TimeDelta::from_secs(48 * 3_600)),
        caps: keys.node("limits").map_or_else(RefundCaps::default, |node| read_caps(node, findings)),
    };
    keys.finish(findings);
    refunds
}

fn read_caps(node: &Node, findings: &mut Diagnostics) -> RefundCaps {
    let mut keys = Keys::new(node, "shop.monitors.refunds.limits", findings);
    let defaults = RefundCaps::default();
    let mut fen = |key: &'static str, default: Fen, findings: &mut Diagnostics| {
        keys.number(key, findings).map_or(default, |number| Fen(i64::try_from(number).unwrap_or(i64::MAX)))
    };
    let caps = RefundCaps {
        fen_per_day: fen("fen_per_day", defaults.fen_per_day, findings),
        fen_per_refund: fen("fen_per_refund", defaults.fen_per_refund, findings),
        per_run: defaults.per_run,
    };
    let per_run = keys.number("per_run", findings);
    keys.finish(findings);
    let per_run = per_run.map_or(caps.per_run, |number| usize::try_from(number).unwrap_or(usize::MAX));
    RefundCaps { per_run, ..caps }
}

fn read_low_stock(node: &Node, findings: &mut Diagnostics) -> LowStock {
    let mut keys = Keys::new(node, "shop.monitors.low_stock", findings);
    let below = keys.number("below", findings).map_or(10, |number| i64::try_from(number).unwrap_or(i64::MAX));
    keys.finish(findings);
    LowStock { below }
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

/// The outer `None`: it is there and cannot be used; the inner one: nothing is said.
fn read_provider(node: &Node, folder: &Path, findings: &mut Diagnostics) -> Option<Option<Provider>> {
    if let Value::Scalar { text, .. } = &node.value {
        if text == "none" {
            return Some(Some(Provider::None));
        }
        let remedy = "write `none`, or `wechatpay: {mchid: …}`";
        findings.error(node.at, format!("`provider`: `{text}` is not known"), remedy);
        return None;
    }
    let mut keys = Keys::new(node, "shop.provider", findings);
    let wechatpay = keys.node("wechatpay");
    keys.finish(findings);
    let Some(node) = wechatpay else {
        findings.error(
            node.at,
            "`provider` names none",
            "add `wechatpay: {mchid: …}`, or write `provider: none`",
        );
        return None;
    };
    read_wechatpay(node, folder, findings).map(|found| Some(Provider::Wechatpay(Box::new(found))))
}

fn read_wechatpay(node: &Node, folder: &Path, findings: &mut Diagnostics) -> Option<Wechatpay> {
    let mut keys = Keys::new(node, "shop.provider.wechatpay", findings);
    let mut text = |key: &'static str, findings: &mut Diagnostics| {
        let text = keys.text(key, findings);
        if text.is_none() {
            findings.error(node.at, format!("`wechatpay` needs `{key}`"), format!("add `{key}: …`"));
        }
        text
    };
    let (mchid, serial, key) =
        (text("mchid", findings), text("serial", findings), text("private_key_file", findings));
    let endpoint = keys.text("endpoint", findings);
    let public_key = keys.text("public_key_id", findings).zip(keys.text("public_key_file", findings));
    let certificates = keys.texts("certificate_files", findings);
    let api_v3_key = keys.text("api_v3_key_file", findings);
    let notify_url = keys.text("notify_url", findings);
    let notify_at = keys.key_at("notify_url");
    keys.finish(findings);
    if let Some(url) = &notify_url {
        check_notify_url(url, api_v3_key.is_some(), notify_at, findings);
    }
    if public_key.is_none() && certificates.is_empty() {
        let remedy =
            "add `public_key_id` and `public_key_file` from the merchant's pages, or `certificate_files`";
        findings.error(node.at, "no answer of WeChat Pay could be believed without one of its keys", remedy);
        return None;
    }
    let wechatpay = Wechatpay {
        endpoint: endpoint.unwrap_or_else(|| provider::ENDPOINT.to_owned()),
        mchid: mchid?,
        serial: serial?,
        private_key_file: folder.join(key?),
        public_key: public_key.map(|(id, file)| (id, folder.join(file))),
        certificate_files: certificates.into_iter().map(|(file, _)| folder.join(file)).collect(),
        api_v3_key_file: api_v3_key.map(|file| folder.join(file)),
        notify_url,
    };
    if let Err(error) = provider::check(&wechatpay) {
        findings.error(node.at, format!("`wechatpay`: {error}"), "check the file, and the text in it");
        return None;
    }
    Some(wechatpay)
}

fn check_notify_url(url: &str, has_key: bool, at: Position, findings: &mut Diagnostics) {
    if !provider::is_notify_url(url) {
        let remedy =
            format!("write https://HOST{}, as WeChat Pay reaches it from outside", provider::NOTIFY_PATH);
        findings.error(at, format!("`notify_url`: `{url}` is no address that WeChat Pay would call"), remedy);
    }
    if !has_key {
        let remedy = "add `api_v3_key_file`, a file with the APIv3 key of the merchant's pages";
        findings.error(at, "`notify_url`: without the APIv3 key no callback can be read", remedy);
    }
}

fn check_mapping(mapping: &Mapping, places: &Places, at: Position, findings: &mut Diagnostics) {
    for finding in lint::lint(mapping) {
        let place = places.of(&finding.place, at);
        let message = format!("`{}`: {}", finding.place, finding.problem);
        if finding.is_error {
            findings.error(place, message, "nothing acts on the shop before this is right");
        } else {
            findings.warning(place, message, "");
        }
    }
}

/// Who switches acting on says whom to ask, even if nobody.
fn check_provider(
    provider: Option<&Provider>,
    timeout: &OrderTimeout,
    refunds: &Refunds,
    at: Position,
    findings: &mut Diagnostics,
) {
    if provider.is_none() && timeout.mode == Mode::Act {
        let remedy =
            "add `provider: {wechatpay: …}`; or `provider: none`, if customers pay where nobody can be asked";
        let message = "`order_timeout` is to act, and no `provider` can be asked whether an order was paid";
        findings.error(at, message, remedy);
    }
    if !matches!(provider, Some(Provider::Wechatpay(_))) && refunds.mode != Mode::Observe {
        let message = "`refunds` is switched on, and there is no `provider` that could give money back";
        findings.error(at, message, "add `provider: {wechatpay: …}`, or leave `refunds.mode` at observe");
    }
}

/// What of it is shown to people.
#[derive(Serialize)]
struct Shown<'s> {
    name: &'s str,
    database: &'s Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<&'s str>,
    every: String,
    monitors: ShownMonitors,
    provider: &'static str,
}

#[derive(Serialize)]
struct ShownMonitors {
    order_timeout: ShownTimeout,
    group_settle: ShownMode,
    refunds: ShownRefunds,
    low_stock: ShownStock,
}

#[derive(Serialize)]
struct ShownTimeout {
    mode: &'static str,
    after: String,
    grace: String,
}

#[derive(Serialize)]
struct ShownMode {
    mode: &'static str,
}

#[derive(Serialize)]
struct ShownRefunds {
    mode: &'static str,
    orphans: bool,
    fen_per_day: i64,
    fen_per_refund: i64,
}

#[derive(Serialize)]
struct ShownStock {
    below: i64,
}

impl Serialize for Shop {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = Shown {
            name: self.name.as_str(),
            database: &self.database,
            preset: self.preset.as_deref(),
            every: self.every.to_string(),
            monitors: ShownMonitors {
                order_timeout: ShownTimeout {
                    mode: self.order_timeout.mode.name(),
                    after: self.order_timeout.after.to_string(),
                    grace: self.order_timeout.grace.to_string(),
                },
                group_settle: ShownMode { mode: self.group_settle.mode.name() },
                refunds: ShownRefunds {
                    mode: self.refunds.mode.name(),
                    orphans: self.refunds.orphans,
                    fen_per_day: self.refunds.caps.fen_per_day.0,
                    fen_per_refund: self.refunds.caps.fen_per_refund.0,
                },
                low_stock: ShownStock { below: self.low_stock.below },
            },
            provider: match self.provider {
                Provider::None => "none",
                Provider::Wechatpay(_) => "wechatpay",
            },
        };
        shown.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use lingshao_demo::fakes::WechatPayAccount as Account;

    use super::*;
    use crate::config::{Config, parse};

    const BY_HAND: &str = r#"
shop:
  name: hand
  database: sqlite:shop.db
  money: {unit: fen, currency: CNY}
  clock: {column_zone: "-03:30", max_skew: 1m}
  orders:
    table: sales
    key: {id: sale_id, no: sale_no, monotonic: true}
    created: made_at
    paid_at: payed_at
    amount: total
    states: {pending: "state=0", paid: "state=1", cancelled: "state=2"}
    exclude: "cash=1"
  tables: [lines, items]
  stock: {table: items, id: sku, sellable: "have - reserved"}
  monitors:
    order_timeout:
      mode: dry_run
      after: 20m
      grace: 1m
      before: [provider.query, provider.close]
      action:
        sql:
          - {exec: "UPDATE sales SET state=2 WHERE sale_id=:id AND state=0", rows: 1}
          - each: "SELECT sku, n FROM lines WHERE sale_id=:id ORDER BY sku"
            exec: "UPDATE items SET have=have+:n WHERE sku=:sku"
            rows: 0..1
        verify: "SELECT state=2 FROM sales WHERE sale_id=:id"
      limits: {per_run: 7, max_share_of_pending: 25%, order_age_max: 1d, two_ticks: false}
    low_stock: {below: 3}
  figures: {leave_out: [orders_total]}
"#;

    fn config(text: &str) -> Config {
        parse(text, Path::new("lingshao.yml"))
            .map(|loaded| loaded.config)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn findings(text: &str) -> Vec<String> {
        match parse(text, Path::new("lingshao.yml")) {
            Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect(),
            Err(invalid) => invalid.diagnostics.iter().map(ToString::to_string).collect(),
        }
    }

    /// The first finding begins like this, with the line and column of what is wrong.
    #[track_caller]
    fn wrong(text: &str, expected: &str) {
        let found = findings(text);
        assert!(
            found.first().is_some_and(|first| first.starts_with(expected)),
            "{found:#?}\nexpected {expected}"
        );
    }

    #[test]
    fn a_schema_of_any_kind_needs_yaml_only() {
        let shop = config(BY_HAND).shop.unwrap();
        assert_eq!((shop.name.as_str(), shop.every), ("hand", TimeDelta::from_secs(30)));
        assert_eq!(shop.mapping.money, MoneyUnit::Fen);
        assert_eq!(shop.mapping.clock.column, ColumnClock::Local(TimeDelta::from_secs(-12_600)));
        assert_eq!(shop.mapping.orders.key, KeyKind::Growing);
        assert_eq!(shop.mapping.orders.states.refunding, "FALSE");
        let cancel = shop.mapping.cancel.unwrap();
        assert_eq!(cancel.steps[1].rows, Rows::AT_MOST_ONE);
        assert_eq!(cancel.verify.as_deref(), Some("SELECT state=2 FROM sales WHERE sale_id=:id"));
        let timeout = shop.order_timeout;
        assert_eq!((timeout.mode, timeout.after), (Mode::DryRun, TimeDelta::from_secs(1_200)));
        let Limits { per_run, share_of_pending_percent_max, two_ticks, .. } = timeout.limits;
        assert_eq!((per_run, share_of_pending_percent_max, two_ticks), (7, 25, false));
        assert_eq!(shop.low_stock.below, 3);
        assert_eq!(shop.left_out, BTreeSet::from(["orders_total".to_owned()]));
        assert_eq!((shop.group_settle.mode, shop.refunds.mode), (Mode::Observe, Mode::Observe));
    }

    #[test]
    fn a_preset_needs_no_more_than_its_name() {
        let shop = config("shop: {database: {url: 'mysql://u:hunter2@h/litemall'}, preset: litemall}\n")
            .shop
            .unwrap();
        assert_eq!(shop.mapping, lingshao_shop::mapping::litemall());
        assert_eq!(shop.order_timeout.mode, Mode::Observe);
        assert!(!format!("{shop:?}").contains("hunter2"));
        let shown =
            config("shop: {database: 'mysql://u:hunter2@h/litemall', preset: litemall}\n").to_masked_yaml();
        assert!(!shown.contains("hunter2") && shown.contains("preset: litemall"), "{shown}");
        // Parts of it may be other ones here.
        let other = "shop: {database: 'sqlite:x', preset: litemall, clock: {column_zone: utc}, \
                     orders: {exclude: 'deleted=1 OR mobile IS NULL'}, groups: off}\n";
        let shop = config(other).shop.unwrap();
        assert_eq!(shop.mapping.clock.column, ColumnClock::Local(TimeDelta::ZERO));
        assert_eq!(shop.mapping.orders.exclude.as_deref(), Some("deleted=1 OR mobile IS NULL"));
        assert_eq!((shop.mapping.orders.table.as_str(), shop.mapping.groups), ("litemall_order", None));
    }

    #[test]
    fn mistakes_are_told_where_they_stand() {
        let preset = "shop:\n  database: sqlite:x\n  preset: litemall\n";
        wrong("shop: {preset: litemall}\n", "lingshao.yml:1:7: error a shop needs its `database`");
        wrong(
            "shop:\n  database: oracle://x\n  preset: litemall\n",
            "lingshao.yml:2:13: error `database`: the shop's database URL must begin",
        );
        wrong(
            "shop:\n  database: sqlite:x\n  preset: litemal\n",
            "lingshao.yml:3:3: error there is no preset `litemal`",
        );
        wrong(
            "shop:\n  database: sqlite:x\n",
            "lingshao.yml:2:3: error a shop without a preset needs `money`",
        );
        let payments =
            |more: &str| format!("{preset}  payments:\n    table: pay\n    id: id\n    created: at\n{more}");
        wrong(&payments(""), "lingshao.yml:5:5: error `payments` needs `states`");
        wrong(
            &payments("    states: {paid: 'st=1', failed: 'st=2; DROP'}\n"),
            "lingshao.yml:8:28: error `payments.states.failed`",
        );
        wrong(
            &payments("    states: {paid: 'st=1'}\n    provider: (SELECT 1)\n"),
            "lingshao.yml:9:5: error `payments.provider`",
        );
        wrong(
            &format!("{preset}  figures:\n    leave_out: [orders_total, orders]\n"),
            "lingshao.yml:5:31: error `leave_out`: there is no figure `orders`",
        );
        wrong(&format!("{preset}  every: 1h\n"), "lingshao.yml:4:3: error `every` of 1h is not possible");
        wrong(&format!("{preset}  name: 'two words'\n"), "lingshao.yml:4:3: error `name`: shop name");
        wrong(
            &format!("{preset}  monitors:\n    order_timeout: {{after: 10s}}\n"),
            "lingshao.yml:5:21: error `after` of 10s is too short",
        );
        wrong(
            &format!("{preset}  monitors:\n    order_timeout: {{mod: act}}\n"),
            "lingshao.yml:5:21: error unknown key `mod`",
        );
        // Acting without anybody who could say that an order is paid must be meant.
        wrong(
            &format!("{preset}  monitors: {{order_timeout: {{mode: act}}}}\n"),
            "lingshao.yml:2:3: error `order_timeout` is to act, and no `provider`",
        );
        assert_eq!(
            findings(&format!("{preset}  provider: none\n  monitors: {{order_timeout: {{mode: act}}}}\n")),
            Vec::<String>::new()
        );
        wrong(
            &format!("{preset}  provider: none\n  monitors: {{refunds: {{mode: act}}}}\n"),
            "lingshao.yml:2:3: error `refunds` is switched on, and there is no `provider`",
        );
    }

    #[test]
    fn statements_that_could_do_harm_are_refused_at_their_line() {
        let with = |exec: &str| {
            format!(
                "shop:\n  database: sqlite:x\n  preset: litemall\n  monitors:\n    order_timeout:\n      action:\n        sql:\n          - {{exec: \"{exec}\", rows: 1}}\n"
            )
        };
        wrong(
            &with("DELETE FROM litemall_order WHERE id=:id AND order_status=101"),
            "lingshao.yml:8:14: error `order_timeout.action.sql[0].exec`",
        );
        // The guard names no state: an order that was just paid would be cancelled.
        wrong(
            &with("UPDATE litemall_order SET order_status=103 WHERE id=:id"),
            "lingshao.yml:8:14: error `order_timeout.action.sql[0].exec`: the guard's WHERE names no state column",
        );
        wrong(
            &with("UPDATE litemall_order SET order_status=103 WHERE order_status=101"),
            "lingshao.yml:8:14: error `order_timeout.action.sql[0].exec`: WHERE does not name the key",
        );
        wrong(
            &with("UPDATE secrets SET order_status=103 WHERE id=:id AND order_status=101"),
            "lingshao.yml:8:14: error `order_timeout.action.sql[0].exec`: table `secrets`",
        );
    }

    #[test]
    fn keys_of_wechat_pay_are_tried_before_anything_starts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lingshao.yml");
        let text = format!(
            "shop:\n  database: sqlite:x\n  preset: litemall\n  provider:\n    wechatpay:\n      mchid: '{}'\n      serial: {}\n      \
             private_key_file: k.pem\n      certificate_files: [c.pem]\n  monitors: {{refunds: {{mode: act, orphans: true, limits: {{fen_per_day: 9000}}}}}}\n",
            Account::MCHID,
            Account::MERCHANT_SERIAL
        );
        let read = || parse(&text, &file);
        let error = read().unwrap_err().to_string();
        assert!(error.contains(":6:7: error `wechatpay`: cannot read"), "{error}");
        std::fs::write(folder.path().join("k.pem"), Account::MERCHANT_KEY).unwrap();
        std::fs::write(folder.path().join("c.pem"), Account::MERCHANT_KEY).unwrap();
        assert!(read().unwrap_err().to_string().contains("c.pem"));
        std::fs::write(folder.path().join("c.pem"), Account::PLATFORM_CERTIFICATE).unwrap();
        let called = |lines: &str| {
            let text =
                text.replace("certificate_files: [c.pem]\n", &format!("certificate_files: [c.pem]\n{lines}"));
            parse(&text, &file).map(|_| ()).map_err(|error| error.to_string())
        };
        let lacks = called("      notify_url: https://h/x\n").unwrap_err();
        assert!(lacks.contains(":10:7: error `notify_url`: without the APIv3 key"), "{lacks}");
        std::fs::write(folder.path().join("v3"), "short").unwrap();
        let short = called("      api_v3_key_file: v3\n").unwrap_err();
        assert!(short.contains("v3`") && short.contains('5'), "{short}");
        std::fs::write(folder.path().join("v3"), Account::API_V3_KEY).unwrap();
        let strange = called("      api_v3_key_file: v3\n      notify_url: 'https://h/x?y'\n").unwrap_err();
        assert!(strange.contains(":11:7: error `notify_url`: `https://h/x?y` is no address"), "{strange}");
        called("      api_v3_key_file: v3\n      notify_url: https://h/x\n").unwrap();
        let shop = read().unwrap().config.shop.unwrap();
        assert_eq!((shop.refunds.caps.fen_per_day, shop.refunds.orphans), (Fen(9_000), true));
        assert!(
            matches!(shop.provider, Provider::Wechatpay(wechatpay) if wechatpay.endpoint == provider::ENDPOINT)
        );
    }
}

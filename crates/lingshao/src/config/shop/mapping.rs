//! What the tables mean: a preset, a mapping written out, or a preset of which parts are given anew.

use lingshao_model::TimeDelta;
use lingshao_shop::mapping::{
    Clock, ColumnClock, Groups, KeyKind, LateMembers, Listing, Mapping, MoneyUnit, Orders, PaymentStates,
    Payments, Rows, SqlAction, States, Step, Stock, lint, preset,
};
use lingshao_wire::yaml::{Diagnostics, Keys, Node, Position, Value};

/// Presets by name.
const PRESETS: [&str; 2] = ["litemall", "ruoyi-mall"];

/// A condition that no row meets.
const NEVER: &str = "FALSE";

/// Where each part of a mapping stands, for findings about it.
#[derive(Default)]
pub(super) struct Places(Vec<(String, Position)>);

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

pub(super) fn read_preset(
    keys: &mut Keys<'_>,
    findings: &mut Diagnostics,
) -> (Option<String>, Option<Mapping>) {
    let Some(name) = keys.text("preset", findings) else { return (None, None) };
    let mapping = preset(&name);
    if mapping.is_none() {
        let message = format!("there is no preset `{name}`");
        let remedy = format!("write one of {}, or map the tables yourself", PRESETS.join(", "));
        findings.error(keys.key_at("preset"), message, remedy);
    }
    (Some(name), mapping)
}

pub(super) fn read_mapping(
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
        let base = mapping.stock.take();
        // The preset's actions write there, whatever is looked at instead.
        mapping.tables.extend(base.iter().map(|stock| stock.table.clone()));
        mapping.stock = read_stock(node, base.as_ref(), places, findings);
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

/// A text that may be there, or that the preset gives; an empty one takes away what the preset says.
fn given_or(
    keys: &mut Keys<'_>,
    key: &'static str,
    base: Option<&String>,
    places: &mut Places,
    prefix: &str,
    findings: &mut Diagnostics,
) -> Option<String> {
    let text = given(keys, key, places, prefix, findings).or_else(|| base.cloned());
    text.filter(|text| !text.is_empty())
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
        given_or(&mut keys, key, base, places, "orders", findings)
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

fn read_stock(
    node: &Node,
    base: Option<&Stock>,
    places: &mut Places,
    findings: &mut Diagnostics,
) -> Option<Stock> {
    if is_off(node) {
        return None;
    }
    let mut keys = Keys::new(node, "shop.stock", findings);
    // Of another table the preset says nothing.
    let base = base.filter(|_| !keys.has("table"));
    let mut text = |key: &'static str, base: Option<&String>, findings: &mut Diagnostics| {
        needed(&mut keys, key, base, places, "stock", findings)
    };
    let table = text("table", base.map(|stock| &stock.table), findings);
    let id = text("id", base.map(|stock| &stock.id), findings);
    let sellable = text("sellable", base.map(|stock| &stock.sellable), findings);
    let base_exclude = base.and_then(|stock| stock.exclude.as_ref());
    let exclude = given_or(&mut keys, "exclude", base_exclude, places, "stock", findings);
    let listing = keys.node("listing");
    keys.finish(findings);
    let listing = match listing {
        Some(node) if is_off(node) => None,
        Some(node) => Some(read_listing(node, places, findings)?),
        None => base.and_then(|stock| stock.listing.clone()),
    };
    Some(Stock { table: table?, id: id?, sellable: sellable?, exclude, listing })
}

/// Where it stands what is for sale, if not with the stock.
fn read_listing(node: &Node, places: &mut Places, findings: &mut Diagnostics) -> Option<Listing> {
    let mut keys = Keys::new(node, "shop.stock.listing", findings);
    let mut text = |key: &'static str, findings: &mut Diagnostics| {
        needed(&mut keys, key, None, places, "stock.listing", findings)
    };
    let (table, id) = (text("table", findings), text("id", findings));
    let (reference, exclude) = (text("reference", findings), text("exclude", findings));
    keys.finish(findings);
    Some(Listing { table: table?, id: id?, reference: reference?, exclude: exclude? })
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
    let late = match keys.node("late") {
        Some(node) if is_off(node) => None,
        Some(node) => read_late(node, places, findings),
        None => base.as_ref().and_then(|base| base.late.clone()),
    };
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
        late,
        refundable: refundable?,
        ended,
    })
}

/// `{find: SELECT, fail: [STEP, …]}`.
fn read_late(node: &Node, places: &mut Places, findings: &mut Diagnostics) -> Option<LateMembers> {
    let mut keys = Keys::new(node, "shop.groups.late", findings);
    let find = needed(&mut keys, "find", None, places, "group_settle.late", findings);
    let fail = match keys.node("fail") {
        Some(node) => read_action(node, "group_settle.late.fail", places, findings),
        None => {
            let remedy = "add `fail: [{exec: \"UPDATE …\", rows: 1}]`, or write `late: off`";
            findings.error(node.at, "`late` needs `fail`", remedy);
            None
        }
    };
    keys.finish(findings);
    Some(LateMembers { find: find?, fail: fail? })
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

pub(super) fn check_mapping(mapping: &Mapping, places: &Places, at: Position, findings: &mut Diagnostics) {
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

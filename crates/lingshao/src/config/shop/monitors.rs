//! What the monitors may do, and how much of it.

use lingshao_model::TimeDelta;
use lingshao_shop::Fen;
use lingshao_shop::safety::{Limits, Mode, RefundCaps};
use lingshao_wire::prometheus_config::Secret;
use lingshao_wire::yaml::{Diagnostics, Keys, Node, Position, Value};

use super::{GroupSettle, HttpAction, LowStock, OrderTimeout, Refunds};

/// Customers pay in the last minute: cancelling earlier than this takes orders from them.
const AFTER_MIN: TimeDelta = TimeDelta::from_secs(60);

pub(super) struct Monitors {
    pub(super) order_timeout: OrderTimeout,
    pub(super) group_settle: GroupSettle,
    pub(super) refunds: Refunds,
    pub(super) low_stock: LowStock,
}

pub(super) fn read_monitors(node: Option<&Node>, findings: &mut Diagnostics) -> Monitors {
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

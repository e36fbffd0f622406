//! What the monitors would do at this moment. Only reads; the provider is not asked.

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::group::{Verdict, verdict};
use lingshao_shop::sql::{OrderFacts, Shop};
use serde::Serialize;

use crate::config::shop::Shop as Config;
use crate::failure::with_causes;

/// Instants are milliseconds since 1970, money is fen.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preview {
    /// When.
    pub(crate) at: i64,
    /// By the database's clock.
    pub(crate) clock: Option<i64>,
    /// Orders that were not paid in time, oldest first.
    pub(crate) orders: Vec<PreviewedOrder>,
    /// How many wait for payment in all.
    pub(crate) pending: usize,
    /// Groups that would end.
    pub(crate) groups: Vec<PreviewedGroup>,
    /// Orders whose money would go back.
    pub(crate) refunds: Vec<PreviewedOrder>,
    /// What could not be looked at, and why.
    pub(crate) errors: Vec<String>,
}

/// One order.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewedOrder {
    /// Its key.
    pub(crate) order: String,
    /// Its number.
    pub(crate) number: String,
    /// When it was placed.
    pub(crate) created: i64,
    /// What it costs.
    pub(crate) fen: i64,
    /// Whether statements can undo all of it.
    pub(crate) cancellable: bool,
}

/// One group.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewedGroup {
    /// Its key.
    pub(crate) group: String,
    /// Members who paid.
    pub(crate) paid: u32,
    /// How many are needed.
    pub(crate) required: u32,
    /// When it ends.
    pub(crate) expires_at: i64,
    /// `success` or `failed`.
    pub(crate) verdict: &'static str,
}

/// Looks at all of it.
pub(crate) async fn preview(config: &Config, shop: &Shop, at: Timestamp) -> Preview {
    let mut preview = Preview { at: at.0, ..Preview::default() };
    let timeout = &config.order_timeout;
    let after = TimeDelta(timeout.after.0 + timeout.grace.0);
    match shop.expired(after, timeout.limits.order_age_max, at).await {
        Ok(expired) => {
            preview.clock = Some(expired.now.0);
            preview.pending = expired.pending;
            preview.orders = expired.orders.iter().map(previewed).collect();
        }
        Err(error) => preview.errors.push(format!("order_timeout: {}", with_causes(&error))),
    }
    match shop.open_groups().await {
        Ok(open) => {
            let clock = preview.clock.map_or(at, Timestamp);
            preview.groups = open
                .into_iter()
                .filter_map(|found| {
                    let verdict = match verdict(&found.group, clock) {
                        Verdict::Success => "success",
                        Verdict::Failed => "failed",
                        Verdict::Ongoing => return None,
                    };
                    Some(PreviewedGroup {
                        group: found.group.key.to_string(),
                        paid: found.group.paid,
                        required: found.group.required,
                        expires_at: found.group.expires_at.0,
                        verdict,
                    })
                })
                .collect();
        }
        Err(error) => preview.errors.push(format!("group_settle: {}", with_causes(&error))),
    }
    match shop.refundable().await {
        Ok(orders) => preview.refunds = orders.iter().map(previewed).collect(),
        Err(error) => preview.errors.push(format!("refunds: {}", with_causes(&error))),
    }
    preview
}

fn previewed(order: &OrderFacts) -> PreviewedOrder {
    PreviewedOrder {
        order: order.order.to_string(),
        number: order.number.to_string(),
        created: order.created.0,
        fen: order.amount.0,
        cancellable: order.cancellable,
    }
}

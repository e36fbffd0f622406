//! What the monitors would do at this moment. Only reads; the provider is not asked.

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::group::{Verdict, verdict};
use lingshao_shop::sql::{FoundGroup, LateMember, OrderFacts, Shop, ShopError};
use serde::Serialize;

use super::desk::{group_name, late_member_name};
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
    /// Its name, by which a person has it end.
    pub(crate) group: String,
    /// The number of the order of a member who paid too late.
    pub(crate) order: Option<String>,
    /// Members who paid.
    pub(crate) paid: u32,
    /// How many are needed.
    pub(crate) required: u32,
    /// When it ends; when a late member paid.
    pub(crate) expires_at: i64,
    /// `success`, `failed`, or `late_member` of one who paid after the group had failed.
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
    match groups(shop, preview.clock.map_or(at, Timestamp)).await {
        Ok(groups) => preview.groups = groups,
        Err(error) => preview.errors.push(format!("group_settle: {}", with_causes(&error))),
    }
    match shop.refundable().await {
        Ok(orders) => preview.refunds = orders.iter().map(previewed).collect(),
        Err(error) => preview.errors.push(format!("refunds: {}", with_causes(&error))),
    }
    preview
}

async fn groups(shop: &Shop, clock: Timestamp) -> Result<Vec<PreviewedGroup>, ShopError> {
    let mut groups = Vec::new();
    for FoundGroup { group } in shop.open_groups().await? {
        let verdict = match verdict(&group, clock) {
            Verdict::Success => "success",
            Verdict::Failed => "failed",
            Verdict::Ongoing => continue,
        };
        groups.push(PreviewedGroup {
            group: group_name(&group.key).to_string(),
            order: None,
            paid: group.paid,
            required: group.required,
            expires_at: group.expires_at.0,
            verdict,
        });
    }
    for LateMember { order, .. } in shop.late_members().await? {
        groups.push(PreviewedGroup {
            group: late_member_name(&order.order).to_string(),
            order: Some(order.number.to_string()),
            paid: 1,
            required: 1,
            expires_at: order.paid_at.unwrap_or(order.created).0,
            verdict: "late_member",
        });
    }
    Ok(groups)
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

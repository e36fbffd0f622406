//! What of the section is shown to people: no secret.

use lingshao_wire::prometheus_config::Secret;
use serde::{Serialize, Serializer};

use super::{Provider, Shop};

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

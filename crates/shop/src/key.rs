//! What names an order, a group and a refund.

use std::fmt;

/// Longer keys and numbers are no keys: WeChat Pay takes 32 characters for an order and 64 for a refund.
const KEY_BYTES_MAX: usize = 64;
/// Short, as it stands in front of every refund number.
const SHOP_NAME_BYTES_MAX: usize = 12;
/// What `out_refund_no` holds at WeChat Pay, and `out_request_no` at Alipay.
const REFUND_NUMBER_BYTES_MAX: usize = 64;

/// Why a text cannot be a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing there, or more than a key holds.
    #[error("{what} `{text}` has {bytes} bytes; it must have 1 to {max}")]
    Length {
        /// Which kind of key.
        what: &'static str,
        /// The beginning of what was given.
        text: String,
        /// How many it has.
        bytes: usize,
        /// The most it may have.
        max: usize,
    },
    /// A character that providers do not take in a number.
    #[error("{what} `{text}` may have letters, digits, `_` and `-` only")]
    Character {
        /// Which kind of key.
        what: &'static str,
        /// As it was given.
        text: String,
    },
}

fn parse(what: &'static str, text: &str, max: usize) -> Result<Box<str>, KeyError> {
    if text.is_empty() || text.len() > max {
        return Err(KeyError::Length {
            what,
            text: text.chars().take(max).collect(),
            bytes: text.len(),
            max,
        });
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
        return Err(KeyError::Character { what, text: text.to_owned() });
    }
    Ok(text.into())
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Letters, digits, `_` and `-`, within its length.
            pub fn new(text: &str) -> Result<$name, KeyError> {
                parse($what, text, $max).map($name)
            }

            /// As it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

key! {
    /// The order's primary key in the shop's database, as text: an integer, a UUID or a word.
    OrderKey, "order key", KEY_BYTES_MAX
}
key! {
    /// The number under which the provider knows the order (`out_trade_no`).
    OrderNumber, "order number", KEY_BYTES_MAX
}
key! {
    /// The group's key in the shop's database.
    GroupKey, "group key", KEY_BYTES_MAX
}
key! {
    /// The shop's short name inside of refund numbers. Two shops of one merchant must have two names.
    ShopName, "shop name", SHOP_NAME_BYTES_MAX
}
key! {
    /// The number under which the provider knows the refund, for ever: what makes a repeated request the same refund.
    RefundNumber, "refund number", REFUND_NUMBER_BYTES_MAX
}

/// For who tells orders and groups apart by nothing but their keys.
impl From<&GroupKey> for OrderKey {
    fn from(group: &GroupKey) -> OrderKey {
        OrderKey(group.0.clone())
    }
}

impl OrderKey {
    /// Its place in a column of integers, when it is one.
    pub fn as_integer(&self) -> Option<i64> {
        self.0.parse().ok()
    }
}

impl RefundNumber {
    /// `LS` + shop + `-` + order + `-` + purpose + generation: the same question gives the same number, in every process
    /// and after every crash. Only a person raises the generation.
    pub fn of(
        shop: &ShopName,
        order: &OrderKey,
        purpose: crate::ledger::Purpose,
        generation: u32,
    ) -> Result<RefundNumber, KeyError> {
        RefundNumber::new(&format!("LS{shop}-{order}-{}{generation}", purpose.letter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Purpose;

    #[test]
    fn a_refund_has_one_number() {
        let shop = ShopName::new("lx").unwrap();
        let order = OrderKey::new("1207").unwrap();
        let number = |purpose, generation| RefundNumber::of(&shop, &order, purpose, generation).unwrap();
        assert_eq!(number(Purpose::GroupFailed, 0).as_str(), "LSlx-1207-f0");
        assert_eq!(number(Purpose::GroupFailed, 1).as_str(), "LSlx-1207-f1");
        assert_eq!(number(Purpose::Orphan, 0).as_str(), "LSlx-1207-f0");
    }

    #[test]
    fn keys_that_a_provider_would_refuse_are_refused() {
        assert!(OrderKey::new("a b").is_err());
        assert!(OrderKey::new("").is_err());
        assert!(OrderKey::new("1'; DROP TABLE x").is_err());
        let long = OrderKey::new(&"9".repeat(64)).unwrap();
        let error = RefundNumber::of(&ShopName::new("lx").unwrap(), &long, Purpose::Orphan, 0).unwrap_err();
        assert!(error.to_string().ends_with("it must have 1 to 64"), "{error}");
    }
}

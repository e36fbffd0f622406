//! What somebody said about the fields of an index.

use std::collections::BTreeMap;

/// How values of a field are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// Words: runs of letters and digits in any case; every Han character is one.
    Text,
    /// Whole values; `fold_case` as a lower-case normalizer does.
    Keyword {
        /// `A` equals `a`.
        fold_case: bool,
    },
    /// 64-bit integers.
    Long,
    /// Floating point.
    Double,
    /// Instants.
    Date,
    /// `true` and `false`.
    Boolean,
    /// IPv4 and IPv6.
    Ip,
    /// Only its own fields can be asked for.
    Object,
}

/// What is known of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldMapping {
    /// How its values are compared.
    pub kind: FieldKind,
    /// The field whose values it takes, of a multi-field (`message.keyword` takes those of `message`).
    pub values_of: Option<String>,
    /// Its parameters as they were given, JSON, to be given back.
    pub parameters: String,
}

/// The fields that were described; all others are dynamic: words, whole values, numbers, instants, addresses, each as
/// the value at hand allows, and `NAME.keyword` names their whole values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// By name, nested ones with dots.
    pub fields: BTreeMap<String, FieldMapping>,
}

/// Kinds of values that were seen, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenKinds {
    /// Any text.
    pub text: bool,
    /// Texts that are instants.
    pub date: bool,
    /// Texts that are IP addresses.
    pub ip: bool,
    /// Whole numbers.
    pub int: bool,
    /// Other numbers.
    pub float: bool,
    /// `true` or `false`.
    pub bool: bool,
}

/// A field that records of an index have had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenField {
    /// Its name.
    pub name: String,
    /// What stood there.
    pub kinds: SeenKinds,
    /// In about how many records of those looked at.
    pub records: u64,
}

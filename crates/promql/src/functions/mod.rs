//! The mathematics of the functions, over columns and single values. Nothing here knows expressions or series.

pub(crate) mod float;
pub(crate) mod format;
pub(crate) mod histogram;
pub(crate) mod label;
pub(crate) mod natural;
pub(crate) mod quantile;
pub(crate) mod range;
pub(crate) mod rate;
pub(crate) mod regression;
pub(crate) mod summation;
pub(crate) mod time;

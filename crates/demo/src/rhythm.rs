//! When customers come and how long the shop takes: the one place from which both the live shop and its history have it.

use crate::time::Moment;

/// Time is planned in steps of this length.
pub(crate) const STEP_MS: i64 = 30_000;

/// Orders a minute in the quietest hour. 65 % of them are paid, so that at least six payments a minute come at any hour
/// even on an unlucky minute.
const ORDERS_PER_MINUTE: f64 = 14.0;
/// Visits without an order a minute in the quietest hour; with the orders' they make three requests a second.
const VISITS_PER_MINUTE: f64 = 26.0;

/// How many times as busy as in the quietest hour: at least 1, most at noon and at half past eight in the evening.
pub(crate) fn rhythm(at: Moment) -> f64 {
    let hour = at.hour();
    let bump = |peak: f64, width: f64| (-((hour - peak) / width).powi(2) / 2.0).exp();
    let day = 1.0 / (1.0 + (-(hour - 8.0) * 2.0).exp()) / (1.0 + ((hour - 23.0) * 2.0).exp());
    let weekend = if at.day().is_weekend() { 1.15 } else { 1.0 };
    weekend * (1.0 + 0.5 * day + 0.9 * bump(12.0, 1.2) + 1.5 * bump(20.5, 1.5))
}

/// Orders that are expected in a step.
pub(crate) fn orders_expected(at: Moment) -> f64 {
    rhythm(at) * ORDERS_PER_MINUTE * STEP_MS as f64 / 60_000.0
}

/// Visits that are expected in a step.
pub(crate) fn visits_expected(at: Moment) -> f64 {
    rhythm(at) * VISITS_PER_MINUTE * STEP_MS as f64 / 60_000.0
}

/// One address of the shop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) endpoint: &'static str,
    /// Half of all answers take less, in seconds, besides the database: a real shop renders, asks others, is far away.
    pub(crate) work_median: f64,
    /// Deviation of the logarithm.
    pub(crate) work_sigma: f64,
    /// The status when all is well.
    pub(crate) status: u16,
}

impl Route {
    const fn new(method: &'static str, endpoint: &'static str, work_median: f64, work_sigma: f64) -> Route {
        Route { method, endpoint, work_median, work_sigma, status: 200 }
    }

    const fn with_status(mut self, status: u16) -> Route {
        self.status = status;
        self
    }
}

/// The shop's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Products,
    Product,
    Cart,
    IntoCart,
    PlaceOrder,
    Order,
    CancelOrder,
    Pay,
    Notify,
    Groups,
}

impl Address {
    pub(crate) const ALL: [Address; 10] = [
        Address::Products,
        Address::Product,
        Address::Cart,
        Address::IntoCart,
        Address::PlaceOrder,
        Address::Order,
        Address::CancelOrder,
        Address::Pay,
        Address::Notify,
        Address::Groups,
    ];

    pub(crate) const fn route(self) -> Route {
        match self {
            Address::Products => Route::new("GET", "/api/v1/products", 0.028, 0.5),
            Address::Product => Route::new("GET", "/api/v1/products/{product_id}", 0.018, 0.5),
            Address::Cart => Route::new("GET", "/api/v1/cart", 0.015, 0.45),
            Address::IntoCart => Route::new("POST", "/api/v1/cart", 0.022, 0.45),
            Address::PlaceOrder => Route::new("POST", "/api/v1/orders", 0.065, 0.55).with_status(201),
            Address::Order => Route::new("GET", "/api/v1/orders/{order_id}", 0.016, 0.45),
            Address::CancelOrder => Route::new("POST", "/api/v1/orders/{order_id}/cancel", 0.03, 0.5),
            Address::Pay => Route::new("POST", "/api/v1/payments/{order_id}", 0.12, 0.6),
            Address::Notify => Route::new("POST", "/api/v1/payments/notify/{provider}", 0.012, 0.5),
            Address::Groups => Route::new("GET", "/api/v1/groups", 0.014, 0.45),
        }
    }
}

/// How much longer everything takes when the shop is busy.
pub(crate) fn slowdown(rhythm: f64) -> f64 {
    1.0 + 0.12 * (rhythm - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Day;

    #[test]
    fn no_hour_is_quieter_than_the_floor_and_the_peaks_are_where_they_should_be() {
        for day in 20_000..20_007 {
            let at = |minute: i64| Moment(Day(day).begin().0 + minute * 60_000);
            let quietest = (0..1_440).map(|minute| rhythm(at(minute))).fold(f64::MAX, f64::min);
            assert!(quietest >= 1.0, "{quietest}");
            let peak_of = |minutes: std::ops::Range<i64>| {
                minutes.max_by(|a, b| rhythm(at(*a)).total_cmp(&rhythm(at(*b)))).expect("not empty")
            };
            assert!((12 * 60 - 10..=12 * 60 + 10).contains(&peak_of(9 * 60..15 * 60)));
            assert!((20 * 60 + 15..=20 * 60 + 45).contains(&peak_of(15 * 60..24 * 60)));
        }
    }
}

//! How many orders there ever were: counted once, then by what is new.
//!
//! The number never falls: an order that is deleted later was placed all the same. What lies up to a place behind which no row
//! can appear any more ([`super::marks`]) is a number; of what lies behind it the places are kept, so that nothing that is
//! read again is counted again.

use std::collections::BTreeSet;

use lingshao_model::Timestamp;

use super::place::Place;
use super::render::Statement;
use super::transact::first_integer;
use super::{Shop, ShopError};

/// Keys, or seconds, of one piece of a count: some 100 ms, far below the longest that a statement may take.
const KEYS_PER_PIECE: i64 = 1_000_000;
/// Pieces at most: numbers of other generators have wide gaps.
const PIECES_MAX: i64 = 64;

/// What a restart needs to go on counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedOrders {
    /// How many there were up to `key`.
    pub settled: i64,
    /// Behind which rows could still appear: a key, or a second where keys do not grow.
    pub key: i64,
    /// How many there were in all.
    pub total: i64,
}

/// The count.
#[derive(Clone, Debug)]
pub(super) struct OrderTotal {
    counted: CountedOrders,
    recent: BTreeSet<Place>,
}

impl OrderTotal {
    /// Counts all up to `floor`, or what came since an earlier life; `known`: what lies behind it and was read already.
    pub(super) async fn start(
        shop: &Shop,
        floor: i64,
        earlier: Option<CountedOrders>,
        known: impl Iterator<Item = &Place>,
        now: Timestamp,
    ) -> Result<OrderTotal, ShopError> {
        let bounds = shop.place_bounds().await?;
        // A table that ends before the key is another one; a time that has not come was none.
        let is_same = |counted: &CountedOrders| shop.end(bounds, now).is_some_and(|end| counted.key <= end);
        let earlier = earlier.filter(is_same);
        let (mut settled, mut key, least) =
            earlier.map_or((0, i64::MIN, 0), |earlier| (earlier.settled, earlier.key, earlier.total));
        if key < floor {
            settled += shop.count_orders(bounds, key, floor).await?;
            key = floor;
        }
        let counted = CountedOrders { settled, key, total: least };
        let mut total = OrderTotal { counted, recent: BTreeSet::new() };
        known.for_each(|place| total.saw(place));
        Ok(total)
    }

    /// A row, perhaps not for the first time.
    pub(super) fn saw(&mut self, place: &Place) {
        if self.counted.key < place.at && self.recent.insert(place.clone()) {
            self.counted.total = self.counted.total.max(self.sum());
        }
    }

    /// No row can appear any more up to there.
    pub(super) fn settle(&mut self, floor: i64) {
        if self.counted.key < floor {
            let later = self.recent.split_off(&Place::first(floor.saturating_add(1)));
            self.counted.settled = self.counted.settled.saturating_add(count(&self.recent));
            (self.counted.key, self.recent) = (floor, later);
        }
    }

    pub(super) fn counted(&self) -> CountedOrders {
        let total = self.counted.total.max(self.sum());
        CountedOrders { total, ..self.counted }
    }

    /// Counts exactly what is settled: how many more there are than we counted. Fewer: some were deleted since.
    pub(super) async fn recount(&mut self, shop: &Shop) -> Result<i64, ShopError> {
        let bounds = shop.place_bounds().await?;
        let exact = shop.count_orders(bounds, i64::MIN, self.counted.key).await?;
        let drift = exact - self.counted.settled;
        self.counted.settled += drift.max(0);
        Ok(drift)
    }

    fn sum(&self) -> i64 {
        self.counted.settled.saturating_add(count(&self.recent))
    }
}

fn count(places: &BTreeSet<Place>) -> i64 {
    i64::try_from(places.len()).unwrap_or(i64::MAX)
}

/// Where a count of what lies behind `after`, up to `upto`, is cut: the ends of its pieces.
fn pieces(after: i64, upto: i64) -> Vec<i64> {
    let span = i128::from(upto) - i128::from(after);
    let wanted = (span + i128::from(KEYS_PER_PIECE) - 1) / i128::from(KEYS_PER_PIECE);
    let number = wanted.clamp(0, i128::from(PIECES_MAX));
    let end = |piece: i128| i128::from(after) + span * piece / number;
    (1..=number).filter_map(|piece| i64::try_from(end(piece)).ok()).collect()
}

impl Shop {
    /// Orders behind `after`, up to `upto`, in pieces none of which takes long.
    async fn count_orders(
        &self,
        bounds: Option<(i64, i64)>,
        after: i64,
        upto: i64,
    ) -> Result<i64, ShopError> {
        let Some((first, last)) = bounds else { return Ok(0) };
        let (mut from, mut sum) = (after.max(first.saturating_sub(1)), 0);
        for end in pieces(from, upto.min(last)) {
            let sql = format!(
                "SELECT {} FROM {} WHERE {} AND {}{}",
                self.dialect().integer("COUNT(*)"),
                self.mapping().orders.table,
                self.behind(from),
                self.up_to(end),
                self.not_excluded(),
            );
            let rows = self.ask("all orders", Statement::plain(sql)).await?;
            sum += first_integer(&rows).unwrap_or(0);
            from = end;
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_cut_into_pieces_that_meet() {
        assert_eq!(pieces(0, 0), [0; 0]);
        assert_eq!(pieces(5, 3), [0; 0]);
        assert_eq!(pieces(9, 10), [10]);
        assert_eq!(pieces(0, 2_500_000), [833_333, 1_666_666, 2_500_000]);
        let wide = pieces(i64::MIN, i64::MAX);
        assert_eq!((wide.len(), wide.last()), (64, Some(&i64::MAX)));
        assert!(wide.is_sorted());
    }

    #[test]
    fn a_key_is_counted_once_and_the_number_never_falls() {
        let counted = CountedOrders { settled: 10, key: 10, total: 12 };
        let mut total = OrderTotal { counted, recent: BTreeSet::new() };
        total.saw(&Place::first(10));
        total.saw(&Place::first(11));
        total.saw(&Place::first(11));
        assert_eq!(total.counted().total, 12, "an earlier life saw two that are gone");
        total.saw(&Place::first(13));
        total.settle(12);
        total.saw(&Place::first(12));
        total.saw(&Place::first(11));
        assert_eq!(total.counted(), CountedOrders { settled: 11, key: 12, total: 12 });
        total.saw(&Place::first(14));
        total.settle(5);
        total.settle(20);
        assert_eq!(total.counted(), CountedOrders { settled: 13, key: 20, total: 13 });
    }
}

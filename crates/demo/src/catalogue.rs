//! What the shop sells: 200 products, the most wanted first.

use std::sync::LazyLock;

use crate::dice::Dice;
use crate::money::Fen;

/// Number of products.
pub(crate) const PRODUCTS: usize = 200;

const GOODS: [&str; 40] = [
    "赣南脐橙",
    "烟台苹果",
    "丹东草莓",
    "阳光玫瑰葡萄",
    "海南金煌芒",
    "攀枝花枇杷",
    "新疆哈密瓜",
    "云南蓝莓",
    "库尔勒香梨",
    "福建蜜柚",
    "安吉白茶",
    "西湖龙井",
    "武夷大红袍",
    "安溪铁观音",
    "云南普洱",
    "黄山毛峰",
    "五常大米",
    "东北黑木耳",
    "金华火腿",
    "宁夏枸杞",
    "阳澄湖大闸蟹",
    "舟山带鱼",
    "大连海参",
    "湛江对虾",
    "盐池滩羊",
    "内蒙古牛排",
    "农家土鸡蛋",
    "德州扒鸡",
    "柳州螺蛳粉",
    "重庆火锅底料",
    "郫县豆瓣",
    "山西老陈醋",
    "蒙自米线",
    "南京盐水鸭",
    "武汉热干面",
    "桂花糕",
    "手工水饺",
    "有机酸奶",
    "桂圆干",
    "和田大枣",
];
const SIZES: [&str; 5] = ["尝鲜装", "家庭装", "礼盒装", "整箱", "企业装"];
/// How much dearer a size is than the first.
const SIZE_FACTORS: [i64; 5] = [10, 18, 32, 45, 90];

/// One product.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) name: String,
    pub(crate) price: Fen,
}

/// The products. Number `n` has the id `n + 1`, and its goods the same.
pub(crate) static CATALOGUE: LazyLock<Vec<Product>> = LazyLock::new(|| {
    let product = |number: usize| {
        // Sizes change slowest: the small packs are the most wanted.
        let (goods, size) = (number % GOODS.len(), number / GOODS.len());
        let base = 990 + (goods as i64 * 7_919) % 3_500; // From 9.90 to 44.89 yuan, with no order in it.
        let price = Fen(base * SIZE_FACTORS[size] / 10 / 10 * 10 - 10);
        Product { name: format!("{} {}", GOODS[goods], SIZES[size]), price }
    };
    (0..PRODUCTS).map(product).collect()
});

/// Products that groups are bought of.
pub(crate) const GROUP_PRODUCTS: [usize; 4] = [2, 7, 14, 23];
/// What a member saves.
pub(crate) const GROUP_DISCOUNT: Fen = Fen(200);
/// How many make a group.
pub(crate) const GROUP_SIZE: u32 = 2;

/// What is sent for nothing begins here; below, sending costs [`FREIGHT`].
const FREIGHT_FREE_FROM: Fen = Fen(8_800);
const FREIGHT: Fen = Fen(800);

/// What sending goods of this worth costs.
pub(crate) fn freight(goods: Fen) -> Fen {
    if goods < FREIGHT_FREE_FROM { FREIGHT } else { Fen(0) }
}

/// Draws a product; the n-th is wanted 1/n^0.9 as often as the first (Zipf).
pub(crate) fn draw(dice: &mut Dice) -> usize {
    static SHARES: LazyLock<Vec<f64>> = LazyLock::new(|| {
        let weights = (1..=PRODUCTS).scan(0.0, |sum, rank| {
            *sum += (rank as f64).powf(-0.9);
            Some(*sum)
        });
        let sums: Vec<f64> = weights.collect();
        let total = sums[PRODUCTS - 1];
        sums.iter().map(|sum| sum / total).collect()
    });
    let throw = dice.unit();
    SHARES.partition_point(|share| *share <= throw).min(PRODUCTS - 1)
}

/// How many of a product the shop has when it opens.
pub(crate) fn first_stock(product: usize) -> u32 {
    120 + (product as u32 * 37) % 180
}

/// Below this much is in stock, the shop orders [`RESTOCK_BY`] more.
pub(crate) const RESTOCK_BELOW: u32 = 60;
pub(crate) const RESTOCK_BY: u32 = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Purpose;

    #[test]
    fn products_are_distinct_and_cost_something() {
        let names: std::collections::HashSet<&str> = CATALOGUE.iter().map(|product| &*product.name).collect();
        assert_eq!(names.len(), PRODUCTS);
        assert!(CATALOGUE.iter().all(|product| (900..50_000).contains(&product.price.0)));
    }

    #[test]
    fn wanting_falls_with_rank() {
        let mut dice = Dice::new(1, Purpose::Noise, 0);
        let mut counts = [0_u32; PRODUCTS];
        (0..100_000).for_each(|_| counts[draw(&mut dice)] += 1);
        let ratio = f64::from(counts[0]) / f64::from(counts[9]);
        assert!((7.0..9.0).contains(&ratio), "10^0.9 is 7.9: {ratio}");
        assert!(counts.iter().all(|count| *count > 0));
    }
}

//! Money in whole micro-dollars: a text costs less than a cent.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::phone::Country;

/// Millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroUsd(pub i64);

impl MicroUsd {
    /// From the decimal dollars of AWS's events, such as 0.00581; `None` for what is no sane price.
    #[must_use]
    pub fn from_usd(dollars: f64) -> Option<Self> {
        // A million dollars for one text is a broken event, and within it an f64 is exact enough.
        let sane = dollars.is_finite() && (0.0..1e6).contains(&dollars);
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        sane.then(|| Self((dollars * 1e6).round() as i64))
    }

    /// The price of `parts` message parts at this price each.
    #[must_use]
    pub fn times(self, parts: u32) -> Self {
        Self(self.0 * i64::from(parts))
    }

    /// Whether it is no money at all.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.0 == 0
    }

    /// As decimal dollars, to look at.
    #[must_use]
    pub fn in_usd(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "nobody reckons with it")]
        let micro_usd = self.0 as f64;
        micro_usd / 1e6
    }

    /// As `SendTextMessage.MaxPrice` wants it: dollars with at most five decimals, at most 99, rounded up so that the price itself passes.
    #[must_use]
    pub fn as_max_price(self) -> String {
        let cents_of_cents = (self.0.max(0) + 9) / 10;
        format!("{}.{:05}", cents_of_cents / 100_000, cents_of_cents % 100_000)
    }
}

impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}${}.{:06}", self.0.abs() / 1_000_000, self.0.abs() % 1_000_000)
    }
}

/// The most that a message part may cost in each country that may be texted, AWS's price and the carrier's fee together. Written `US=8830,CA=11810`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prices(BTreeMap<Country, MicroUsd>);

/// Why a text is no price table.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a price table: wants COUNTRY=micro-USD pairs with commas between, such as US=8830, and has {0:?}")]
pub struct NotPrices(String);

impl Prices {
    /// The price of a part to `country`.
    #[must_use]
    pub fn of(&self, country: Country) -> Option<MicroUsd> {
        self.0.get(&country).copied()
    }
}

impl FromStr for Prices {
    type Err = NotPrices;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pair = |pair: &str| {
            let (country, price) = pair.trim().split_once('=')?;
            let price = price.parse().ok().filter(|price| *price >= 0)?;
            Some((country.parse().ok()?, MicroUsd(price)))
        };
        text.split(',').map(|part| pair(part).ok_or_else(|| NotPrices(part.to_owned()))).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::{MicroUsd, Prices};
    use crate::phone::Country;

    #[test]
    fn prices_of_receipts_become_whole_micro_dollars() {
        for (dollars, micro) in [(0.0, Some(0)), (0.00581, Some(5810)), (0.00302, Some(3020)), (0.09582, Some(95820)), (1e7, None)] {
            assert_eq!(MicroUsd::from_usd(dollars).map(|m| m.0), micro, "{dollars}");
        }
        assert_eq!(MicroUsd::from_usd(f64::NAN), None);
        assert_eq!(MicroUsd::from_usd(-0.1), None);
    }

    #[test]
    fn a_maximum_price_has_five_decimals_and_is_never_below_the_price() {
        for (micro, text) in [(0, "0.00000"), (8830, "0.00883"), (8831, "0.00884"), (50_000, "0.05000"), (1_234_567, "1.23457")] {
            assert_eq!(MicroUsd(micro).as_max_price(), text);
        }
    }

    #[test]
    fn a_price_table_is_read_whole_or_refused() {
        let prices = "US=8830, CA=11810".parse::<Prices>().expect("table");
        assert_eq!(prices.of(Country::US), Some(MicroUsd(8830)));
        for bad in ["", "US", "US=", "us=1", "US=1,,CA=2", "US=-1", "US=1.5"] {
            assert!(bad.parse::<Prices>().is_err(), "{bad:?}");
        }
    }
}

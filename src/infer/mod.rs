//! Statistics of hypothesis tests: numbers in, numbers out. Knows neither models nor devices; a
//! [`Session`](crate::session::Session) makes the fits whose results come in here.

pub mod asymptotic;
pub mod contour;
pub mod crossing;
pub mod distributions;
pub mod root;
pub mod test_statistic;
pub mod toys;

pub use asymptotic::{Asymptotic, Expected};
pub use test_statistic::TestStatistic;
pub use toys::{Empirical, ExpectedToys, Fraction, ToyCls};

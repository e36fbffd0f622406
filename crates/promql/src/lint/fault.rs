//! What the checks are called, and what each says, in facts.

/// Names of all checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each stands beside its name below, and is explained in docs/check.md")]
pub enum Lint {
    RatioWithoutDenominator,
    PerSeriesThreshold,
    QuantileNeedsBuckets,
    QuantileOutOfRange,
    AbsentBlind,
    VectorMismatch,
    FanOut,
    StateEnumGauge,
    NotSummed,
    SelfDivision,
    TotalNotRated,
    TextContradicts,
    StaticText,
    UnroutedSeverity,
    ShortWindow,
    UnknownMetric,
    UnsafeBucketBound,
    Flood,
}

impl Lint {
    /// All of them; the last three need live data.
    pub const ALL: [Lint; 18] = [
        Lint::RatioWithoutDenominator,
        Lint::PerSeriesThreshold,
        Lint::QuantileNeedsBuckets,
        Lint::QuantileOutOfRange,
        Lint::AbsentBlind,
        Lint::VectorMismatch,
        Lint::FanOut,
        Lint::StateEnumGauge,
        Lint::NotSummed,
        Lint::SelfDivision,
        Lint::TotalNotRated,
        Lint::TextContradicts,
        Lint::StaticText,
        Lint::UnroutedSeverity,
        Lint::ShortWindow,
        Lint::UnknownMetric,
        Lint::UnsafeBucketBound,
        Lint::Flood,
    ];

    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Lint::RatioWithoutDenominator => "ratio-without-denominator",
            Lint::PerSeriesThreshold => "per-series-threshold",
            Lint::QuantileNeedsBuckets => "quantile-needs-buckets",
            Lint::QuantileOutOfRange => "quantile-out-of-range",
            Lint::AbsentBlind => "absent-blind",
            Lint::VectorMismatch => "vector-mismatch",
            Lint::FanOut => "fan-out",
            Lint::StateEnumGauge => "state-enum-gauge",
            Lint::NotSummed => "not-summed",
            Lint::SelfDivision => "self-division",
            Lint::TotalNotRated => "total-not-rated",
            Lint::TextContradicts => "text-contradicts",
            Lint::StaticText => "static-text",
            Lint::UnroutedSeverity => "unrouted-severity",
            Lint::ShortWindow => "short-window",
            Lint::UnknownMetric => "unknown-metric",
            Lint::UnsafeBucketBound => "unsafe-bucket-bound",
            Lint::Flood => "flood",
        }
    }
}

/// What is wrong, with what a sentence about it has to name.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The text speaks of a share, the expression counts events per second.
    RatioWithoutDenominator {
        /// What is counted.
        metric: String,
        /// What the value is compared with.
        threshold: f64,
    },
    /// The threshold is held against every series alone.
    PerSeriesThreshold {
        /// What is counted.
        metric: String,
    },
    /// A quantile of something that is no rate of buckets.
    QuantileNeedsBuckets {
        /// The metric asked for.
        metric: String,
        /// What is missing.
        missing: Missing,
    },
    /// A quantile is no number from 0 to 1: the answer is an infinity, whatever was measured.
    QuantileOutOfRange {
        /// What was written.
        quantile: f64,
    },
    /// Silent just when the thing that is watched is gone.
    AbsentBlind {
        /// The job that is asked for.
        job: String,
        /// The exporter's own word on what it watches, where the job is known to be one.
        dependency: Option<&'static str>,
        /// Whether nothing in the file notices that the series is gone.
        is_unguarded: bool,
    },
    /// Series on both sides that do not, or may not, find each other.
    VectorMismatch(Mismatch),
    /// An alert for every single thing that there is.
    FanOut {
        /// The metric with a series a thing.
        metric: String,
    },
    /// A number that stands for a state.
    StateEnumGauge {
        /// The metric.
        metric: String,
        /// The number.
        state: f64,
        /// A metric that counts the unfinished work, where one is known.
        better: Option<&'static str>,
    },
    /// A line or number per series, where one is meant.
    NotSummed {
        /// The metric.
        metric: String,
        /// `sum` of rates, `max` of values that every process tells alike.
        by: &'static str,
    },
    /// Every series is divided by itself.
    SelfDivision {
        /// The metric.
        metric: String,
    },
    /// A counter's own value, which only grows until the process starts again.
    TotalNotRated {
        /// The metric.
        metric: String,
        /// A counter that means it, where one is known.
        better: Option<&'static str>,
        /// The source says that it is a gauge: only its name is wrong.
        is_gauge: bool,
    },
    /// The text says something else than the expression.
    TextContradicts(Contradiction),
    /// The text is the same whatever happened.
    StaticText {
        /// Labels that tell the alerts apart, as far as the expression says.
        labels: Vec<String>,
        /// The value is a share.
        is_ratio: bool,
    },
    /// Nobody, or not who is meant, hears of it.
    UnroutedSeverity(Unrouted),
    /// Too few samples in the window.
    ShortWindow {
        /// The window as written.
        window: String,
        /// What it is held against.
        reason: WindowReason,
    },
    /// No such series.
    UnknownMetric {
        /// The metric.
        metric: String,
        /// A metric that exists and is spelt nearly so.
        nearest: Option<String>,
    },
    /// A quantile is compared with a value at which no bucket ends.
    UnsafeBucketBound {
        /// The histogram.
        metric: String,
        /// The value.
        threshold: f64,
        /// The bound below.
        below: Option<f64>,
        /// The bound above; none if the quantile can never reach the value.
        above: Option<f64>,
    },
    /// So many alerts at once that nobody reads them.
    Flood {
        /// How many.
        count: usize,
    },
}

/// What a quantile lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// `_bucket`: the name alone is no series of a classic histogram.
    Buckets,
    /// `rate`: it is the quantile since the process started.
    Rate,
    /// `le` among the labels that are kept.
    Le,
}

/// How two sides miss each other.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// The labels differ for certain.
    Never {
        /// The operator.
        op: &'static str,
        /// Labels on the left, as far as they are known.
        left: Option<Vec<String>>,
        /// Labels on the right.
        right: Option<Vec<String>>,
    },
    /// Two metrics of the shop are divided series by series.
    Fragile {
        /// Above the line.
        numerator: String,
        /// Below it.
        denominator: String,
        /// Labels that only one of them has, where the data say so.
        differing: Vec<String>,
    },
}

/// What a text says against its expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Contradiction {
    /// "95 % of requests are slower", of a 95th percentile.
    Percentile {
        /// The quantile in percent.
        percent: f64,
    },
    /// Another number.
    Threshold {
        /// In the text.
        said: String,
        /// In the expression.
        threshold: f64,
    },
    /// "below" for `>`.
    Direction {
        /// In the text.
        said: String,
        /// In the expression.
        op: &'static str,
    },
}

/// Why the right people do not hear of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// No route takes it, and the receiver at the root tells nobody.
    Nobody {
        /// The rule's severity.
        severity: Option<String>,
        /// The receiver.
        receiver: String,
    },
    /// A severity that is spelt otherwise than routes spell it.
    Misspelt {
        /// The rule's.
        severity: String,
        /// The routes'.
        known: String,
    },
}

/// What a window is too short for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowReason {
    /// Fewer than four samples at this known interval, in milliseconds.
    Scrape(i64),
    /// A minute or less, on a panel, and nobody knows the interval.
    Panel,
    /// `$__interval`, which can be shorter than the time between two samples.
    PanelInterval,
}

impl Fault {
    /// Which check found it.
    pub fn lint(&self) -> Lint {
        match self {
            Fault::RatioWithoutDenominator { .. } => Lint::RatioWithoutDenominator,
            Fault::PerSeriesThreshold { .. } => Lint::PerSeriesThreshold,
            Fault::QuantileNeedsBuckets { .. } => Lint::QuantileNeedsBuckets,
            Fault::QuantileOutOfRange { .. } => Lint::QuantileOutOfRange,
            Fault::AbsentBlind { .. } => Lint::AbsentBlind,
            Fault::VectorMismatch(_) => Lint::VectorMismatch,
            Fault::FanOut { .. } => Lint::FanOut,
            Fault::StateEnumGauge { .. } => Lint::StateEnumGauge,
            Fault::NotSummed { .. } => Lint::NotSummed,
            Fault::SelfDivision { .. } => Lint::SelfDivision,
            Fault::TotalNotRated { .. } => Lint::TotalNotRated,
            Fault::TextContradicts(_) => Lint::TextContradicts,
            Fault::StaticText { .. } => Lint::StaticText,
            Fault::UnroutedSeverity(_) => Lint::UnroutedSeverity,
            Fault::ShortWindow { .. } => Lint::ShortWindow,
            Fault::UnknownMetric { .. } => Lint::UnknownMetric,
            Fault::UnsafeBucketBound { .. } => Lint::UnsafeBucketBound,
            Fault::Flood { .. } => Lint::Flood,
        }
    }
}

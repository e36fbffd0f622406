//! All functions of the language in one table: what the parser checks and the evaluator computes.

use crate::ast::ValueType::{self, Matrix, Scalar, String, Vector};

/// A function of the language.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// For the evaluator's `match`.
    pub id: FunctionId,
    /// As written, lower case.
    pub name: &'static str,
    /// Types of the arguments; the last one's type also holds for added ones.
    pub args: &'static [ValueType],
    /// How many arguments may be missing or added.
    pub arity: Arity,
    /// What a call evaluates to.
    pub returns: ValueType,
    /// Behind `--enable-feature=promql-experimental-functions` in Prometheus.
    pub experimental: bool,
}

/// How many arguments a function takes, given the types it lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Just the listed ones.
    Exact,
    /// The last one may be missing, and up to this many may stand in its place.
    Optional(usize),
    /// The last one may be missing, and any number may stand in its place.
    Any,
}

impl Function {
    /// Finds a function by its exact name.
    pub fn find(name: &str) -> Option<&'static Function> {
        FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok().map(|at| &FUNCTIONS[at])
    }

    /// The function itself.
    pub fn of(id: FunctionId) -> &'static Function {
        &FUNCTIONS[id as usize]
    }

    /// Fewest arguments.
    pub fn args_min(&self) -> usize {
        self.args.len() - usize::from(self.arity != Arity::Exact)
    }

    /// Most arguments; `None` where there is no limit.
    pub fn args_max(&self) -> Option<usize> {
        match self.arity {
            Arity::Exact => Some(self.args.len()),
            Arity::Optional(more) => Some(self.args.len() - 1 + more),
            Arity::Any => None,
        }
    }

    /// The type of the argument at `index`.
    pub fn arg_type(&self, index: usize) -> Option<ValueType> {
        self.args.get(index).or(self.args.last()).copied()
    }
}

const fn function(
    id: FunctionId,
    name: &'static str,
    args: &'static [ValueType],
    arity: Arity,
    returns: ValueType,
) -> Function {
    Function { id, name, args, arity, returns, experimental: false }
}

const fn experimental(
    id: FunctionId,
    name: &'static str,
    args: &'static [ValueType],
    arity: Arity,
    returns: ValueType,
) -> Function {
    Function { id, name, args, arity, returns, experimental: true }
}

/// The functions, in the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the name says it; what each does is Prometheus' documentation")]
pub enum FunctionId {
    Abs,
    Absent,
    AbsentOverTime,
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    AvgOverTime,
    Ceil,
    Changes,
    Clamp,
    ClampMax,
    ClampMin,
    Cos,
    Cosh,
    CountOverTime,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    DaysInMonth,
    Deg,
    Delta,
    Deriv,
    DoubleExponentialSmoothing,
    End,
    Exp,
    FirstOverTime,
    Floor,
    HistogramAvg,
    HistogramCount,
    HistogramFraction,
    HistogramQuantile,
    HistogramQuantiles,
    HistogramStddev,
    HistogramStdvar,
    HistogramSum,
    Hour,
    Idelta,
    Increase,
    Info,
    Irate,
    LabelJoin,
    LabelReplace,
    LastOverTime,
    Ln,
    Log10,
    Log2,
    MadOverTime,
    MaxOf,
    MaxOverTime,
    MinOf,
    MinOverTime,
    Minute,
    Month,
    Pi,
    PredictLinear,
    PresentOverTime,
    QuantileOverTime,
    Rad,
    Range,
    Rate,
    Resets,
    Round,
    Scalar,
    Sgn,
    Sin,
    Sinh,
    Sort,
    SortByLabel,
    SortByLabelDesc,
    SortDesc,
    Sqrt,
    Start,
    StartTimestamp,
    StddevOverTime,
    StdvarOverTime,
    Step,
    SumOverTime,
    Tan,
    Tanh,
    Time,
    Timestamp,
    TsOfFirstOverTime,
    TsOfLastOverTime,
    TsOfMaxOverTime,
    TsOfMinOverTime,
    Vector,
    Year,
}

use Arity::{Any, Exact, Optional};
use FunctionId as F;

/// Every function, sorted by name; the index of each is its id.
pub const FUNCTIONS: &[Function] = &[
    function(F::Abs, "abs", &[Vector], Exact, Vector),
    function(F::Absent, "absent", &[Vector], Exact, Vector),
    function(F::AbsentOverTime, "absent_over_time", &[Matrix], Exact, Vector),
    function(F::Acos, "acos", &[Vector], Exact, Vector),
    function(F::Acosh, "acosh", &[Vector], Exact, Vector),
    function(F::Asin, "asin", &[Vector], Exact, Vector),
    function(F::Asinh, "asinh", &[Vector], Exact, Vector),
    function(F::Atan, "atan", &[Vector], Exact, Vector),
    function(F::Atanh, "atanh", &[Vector], Exact, Vector),
    function(F::AvgOverTime, "avg_over_time", &[Matrix], Exact, Vector),
    function(F::Ceil, "ceil", &[Vector], Exact, Vector),
    function(F::Changes, "changes", &[Matrix], Exact, Vector),
    function(F::Clamp, "clamp", &[Vector, Scalar, Scalar], Exact, Vector),
    function(F::ClampMax, "clamp_max", &[Vector, Scalar], Exact, Vector),
    function(F::ClampMin, "clamp_min", &[Vector, Scalar], Exact, Vector),
    function(F::Cos, "cos", &[Vector], Exact, Vector),
    function(F::Cosh, "cosh", &[Vector], Exact, Vector),
    function(F::CountOverTime, "count_over_time", &[Matrix], Exact, Vector),
    function(F::DayOfMonth, "day_of_month", &[Vector], Optional(1), Vector),
    function(F::DayOfWeek, "day_of_week", &[Vector], Optional(1), Vector),
    function(F::DayOfYear, "day_of_year", &[Vector], Optional(1), Vector),
    function(F::DaysInMonth, "days_in_month", &[Vector], Optional(1), Vector),
    function(F::Deg, "deg", &[Vector], Exact, Vector),
    function(F::Delta, "delta", &[Matrix], Exact, Vector),
    function(F::Deriv, "deriv", &[Matrix], Exact, Vector),
    experimental(
        F::DoubleExponentialSmoothing,
        "double_exponential_smoothing",
        &[Matrix, Scalar, Scalar],
        Exact,
        Vector,
    ),
    experimental(F::End, "end", &[], Exact, Scalar),
    function(F::Exp, "exp", &[Vector], Exact, Vector),
    experimental(F::FirstOverTime, "first_over_time", &[Matrix], Exact, Vector),
    function(F::Floor, "floor", &[Vector], Exact, Vector),
    function(F::HistogramAvg, "histogram_avg", &[Vector], Exact, Vector),
    function(F::HistogramCount, "histogram_count", &[Vector], Exact, Vector),
    function(F::HistogramFraction, "histogram_fraction", &[Scalar, Scalar, Vector], Exact, Vector),
    function(F::HistogramQuantile, "histogram_quantile", &[Scalar, Vector], Exact, Vector),
    experimental(
        F::HistogramQuantiles,
        "histogram_quantiles",
        &[Vector, String, Scalar, Scalar],
        Optional(9),
        Vector,
    ),
    function(F::HistogramStddev, "histogram_stddev", &[Vector], Exact, Vector),
    function(F::HistogramStdvar, "histogram_stdvar", &[Vector], Exact, Vector),
    function(F::HistogramSum, "histogram_sum", &[Vector], Exact, Vector),
    function(F::Hour, "hour", &[Vector], Optional(1), Vector),
    function(F::Idelta, "idelta", &[Matrix], Exact, Vector),
    function(F::Increase, "increase", &[Matrix], Exact, Vector),
    experimental(F::Info, "info", &[Vector, Vector], Optional(1), Vector),
    function(F::Irate, "irate", &[Matrix], Exact, Vector),
    function(F::LabelJoin, "label_join", &[Vector, String, String, String], Any, Vector),
    function(F::LabelReplace, "label_replace", &[Vector, String, String, String, String], Exact, Vector),
    function(F::LastOverTime, "last_over_time", &[Matrix], Exact, Vector),
    function(F::Ln, "ln", &[Vector], Exact, Vector),
    function(F::Log10, "log10", &[Vector], Exact, Vector),
    function(F::Log2, "log2", &[Vector], Exact, Vector),
    experimental(F::MadOverTime, "mad_over_time", &[Matrix], Exact, Vector),
    experimental(F::MaxOf, "max_of", &[Scalar, Scalar], Exact, Scalar),
    function(F::MaxOverTime, "max_over_time", &[Matrix], Exact, Vector),
    experimental(F::MinOf, "min_of", &[Scalar, Scalar], Exact, Scalar),
    function(F::MinOverTime, "min_over_time", &[Matrix], Exact, Vector),
    function(F::Minute, "minute", &[Vector], Optional(1), Vector),
    function(F::Month, "month", &[Vector], Optional(1), Vector),
    function(F::Pi, "pi", &[], Exact, Scalar),
    function(F::PredictLinear, "predict_linear", &[Matrix, Scalar], Exact, Vector),
    function(F::PresentOverTime, "present_over_time", &[Matrix], Exact, Vector),
    function(F::QuantileOverTime, "quantile_over_time", &[Scalar, Matrix], Exact, Vector),
    function(F::Rad, "rad", &[Vector], Exact, Vector),
    experimental(F::Range, "range", &[], Exact, Scalar),
    function(F::Rate, "rate", &[Matrix], Exact, Vector),
    function(F::Resets, "resets", &[Matrix], Exact, Vector),
    function(F::Round, "round", &[Vector, Scalar], Optional(1), Vector),
    function(F::Scalar, "scalar", &[Vector], Exact, Scalar),
    function(F::Sgn, "sgn", &[Vector], Exact, Vector),
    function(F::Sin, "sin", &[Vector], Exact, Vector),
    function(F::Sinh, "sinh", &[Vector], Exact, Vector),
    function(F::Sort, "sort", &[Vector], Exact, Vector),
    experimental(F::SortByLabel, "sort_by_label", &[Vector, String], Any, Vector),
    experimental(F::SortByLabelDesc, "sort_by_label_desc", &[Vector, String], Any, Vector),
    function(F::SortDesc, "sort_desc", &[Vector], Exact, Vector),
    function(F::Sqrt, "sqrt", &[Vector], Exact, Vector),
    experimental(F::Start, "start", &[], Exact, Scalar),
    experimental(F::StartTimestamp, "start_timestamp", &[Vector], Exact, Vector),
    function(F::StddevOverTime, "stddev_over_time", &[Matrix], Exact, Vector),
    function(F::StdvarOverTime, "stdvar_over_time", &[Matrix], Exact, Vector),
    experimental(F::Step, "step", &[], Exact, Scalar),
    function(F::SumOverTime, "sum_over_time", &[Matrix], Exact, Vector),
    function(F::Tan, "tan", &[Vector], Exact, Vector),
    function(F::Tanh, "tanh", &[Vector], Exact, Vector),
    function(F::Time, "time", &[], Exact, Scalar),
    function(F::Timestamp, "timestamp", &[Vector], Exact, Vector),
    experimental(F::TsOfFirstOverTime, "ts_of_first_over_time", &[Matrix], Exact, Vector),
    experimental(F::TsOfLastOverTime, "ts_of_last_over_time", &[Matrix], Exact, Vector),
    experimental(F::TsOfMaxOverTime, "ts_of_max_over_time", &[Matrix], Exact, Vector),
    experimental(F::TsOfMinOverTime, "ts_of_min_over_time", &[Matrix], Exact, Vector),
    function(F::Vector, "vector", &[Scalar], Exact, Vector),
    function(F::Year, "year", &[Vector], Optional(1), Vector),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_ids_are_indices() {
        for (index, function) in FUNCTIONS.iter().enumerate() {
            assert_eq!(function.id as usize, index, "{}", function.name);
            assert_eq!(Function::find(function.name).map(|found| found.id), Some(function.id));
        }
        assert_eq!(FUNCTIONS.len(), 90, "Prometheus 3.14 has that many");
        assert!(Function::find("no_such_function").is_none());
    }

    #[test]
    fn arity_follows_from_the_table() {
        let bounds = |name| Function::find(name).map(|f| (f.args_min(), f.args_max())).unwrap();
        assert_eq!(bounds("rate"), (1, Some(1)));
        assert_eq!(bounds("round"), (1, Some(2)));
        assert_eq!(bounds("pi"), (0, Some(0)));
        assert_eq!(bounds("label_join"), (3, None));
        assert_eq!(bounds("histogram_quantiles"), (3, Some(12)));
    }
}

//! The instants at which an expression is evaluated.

/// Evenly spaced instants, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// The first instant, in milliseconds.
    pub(crate) start: i64,
    /// Milliseconds between two instants; more than zero where there are several.
    pub(crate) step: i64,
    /// How many instants there are.
    pub(crate) count: usize,
}

impl Grid {
    /// One instant.
    pub(crate) fn instant(at: i64) -> Grid {
        Grid { start: at, step: 1, count: 1 }
    }

    /// From `start` to `end`, both inclusive; `None` when `end` is before `start`.
    pub(crate) fn between(start: i64, end: i64, step: i64) -> Option<Grid> {
        let (span, step) = (end.checked_sub(start)?, step.max(1));
        let steps = usize::try_from(span / step).ok().filter(|_| span >= 0)?;
        Some(Grid { start, step, count: steps + 1 })
    }

    /// An instant.
    #[inline]
    pub(crate) fn at(self, index: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(index as i64))
    }
}

//! How often something may be done in a sliding window of time.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

pub(crate) struct Window {
    most: usize,
    length: Duration,
    calls: VecDeque<SystemTime>,
}

impl Window {
    pub(crate) fn new(most: usize, length: Duration) -> Window {
        Window { most, length, calls: VecDeque::new() }
    }

    /// Counts this call, and says whether it is within the limit. One that is not does not count.
    pub(crate) fn allows(&mut self, now: SystemTime) -> bool {
        while self.calls.front().is_some_and(|first| *first + self.length <= now) {
            self.calls.pop_front();
        }
        if self.most <= self.calls.len() {
            return false;
        }
        self.calls.push_back(now);
        true
    }
}

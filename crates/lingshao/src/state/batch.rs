//! What is to be written: per table, key and row, or key and nothing. A later word on a key replaces the earlier.

use std::collections::HashMap;

use super::schema::Table;

/// Rows waiting for a transaction. Bounded by what the engines hold, as each key stands in it once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    tables: [HashMap<String, Option<String>>; Table::ALL.len()],
    history: Vec<String>,
    touched: bool,
}

/// Finished deliveries that wait while the disk refuses; beyond, the oldest are forgotten.
const HISTORY_WAITING_MAX: usize = 10_000;

impl Batch {
    /// A row, new or in place of the one under its key.
    pub(super) fn put(&mut self, table: Table, key: String, row: String) {
        self.tables[table.index()].insert(key, Some(row));
    }

    /// No row under this key any more.
    pub(super) fn gone(&mut self, table: Table, key: String) {
        self.tables[table.index()].insert(key, None);
    }

    /// A row of the history.
    pub(super) fn tell(&mut self, row: String) {
        self.history.push(row);
        let surplus = self.history.len().saturating_sub(HISTORY_WAITING_MAX);
        self.history.drain(..surplus);
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        !self.touched && self.history.is_empty() && self.tables.iter().all(HashMap::is_empty)
    }

    /// To be committed even without a row, for the time that each transaction notes.
    pub(crate) fn touch(&mut self) {
        self.touched = true;
    }

    /// Rows to put, of one table.
    pub(super) fn puts(&self, table: Table) -> Vec<(&str, &str)> {
        let rows = self.tables[table.index()].iter();
        rows.filter_map(|(key, row)| Some((key.as_str(), row.as_deref()?))).collect()
    }

    /// Keys to remove, of one table.
    pub(super) fn removals(&self, table: Table) -> Vec<&str> {
        let rows = self.tables[table.index()].iter();
        rows.filter(|(_, row)| row.is_none()).map(|(key, _)| key.as_str()).collect()
    }

    /// Rows of the history, oldest first.
    pub(super) fn history(&self) -> &[String] {
        &self.history
    }

    /// Takes in what was to be written before: a word of ours on the same key replaces it.
    pub(crate) fn add_older(&mut self, older: Batch) {
        for (rows, older) in self.tables.iter_mut().zip(older.tables) {
            for (key, row) in older {
                rows.entry(key).or_insert(row);
            }
        }
        let later = std::mem::replace(&mut self.history, older.history);
        later.into_iter().for_each(|row| self.tell(row));
        self.touched |= older.touched;
    }
}

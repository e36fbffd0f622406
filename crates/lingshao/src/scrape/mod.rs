//! Fetches pages from targets in fixed slots and appends them to the storage.

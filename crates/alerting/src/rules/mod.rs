//! Results of an alerting rule become states: pending, firing, resolved.

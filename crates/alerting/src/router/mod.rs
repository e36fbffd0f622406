//! Alerts in, deliveries out: the routing tree, groups, inhibition, silences, mute times, and what was told already.

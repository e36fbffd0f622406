//! Collectors that watch this host without an exporter.

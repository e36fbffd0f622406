//! The scrape loops' figures.

use std::sync::atomic::Ordering;

use super::Page;
use crate::scrape::ScrapeTelemetry;

/// Adds all of them.
pub(crate) fn render(page: &mut Page, scrape: &ScrapeTelemetry) {
    let counters = [
        ("lingshao_scrapes_total", "Scrapes begun.", &scrape.scrapes),
        ("lingshao_scrape_failures_total", "Scrapes that failed.", &scrape.failures),
        ("lingshao_scrape_slots_missed_total", "Slots that passed unused.", &scrape.slots_missed),
        ("lingshao_scrapes_late_total", "Scrapes that began too late for their slot.", &scrape.late),
        ("lingshao_scrape_samples_total", "Samples in pages.", &scrape.samples),
        ("lingshao_scrape_body_bytes_total", "Bytes of pages after unpacking.", &scrape.body_bytes),
        ("lingshao_scrape_series_added_total", "Series that were new in their page.", &scrape.series_added),
        ("lingshao_scrape_duplicates_total", "Lines that named a series again.", &scrape.duplicates),
        ("lingshao_scrape_refused_samples_total", "Samples that the storage refused.", &scrape.refused),
        (
            "lingshao_discovery_failures_total",
            "Files of file_sd_configs that could not be used.",
            &scrape.discovery_failures,
        ),
    ];
    for (name, help, counter) in counters {
        page.counter(name, help, counter.load(Ordering::Relaxed) as f64);
    }
    page.gauge("lingshao_scrape_targets", "Targets.", scrape.targets.load(Ordering::Relaxed) as f64);
}

//! What must hold for any bytes taken for a page.

use lingshao_model::LabelsBuilder;
use lingshao_wire::exposition::{EXCERPT_CHARS_MAX, Entry, Format, Page};

pub fn read(bytes: &[u8], format: Format) {
    let Ok(page) = Page::new(bytes, format) else { return };
    let mut labels = LabelsBuilder::default();
    for entry in page {
        match entry {
            Ok(Entry::Sample(sample)) => {
                labels.clear();
                sample.labels(&mut labels);
                if let Some(exemplar) = sample.exemplar {
                    exemplar.labels(&mut labels);
                }
                if let Ok(encoded) = labels.encoded() {
                    lingshao_model::Labels::from_encoded(encoded)
                        .expect("the builder's own encoding is valid");
                }
                assert!(sample.name().starts_with(&*sample.family()));
                sample.created();
            }
            Ok(_) => {}
            Err(error) => {
                assert!(error.excerpt.chars().count() <= EXCERPT_CHARS_MAX);
                assert!(error.line >= 1 && error.column >= 1);
            }
        }
    }
}

//! Which indices there are, and what was said about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use lingshao_model::log::{FieldKind, FieldMapping, LogTime, Mapping};

use crate::bytes::{Corrupt, Reader, put_text, put_varint};

/// All indices; a change makes a new one, so that snapshots keep theirs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    /// Grows with every change.
    pub(crate) version: u64,
    /// Number for the next index.
    pub(crate) next_number: u32,
    by_name: BTreeMap<Arc<str>, Arc<Index>>,
}

/// An index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Index {
    /// Never used again, also not when an index of the same name is made anew.
    pub(crate) number: u32,
    pub(crate) name: Arc<str>,
    pub(crate) created: LogTime,
    pub(crate) mapping: Mapping,
    /// The caller's, not looked at.
    pub(crate) settings: String,
}

impl Catalog {
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Index>> {
        self.by_name.get(name)
    }

    pub(crate) fn has(&self, number: u32) -> bool {
        self.by_name.values().any(|index| index.number == number)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Index>> {
        self.by_name.values()
    }

    pub(crate) fn put(&mut self, index: Index) {
        self.version += 1;
        self.next_number = self.next_number.max(index.number.saturating_add(1));
        self.by_name.insert(Arc::clone(&index.name), Arc::new(index));
    }

    pub(crate) fn remove(&mut self, number: u32) {
        self.version += 1;
        self.by_name.retain(|_, index| index.number != number);
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.version);
        put_varint(&mut out, u64::from(self.next_number));
        put_varint(&mut out, self.by_name.len() as u64);
        self.all().for_each(|index| encode_index(&mut out, index));
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Catalog, Corrupt> {
        let mut reader = Reader::new(bytes);
        let (version, next_number) = (reader.varint()?, reader.u32()?);
        let mut catalog = Catalog { version: 0, next_number, by_name: BTreeMap::new() };
        for _ in 0..reader.count()? {
            catalog.put(decode_index(&mut reader)?);
        }
        catalog.version = version;
        reader.end()?;
        Ok(catalog)
    }
}

pub(crate) fn encode_index(out: &mut Vec<u8>, index: &Index) {
    put_varint(out, u64::from(index.number));
    put_text(out, &index.name);
    out.extend_from_slice(&index.created.0.to_le_bytes());
    put_text(out, &index.settings);
    put_varint(out, index.mapping.fields.len() as u64);
    for (name, field) in &index.mapping.fields {
        put_text(out, name);
        out.push(kind_code(field.kind));
        out.push(u8::from(field.values_of.is_some()));
        if let Some(other) = &field.values_of {
            put_text(out, other);
        }
        put_text(out, &field.parameters);
    }
}

pub(crate) fn decode_index(reader: &mut Reader<'_>) -> Result<Index, Corrupt> {
    let (number, name) = (reader.u32()?, reader.text()?.into());
    let created = LogTime(reader.fixed_i64()?);
    let settings = reader.text()?.to_owned();
    let mut mapping = Mapping::default();
    for _ in 0..reader.count()? {
        let name = reader.text()?.to_owned();
        let kind = kind_of(reader.byte()?)?;
        let values_of = match reader.byte()? {
            0 => None,
            1 => Some(reader.text()?.to_owned()),
            _ => return Err(Corrupt),
        };
        let parameters = reader.text()?.to_owned();
        mapping.fields.insert(name, FieldMapping { kind, values_of, parameters });
    }
    Ok(Index { number, name, created, mapping, settings })
}

const KINDS: [FieldKind; 9] = [
    FieldKind::Text,
    FieldKind::Keyword { fold_case: false },
    FieldKind::Keyword { fold_case: true },
    FieldKind::Long,
    FieldKind::Double,
    FieldKind::Date,
    FieldKind::Boolean,
    FieldKind::Ip,
    FieldKind::Object,
];

fn kind_code(kind: FieldKind) -> u8 {
    KINDS.iter().position(|known| *known == kind).expect("every kind is in the table") as u8
}

fn kind_of(code: u8) -> Result<FieldKind, Corrupt> {
    KINDS.get(usize::from(code)).copied().ok_or(Corrupt)
}

/// Elasticsearch's rules for names of indices.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    const BAD: &[char] = &['\\', '/', '*', '?', '"', '<', '>', '|', ',', '#', ' ', ':'];
    match name {
        "" => Err("it is empty"),
        "." | ".." => Err("it is `.` or `..`"),
        _ if name.len() > 255 => Err("it is longer than 255 bytes"),
        _ if name.starts_with(['-', '_', '+']) => Err("it begins with `-`, `_` or `+`"),
        _ if name.contains(BAD) => Err("it contains one of `\\ / * ? \" < > | , # :` or a blank"),
        _ if name.chars().any(|letter| letter.is_control() || letter.is_whitespace()) => {
            Err("it contains a control character or white space")
        }
        _ if name.chars().any(char::is_uppercase) => Err("it contains upper-case letters"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_reads_back_as_written() {
        let mut catalog = Catalog::default();
        let mut mapping = Mapping::default();
        for (place, kind) in KINDS.into_iter().enumerate() {
            let values_of = (place == 2).then(|| "message".to_owned());
            let field = FieldMapping { kind, values_of, parameters: format!("{{\"n\":{place}}}") };
            mapping.fields.insert(format!("f{place}"), field);
        }
        let name: Arc<str> = "shop".into();
        let (created, settings) = (LogTime(5), "{}".to_owned());
        catalog.put(Index { number: 7, name, created, mapping, settings });
        let read = Catalog::decode(&catalog.encode()).unwrap();
        assert_eq!((read.version, read.next_number), (1, 8));
        assert_eq!(read.get("shop"), catalog.get("shop"));
        for cut in 0..catalog.encode().len() {
            assert!(Catalog::decode(&catalog.encode()[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn names_follow_the_rules_of_elasticsearch() {
        for good in ["shop", "logs-2025.06.15", ".kibana", "支付", "a_b+c"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "Shop", "_x", "-x", "+x", "a b", "a/b", "a*", "a,b", "a#b", "a:b", "a\n"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name(&"x".repeat(256)).is_err());
    }
}

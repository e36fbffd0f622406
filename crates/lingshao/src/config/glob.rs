//! Paths with `*`, `?` and `[a-z]`, none of which spans folders, as Go's `filepath.Glob` reads them.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

/// Most files that a pattern may name: more is a mistake in the pattern.
pub const PATHS_MAX: usize = 10_000;

/// The existing files that match, sorted. A path without a pattern is itself, whether it exists or not. A folder
/// that does not exist holds no file.
pub fn paths(pattern: &Path) -> io::Result<Vec<PathBuf>> {
    if !pattern.components().any(|part| is_pattern(part).is_some()) {
        return Ok(vec![pattern.to_owned()]);
    }
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        match is_pattern(part) {
            Some(name) => found = inside(&found, name)?,
            None => found.iter_mut().for_each(|path| path.push(part)),
        }
    }
    found.retain(|path| path.exists());
    found.sort();
    Ok(found)
}

/// Whether a path is one of those that a pattern names, if it exists.
pub fn matches_path(pattern: &Path, path: &Path) -> bool {
    let mut parts = path.components();
    let fits = |part: Component<'_>| {
        let own = parts.next();
        match (is_pattern(part), own) {
            (Some(name), Some(own)) => {
                own.as_os_str().to_str().is_some_and(|own| matches(name.as_bytes(), own.as_bytes()))
            }
            (None, own) => own == Some(part),
            (Some(_), None) => false,
        }
    };
    pattern.components().all(fits) && parts.next().is_none()
}

fn is_pattern(part: Component<'_>) -> Option<&str> {
    match part {
        Component::Normal(name) => name.to_str().filter(|name| name.contains(['*', '?', '['])),
        _ => None,
    }
}

/// What is in these folders and matches.
fn inside(folders: &[PathBuf], name: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in folders {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = match fs::read_dir(here) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let own = entry?.file_name();
            if own.to_str().is_some_and(|own| matches(name.as_bytes(), own.as_bytes())) {
                found.push(folder.join(own));
            }
            if found.len() > PATHS_MAX {
                return Err(io::Error::other(format!("more than {PATHS_MAX} files match")));
            }
        }
    }
    Ok(found)
}

/// Whether a name matches; linear in the name for each `*`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            Some(b'?') => Some(1),
            Some(b'[') => class(&pattern[p..], name[n]),
            Some(byte) => (*byte == name[n]).then_some(1),
            None => None,
        };
        match (step, star) {
            (Some(width), _) => (p, n) = (p + width, n + 1),
            (None, Some((at, from))) => {
                star = Some((at, from + 1));
                (p, n) = (at + 1, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// The width of a class that holds the byte.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let end = pattern.iter().skip(2).position(|one| *one == b']')? + 2;
    let inner = &pattern[1..end];
    let negated = matches!(inner[0], b'^' | b'!');
    let inner = if negated { &inner[1..] } else { inner };
    let mut holds = false;
    let mut at = 0;
    while at < inner.len() {
        if inner.get(at + 1) == Some(&b'-') && at + 2 < inner.len() {
            holds |= (inner[at]..=inner[at + 2]).contains(&byte);
            at += 3;
        } else {
            holds |= inner[at] == byte;
            at += 1;
        }
    }
    (holds != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_go() {
        let check = |pattern: &str, name: &str| matches(pattern.as_bytes(), name.as_bytes());
        assert!(check("*.yml", "a.yml") && !check("*.yml", "a.yaml") && check("*.yml", ".yml"));
        assert!(check("t*-?.json", "targets-1.json") && !check("t?.json", "t12.json"));
        assert!(check("[a-c]x", "bx") && !check("[a-c]x", "dx") && check("[^a]x", "bx"));
        assert!(check("a*b*c", "a1b2b3c") && !check("a*b*c", "a1c"));
        assert!(!check("[", "x") && check("**", "anything"));
    }

    #[test]
    fn files_come_sorted_and_plain_paths_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a.yml", "c.json"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = paths(&folder.path().join("*.yml")).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.yml", "b.yml"]);
        assert_eq!(paths(Path::new("none/x.yml")).unwrap(), [Path::new("none/x.yml")]);
        assert!(paths(&folder.path().join("none/*.yml")).unwrap().is_empty());
    }

    #[test]
    fn folders_may_be_patterns_too() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["c1/c1-json.log", "c2/c2-json.log", "c2/other.txt", "file"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let check = |pattern: &str, expected: &[&str]| {
            let found = paths(&folder.path().join(pattern)).unwrap();
            let names: Vec<_> =
                found.iter().map(|path| path.strip_prefix(&folder).unwrap().to_str().unwrap()).collect();
            assert_eq!(names, expected, "{pattern}");
            let pattern = folder.path().join(pattern);
            assert!(found.iter().all(|path| matches_path(&pattern, path)));
            assert!(!matches_path(&pattern, &folder.path().join("c3/c3-json.log.1")));
        };
        check("*/*-json.log", &["c1/c1-json.log", "c2/c2-json.log"]);
        check("c?/other.txt", &["c2/other.txt"]);
        check("*", &["c1", "c2", "file"]);
        check("*/none", &[]);
    }
}

//! Writes the table of embedded files as Rust source.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::content_type::content_type;
use crate::sources::Fingerprint;

/// Endings of files that stand beside another one and hold the same.
const ENCODINGS: [&str; 2] = ["gz", "br"];
/// What is for developers only.
const LEFT_OUT: &str = "map";

/// From the folder with the pages, or from a piece of HTML that says why there are none.
pub(crate) fn write(out: &Path, pages: Result<&Path, String>) -> io::Result<()> {
    let mut text = String::new();
    match pages {
        Ok(pages) => {
            let pages = pages.canonicalize()?;
            let mut files = Vec::new();
            collect(&pages, Path::new(""), &mut files)?;
            files.sort();
            let index = asset(&pages, Path::new("index.html"))?;
            put(&mut text, "INDEX: Option<Asset>", &format!("Some({index})"));
            files.retain(|file| file != Path::new("index.html"));
            let assets = files.iter().map(|file| asset(&pages, file)).collect::<io::Result<Vec<_>>>()?;
            put(&mut text, "ASSETS: &[Asset]", &format!("&[\n{}]", assets.join(",\n")));
            put(&mut text, "NOTICE: &str", "\"\"");
        }
        Err(notice) => {
            put(&mut text, "INDEX: Option<Asset>", "None");
            put(&mut text, "ASSETS: &[Asset]", "&[]");
            put(&mut text, "NOTICE: &str", &format!("{notice:?}"));
        }
    }
    fs::write(out.join("embedded.rs"), text)
}

fn put(text: &mut String, what: &str, value: &str) {
    writeln!(text, "static {what} = {value};").expect("writing to a String does not fail");
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let file = folder.join(entry.file_name());
        let ending = ending(&file);
        if entry.file_type()?.is_dir() {
            collect(root, &file, files)?;
        } else if !ENCODINGS.contains(&ending) && ending != LEFT_OUT {
            files.push(file);
        }
    }
    Ok(())
}

/// One value of the table.
fn asset(root: &Path, file: &Path) -> io::Result<String> {
    let path = file.to_string_lossy().replace('\\', "/");
    let etag = Fingerprint::of(&fs::read(root.join(file))?).short();
    let bytes =
        |ending: &str| format!("include_bytes!({:?})", format!("{}{ending}", root.join(file).display()));
    let encoded = |ending: &str| {
        let beside = root.join(format!("{path}.{ending}")).is_file();
        if beside { format!("Some({})", bytes(&format!(".{ending}"))) } else { "None".to_owned() }
    };
    Ok(format!(
        "Asset {{ path: {path:?}, content_type: {:?}, etag: {etag:?}, immutable: {}, plain: {}, gzip: {}, brotli: {} }}",
        content_type(&path),
        is_hashed(file),
        bytes(""),
        encoded("gz"),
        encoded("br"),
    ))
}

/// Whether Vite has put a hash of the content into the name: `index-DfK3x_-Z.js`.
pub(crate) fn is_hashed(file: &Path) -> bool {
    const HASH_CHARACTERS: usize = 8;
    let Some(stem) = file.file_stem().and_then(|stem| stem.to_str()) else { return false };
    let Some(cut) = stem.len().checked_sub(HASH_CHARACTERS + 1).filter(|cut| stem.is_char_boundary(*cut))
    else {
        return false;
    };
    let (name, hash) = stem.split_at(cut);
    let is_url_safe = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    // A word of eight letters is none: hashes of eight characters without any capital or digit are one in thousands,
    // and such a file is merely asked for again.
    let varies = |character: char| character.is_ascii_digit() || character.is_ascii_uppercase();
    file.starts_with("assets")
        && !name.is_empty()
        && hash.starts_with('-')
        && hash[1..].chars().all(is_url_safe)
        && hash[1..].chars().any(varies)
}

fn ending(file: &Path) -> &str {
    file.extension().and_then(|ending| ending.to_str()).unwrap_or("")
}

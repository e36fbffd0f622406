//! Any bytes as a sealed file, and a sealed file with any damage: it is refused, or what it gives is what was written.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use lingshao_disk::{SealedFile, SealedWriter, Section, SimDisk};

const PATH: &str = "/data/1.block";

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    if mode % 2 == 0 { raw(rest) } else { damaged(rest) }
});

fn raw(data: &[u8]) {
    let disk = SimDisk::new();
    disk.put(Path::new(PATH), data);
    let Ok(file) = SealedFile::open(Arc::new(disk), Path::new(PATH)) else { return };
    let mut out = Vec::new();
    for offset in 0..data.len() as u64 {
        // Only that it does not panic and takes no memory that the file does not have.
        let _ = file.read(Section { offset, bytes: u32::MAX - offset as u32 }, &mut out);
        assert!(out.capacity() <= data.len() * 2 + 64);
    }
}

fn damaged(data: &[u8]) {
    let disk = SimDisk::new();
    disk.put(Path::new("/data/x"), b"");
    let mut writer = SealedWriter::create(Arc::new(disk.clone()), Path::new(PATH)).expect("the disk works");
    let contents = [vec![1; 10], Vec::new(), vec![2; 200]];
    let sections: Vec<Section> =
        contents.iter().map(|content| writer.section(content).expect("the disk works")).collect();
    writer.finish(b"footer").expect("the disk works");
    let mut content = disk.content(Path::new(PATH)).expect("just written");
    for damage in data.chunks_exact(3) {
        let at = (usize::from(damage[0] & 1) << 8 | usize::from(damage[1])) % (content.len() + 1);
        match damage[0] >> 1 & 3 {
            0 => content.truncate(at),
            1 => content.splice(at..at, [damage[2]; 5]).for_each(drop),
            _ => content.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= damage[2]),
        }
    }
    disk.put(Path::new(PATH), &content);
    let Ok(file) = SealedFile::open(Arc::new(disk), Path::new(PATH)) else { return };
    assert_eq!(file.footer(), b"footer");
    for (section, content) in sections.iter().zip(contents) {
        let mut out = Vec::new();
        if file.read(*section, &mut out).is_ok() {
            assert_eq!(out, content, "wrong data");
        }
    }
}

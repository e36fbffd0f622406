//! Mounted file systems: how full they are.
//!
//! A mount of a dead server can hold a thread for ever. They are asked on a helper thread; one that does not answer
//! in time is reported with `device_error`, left to its thread, and asked again when that has come back.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use lingshao_wire::exposition::MetricType;
use rustix::fs::{StatVfs, statvfs};

use super::{Root, Sheet, is_below};

/// How long one mount may take to answer: a scrape's timeout is mostly 10 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Most mounts that are asked: more are containers' and their like.
const MOUNTS_MAX: usize = 1000;

const KINDS_EXCLUDED: [&str; 22] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
];
const KINDS_EXCLUDED_TOO: [&str; 4] = ["sysfs", "tracefs", "erofs", "ramfs"];
const FOLDERS_EXCLUDED: [&str; 3] = ["/dev", "/proc", "/sys"];
/// Only what lies below these is left out.
const PARENTS_EXCLUDED: [&str; 3] = ["/run/credentials", "/var/lib/docker", "/var/lib/containers/storage"];

/// Remembers mounts that do not answer.
#[derive(Debug, Default)]
pub(super) struct FileSystems {
    stuck: Arc<Mutex<HashSet<PathBuf>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    device: String,
    point: String,
    kind: String,
    read_only: bool,
}

/// What a mount answered; nothing is an error.
type Answer = Option<StatVfs>;

impl FileSystems {
    pub(super) fn collect(&mut self, root: &Root, sheet: &mut Sheet) {
        let text = root.read("proc/1/mounts").or_else(|| root.read("proc/self/mounts")).unwrap_or_default();
        let mounts = mounts(&text);
        let paths: Vec<PathBuf> = mounts.iter().map(|mount| root.path(&mount.point)).collect();
        let answers = self.ask(&paths, |path| statvfs(path).ok());
        write(&mounts, &answers, sheet);
    }

    /// Asks each path; one that is stuck from before is not asked.
    fn ask(&mut self, paths: &[PathBuf], ask: fn(&Path) -> Answer) -> Vec<Answer> {
        let mut answers: Vec<Answer> = paths.iter().map(|_| None).collect();
        let mut next = 0;
        while next < paths.len() {
            let rest: Vec<(usize, PathBuf)> = paths.iter().cloned().enumerate().skip(next).collect();
            next = self.ask_until_stuck(rest, ask, &mut answers);
        }
        answers
    }

    /// Asks on a new thread; answers the index behind the first mount that does not answer in time.
    fn ask_until_stuck(
        &mut self,
        paths: Vec<(usize, PathBuf)>,
        ask: fn(&Path) -> Answer,
        answers: &mut [Answer],
    ) -> usize {
        let stuck = lock(&self.stuck).clone();
        let paths: Vec<_> = paths.into_iter().filter(|(_, path)| !stuck.contains(path)).collect();
        let progress = Arc::new((Mutex::new(Progress::default()), Condvar::new()));
        let (theirs, memory, asked) = (progress.clone(), self.stuck.clone(), paths.clone());
        let helper = thread::Builder::new().name("statvfs".to_owned()).spawn(move || {
            for (_, path) in asked {
                let answer = ask(&path);
                let mut progress = lock(&theirs.0);
                if progress.abandoned {
                    lock(&memory).remove(&path);
                    return; // Another thread has asked the rest.
                }
                progress.answers.push(answer);
                theirs.1.notify_one();
            }
        });
        if let Err(error) = helper {
            tracing::warn!(%error, "file systems are not looked at");
            return usize::MAX;
        }
        for (number, (index, path)) in paths.into_iter().enumerate() {
            let waiting = |progress: &mut Progress| progress.answers.len() <= number;
            let waited = progress.1.wait_timeout_while(lock(&progress.0), ANSWER_TIMEOUT, waiting);
            let mut progress = waited.unwrap_or_else(PoisonError::into_inner).0;
            match progress.answers.get_mut(number) {
                Some(answer) => answers[index] = answer.take(),
                None => {
                    tracing::warn!(path = %path.display(), "file system does not answer");
                    progress.abandoned = true;
                    lock(&self.stuck).insert(path);
                    return index + 1;
                }
            }
        }
        usize::MAX
    }
}

/// What a helper thread and the one that waits for it share.
#[derive(Default)]
struct Progress {
    answers: Vec<Answer>,
    /// Nobody waits any longer.
    abandoned: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these protect is whole after each single operation, whatever panicked then.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn mounts(text: &str) -> Vec<Mount> {
    let mut seen = HashSet::new();
    let mut mounts = Vec::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        let (Some(device), Some(point), Some(kind)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let options = words.next().unwrap_or("");
        let mount = Mount {
            device: unescape(device),
            point: unescape(point),
            kind: kind.to_owned(),
            read_only: options.split(',').any(|option| option == "ro"),
        };
        let key = (mount.device.clone(), mount.point.clone(), mount.kind.clone());
        if !is_excluded(&mount) && mounts.len() < MOUNTS_MAX && seen.insert(key) {
            mounts.push(mount);
        }
    }
    mounts
}

fn is_excluded(mount: &Mount) -> bool {
    let kind = mount.kind.as_str();
    let below = |folder: &&str| mount.point != **folder && is_below(&mount.point, folder);
    KINDS_EXCLUDED.contains(&kind)
        || KINDS_EXCLUDED_TOO.contains(&kind)
        || FOLDERS_EXCLUDED.iter().any(|folder| is_below(&mount.point, folder))
        || PARENTS_EXCLUDED.iter().any(below)
}

/// The kernel writes blanks, tabs, line ends and backslashes as three octal digits.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = (*first == b'\\').then(|| after.get(..3)).flatten();
        let code = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn write(mounts: &[Mount], answers: &[Answer], sheet: &mut Sheet) {
    type Read = fn(&StatVfs) -> f64;
    let families: [(&str, &str, Read); 5] = [
        ("node_filesystem_size_bytes", "Filesystem size in bytes.", |stat| stat.f_blocks as f64 * unit(stat)),
        ("node_filesystem_free_bytes", "Filesystem free space in bytes.", |stat| {
            stat.f_bfree as f64 * unit(stat)
        }),
        ("node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.", |stat| {
            stat.f_bavail as f64 * unit(stat)
        }),
        ("node_filesystem_files", "Filesystem total file nodes.", |stat| stat.f_files as f64),
        ("node_filesystem_files_free", "Filesystem total free file nodes.", |stat| stat.f_ffree as f64),
    ];
    let answered =
        || mounts.iter().zip(answers).filter_map(|(mount, answer)| Some((mount, answer.as_ref()?)));
    for (name, help, read) in families {
        family(name, help, answered().map(|(mount, stat)| (mount, read(stat))), sheet);
    }
    let flag = |is: bool| f64::from(u8::from(is));
    let read_only = answered().map(|(mount, _)| (mount, flag(mount.read_only)));
    family("node_filesystem_readonly", "Filesystem read-only status.", read_only, sheet);
    let errors = mounts.iter().zip(answers).map(|(mount, answer)| (mount, flag(answer.is_none())));
    let help = "Whether an error occurred while getting statistics for the given device.";
    family("node_filesystem_device_error", help, errors, sheet);
}

fn unit(stat: &StatVfs) -> f64 {
    (if stat.f_frsize > 0 { stat.f_frsize } else { stat.f_bsize }) as f64
}

fn family<'m>(name: &str, help: &str, values: impl Iterator<Item = (&'m Mount, f64)>, sheet: &mut Sheet) {
    let mut values = values.peekable();
    if values.peek().is_none() {
        return;
    }
    sheet.0.family(name, MetricType::Gauge, help);
    for (mount, value) in values {
        let labels = [
            ("device", mount.device.as_str()),
            ("fstype", mount.kind.as_str()),
            ("mountpoint", mount.point.as_str()),
        ];
        sheet.0.sample(name, &labels, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_as_node_exporter_reads_them() {
        let text = "/dev/vda / ext4 rw,relatime 0 0\n\
                    proc /proc proc rw 0 0\n\
                    tmpfs /run tmpfs rw 0 0\n\
                    overlay /x overlay rw 0 0\n\
                    tmpfs /dev/shm tmpfs rw 0 0\n\
                    /dev/vdb /data\\040disk xfs ro,noatime 0 0\n\
                    /dev/vdc /var/lib/docker/volumes ext4 rw 0 0\n\
                    /dev/vdc /var/lib/docker ext4 rw 0 0\n\
                    /dev/vda / ext4 rw,relatime 0 0\n";
        let shown: Vec<String> =
            mounts(text).iter().map(|one| format!("{} {}", one.point, one.read_only)).collect();
        assert_eq!(shown, ["/ false", "/run false", "/data disk true", "/var/lib/docker false"]);
    }

    #[test]
    fn a_mount_that_hangs_does_not_hold_up_the_others() {
        fn ask(path: &Path) -> Answer {
            if path.ends_with("dead") {
                thread::sleep(ANSWER_TIMEOUT + Duration::from_millis(700));
            }
            statvfs("/").ok()
        }
        let paths = || ["a", "dead", "b"].iter().map(PathBuf::from).collect::<Vec<_>>();
        let mut systems = FileSystems::default();
        let shown = |answers: &[Answer]| answers.iter().map(Option::is_some).collect::<Vec<_>>();
        assert_eq!(shown(&systems.ask(&paths(), ask)), [true, false, true]);
        let begun = std::time::Instant::now();
        assert_eq!(shown(&systems.ask(&paths(), ask)), [true, false, true]);
        assert!(begun.elapsed() < ANSWER_TIMEOUT, "it is not asked while it hangs");
        while !lock(&systems.stuck).is_empty() {
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(shown(&systems.ask(&paths()[..1], ask)), [true]);
    }
}

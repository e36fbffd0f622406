//! How much memory this process may use: the machine's, or less when its control group says so.

use std::fs;
use std::path::{Path, PathBuf};

use crate::api::query::RUNNING_MAX;

/// Where control groups are mounted.
const CGROUPS: &str = "/sys/fs/cgroup";

/// The smaller of the machine's memory and the limits of our control group and those around it.
pub(super) fn available_bytes() -> Option<u64> {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let limits = read(Path::new("/proc/self/cgroup")).map_or(Vec::new(), |cgroups| limit_files(&cgroups));
    let limits: Vec<String> = limits.iter().filter_map(|path| read(path)).collect();
    smallest(&read(Path::new("/proc/meminfo")).unwrap_or_default(), &limits)
}

/// Files that may hold a limit, for the lines of `/proc/self/cgroup` (cgroups(7)). Each group up to the root counts;
/// in a container without a namespace of its own only the root exists, and it is the container's.
fn limit_files(cgroups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (mount, file) = match controllers {
            "" => (Path::new(CGROUPS).to_owned(), "memory.max"),
            _ if controllers.split(',').any(|one| one == "memory") => {
                (Path::new(CGROUPS).join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        files.extend(
            Path::new(path.trim_start_matches('/')).ancestors().map(|own| mount.join(own).join(file)),
        );
    }
    files
}

/// `meminfo` as in `/proc`, limits as they stand in their files: bytes, or `max`, which is none.
fn smallest(meminfo: &str, limits: &[String]) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total = total.and_then(|text| text.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    let limits = limits.iter().filter_map(|limit| limit.trim().parse().ok());
    limits.chain(total.map(|kibibytes| kibibytes << 10)).min()
}

/// Memory for samples that are not sealed yet, before they are sealed early.
///
/// 512 MiB hold some million series; on a small machine an eighth of the memory: until sealing is done the head may grow
/// to twice as much, and queries, the page cache and the shop itself live there too. Below 16 MiB blocks would be
/// tiny and merging would never end.
pub(super) fn head_bytes_max(available: Option<u64>) -> u64 {
    available.map_or(512 << 20, |bytes| (bytes / 8).clamp(16 << 20, 512 << 20))
}

/// Memory for log records that are not sealed yet: they are sealed when they take as much, and refused at twice as much.
/// 64 MiB hold some 200,000; on a small machine a sixteenth of the memory.
pub(super) fn log_tail_bytes_max(available: Option<u64>) -> u64 {
    available.map_or(64 << 20, |bytes| (bytes / 16).clamp(8 << 20, 64 << 20))
}

/// Memory of one query's evaluation.
///
/// A board's panels stay far below 32 MiB. All that may run at once together take at most two thirds of the memory;
/// on a large machine 512 MiB each are enough for anything that a person can look at.
pub(super) fn query_bytes_max(available: Option<u64>) -> u64 {
    let share = 3 * RUNNING_MAX as u64 / 2;
    available.map_or(512 << 20, |bytes| (bytes / share).clamp(32 << 20, 512 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(meminfo: &str, limits: &[&str], expected_mebibytes: u64) {
        let limits: Vec<String> = limits.iter().map(|limit| (*limit).to_owned()).collect();
        assert_eq!(
            head_bytes_max(smallest(meminfo, &limits)) >> 20,
            expected_mebibytes,
            "{meminfo} {limits:?}"
        );
    }

    #[test]
    fn the_smallest_limit_counts_and_an_eighth_of_it_is_ours() {
        let (large, small) = ("MemTotal:       24683520 kB\nMemFree: 1 kB\n", "MemTotal:  2097152 kB\n");
        check(large, &[], 512);
        check(small, &[], 256);
        check(large, &["max\n"], 512);
        check(large, &["1073741824\n", "max\n"], 128);
        check(small, &["max\n", "536870912\n", "1073741824\n"], 64);
        check(small, &["9223372036854771712\n"], 256); // Version 1 has a number for none.
        check(small, &["4194304\n"], 16);
        check(small, &["\n", "nonsense"], 256);
        check("", &["1073741824\n"], 128);
        check("", &[], 512);
    }

    #[track_caller]
    fn check_files(cgroups: &str, expected: &[&str]) {
        let files: Vec<String> = limit_files(cgroups).iter().map(|path| path.display().to_string()).collect();
        assert_eq!(files, expected);
    }

    #[test]
    fn both_versions_name_their_files_up_to_the_root() {
        check_files("0::/\n", &["/sys/fs/cgroup/memory.max"]);
        check_files(
            "0::/system.slice/lingshao.service\n",
            &[
                "/sys/fs/cgroup/system.slice/lingshao.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ],
        );
        check_files(
            "8:pids:/\n4:memory:/docker/a:b\n1:cpu,cpuacct:/x\nnonsense\n",
            &[
                "/sys/fs/cgroup/memory/docker/a:b/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            ],
        );
    }

    #[test]
    fn queries_that_run_at_once_leave_a_third_of_the_memory() {
        let mebibytes = |bytes: Option<u64>| query_bytes_max(bytes) >> 20;
        assert_eq!(mebibytes(Some(64 << 30)), 512);
        assert_eq!(mebibytes(Some(2 << 30)), 68);
        assert_eq!(mebibytes(Some(256 << 20)), 32);
        assert_eq!(mebibytes(None), 512);
    }
}

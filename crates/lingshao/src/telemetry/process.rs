//! What the kernel says about this process, under the names that every Prometheus client uses.

use std::fs;

use super::Page;

/// `USER_HZ`: 100 on every Linux that we run on; the kernel converts to it for `/proc`.
const TICKS_PER_SECOND: f64 = 100.0;

/// Adds what can be read; a missing `/proc` leaves it out.
pub(super) fn render(page: &mut Page) {
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
        let cpu = (stat.user_ticks + stat.system_ticks) / TICKS_PER_SECOND;
        page.counter("process_cpu_seconds_total", "CPU time used.", cpu);
        page.gauge("process_threads", "Threads.", stat.threads);
        page.gauge("process_virtual_memory_bytes", "Virtual memory.", stat.virtual_bytes);
        if let Some(boot) = boot_time() {
            let started = boot + stat.started_ticks / TICKS_PER_SECOND;
            page.gauge("process_start_time_seconds", "When it was started.", started);
        }
    }
    if let Some(bytes) = resident_bytes() {
        page.gauge("process_resident_memory_bytes", "Resident memory.", bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        page.gauge("process_open_fds", "Open file descriptors.", open.count() as f64);
    }
    if let Some(max) = max_fds() {
        page.gauge("process_max_fds", "Most file descriptors allowed.", max);
    }
}

struct Stat {
    user_ticks: f64,
    system_ticks: f64,
    threads: f64,
    started_ticks: f64,
    virtual_bytes: f64,
}

impl Stat {
    /// proc(5): the fields after the name, which may itself hold blanks and parentheses.
    fn parse(text: &str) -> Option<Stat> {
        let fields: Vec<&str> = text.rsplit_once(") ")?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse().ok();
        Some(Stat {
            user_ticks: field(14)?,
            system_ticks: field(15)?,
            threads: field(20)?,
            started_ticks: field(22)?,
            virtual_bytes: field(23)?,
        })
    }
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()
}

fn max_fds() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let line = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 1100 22 13 14 15 16 7 18 900 4096 5 6";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.user_ticks, stat.system_ticks), (1100.0, 22.0));
        assert_eq!((stat.threads, stat.started_ticks, stat.virtual_bytes), (7.0, 900.0, 4096.0));
    }
}

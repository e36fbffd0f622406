//! What an init system is told, by systemd's protocol (sd_notify(3)): a datagram to the socket that `NOTIFY_SOCKET` names.
//! Without one, nothing is told to anybody.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Whoever started us and wants to know how we are.
#[derive(Debug)]
pub(crate) struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants to hear that we live.
    pub(crate) watchdog: Option<Duration>,
}

impl Supervisor {
    /// As the environment says.
    pub(crate) fn of_environment() -> Supervisor {
        let socket = std::env::var("NOTIFY_SOCKET").ok().and_then(|name| match connect(&name) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(socket = name, %error, "cannot tell the init system anything");
                None
            }
        });
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let timeout = number("WATCHDOG_USEC").filter(|_| is_ours && socket.is_some());
        // Half of the time, as the protocol advises: one that comes late does no harm.
        let watchdog =
            timeout.map(|micros| Duration::from_micros(micros / 2)).filter(|pause| !pause.is_zero());
        Supervisor { socket, watchdog }
    }

    /// We answer on all addresses.
    pub(crate) fn ready(&self) {
        self.tell("READY=1\n");
    }

    /// We end; what is acknowledged is being put on disk.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\n");
    }

    /// The config is read again; [`Supervisor::ready`] follows.
    pub(crate) fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\n"));
    }

    /// We live.
    pub(crate) fn alive(&self) {
        self.tell("WATCHDOG=1\n");
    }

    fn tell(&self, what: &str) {
        let Some((socket, address)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(what.as_bytes(), address) {
            tracing::warn!(%error, "cannot tell the init system anything");
        }
    }
}

/// A name that begins with `@` is one without a file.
fn connect(name: &str) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // An init system that does not read must not stop us.
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

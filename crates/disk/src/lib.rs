//! The only code that touches data files.
//!
//! Contract: what was acknowledged is on the platter, and what is on the platter is either right or reported.
//!
//! - [`Wal`]: a write-ahead log. [`Wal::append`] costs one write and never syncs; [`WalSync::sync`] makes everything
//!   appended so far durable and may be called from any thread while appends go on. A failed sync is never repeated
//!   (the kernel may have dropped the pages): from then on everything answers [`WalError::Poisoned`]. A full disk is
//!   temporary: [`WalError::Full`], the log is cut back to whole records and takes more when there is room.
//! - Opening a log cuts a torn tail that nobody was promised, copies damaged segments to `quarantine/`, replays all
//!   that can be read and says in [`Recovery`] what could not. It never refuses to open for damage.
//! - [`SealedWriter`] and [`SealedFile`]: immutable files of checksummed sections that appear whole or not at all.
//! - [`DataDir`]: a folder that one process uses at a time, of a known format version.
//! - [`Picture`]: the files below a folder as of one moment, while their owner works on.
//! - [`Disk`]: what all of these stand on. [`RealDisk`] is the operating system; [`SimDisk`] keeps files in memory,
//!   forgets what was not synced, and can be made to fail; tests of every engine use it.
//!
//! No thread, no clock. Byte tables: `docs/format/{wal,sealed,folder}.md`.

mod bytes;
mod disk;
mod folder;
mod picture;
mod real;
mod sealed;
pub mod sim;
mod wal;

pub use disk::{Disk, Entry, Lock, LockGuard, ReadFile, WriteFile};
pub use folder::{DataDir, DataDirError, Owner, quarantine, remove_unfinished};
pub use picture::{Picture, Pictured};
pub use real::RealDisk;
pub use sealed::{SealedError, SealedFile, SealedWriter, Section};
pub use sim::SimDisk;
pub use wal::{
    Commit, Cut, Loss, PAYLOAD_BYTES_MAX, Recovery, Refusal, Replayed, Wal, WalError, WalOptions, WalSync,
};

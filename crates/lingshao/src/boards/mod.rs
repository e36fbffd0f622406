//! Boards: those that people save, kept with their versions in `state.db`, and those that lie in files, which can only be
//! looked at.
//!
//! Contract: a save returns when it would survive a power cut, and is refused when somebody else has saved meanwhile.
//! Whatever is wrong with a file is data with a message ([`Problem`]); it ends nothing. One task owns the connection and
//! its queue is bounded, so that boards cannot disturb the alerts; another one looks at the files every
//! [`files::POLL`]. A saved board wins over a file with its `uid`.

mod files;
mod handle;
mod owner;
mod save;
mod words;

pub(crate) use files::{FileBoard, Settings};
pub(crate) use handle::{BoardsHandle, Found};
pub(crate) use owner::Running;
pub(crate) use save::{Saved, Upload, slug, url};
pub(crate) use words::Refusal;

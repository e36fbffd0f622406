//! Why a build has no pages, for whoever builds it and, in Chinese too, for whoever opens it.

use std::fmt;
use std::path::PathBuf;

use crate::node;

/// Why.
#[derive(Debug)]
pub(crate) enum Missing {
    /// A development build, which is faster without.
    NotAsked,
    /// `LINGSHAO_UI_DIST` names no folder of pages.
    NoDist(PathBuf),
    /// There is no `web/`, or it is not whole.
    NoSources(PathBuf, String),
    /// Node or npm cannot be started.
    NoNode(String),
    /// Node is older than what the build tools need.
    OldNode(String),
    /// A file could not be read or written.
    Disk(String),
    /// npm has tried.
    Failed { command: String, output: String },
}

const BUILD_AGAIN: &str = "LINGSHAO_REQUIRE_UI=1 cargo build --release";

impl Missing {
    /// Whether whoever builds did not want it so.
    pub(crate) fn is_a_surprise(&self) -> bool {
        !matches!(self, Missing::NotAsked)
    }

    /// For the page: what, and what to do; Chinese, then English.
    pub(crate) fn notice(&self) -> String {
        let minimum = node::MINIMUM;
        let (zh, en) = match self {
            Missing::NotAsked => (
                "这是开发构建，没有包含图表页面。".to_owned(),
                "This is a development build, which leaves the pages out.".to_owned(),
            ),
            Missing::NoDist(_) | Missing::NoSources(..) | Missing::Disk(_) => (
                "构建本程序时没有找到图表页面的文件。".to_owned(),
                "The files of the pages were not found when this program was built.".to_owned(),
            ),
            Missing::NoNode(_) | Missing::OldNode(_) => (
                format!(
                    "构建本程序的机器上没有 Node.js {minimum} 或更新版本（含 npm），因此没有包含图表页面。"
                ),
                format!(
                    "This program was built without its pages: there was no Node.js {minimum} or newer with npm."
                ),
            ),
            Missing::Failed { .. } => (
                "构建图表页面时 npm 失败，因此本程序没有包含图表页面。".to_owned(),
                "npm failed while this program was built, so it has no pages.".to_owned(),
            ),
        };
        format!(
            "<p>{zh}<br>包含页面的构建方法：安装 Node.js {minimum} 或更新版本，然后运行 <code>{BUILD_AGAIN}</code></p>\n\
             <p lang=\"en\">{en}<br>To build it with pages: install Node.js {minimum} or newer, then run \
             <code>{BUILD_AGAIN}</code></p>\n"
        )
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minimum = node::MINIMUM;
        match self {
            Missing::NotAsked => f.write_str("this is a development build"),
            Missing::NoDist(folder) => {
                write!(
                    f,
                    "LINGSHAO_UI_DIST=`{}` holds no index.html: it must name a built web/dist",
                    folder.display()
                )
            }
            Missing::NoSources(folder, why) => {
                write!(f, "the sources of the pages in `{}` cannot be used: {why}", folder.display())
            }
            Missing::NoNode(why) => write!(
                f,
                "the pages need Node.js {minimum} or newer with npm to be built ({why}); install it \
                 (https://nodejs.org, or your system's nodejs and npm if they are new enough) and run \
                 `{BUILD_AGAIN}`"
            ),
            Missing::OldNode(found) => write!(
                f,
                "Node.js {found} is too old to build the pages, {minimum} (or 22.12) or newer is needed; install it \
                 from https://nodejs.org and run `{BUILD_AGAIN}`"
            ),
            Missing::Disk(why) => write!(f, "the pages cannot be built: {why}"),
            Missing::Failed { command, output } => {
                write!(f, "`{command}` failed; when that is put right, run `{BUILD_AGAIN}`\n{output}")
            }
        }
    }
}

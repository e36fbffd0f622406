//! What is wrong with a board, in Chinese and English.

use lingshao_wire::board::{self, BoardError};
use serde::Serialize;

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Words {
    pub(crate) zh: String,
    pub(crate) en: String,
}

/// A file that is no board, or none that can be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// As the config's folder sees it.
    pub(crate) file: String,
    /// What is wrong, and what to do.
    pub(crate) message: Words,
}

/// Why something was not done with a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// What was sent is no board.
    Document(BoardError),
    /// There is no board of that `uid`.
    NotFound,
    /// The board has no such version, or none any more.
    NoSuchVersion,
    /// Somebody else has saved it meanwhile.
    VersionMismatch,
    /// Another board has that title.
    NameExists,
    /// It lies in this file.
    Provisioned(String),
    /// There are as many as there may be.
    TooMany { boards_max: i64 },
    /// All boards together take as much as they may.
    NoRoom { bytes_max: i64 },
    /// `state.db` cannot be read or written.
    State,
    /// There was no answer in time; whether it was done is not known.
    NoAnswer,
    /// The process is ending.
    Stopping,
}

/// Why a file is not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileFault {
    /// It cannot be read.
    Unreadable(String),
    /// It is no board.
    Document(BoardError),
    /// Another file has its `uid`.
    UidOfFile { uid: String, other: String },
    /// A saved board has its `uid`.
    UidOfSaved { uid: String },
    /// Files are read up to a number.
    TooMany { files_max: usize },
    /// Files are kept up to a number of bytes together.
    NoRoom { bytes_max: usize },
}

fn words(zh: impl Into<String>, en: impl Into<String>) -> Words {
    Words { zh: zh.into(), en: en.into() }
}

impl Refusal {
    /// For the one who is refused. Where Grafana has words for it, the English ones are Grafana's.
    pub(crate) fn words(&self) -> Words {
        match self {
            Refusal::Document(error) => document(error),
            Refusal::NotFound => words("没有这个面板", "Dashboard not found"),
            Refusal::NoSuchVersion => words("没有这个版本，或已被清理", "Dashboard version not found"),
            Refusal::VersionMismatch => words(
                "面板已被他人修改；请刷新后再改，或选择覆盖",
                "The dashboard has been changed by someone else",
            ),
            Refusal::NameExists => words(
                "已有同名面板；请改名，或选择覆盖",
                "A dashboard with the same name in the folder already exists",
            ),
            Refusal::Provisioned(file) => words(
                format!("此面板来自文件 {file}，不能在页面上修改；请改文件，或另存为新面板"),
                format!(
                    "provisioned dashboard cannot be changed here: it lies in `{file}`; change the file, or save it as a new board"
                ),
            ),
            Refusal::TooMany { boards_max } => words(
                format!("最多保存 {boards_max} 个面板；请先删除不用的"),
                format!("there are {boards_max} boards, as many as there may be; delete some"),
            ),
            Refusal::NoRoom { bytes_max } => words(
                format!("所有面板及其历史版本最多占用 {bytes_max} 字节；请先删除不用的"),
                format!("all boards and their versions may take {bytes_max} bytes; delete some"),
            ),
            Refusal::State => words(
                "state.db 目前无法读写；详见服务器日志",
                "state.db cannot be used at the moment; see the server's log",
            ),
            Refusal::NoAnswer => words(
                "state.db 所在磁盘没有及时响应；不确定是否已完成，请刷新查看",
                "the disk under state.db does not answer in time; whether it was done is not known, look again",
            ),
            Refusal::Stopping => words("服务正在停止", "the process is stopping"),
        }
    }
}

impl FileFault {
    pub(super) fn words(&self) -> Words {
        match self {
            FileFault::Unreadable(error) => words(
                format!("无法读取：{error}；请检查路径和权限"),
                format!("it cannot be read: {error}; check the path and its rights"),
            ),
            FileFault::Document(error) => document(error),
            FileFault::UidOfFile { uid, other } => words(
                format!("uid `{uid}` 已被文件 {other} 使用；请改其中一个"),
                format!("its uid `{uid}` is that of `{other}`; change one of them"),
            ),
            FileFault::UidOfSaved { uid } => words(
                format!("uid `{uid}` 已被保存的面板使用，因此不显示此文件；请改 uid，或删除那个面板"),
                format!(
                    "its uid `{uid}` is that of a saved board, which is shown instead; change it, or delete that board"
                ),
            ),
            FileFault::TooMany { files_max } => words(
                format!("最多读取 {files_max} 个面板文件；其余被忽略"),
                format!("at most {files_max} files of boards are read; the others are left out"),
            ),
            FileFault::NoRoom { bytes_max } => words(
                format!("面板文件合计最多 {bytes_max} 字节；此文件被忽略"),
                format!("files of boards may have {bytes_max} bytes together; this one is left out"),
            ),
        }
    }

    pub(super) fn of(self, file: &str) -> Problem {
        Problem { file: file.to_owned(), message: self.words() }
    }
}

fn document(error: &BoardError) -> Words {
    let zh = match error {
        BoardError::NotJson(what) => format!("不是合法的 JSON：{what}"),
        BoardError::NotABoard => {
            "是 JSON，但不是面板：应为带有 `title` 和 `panels` 的对象，可直接写，也可放在 `dashboard` 或 `spec` 里".to_owned()
        }
        BoardError::TooLarge { bytes } => format!("有 {bytes} 字节；面板最大 {} 字节", board::BYTES_MAX),
        BoardError::NoTitle => "没有标题；请加上 `\"title\": \"…\"`".to_owned(),
        BoardError::Member { member: "title", .. } => "`title` 必须是不超过 1000 字节的文本".to_owned(),
        BoardError::Member { member: "uid", .. } => {
            "`uid` 必须是不超过 40 个字母、数字、`-` 或 `_` 的文本".to_owned()
        }
        BoardError::Member { member: "tags", .. } => {
            "`tags` 必须是文本列表，最多 100 个，每个不超过 200 字节".to_owned()
        }
        BoardError::Member { member: member @ ("version" | "overwrite" | "message"), .. } => {
            format!("`{member}` 的类型不对")
        }
        BoardError::Member { member, .. } => format!("`{member}` 不合要求"),
    };
    Words { zh, en: error.to_string() }
}

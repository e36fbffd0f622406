//! What the storage cannot do.

use std::io;
use std::path::PathBuf;

use lingshao_disk::{Recovery, SealedError, WalError};

/// Why the storage cannot be opened or maintained.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The log.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// A part, or the catalog.
    #[error(transparent)]
    File(#[from] SealedError),
    /// A folder or file operation.
    #[error("cannot {action} `{path}`")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Why a whole batch was not kept. All but [`AppendError::TooLarge`] are for the sender to repeat.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Temporary: memory for records that are not sealed yet is used up.
    #[error("{bytes} bytes of records wait to be sealed, {bytes_max} are allowed; is the disk full or slow?")]
    Busy {
        /// What waits.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// Temporary: the disk is full.
    #[error("the disk has no room for log records")]
    Full(#[source] WalError),
    /// The log takes nothing any more.
    #[error("the log of records failed")]
    Failed(#[source] WalError),
    /// Permanent: the caller limits bodies far below.
    #[error("a batch of {bytes} bytes is too large, {bytes_max} are allowed; send it in parts")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
}

impl From<WalError> for AppendError {
    fn from(error: WalError) -> AppendError {
        match error {
            WalError::Full { .. } => AppendError::Full(error),
            _ => AppendError::Failed(error),
        }
    }
}

/// Why a record never will be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordRefusal {
    /// A bad name of an index.
    #[error("invalid index name `{name}`: {why}")]
    IndexName {
        /// It.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another index would be one too many.
    #[error("cannot make index `{name}`: there are {indices_max} already; delete some, or send to fewer")]
    TooManyIndices {
        /// It.
        name: String,
        /// The limit.
        indices_max: usize,
    },
    /// More fields than a record may have.
    #[error("the record has {fields} fields, {fields_max} are allowed")]
    TooManyFields {
        /// How many.
        fields: usize,
        /// The limit.
        fields_max: usize,
    },
    /// More field names than an index may have.
    #[error("index `{index}` would have more than {fields_max} fields; are values used as names?")]
    TooManyNames {
        /// Which.
        index: String,
        /// The limit.
        fields_max: usize,
    },
    /// More bytes than a record may have.
    #[error("the record has {bytes} bytes, {bytes_max} are allowed")]
    TooLarge {
        /// How many.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// An id that is empty or too long.
    #[error("the id has {bytes} bytes, 1 to {bytes_max} are allowed")]
    Id {
        /// How many.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
}

/// What cannot be done with an index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It exists.
    #[error("index `{0}` exists already")]
    Exists(String),
    /// It does not exist.
    #[error("there is no index `{0}`")]
    Missing(String),
    /// Its name or its number is not allowed.
    #[error(transparent)]
    Refused(#[from] RecordRefusal),
    /// A field is known as another kind.
    #[error("field `{field}` of index `{index}` is {known} and cannot become {wanted}; make another index")]
    FieldKind {
        /// The index.
        index: String,
        /// The field.
        field: String,
        /// What it is.
        known: String,
        /// What it was to become.
        wanted: String,
    },
    /// More described fields than allowed.
    #[error("index `{index}` would have {fields} described fields, {fields_max} are allowed")]
    TooManyFields {
        /// The index.
        index: String,
        /// How many.
        fields: usize,
        /// The limit.
        fields_max: usize,
    },
    /// The log.
    #[error(transparent)]
    Wal(#[from] WalError),
}

/// What opening found.
#[derive(Debug, Default)]
pub struct OpenReport {
    /// What the log had to repair.
    pub wal: Option<Recovery>,
    /// Records replayed from the log.
    pub replayed: u64,
    /// Log records that were not readable although their checksum holds.
    pub unreadable_records: u64,
    /// Files that were damaged and set aside, with the reason.
    pub quarantined: Vec<String>,
    /// Whether the list of indices was lost and made anew from the parts, without mappings.
    pub catalog_lost: bool,
}

/// Why a search has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// An index that does not exist.
    #[error("there is no index `{0}`")]
    NoIndex(String),
    /// A value that a described field cannot have.
    #[error("field `{field}` cannot be `{value}`: it holds {wanted}")]
    BadValue {
        /// The field.
        field: String,
        /// As it was given.
        value: String,
        /// What it holds.
        wanted: &'static str,
    },
    /// A regular expression that is none.
    #[error("`{pattern}` is no regular expression: {why}")]
    Pattern {
        /// It.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// A time zone that does not exist.
    #[error("there is no time zone `{0}`; use a name like Asia/Shanghai or an offset like +08:00")]
    TimeZone(String),
    /// An aggregation that cannot be computed.
    #[error("aggregation `{name}`: {why}")]
    Aggregation {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
    /// Too many clauses, or nested too deep.
    #[error(
        "the query has more than {clauses_max} clauses or is nested deeper than {depth_max}; ask for less at a time"
    )]
    TooComplex {
        /// The limit.
        clauses_max: usize,
        /// The other limit.
        depth_max: usize,
    },
    /// A page too far away.
    #[error("from + size is {wanted}, {hits_max} are allowed; page on with search_after")]
    TooManyHits {
        /// `from` and `size`.
        wanted: usize,
        /// The limit.
        hits_max: usize,
    },
    /// An answer with too many buckets.
    #[error("the answer would have more than {buckets_max} buckets; use a smaller size or a larger interval")]
    TooManyBuckets {
        /// The limit.
        buckets_max: usize,
    },
    /// A search that needs too much memory.
    #[error("the search needs more than {bytes_max} bytes of memory; narrow its time or its terms")]
    TooMuchMemory {
        /// The limit.
        bytes_max: usize,
    },
    /// The caller gave up.
    #[error("the search was cancelled")]
    Cancelled,
    /// A file cannot be read for now.
    #[error("cannot read log records")]
    Read(#[source] SealedError),
}

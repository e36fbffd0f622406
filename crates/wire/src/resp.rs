//! RESP2, the language of Redis: commands out, replies in.
//!
//! Contract: a reply is taken from the front of what has come so far, or more is asked for; nothing is allocated for
//! bytes that have only been announced. A reply has at most the caller's `bytes_max`, [`ITEMS_MAX`] items and
//! [`DEPTH_MAX`] lists in each other; what is over that, or no RESP2, is an error, and the connection is of no use then.

/// Items of all lists of one reply. Replies that we ask for have a few dozen.
pub const ITEMS_MAX: usize = 65_536;
/// Lists in lists. Replies that we ask for have three.
pub const DEPTH_MAX: usize = 8;
/// A line that is not a text's content: `-ERR …` at its longest.
const LINE_BYTES_MAX: usize = 64 << 10;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`
    Status(String),
    /// `-ERR …`
    Error(String),
    /// `:1`
    Integer(i64),
    /// `$3` and its bytes.
    Text(Vec<u8>),
    /// `$-1` or `*-1`
    Nil,
    /// `*2` and its items.
    List(Vec<Reply>),
}

impl Reply {
    /// A text or status as a string; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Option<String> {
        match self {
            Reply::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Reply::Status(text) => Some(text.clone()),
            _ => None,
        }
    }
}

/// Why bytes are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RespError {
    /// Not RESP2 at all.
    #[error("no reply of Redis begins with byte {0:#04x}")]
    Kind(u8),
    /// A number that is none, or a length below -1.
    #[error("a number or length in the reply is none")]
    Number,
    /// A line does not end in CR LF.
    #[error("a line of the reply does not end as it should")]
    LineEnd,
    /// Over the caller's limit, or a line of that length.
    #[error("the reply is longer than {0} bytes")]
    TooLong(usize),
    /// Over [`ITEMS_MAX`] or [`DEPTH_MAX`].
    #[error("the reply has more than {ITEMS_MAX} items or lists {DEPTH_MAX} deep")]
    TooMany,
}

/// A command as a client sends it.
pub fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// The first reply in `bytes` and how many of them it took; nothing when it has not come whole.
pub fn reply(bytes: &[u8], bytes_max: usize) -> Result<Option<(Reply, usize)>, RespError> {
    let mut reader = Reader { bytes, at: 0, bytes_max, items: 0 };
    match reader.reply(0) {
        Ok(reply) => Ok(Some((reply, reader.at))),
        Err(Stop::More) if bytes.len() > bytes_max => Err(RespError::TooLong(bytes_max)),
        Err(Stop::More) => Ok(None),
        Err(Stop::Wrong(error)) => Err(error),
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    bytes_max: usize,
    items: usize,
}

enum Stop {
    More,
    Wrong(RespError),
}

impl From<RespError> for Stop {
    fn from(error: RespError) -> Stop {
        Stop::Wrong(error)
    }
}

impl<'b> Reader<'b> {
    fn reply(&mut self, depth: usize) -> Result<Reply, Stop> {
        let kind = *self.bytes.get(self.at).ok_or(Stop::More)?;
        if !b"+-:$*".contains(&kind) {
            return Err(RespError::Kind(kind).into());
        }
        self.at += 1;
        let line = self.line()?;
        match kind {
            b'+' => Ok(Reply::Status(String::from_utf8_lossy(line).into_owned())),
            b'-' => Ok(Reply::Error(String::from_utf8_lossy(line).into_owned())),
            b':' => Ok(Reply::Integer(number(line)?)),
            b'$' => match self.length(line)? {
                None => Ok(Reply::Nil),
                Some(length) => self.text(length),
            },
            _ => match self.length(line)? {
                None => Ok(Reply::Nil),
                Some(length) => self.list(length, depth + 1),
            },
        }
    }

    fn line(&mut self) -> Result<&'b [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let within = &rest[..rest.len().min(LINE_BYTES_MAX)];
        let Some(end) = memchr::memchr(b'\n', within) else {
            let is_too_long = rest.len() >= LINE_BYTES_MAX;
            return Err(if is_too_long { RespError::TooLong(LINE_BYTES_MAX).into() } else { Stop::More });
        };
        let line = rest[..end].strip_suffix(b"\r").ok_or(RespError::LineEnd)?;
        self.at += end + 1;
        Ok(line)
    }

    fn length(&self, line: &[u8]) -> Result<Option<usize>, Stop> {
        let length = number(line)?;
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| RespError::Number)?;
        if length > self.bytes_max {
            return Err(RespError::TooLong(self.bytes_max).into());
        }
        Ok(Some(length))
    }

    fn text(&mut self, length: usize) -> Result<Reply, Stop> {
        let rest = &self.bytes[self.at..];
        let Some(text) = rest.get(..length + 2) else { return Err(Stop::More) };
        let text = text.strip_suffix(b"\r\n").ok_or(RespError::LineEnd)?;
        self.at += length + 2;
        Ok(Reply::Text(text.to_vec()))
    }

    fn list(&mut self, length: usize, depth: usize) -> Result<Reply, Stop> {
        self.items += length;
        if depth > DEPTH_MAX || self.items > ITEMS_MAX {
            return Err(RespError::TooMany.into());
        }
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(self.reply(depth)?);
        }
        Ok(Reply::List(items))
    }
}

fn number(line: &[u8]) -> Result<i64, RespError> {
    std::str::from_utf8(line).ok().and_then(|text| text.parse().ok()).ok_or(RespError::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &str, expected: Reply) {
        let bytes = bytes.as_bytes();
        assert_eq!(reply(bytes, 1_000), Ok(Some((expected.clone(), bytes.len()))));
        for end in 0..bytes.len() {
            assert_eq!(reply(&bytes[..end], 1_000), Ok(None), "cut at {end}");
        }
        let more = [bytes, b"+OK\r\n"].concat();
        assert_eq!(reply(&more, 1_000), Ok(Some((expected, bytes.len()))));
    }

    #[test]
    fn replies_are_read_when_they_have_come_whole() {
        check("+OK\r\n", Reply::Status("OK".to_owned()));
        check(
            "-NOAUTH Authentication required.\r\n",
            Reply::Error("NOAUTH Authentication required.".to_owned()),
        );
        check(":-42\r\n", Reply::Integer(-42));
        check("$5\r\na\r\nb\n\r\n", Reply::Text(b"a\r\nb\n".to_vec()));
        check("$0\r\n\r\n", Reply::Text(Vec::new()));
        check("$-1\r\n", Reply::Nil);
        check("*-1\r\n", Reply::Nil);
        check("*0\r\n", Reply::List(Vec::new()));
        let inner = Reply::List(vec![Reply::Integer(1), Reply::Nil]);
        check("*2\r\n*2\r\n:1\r\n$-1\r\n$1\r\nx\r\n", Reply::List(vec![inner, Reply::Text(b"x".to_vec())]));
    }

    #[track_caller]
    fn check_wrong(bytes: &[u8], expected: RespError) {
        assert_eq!(reply(bytes, 1_000), Err(expected));
    }

    #[test]
    fn what_is_no_reply_or_over_a_limit_is_an_error() {
        check_wrong(b"HTTP/1.1 400 Bad Request\r\n", RespError::Kind(b'H'));
        check_wrong(b":1x\r\n", RespError::Number);
        check_wrong(b"$-2\r\n", RespError::Number);
        check_wrong(b"+OK\n", RespError::LineEnd);
        check_wrong(b"$1\r\nabc", RespError::LineEnd);
        check_wrong(b"$1001\r\n", RespError::TooLong(1_000));
        check_wrong(&[b'+'; 1_001 + LINE_BYTES_MAX], RespError::TooLong(LINE_BYTES_MAX));
        check_wrong("*1\r\n".repeat(9).as_bytes(), RespError::TooMany);
        let wide = format!("*300\r\n{}", "*300\r\n".repeat(300));
        check_wrong(format!("{wide}{}", ":1\r\n".repeat(9)).as_bytes(), RespError::TooMany);
        // A list that is announced and does not come takes no memory, and is given up on at the limit.
        let endless = [b"*900\r\n".as_slice(), &b":1\r\n".repeat(300)].concat();
        check_wrong(&endless, RespError::TooLong(1_000));
    }

    #[test]
    fn a_command_is_a_list_of_texts() {
        assert_eq!(command(&[b"AUTH", b"", b"p w\r\n"]), b"*3\r\n$4\r\nAUTH\r\n$0\r\n\r\n$5\r\np w\r\n\r\n");
    }
}

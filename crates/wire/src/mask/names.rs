//! What names of fields say about their values.

use super::Kind;

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// Nothing: patterns are looked for.
    Nothing,
    /// It stays as it is: a serial number, or somebody said so.
    Exempt,
    /// A number of a person.
    Number(Kind),
    /// Replaced as a whole.
    Secret,
    /// Replaced by its hash, because a configuration says so.
    Private,
}

/// A name of a configuration.
#[derive(Clone, Debug)]
pub(super) enum Own {
    /// With dots: of exactly this field.
    Whole(Box<str>),
    /// Letters in lower case, without `_` and `-`, that a name's last part is or ends with.
    Tail(Box<str>),
}

impl Own {
    pub(super) fn new(name: &str) -> Own {
        if name.contains('.') { Own::Whole(name.into()) } else { Own::Tail(letters(name).into()) }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        match self {
            Own::Whole(own) => **own == *name,
            Own::Tail(tail) => name.rsplit('.').any(|part| ends_with(part, &letters(part), tail)),
        }
    }
}

/// Words, without `_`, `-` and in lower case, that a name is or ends with.
const PHONE: &[&str] = &[
    "phone",
    "mobile",
    "tel",
    "telephone",
    "phonenumber",
    "phoneno",
    "mobilenumber",
    "mobileno",
    "手机",
    "手机号",
    "手机号码",
    "电话",
    "电话号码",
];
const IDENTITY: &[&str] = &[
    "idcard",
    "idcardno",
    "idcardnumber",
    "identitycard",
    "identityno",
    "certno",
    "身份证",
    "身份证号",
    "身份证号码",
];
const CARD: &[&str] =
    &["bankcard", "bankcardno", "cardno", "cardnumber", "bankaccount", "银行卡", "银行卡号", "卡号"];
const SECRET: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "secret",
    "secretkey",
    "token",
    "authorization",
    "cookie",
    "setcookie",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "credentials",
    "密码",
    "口令",
];
const SERIAL: &[&str] = &[
    "orderno",
    "orderid",
    "ordersn",
    "ordernumber",
    "tradeno",
    "tradeid",
    "traceid",
    "spanid",
    "requestid",
    "transactionid",
    "transactionno",
    "serialno",
    "batchno",
    "paymentno",
    "paymentid",
    "refundno",
    "sessionid",
    "订单号",
    "订单编号",
    "流水号",
    "交易号",
];

/// By the last part of the name; secrets also by the objects that it stands in.
pub(super) fn named(name: &str) -> Named {
    let mut parts = name.rsplit('.');
    let last = parts.next().unwrap_or(name);
    match of_word(last) {
        Named::Nothing if parts.any(|part| of_word(part) == Named::Secret) => Named::Secret,
        named => named,
    }
}

/// Whether the word before a number says that it is a serial number.
pub(super) fn is_serial(word: &str) -> bool {
    of_word(word) == Named::Exempt
}

/// Whether the word before a text says that it is a secret.
pub(super) fn is_secret(word: &str) -> bool {
    of_word(word) == Named::Secret
}

/// Whether words may end so: the last two letters of those that are secrets.
pub(super) fn may_end_secret(end: [u8; 2]) -> bool {
    const ENDS: [&[u8; 2]; 9] = [b"rd", b"wd", b"et", b"ey", b"en", b"on", b"ie", b"al", b"ls"];
    ENDS.contains(&&end.map(|byte| byte.to_ascii_lowercase())) || !end[1].is_ascii()
}

fn of_word(word: &str) -> Named {
    let letters = letters(word);
    let ends = |words: &[&str]| words.iter().any(|tail| ends_with(word, &letters, tail));
    if ends(SERIAL) {
        Named::Exempt
    } else if ends(IDENTITY) {
        Named::Number(Kind::Identity)
    } else if ends(CARD) {
        Named::Number(Kind::Card)
    } else if ends(PHONE) {
        Named::Number(Kind::Phone)
    } else if ends(SECRET) {
        Named::Secret
    } else {
        Named::Nothing
    }
}

fn letters(word: &str) -> String {
    let mut letters: String = word.chars().filter(|letter| !matches!(letter, '_' | '-' | ' ')).collect();
    letters.make_ascii_lowercase();
    letters
}

/// Tails are compared, so that `receiverPhone` and `order_token` are what they end with; but `hotel` is no `tel`.
fn ends_with(word: &str, letters: &str, tail: &str) -> bool {
    letters.ends_with(tail) && begins_a_word(word, letters.len() - tail.len())
}

/// Whether a word of the name begins behind so many bytes of its letters: at `_` or `-`, an upper-case letter, or a
/// letter that is no ASCII.
fn begins_a_word(name: &str, letters_before: usize) -> bool {
    let mut letters = 0;
    let mut before = '_';
    for letter in name.chars() {
        let separates = matches!(letter, '_' | '-' | ' ');
        if !separates && letters == letters_before {
            return matches!(before, '_' | '-' | ' ')
                || !letter.is_ascii()
                || (letter.is_ascii_uppercase() && !before.is_ascii_uppercase());
        }
        letters += if separates { 0 } else { letter.len_utf8() };
        before = letter;
    }
    false
}

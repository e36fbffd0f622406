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

fn of_word(word: &str) -> Named {
    // Tails are compared, so that `receiverPhone` and `order_token` are what they end with; but `hotel` is no `tel`.
    let mut letters: String = word.chars().filter(|letter| !matches!(letter, '_' | '-' | ' ')).collect();
    letters.make_ascii_lowercase();
    let ends = |words: &[&str]| {
        words.iter().any(|tail| letters.ends_with(tail) && begins_a_word(word, letters.len() - tail.len()))
    };
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

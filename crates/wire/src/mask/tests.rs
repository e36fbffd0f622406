use std::sync::Arc;

use lingshao_model::log::{Case, FieldSelection, FieldTest, Join, LogBatch, LogQuery, QueryValue, Test};

use super::*;
use crate::log_json::tests::show;
use crate::log_json::{Reader, RecordContext, Settings};

fn masker() -> Masker {
    Masker::new(b"the key of a test")
}

/// What becomes of a text; hashes are written as `~k`, because their digits say nothing.
fn masked(masker: &Masker, text: &str) -> String {
    let mut out = String::new();
    if !masker.text(text, &mut out) {
        return text.to_owned();
    }
    without_hashes(&out)
}

fn without_hashes(text: &str) -> String {
    regex::Regex::new("~k[0-9a-f]{10}").unwrap().replace_all(text, "~k").into_owned()
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(masked(&masker(), text), expected, "{text}");
}

#[track_caller]
fn untouched(text: &str) {
    check(text, text);
}

#[test]
fn mobile_numbers_are_masked_wherever_they_stand() {
    check("13812345678", "138****5678~k");
    check("用户手机号13812345678已注册", "用户手机号138****5678~k已注册");
    check("phone=19912345678,next", "phone=199****5678~k,next");
    check("/api/v1/users/13812345678/orders", "/api/v1/users/138****5678~k/orders");
    check("call 138-1234-5678 or 139 1234 5678.", "call 138****5678~k or 139****5678~k.");
    check("+8613812345678 +86 13812345678 (+86)13812345678", "138****5678~k 138****5678~k 138****5678~k");
    check("8613812345678 008613812345678", "138****5678~k 138****5678~k");
    check("+86-138-1234-5678", "138****5678~k");
    check(r#"{"phone":"13812345678"}"#, r#"{"phone":"138****5678~k"}"#);
    check("a 13812345678 b 13987654321", "a 138****5678~k b 139****4321~k");
    check("id 7 13812345678 7", "id 7 138****5678~k 7");
}

#[test]
fn identity_and_bank_cards_are_masked() {
    check("身份证11010519491231002X。", "身份证110***********002X~k。");
    check("44052418800101001x", "44052418800101001x"); // Born in 1880.
    check("440524198001010013", "440***********0013~k");
    check("card 6222020200112230000 ok", "card 6222020200112230000 ok"); // The check digit is wrong.
    check("card 4111111111111111 ok", "card 4111********1111~k ok");
    check("6222 0212 0000 0000 005", "6222***********0005~k");
    check("6222 0212 0000 0000 006", "6222 0212 0000 0000 006");
    check("card 4111 1111 1111 1111.", "card 4111********1111~k.");
    check("5500-0000-0000-0004", "5500********0004~k");
}

#[test]
fn what_is_no_number_of_a_person_stays() {
    untouched("1749947400123"); // Milliseconds,
    untouched("1749947400123456"); // microseconds,
    untouched("1749947400123456789"); // nanoseconds.
    untouched("2025-06-15 08:30:00,123 - lingxian - INFO - x");
    untouched("order_no=13812345678");
    untouched("订单号：13812345678");
    untouched(r#"{"order_no": "4111111111111111"}"#);
    untouched(r#"{\"trace_id\":\"4111111111111111\"}"#);
    untouched("id=a13812345678");
    untouched("13812345678b");
    untouched("13812345678_1");
    untouched("0.13812345678");
    untouched("13812345678.50");
    untouched("138123456789");
    untouched("12812345678");
    untouched("202506151383812345678");
    untouched("trace 0f69a4d0ab57f98543313812345678cc");
    untouched("7341962482736128000"); // A snowflake,
    untouched("snowflake 4567890123456789013"); // also one that begins like a card.
    untouched("amount=1234567890.12");
    untouched("138 12345678901");
    untouched("1 3 8 1 2 3 4 5 6 7 8");
    untouched("10-13-8123-45678");
    untouched("no digits at all, but a text that is long enough to be looked at");
    untouched("支付失败: 渠道返回超时 order_no=770733880 cost=0.072s");
    untouched("138****5678~k7f3a9c2b1d");
}

#[test]
fn secrets_in_texts_are_replaced() {
    check("login user=li password=Abc!23 ok", "login user=li password=*** ok");
    check("GET /cb?access_token=eyJ.x-y&state=7", "GET /cb?access_token=***&state=7");
    check("pwd='a b', next", "pwd='***', next");
    check("password = hunter2", "password = ***");
    check(r#"body {"password": "x y", "n": 1}"#, r#"body {"password": "***", "n": 1}"#);
    check(r#"body {\"token\":\"x\",\"n\":1}"#, r#"body {\"token\":\"***\",\"n\":1}"#);
    check("{'api_key': 'k', 'secretKey': None}", "{'api_key': '***', 'secretKey': None}");
    check("Authorization: Bearer abc.def, x", "Authorization: ***, x");
    check("authorization=Basic dXNlcjpw", "authorization=***");
    check("Cookie: sid=1; theme=dark\nHost: x", "Cookie: ***\nHost: x");
    check("密码：hunter2，重试", "密码：***，重试");
    check("password: hunter2 for 13812345678", "password: *** for 138****5678~k");
    check("password=13812345678 phone=13812345678", "password=*** phone=138****5678~k");
    untouched("invalid token: expired");
    untouched("密码：错误");
    untouched("tokens=5 max_tokens: 7");
    untouched("password= next token=null secret=***");
    untouched("https://shop.example/a?b=c: d");
    untouched("duration=7ms region=cn");
}

#[test]
fn what_is_switched_off_stays() {
    let text = "13812345678 440524198001010013 4111111111111111 password=x";
    let off = |pattern| masked(&masker().without([pattern]), text);
    let all = "138****5678~k 440***********0013~k 4111********1111~k password=***";
    assert_eq!(masked(&masker(), text), all);
    assert_eq!(off(Pattern::Phones), all.replace("138****5678~k", "13812345678"));
    assert_eq!(off(Pattern::IdCards), all.replace("440***********0013~k", "440524198001010013"));
    assert_eq!(off(Pattern::BankCards), all.replace("4111********1111~k", "4111111111111111"));
    assert_eq!(off(Pattern::Secrets), all.replace("=***", "=x"));
    let named = |pattern, name: &str| masker().without([pattern]).named(name);
    assert_eq!(named(Pattern::Phones, "phone"), Named::Nothing);
    assert_eq!(named(Pattern::Secrets, "user.password"), Named::Nothing);
    assert_eq!(named(Pattern::Secrets, "phone"), Named::Number(Kind::Phone));
}

#[test]
fn fields_of_a_configuration_are_kept_as_hashes_and_found_by_their_whole_value() {
    let masker = masker().with_fields(["real_name", "ship.to"]).with_exempt(["log.realName"]);
    let settings = Settings { masker: Some(masker.clone()), ..Settings::default() };
    let mut batch = LogBatch::default();
    let json = r#"{"realName":"张三","user":{"real-name":7,"unreal":"x"},"ship":{"to":"上海","from":"x"},"log":{"realName":"y"},"nulls":{"real_name":null}}"#;
    Reader::new(Arc::new(settings)).record(json, &RecordContext::new("shop"), &mut batch).unwrap();
    let expected = r#"realName="***~k" user.real-name="***~k" user.unreal="x" ship.to="***~k" ship.from="x" log.realName="y" nulls.real_name=null"#;
    assert_eq!(without_hashes(&show(batch.record(0))), expected);
    let LogValue::Text(kept) = batch.record(0).fields().next().unwrap().value else { panic!("a text") };
    let is = |text: &str| Test::Is { value: QueryValue::new(text), case: Case::Exact };
    let field = FieldSelection::One("realName".to_owned());
    let any = Test::IsAny { values: vec![QueryValue::new(kept)], case: Case::Fold };
    let asked = asks(field.clone(), is("张三"));
    assert_eq!(masker.query(asked.clone()), LogQuery::Or(vec![asked, asks(field, any)]));
}

#[test]
fn mail_addresses_are_masked_on_demand() {
    let text = "to Zhang.San+x@example.com, and @home a@b";
    assert_eq!(masked(&masker(), text), text);
    assert_eq!(masked(&masker().with_mails(), text), "to Z***@example.com~k, and @home a@b");
}

#[test]
fn one_number_has_one_hash_under_one_key() {
    let hash = |masker: &Masker, text: &str| {
        let mut out = String::new();
        assert!(masker.text(text, &mut out));
        out
    };
    let plain = hash(&masker(), "13812345678");
    assert_eq!(plain.len(), "138****5678~k7f3a9c2b1d".len());
    assert_eq!(hash(&masker(), "+86 138-1234-5678"), plain);
    assert_ne!(hash(&masker(), "13812345679")[12..], plain[12..]);
    assert_ne!(hash(&Masker::new(b"another key"), "13812345678"), plain);
}

/// A record that was masked, without its hashes.
#[track_caller]
fn check_record(json: &str, expected: &str) {
    let masker = masker().with_exempt(["shop.phone"]);
    let settings = Settings { masker: Some(masker), ..Settings::default() };
    let mut batch = LogBatch::default();
    let context = RecordContext::new("shop");
    Reader::new(Arc::new(settings)).record(json, &context, &mut batch).unwrap();
    assert_eq!(without_hashes(&show(batch.record(0))), expected, "{json}");
}

#[test]
fn fields_are_masked_by_their_names() {
    check_record(
        r#"{"phone":13812345678,"mobile":"010-65551234"}"#,
        r#"phone="138****5678~k" mobile="010****1234~k""#,
    );
    check_record(
        r#"{"receiverPhone":"+8613812345678","hotel":"65551234"}"#,
        r#"receiverPhone="138****5678~k" hotel="65551234""#,
    );
    check_record(
        r#"{"user":{"id_card":"110105491231002"},"cardNo":"6222020200112230"}"#,
        r#"user.id_card="110********1002~k" cardNo="6222********2230~k""#,
    );
    check_record(r#"{"手机号":"13812345678","tel":"无"}"#, r#"手机号="138****5678~k" tel="无""#);
    check_record(
        r#"{"password":"x","Authorization":"Bearer y","token":7,"cookie":{"a":"b"},"secret":null,"pwd":""}"#,
        r#"password="***" Authorization="***" token="***" cookie.a="***" secret=null pwd="""#,
    );
    check_record(
        r#"{"access_token":"x","max_tokens":7,"tokens":5}"#,
        r#"access_token="***" max_tokens=7 tokens=5"#,
    );
    check_record(
        r#"{"order_no":"13812345678","trace_id":"4111111111111111"}"#,
        r#"order_no="13812345678" trace_id="4111111111111111""#,
    );
    check_record(
        r#"{"shop":{"phone":"13812345678"},"amount":13812345678}"#,
        r#"shop.phone="13812345678" amount=13812345678"#,
    );
}

#[test]
fn what_is_masked_is_masked_everywhere_in_the_record() {
    check_record(
        r#"{"items":[{"phone":13812345678,"n":1}],"password":"x\"y","path":"/u/13812345678"}"#,
        r#"items.phone[]="138****5678~k" items.n[]=1 password="***" path="/u/138****5678~k" source {"items":[{"phone":"138****5678~k","n":1}],"password":"***","path":"/u/138****5678~k"}"#,
    );
    check_record(
        r#"{"message":"Response to 13912345678: {\"phone\":13812345678,\"password\":\"x\"}"}"#,
        r#"message="Response to 139****5678~k: {\"phone\":\"138****5678~k\",\"password\":\"***\"}" phone="138****5678~k" password="***""#,
    );
    check_record(
        r#"{"a":[],"message":"{\"password\":\"x\",\"a\":{\"token\":\"y\"}}"}"#,
        r#"message="{\"password\":\"***\",\"a\":{\"token\":\"***\"}}" password="***" source {"a":[],"message":"{\"password\":\"***\",\"a\":{\"token\":\"***\"}}"}"#,
    );
    let many: String = (0..1000).map(|number| format!("\"f{number}\":1,")).collect();
    let json = format!("{{{many}\"password\":\"x\",\"o\":{{\"token\":[\"y\"]}}}}");
    let mut batch = LogBatch::default();
    let settings = Settings { masker: Some(masker()), ..Settings::default() };
    let context = RecordContext::new("shop");
    Reader::new(Arc::new(settings)).record(&json, &context, &mut batch).unwrap();
    assert!(
        batch.record(0).source().unwrap().ends_with(r#""f999":1,"password":"***","o":{"token":["***"]}}"#)
    );
}

fn asks(fields: FieldSelection, test: Test) -> LogQuery {
    LogQuery::Field(Box::new(FieldTest { fields, test, lenient: true }))
}

#[test]
fn questions_for_numbers_ask_for_their_masked_form_too() {
    let masker = masker();
    let mut whole = String::new();
    masker.text("13812345678", &mut whole);
    let hash = whole.split_once('~').unwrap().1.to_owned();
    let field = || FieldSelection::One("phone".to_owned());
    let words = |text: &str| Test::Words {
        value: QueryValue::new(text),
        join: Join::Any,
        prefix_last: false,
        wordless: false,
        case: Case::Fold,
    };
    let any =
        || Test::IsAny { values: vec![QueryValue::new(&whole), QueryValue::new(&hash)], case: Case::Fold };
    for test in [
        Test::Is { value: QueryValue::new("138-1234-5678"), case: Case::Exact },
        Test::Prefix { text: "13812345678".to_owned(), case: Case::Exact },
        Test::Wildcard { pattern: "*13812345678*".to_owned(), case: Case::Exact },
    ] {
        let query = LogQuery::Not(Box::new(asks(field(), test.clone())));
        let expected = LogQuery::Or(vec![asks(field(), test), asks(field(), any())]);
        assert_eq!(masker.query(query), LogQuery::Not(Box::new(expected)));
    }
    assert_eq!(
        masker.query(asks(FieldSelection::Any, words("支付 13812345678 失败"))),
        LogQuery::Or(vec![
            asks(FieldSelection::Any, words("支付 13812345678 失败")),
            asks(FieldSelection::Any, words(&format!("支付  {hash}  失败"))),
        ])
    );
    for text in ["1381234", "支付失败", "1749947400123"] {
        let query = LogQuery::And(vec![asks(FieldSelection::Any, words(text))]);
        assert_eq!(masker.query(query.clone()), query);
    }
    let serial = asks(FieldSelection::One("order_no".to_owned()), words("13812345678"));
    assert_eq!(masker.query(serial.clone()), serial);
}

use std::time::SystemTime;

use serde_json::json;

use super::{at, post, recorded, told};
use crate::fakes::http::{Request, Service};
use crate::fakes::{Dingtalk, FakeDingtalk, FakeWechat, FakeWecom, Feishu, Wecom};

const WECOM: &str = "/cgi-bin/webhook/send?key=693a91f6-7c0f-4bc4-97a0-0ec25fa5aaa7";
/// When the recording was made.
const RECORDED: u64 = 1_795_403_390;

#[track_caller]
fn wecom(target: &str, body: &str, expected: i64) {
    let mut service = Wecom::new();
    let reply = service.answer(&post(target, body), at(1_000));
    assert_eq!(told(&reply, "/errcode"), (200, expected.to_string()), "{body}");
    assert_eq!(reply.taken, expected == 0);
}

fn text(kind: &str, content: &str) -> String {
    json!({"msgtype": kind, kind: {"content": content}}).to_string()
}

#[test]
fn wecom_counts_bytes_of_utf_8() {
    wecom(WECOM, &text("text", &"a".repeat(2_048)), 0);
    wecom(WECOM, &text("text", &"a".repeat(2_049)), 40_058);
    wecom(WECOM, &text("text", &"灵".repeat(682)), 0); // 2,046 bytes
    wecom(WECOM, &text("text", &"灵".repeat(683)), 40_058);
    wecom(WECOM, &text("markdown", &"灵".repeat(1_365)), 0);
    wecom(WECOM, &text("markdown", &"灵".repeat(1_366)), 40_058);
    wecom(WECOM, &text("markdown_v2", &"a".repeat(4_097)), 40_058);
}

#[test]
fn wecom_refuses_what_it_does_not_understand() {
    wecom("/cgi-bin/webhook/send?key=other", &text("text", "x"), 93_000);
    wecom("/cgi-bin/webhook/send", &text("text", "x"), 93_000);
    wecom("/other?key=x", &text("text", "x"), 40_063);
    wecom(WECOM, &text("text", ""), 44_004);
    wecom(WECOM, &text("carrier-pigeon", "x"), 40_008);
    wecom(WECOM, "{", 47_001);
    wecom(
        WECOM,
        r#"{"msgtype":"text","text":{"content":"x","mentioned_mobile_list":[13800000000]}}"#,
        40_058,
    );
    let mut untyped = post(WECOM, &text("text", "x"));
    untyped.headers.clear();
    assert_eq!(told(&Wecom::new().answer(&untyped, at(0)), "/errcode").1, "47001");
    let get = Request { method: "GET".to_owned(), ..post(WECOM, "") };
    assert_eq!(told(&Wecom::new().answer(&get, at(0)), "/errcode").1, "43002");
}

#[test]
fn wecom_takes_twenty_a_minute() {
    let mut service = Wecom::new();
    let mut send = |second: u64| {
        let reply = service.answer(&post(WECOM, &text("text", "x")), at(second));
        told(&reply, "/errcode").1
    };
    assert!((0..20).all(|second| send(second) == "0"));
    assert_eq!(send(20), "45009");
    assert_eq!(send(59), "45009");
    assert_eq!(send(60), "0"); // The first one is a minute old.
    assert_eq!(send(60), "45009");
}

#[track_caller]
fn dingtalk(request: &Request, now: SystemTime, expected: i64) {
    let reply = Dingtalk::new(true).answer(request, now);
    assert_eq!(told(&reply, "/errcode"), (200, expected.to_string()), "{}", reply.body);
}

#[test]
fn dingtalk_takes_what_dingtalkchatbot_signed() {
    // PyPI DingtalkChatbot 1.5.7.
    let request = recorded(include_str!("../../../testdata/dingtalk_sdk.http"));
    dingtalk(&request, at(RECORDED), 0);
    dingtalk(&request, at(RECORDED + 3_600), 310_000); // The hour is over.
    dingtalk(&request, at(RECORDED - 3_601), 310_000);
    let forged = Request { target: request.target.replace("sign=P7", "sign=Q7"), ..request.clone() };
    dingtalk(&forged, at(RECORDED), 310_000);
    let unsigned = request.target.split('&').next().unwrap().to_owned();
    dingtalk(&Request { target: unsigned.clone(), ..request.clone() }, at(RECORDED), 310_000);
    let reply = Dingtalk::new(false).answer(&Request { target: unsigned, ..request.clone() }, at(RECORDED));
    assert!(reply.taken);
    let other = Request { target: request.target.replace("token=566", "token=567"), ..request.clone() };
    dingtalk(&other, at(RECORDED), 300_001);
    let long = json!({"msgtype": "text", "text": {"content": "灵".repeat(6_660)}}).to_string();
    dingtalk(&Request { body: long.into_bytes(), ..request.clone() }, at(RECORDED), 460_101);
    let no_title = json!({"msgtype": "markdown", "markdown": {"text": "x"}}).to_string();
    dingtalk(&Request { body: no_title.into_bytes(), ..request }, at(RECORDED), 40_035);
}

#[test]
fn dingtalk_blocks_for_ten_minutes() {
    let mut service = Dingtalk::new(false);
    let target = format!("/robot/send?access_token={}", FakeDingtalk::token());
    let mut send = |second: u64| {
        let body = json!({"msgtype": "text", "text": {"content": "x"}}).to_string();
        told(&service.answer(&post(&target, &body), at(second)), "/errcode").1
    };
    assert!((0..20).all(|second| send(second) == "0"));
    assert_eq!(send(20), "130101");
    assert_eq!(send(100), "130101");
    assert_eq!(send(619), "130101");
    assert_eq!(send(620), "0");
}

#[test]
fn feishu_checks_the_signature_in_the_body() {
    // Computed with Python's hmac after the vendor's sample: the key is the text, the message is empty.
    let sign = "pIqO/cUDqjy3p85ObItXRYyy0Xz7bsaiOipu6f+2+sE=";
    let send = |timestamp: serde_json::Value, sign: &str, now: u64| {
        let content = json!({"text": "x"});
        let body = json!({"timestamp": timestamp, "sign": sign, "msg_type": "text", "content": content});
        let target = "/open-apis/bot/v2/hook/9f2c1b7e-4a6d-4c8e-b1f3-2d7a5e8c0b94";
        told(&Feishu::new(true).answer(&post(target, &body.to_string()), at(now)), "/code").1
    };
    assert_eq!(send(json!("1795403389"), sign, RECORDED), "0");
    assert_eq!(send(json!(1_795_403_389), sign, RECORDED), "0");
    assert_eq!(send(json!("1795403388"), sign, RECORDED), "19021");
    assert_eq!(send(json!("1795403389"), sign, RECORDED + 3_600), "19021");
    assert_eq!(send(json!("1795403389"), "", RECORDED), "19021");
}

#[test]
fn feishu_limits_bytes_seconds_and_minutes() {
    let send = |service: &mut Feishu, text: &str, now: u64| {
        let body = json!({"msg_type": "text", "content": {"text": text}}).to_string();
        let target = "/open-apis/bot/v2/hook/9f2c1b7e-4a6d-4c8e-b1f3-2d7a5e8c0b94";
        told(&service.answer(&post(target, &body), at(now)), "/code").1
    };
    assert_eq!(send(&mut Feishu::new(false), &"灵".repeat(6_830), 0), "9499"); // 20 KiB with the rest
    let mut service = Feishu::new(false);
    assert!((0..5).all(|_| send(&mut service, "x", 0) == "0"));
    assert_eq!(send(&mut service, "x", 0), "11232");
    let mut service = Feishu::new(false);
    assert!((0..100).all(|at| send(&mut service, "x", at / 4) == "0"));
    assert_eq!(send(&mut service, "x", 30), "11232");
    assert_eq!(send(&mut service, "", 61), "9499");
}

#[test]
fn a_wecom_application_demands_a_fresh_token() {
    let fake = FakeWechat::start().unwrap();
    let send = |token: &str| {
        let body = json!({"touser": "@all", "agentid": "1", "msgtype": "text", "text": {"content": "x"}});
        let target = format!("/cgi-bin/message/send?access_token={token}");
        fake.service(|service| told(&service.answer(&post(&target, &body.to_string()), at(0)), "/errcode").1)
    };
    let token = |secret: &str| {
        let target = format!("/cgi-bin/gettoken?corpid={}&corpsecret={secret}", FakeWechat::corp_id());
        fake.service(|service| told(&service.answer(&post(&target, ""), at(0)), "/access_token").1)
    };
    assert_eq!(send("token-1"), "42001");
    assert_eq!(token("wrong"), "");
    assert_eq!(token(FakeWechat::secret()), "\"token-1\"");
    assert_eq!(send("token-1"), "0");
    fake.expire_token();
    assert_eq!(send("token-1"), "42001");
}

#[test]
fn the_secret_is_in_the_url() {
    let fake = FakeWecom::start().unwrap();
    assert_eq!(
        fake.url(),
        format!("http://{}/cgi-bin/webhook/send?key={}", fake.address(), FakeWecom::key())
    );
}

"""What the vendors' SDKs make of cases.json: printed as JSON, the content of expected.json."""

import json
import pathlib
import sys
import time
from base64 import b64encode
from types import SimpleNamespace
from unittest import mock
from urllib.parse import urlparse

from alibabacloud_openapi_util.client import Client as AliyunUtil
from alibabacloud_openapi_util.client import get_canonical_query_string
from dingtalkchatbot.chatbot import DingtalkChatbot
from tencentcloud.common import abstract_client, credential
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111 import models
from tencentcloud.sms.v20210111.sms_client import SmsClient
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3 import utils as wechatpay


DUMPS = json.dumps


def compact(value):
    """JSON as we write it: sorted, without blanks, in UTF-8."""
    return DUMPS(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def aliyun(case):
    body_hash = AliyunUtil.hex_encode(AliyunUtil.hash(b"", "ACS3-HMAC-SHA256"))
    headers = {
        "host": urlparse(case["endpoint"]).netloc,
        "x-acs-version": "2017-05-25",
        "x-acs-action": "SendSms",
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(case["millis"] // 1000)),
        "x-acs-signature-nonce": case["nonce"],
        "x-acs-content-sha256": body_hash,
    }
    query = {
        "PhoneNumbers": ",".join(case["numbers"]),
        "SignName": case["sign_name"],
        "TemplateCode": case["template_id"],
        "TemplateParam": compact(dict(case["parameters"])),
        "OutId": case["out_id"],
    }
    request = SimpleNamespace(method="POST", pathname="/", query=query, headers=headers)
    authorization = AliyunUtil.get_authorization(
        request, "ACS3-HMAC-SHA256", body_hash, case["key_id"], case["key_secret"]
    )
    return {"query": get_canonical_query_string(query), "authorization": authorization}


def tencent(case):
    profile = ClientProfile(httpProfile=HttpProfile(endpoint=urlparse(case["endpoint"]).netloc))
    client = SmsClient(credential.Credential(case["key_id"], case["key_secret"]), case["region"], profile)
    model = models.SendSmsRequest()
    model.PhoneNumberSet = case["numbers"]
    model.SmsSdkAppId = case["sdk_app_id"]
    model.TemplateId = case["template_id"]
    model.SignName = case["sign_name"]
    model.TemplateParamSet = case["parameters"]
    model.SessionContext = case["context"]
    request = RequestInternal(profile.httpProfile.endpoint, "POST", "/")
    seconds = case["millis"] // 1000
    with mock.patch.object(abstract_client.time, "time", return_value=seconds), mock.patch.object(
        abstract_client.json, "dumps", compact
    ):
        client._build_req_inter("SendSms", model._serialize(), request)
    sent = {name.lower(): value for name, value in request.header.items()}
    names = ["authorization", "content-type", "x-tc-action", "x-tc-region", "x-tc-timestamp", "x-tc-version"]
    body = request.data if isinstance(request.data, str) else request.data.decode("utf-8")
    return {"body": body, "headers": {name: sent[name] for name in names}}


def dingtalk(case):
    with mock.patch("time.time", return_value=case["millis"] / 1000):
        return {"url": DingtalkChatbot(case["url"], secret=case["secret"]).webhook}


KEYS = pathlib.Path(__file__).parents[2] / "src" / "wechatpay" / "testdata"
PLATFORM_KEY = load_pem_private_key((KEYS / "platform.key.pem").read_bytes(), None)
PUBLIC_KEY_ID = "PUB_KEY_ID_0119000001092025"
API_KEY = "0123456789abcdef0123456789ABCDEF"


def wechatpay_client(mchid="1900000109", serial="0A"):
    """The SDK with our keys: what it answers to is signed by PLATFORM_KEY."""
    return WeChatPay(
        wechatpay_type=WeChatPayType.JSAPI,
        mchid=mchid,
        private_key=(KEYS / "merchant.key.pem").read_text(),
        cert_serial_no=serial,
        apiv3_key=API_KEY,
        appid="wx1",
        notify_url="https://shop.test/notify",
        public_key=(KEYS / "platform.public.pem").read_text(),
        public_key_id=PUBLIC_KEY_ID,
    )


def wechatpay_request(case):
    """What the SDK's own calls send: method, address, headers, body."""
    client = wechatpay_client(case["mchid"], case["serial"])
    calls = {
        "query": lambda: client.query(out_trade_no=case["order"]),
        "close": lambda: client.close(out_trade_no=case["order"]),
        "query_refund": lambda: client.query_refund(out_refund_no=case["number"]),
    }
    answer = SimpleNamespace(status_code=500, headers={}, text="", content=b"")
    with mock.patch.object(wechatpay.time, "time", return_value=case["seconds"]), mock.patch.object(
        wechatpay.uuid, "uuid4", return_value="a-1"
    ), mock.patch("requests.get", return_value=answer) as get, mock.patch("requests.post", return_value=answer) as post:
        calls[case["call"]]()
    method, sent = ("GET", get) if get.called else ("POST", post)
    headers = sent.call_args.kwargs["headers"]
    body = sent.call_args.kwargs.get("json")
    return {
        "method": method,
        "url": sent.call_args.kwargs["url"],
        "body": json.loads(json.dumps(body)) if body else None,
        "wechatpay-serial": headers["Wechatpay-Serial"],
        "authorization": headers["Authorization"],
    }


def wechatpay_authorization(case):
    key = wechatpay.load_private_key((KEYS / "merchant.key.pem").read_text())
    with mock.patch.object(wechatpay.time, "time", return_value=case["seconds"]):
        header = wechatpay.build_authorization(
            case["path"], case["method"], case["mchid"], case["serial"], key, case["body"], case["nonce"]
        )
    return {"authorization": header}


def signed(case, body):
    """Headers as WeChat Pay sends them, signed by `cryptography`."""
    message = f"{case['seconds']}\n{case['nonce']}\n{body}\n".encode("utf-8")
    return {
        "Wechatpay-Serial": PUBLIC_KEY_ID,
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        "Wechatpay-Timestamp": str(case["seconds"]),
        "Wechatpay-Nonce": case["nonce"],
        "Wechatpay-Signature": b64encode(PLATFORM_KEY.sign(message, padding.PKCS1v15(), SHA256())).decode("ascii"),
    }


def wechatpay_answer(case):
    headers = signed(case, case["body"])
    assert wechatpay_client()._core._verify_signature(headers, case["body"])
    return {"signature": headers["Wechatpay-Signature"]}


def wechatpay_notice(case):
    """A callback sealed and signed by `cryptography`, which the SDK opens."""
    content, associated = case["content"].encode("utf-8"), case["associated_data"].encode("utf-8")
    sealed = AESGCM(API_KEY.encode("utf-8")).encrypt(case["seal_nonce"].encode("utf-8"), content, associated)
    resource = {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": b64encode(sealed).decode("ascii"),
        "nonce": case["seal_nonce"],
        "associated_data": case["associated_data"],
    }
    body = compact({"id": "EV-1", "event_type": case["event"], "resource_type": "encrypt-resource", "resource": resource})
    headers = signed(case, body)
    opened = wechatpay_client().callback(headers, body)
    assert opened["resource"] == json.loads(case["content"])
    return {"body": body, "ciphertext": resource["ciphertext"], "signature": headers["Wechatpay-Signature"]}


CASES = json.loads((pathlib.Path(__file__).parent / "cases.json").read_text(encoding="utf-8"))
ANSWERS = {
    "aliyun": [aliyun(case) for case in CASES["aliyun"]],
    "tencent": [tencent(case) for case in CASES["tencent"]],
    "dingtalk": [dingtalk(case) for case in CASES["dingtalk"]],
    "wechatpay_request": [wechatpay_request(case) for case in CASES["wechatpay_request"]],
    "wechatpay_authorization": [wechatpay_authorization(case) for case in CASES["wechatpay_authorization"]],
    "wechatpay_answer": [wechatpay_answer(case) for case in CASES["wechatpay_answer"]],
    "wechatpay_notice": [wechatpay_notice(case) for case in CASES["wechatpay_notice"]],
}
json.dump(ANSWERS, sys.stdout, ensure_ascii=False, indent=2, sort_keys=True)
sys.stdout.write("\n")

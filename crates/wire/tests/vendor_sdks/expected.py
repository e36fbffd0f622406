"""What the vendors' SDKs make of cases.json: printed as JSON, the content of expected.json."""

import json
import pathlib
import sys
import time
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


CASES = json.loads((pathlib.Path(__file__).parent / "cases.json").read_text(encoding="utf-8"))
ANSWERS = {
    "aliyun": [aliyun(case) for case in CASES["aliyun"]],
    "tencent": [tencent(case) for case in CASES["tencent"]],
    "dingtalk": [dingtalk(case) for case in CASES["dingtalk"]],
}
json.dump(ANSWERS, sys.stdout, ensure_ascii=False, indent=2, sort_keys=True)
sys.stdout.write("\n")

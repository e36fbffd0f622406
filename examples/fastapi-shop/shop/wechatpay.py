"""WeChat Pay, API v3, as far as a shop needs it that leaves closing and refunds to Lingshao: prepay, and the callback."""

import base64
import json
import os
import secrets
import time
from pathlib import Path

import httpx
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import settings

SCHEME = "WECHATPAY2-SHA256-RSA2048"
# Older callbacks are somebody's recording.
NOTICE_AGE_MAX = 300


class Refused(Exception):
    """The provider did not take it, or did not answer."""


class Untrue(Exception):
    """A callback that is not the provider's."""


class WechatPay:
    def __init__(self):
        folder = Path(settings.WECHATPAY_KEYS)
        self.key = serialization.load_pem_private_key((folder / "apiclient_key.pem").read_bytes(), None)
        self.platform = serialization.load_pem_public_key((folder / "pub_key.pem").read_bytes())
        self.cipher = AESGCM((folder / "api_v3.key").read_text().strip().encode())
        self.client = httpx.AsyncClient(base_url=settings.WECHATPAY_ENDPOINT, timeout=5)

    async def prepay(self, order_sn: str, fen: int, about: str) -> str:
        """Opens a payment under the order's number, again and again if need be; the answer is what the customer scans."""
        path = "/v3/pay/transactions/native"
        body = json.dumps({
            "appid": settings.WECHATPAY_APPID, "mchid": settings.WECHATPAY_MCHID, "description": about,
            "out_trade_no": order_sn, "notify_url": settings.WECHATPAY_NOTIFY_URL,
            "amount": {"total": fen, "currency": "CNY"},
        }, ensure_ascii=False)
        headers = {
            "Authorization": self.authorization("POST", path, body), "Accept": "application/json",
            "Content-Type": "application/json", "User-Agent": "lingxian/1.0",
        }
        try:
            answer = await self.client.post(path, content=body.encode(), headers=headers)
        except httpx.HTTPError as error:
            raise Refused(f"no answer: {type(error).__name__}") from error
        if answer.status_code != 200:
            raise Refused(f"{answer.status_code} {answer.text[:200]}")
        return answer.json()["code_url"]

    def authorization(self, method: str, path: str, body: str) -> str:
        at, nonce = int(time.time()), secrets.token_hex(16)
        text = f"{method}\n{path}\n{at}\n{nonce}\n{body}\n".encode()
        signature = base64.b64encode(self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
        return (
            f'{SCHEME} mchid="{settings.WECHATPAY_MCHID}",nonce_str="{nonce}",signature="{signature}",'
            f'timestamp="{at}",serial_no="{settings.WECHATPAY_SERIAL}"'
        )

    def open_notice(self, headers, body: bytes) -> dict:
        """What a callback says, once it is known to be the provider's."""
        at, nonce = headers.get("wechatpay-timestamp", ""), headers.get("wechatpay-nonce", "")
        try:
            if NOTICE_AGE_MAX < abs(time.time() - int(at)):
                raise Untrue("too old")
            signature = base64.b64decode(headers.get("wechatpay-signature", ""))
            text = f"{at}\n{nonce}\n".encode() + body + b"\n"
            self.platform.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
            sealed = json.loads(body)["resource"]
            aad = sealed.get("associated_data", "").encode()
            return json.loads(self.cipher.decrypt(sealed["nonce"].encode(), base64.b64decode(sealed["ciphertext"]), aad))
        except (InvalidSignature, InvalidTag, ValueError, KeyError) as error:
            raise Untrue(type(error).__name__) from error

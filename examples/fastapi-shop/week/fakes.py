"""Outside services on loopback ports: WeChat Pay, a WeCom robot, Aliyun's short messages, a mail server.

Each message that somebody would have read is a line of `told.jsonl`; WeChat Pay's books and its outage are under `/control`.
"""

import asyncio
import base64
import email
import email.policy
import json
import secrets
import sys
import time
import urllib.parse
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import FastAPI, Request, Response

MCHID, SERIAL = "1900000109", "3775B6A45ACD588826D15E583A95F5DD00000001"
PUBLIC_KEY_ID = "PUB_KEY_ID_0119000001092026030300000001"
API_V3_KEY = "Dem0OnlyDem0OnlyDem0OnlyDem0Only"
WECOM_PATH = "/cgi-bin/webhook/send?key=693a91f6-7c0f-4bc4-97a0-0ec25fa5aaa7"
NOTICE_TRIES, NOTICE_PAUSE = 8, 2.0


def make_keys(folder: Path):
    """The merchant's and the platform's keys, as the merchant downloads them, and the platform's own beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    for private, public in (("apiclient_key.pem", "merchant_pub.pem"), ("platform_key.pem", "pub_key.pem")):
        key = rsa.generate_private_key(65537, 2048)
        (folder / private).write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
        (folder / public).write_bytes(
            key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    (folder / "api_v3.key").write_text(API_V3_KEY)


class Told:
    def __init__(self, file: Path):
        self.file = file.open("a", buffering=1)

    def add(self, channel: str, text: str, **more):
        self.file.write(json.dumps({"at": time.time(), "channel": channel, "text": text, **more}, ensure_ascii=False) + "\n")


class WechatPay:
    def __init__(self, keys: Path):
        self.outage, self.lost_notices = False, 0
        self.file = keys.parent / "books.json"
        books = json.loads(self.file.read_text()) if self.file.exists() else {"trades": {}, "refunds": {}}
        self.trades, self.refunds = books["trades"], books["refunds"]
        self.merchant = serialization.load_pem_public_key((keys / "merchant_pub.pem").read_bytes())
        self.key = serialization.load_pem_private_key((keys / "platform_key.pem").read_bytes(), None)
        self.client = httpx.AsyncClient(timeout=5)
        self.waiting: set[asyncio.Task] = set()

    def keep(self):
        """A provider forgets no payment because it was restarted."""
        self.file.write_text(json.dumps({"trades": self.trades, "refunds": self.refunds}))

    def headers(self, body: str) -> dict:
        at, nonce = str(int(time.time())), secrets.token_hex(16)
        text = f"{at}\n{nonce}\n{body}\n".encode()
        signature = self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        return {
            "Request-ID": secrets.token_hex(16), "Wechatpay-Timestamp": at, "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": PUBLIC_KEY_ID, "Wechatpay-Signature": base64.b64encode(signature).decode(),
            "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048", "Content-Type": "application/json",
        }

    def answer(self, status: int, content: dict | None) -> Response:
        body = "" if content is None else json.dumps(content, ensure_ascii=False)
        return Response(body, status, self.headers(body))

    def is_signed(self, request: Request, body: bytes) -> bool:
        fields = dict(
            part.split("=", 1) for part in request.headers.get("authorization", "x ").split(" ", 1)[1].split(",") if "=" in part)
        fields = {name.strip(): value.strip('"') for name, value in fields.items()}
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        text = f"{request.method}\n{target}\n{fields.get('timestamp')}\n{fields.get('nonce_str')}\n".encode() + body + b"\n"
        try:
            self.merchant.verify(base64.b64decode(fields.get("signature", "")), text, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return fields.get("mchid") == MCHID and fields.get("serial_no") == SERIAL

    async def judge(self, request: Request) -> Response:
        body = await request.body()
        if not self.is_signed(request, body):
            return Response('{"code":"SIGN_ERROR","message":"签名错误"}', 401)
        if self.outage:
            return self.answer(500, {"code": "SYSTEM_ERROR", "message": "系统异常，请稍后重试"})
        path, said = request.url.path, json.loads(body) if body else {}
        if path == "/v3/pay/transactions/native":
            return self.prepay(said)
        if path.startswith("/v3/pay/transactions/out-trade-no/"):
            order = path.removeprefix("/v3/pay/transactions/out-trade-no/")
            return self.close(order.removesuffix("/close")) if order.endswith("/close") else self.query(order)
        if path == "/v3/refund/domestic/refunds":
            return self.refund(said)
        refund = self.refunds.get(path.removeprefix("/v3/refund/domestic/refunds/"))
        if refund is None:
            return self.answer(404, {"code": "RESOURCE_NOT_EXISTS", "message": "退款单不存在"})
        return self.answer(200, self.refund_page(refund))

    def prepay(self, said: dict) -> Response:
        number, fen = said["out_trade_no"], said["amount"]["total"]
        trade = self.trades.setdefault(number, {"state": "NOTPAY", "fen": fen, "notify": said["notify_url"]})
        if trade["state"] != "NOTPAY":
            return self.answer(400, {"code": "ORDER_CLOSED" if trade["state"] == "CLOSED" else "ORDERPAID", "message": "订单已关闭"})
        return self.answer(200, {"code_url": f"weixin://wxpay/bizpayurl?pr={number}"})

    def query(self, order: str) -> Response:
        trade = self.trades.get(order)
        if trade is None:
            return self.answer(404, {"code": "ORDER_NOT_EXIST", "message": "订单不存在"})
        given = any(refund["order"] == order for refund in self.refunds.values())
        state = "REFUND" if given else trade["state"]
        page = {"mchid": MCHID, "out_trade_no": order, "trade_state": state, "trade_state_desc": state}
        if "transaction" in trade:
            page |= {"transaction_id": trade["transaction"], "trade_type": "NATIVE", "amount": money(trade["fen"])}
        return self.answer(200, page)

    def close(self, order: str) -> Response:
        trade = self.trades.get(order)
        if trade and trade["state"] == "SUCCESS":
            return self.answer(400, {"code": "ORDERPAID", "message": "订单已支付"})
        if trade:
            trade["state"] = "CLOSED"
        return self.answer(204, None)

    def refund(self, said: dict) -> Response:
        number, order, fen = said["out_refund_no"], said["out_trade_no"], said["amount"]["refund"]
        trade = self.trades.get(order)
        if trade is None or trade["state"] != "SUCCESS":
            return self.answer(400, {"code": "INVALID_REQUEST", "message": "订单未支付"})
        if number not in self.refunds:
            given = sum(refund["fen"] for refund in self.refunds.values() if refund["order"] == order)
            if trade["fen"] < given + fen:
                return self.answer(400, {"code": "INVALID_REQUEST", "message": "累计退款金额大于支付金额"})
            self.refunds[number] = {
                "number": number, "order": order, "fen": fen, "at": time.time(), "id": "50" + secrets.token_hex(13)}
        return self.answer(200, self.refund_page(self.refunds[number]))

    def refund_page(self, refund: dict) -> dict:
        trade = self.trades[refund["order"]]
        created = time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.gmtime(refund["at"] + 8 * 3600))
        return {
            "refund_id": refund["id"], "out_refund_no": refund["number"], "transaction_id": trade["transaction"],
            "out_trade_no": refund["order"], "channel": "ORIGINAL", "user_received_account": "支付用户零钱",
            "create_time": created, "success_time": created, "status": "SUCCESS", "funds_account": "UNSETTLED",
            "amount": {
                "total": trade["fen"], "refund": refund["fen"], "payer_total": trade["fen"], "payer_refund": refund["fen"],
                "settlement_refund": refund["fen"], "settlement_total": trade["fen"], "discount_refund": 0, "currency": "CNY"},
        }

    def pay(self, order: str) -> bool:
        trade = self.trades.get(order)
        if trade is None or trade["state"] != "NOTPAY":
            return False
        trade |= {"state": "SUCCESS", "transaction": "42" + secrets.token_hex(13)}
        task = asyncio.create_task(self.tell(order, trade))
        self.waiting.add(task)
        task.add_done_callback(self.waiting.discard)
        return True

    async def tell(self, order: str, trade: dict):
        content = json.dumps({
            "mchid": MCHID, "out_trade_no": order, "transaction_id": trade["transaction"], "trade_state": "SUCCESS",
            "amount": money(trade["fen"])})
        nonce = secrets.token_hex(6)
        sealed = AESGCM(API_V3_KEY.encode()).encrypt(nonce.encode(), content.encode(), b"transaction")
        body = json.dumps({
            "id": secrets.token_hex(16), "event_type": "TRANSACTION.SUCCESS", "resource_type": "encrypt-resource",
            "resource": {
                "algorithm": "AEAD_AES_256_GCM", "associated_data": "transaction", "nonce": nonce,
                "ciphertext": base64.b64encode(sealed).decode()}})
        for tried in range(NOTICE_TRIES):
            try:
                answer = await self.client.post(trade["notify"], content=body, headers=self.headers(body))
                if answer.is_success:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(NOTICE_PAUSE * 2**tried)
        self.lost_notices += 1


def money(fen: int) -> dict:
    return {"total": fen, "payer_total": fen, "currency": "CNY", "payer_currency": "CNY"}


def services(told: Told, pay: WechatPay) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_):
        yield
        pay.keep()

    app = FastAPI(openapi_url=None, lifespan=lifespan)

    @app.api_route("/v3/{rest:path}", methods=["GET", "POST"])
    async def wechatpay(request: Request):
        return await pay.judge(request)

    @app.post("/customer/pay/{order}")
    async def customer(order: str):
        return {"paid": pay.pay(order)}

    @app.post("/control/outage/{on}")
    async def outage(on: int):
        pay.outage = bool(on)

    @app.get("/control/books")
    async def books():
        return {"trades": pay.trades, "refunds": pay.refunds, "lost_notices": pay.lost_notices}

    @app.post("/cgi-bin/webhook/send")
    async def wecom(request: Request):
        body = await request.json()
        kind = body.get("msgtype")
        text = body.get(kind, {}).get("content", "")
        if str(request.url.query) != WECOM_PATH.split("?")[1]:
            return {"errcode": 93000, "errmsg": "invalid webhook url"}
        if not text or {"text": 2048, "markdown": 4096}[kind] < len(text.encode()):
            return {"errcode": 40058, "errmsg": "content exceed max length"}
        told.add("wecom", text)
        return {"errcode": 0, "errmsg": "ok"}

    @app.api_route("/sms/", methods=["GET", "POST"])
    async def sms(request: Request):
        said = dict(request.query_params) | dict(urllib.parse.parse_qsl((await request.body()).decode()))
        values = json.loads(said["TemplateParam"])
        too_long = [name for name, value in values.items() if 35 < len(value)]
        if request.headers.get("x-acs-action") != "SendSms" or too_long:
            return {"Code": "isv.PARAM_LENGTH_LIMIT", "Message": str(too_long), "RequestId": "F655A8D5"}
        told.add("sms", json.dumps(values, ensure_ascii=False), numbers=said["PhoneNumbers"])
        return {"Code": "OK", "Message": "OK", "BizId": "9006197469364984", "RequestId": "F655A8D5"}

    return app


async def serve_mail(told: Told, port: int):
    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        def say(text: str):
            writer.write(text.encode() + b"\r\n")

        say("220 fake")
        try:
            while line := await reader.readline():
                verb = line.decode(errors="replace").strip().upper()
                if verb.startswith("EHLO"):
                    say("250-fake\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME")
                elif verb.startswith("AUTH"):
                    say("235 ok")
                elif verb == "DATA":
                    say("354 go on")
                    await writer.drain()
                    raw = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
                    mail = email.message_from_bytes(raw, policy=email.policy.default)
                    body = mail.get_body(("plain", "html"))
                    told.add("mail", str(mail["subject"]), body=body.get_content() if body else "")
                    say("250 kept")
                elif verb == "QUIT":
                    say("221 bye")
                    break
                else:
                    say("250 ok")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        writer.close()

    await asyncio.start_server(session, "127.0.0.1", port)


async def main(folder: Path, http_port: int, mail_port: int):
    told = Told(folder / "told.jsonl")
    await serve_mail(told, mail_port)
    config = uvicorn.Config(
        services(told, WechatPay(folder / "keys")), host="127.0.0.1", port=http_port, log_level="warning", access_log=False)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))

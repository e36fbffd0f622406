"""What differs from machine to machine, from the environment."""

import os

DATABASE_URL = os.getenv("DATABASE_URL", "postgres://shop:shop@127.0.0.1:5432/shop")
REDIS_URL = os.getenv("REDIS_URL", "redis://127.0.0.1:6379/0")
LOG_TO = os.getenv("LINGSHAO_LOG_TO", "tcp://127.0.0.1:5000")
# How many times as fast the shop's own timers run: 1 in a real shop, more in a trial.
SPEED = float(os.getenv("SHOP_SPEED", "1"))
POOL_SIZE = int(os.getenv("DB_POOL_SIZE", "10"))

WECHATPAY_ENDPOINT = os.getenv("WECHATPAY_ENDPOINT", "https://api.mch.weixin.qq.com")
WECHATPAY_APPID = os.getenv("WECHATPAY_APPID", "wx0000000000000000")
WECHATPAY_MCHID = os.getenv("WECHATPAY_MCHID", "1900000109")
WECHATPAY_SERIAL = os.getenv("WECHATPAY_SERIAL", "")
# A folder with apiclient_key.pem, pub_key.pem and api_v3.key.
WECHATPAY_KEYS = os.getenv("WECHATPAY_KEYS", "keys")
WECHATPAY_NOTIFY_URL = os.getenv("WECHATPAY_NOTIFY_URL", "http://127.0.0.1:8000/api/v1/payments/notify")

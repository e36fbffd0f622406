"""The shop's addresses. Start it with `uvicorn shop.app:app`."""

import asyncio
import logging
import secrets
import time
from contextlib import asynccontextmanager, suppress

import asyncpg
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from lingshao import LingshaoMiddleware, configure_logging
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from . import db, metrics, orders, settings
from .wechatpay import Refused, Untrue, WechatPay

SESSION_SECONDS, STOCK_CACHE_SECONDS, ACTIVE_SECONDS = 3600, 5, 300
CART_LINES_MAX = 20

configure_logging("lingxian", log_to=settings.LOG_TO)
log = logging.getLogger("lingxian")


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.pool, app.state.redis = await db.connect()
    await db.prepare(app.state.pool)
    app.state.pay = WechatPay()
    metrics.begin_at_zero(app)
    chores = asyncio.create_task(do_chores(app))
    log.info("店铺已启动")
    yield
    chores.cancel()
    with suppress(asyncio.CancelledError):
        await chores
    await app.state.pool.close()
    await app.state.redis.aclose()
    log.info("店铺已停止")


app = FastAPI(title="灵鲜好物", lifespan=lifespan)


async def do_chores(app: FastAPI):
    """Every five seconds: the gauges that are counted, and new group buys."""
    while True:
        try:
            pool, redis = app.state.pool, app.state.redis
            metrics.ORDERS_TOTAL.set(await pool.fetchval("SELECT count(*) FROM litemall_order"))
            await db.open_group_rules(pool)
            now = time.time()
            await redis.zremrangebyscore("active", 0, now - ACTIVE_SECONDS / settings.SPEED)
            metrics.ACTIVE_USERS.set(await redis.zcard("active"))
        except Exception:
            log.exception("定时任务失败")
        await asyncio.sleep(5)


async def user(request: Request, authorization: str = Header("")) -> int:
    user_id = await request.app.state.redis.get(f"session:{authorization.removeprefix('Bearer ')}")
    if user_id is None:
        raise HTTPException(401, "请先登录")
    request.state.user_id = int(user_id)
    await request.app.state.redis.zadd("active", {user_id: time.time()})
    return int(user_id)


class Login(BaseModel):
    user_id: int = Field(gt=0, lt=10**8)


class Line(BaseModel):
    product_id: int
    number: int = Field(gt=0, le=99)


class Group(BaseModel):
    rules_id: int
    groupon_id: int = 0


class Order(BaseModel):
    group: Group | None = None


@app.post("/api/v1/login")
async def login(body: Login, request: Request):
    token = secrets.token_urlsafe(24)
    await request.app.state.redis.set(f"session:{token}", body.user_id, ex=SESSION_SECONDS)
    return {"token": token}


@app.get("/api/v1/products")
async def products(request: Request):
    rows = await request.app.state.pool.fetch(
        "SELECT p.id, g.name, p.price::float8 AS price FROM litemall_goods_product p JOIN litemall_goods g ON g.id = p.goods_id"
        " WHERE g.is_on_sale = 1 AND g.deleted = 0 ORDER BY p.id")
    return [dict(row) for row in rows]


@app.get("/api/v1/products/{product_id}")
async def product(product_id: int, request: Request):
    redis, pool = request.app.state.redis, request.app.state.pool
    row = await pool.fetchrow(
        "SELECT p.id, g.name, p.price::float8 AS price, p.number FROM litemall_goods_product p"
        " JOIN litemall_goods g ON g.id = p.goods_id WHERE p.id = $1", product_id) \
        if await redis.get(f"stock:{product_id}") is None else None
    if row is not None:
        await redis.set(f"stock:{product_id}", row["number"], ex=STOCK_CACHE_SECONDS)
        await redis.hset(f"product:{product_id}", mapping={"id": row["id"], "name": row["name"], "price": row["price"]})
    known = await redis.hgetall(f"product:{product_id}")
    if not known:
        raise HTTPException(404, "没有这个商品")
    return {**known, "stock": int(await redis.get(f"stock:{product_id}") or 0)}


@app.post("/api/v1/cart")
async def into_cart(line: Line, request: Request, user_id: int = Depends(user)):
    redis, key = request.app.state.redis, f"cart:{user_id}"
    if CART_LINES_MAX <= await redis.hlen(key):
        raise HTTPException(409, "购物车已满")
    await redis.hincrby(key, str(line.product_id), line.number)
    await redis.expire(key, SESSION_SECONDS)
    return {"lines": await redis.hgetall(key)}


@app.get("/api/v1/cart")
async def cart(request: Request, user_id: int = Depends(user)):
    return {"lines": await request.app.state.redis.hgetall(f"cart:{user_id}")}


@app.post("/api/v1/orders")
async def place_order(body: Order, request: Request, user_id: int = Depends(user)):
    redis = request.app.state.redis
    lines = {int(product): int(number) for product, number in (await redis.hgetall(f"cart:{user_id}")).items()}
    if not lines:
        raise HTTPException(409, "购物车是空的")
    try:
        async with request.app.state.pool.acquire() as connection, connection.transaction():
            order = await orders.place(connection, user_id, lines, body.group.model_dump() if body.group else None)
    except orders.Conflict as conflict:
        log.warning("下单失败：%s", conflict, extra={"lines": lines})
        await redis.delete(f"cart:{user_id}")
        raise HTTPException(409, str(conflict)) from conflict
    metrics.ORDERS_CREATED.inc()
    await redis.delete(f"cart:{user_id}")
    log.info("下单", extra={"order_id": order["id"], "order_sn": order["order_sn"], "amount_fen": order["amount_fen"]})
    return order


@app.get("/api/v1/orders/{order_id}")
async def order(order_id: int, request: Request, user_id: int = Depends(user)):
    row = await request.app.state.pool.fetchrow(
        "SELECT id, order_sn, order_status, actual_price::float8 AS price FROM litemall_order WHERE id = $1 AND user_id = $2",
        order_id, user_id)
    if row is None:
        raise HTTPException(404, "没有这个订单")
    return dict(row)


@app.get("/api/v1/groups")
async def groups(request: Request):
    rows = await request.app.state.pool.fetch(
        f"SELECT r.id AS rules_id, r.goods_id, (SELECT max(g.id) FROM litemall_groupon g WHERE g.rules_id = r.id AND g.groupon_id = 0"
        f" AND g.status = 1) AS groupon_id FROM litemall_groupon_rules r WHERE r.expire_time > {db.NOW} ORDER BY r.id")
    return [dict(row) for row in rows]


@app.post("/api/v1/payments/notify")
async def notify(request: Request):
    """The provider's callback. Anything but 2xx brings it again."""
    try:
        notice = request.app.state.pay.open_notice(request.headers, await request.body())
    except Untrue as error:
        log.error("支付回调验签失败：%s", error)
        raise HTTPException(401, "SIGN_ERROR") from error
    if notice.get("trade_state") == "SUCCESS":
        async with request.app.state.pool.acquire() as connection, connection.transaction():
            fresh = await orders.pay(connection, notice["out_trade_no"], notice["transaction_id"], notice["amount"]["total"])
        log.info("支付成功" if fresh else "支付回调：订单不在待付状态", extra={"order_sn": notice["out_trade_no"]})
    return Response(status_code=204)


@app.post("/api/v1/payments/{order_id}")
async def pay(order_id: int, request: Request, user_id: int = Depends(user)):
    row = await request.app.state.pool.fetchrow(
        "SELECT order_sn, order_status, actual_price FROM litemall_order WHERE id = $1 AND user_id = $2", order_id, user_id)
    if row is None:
        raise HTTPException(404, "没有这个订单")
    if row["order_status"] != orders.UNPAID:
        raise HTTPException(409, "订单不能支付")
    metrics.PAYMENT_REQUESTS.labels("wechat").inc()
    try:
        code = await request.app.state.pay.prepay(row["order_sn"], int(row["actual_price"] * 100), "灵鲜好物")
    except Refused as refused:
        metrics.PAYMENT_FAILURES.labels("wechat").inc()
        log.error("支付失败：%s", refused, extra={"order_id": order_id, "order_sn": row["order_sn"]})
        raise HTTPException(500, "支付暂时不可用") from refused
    return {"code_url": code, "order_sn": row["order_sn"]}


@app.get("/health")
async def health(request: Request):
    await request.app.state.pool.fetchval("SELECT 1")
    return {"ok": True}


@app.get("/metrics")
async def metrics_page(request: Request):
    pool = request.app.state.pool
    metrics.DB_POOL_SIZE.set(pool.get_max_size())
    metrics.DB_POOL_AVAILABLE.set(pool.get_max_size() - pool.get_size() + pool.get_idle_size())
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.exception_handler(asyncpg.PostgresConnectionError)
@app.exception_handler(ConnectionError)
async def database_is_away(request: Request, error: Exception):
    log.critical("数据库连接失败：%s", error)
    return Response("数据库暂时不可用", status_code=500)


app.add_middleware(metrics.RequestMetrics)
app.add_middleware(LingshaoMiddleware, trusted_proxies=["127.0.0.1"])  # last: around all others

"""PostgreSQL and Redis, and the rows that there have to be before anybody can buy."""

from pathlib import Path

import asyncpg
from redis.asyncio import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from . import settings

NOW = "(now() AT TIME ZONE 'Asia/Shanghai')"
GOODS = ["赣南脐橙", "烟台苹果", "丹东草莓", "阳光玫瑰葡萄", "海南金煌芒", "安吉白茶", "五常大米", "阳澄湖大闸蟹", "农家土鸡蛋", "有机酸奶"]
SIZES = [("尝鲜装", 1), ("家庭装", 2), ("礼盒装", 4), ("整箱", 6)]
GROUP_GOODS = 4
STOCK = 2000


async def connect() -> tuple[asyncpg.Pool, Redis]:
    pool = await asyncpg.create_pool(
        settings.DATABASE_URL, min_size=2, max_size=settings.POOL_SIZE, command_timeout=10, timeout=5,
        server_settings={"application_name": "lingxian"},
    )
    redis = Redis.from_url(
        settings.REDIS_URL, decode_responses=True, socket_timeout=3, retry=Retry(ExponentialBackoff(), 3),
    )
    return pool, redis


async def prepare(pool: asyncpg.Pool) -> None:
    """Tables and goods, once."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(7)")
        await connection.execute(Path(__file__).with_name("schema.sql").read_text())
        if await connection.fetchval("SELECT count(*) FROM litemall_goods"):
            return
        for number, (name, size, factor) in enumerate((n, s, f) for n in GOODS for s, f in SIZES):
            price = (19 + number % 7 * 10) * factor
            goods = await connection.fetchval(
                f"INSERT INTO litemall_goods (goods_sn, name, counter_price, retail_price, add_time, update_time)"
                f" VALUES ($1, $2, $3, $3, {NOW}, {NOW}) RETURNING id", f"G{number:04}", f"{name} {size}", price)
            await connection.execute(
                f"INSERT INTO litemall_goods_product (goods_id, price, number, add_time, update_time)"
                f" VALUES ($1, $2, $3, {NOW}, {NOW})", goods, price, STOCK)


async def open_group_rules(pool: asyncpg.Pool) -> None:
    """Groups of two for the first goods, for two hours; then anew."""
    await pool.execute(
        f"INSERT INTO litemall_groupon_rules (goods_id, discount, discount_member, expire_time, add_time, update_time)"
        f" SELECT id, 5, 2, {NOW} + $1 * interval '1 second', {NOW}, {NOW} FROM litemall_goods g WHERE id <= $2 AND NOT EXISTS"
        f" (SELECT 1 FROM litemall_groupon_rules r WHERE r.goods_id = g.id AND r.expire_time > {NOW})",
        7200 / settings.SPEED, GROUP_GOODS)

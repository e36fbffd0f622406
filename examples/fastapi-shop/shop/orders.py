"""Orders and groups: placed, paid. Cancelling what is not paid, and settling groups, is left to Lingshao."""

from decimal import Decimal
from secrets import randbelow

from .db import NOW

UNPAID, PAID = 101, 201
GROUP_NONE, GROUP_ON = 0, 1


class Conflict(Exception):
    """The shop's state does not allow it; the text is for the customer."""


async def place(connection, user_id: int, lines: dict[int, int], group: dict | None) -> dict:
    """One transaction: stock is taken, or there is no order."""
    goods_price, rows = Decimal(0), []
    for product_id, number in sorted(lines.items()):
        row = await connection.fetchrow(
            f"UPDATE litemall_goods_product p SET number = number - $2, update_time = {NOW} FROM litemall_goods g"
            f" WHERE p.id = $1 AND g.id = p.goods_id AND p.number >= $2 RETURNING p.price, g.id, g.goods_sn", product_id, number)
        if row is None:
            raise Conflict("库存不足")
        goods_price += row["price"] * number
        rows.append((row["id"], row["goods_sn"], product_id, number, row["price"]))
    discount = Decimal(0)
    if group:
        discount = await connection.fetchval(
            f"SELECT discount FROM litemall_groupon_rules WHERE id = $1 AND expire_time > {NOW}", group["rules_id"])
        if discount is None:
            raise Conflict("拼团已结束")
    freight = Decimal(0) if goods_price >= 88 else Decimal(8)
    price = goods_price + freight - discount
    order = await connection.fetchrow(
        f"INSERT INTO litemall_order (user_id, order_sn, order_status, consignee, mobile, address, goods_price, freight_price,"
        f" groupon_price, order_price, actual_price, add_time, update_time)"
        f" VALUES ($1, to_char({NOW}, 'YYYYMMDDHH24MISS') || $2, {UNPAID}, '王女士', $3, '杭州市余杭区', $4, $5, $6, $7, $7, {NOW}, {NOW})"
        f" RETURNING id, order_sn, actual_price", user_id, f"{randbelow(10**6):06}", f"138{user_id:08}", goods_price, freight,
        discount, price)
    await connection.executemany(
        f"INSERT INTO litemall_order_goods (order_id, goods_id, goods_sn, product_id, number, price, add_time, update_time)"
        f" VALUES ({order['id']}, $1, $2, $3, $4, $5, {NOW}, {NOW})", rows)
    if group:
        await connection.execute(
            f"INSERT INTO litemall_groupon (order_id, groupon_id, rules_id, user_id, creator_user_id, status, add_time, update_time)"
            f" VALUES ($1, $2, $3, $4, $4, {GROUP_NONE}, {NOW}, {NOW})", order["id"], group.get("groupon_id", 0), group["rules_id"],
            user_id)
    return {"id": order["id"], "order_sn": order["order_sn"], "amount_fen": int(order["actual_price"] * 100)}


async def pay(connection, order_sn: str, transaction_id: str, fen: int) -> bool:
    """The provider says that it is paid; however often it says so. False: the order does not wait for it (any more)."""
    order_id = await connection.fetchval(
        f"UPDATE litemall_order SET order_status = {PAID}, pay_id = $2, pay_time = {NOW}, update_time = {NOW}"
        f" WHERE order_sn = $1 AND order_status = {UNPAID} AND actual_price * 100 = $3 RETURNING id", order_sn, transaction_id, fen)
    if order_id is None:
        return False
    # A group is open once its first member has paid.
    await connection.execute(
        f"UPDATE litemall_groupon SET status = {GROUP_ON}, update_time = {NOW} WHERE order_id = $1 AND status = {GROUP_NONE}", order_id)
    return True

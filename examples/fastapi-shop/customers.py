#!/usr/bin/env python3
"""The shop's customers: they come, look, buy, pay or do not. `--speed 12` makes twelve times as many of them, each twelve
times as quick, and the hours of their day pass twelve times as fast; most come at noon and at half past eight."""

import argparse
import asyncio
import json
import math
import random
import signal
import time

import httpx

ORDERS_PER_MINUTE, LOOKS_PER_ORDER = 4.0, 2
PAID, IN_GROUPS, GROUPS_JOINED = 0.65, 0.15, 0.8
PAY_DELAY_MEDIAN, RETRY_AFTER, TRIES = 40.0, 20.0, 3
VISITORS_MAX = 200


def rhythm(hour: float) -> float:
    def bump(peak, width):
        return math.exp(-(((hour - peak) / width) ** 2) / 2)

    return 1 + 0.9 * bump(12, 1.2) + 1.5 * bump(20.5, 1.5)


class Customers:
    def __init__(self, arguments):
        self.speed, self.began, self.hour = arguments.speed, time.time(), arguments.hour
        self.dice = random.Random(arguments.seed)
        self.shop = httpx.AsyncClient(base_url=arguments.shop, timeout=15, limits=httpx.Limits(max_connections=50))
        self.wallet = httpx.AsyncClient(base_url=arguments.wallet, timeout=5) if arguments.wallet else None
        self.counts: dict[str, int] = {}
        self.answers: dict[str, int] = {}

    def count(self, what: str):
        self.counts[what] = self.counts.get(what, 0) + 1

    def hour_now(self) -> float:
        return (self.hour + (time.time() - self.began) * self.speed / 3600) % 24

    async def rest(self, seconds: float):
        await asyncio.sleep(seconds / self.speed)

    async def ask(self, method: str, path: str, **more):
        try:
            answer = await self.shop.request(method, "/api/v1" + path, **more)
        except httpx.HTTPError as error:
            self.answers[type(error).__name__] = self.answers.get(type(error).__name__, 0) + 1
            return None
        self.answers[str(answer.status_code)] = self.answers.get(str(answer.status_code), 0) + 1
        return answer.json() if answer.status_code == 200 else None

    async def look(self):
        self.count("looks")
        await self.ask("GET", "/products")
        await self.rest(3)
        await self.ask("GET", f"/products/{self.product()}")

    def product(self) -> int:
        return min(40, int(self.dice.expovariate(0.12)) + 1)

    async def buy(self):
        signed_in = await self.ask("POST", "/login", json={"user_id": self.dice.randint(1, 20_000)})
        if not signed_in:
            return self.count("turned_away")
        me = {"headers": {"Authorization": f"Bearer {signed_in['token']}"}}
        group = await self.group()
        product = group.pop("product") if group else self.product()
        await self.ask("GET", f"/products/{product}")
        await self.ask("POST", "/cart", json={"product_id": product, "number": self.dice.choice([1, 1, 1, 2])}, **me)
        order = await self.ask("POST", "/orders", json={"group": group} if group else {}, **me)
        if not order:
            return self.count("turned_away")
        self.count("orders")
        if PAID < self.dice.random():
            return self.count("forgotten")
        await self.rest(self.dice.lognormvariate(math.log(PAY_DELAY_MEDIAN), 0.8))
        await self.pay(order, me)

    async def pay(self, order, me):
        for _ in range(TRIES):
            if opened := await self.ask("POST", f"/payments/{order['id']}", **me):
                if self.wallet:
                    await self.wallet.post(f"/customer/pay/{opened['order_sn']}")
                self.count("paid")
                await self.rest(10)
                await self.ask("GET", f"/orders/{order['id']}", **me)
                return
            await self.rest(RETRY_AFTER)
        self.count("gave_up")

    async def group(self) -> dict | None:
        if IN_GROUPS < self.dice.random():
            return None
        open_now = await self.ask("GET", "/groups") or []
        if not open_now:
            return None
        one = self.dice.choice(open_now)
        join = one["groupon_id"] if one["groupon_id"] and self.dice.random() < GROUPS_JOINED else 0
        return {"rules_id": one["rules_id"], "groupon_id": join, "product": one["goods_id"]}

    async def come(self, until: float, stop: asyncio.Event):
        visitors: set[asyncio.Task] = set()
        while time.time() < until and not stop.is_set():
            orders_per_second = ORDERS_PER_MINUTE / 60 * rhythm(self.hour_now()) * self.speed
            await asyncio.sleep(self.dice.expovariate(orders_per_second * (1 + LOOKS_PER_ORDER)))
            if VISITORS_MAX <= len(visitors):
                self.count("turned_away")
                continue
            buys = self.dice.randrange(1 + LOOKS_PER_ORDER) == 0
            visitor = asyncio.create_task(self.buy() if buys else self.look())
            visitors.add(visitor)
            visitor.add_done_callback(visitors.discard)
        for visitor in visitors:
            visitor.cancel()


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", default="http://127.0.0.1:8080", help="where the shop is")
    parser.add_argument("--wallet", help="a provider that lets customers pay by POST /customer/pay/ORDER; none: nobody pays")
    parser.add_argument("--speed", type=float, default=1)
    parser.add_argument("--hour", type=float, default=time.localtime().tm_hour, help="of the customers' day at the start")
    parser.add_argument("--seconds", type=float, default=math.inf, help="of real time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", help="file into which what they did is written")
    arguments = parser.parse_args()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    customers = Customers(arguments)

    def tell():
        report = json.dumps({"did": customers.counts, "answers": customers.answers}, ensure_ascii=False)
        if arguments.report:
            with open(arguments.report, "w") as file:
                file.write(report)
        return report

    async def keep_telling():
        while True:
            await asyncio.sleep(5)
            tell()

    teller = asyncio.create_task(keep_telling())
    await customers.come(time.time() + arguments.seconds, stop)
    teller.cancel()
    print(tell())


if __name__ == "__main__":
    asyncio.run(main())

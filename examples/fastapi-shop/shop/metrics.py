"""The plan's metrics, by its names. Counters are there from the start with 0, so that the first failure is an increase."""

import time

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("http_requests_total", "Total HTTP requests", ["method", "endpoint", "status"])
LATENCY = Histogram(
    "http_request_duration_seconds",
    "HTTP request latency",
    ["method", "endpoint"],
    buckets=[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10],  # 2 is the plan's limit
)
IN_FLIGHT = Gauge("http_requests_in_flight", "HTTP requests being answered")
ACTIVE_USERS = Gauge("active_users", "Users with a request in the last five minutes")
ORDERS_TOTAL = Gauge("orders_total", "Total orders")
ORDERS_CREATED = Counter("orders_created", "Orders placed")
DB_POOL_SIZE = Gauge("db_pool_size", "Database pool size")
DB_POOL_AVAILABLE = Gauge("db_pool_available", "Database pool available")
PAYMENT_REQUESTS = Counter("payment_requests", "Payments asked for", ["provider"])
PAYMENT_FAILURES = Counter("payment_failures", "Payments that failed", ["provider"])

for counter in (PAYMENT_REQUESTS, PAYMENT_FAILURES):
    counter.labels("wechat")


class RequestMetrics:
    """Counts each request under the template of its route, `none` for what no route knows."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"] in ("/metrics", "/health"):
            return await self.app(scope, receive, send)
        started, status = time.perf_counter(), 500

        async def watched(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        IN_FLIGHT.inc()
        try:
            await self.app(scope, receive, watched)
        finally:
            IN_FLIGHT.dec()
            endpoint = getattr(scope.get("route"), "path", "none")
            REQUESTS.labels(scope["method"], endpoint, str(status)).inc()
            LATENCY.labels(scope["method"], endpoint).observe(time.perf_counter() - started)


def begin_at_zero(app):
    """Every route with the answers that rules ask for."""
    for route in app.routes:
        for method in getattr(route, "methods", None) or ():
            if route.path.startswith("/api/") and method != "HEAD":
                for status in ("200", "500", "502"):
                    REQUESTS.labels(method, route.path, status)

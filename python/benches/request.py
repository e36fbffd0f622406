"""What the middleware adds to a request, in microseconds of its thread's processor time: the best of several rounds
over the bare application, because a shared machine only ever adds time. Run it with the environment of tests/run.sh; it
asserts nothing."""

import asyncio
import socket
import subprocess
import sys
import time

from lingshao import LingshaoMiddleware, dropped

REQUESTS = 400
ROUNDS = 60


READS_AND_FORGETS = """
import socket, sys
stream, _ = socket.socket(fileno=int(sys.argv[1])).accept()
while stream.recv(1 << 16): pass
"""


def receiver():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        subprocess.Popen([sys.executable, "-c", READS_AND_FORGETS, str(number)], pass_fds=[number])
        return f"tcp://127.0.0.1:{listener.getsockname()[1]}"


def scope():
    return {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/products/7",
        "root_path": "",
        "client": ("127.0.0.1", 40_000),
        "headers": [
            (b"host", b"shop"),
            (b"user-agent", b"Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0.47"),
            (b"x-forwarded-for", b"198.51.100.7"),
            (b"accept", b"application/json"),
            (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ],
    }


async def shop(scope, receive, send):
    scope["route"] = "/api/v1/products/{id}"
    scope.setdefault("state", {})["user_id"] = 12345
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"{}"})


async def best(app):
    async def nothing(_message=None):
        return {"type": "http.request"}

    best = float("inf")
    for _ in range(ROUNDS):
        scopes = [scope() for _ in range(REQUESTS)]
        begun = time.thread_time()
        for one in scopes:
            await app(one, nothing, nothing)
        best = min(best, time.thread_time() - begun)
        await asyncio.sleep(0.06)  # The queue is emptied every 50 ms.
    return best / REQUESTS * 1e6


async def main():
    bare = await best(shop)
    print(f"bare application {bare:6.1f} µs a request")
    for name, log_to in (("receiver there", receiver()), ("receiver down", "tcp://127.0.0.1:1")):
        measured = await best(LingshaoMiddleware(shop, "shop", log_to=log_to, trusted_proxies=["127.0.0.1"]))
        print(f"{name:16}+{measured - bare:6.1f} µs a request, {dropped()} records dropped")


asyncio.run(main())

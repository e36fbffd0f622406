"""Applications of any kind, called as a server calls them."""

import asyncio
import json

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import lingshao
from lingshao import LingshaoMiddleware
from lingshao.client import TrustedProxies
from lingshao.context import RequestContext
from lingshao.sender import sender_to


class Kept:
    """A sink in memory."""

    def __init__(self):
        self.lines = []

    def send(self, data):
        self.lines.extend(bytes(data).splitlines())
        return len(data)

    def close(self, seconds):
        pass

    def forget(self):
        pass


def ask(app, path="/", method="GET", messages=(), options=None, scope=None, fails=None):
    """The record of one request, and what the application sent."""
    sender, kept = sender_to("tcp://127.0.0.1:1"), Kept()
    sender._sink = kept
    app = app if isinstance(app, LingshaoMiddleware) or options is None else LingshaoMiddleware(app, **options)
    whole = {
        "type": "http", "asgi": {"version": "3.0"}, "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "root_path": "", "scheme": "http", "headers": [], "client": ("203.0.113.9", 1),
        "server": ("shop", 80), **(scope or {}),
    }
    incoming, sent = [*messages, {"type": "http.request", "body": b"", "more_body": False}], []

    async def receive():
        return incoming.pop(0) if incoming else await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    if fails:
        with pytest.raises(fails):
            asyncio.run(app(whole, receive, send))
    else:
        asyncio.run(app(whole, receive, send))
    assert sender.flush(5)
    records = [json.loads(line) for line in kept.lines]
    assert len(records) == 1, records
    return records[0], sent


OPTIONS = {"service": "shop", "log_to": "tcp://127.0.0.1:1"}


def check(app, path="/", *, fails=None, messages=(), scope=None, options=OPTIONS, **expected):
    record, sent = ask(app, path, messages=messages, options=options, scope=scope, fails=fails)
    assert {name: record.get(name) for name in expected} == expected, record
    return record, sent


async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def test_an_application_without_a_framework_needs_only_asgi():
    _, sent = check(hello, "/x", route="none", status_code=200, bytes_sent=5, service="shop", aborted=False)
    assert [name for name, _ in sent[0]["headers"]] == [b"x-request-id"]

    async def routed(scope, receive, send):
        lingshao.set_route("/x/{id}")
        await hello(scope, receive, send)

    check(routed, "/x/7", route="/x/{id}")


def test_an_id_of_the_applications_own_is_kept():
    async def own(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Request-ID", b"own")]})
        await send({"type": "http.response.body"})

    _, sent = check(own)
    assert sent[0]["headers"] == [(b"X-Request-ID", b"own")]


def test_however_it_ends_there_is_one_record_and_the_error_goes_on():
    async def nothing(scope, receive, send):
        pass

    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def cancelled(scope, receive, send):
        raise asyncio.CancelledError

    async def left(scope, receive, send):
        assert (await receive())["type"] == "http.disconnect"
        raise RuntimeError("nobody is there, and I fail")

    class ClientDisconnect(Exception):
        pass

    async def heard(scope, receive, send):
        await receive()
        raise ClientDisconnect

    class Mute(Exception):
        def __str__(self):
            raise ValueError

        def __setattr__(self, name, value):
            raise AttributeError

    async def mute(scope, receive, send):
        raise Mute

    gone = [{"type": "http.disconnect"}]
    record, _ = check(nothing, status_code=500, aborted=False, level="ERROR")
    assert record["error"]["type"] == "NoAnswer"
    check(half, status_code=500, status_sent=200, aborted=True, level="ERROR")
    check(cancelled, fails=asyncio.CancelledError, status_code=499, aborted=True, level="WARNING", error=None)
    check(left, fails=RuntimeError, messages=gone, status_code=500, aborted=True, level="ERROR")
    check(heard, fails=ClientDisconnect, messages=gone, status_code=499, aborted=True, level="WARNING", error=None)
    check(mute, fails=Mute, status_code=500, level="ERROR")


def test_a_server_that_refuses_to_send_says_that_the_client_left():
    async def refused(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise OSError("client disconnected")

    async def app(scope, receive, send):
        async def broken(message):
            await send(message)
            if message["type"] == "http.response.body":
                raise OSError("client disconnected")

        await LingshaoMiddleware(hello, **OPTIONS)(scope, receive, broken)

    record, _ = ask(app, fails=OSError)
    assert (record["status_code"], record["aborted"], record["level"]) == (200, True, "WARNING")
    check(refused, fails=OSError, status_code=500, status_sent=200, aborted=True)  # This one is the application's own.


def test_users_are_found_and_hidden():
    async def signed_in(scope, receive, send):
        scope["state"]["user_id"] = 12345
        await hello(scope, receive, send)

    check(signed_in, user_id="12345")
    hidden, _ = check(signed_in, options={**OPTIONS, "user_id_key": "secret"})
    assert len(hidden["user_id"]) == 16 and hidden["user_id"] != "12345"
    check(signed_in, options={**OPTIONS, "user_id_key": b"secret"}, user_id=hidden["user_id"])
    check(hello, options={**OPTIONS, "user_id": lambda scope: scope["session"]["user"]}, user_id=None)
    found = {**OPTIONS, "user_id": lambda scope: scope["session"]["user"]}
    check(hello, options=found, scope={"session": {"user": "u-7"}}, user_id="u-7")


async def page(request):
    request.state.user_id = request.path_params.get("id")
    return PlainTextResponse("page")


def test_starlette_alone_has_routes_and_mounts_and_files(tmp_path):
    (tmp_path / "a.css").write_text("a")
    app = Starlette(routes=[
        Route("/items/{id:int}", page),
        Mount("/v{version}", routes=[Route("/items/{id}", page), Mount("/deep", routes=[Route("/x", page)])]),
        Mount("/shops/{id}", routes=[Route("/items/{id}", page)]),
        Mount("/static", StaticFiles(directory=tmp_path)),
        Mount("/plain", hello),
    ])
    app.add_middleware(LingshaoMiddleware, **OPTIONS)
    for path, route in (
        ("/items/7", "/items/{id}"), ("/v2/items/2", "/v{version}/items/{id}"), ("/v2/deep/x", "/v{version}/deep/x"),
        ("/static/a.css", "/static/{path}"), ("/plain/y", "/plain/{path}"), ("/v2/none", "none"),
        ("/shops/1/items/2", "/shops/{id}/items/{id}"), ("/items", "none"),
    ):
        check(app, path, options=None, route=route)
    check(app, "/items/7", options=None, user_id="7", scope={"root_path": ""})
    check(app, "/shop/items/7", options=None, route="/items/{id}", scope={"root_path": "/shop"})


def test_around_everything_it_sees_the_page_for_500_too():
    app = FastAPI()

    @app.get("/boom")
    async def boom():
        raise ValueError("no")

    record, sent = check(app, "/boom", fails=ValueError, status_code=500, route="/boom", aborted=False, level="ERROR")
    assert record["error"]["message"] == "no" and record["bytes_sent"] > 0
    assert b"x-request-id" in [name for name, _ in sent[0]["headers"]]


def test_defect_14_a_clock_that_steps_changes_no_time_taken(monkeypatch):
    async def stepping(scope, receive, send):
        monkeypatch.setattr("time.time", lambda: 0.0)
        await hello(scope, receive, send)

    record, _ = check(stepping, timestamp="1970-01-01T00:00:00.000Z")
    assert record["process_time"] > 0


def test_an_application_inside_of_another_is_recorded_once():
    inner, app = FastAPI(), FastAPI()

    @inner.get("/x")
    async def x():
        return {}

    inner.add_middleware(LingshaoMiddleware, **OPTIONS)
    app.mount("/inner", inner)
    check(app, "/inner/x", route="/inner/x", status_code=200)


def test_inside_of_other_middleware_it_is_as_right():
    app = FastAPI()

    @app.get("/x/{id}")
    async def x(id: str):
        return id

    app.add_middleware(LingshaoMiddleware, **OPTIONS)

    async def passing(request, call_next):
        return await call_next(request)

    app.add_middleware(BaseHTTPMiddleware, dispatch=passing)
    check(app, "/x/7", options=None, route="/x/{id}", status_code=200, aborted=False)


def test_a_scope_that_makes_no_sense_is_the_applications_matter():
    before = lingshao.dropped()

    async def run():
        await LingshaoMiddleware(hello, **OPTIONS)({"type": "http", "path": "/", "headers": [7]}, None, taken.append_async)

    class Taken(list):
        async def append_async(self, message):
            self.append(message)

    taken = Taken()
    asyncio.run(run())
    assert [message["type"] for message in taken] == ["http.response.start", "http.response.body"]
    assert lingshao.dropped() == before + 1


def test_the_right_most_untrusted_hop_is_the_client():
    trusted = TrustedProxies("10.0.0.0/8, 127.0.0.1, fd00::/8")
    for peer, forwarded, expected in (
        ("203.0.113.9", ["1.2.3.4"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.7, 10.3.3.3"], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.7", "10.3.3.3"], "198.51.100.7"),
        ("10.0.0.1", ["10.9.9.9, 10.3.3.3"], "10.9.9.9"),
        ("10.0.0.1", ["198.51.100.7, nonsense, 10.3.3.3"], "10.3.3.3"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [",".join(["10.1.1.1"] * 40 + ["10.2.2.2"])], "10.1.1.1"),
        ("127.0.0.1", ["198.51.100.7:5123"], "198.51.100.7"),
        ("fd00::1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("11.0.0.1", ["198.51.100.7"], "11.0.0.1"),
        ("testclient", ["198.51.100.7"], None),
        (None, ["198.51.100.7"], None),
    ):
        assert trusted.client_ip(peer, [hop.encode() for hop in forwarded]) == expected, (peer, forwarded)


def test_traces_are_read_as_w3c_says():
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    for header, found in (
        (f"00-{trace}-{span}-01", True), (f"01-{trace}-{span}-01-more", True), (f"00-{trace}-{span}-01-more", False),
        (f"ff-{trace}-{span}-01", False), (f"00-{trace.upper()}-{span}-01", False), (f"00-{'0' * 32}-{span}-01", False),
        (f"00-{trace}-{'0' * 16}-01", False), (f"00-{trace}-{span}", False), (f"00-{trace}-{span}-01\n", False), ("00", False),
    ):
        context = RequestContext(None, header.encode(), None)
        assert (context.trace_id, context.span_id) == ((trace, span) if found else (None, None)), header


def test_request_ids_are_taken_over_only_if_they_are_sound():
    for given, taken in (
        ("0191-abc_DEF.9:x", True), ("", False), ("a b", False), ('a"b', False), ("x" * 128, True), ("x" * 129, False),
        ("a\n", False),
    ):
        assert (RequestContext(given.encode(), None, None).request_id == given) is taken, given
    assert RequestContext(None, None, None).request_id != RequestContext(None, None, None).request_id

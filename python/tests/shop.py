"""A shop as its people would write it, with every way in which a request can end."""

import asyncio
import logging
import os
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from lingshao import LingshaoMiddleware, configure_logging, dropped, outgoing_headers, set_user_id

configure_logging("灵鲜好物")
log = logging.getLogger("lingxian")


@asynccontextmanager
async def lifespan(_app):
    log.info("开店")
    yield
    log.info("打烊")


app = FastAPI(lifespan=lifespan)
orders = APIRouter(prefix="/api/v1")
sub = FastAPI()
floor = FastAPI()


@orders.get("/products/{product_id}")
async def product(product_id: int):
    return {"name": "大红袍"}


@orders.get("/files/{name:path}")
async def file(name: str):
    return name


@orders.post("/orders")
def order(request: Request):
    request.state.user_id = 12345
    log.warning("库存预警", extra={"product": {"id": 7, "名称": "大红袍"}, "level": "forged", "left": 3})
    return outgoing_headers()


async def signed_in():
    set_user_id("u-7")


@orders.get("/me", dependencies=[Depends(signed_in)])
async def me():
    log.info("who")
    return {}


@orders.get("/work")
async def work():
    async def task():
        log.info("in a task")

    await asyncio.gather(task(), asyncio.to_thread(log.info, "in a thread"))
    return {}


@orders.get("/boom")
async def boom():
    raise ValueError("支付失败\x1b[31m")


@orders.get("/refused")
async def refused():
    raise HTTPException(503, "later")


@orders.get("/stream")
async def stream():
    async def pieces():
        for _ in range(4):
            yield b"piece"
            await asyncio.sleep(0.25)

    return StreamingResponse(pieces())


@orders.get("/broken")
async def broken():
    async def pieces():
        yield b"piece"
        raise RuntimeError("the file is gone")

    return StreamingResponse(pieces())


@orders.get("/endless")
async def endless():
    async def pieces():
        while True:
            yield b"piece"
            await asyncio.sleep(0.02)

    return StreamingResponse(pieces())


@orders.get("/slow")
async def slow():
    await asyncio.sleep(0.3)
    return {}


@orders.get("/background")
async def background():
    async def after():
        await asyncio.sleep(0.3)
        raise KeyError("late")

    return PlainTextResponse("done", background=BackgroundTask(after))


@orders.get("/file")
async def download():
    return FileResponse(__file__)


@orders.get("/dropped")
async def lost():
    return {"dropped": dropped(), "pid": os.getpid()}


@app.get("/health")
async def health():
    return {}


@app.get("/health-food")
async def health_food():
    return {}


@app.websocket("/ws/{room}")
async def room(websocket: WebSocket, room: str):
    if room == "closed":
        await websocket.close(1008)
        return
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    if room == "boom":
        raise ValueError("no more seats")
    await websocket.close()


@sub.get("/orders/{order_id}")
async def sub_order(order_id: str):
    return {}


@floor.get("/shelves/{shelf}")
async def shelf(shelf: str, request: Request):
    return {}


app.include_router(orders)
sub.mount("/floors/{floor}", floor)
app.mount("/admin", sub)
app.add_middleware(
    LingshaoMiddleware,
    trusted_proxies=["127.0.0.1", "10.0.0.0/8", "unix"] if os.environ.get("TRUST") else [],
    headers=["X-Shop"],
    mask_phones=True,
)

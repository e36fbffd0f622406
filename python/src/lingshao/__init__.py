"""One JSON record a request, and JSON logs that never block, for FastAPI and any other ASGI shop.

from lingshao import LingshaoMiddleware, configure_logging

configure_logging("lingxian", log_to="tcp://127.0.0.1:5000")
app = FastAPI()
app.add_middleware(LingshaoMiddleware)
"""

from .context import outgoing_headers, request_id, set_route, set_user_id, trace_id
from .logs import JsonFormatter, LingshaoHandler, configure_logging
from .middleware import EXCLUDED, LingshaoMiddleware
from .sender import dropped, flush

__version__ = "0.1.0"

__all__ = [
    "EXCLUDED",
    "JsonFormatter",
    "LingshaoHandler",
    "LingshaoMiddleware",
    "configure_logging",
    "dropped",
    "flush",
    "outgoing_headers",
    "request_id",
    "set_route",
    "set_user_id",
    "trace_id",
]

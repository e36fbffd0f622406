"""The template of the route that answered, with all its mounts: /shops/{shop}/orders/{id}.

FastAPI and Starlette leave in the scope which route they chose, and each in its own way; what neither knows is
NO_ROUTE, so that a stranger who tries addresses makes no labels.
"""

from __future__ import annotations

import re
from typing import Any

# What requests are filed under that no route knows: one value, whatever the path.
NO_ROUTE = "none"

# Most mounts whose templates are remembered: shops have a few, strangers make up more where a mount has a parameter.
MOUNTS_KNOWN_MAX = 1024
# With the routes, so that no other list can get the same identity.
_known_mounts: dict[tuple[int, str], tuple[Any, str]] = {}

_PARAMETER = re.compile(r"\{([^}:]+)(?::[^}]*)?\}")


def template(scope: dict[str, Any], root_path: str) -> str:
    """`root_path` is the scope's before the application saw it."""
    route = scope.get("route")
    if isinstance(route, str):
        return route or NO_ROUTE
    own = _own_template(scope, route)
    if own is None:
        return NO_ROUTE
    begun = scope.get("app_root_path", root_path)
    prefix = (scope.get("root_path") or "")[len(begun) :]
    return (_mounts(prefix, own, scope) if prefix else "") + own or NO_ROUTE


def _own_template(scope: dict[str, Any], route: Any) -> str | None:
    """The template inside of all mounts."""
    if route is None:
        path, root = scope.get("path") or "", scope.get("root_path") or ""
        path = path[len(root) :] if path.startswith(root) else path
        route = _by_endpoint(getattr(scope.get("router"), "routes", ()), scope.get("endpoint"), path)
    if route is None:
        return None
    if hasattr(route, "routes") or hasattr(route, "app") and not hasattr(route, "endpoint"):
        # A mount: what it holds did not know the path, unless it is no router (files, another framework).
        return None if getattr(route, "routes", None) else "/{path}"
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    # A FastAPI router that is included with a prefix keeps the whole template beside the route.
    effective = (scope.get("fastapi") or {}).get("effective_route_context")
    if effective is not None and getattr(effective, "original_route", None) is route:
        path = getattr(effective, "path_format", None) or path
    return _PARAMETER.sub(r"{\1}", path) if isinstance(path, str) else None


def _by_endpoint(routes: Any, endpoint: Any, path: str) -> Any:
    """Starlette before 1.0 says which endpoint answered, not which route; an endpoint may have several."""
    if endpoint is None:
        return None
    for route in routes:
        if getattr(route, "app", None) is endpoint:
            return route
        if getattr(route, "endpoint", None) is endpoint and route.path_regex.match(path):
            return route
        found = _by_endpoint(getattr(route, "routes", None) or (), endpoint, path)
        if found is not None:
            return found
    return None


def _mounts(prefix: str, own: str, scope: dict[str, Any]) -> str:
    """The template of the mounts' part of the path."""
    routes = getattr(scope.get("router"), "routes", None) or ()
    key = (id(routes), prefix)
    known = _known_mounts.get(key)
    if known is None:
        found = _mounts_by_pattern(routes, prefix) or _mounts_by_value(prefix, own, scope.get("path_params") or {})
        known = (routes, found)
        if len(_known_mounts) < MOUNTS_KNOWN_MAX:
            _known_mounts[key] = known
    return known[1]


def _mounts_by_pattern(routes: Any, prefix: str) -> str | None:
    for route in routes:
        pattern = getattr(route, "path_regex", None)
        if pattern is None or not hasattr(route, "routes"):
            continue
        match = pattern.match(prefix + "/")
        if not match:
            continue
        rest = match.groupdict().get("path", "").rstrip("/")
        inner = _mounts_by_pattern(route.routes or (), "/" + rest) if rest else ""
        if inner is not None:
            return _PARAMETER.sub(r"{\1}", route.path) + inner
    return None


def _mounts_by_value(prefix: str, own: str, parameters: dict[str, Any]) -> str:
    """FastAPI hides mounts of routers that are included: there, parameters are put back in place of their values."""
    inside = set(_PARAMETER.findall(own))
    segments = prefix.split("/")
    for name, value in parameters.items():
        if name not in inside and str(value) in segments:
            segments[segments.index(str(value))] = f"{{{name}}}"
    return "/".join(segments)

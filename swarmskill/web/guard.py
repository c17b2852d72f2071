"""The guard before the application: asks `access` about each request, and adds what browsers should keep to."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from swarmskill.web import access as rules
from swarmskill.web.access import Access

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses what `access` refuses; sets the cookie on a first visit with the token in the address."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = self._answer(scope)
        with_headers = _with_headers(send, own_policy=scope["path"].endswith("/report"))
        await (answer or self._app)(scope, receive, with_headers)

    def _answer(self, scope: Scope) -> Response | None:
        """What to answer instead of the application, if anything."""
        asked = _asked(scope, self._access)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        shown = dict(query).get("token", "")
        first_visit = scope["method"] == "GET" and self._access.is_token(shown)
        if first_visit:
            asked = rules.Request(asked.method, asked.headers, shown, asked.cookie)
        refusal = self._access.refusal(asked)
        if refusal is not None:
            error = {"code": refusal.code, "message": refusal.message, "hint": refusal.hint}
            return JSONResponse({"error": error}, refusal.status)
        if not first_visit:
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        # Not scope["path"] as it is: `//other.example` would lead to another site.
        path = "/" + scope["path"].lstrip("/")
        response = RedirectResponse(path + (f"?{rest}" if rest else ""), 303)
        response.set_cookie(_cookie_name(asked.headers), shown, httponly=True, samesite="strict")
        return response


def may_act(access: Access, request: Request) -> bool:
    """Whether the reader of a page shows the token, so that its buttons will work."""
    asked = _asked(request.scope, access)
    return access.is_token(asked.token) or access.is_token(asked.cookie)


def _asked(scope: Scope, access: Access) -> rules.Request:
    headers = Headers(scope=scope)
    bearer = headers.get("authorization", "")
    token = bearer[7:] if bearer.lower().startswith("bearer ") else headers.get("x-swarm-token", "")
    return rules.Request(scope["method"], headers, token, _cookie(headers))


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(_cookie_name(headers))
    except CookieError:
        return ""
    return found.value if found else ""


def _cookie_name(headers: Mapping[str, str]) -> str:
    """Browsers keep one jar for all ports of a host, so the name tells the port."""
    port = headers.get("host", "").rpartition(":")[2]
    return f"swarm_token_{port if port.isdigit() else 80}"


def _with_headers(send: Send, *, own_policy: bool) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            if not own_policy:  # a report carries its own, which names its style and its script
                headers["Content-Security-Policy"] = _POLICY
        await send(message)

    return sending

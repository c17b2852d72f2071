"""PURE. Who may read and who may act, by what a request says of itself.

Laws:

1. The request must name us as its host: a page of somebody's whose name suddenly leads to this machine
   (DNS rebinding) names its own.
2. What another site's page sends is refused, whatever it carries: browsers say where a request comes from.
3. Who acts shows the token, wherever the server listens. Who reads shows it unless only this machine can
   reach the server and nobody asked for a token.
4. A cookie alone lets nobody act: the request must also say that it comes from our own page.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from swarmskill.records import dataclass

_READING = ("GET", "HEAD", "OPTIONS")
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    code: str
    message: str
    hint: str = ""


_NO_TOKEN = Refusal(401, "token", "this needs the token", "open the address that swarm serve printed")


@dataclass(frozen=True, slots=True)
class Request:
    """What a request says: `headers` by lower-case name, the token that it shows, and the one in its cookie."""

    method: str
    headers: Mapping[str, str]
    token: str = ""
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one server.

    `names` are the host names under which it may be reached, beside numeric addresses where it listens for
    other machines. `closed` when reading needs the token, too.
    """

    token: str
    names: frozenset[str]
    loopback: bool
    closed: bool

    def refusal(self, request: Request) -> Refusal | None:
        """Why this request is refused, or None."""
        host = request.headers.get("host", "")
        if not self._is_us(host):
            return Refusal(403, "host", "this server has another name", "use the address that swarm serve printed")
        if self._is_foreign(request, host):
            return Refusal(403, "origin", "another site's page sent this")
        reading = request.method in _READING
        if reading and not self.closed:
            return None
        if self.is_token(request.token):
            return None
        if not self.is_token(request.cookie):
            return _NO_TOKEN
        if not reading and not request.headers.get("origin"):
            return Refusal(403, "origin", "a request with a cookie must say where it comes from")
        return None

    def is_token(self, shown: str) -> bool:
        """Whether it is the token; takes as long for any."""
        return hmac.compare_digest(shown.encode("utf-8", "replace"), self.token.encode())

    def _is_us(self, host: str) -> bool:
        name = _name(host)
        if name in self.names:
            return True
        return not self.loopback and _is_address(name)

    def _is_foreign(self, request: Request, host: str) -> bool:
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return True
        if site in ("none", "same-origin"):
            return False
        # Another site may link to our pages, which shows them to nobody but the reader.
        return request.method not in _READING or request.headers.get("sec-fetch-mode") != "navigate"


def make_access(host: str, token: str, machine: str, *, closed: bool = False) -> Access:
    """The rules of a server that listens on `host`, on a machine of that name."""
    loopback = is_loopback(host)
    names = _LOOPBACK_NAMES | ({host.lower()} if loopback else {host.lower(), machine.lower()})
    return Access(token, frozenset(names), loopback, closed or not loopback)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _name(host: str) -> str:
    """The host header without the port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

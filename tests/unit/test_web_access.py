"""Who may read and who may act."""

from __future__ import annotations

import pytest

from swarmskill.web.access import Access, Request, make_access

LOCAL = make_access("127.0.0.1", "tok", "box")
CLOSED = make_access("127.0.0.1", "tok", "box", closed=True)
OPEN = make_access("0.0.0.0", "tok", "box")
HERE = "127.0.0.1:8477"
OURS = {"origin": f"http://{HERE}", "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}


def status(access: Access, method: str, *, token: str = "", cookie: str = "", host: str = HERE, **headers: str) -> int:
    named = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    refusal = access.refusal(Request(method, named, token, cookie))
    return refusal.status if refusal else 200


@pytest.mark.parametrize(
    ("access", "method", "request_", "expected"),
    [
        (LOCAL, "GET", {}, 200),
        (LOCAL, "POST", {}, 401),
        (LOCAL, "POST", {"token": "tok"}, 200),
        (LOCAL, "POST", {"token": "tok2"}, 401),
        (LOCAL, "POST", {"token": "ünïcode"}, 401),
        (LOCAL, "DELETE", {}, 401),
        (CLOSED, "GET", {}, 401),
        (CLOSED, "GET", {"token": "tok"}, 200),
        (CLOSED, "GET", {"cookie": "tok"}, 200),
        (OPEN, "GET", {"host": "192.0.2.7:8477"}, 401),
        (OPEN, "GET", {"host": "192.0.2.7:8477", "token": "tok"}, 200),
        (OPEN, "GET", {"host": "box:8477", "token": "tok"}, 200),
    ],
)
def test_the_token_is_needed_to_act_and_where_others_can_read(
    access: Access, method: str, request_: dict[str, str], expected: int
) -> None:
    assert status(access, method, **request_) == expected


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8477", "", "192.0.2.7", "127.0.0.1.evil.example", "[::1"]
)
def test_a_name_that_somebody_pointed_here_is_not_ours(host: str) -> None:
    assert status(LOCAL, "GET", host=host) == 403
    assert status(LOCAL, "POST", host=host, token="tok") == 403


@pytest.mark.parametrize("host", ["localhost:1", "LOCALHOST", "127.0.0.1", "[::1]:8477"])
def test_this_machine_has_several_names_and_ports_may_be_forwarded(host: str) -> None:
    assert status(LOCAL, "GET", host=host) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9000"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors"},
    ],
)
def test_another_sites_page_can_neither_act_nor_read(headers: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        assert status(LOCAL, method, token="tok", cookie="tok", **headers) == 403


def test_another_site_may_link_to_a_page_but_not_send_a_form() -> None:
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert status(LOCAL, "GET", **link) == 200
    assert status(LOCAL, "POST", cookie="tok", **link) == 403


def test_a_cookie_acts_only_for_our_own_page() -> None:
    assert status(LOCAL, "POST", cookie="tok") == 403
    ours = {name.replace("-", "_"): value for name, value in OURS.items()}
    assert status(LOCAL, "POST", cookie="tok", **ours) == 200
    assert status(LOCAL, "POST", cookie="other", **ours) == 401

"""WebSub: signatures, leases, Link headers, hubs."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qs

import pytest

from crawler.feeds.parsed_feed import ParsedFeed
from crawler.feeds.websub import (
    discover_hub,
    is_signed,
    lease_seconds,
    link_relations,
    read_verification,
    same_topic,
    subscription_form,
)


def test_signatures() -> None:
    body, secret = b"<rss/>", "key"
    for method in ("sha1", "sha256", "sha384", "sha512"):
        digest = hmac.new(secret.encode(), body, method).hexdigest()
        assert is_signed(body, f"{method}={digest}", secret)
        assert is_signed(body, f"{method.upper()}={digest.upper()}", secret)
        assert not is_signed(body + b" ", f"{method}={digest}", secret)
    plain = hashlib.sha256(body).hexdigest()
    for bad in (None, "", "sha256", "sha256=", f"sha256={plain}", f"md5={plain}", "sha256=é", "=" * 5000):
        assert not is_signed(body, bad, secret)


def test_leases_are_bounded() -> None:
    assert [lease_seconds(raw) for raw in ("", "x", "-1", "0", "60", "86400", "999999999999", "1e9", "٣")] == [
        864000, 864000, 864000, 3600, 3600, 86400, 864000, 864000, 864000,
    ]  # fmt: skip
    assert lease_seconds("99999999999") == 30 * 86400


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('<https://hub.example/>; rel="hub", <https://a.example/feed>; rel="self"', {"hub": "https://hub.example/", "self": "https://a.example/feed"}),
        ("<https://hub.example/>;rel=hub", {"hub": "https://hub.example/"}),
        ('<a,b>; title="x, y; rel=z"; rel="HUB next"', {"hub": "a,b", "next": "a,b"}),
        ("<" * 9000, {}),
        ('<https://a.example/>; rel="self"' + "; a=b" * 5000, {"self": "https://a.example/"}),
    ],
)  # fmt: skip
def test_link_headers(header: str, found: dict[str, str]) -> None:
    assert link_relations(header) == found


def test_discovery() -> None:
    def feed(**more: Any) -> ParsedFeed:
        return ParsedFeed(kind="rss", **more)

    url = "https://a.example/feed"
    assert discover_hub(url, feed(), []) is None
    found = discover_hub(url, feed(hub="/hub", self_url="https://b.example/feed"), [])
    assert found is not None
    assert (found.hub, found.topic) == ("https://a.example/hub", "https://b.example/feed")
    found = discover_hub(url, feed(hub="https://h.example/"), ['<https://header.example/>; rel="hub"'])
    assert found is not None
    assert (found.hub, found.topic) == ("https://header.example/", url)  # the header comes first
    for bad in ("javascript:alert(1)", "file:///etc/passwd", "ftp://h.example/", "https://["):
        assert discover_hub(url, feed(hub=bad), []) is None
    channel = "https://www.youtube.com/feeds/videos.xml?channel_id=UC0123456789abcdefghij"
    found = discover_hub(
        channel, feed(self_url="http://www.youtube.com/feeds/videos.xml?channel_id=UC0123456789abcdefghij"), []
    )
    assert found is not None
    assert found.hub == "https://pubsubhubbub.appspot.com/subscribe"
    assert found.topic == "https://www.youtube.com/xml/feeds/videos.xml?channel_id=UC0123456789abcdefghij"


def test_forms_and_verifications() -> None:
    form = parse_qs(subscription_form("subscribe", "https://a.example/f", "https://n.example/h/t", "key").decode())
    assert form["hub.secret"] == ["key"]
    assert form["hub.topic"] == ["https://a.example/f"]
    assert b"secret" not in subscription_form("subscribe", "t", "c", None)
    assert b"lease" not in subscription_form("unsubscribe", "t", "c", "key")
    found = read_verification(
        "hub.mode=subscribe&hub.topic=https%3A%2F%2Fa.example%2Ff&hub.challenge=abc&hub.lease_seconds=7200"
    )
    assert (found.mode, found.topic, found.challenge, found.lease) == ("subscribe", "https://a.example/f", "abc", 7200)
    assert read_verification("").challenge == ""
    assert same_topic("https://a.example/f", "https://A.example/f")
    assert not same_topic("https://a.example/f", "https://b.example/f")
    assert not same_topic("x", "https://b.example/f")

"""WebSub (W3C Recommendation of 2018-01-23) for a subscriber: discovery, forms, signatures, leases. Pure.

Hub, topic and self link come from strangers: they decide what is requested of a hub, never what a push counts for.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from crawler.feeds.parsed_feed import ParsedFeed
from crawler.urls import canonical_url, join

LEASE = 10 * 86400.0  # seconds that are requested, and that count if it names none
SHORTEST, LONGEST = 3600.0, 30 * 86400.0  # seconds of a lease, whatever a hub says
RENEW = 2 / 3  # of a lease after which it is renewed
PUSHED = 4.0  # hours between two polls of a feed that is pushed
PUSH_IS_FRESH = 0.5  # hours after a push, or after its subscription began, in which a poll may find what was pushed
MAX_LINK = 8_000  # characters of Link headers that are read
# One link of the header (RFC 8288, section 3): <target>; name=value; name="value"
_LINK = re.compile(
    r"<([^<>]{0,2000})>((?:\s?;\s?[^\s=;,\"<>]{1,40}\s?=\s?(?:\"[^\"]{0,400}\"|[^\s;,\"<>]{0,400})){0,12})"
)
_PARAMETER = re.compile(r";\s?([^\s=;,\"<>]{1,40})\s?=\s?(?:\"([^\"]{0,400})\"|([^\s;,\"<>]{0,400}))")
_METHODS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
_YOUTUBE = re.compile(r"https?://(?:www\.)?youtube\.com/feeds/videos\.xml\?channel_id=([\w-]{10,40})")


@dataclass(frozen=True, slots=True)
class Discovered:
    """Where a feed's updates are pushed from."""

    hub: str
    topic: str  # the address under which the hub knows the feed


def discover_hub(feed_url: str, parsed: ParsedFeed | None, link_headers: Iterable[str]) -> Discovered | None:
    """Return the hub and the topic of a feed: of its Link header, else of its document; None if it names no hub.

    Args:
        feed_url: the address that was polled.
        parsed: the document.
        link_headers: the response's Link headers.
    """
    links = link_relations(",".join(link_headers))
    hub = _address(links.get("hub"), feed_url) or _address(parsed.hub if parsed else None, feed_url)
    topic = _address(links.get("self"), feed_url) or _address(parsed.self_url if parsed else None, feed_url)
    if channel := _YOUTUBE.match(feed_url):  # whose feeds name no hub, and another topic than their own address
        hub = hub or "https://pubsubhubbub.appspot.com/subscribe"
        topic = f"https://www.youtube.com/xml/feeds/videos.xml?channel_id={channel[1]}"
    return Discovered(hub, topic or feed_url) if hub else None


def link_relations(header: str) -> dict[str, str]:
    """Return the first target of each relation of a Link header, by the relation in lower case."""
    found: dict[str, str] = {}
    for target, parameters in _LINK.findall(header[:MAX_LINK]):
        relations = (quoted or plain for name, quoted, plain in _PARAMETER.findall(parameters) if name.lower() == "rel")
        for name in next(relations, "").lower().split():
            found.setdefault(name, target.strip())
    return found


def _address(url: str | None, base: str) -> str | None:
    target = join(base, url) if url else None
    if not target or not target.startswith(("http://", "https://")) or len(target) > 2_000:
        return None
    try:
        canonical_url(target)  # which raises if it cannot be requested
    except ValueError:
        return None
    return target


def subscription_form(mode: str, topic: str, callback: str, secret: str | None) -> bytes:
    """Return the body of a request to a hub.

    Args:
        mode: subscribe or unsubscribe.
        topic: the feed, as the hub knows it.
        callback: where the hub reaches this subscription.
        secret: that signs its pushes; None for a hub without TLS, which would give it away.
    """
    fields = {"hub.mode": mode, "hub.topic": topic, "hub.callback": callback}
    if mode == "subscribe":
        fields["hub.lease_seconds"] = str(round(LEASE))
        if secret:
            fields["hub.secret"] = secret
    return urlencode(fields).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A hub's request to the callback."""

    mode: str
    topic: str
    challenge: str = ""
    lease: float = LEASE  # seconds, bounded
    reason: str = ""


def read_verification(query: str) -> Verification:
    """Read the query of a hub's request; what it lacks is empty."""
    values: Mapping[str, list[str]] = parse_qs(query[:10_000], max_num_fields=50)

    def first(name: str) -> str:
        return (values.get(name) or [""])[0]

    return Verification(
        mode=first("hub.mode"), topic=first("hub.topic"), challenge=first("hub.challenge")[:2_000],
        lease=lease_seconds(first("hub.lease_seconds")), reason=first("hub.reason")[:300],
    )  # fmt: skip


def lease_seconds(raw: str) -> float:
    """Return the seconds of a lease, within bounds."""
    digits = raw.strip()
    seconds = float(digits) if digits.isascii() and digits.isdigit() and len(digits) < 12 else LEASE
    return min(max(seconds, SHORTEST), LONGEST)


def is_signed(body: bytes, signature: str | None, secret: str) -> bool:
    """Return whether a push has the signature of its secret; compared in constant time.

    Args:
        body: the push.
        signature: the header X-Hub-Signature, method=hex digits.
        secret: of the subscription.
    """
    method, _, digits = (signature or "").strip().partition("=")
    made_by = _METHODS.get(method.lower())
    if made_by is None:
        return False
    expected = hmac.new(secret.encode(), body, made_by).hexdigest()
    return hmac.compare_digest(expected.encode(), digits.strip().lower().encode("utf-8", "replace"))


def same_topic(one: str, other: str) -> bool:
    """Return whether two addresses are the same topic: as they are, or as they are requested."""
    if one == other:
        return True
    try:
        return canonical_url(one) == canonical_url(other) and urlsplit(one).query == urlsplit(other).query
    except ValueError:
        return False

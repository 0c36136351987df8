"""Addresses: clean them for requests, make keys to compare them, split them into site and host. No network access.

There are two forms that must never be mixed: `canonical_url` is what may be requested, `url_key` is only for comparing
two addresses. courlan and w3lib do the parsing; the names of noise parameters are data below (a parameter's name is a
fact, measured on real address pairs; DESIGN, decision 5).
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urljoin, urlsplit, urlunsplit

from courlan import extract_domain
from w3lib.url import safe_url_string

# Parameters that say where a reader came from, never which article it is. They are removed before requests too: The
# Moscow Times' robots.txt forbids `*?utm`, so an address with them may not be fetched at all.
_TRACKING = re.compile(
    r"""^(?:
    utm_?\w*|ga_\w+|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|fb_(?:action_ids|action_types|source|ref|comment_id)|"""
    r"""msclkid|yclid|ysclid|twclid|
    ttclid|li_fat_id|igshid|igsh|mc_[ce]id|mkt_tok|mtm_\w+|pk_\w+|piwik_\w+|matomo_\w+|hsa_\w+|_hs(?:enc|mi)|"""
    r"""hsctatracking|
    __twitter_impression|twitter_impression|oly_(?:anon|enc)_id|vero_(?:id|conv)|wickedid|s_cid|s_kwcid|"""
    r"""ns_(?:mchannel|source|campaign|linkname|fee)|
    wt_?\.?(?:mc|zmc|nav|ga|mc_id)(?:_\w+)?|wtmc|wt\.(?:mc_id|nav)|xtor|xtref|
    at_(?:medium|campaign|custom\d|link\w*|format|ptr\w*|bbc_team|recipient_\w+|send_date)|
    cmpid|campid|cmp_id|smid|smtyp|guccounter|guce_referr?er(?:_sig)?|_ga|_gl|_ke|_openstat|"""
    r"""action_(?:object|type|ref)_map|
    algo_(?:e?x?pvid|expid)|yptr|\.tsrc|soc_(?:src|trk)|cm_(?:mmc|ven|cat|pla|ite)\w*|
    sc_(?:campaign|channel|content|medium|outcome|geo|country|src|lid|uid|llid|eh)|echobox|dicbo|obOrigUrl|tblci|"""
    r"""sfmc_\w+
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
# Noise for comparing only: on some sites these choose another view of the page (or, rarely, the page itself), so
# requests keep them.
_VIEW = re.compile(
    r"""^(?:
    ref|source|from|src|via|origin|view|display|theme|fb|tw|_?amp|amp_\w+|_|cb|cachebuster|nocache|page_?view|"""
    r"""hl_?ref|hootpostid|platform|
    device|single_?page|mobile|cmp|cmpld|partner|emc|srnd|taid|print|ftag|ito|ocid|icid|ncid|cid_source|cvid|"""
    r"""fromcms|rss_?\w*|
    feed(?:type|name|_id)?|spm|scm|share_?(?:token|from|source|type|id|medium)?|sharetype|shared|socialnetwork|"""
    r"""smuid|nsctype|
    ref_?src|ref_?url|referr?er|f?refid|fref|from_?ref|recruiter|een|seen|xt(?:cr|s|np|loc|dt|mc)|wpamp|__\w+|"""
    r"""_(?:rdc|rdr|ft_|ss|unique_id)|ucbcb|cbrd|si|ab_channel|adgroupid|clickid|
    \w*affiliate\w*|\w+_source|tsource|source_?type|trk(?:campaign|info|email)?|traffic_?source|echo_?id|"""
    r"""outbrain_?\w*|taboola_?\w*|
    \#?xtor|mbid|mod|nl(?:id)?_?(?:source|ref)?|newsletter(?:_id)?|seg_?id|sessionid|phpsessid|jsessionid|usqp|"""
    r"""output_?type
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
# Noise on these hosts only; elsewhere such a name may be an article's own id.
_VIEW_AT = {"youtube.com": {"feature", "t"}, "twitter.com": {"s", "t"}, "x.com": {"s", "t"}}
_JUNK = re.compile(r"[\x00-\x1f\x7f]")  # control characters that a bad parser left in an address
_AMP_VALUES = {"amp", "amphtml", "amp=1"}
_PORTS = {"http": 80, "https": 443}
_INDEX = re.compile(
    r"/(?:index(?:\.(?:x?html?|php|aspx?|jsp|cfm|shtml))?|(?:default|home)\.(?:x?html?|php|aspx?|jsp|cfm|shtml))/*$",
    re.IGNORECASE,
)
_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#]*", re.IGNORECASE)
# Not /tag/amp: "amp" is a word there.
_AMP_PATH = re.compile(
    "(?<![/]tag/)(?<![/]tags/)(?<!topic/)(?<!topics/)(?<!search/)(?:platform/)?(?<=/)amp(?:/|$)|"
    r"[./]amp(?=\.html?$)|\.amp/?$|-amp(?=\.html?$)",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"\.(?:html?|amp)/?$", re.IGNORECASE)
_ARTICLE = re.compile(r"(?<=[^/])/article(?=/)", re.IGNORECASE)  # where the AMP view has /amp/
_HOST_VIEW = re.compile(
    r"^(?:(?:www\d{0,2}|m|mobile?|amp|touch|wap|lofi|lite)\.)+(?=[^.]+\.)|^amp-(?=[^.]+\.[^.]+\.)|"
    r"(?<=\.)m\.(?=[^.]+\.)",
    re.IGNORECASE,
)
_LOCALE_SUBDOMAIN = re.compile(r"^(?:ww\d)\.", re.IGNORECASE)
MAX_URL = 4000  # longer ones are session dumps or attacks; IE's limit was 2,083, servers accept 8,000


def canonical_url(url: str, base: str | None = None) -> str:
    """The address to request: absolute, ASCII, without fragment, credentials and tracking parameters.

    Args:
        url: as written in a feed or a page; may be relative if base is given.
        base: the address of the document that contains it.

    Returns:
        An http or https address.

    Raises:
        ValueError: not http(s), no host, or longer than MAX_URL.
    """
    text = _tidy(url)
    if base:
        text = join(base, text) or ""
    if len(text) > MAX_URL:
        raise ValueError(f"the address is longer than {MAX_URL} characters: {text[:80]}…")
    parts = _split(text)
    host = _ascii_host(parts.hostname or "")
    port = parts.port
    netloc = f"[{host}]" if ":" in host else host
    if port and port != _PORTS[parts.scheme]:
        netloc = f"{netloc}:{port}"
    query = _untracked(parts.query)
    return str(safe_url_string(urlunsplit((parts.scheme, netloc, parts.path or "/", query, ""))))


def join(base: str, href: str | None) -> str | None:
    """Resolve a link; None where the two make no address (for example a broken IPv6 bracket in a <base>)."""
    try:
        return urljoin(base, (href or "").strip())
    except ValueError:
        return None


def is_amp(url: str) -> bool:
    """Whether the address itself shows that it is the AMP view of a page."""
    parts = urlsplit(url)
    return bool(_AMP_PATH.search(parts.path)) or "amp" in {
        name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)
    }


def _tidy(url: str) -> str:
    """Remove surrounding control characters and spaces, and tabs and newlines anywhere (WHATWG URL).

    Other control characters are removed too, as no address needs them.
    """
    return re.sub(r"[\x00-\x1f\x7f]", "", url.strip("".join(map(chr, range(33)))))


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"not an address: {text[:200]!r} ({error})") from error
    if parts.scheme.lower() not in _PORTS:
        raise ValueError(f"not an http or https address: {text[:200]!r}")
    if not parts.hostname or "\\" in parts.netloc:
        raise ValueError(f"an address without a host: {text[:200]!r}")
    return parts


def _ascii_host(host: str) -> str:
    """A host name as IDNA, in lower case, without a trailing dot.

    Raises:
        ValueError: the name is too long for DNS (RFC 1035, 2.3.4), or not valid IDNA.
    """
    host = host.rstrip(".").lower()
    if len(host) > 1_000:  # a name has 253 octets at most, and IDNA processes each letter
        raise ValueError(f"not a host name, it is too long: {host[:100]!r}")
    if host.isascii():
        if len(host) > 253 or any(len(label) > 63 for label in host.split(".")):
            raise ValueError(f"not a host name, a part of it is too long: {host[:100]!r}")
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"not a host name: {host[:100]!r}") from error


def _untracked(query: str) -> str:
    """The query without tracking parameters, otherwise byte for byte: some servers check order and escaping."""
    pairs = ((part, *(unquote(piece) for piece in part.partition("=")[::2])) for part in query.split("&") if part)
    return "&".join(part for part, name, value in pairs if not _tracks(name, value))


def _tracks(name: str, value: str) -> bool:
    if name.lower().startswith("at_") and value.isdigit():
        return False  # a tracking value is a word; a number may be the article's own id
    return bool(_TRACKING.match(name))


# A crawl computes the keys of a few addresses again and again; 65,536 keys took 25 MB in a crawler running for months.
@lru_cache(maxsize=4096)
def url_key(url: str) -> str:
    """A key that is equal for two addresses of one article. For comparing only, never for requests.

    These do not count: scheme, www/m/amp hosts, AMP paths, tracking and view parameters, their order, index files,
    trailing slashes, session ids, and fragments except #! routes. Parameters that are an article's own id on some sites
    (id, p, sid, s, m, …) do count.

    Raises:
        ValueError: not an http(s) address.
    """
    text = _JUNK.sub("", _tidy(url)).rstrip('"<>')
    if text.startswith("tag:"):  # the address of record of an entry without an address; see feed_article.py
        return text
    if "://" not in text[:12]:
        text = f"http:{text}" if text.startswith("//") else f"http://{text}"
    text = _unwrap(text)
    parts = _split(text[:MAX_URL])
    host = _HOST_VIEW.sub("", _ascii_host((parts.hostname or "").replace(" ", "")))
    host = _LOCALE_SUBDOMAIN.sub("", host)
    port = "" if parts.port in {None, 80, 443} else f":{parts.port}"
    pairs = sorted(
        {
            (k, v)
            for k, v in parse_qsl(parts.query.replace("&amp;", "&"), keep_blank_values=True)
            if not _noise(k, v) and k not in _VIEW_AT.get(host, ())
        }
    )
    query = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in pairs)
    fragment = parts.fragment if parts.fragment.startswith(("!", "/")) and parts.fragment.strip("!/") else ""
    return (
        f"{host}{port}{_key_path(parts.path)}" + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
    )


def _noise(name: str, value: str) -> bool:
    return _tracks(name, value) or bool(_VIEW.match(name)) or value.lower() in _AMP_VALUES or (not name and not value)


def _key_path(path: str) -> str:
    path = _SESSION.sub("", path)
    path = re.sub(r"/{2,}", "/", path)
    path = quote(unquote(path), safe="/:@!$&'()*+,;=~-._")
    path = _INDEX.sub("/", path)
    path = _AMP_PATH.sub("", path)
    path = _SUFFIX.sub("", _ARTICLE.sub("", path))
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if segments:
                segments.pop()
        elif segment != ".":
            segments.append(segment)
    return "/".join(segments).rstrip("/")


_CACHE_HOST = re.compile(r"^https?://[^/]*\.cdn\.ampproject\.org/(?:[acviwr]/)?(?:s/)?(?P<rest>[^/].*)$", re.IGNORECASE)
_GOOGLE_AMP = re.compile(r"^https?://(?:www\.)?google\.[a-z.]+/amp/(?:s/)?(?P<rest>[^/].*)$", re.IGNORECASE)


def _unwrap(url: str) -> str:
    """Replace the address of a copy in an AMP cache by the address in its path."""
    for pattern in (_CACHE_HOST, _GOOGLE_AMP):
        if (match := pattern.match(url)) and "." in match["rest"].split("/")[0]:
            return f"http://{match['rest']}"
    return url


def site(url: str) -> str:
    """The registrable domain of an address, with a port that is not the default; an IP address is its own site."""
    parts = urlsplit(url)
    host = _ascii_host(parts.hostname or "")
    port = "" if parts.port in {None, 80, 443} else f":{parts.port}"
    if not host or ":" in host or re.fullmatch(r"[\d.]+", host):
        return f"{host}{port}"
    return f"{_registrable(host)}{port}"


@lru_cache(maxsize=4096)
def _registrable(host: str) -> str:
    return extract_domain(f"http://{host}/") or host


def host_of(url: str) -> str:
    """The host name in lower case, the key of all request limits; "" where there is none."""
    try:
        return (urlsplit(url).hostname or "").lower().rstrip(".")
    except ValueError:
        return ""


def netloc_of(url: str) -> str:
    """host:port, always with the port; publisher rules are matched by it."""
    parts = urlsplit(url)
    return f"{(parts.hostname or '').lower()}:{parts.port or _PORTS.get(parts.scheme, 0)}"


def is_root_or_section(url: str) -> bool:
    """Whether an address looks like a home page or a section page.

    No article has such an address, so a canonical link to one says nothing.
    """
    path = urlsplit(url).path.strip("/")
    if not path or _INDEX.search(f"/{path}"):
        return True
    segments = path.split("/")
    last = segments[-1]
    wordy = (
        last.count("-") >= 2 or last.count("_") >= 2 or any(c.isdigit() for c in last) or "." in last or len(last) > 40
    )
    return len(segments) <= 2 and not wordy and not urlsplit(url).query and all(len(s) <= 25 for s in segments)

"""Addresses: clean them for requests, make keys to compare them, split them into site and host. No network access.

There are two forms that must never be mixed: `canonical_url` is what may be requested, `url_key` is only for comparing
two addresses. courlan and w3lib do the parsing; the names of noise parameters are data below (a parameter's name is a
fact, measured on real address pairs; DESIGN, decision 5).
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urljoin, urlsplit, urlunsplit

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
    r"""sfmc_\w+|
    srsltid|gad_(?:source|campaignid)|_bhlid|rb_clickid|ymclid|rdt_cid|mibextid|epik|irclickid|awclid|auctid|vmcid|ef_id|"""
    r"""_branch_(?:match_id|referrer)|__hs(?:tc|sc|fp)|hss_channel|hmb_(?:campaign|medium|source)|_kx|__s|"""
    r"""bsft_\w+|ml_subscriber(?:_hash)?|ck_subscriber_id|ss_email_id|omnisendcontactid|vgo_ee|unicorn_click_id|"""
    r"""adobe_mc_(?:ref|sdid)|itm_(?:source|medium|campaign|content|term)|tw_(?:source|medium|campaign|adid)|"""
    r"""sp(?:mailing|user|job|report)id|elqtrack(?:id)?|nr_email_referr?er|oft_(?:c|ck|d|ids?|k|lk|sk|campaign)
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
# Noise for comparing only: on some sites these choose another view of the page, so requests keep them. On others they
# choose the page itself (`news.php?view=881`): a number that may be an id counts, see _is_id.
_VIEW = re.compile(
    r"""^(?:
    ref|source|from|src|via|origin|view|display|theme|fb|tw|page_?view|platform|device|single_?page|mobile|print|mod|
    cmp|cmpld|partner|emc|srnd|ftag|ito|ocid|icid|ncid|cid_source|fromcms|rss_?\w*|feed(?:type|name|_id)?|spm|scm|
    share_?(?:from|source|type|id|medium)?|sharetype|shared|socialnetwork|nsctype|
    hl_?ref|ref_?src|ref_?url|referr?er|fref|from_?ref|\w+_source|tsource|source_?type|traffic_?source|
    mbid|nl(?:id)?_?(?:source|ref)?|newsletter(?:_id)?|output_?type
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
# Noise whose values are numbers too: switches, sessions, clicks, readers, advertisements, times against caches.
_NUMBERED = re.compile(
    r"""^(?:
    _?amp|amp_\w+|wpamp|usqp|_|cb|cachebuster|nocache|sessionid|phpsessid|jsessionid|seg_?id|smuid|cvid|taid|si|
    hootpostid|share_?token|f?refid|recruiter|een|seen|\#?xtor|xt(?:cr|s|np|loc|dt|mc)|__\w+|_(?:rdc|rdr|ft_|ss|unique_id)|
    ucbcb|cbrd|ab_channel|adgroupid|clickid|\w*affiliate\w*|trk(?:campaign|info|email)?|echo_?id|outbrain_?\w*|
    taboola_?\w*
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
# Noise on these hosts only; elsewhere such a name may be an article's own id.
_VIEW_AT = {"youtube.com": {"feature", "t"}, "twitter.com": {"s", "t"}, "x.com": {"s", "t"}}
_JUNK = re.compile(r"[\x00-\x1f\x7f]")  # control characters that a bad parser left in an address
_AMP_VALUE = re.compile(r"amp(?:=1|[-_]?(?:html|art|article|page|type|view))?", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}
_INDEX = re.compile(
    r"/(?:index(?:\.(?:x?html?|php|aspx?|jsp|cfm|shtml))?|(?:default|home)\.(?:x?html?|php|aspx?|jsp|cfm|shtml))/*$",
    re.IGNORECASE,
)
_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#]*", re.IGNORECASE)
# Not /tag/amp: "amp" is a word there; nor /guitar-amp, but /story-3700095-amp.
_AMP_PATH = re.compile(
    "(?<![/]tag/)(?<![/]tags/)(?<!topic/)(?<!topics/)(?<!search/)(?:platform/)?(?<=/)(?:amphtml|amp)(?:/|$)|"
    r"(?:[./~_!-]|(?:\.html?)?/alt=)amp(?=\.html?$)|[.!~]amp/?$|(?<=\d)[-_]amp/?$|(?<=/)amp_(?=article|story|video|photo|live|slide)",
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


# An address that is requested as it is written: nothing of it is encoded, relative, or perhaps for tracking.
_PLAIN = re.compile(
    r"https?://(?=[^/]{1,250}/)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+(?::(?!80/|443/)[1-9][0-9]{1,3})?/"
    r"[A-Za-z0-9/_.~-]{0,2000}"
)


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
    if _PLAIN.fullmatch(url):
        return url
    text = tidy(url)
    if base:
        text = join(base, text) or ""
    if len(text) > MAX_URL:
        raise ValueError(f"the address is longer than {MAX_URL} characters: {text[:80]}…")
    parts = split(text)
    host = _ascii_host(parts.hostname or "")
    port = parts.port
    netloc = f"[{host}]" if ":" in host else host
    if port and port != _PORTS[parts.scheme]:
        netloc = f"{netloc}:{port}"
    query = _untracked(parts.query)
    return str(safe_url_string(urlunsplit((parts.scheme, netloc, parts.path or "/", query, ""))))


def join(base: str, href: str | None) -> str | None:
    """Resolve a link; None where the two make no address (for example a broken IPv6 bracket in a <base>)."""
    if href and _PLAIN.fullmatch(href):
        return href
    try:
        return urljoin(base, (href or "").strip())
    except ValueError:
        return None


def is_amp(url: str) -> bool:
    """Whether the address itself shows that it is the AMP view of a page."""
    parts = urlsplit(url)
    if _AMP_PATH.search(parts.path) or _AMP_COPY.match(url) or (parts.hostname or "").startswith("amp."):
        return True
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    return any(name.lower() == "amp" or (name and _AMP_VALUE.fullmatch(value)) for name, value in pairs)


def tidy(url: str) -> str:
    """Remove surrounding control characters and spaces, and tabs and newlines anywhere (WHATWG URL).

    Other control characters are removed too, as no address needs them.
    """
    return re.sub(r"[\x00-\x1f\x7f]", "", url.strip("".join(map(chr, range(33)))))


def split(text: str) -> SplitResult:
    """The parts of an http(s) address.

    Raises:
        ValueError: it is none, or has no host.
    """
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"not an address: {text[:200]!r} ({error})") from error
    if parts.scheme.lower() not in _PORTS:
        raise ValueError(f"not an http or https address: {text[:200]!r}; write https://HOST/PATH")
    if not parts.hostname or "\\" in parts.netloc:
        raise ValueError(f"an address without a host: {text[:200]!r}; write https://HOST/PATH")
    return parts


_NOT_A_HOST = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^`{|}]")


def _ascii_host(host: str) -> str:
    """The host name that a browser requests: by UTS 46, not transitional, in lower case, without a trailing dot.

    Python's own codec is of 2003: it makes straße.example strasse.example, which is another owner's host.

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
    import idna

    try:
        labels = idna.uts46_remap(host, std3_rules=False).rstrip(".").split(".")
    except UnicodeError as error:  # IDNAError is one
        raise ValueError(f"not a host name: {host[:100]!r}") from error
    if any(label.startswith("xn--") and not label.isascii() for label in labels):
        raise ValueError(f"not a host name, a part of it is encoded twice: {host[:100]!r}")
    name = ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)
    if not name or _NOT_A_HOST.search(name):
        raise ValueError(f"not a host name: {host[:100]!r}")
    return _ascii_host(name)


def ascii_host_url(url: str) -> str:
    """The address with its host as it is requested, otherwise as it is; unchanged where that is no host.

    For what is requested as it was written: libraries that get another alphabet encode it by the rules of 2003.
    """
    try:
        netloc = urlsplit(url).netloc
        if netloc.isascii():
            return url
        user, at, place = netloc.rpartition("@")
        host, colon, port = place.partition(":")
        return url.replace(netloc, f"{user}{at}{_ascii_host(host)}{colon}{port}", 1)
    except ValueError:
        return url


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
    (id, p, sid, s, m, …) do count, and so does a view parameter with a number (view=881). A change of this function is
    a new version of the keys.

    Raises:
        ValueError: not an http(s) address.
    """
    text = _JUNK.sub("", tidy(url)).rstrip('"<>')
    if text.startswith("tag:"):  # the address of record of an entry without an address; see feed_article.py
        return text
    if "://" not in text[:12]:
        text = f"http:{text}" if text.startswith("//") else f"http://{text}"
    text = _unwrap(text)
    parts = split(text[:MAX_URL])
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


def same_page(a: str, b: str) -> bool:
    """Whether two addresses are surely of one page, or differ in nothing but a view parameter's number in one of them.

    A feed's `?ref=4021` is of the page whose canonical link has no `ref`; `view=881` and `view=882` are of two pages.

    Raises:
        ValueError: one is not an http(s) address.
    """
    (page, _, query), (other, _, others) = url_key(a).partition("?"), url_key(b).partition("?")
    names = [name for name, _ in set(parse_qsl(query)) ^ set(parse_qsl(others))]
    return page == other and len(set(names)) == len(names) and all(map(_VIEW.match, names))


def _noise(name: str, value: str) -> bool:
    if _tracks(name, value) or _AMP_VALUE.fullmatch(value) or _NUMBERED.match(name) or (not name and not value):
        return True
    return bool(_VIEW.match(name)) and not _is_id(value)


def _is_id(value: str) -> bool:
    """Whether a view parameter's value may be the id of an article: a number of two digits or more, no switch."""
    return len(value) > 1 and value.isascii() and value.isdigit() and value[0] != "0"


def _key_path(path: str) -> str:
    path = _SESSION.sub("", path)
    path = re.sub(r"/{2,}", "/", path)
    # An escaped slash is a character of a segment, not a border of two (RFC 3986, 2.2).
    path = "%2F".join(
        quote(unquote(piece), safe="/:@!$&'()*+,;=~-._") for piece in re.split("%2f", path, flags=re.IGNORECASE)
    )
    path = _INDEX.sub("/", _AMP_PATH.sub("", path))
    path = _SUFFIX.sub("", _ARTICLE.sub("", path))
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if segments:
                segments.pop()
        elif segment != ".":
            segments.append(segment)
    return "/".join(segments).rstrip("/")


# The caches of Google, Bing and Cloudflare (/c/ documents, /v/ in the viewer, s/ by TLS), and the viewers of searches.
_AMP_COPY = re.compile(
    r"^https?://(?:(?:[^/?#]*\.)?(?:cdn\.ampproject\.org|bing-amp\.com|amp\.cloudflare\.com)/(?:[a-z]{1,2}/)?|"
    r"(?:www\.|search\.|m\.)?(?:google\.[a-z.]+|bing\.com|yahoo\.co\.jp)/amp/)(?:s/)?(?P<rest>[^/].*)$",
    re.IGNORECASE,
)


def _unwrap(url: str) -> str:
    """Replace the address of a copy in an AMP cache or viewer by the address in its path."""
    if not (match := _AMP_COPY.match(url)):
        return url
    rest = re.sub("%2f", "/", match["rest"], flags=re.IGNORECASE)
    if "?" not in rest:  # a viewer escapes what belongs to the page
        rest = re.sub("%3f", "?", rest, count=1, flags=re.IGNORECASE)
        path, mark, query = rest.partition("?")
        rest = f"{path}{mark}{re.sub('%26', '&', re.sub('%3d', '=', query, flags=re.IGNORECASE))}"
    return f"http://{rest}" if "." in rest.split("/")[0] else url


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
    from courlan import extract_domain  # takes a twentieth of the start, and a pass without new articles needs none

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

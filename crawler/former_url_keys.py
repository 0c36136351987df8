"""The URL keys of the version before the present one, for databases whose keys `newsdesk db migrate` has not rewritten.

Frozen: the keys stored in such a database were made by exactly this code, and are found by it only. crawler.urls has
the present keys.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote

from crawler.urls import MAX_URL, split, tidy

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


@lru_cache(maxsize=4096)
def former_url_key(url: str) -> str:
    """The key of an address in version 1 of the URL keys.

    Raises:
        ValueError: not an http(s) address.
    """
    text = _JUNK.sub("", tidy(url)).rstrip('"<>')
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


def _tracks(name: str, value: str) -> bool:
    if name.lower().startswith("at_") and value.isdigit():
        return False  # a tracking value is a word; a number may be the article's own id
    return bool(_TRACKING.match(name))


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

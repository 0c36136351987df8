"""Turn `one<br><br>two` into two paragraphs, as readers see it, before text extraction joins them. Pure."""

from __future__ import annotations

from typing import Any

from crawler.extraction.measures import BLOCKS

_HOLDERS = {"p", "blockquote", "li", "td", "section", "article", "main", "div", "center"}
_INLINE = {"font", "span", "strong", "b", "em", "i", "u", "small"}


def split_at_empty_lines(tree: Any) -> None:
    """Split paragraphs at two or more line breaks in a row; the tree is changed in place."""
    holders = [node.getparent() for node in tree.iter("br") if _is_empty_line(node)]
    for found in dict.fromkeys(holders):
        holder = _without_inline(found)
        if holder is not None and holder.getparent() is not None and holder.tag in _HOLDERS:
            _split(holder)


def _without_inline(holder: Any | None) -> Any | None:
    """Remove the inline elements around line breaks, as in `<p><b><i>one<br><br>two</i></b></p>`; return what holds them."""
    while holder is not None and holder.tag in _INLINE:
        inline, holder = holder, holder.getparent()
        if holder is not None:
            inline.drop_tag()
    return holder


def _is_empty_line(node: Any) -> bool:
    """Return whether a line break follows another one, with nothing but spaces between."""
    before = node.getprevious()
    return before is not None and before.tag == "br" and not (before.tail or "").strip()


def _split(holder: Any) -> None:
    """Put each run of text between empty lines into a paragraph: next to a `p`, else inside the element."""
    pieces: list[Any] = [_paragraph(holder, holder.text)]
    children = list(holder)
    tails = [child.tail for child in children]
    empty = {child for child in children if child.tag == "br" and _is_empty_line(child)}
    runs = empty | {child for child in children if child.getnext() in empty}
    ends = {child for child in runs if child.getnext() not in empty}
    for child, tail in zip(children, tails, strict=True):
        if child in runs:
            if child in ends:
                pieces.append(_paragraph(holder, tail))
        elif child.tag in BLOCKS and holder.tag != "p":
            pieces += [child, _paragraph(holder, tail)]
        else:
            pieces[-1].append(child)
            child.tail = tail
    blocks = set(children)
    pieces = [piece for piece in pieces if len(piece) or (piece.text or "").strip() or piece in blocks]
    _replace(holder, pieces)


def _paragraph(holder: Any, text: str | None) -> Any:
    made = holder.makeelement("p")
    made.text = text
    return made


def _replace(holder: Any, pieces: list[Any]) -> None:
    """Give the pieces the place of the element's content; a `p` becomes its first piece."""
    for child in list(holder):
        holder.remove(child)
    holder.text = None
    if holder.tag != "p":
        for piece in pieces:
            piece.tail = None
        holder.extend(pieces)
        return
    end, holder.tail = holder.tail, None
    for piece in reversed(pieces[1:]):
        holder.addnext(piece)
    if pieces:
        holder.text = pieces[0].text
        holder.extend(list(pieces[0]))
    (pieces[-1] if len(pieces) > 1 else holder).tail = end

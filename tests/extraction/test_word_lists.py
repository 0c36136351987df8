"""Lists that are read at once are what justext and trafilatura read word by word."""

from __future__ import annotations

import justext
import pytest
from justext.core import define_stoplist
from trafilatura import external
from trafilatura.meta import reset_caches

from crawler.extraction.trafilatura_patches import patched_trafilatura
from crawler.extraction.word_lists import all_words, common_words

LANGUAGES = sorted(justext.get_stoplists())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_list_is_justexts(language: str) -> None:
    assert common_words(language) == justext.get_stoplist(language)


def test_all_lists_together_are_trafilaturas() -> None:
    every = frozenset(word for language in LANGUAGES for word in justext.get_stoplist(language))
    assert all_words() == every == define_stoplist(tuple(every))
    patched_trafilatura()
    assert vars(external)["jt_stoplist_init"]() is all_words()
    assert justext.core.define_stoplist(all_words()) is all_words()
    assert justext.core.define_stoplist(("The", "and")) == {"the", "and"}
    reset_caches()  # clears that function's too

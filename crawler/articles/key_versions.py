"""The present and the former URL keys, as the store wants them. Pure."""

from __future__ import annotations

from crawler.articles.identity import same_article
from crawler.former_url_keys import former_url_key
from crawler.urls import same_page, url_key
from storage.key_functions import KeyFunctions

KEYS = KeyFunctions(make=url_key, make_former=former_url_key, same_page=same_page, same_article=same_article)

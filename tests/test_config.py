from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.config import value_types
from crawler.config.dump import to_toml
from crawler.config.loader import load_config, shipped
from crawler.config.models import SECTIONS, Config
from crawler.errors import ConfigError


def _load(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "newsdesk.toml"
    file.write_text(text, encoding="utf-8")
    return load_config(file)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (90, 90),
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("7d", 604800),
        ("1.5h", 5400),
        ("daily", 86400),
        ("15", 15),
    ],
)
def test_seconds_reads_a_duration(said: object, meant: float) -> None:
    assert value_types.seconds(said) == meant


@pytest.mark.parametrize("said", ["soon", "", "-5", "5 parsecs", True, [1], "1h later"])
def test_seconds_refuses_what_is_no_duration(said: object) -> None:
    with pytest.raises(ValueError):
        value_types.seconds(said)


@given(st.integers(min_value=1, max_value=10**8))
def test_readable_reads_back(value: int) -> None:
    assert value_types.seconds(value_types.format_duration(value)) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[http]\ntimout = 3\n", "newsdesk.toml:2: unknown key 'timout' in [http]; did you mean 'timeout'?"),
        ("[htp]\n", "unknown key 'htp'; did you mean 'http'?"),
        ("[http\n", "not valid TOML"),
        ("\n\n[http]\ntimeout = 'x'\n", "newsdesk.toml:4: http.timeout = 'x' is not a duration"),
        (
            "[[source]]\nurl = 'https://a.org/'\n[[source]]\nurl = 'https://b.org/'\nfeds = []\n",
            "newsdesk.toml:5: unknown key 'feds' in [[source]]; did you mean 'feeds'?",
        ),
        ("[[source]]\nname = 'x'\n", "a [[source]] needs a url, feeds, sitemaps or pages"),
        ("[[source]]\nurl = 'ftp://a.org/'\n", "newsdesk.toml:1: url: not an http or https address"),
        ("[[source]]\nurl = 'https://a.org/'\n[[source]]\nurl = 'https://a.org/'\n", "two sources have the id 'a.org'"),
        ("include = ['gone.toml']\n", "the included file"),
        ("[http]\nallow_networks = ['home']\n", "which is not a network"),
        ("[[source]]\nurl = 'https://a.org/'\ninclude = ['(']\n", "regular expression that cannot be read"),
        (
            "[[source]]\nurl = 'https://a.org/'\n[source.article]\nbodi = 'p'\n",
            "unknown key 'bodi' in [source.article]; did you mean 'body'?",
        ),
    ],
)
def test_load_config_says_file_line_and_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_environment_beats_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSDESK_HTTP__TIMEOUT", "7")
    monkeypatch.setenv("NEWSDESK_HTTP__ALLOW_NETWORKS", "127.0.0.0/8, 10.0.0.0/8")
    config = _load(tmp_path, "[http]\ntimeout = 3\n")
    assert config.http.timeout == 7
    assert config.http.allow_networks == ("127.0.0.0/8", "10.0.0.0/8")
    assert config.origins["http.timeout"] == "NEWSDESK_HTTP__TIMEOUT"


def test_an_unknown_variable_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSDESK_HTTP__TIMEOT", "7")
    with pytest.raises(ConfigError, match="NEWSDESK_HTTP__TIMEOUT"):
        _load(tmp_path, "")


def test_database_is_relative_to_the_file_that_says_it(tmp_path: Path) -> None:
    assert _load(tmp_path, "[storage]\ndatabase = 'a.db'\n").database == tmp_path / "a.db"
    assert _load(tmp_path, "").database == Path("news.db")


def test_shipped_settings_are_the_defaults() -> None:
    config = load_config(shipped("newsdesk.toml"))
    for name, section in SECTIONS.items():
        assert getattr(config, name) == section(), name


def test_shipped_settings_name_every_setting() -> None:
    text = shipped("newsdesk.toml").read_text(encoding="utf-8")
    for name, section in SECTIONS.items():
        block = text.split(f"\n[{name}]\n", 1)[1].split("\n[", 1)[0]
        for field in dataclasses.fields(section):
            assert f"{field.name} =" in block, f"[{name}] {field.name}"


def test_shipped_sources_are_forty_and_more_of_many_countries() -> None:
    sources = load_config(shipped("newsdesk.toml")).sources
    assert sources[0].id == "themoscowtimes.com"
    assert len(sources) >= 40
    assert len({s.country for s in sources}) >= 15
    assert len({s.language for s in sources}) >= 8


def test_a_shipped_id_keeps_the_shipped_rules(tmp_path: Path) -> None:
    config = _load(tmp_path, '[[source]]\nid = "themoscowtimes.com"\nurl = "http://127.0.0.1:8100/"\n')
    assert config.sources[0].article.id


def test_to_toml_reads_back_to_the_same(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        '[http]\ntimeout = "9s"\n[[source]]\nurl = "https://a.org/"\ntags = ["x"]\nevery = "20m"\nheaders = { A = "env:B" }\n[source.article]\nid = \'-a(\\d+)\'\nbody = ["div.x"]\n',
    )
    (tmp_path / "again.toml").write_text(to_toml(config), encoding="utf-8")
    again = load_config(tmp_path / "again.toml")
    assert again.sources == config.sources
    assert again.http == config.http


def test_choose_names_the_near_source(tmp_path: Path) -> None:
    config = _load(tmp_path, '[[source]]\nurl = "https://a.org/"\ntags = ["x"]\n')
    assert [s.id for s in config.select_sources(("tag:x",))] == ["a.org"]
    with pytest.raises(ConfigError, match="did you mean 'a.org'"):
        config.select_sources(("a.og",))


def test_every_toml_that_ships_is_valid() -> None:
    for name in ("newsdesk.toml", "sources.toml", "demo.toml"):
        tomllib.loads(shipped(name).read_text(encoding="utf-8"))

"""Functions of the PostgreSQL schema: those of SQLite that the statements of storage.sql use, and our own."""

from __future__ import annotations

from storage.parts import SITE

# json_each is STRICT so that it is not inlined: the planner then expects ROWS 10, not 100, and looks each up in an index.
# Changes are numbered without gaps under the lock that every writing transaction takes, so that a reader who follows
# `seq > last` misses none. A sequence would leave gaps, and commit out of order.


def utc_text(time: str) -> str:
    """The expression of a timestamptz as a text of the database: ISO 8601 in UTC with Z."""
    return f"to_char({time} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"


FUNCTIONS = (
    """CREATE FUNCTION json_each(list text) RETURNS TABLE (value text) LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 10 AS
$$ SELECT v COLLATE "C" FROM jsonb_array_elements_text(list::jsonb) AS v $$""",
    """CREATE FUNCTION instr(text text, piece text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT strpos(text, piece) $$""",
    f"""CREATE FUNCTION shifted(at text, seconds bigint) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT {utc_text("(at::timestamptz + make_interval(secs => seconds))")} COLLATE "C" $$""",
    f"""CREATE FUNCTION part(host text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT ('x' || left(md5(coalesce(substring(host from '{SITE}'), host)), 2))::bit(8)::integer $$""",
    """CREATE FUNCTION next_seq() RETURNS bigint LANGUAGE plpgsql VOLATILE AS
$$ BEGIN RETURN (SELECT coalesce(max(seq), 0) + 1 FROM newsdesk.changes); END $$""",
)

"""Message catalogs: gettext's .po files, read without Babel and kept as templates are, compiled."""

from __future__ import annotations

import marshal
import os
import re
from collections.abc import Mapping
from functools import cache

import msgspec

from pcap_analyzer.export.kept import kept

FOLDER = os.path.join(os.path.dirname(__file__), "locale")
LINE = re.compile(r'(msgid|msgid_plural|msgstr(?:\[\d\])?)? ?(".*")')


class Catalog(msgspec.Struct, frozen=True):
    """messages: by what is said in English.  plurals: by the English singular: its plural, one, many."""

    messages: Mapping[str, str]
    plurals: Mapping[str, tuple[str, str, str]]


EMPTY = Catalog({}, {})


def path_of(language: str, folder: str = FOLDER) -> str:
    """The file of a language."""
    return os.path.join(folder, f"{language}.po")


@cache
def catalog(language: str, folder: str = FOLDER) -> Catalog:
    """The catalog of one language, the report's or that of another folder; empty for English, in which all is written.

    Each is its own, because a sentence is found by its form: "{0} of {1}" on a button must not be found in a finding.
    """
    if language == "en":
        return EMPTY
    source = path_of(language, folder)
    owner = os.path.basename(os.path.dirname(folder))
    made = kept(f"catalog-{owner}-{language}", [source, __file__], lambda: _packed(read(source)))
    return Catalog(*marshal.loads(made))  # noqa: S302 - as Python loads its own


def _packed(read: Catalog) -> bytes:
    return marshal.dumps((dict(read.messages), dict(read.plurals)))


def read(path: str) -> Catalog:
    """What a .po file says; messages without a translation are left out."""
    import ast  # noqa: PLC0415 - slow to import, and needed once

    messages: dict[str, str] = {}
    plurals: dict[str, tuple[str, str, str]] = {}
    with open(path, encoding="utf-8") as file:
        entries = file.read().split("\n\n")
    for entry in entries:
        said: dict[str, str] = {}
        key = ""
        for line in entry.splitlines():
            found = None if line.startswith("#") else LINE.fullmatch(line.strip())
            if found is not None:
                key = found[1] or key
                said[key] = said.get(key, "") + str(ast.literal_eval(found[2]))
        if said.get("msgid_plural"):
            plurals[said["msgid"]] = said["msgid_plural"], said.get("msgstr[0]", ""), said.get("msgstr[1]", "")
            messages[said["msgid"]] = said.get("msgstr[0]", "")
            if "{" in said["msgid_plural"]:  # a sentence, which is found by its form as any other
                messages[said["msgid_plural"]] = said.get("msgstr[1]", "")
        elif said.get("msgid") and said.get("msgstr"):
            messages[said["msgid"]] = said["msgstr"]
    return Catalog(messages, plurals)

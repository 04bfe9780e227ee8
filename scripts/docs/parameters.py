"""Parameters that a docstring describes together are shown one by one, each with its own default."""

import re
from typing import Any

import griffe

HEADER = re.compile(r"^Parameters\n-+\n", re.M)
ITEM = re.compile(r"^(?P<names>\w+(?:, \w+)+)(?P<type> : .*)?\n(?P<text>(?:(?:[ \t].*)?(?:\n|\Z))*)", re.M)


def one_by_one(match: re.Match[str]) -> str:
    names, kind, text = match.group("names"), match.group("type") or "", match.group("text")
    return "".join(f"{name}{kind}\n{text.rstrip()}\n" for name in names.split(", ")) + "\n"


class Parameters(griffe.Extension):
    """griffe takes type and default of the first name for all."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        docstring = obj.docstring
        header = HEADER.search(docstring.value) if docstring else None
        if docstring is None or header is None:
            return
        begin = header.end()
        following = re.search(r"^\w[\w ]*\n-+\n", docstring.value[begin:], re.M)
        end = begin + following.start() if following else len(docstring.value)
        section = ITEM.sub(one_by_one, docstring.value[begin:end])
        docstring.value = docstring.value[:begin] + section + docstring.value[end:]

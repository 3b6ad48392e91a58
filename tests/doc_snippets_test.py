#!/usr/bin/env python3
"""Docs show only compiled code: each code block after `<!-- snippet: FILE -->` is a verbatim part of FILE.

Also: every relative link in the project's Markdown leads to a file that is there.
usage: doc_snippets_test.py ROOT
"""

import pathlib
import re
import sys

SNIPPET = re.compile(r"<!-- snippet: (\S+) -->\n```\w*\n(.*?)\n```", re.DOTALL)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def pages(root):
    yield from sorted(root.glob("*.md"))
    yield from sorted((root / "docs").rglob("*.md"))


def problems(root):
    snippets = 0
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        for file, code in SNIPPET.findall(text):
            snippets += 1
            if code not in (root / file).read_text(encoding="utf-8"):
                yield f"{page.relative_to(root)}: the snippet is not part of {file} any more"
        for link in LINK.findall(text):
            if not (page.parent / link).exists():
                yield f"{page.relative_to(root)}: broken link {link}"
    if snippets == 0:
        yield "no snippet found at all: has the marker changed?"


if __name__ == "__main__":
    found = list(problems(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "ok")
    sys.exit(1 if found else 0)

"""Include directions: proto/ knows nobody, probe/, agent/ and aggregator/ know only proto/, forwarder/ is an
agent to another aggregator, cli/ joins them.

usage: layers_test.py ROOT

Also checked: the probe's public headers include no header of this project but each other, no folder has a
cycle between its files, and no header is included by a relative path.
"""

import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
SUFFIXES = {".h", ".cc", ".c", ".hpp", ".cpp"}

ALLOWED = {
    "proto": {"proto"},
    "probe": {"probe", "proto"},
    "agent": {"agent", "proto"},
    "aggregator": {"aggregator", "proto"},
    "forwarder": {"forwarder", "agent", "aggregator", "proto"},
    "cli": {"cli", "agent", "aggregator", "forwarder", "proto"},
    "examples": {"examples"},
    "python": {"python"},
}
FOLDERS = set(ALLOWED) | {"tests", "bench"}
PUBLIC = "probe/include/"
# How our public headers are included from anywhere: <ringside/...>.
PUBLIC_FORM = "ringside/"


def sources(root, folder):
    return sorted(p for p in (root / folder).rglob("*") if p.suffix in SUFFIXES)


def includes(path):
    return INCLUDE.findall(path.read_text(encoding="utf-8"))


def check_file(root, folder, path):
    """The complaints about one file, and the files of its own folder that it includes."""
    name = path.relative_to(root).as_posix()
    complaints, inside = [], []
    public = name.startswith(PUBLIC)
    for form, target in includes(path):
        if target.startswith(PUBLIC_FORM):
            if folder not in ("probe", "examples", "python"):
                complaints.append(f"{name}: includes {target}: only workers use the probe")
            elif public:
                inside.append(PUBLIC + target)
            continue
        head = target.split("/")[0]
        if form == "<" and head not in FOLDERS:
            continue
        if public:
            complaints.append(f"{name}: includes {target}: a public header may include no project header")
        elif head not in FOLDERS or not (root / target).exists():
            complaints.append(f"{name}: includes \"{target}\": write the path from the project's root")
        elif head not in ALLOWED[folder]:
            complaints.append(f"{name}: includes {target}: {folder}/ may know only {sorted(ALLOWED[folder])}")
        elif head == folder:
            inside.append(target)
    return complaints, inside


def find_cycle(graph):
    """A list of files that include each other in a ring, or None."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for target in graph.get(node, []):
            cycle = visit(target)
            if cycle:
                return cycle
        path.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        cycle = visit(node)
        if cycle:
            return cycle
    return None


def check_tree(root):
    """(number of files, complaints) of a source tree."""
    complaints = []
    count = 0
    for folder in ALLOWED:
        graph = {}
        for path in sources(root, folder):
            count += 1
            found, graph[path.relative_to(root).as_posix()] = check_file(root, folder, path)
            complaints += found
        cycle = find_cycle(graph)
        if cycle:
            complaints.append("includes in a ring: " + " -> ".join(cycle))
    return count, complaints


def check_the_check():
    """Trees with one fault each: every kind must be found, or this test proves nothing."""
    faults = {
        "may know only": {"proto/a.h": '#include "agent/b.h"', "agent/b.h": ""},
        "public header": {"probe/include/ringside/p.h": '#include "proto/a.h"', "proto/a.h": ""},
        "from the project's root": {"proto/a.h": '#include "b.h"', "proto/b.h": ""},
        "in a ring": {"proto/a.h": '#include "proto/b.h"', "proto/b.h": '#include "proto/a.h"'},
        "only workers": {"agent/a.h": "#include <ringside/probe.h>"},
    }
    for words, files in faults.items():
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text + "\n", encoding="utf-8")
            _, complaints = check_tree(pathlib.Path(root))
            assert any(words in c for c in complaints), (words, complaints)


def main():
    check_the_check()
    count, complaints = check_tree(pathlib.Path(sys.argv[1]).resolve())
    assert count > 0, "no sources found"
    for complaint in complaints:
        print(complaint)
    print(f"{count} files, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

"""Validates archive lines against docs/archive-schema.json.

    validate_archive.py SCHEMA FILE...

FILE is an archive (every line) or a Markdown page (the lines of its ```json blocks). Exit 1 names the
first line that does not fit.
"""

import json
import sys

import jsonschema


def lines_of(path):
    """(number, text) of each archive line in a file."""
    with open(path, encoding="utf-8") as lines:
        inside = not path.endswith(".md")
        for number, line in enumerate(lines, 1):
            if path.endswith(".md") and line.startswith("```"):
                inside = line.startswith("```json")
            elif inside:
                yield number, line


def main(schema_path, *paths):
    with open(schema_path, encoding="utf-8") as text:
        schema = json.load(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    seen = {}
    for path in paths:
        for number, line in lines_of(path):
            try:
                value = json.loads(line)
            except ValueError as error:
                sys.exit(f"{path}:{number}: {error}")
            problem = jsonschema.exceptions.best_match(validator.iter_errors(value))
            if problem is not None:
                sys.exit(f"{path}:{number}: {problem.json_path}: {problem.message}")
            if next(iter(value)) != "type":
                sys.exit(f"{path}:{number}: \"type\" is not the first member")
            seen[value["type"]] = seen.get(value["type"], 0) + 1
    missing = set(schema["properties"]["type"]["enum"]) - set(seen)
    if missing:
        sys.exit(f"no line of type {', '.join(sorted(missing))} was seen: nothing is proved of it")
    print(seen)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Puts the keys of one YAML file into the place of those of another: `replace.py FILE KEYS`."""

import pathlib
import sys

import yaml


def entries(text):
    """The lines of each key, up to the next."""
    lines = text.splitlines(keepends=True)
    starts = [key.start_mark.line for key, _ in yaml.compose(text).value] + [len(lines)]
    names = [key.value for key, _ in yaml.compose(text).value]
    return {name: (lines, begin, end) for name, begin, end in zip(names, starts, starts[1:])}


def main(path, keys):
    file, text = pathlib.Path(path), pathlib.Path(keys).read_text()
    for name, (lines, begin, end) in entries(text).items():
        old = file.read_text()
        if name not in entries(old):
            sys.exit(f"{path} has no key {name}")
        kept, first, last = entries(old)[name]
        file.write_text("".join(kept[:first] + lines[begin:end] + kept[last:]))


main(*sys.argv[1:])

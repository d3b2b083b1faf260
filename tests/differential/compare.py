"""Compares the verdicts of all parsers: `compare.py CORPUS OURS PARSER=VERDICTS...`.

Wherever ours accepts a form, each other parser that accepts it must have read the same fields, names, types and bytes, or the
difference must be one of `KNOWN`. An entry of `KNOWN` that explains nothing any more is a failure, too.
"""

import json
import re
import sys

from known import KNOWN


def verdicts(path):
    with open(path, encoding="utf-8") as lines:
        return {verdict["id"]: verdict for verdict in map(json.loads, lines)}


def essence(media_type):
    """Parsers differ on whether they give parameters and case; what decides is the type itself."""
    return (media_type or "").split(";")[0].strip().lower()


def differences(ours, theirs):
    """What differs, as (what, our reading, their reading)."""
    found = []
    if [name for name, _ in ours["fields"]] != [name for name, _ in theirs["fields"]]:
        found.append(("field names", [name for name, _ in ours["fields"]], [name for name, _ in theirs["fields"]]))
    elif ours["fields"] != [list(pair) for pair in theirs["fields"]]:
        found.append(("field values", ours["fields"], theirs["fields"]))
    if len(ours["files"]) != len(theirs["files"]):
        return found + [("number of files", len(ours["files"]), len(theirs["files"]))]
    for mine, other in zip(ours["files"], theirs["files"]):
        for what in ["sha256", "size", "field", "filename"]:
            if mine[what] != other[what]:
                found.append((what, mine[what], other[what]))
        if "type" in other and mine["type"] is not None and essence(mine["type"]) != essence(other["type"]):
            found.append(("type", mine["type"], other["type"]))
    return found


def main():
    corpus = verdicts(sys.argv[1])
    ours = verdicts(sys.argv[2])
    passed, failures, used = 0, [], set()
    for argument in sys.argv[3:]:
        parser, path = argument.split("=", 1)
        theirs = verdicts(path)
        missing = corpus.keys() - theirs.keys() | corpus.keys() - ours.keys()
        failures += [f"{parser}: no verdict on {len(missing)} forms"] if missing else []
        both = [number for number in corpus if ours[number]["ok"] and theirs[number]["ok"]]
        tally = {"both accept": len(both), "only ours": 0, "only theirs": 0, "neither": 0}
        for number, case in corpus.items():
            mine, other = ours[number], theirs[number]
            if not (mine["ok"] and other["ok"]):
                tally["only ours" if mine["ok"] else "only theirs" if other["ok"] else "neither"] += 1
                passed += 1
                continue
            unexplained = []
            for what, left, right in differences(mine, other):
                known = [entry for entry in KNOWN if parser in entry.parsers and what in entry.what and entry.applies(case, left, right)]
                used.update(entry.name for entry in known)
                if not known:
                    unexplained.append(f"{what}: ours {left!r:.120}, theirs {right!r:.120}")
            if unexplained:
                failures.append(f"{parser}: {case['name']}: " + "; ".join(unexplained))
            else:
                passed += 1
        print(f"{parser}: " + ", ".join(f"{count} {what}" for what, count in tally.items()))
        if len(both) < 200:
            failures.append(f"{parser}: only {len(both)} forms are accepted by both: the comparison says little")
    for entry in KNOWN:
        print(f"known difference {'used' if entry.name in used else 'UNUSED'}: {entry.name}")
        if entry.name not in used:
            failures.append(f"the known difference `{entry.name}` explains nothing")
    print("\n".join(failures[:60]))
    print(f"{passed} passed, {len(failures)} failed")
    sys.exit(1 if failures or not passed else 0)


main()

"""Compares the verdicts of all parsers: `compare.py CORPUS OURS PARSER=VERDICTS,REWRITTEN...`.

Wherever ours accepts a form, each other parser that accepts it must have read the same fields, names, types and bytes, or the
difference must be one of `KNOWN`. An entry of `KNOWN` that explains nothing any more is a failure, too.

REWRITTEN are verdicts on the forms that ours accepted, written anew as an upstream gets them: every parser must accept them, and
only the differences that are `KNOWN` of written forms may be left.
"""

import json
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
    # Some give fields in groups of one name, so only the order within a name is compared.
    left, right = [sorted(side["fields"], key=lambda field: field[0]) for side in [ours, theirs]]
    names = [[name for name, _ in side] for side in [left, right]]
    if names[0] != names[1]:
        found.append(("field names", *names))
    elif left != right:
        found.append(("field values", left, right))
    if len(ours["files"]) != len(theirs["files"]):
        return found + [("number of files", len(ours["files"]), len(theirs["files"]))]
    for mine, other in zip(ours["files"], theirs["files"]):
        for what in ["sha256", "size", "field", "filename"]:
            if mine[what] != other[what]:
                found.append((what, mine[what], other[what]))
        if "type" in other and mine["type"] is not None and essence(mine["type"]) != essence(other["type"]):
            found.append(("type", mine["type"], other["type"]))
    return found


def unexplained(parser, case, ours, theirs, known, used):
    """The differences that no entry explains."""
    left_over = []
    for what, left, right in differences(ours, theirs):
        entries = [entry for entry in known if parser in entry.parsers and what in entry.what and entry.applies(case, left, right)]
        used.update(entry.name for entry in entries)
        if not entries:
            left_over.append(f"{what}: ours {left!r:.120}, theirs {right!r:.120}")
    return left_over


def main():
    corpus, ours = verdicts(sys.argv[1]), verdicts(sys.argv[2])
    passed, failures, used = 0, [], set()
    for argument in sys.argv[3:]:
        parser, paths = argument.split("=", 1)
        theirs, rewritten = map(verdicts, paths.split(","))
        if corpus.keys() != theirs.keys() or corpus.keys() != ours.keys():
            failures.append(f"{parser}: not every form has a verdict")
            continue
        tally = {"both accept": 0, "only ours": 0, "only theirs": 0, "neither": 0}
        for number, case in corpus.items():
            mine, other = ours[number], theirs[number]
            tally[{(True, True): "both accept", (True, False): "only ours", (False, True): "only theirs"}.get((mine["ok"], other["ok"]), "neither")] += 1
            odd = unexplained(parser, case, mine, other, KNOWN, used) if mine["ok"] and other["ok"] else []
            passed += not odd
            failures += [f"{parser}: {case['name']}: " + "; ".join(odd)] if odd else []
        for number, other in rewritten.items():
            case = corpus[number]
            written = [entry for entry in KNOWN if entry.of_written]
            odd = unexplained(parser, case, ours[number], other, written, used) if other["ok"] else [other["error"]]
            passed += not odd
            failures += [f"{parser}: {case['name']}, written anew: " + "; ".join(odd)] if odd else []
        print(f"{parser}: " + ", ".join(f"{count} {what}" for what, count in tally.items()) + f"; {len(rewritten)} written anew")
        if tally["both accept"] < 200 or len(rewritten) < 200:
            failures.append(f"{parser}: so few forms are accepted that the comparison says little")
    for entry in KNOWN:
        print(f"known difference: {entry.name}" + ("" if entry.name in used else " (UNUSED)"))
        if entry.name not in used:
            failures.append(f"the known difference `{entry.name}` explains nothing")
    print("\n".join(failures[:60]))
    print(f"{passed} passed, {len(failures)} failed")
    sys.exit(1 if failures or not passed else 0)


main()

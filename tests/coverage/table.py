"""Lines of engine/io and engine/text that tests reached: a table by file, the lines missed, and their reasons checked.

table.py ROOT OBJECTS_FOLDER REASONS MISSED: reads the counters (*.gcda) below OBJECTS_FOLDER with gcov, writes the missed lines
to MISSED and exits with 1 if fewer than 95 % are reached, a missed line has no reason, or a reason is not true any more.
"""

import collections
import json
import os
import re
import subprocess
import sys
import tempfile

WANTED = 95.0
FOLDERS = ("engine/io/", "engine/text/")


def counts_by_file(root, objects):
    """{file: {line: largest count}}: of a line that several objects or instances hold, one that ran is enough."""
    counters = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(objects)
        for name in names
        if name.endswith(".gcda")
    ]
    if not counters:
        sys.exit(f"no counters below {objects}")
    with tempfile.TemporaryDirectory() as work:
        said = subprocess.run(
            ["gcov", "--json-format", "--stdout", *sorted(counters)],
            cwd=work, check=True, capture_output=True, text=True,
        ).stdout
    counts = collections.defaultdict(dict)
    for report in filter(None, said.splitlines()):
        for file in json.loads(report)["files"]:
            name = os.path.relpath(os.path.join(root, file["file"]), root)
            if not name.startswith(FOLDERS):
                continue
            lines = counts[name]
            for line in file["lines"]:
                number = line["line_number"]
                lines[number] = max(lines.get(number, 0), line["count"])
    return counts


def read_reasons(path):
    """Rows of file, first line's text, last line's text (empty: the first), reason."""
    with open(path, encoding="utf-8") as rows:
        for number, row in enumerate(rows, 1):
            row = row.rstrip("\n")
            if not row or row.startswith("#"):
                continue
            cells = row.split("\t")
            if len(cells) != 4 or not all((cells[0], cells[1], cells[3])):
                raise SystemExit(f"{path}:{number}: expected file, first line, last line, reason")
            yield number, cells


def place_of(texts, first, last):
    """Numbers of the first and last line of a row; an error's sentence where they are not to be found."""
    starts = [i for i, text in enumerate(texts, 1) if text == first]
    if len(starts) != 1:
        return f"'{first}' is there {len(starts)} times"
    if not last:
        return starts[0], starts[0]
    ends = [i for i, text in enumerate(texts, 1) if text == last and i >= starts[0]]
    return (starts[0], ends[0]) if ends else f"'{last}' does not follow '{first}'"


def explain(reasons, counts, texts):
    """The lines that have a reason, {(file, line): reason}, and what is wrong with the reasons."""
    explained, wrong = {}, []
    for number, (name, first, last, reason) in read_reasons(reasons):
        where = f"{reasons}:{number}: {name}: "
        place = place_of(texts[name], first, last) if name in texts else "no such file was counted"
        if isinstance(place, str):
            wrong.append(where + place)
            continue
        lines = [line for line in range(place[0], place[1] + 1) if line in counts[name]]
        reached = [line for line in lines if counts[name][line] > 0]
        if reached:
            wrong.append(f"{where}line {reached[0]} is reached: it needs no reason")
        elif not lines:
            wrong.append(where + "nothing is counted there")
        explained.update({(name, line): reason for line in lines})
    return explained, wrong


def main(root, objects, reasons, missed):
    counts = counts_by_file(root, objects)
    texts = {}
    for name, lines in counts.items():
        with open(os.path.join(root, name), encoding="utf-8") as source:
            texts[name] = [line.strip() for line in source]
        if max(lines, default=0) > len(texts[name]):
            sys.exit(f"{name} changed since it was counted")
        # Brackets alone say nothing: what is counted there is what the compiler cleans up.
        for line in [line for line in lines if not re.search(r"\w", texts[name][line - 1])]:
            del lines[line]
    explained, wrong = explain(reasons, counts, texts)
    print("  reached        of  missed  reason  file")
    total = collections.Counter()
    with open(missed, "w", encoding="utf-8") as out:
        for name in sorted(name for name in counts if counts[name]):
            lines = counts[name]
            left = sorted(line for line, count in lines.items() if count == 0)
            unexplained = [line for line in left if (name, line) not in explained]
            for line in left:
                reason = explained.get((name, line), "")
                out.write(f"{name}:{line}: {texts[name][line - 1]}\t{reason}\n")
            row = collections.Counter(
                all=len(lines), hit=len(lines) - len(left), missed=len(left), explained=len(left) - len(unexplained))
            total.update(row)
            show(name, row)
            if unexplained:
                wrong.append(f"{name}: {len(unexplained)} missed lines have no reason, the first is {unexplained[0]}")
    show("engine/io and engine/text", total)
    if 100 * total["hit"] < WANTED * total["all"]:
        wrong.append(f"fewer than {WANTED:.0f} % of the lines are reached")
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


def show(name, row):
    share = 100 * row["hit"] / max(1, row["all"])
    print(f"{share:7.2f} %  {row['all']:8d}{row['missed']:8d}{row['explained']:8d}  {name}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

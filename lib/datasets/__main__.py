"""``python -m lib.datasets`` lists the data sets; ``… fetch NAME`` brings one to this machine."""

import argparse
import os
import sys
from collections.abc import Sequence

from lib.datasets import DatasetError, files, row, rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status, 1 if the data could not be had."""
    parser = argparse.ArgumentParser(
        prog="python -m lib.datasets", description="The data sets of the book."
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("list", help="list the data sets, and where they are now (the default)")
    fetch = commands.add_parser("fetch", help="bring data sets to this machine")
    fetch.add_argument("names", nargs="+", metavar="NAME")
    options = parser.parse_args(arguments)
    try:
        print(_fetch(options.names) if options.command == "fetch" else _table())
    except (DatasetError, OSError) as error:
        print(f"python -m lib.datasets: {error}", file=sys.stderr)
        return 1
    return 0


def _table() -> str:
    """Name, size, licence and present place of each data set, in columns."""
    # The network is not asked: a list is to be quick, and the same with and without one.
    offline = os.environ.get("LIB_DATA_OFFLINE", "0") not in ("", "0")
    missing = "not here (offline)" if offline else "to download"
    lines = [("NAME", "SIZE", "NOW", "LICENCE")]
    for each in rows().values():
        if each.files:
            now = files.whereabouts(each.files) or missing
            lines.append((each.name, f"{each.size / 1e6:.1f} MB", now, each.licence))
        else:
            lines.append((each.name, "-", "embedded", each.licence))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _fetch(names: Sequence[str]) -> str:
    """Bring the files of each data set, whole or with an error."""
    said = []
    for each in [row(name) for name in names]:  # a wrong name is told before any download
        if each.files:
            found = files.gather(each.files)
            note = f" ({found.note})" if found.note else ""
            said.append(f"{each.name}: {found.origin}{note}")
        else:
            said.append(f"{each.name}: embedded, nothing to fetch")
    return "\n".join(said)


if __name__ == "__main__":
    sys.exit(main())

"""Which sources a finished book was made from, so that nobody judges an old one by mistake."""

import hashlib
from pathlib import Path

RECORD = ".sources"
OF_THE_BOOK = ("_config.yml", "_toc.yml", "constraints.txt", "book", "lib", "tests/benchmarks")


def digest(root: Path) -> str:
    """A hash of all that a reader of the built book may see the effect of."""
    total = hashlib.sha256()
    for name in OF_THE_BOOK:
        path = root / name
        for file in sorted(path.rglob("*") if path.is_dir() else [path]):
            inside = file.relative_to(root)
            hidden = any(part.startswith((".", "__pycache__")) for part in inside.parts)
            if file.is_file() and not hidden:
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                total.update(f"{inside.as_posix()} {content}\n".encode())
    return total.hexdigest()


def record(folder: Path, sources: str) -> None:
    """Note in the folder of the built pages what they were made from."""
    (folder / RECORD).write_text(sources, "utf-8")


def built_from(folder: Path) -> str | None:
    """What the pages in the folder were made from; None if that is not known."""
    path = folder / RECORD
    return path.read_text("utf-8") if path.is_file() else None

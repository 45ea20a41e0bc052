"""Files that are never half written."""

from pathlib import Path


def write_file(path: Path, text: str) -> Path:
    """Write a text, whole or not at all: what stood there stays until the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(text, "utf-8")
    return unfinished.replace(path)

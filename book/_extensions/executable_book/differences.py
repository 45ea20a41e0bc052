"""What differs between the published numbers of a chapter and those of a fresh execution."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

DIFFERS = "differs"
NEW = "new"  # nothing published to compare with, or a result that stands better than before
UNCOMPARED = "not compared"

STRENGTH = {"proved": 3, "proved for sizes": 2, "evidence": 1, "cited": 0}
SIDE = 44  # characters of a statement that are shown
Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One thing that is not as published."""

    chapter: str
    what: str
    published: str = ""
    now: str = ""
    difference: str = ""
    tolerance: str = ""
    kind: str = DIFFERS

    @property
    def fails(self) -> bool:
        """Whether the book cannot be called verified; what was not compared is not verified."""
        return self.kind != NEW


@dataclass
class Differences:
    """The findings, and how much of each kind was compared."""

    findings: list[Finding] = field(default_factory=list)
    compared: Counter[str] = field(default_factory=Counter)
    times: int = 0  # and other numbers that the machine decides

    @property
    def failures(self) -> list[Finding]:
        """The findings that fail."""
        return [finding for finding in self.findings if finding.fails]


def differences(published: Numbers, now: Numbers) -> Differences:
    """Compare chapter by chapter; both arguments are by docname."""
    found = Differences()
    for docname in {**published, **now}:
        if docname not in now:
            found.findings.append(Finding(docname, "the chapter", "executed", "missing"))
        elif docname not in published:
            found.findings.append(Finding(docname, "the chapter", "–", "executed", kind=NEW))
        else:
            _chapter(docname, published[docname], now[docname], found)
    return found


Judge = Callable[[str, str, Any, Any], Iterator[Finding]]


def _chapter(docname: str, published: Numbers, now: Numbers, found: Differences) -> None:
    kinds: list[tuple[str, str, Judge]] = [
        ("result", "result {}", _result),
        ("check", "check of {}", _check),
    ]
    for kind, title, judge in kinds:
        part = f"{kind}s"
        for name in {**published[part], **now[part]}:
            pair = published[part].get(name), now[part].get(name)
            found.findings += _one(docname, title.format(name), *pair, judge)
            found.compared[kind] += None not in pair
    for name in {**published["runs"], **now["runs"]}:
        before, after = published["runs"].get(name), now["runs"].get(name)
        reasons = _other_circumstances(published, now, before, after)
        if reasons:
            what = f"the {len(before['metrics'])} numbers of its run"
            found.findings += [Finding(docname, what, *r, kind=UNCOMPARED) for r in reasons]
        elif before is None or after is None:
            found.findings += _one(docname, "the run", before, after, _metric)
        else:
            _metrics(docname, before["metrics"], after["metrics"], found)


def _one(docname: str, what: str, before: Any, after: Any, judge: Judge) -> Iterator[Finding]:
    """What there is only once, and the judgement of what there is twice."""
    if after is None:
        yield Finding(docname, what, "there", "missing")
    elif before is None:
        yield Finding(docname, what, "–", "there", kind=NEW)
    else:
        yield from judge(docname, what, before, after)


def _metrics(docname: str, before: Numbers, after: Numbers, found: Differences) -> None:
    for name in {**before, **after}:
        found.findings += _one(docname, name, before.get(name), after.get(name), _metric)
        if name in before and name in after:
            held = after[name]["tolerance"] is not None
            found.compared["number"] += held
            found.times += not held


def _metric(docname: str, what: str, before: Any, after: Any) -> Iterator[Finding]:
    """A number, held to the tolerance that the chapter states now."""
    yield from _number(docname, what, before["value"], after["value"], after["tolerance"])


def _number(
    docname: str, what: str, before: float, after: float, tolerance: float | None
) -> Iterator[Finding]:
    if tolerance is not None and not abs(after - before) <= tolerance:
        shown = f"{before:.6g}", f"{after:.6g}", f"{after - before:+.3g}", f"± {tolerance:g}"
        yield Finding(docname, what, *shown)


def _check(docname: str, what: str, before: Any, after: Any) -> Iterator[Finding]:
    """A function that is held to a formula: as exactly, in as many cases."""
    tolerance = float(after["tolerance"])
    yield from _number(
        docname, f"{what}, largest error", before["max_error"], after["max_error"], tolerance
    )
    if tolerance > before["tolerance"]:
        shown = f"{before['tolerance']:g}", f"{tolerance:g}", "looser"
        yield Finding(docname, f"{what}, tolerance", *shown)
    if after["cases"] < before["cases"]:
        shown = f"{before['cases']}", f"{after['cases']}", "fewer"
        yield Finding(docname, f"{what}, cases", *shown)


def _result(docname: str, what: str, before: Any, after: Any) -> Iterator[Finding]:
    """A result: the same statement about the same things, as well proved or better."""
    for name in ("statement", "domain", "definitions"):
        old, new = (
            "; ".join(item[name]) if isinstance(item[name], list) else item[name]
            for item in (before, after)
        )
        if old != new:
            yield Finding(docname, f"{what}, {name}", *_around_the_difference(old, new), "changed")
    how = _standing(before, after)
    if how:
        shown = before["standing_text"][:SIDE], after["standing_text"][:SIDE]
        kind = NEW if how == "stronger" else DIFFERS
        yield Finding(docname, f"{what}, standing", *shown, how, kind=kind)


def _standing(before: Any, after: Any) -> str:
    """How a result stands compared with before, empty if as well."""
    old, new = before["standing"], after["standing"]
    if old != new:
        if not {old, new} <= STRENGTH.keys():  # a definition is neither weaker nor stronger
            return "changed"
        return "stronger" if STRENGTH[new] > STRENGTH[old] else "weaker"
    if after["points"] < before["points"]:
        return "fewer points"
    sizes = after["sizes"]
    # a size that is not named is any size
    fewer = any(name not in before["sizes"] for name in sizes) or any(
        name in sizes and not set(old) <= set(sizes[name]) for name, old in before["sizes"].items()
    )
    return "fewer sizes" if fewer else ""


def _other_circumstances(
    published: Numbers, now: Numbers, before: Any, after: Any
) -> list[tuple[str, str, str]]:
    """Why the numbers of two runs say nothing about one another; empty if they do."""
    if before is None or after is None:
        return []
    reasons = []
    if before["kind"] != after["kind"]:
        reasons.append((before["kind"], after["kind"], "other device"))
    for name in {**before["sizes"], **after["sizes"]}:
        old, new = (str(run["sizes"].get(name, "–")) for run in (before, after))
        if old != new:
            reasons.append((f"{name} = {old}", f"{name} = {new}", "other size"))
    if before["data"] != after["data"]:
        shown = _around_the_difference("; ".join(before["data"]), "; ".join(after["data"]))
        reasons.append((*shown, "other data"))
    elif published["data"] != now["data"]:
        names = sorted(dict(published["data"].items() ^ now["data"].items()))
        reasons.append((", ".join(names), "another version", "other data"))
    return reasons


def _around_the_difference(before: str, after: str) -> tuple[str, str]:
    """Both texts, of long ones the part that begins shortly before the first difference.

    >>> _around_the_difference("x" * 90 + "1" + "y" * 90, "x" * 90 + "2")
    ('…xxxxxxxxxx1yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…', '…xxxxxxxxxx2')
    """
    if max(len(before), len(after)) <= SIDE:
        return before, after
    pairs = zip(before, after, strict=False)
    same = next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(before), len(after)))
    start = max(0, same - 10)
    return _part(before, start), _part(after, start)


def _part(text: str, start: int) -> str:
    part = text[start : start + SIDE - 2]
    return "…" * (start > 0) + part + "…" * (start + SIDE - 2 < len(text))

"""Which column holds the texts, or which two hold pairs of them, and which the labels: as told, by name, or by content,
and said aloud.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from headway.core.errors import UsageError
from headway.data.table import Table, listed, shorten

# Best first. Names are compared in lower case with "_" for "-", "." and spaces.
_TEXT_NAMES = """
    text sentence review review_text comment comment_text content message utterance query question tweet
    document body post description abstract snippet passage paragraph input input_text prompt phrase headline
    title subject words tokens
""".split()
_LABEL_NAMES = """
    label labels class category target intent sentiment topic coarse_label label_text label_name class_name
    class_label categories classes tag output answer rating stars score polarity emotion gold y type quality
    is_duplicate tags ner_tags
""".split()
_PAIRS = (
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("question", "context"),
    ("query", "document"),
    ("query", "passage"),
    ("#1_string", "#2_string"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("text_a", "text_b"),
    ("sentence_a", "sentence_b"),
    ("question_1", "question_2"),
)
_SAMPLE = 5000


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The column of texts, or the two of text pairs, and the label's, and why these, in a sentence to say aloud."""

    texts: tuple[str, ...]
    label: str
    why: str


def choose_columns(
    table: Table, text: str | Sequence[str] | None = None, label: str | None = None
) -> Columns:
    """Choose the text column, or two where the names are a well-known pair or ``text`` holds two, and the label's.

    Raises UsageError for a name that is no column, a column that is wanted twice, or columns that cannot be told apart
    (showing a sample of each).
    """
    texts = told_texts(table, text)
    if label is not None:
        table.require(label, "--label")
    if label in texts:
        raise UsageError(
            f"column {label!r} cannot be both the text and the label",
            where="--text, --label",
            remedy=f"The columns are: {listed(table.names)}.",
        )
    if len(table.names) == 1:
        raise UsageError(
            f"has only one column, {shorten(table.names[0])!r}; a text and a label column are needed",
            where=table.source,
            remedy="Check the separator and that the first line names the columns.",
        )
    text_why = label_why = "as told"
    if label is None:
        label, label_why = _find_label(table, texts or _named_pair(table, None))
    if not texts:
        texts, text_why = _find_texts(table, label)
    if "content" in label_why + text_why:
        _refuse_headless(table, texts[0], label)
    return Columns(texts=texts, label=label, why=_why(texts, text_why, label, label_why))


def told_texts(table: Table, text: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that ``--text`` names, one or two; none where it was not given. Raises UsageError."""
    texts = () if text is None else (text,) if isinstance(text, str) else tuple(text)
    for name in texts:
        table.require(name, "--text")
    if len(texts) > 2 or len(set(texts)) < len(texts):
        raise UsageError(
            f"one column of texts, or the two of text pairs; found {listed(texts)}", where="--text"
        )
    return texts


def choose_texts(
    table: Table, text: str | Sequence[str] | None = None, known: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Choose the columns to predict from: as told, else the names known from training, else a single text's by name.

    As many as ``known`` are. Raises UsageError when there are none.
    """
    texts = told_texts(table, text)
    if known and texts and len(texts) != len(known):
        wanted = "pairs of texts: two columns" if len(known) == 2 else "one text: one column"
        raise UsageError(f"the run was trained on {wanted}; found {listed(texts)}", where="--text")
    if texts:
        return texts
    if len(known) < 2:
        return (_choose_text(table, known[0] if known else None),)
    if all(name in table.columns for name in known):
        return known
    found = _named_pair(table, None)
    if found:
        return found
    raise UsageError(
        f"has no columns {listed(known)}, as in training",
        where=table.source,
        remedy=_show(table, f"Pass --text COLUMN twice: for {known[0]!r} and for {known[1]!r}."),
    )


def _choose_text(table: Table, known: str | None) -> str:
    """Return the name known from training, else the only column, else the only one that bears a text's name."""
    if known is not None and known in table.columns:
        return known
    if len(table.names) == 1:
        return table.names[0]
    named = _by_name(table, _TEXT_NAMES, ())
    if len(named) == 1:
        return named[0]
    expected = f"no column {known!r}, as in training" if known else "no column that is surely the text"
    raise UsageError(f"has {expected}", where=table.source, remedy=_show(table, "Pass --text COLUMN."))


def _why(texts: tuple[str, ...], text_why: str, label: str, label_why: str) -> str:
    shown = f"text: {texts[0]!r}" if len(texts) == 1 else f"pairs of texts: {texts[0]!r} and {texts[1]!r}"
    if text_why == label_why:
        return f"{shown}, label: {label!r} ({text_why})"
    return f"{shown} ({text_why}), label: {label!r} ({label_why})"


def _find_label(table: Table, texts: tuple[str, ...]) -> tuple[str, str]:
    named = _by_name(table, _LABEL_NAMES, texts)
    suffixed = [name for name in table.names if _plain(name).endswith("_label") and name not in texts]
    if not named or _plain(named[0]) == "coarse_label":
        named = suffixed or named
        named.sort(key=lambda name: len(_distinct(table, name)))
    if not named:
        return _label_by_content(table, texts)
    others = [name for name in named[1:] if _could_be_label(table, name)]
    if not others:
        return named[0], "by name"
    counts = {name: len(_distinct(table, name)) for name in [named[0], *others]}
    rest = ", ".join(f"{name!r} has {counts[name]:,}: --label {name}" for name in others[:3])
    return named[0], f"by name, {counts[named[0]]:,} classes; {rest}"


def _find_texts(table: Table, label: str) -> tuple[tuple[str, ...], str]:
    pair = _named_pair(table, label)
    if pair:
        return pair, f"by name; to learn from one of them: --text {pair[0]}"
    named = _by_name(table, _TEXT_NAMES, (label,))
    if not named:
        text, why = _text_by_content(table, label)
        return (text,), why
    others = [name for name in named[1:] if _mean_length(table, name) > 20]
    if not others:
        return (named[0],), "by name"
    return (named[0],), f"by name; there is also {listed(tuple(others))}: --text {others[0]}"


def _named_pair(table: Table, label: str | None) -> tuple[str, ...]:
    """Return the two columns that bear a well-known pair of names; none where there are no such ones."""
    plain = {_plain(name): name for name in reversed(table.names) if name != label}
    return next(
        ((plain[first], plain[second]) for first, second in _PAIRS if {first, second} <= set(plain)), ()
    )


def _by_name(table: Table, names: list[str], taken: tuple[str, ...]) -> list[str]:
    """Return the columns that bear one of the well-known names, best first."""
    plain = {_plain(name): name for name in reversed(table.names) if name not in taken}
    return [plain[name] for name in names if name in plain]


def _plain(name: str) -> str:
    lower = name.strip().lower()
    return "".join("_" if character in "-. " else character for character in lower)


def _label_by_content(table: Table, texts: tuple[str, ...]) -> tuple[str, str]:
    """The one column of few, short, repeated values."""
    if not texts and not _by_name(table, _TEXT_NAMES, ()):
        texts = (_text_by_content(table, None)[0],)
    found = [name for name in table.names if name not in texts and _could_be_label(table, name)]
    if len(found) == 1:
        return found[0], "by content"
    problem = (
        f"more than one column could hold the labels: {listed(tuple(found))}"
        if found
        else "no column can be told to hold the labels"
    )
    raise UsageError(
        problem, where=table.source, remedy=_show(table, "Pass --label COLUMN (and --text COLUMN).")
    )


def _text_by_content(table: Table, label: str | None) -> tuple[str, str]:
    """The column of clearly the longest texts, most of them distinct."""
    lengths = {name: _mean_length(table, name) for name in table.names if name != label}
    ranked = sorted(lengths, key=lambda name: -lengths[name])
    best = ranked[0] if ranked else None
    if best is not None:
        values = _sample(table, best)
        varied = len(set(values)) >= 0.3 * len(values) and not all(map(_is_number, values))
        clear = len(ranked) == 1 or lengths[best] >= 2 * lengths[ranked[1]]
        if varied and clear and lengths[best] >= 5:
            return best, "by content"
    raise UsageError(
        "no column can be told to hold the texts",
        where=table.source,
        remedy=_show(table, "Pass --text COLUMN (and --label COLUMN)."),
    )


def _could_be_label(table: Table, name: str) -> bool:
    values = _sample(table, name)
    distinct = set(values)
    if not 2 <= len(distinct) <= max(2, len(values) // 2):
        return False
    return fmean(map(len, distinct)) <= 50 and not (len(distinct) > 20 and any("." in v for v in distinct))


def _refuse_headless(table: Table, text: str, label: str) -> None:
    """Refuse a table whose header is a row of data: it would be lost as a name, and the next run with it."""
    looks = label in _distinct(table, label) or len(text) > 60 or len(text.split()) > 6 or _is_number(label)
    if looks and table.unit == "line":
        raise UsageError(
            f"its first line looks like a row, not like a header: {listed(table.names)}",
            where=f"{table.source}, line 1",
            remedy="Put a line before it that names the columns, for example: text,label"
            " (or pass --text and --label, if these are the names).",
        )


def _sample(table: Table, name: str) -> list[str]:
    """Return up to _SAMPLE of a column's values, taken evenly; missing and empty ones left out."""
    column = table.columns[name]
    if not isinstance(column, list) and str(column.dtype).startswith(("List", "Array", "Struct", "Binary")):
        return []
    step = max(1, len(table) // _SAMPLE)
    return [value for value in table.texts(name, slice(None, None, step)) if value and value.strip()]


def _distinct(table: Table, name: str) -> set[str]:
    column = table.columns[name]
    values = set(column) if isinstance(column, list) else set(table.texts(name))
    return {value.strip() for value in values if value and value.strip()}


def _mean_length(table: Table, name: str) -> float:
    values = _sample(table, name)
    return fmean(map(len, values)) if values else 0.0


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _show(table: Table, advice: str) -> str:
    """Return the columns with a sample of each, and the advice."""
    shown = []
    for name in table.names[:12]:
        values = _sample(table, name)
        shown.append(
            f"    {shorten(name, 30)!r}: {shorten(values[0], 50)!r}" if values else f"    {name!r}: empty"
        )
    more = [f"    and {len(table.names) - 12} more"] if len(table.names) > 12 else []
    return "\n".join([f"{advice} The columns:", *shown, *more])

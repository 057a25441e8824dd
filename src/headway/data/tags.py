"""Tags of words, as files write them, and as BIO: B-type begins a span, I-type goes on with it, O is outside.

Ramshaw & Marcus 1995 (IOB1: B only where a span follows one of its own type), Tjong Kim Sang & Veenstra 1999 (BIO,
there IOB2). BIOES, BILOU and BMES say also where a span ends and which has one word.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headway.core.errors import DataError
from headway.data.inputs import Sentence
from headway.data.label_sets import names_in
from headway.data.table import Table, counted, did_you_mean, listed, shorten

OUTSIDE = "O"
_TAG = re.compile(r"O|[BIMELSUW]-\S+")
_MISTYPED = re.compile(r"[Oo0]|[BIMELSUWbimelsuw][-_–—:.]\S+")
_BEGINS, _ENDS = "BSUW", "ELSUW"
_WRITINGS = (("BIO", "BIO"), ("BIOES", "BIOES"), ("BILOU", "BILOU"), ("BMES with O", "BMESOW"))


@dataclass(frozen=True)
class Tagged:
    """B sentences and the tags of their words, in BIO; and what is to be said of how these were written."""

    sentences: list[Sentence]
    tags: list[tuple[str, ...]]
    notes: tuple[str, ...]


def is_tag(tag: str) -> bool:
    """Return whether this is a tag in one of the ways that are known."""
    return _TAG.fullmatch(tag) is not None


def could_be_tag(tag: str) -> bool:
    """Return whether this is a tag, or one in which little is mistyped."""
    return _MISTYPED.fullmatch(tag) is not None


def are_tags(words: str, tags: str) -> bool:
    """Return whether two cells hold as many words as tags, as JSON lists."""
    own, told = names_in(words), names_in(tags)
    return own is not None and told is not None and len(own) == len(told) > 0 and all(map(is_tag, told))


def kind_of(tag: str) -> str:
    """Return the type of a tag's span: 'B-person' -> 'person'."""
    return tag.partition("-")[2]


def tag_names(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the BIO tags of spans of these types, sorted."""
    return tuple(sorted([OUTSIDE, *(f"{form}-{kind}" for kind in kinds for form in "BI")]))


def sentence_of(text: str) -> Sentence:
    """Return a text's words: those of a JSON list, else what white space parts."""
    words = names_in(text)
    return Sentence(text.split() if words is None else words)


def read_tagged(inputs: Sequence[str], cells: Sequence[str], table: Table, rows: Sequence[int]) -> Tagged:
    """Read words and tags, a JSON list of each a row; ``rows`` are the table's.

    Raises DataError where a row has no such lists, or not as many words as tags, and on a tag that is none.
    """
    sentences, tags = [], []
    for text, cell, row in zip(inputs, cells, rows, strict=True):
        words, told = sentence_of(text), names_in(cell)
        if told is None or len(told) != len(words):
            found = f"the label {shorten(cell)!r}" if told is None else counted(len(told), "tag")
            raise DataError(
                f"expected a tag for each of {counted(len(words), 'word')}, found {found}",
                where=table.where(row),
                remedy='Tags are a list as long as that of the words: ["B-person", "I-person", "O"].',
            )
        for place, tag in enumerate(told):
            if not is_tag(tag):
                raise _no_tag(tag, table, row, place)
        sentences.append(words)
        tags.append(tuple(told))
    bio = [_as_bio(own) for own in tags]
    return Tagged(
        sentences, [own for own, _ in bio], (_writing(tags, [begun for _, begun in bio], table, rows),)
    )


def _no_tag(tag: str, table: Table, row: int, place: int) -> DataError:
    """Say what is wrong with a tag, and what was probably meant."""
    meant = ""
    if tag in {"0", "o"}:
        meant = "; did you mean the letter 'O'?"
    elif is_tag(fixed := re.sub(r"^([A-Za-z])[-_–—:. ]+", lambda found: f"{found[1].upper()}-", tag)):
        meant = f"; did you mean {fixed!r}?"
    return DataError(
        f"expected a tag, found {shorten(tag)!r}{meant}",
        where=table.where(row, place),
        remedy="Tags are O outside of spans, B-type where one begins, I-type where it goes on, such as B-person. "
        "Correct it, or choose another column with --label.",
    )


def _as_bio(tags: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Return the tags in BIO, and how many spans began with a tag that goes on with one.

    As in conlleval, such a tag begins a span where none of its type is open.
    """
    bio, begun, goes_on = [], 0, ""
    for tag in tags:
        form, kind = tag[0], kind_of(tag)
        if not kind:
            bio.append(OUTSIDE)
        elif form in _BEGINS or kind != goes_on:
            bio.append(f"B-{kind}")
            begun += form not in _BEGINS
        else:
            bio.append(f"I-{kind}")
        goes_on = "" if form in _ENDS else kind
    return tuple(bio), begun


def _writing(tags: Sequence[Sequence[str]], begun: Sequence[int], table: Table, rows: Sequence[int]) -> str:
    """Return how the spans are written, in a sentence to say aloud."""
    forms = {tag[0] for own in tags for tag in own}
    name = next((name for name, letters in _WRITINGS if forms <= set(letters)), "+".join(sorted(forms)))
    total = sum(begun)
    if name == "BIO" and total and _is_iob1(tags):
        return "tags are written in IOB1 (spans begin with I-), and read as BIO"
    told = f"tags are written in {name}" + ("" if name == "BIO" else ", and read as BIO")
    if not total:
        return told
    first = table.where(next(row for row, count in zip(rows, begun, strict=True) if count))
    spans = "1 span begins" if total == 1 else f"{total:,} spans begin"
    return (
        f"{told}; {spans} with a tag that goes on with one, and is taken as its beginning (first in {first})"
    )


def _is_iob1(tags: Sequence[Sequence[str]]) -> bool:
    """Return whether B only stands where a span follows one of its own type."""
    return all(
        place > 0 and kind_of(own[place - 1]) == kind_of(tag)
        for own in tags
        for place, tag in enumerate(own)
        if tag[0] == "B"
    )


def kinds_of(
    tags: Sequence[Sequence[str]], groups: npt.NDArray[np.int64]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the types that spans of at least two groups of sentences have, sorted, and the rarer ones."""
    groups_of: dict[str, set[int]] = {}
    for own, group in zip(tags, groups.tolist(), strict=True):
        for kind in {kind_of(tag) for tag in own} - {""}:
            groups_of.setdefault(kind, set()).add(group)
    common = tuple(sorted(kind for kind, found in groups_of.items() if len(found) > 1))
    return common, tuple(sorted(set(groups_of) - set(common)))


def without(tags: Sequence[Sequence[str]], kinds: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the tags with those of some types made O."""
    return [tuple(OUTSIDE if kind_of(tag) in kinds else tag for tag in own) for own in tags]


def as_numbers(
    tags: Sequence[Sequence[str]], names: tuple[str, ...], where: Sequence[str]
) -> npt.NDArray[np.object_]:
    """Return each sentence's tags as places among the names, [B] arrays of int64. Raises DataError on another one."""
    number = {name: place for place, name in enumerate(names)}
    rows = np.empty(len(tags), dtype=np.object_)
    for row, (own, place) in enumerate(zip(tags, where, strict=True)):
        foreign = next((tag for tag in own if tag not in number), None)
        if foreign is not None:
            kinds = tuple(sorted({kind_of(name) for name in names} - {""}))
            kind = kind_of(foreign)
            raise DataError(
                f"the type {shorten(kind)!r} is not among the training spans'{did_you_mean(kind, kinds)}",
                where=place,
                remedy=f"Correct it, or add training sentences. Training has: {listed(kinds)}.",
            )
        rows[row] = np.array([number[tag] for tag in own], dtype=np.int64)
    return rows


def allowed_after(names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which tag may follow which, [C + 1, C], the last row being the beginning: I-type follows its own only."""
    table = np.ones((len(names) + 1, len(names)), dtype=np.bool_)
    for place, name in enumerate(names):
        if name[0] == "I":
            kind = kind_of(name)
            table[:, place] = [*(kind_of(other) == kind for other in names), False]
    return table


def best_tags(shares: npt.NDArray[np.float64], names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the likeliest sequence of tags that BIO allows, [W], where each word's shares [W, C] stand alone.

    The Viterbi algorithm on log(shares), a transition that is not allowed being impossible.
    """
    if not len(shares):
        return np.empty(0, dtype=np.int64)
    logs = np.log(np.maximum(shares, np.finfo(np.float64).tiny))
    barred = np.where(allowed_after(names), 0.0, -np.inf)
    from_tag, score = np.empty(shares.shape, dtype=np.int64), logs[0] + barred[-1]
    for word in range(1, len(shares)):
        paths = score[:, None] + barred[:-1]  # [before, now]
        from_tag[word] = paths.argmax(axis=0)
        score = paths.max(axis=0) + logs[word]
    best = np.empty(len(shares), dtype=np.int64)
    best[-1] = score.argmax()
    for word in range(len(shares) - 1, 0, -1):
        best[word - 1] = from_tag[word, best[word]]
    return best


def span_counts(tags: Iterable[Sequence[str]]) -> Counter[str]:
    """Return how many spans of each type there are, in BIO."""
    return Counter(kind_of(tag) for own in tags for tag in own if tag[0] == "B")

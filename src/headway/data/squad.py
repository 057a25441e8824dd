"""The JSON of SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018; https://rajpurkar.github.io/SQuAD-explorer), which
KorQuAD 1.0 has too: articles of paragraphs, each with questions that a passage of it answers, or none does.

An answer's offset counts characters (code points) of its context from 0.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headway.core.errors import DataError
from headway.data.examples import Examples
from headway.data.inputs import TextPair, duplicate_groups, joined
from headway.data.readers import existing
from headway.data.table import Table, counted, shorten

_FORM = (
    "SQuAD's form is {data: [{title, paragraphs: [{context, qas: "
    "[{id, question, answers: [{text, answer_start}]}]}]}]}."
)
_NAMED = 3  # faults that a note names
_LARGE_SHARE = 0.1  # of the questions, above which an article is not held out as a whole
_KINDS = {str: "a text", int: "a whole number", list: "a list", dict: "an object"}


class Span(NamedTuple):
    """A passage of a context, and where it begins."""

    text: str
    start: int


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question on a context, with every passage that is right."""

    id: str
    question: str
    context: str
    article: str
    answers: tuple[Span, ...] | None  # empty: the context does not answer it; None: not said, or kept back
    where: str  # "dev.json, question '56be4db0'"

    @property
    def fault(self) -> str | None:
        """What is wrong with its answers, in words; None: nothing."""
        for text, start in self.answers or ():
            found = self.context[max(start, 0) : max(start, 0) + len(text)]
            if start < 0 or found != text:
                place = self.context.find(text)
                elsewhere = f"it stands at {place}" if place >= 0 else "it stands nowhere in the context"
                return (
                    f"the answer {shorten(text)!r} is not at its answer_start {start}, "
                    f"where the context has {shorten(found)!r}; {elsewhere}"
                )
        return None


@dataclass(frozen=True, kw_only=True)
class SquadFile:
    """The questions of a file, in its order."""

    source: str
    version: str | None  # as the file states it
    questions: tuple[Question, ...]

    @property
    def hidden(self) -> bool:
        """Whether no question says how it is answered."""
        return all(question.answers is None for question in self.questions)

    @property
    def has_unanswerable(self) -> bool:
        """Whether some question has no answer, as in SQuAD 2.0."""
        return any(question.answers == () for question in self.questions)

    @property
    def words(self) -> str:
        """What it holds, in words."""
        contexts = len({question.context for question in self.questions})
        none = sum(question.answers == () for question in self.questions)
        unanswerable = f", {none:,} of them without an answer" if none else ""
        return f"{counted(len(self.questions), 'question')} on {counted(contexts, 'paragraph')}{unanswerable}"

    def require_answers(self) -> None:
        """Raise DataError where a question's answers are not said: nothing can be learned from it, or scored by it."""
        if self.hidden:
            raise DataError(
                "no question has answers: they are hidden, as in the files that only a benchmark's server can score",
                where=self.source,
                remedy="Give a file with answers; headway predict RUN FILE answers one without.",
            )
        for question in self.questions:
            if question.answers is None:
                raise DataError(
                    f"has no answers: {shorten(question.question)!r}",
                    where=question.where,
                    remedy='Add them; or, if its context does not answer it, "is_impossible": true.',
                )

    def table(self) -> Table:
        """Return id, question and context as columns, a row a question."""
        columns: dict[str, list[str | None]] = {
            name: [getattr(question, name) for question in self.questions]
            for name in ("id", "question", "context")
        }
        return Table(columns, np.arange(1, len(self.questions) + 1), self.source, unit="question")


@dataclass(frozen=True, kw_only=True)
class CheckedQuestions:
    """The questions that can be learned from, how many were left out and why, and what is to be said."""

    examples: Examples
    dropped: dict[str, int]
    notes: tuple[str, ...]


def read_squad(path: Path) -> SquadFile:
    """Read a file. Raises DataError on what is not in SQuAD's form, naming the place, and on an id that comes twice."""
    existing(path)
    try:
        stored = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(
            f"is not UTF-8: {error.reason} at byte {error.start}",
            where=str(path),
            remedy="Convert it first: iconv -f ENCODING -t UTF-8",
        ) from error
    except json.JSONDecodeError as error:
        raise DataError(
            f"is not whole JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            where=str(path),
            remedy="Fetch or write it again: it may have been cut off there.",
        ) from error
    except RecursionError as error:
        raise DataError("is nested too deeply", where=str(path), remedy=_FORM) from error
    reader = _Reader(path)
    questions = tuple(reader.questions(stored))
    if not questions:
        raise DataError("holds no questions", where=str(path), remedy=_FORM)
    version = stored.get("version")
    return SquadFile(source=str(path), version=None if version is None else str(version), questions=questions)


def check_questions(file: SquadFile, drop_limit: float) -> CheckedQuestions:
    """Return the questions as examples; those whose answer is not where it should be are left out and named.

    Groups, which a split keeps whole, are articles, or paragraphs where an article holds much of the questions. Raises
    DataError where answers are missing, or more than ``drop_limit`` of the questions would be left out.
    """
    file.require_answers()
    faults = {question.where: question.fault for question in file.questions}
    kept = [question for question in file.questions if faults[question.where] is None]
    wrong = [f"{where}: {fault}" for where, fault in faults.items() if fault is not None]
    if len(wrong) > drop_limit * len(file.questions):
        raise DataError(
            f"{counted(len(wrong), 'question')} of {len(file.questions):,} have an answer that is not at its offset:"
            + "".join(f"\n    {one}" for one in wrong[:_NAMED]),
            where=file.source,
            remedy="Offsets count characters (code points) of the context from 0: correct them.",
        )
    notes = []
    if wrong:
        notes.append(
            f"{counted(len(wrong), 'question')} left out whose answer is not at its offset: {'; '.join(wrong[:_NAMED])}"
            + ("; ..." if len(wrong) > _NAMED else "")
        )
    dropped = {"answer not at its offset": len(wrong)} if wrong else {}
    return CheckedQuestions(
        examples=question_examples(kept, file.source), dropped=dropped, notes=tuple(notes)
    )


def question_examples(questions: list[Question], source: str) -> Examples:
    """Return questions as examples: pairs of question and context, each with its `Question` for a target."""
    targets = np.empty(len(questions), dtype=object)
    targets[:] = questions
    contexts = duplicate_groups([question.context for question in questions])
    articles = joined(contexts, duplicate_groups([question.article for question in questions]))
    largest = np.bincount(articles, minlength=1).max()
    return Examples(
        inputs=tuple(TextPair(question.question, question.context) for question in questions),
        targets=targets,
        names=(),
        groups=articles if largest <= max(1.0, _LARGE_SHARE * len(questions)) else contexts,
        lines=np.arange(1, len(questions) + 1),
        source=source,
        unit="question",
        task="answers",
    )


class _Reader:
    """Goes through what JSON gave, and names each place that is not as it should be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: set[str] = set()

    def questions(self, stored: Any) -> list[Question]:
        found = []
        for a, article in enumerate(self._get(stored, "data", list, "")):
            title = article.get("title") if isinstance(article, dict) else None
            at = f"data[{a}]"
            for p, paragraph in enumerate(self._get(article, "paragraphs", list, at)):
                place = f"{at}.paragraphs[{p}]"
                context = self._text(paragraph, "context", place)
                for q, entry in enumerate(self._get(paragraph, "qas", list, place)):
                    found.append(
                        self._question(entry, context, f"{title}" if title else at, f"{place}.qas[{q}]")
                    )
        return found

    def _question(self, entry: Any, context: str, article: str, place: str) -> Question:
        identity = str(self._get(entry, "id", (str, int), place))
        if identity in self.seen:
            raise DataError(
                f"the id {identity!r} comes twice",
                where=f"{self.path}, {place}",
                remedy="Give each question its own.",
            )
        self.seen.add(identity)
        return Question(
            id=identity,
            question=self._text(entry, "question", place),
            context=context,
            article=article,
            answers=self._answers(entry, place),
            where=f"{self.path}, question {identity!r}",
        )

    def _answers(self, entry: dict[str, Any], place: str) -> tuple[Span, ...] | None:
        impossible = entry.get("is_impossible", False)
        if not isinstance(impossible, bool):
            raise DataError(
                f"'is_impossible' should be true or false, found {_told(impossible)}",
                where=f"{self.path}, {place}",
            )
        given = [] if entry.get("answers") is None else self._get(entry, "answers", list, place)
        if impossible and given:
            raise DataError(
                f"is_impossible is true, and yet it has {counted(len(given), 'answer')}",
                where=f"{self.path}, {place}",
            )
        spans = []
        for number, answer in enumerate(given):
            at = f"{place}.answers[{number}]"
            spans.append(Span(self._text(answer, "text", at), self._get(answer, "answer_start", int, at)))
        return tuple(spans) if spans or impossible else None

    def _text(self, value: Any, key: str, place: str) -> str:
        text = str(self._get(value, key, str, place))
        if not text.strip():
            raise DataError(f"{key!r} is empty", where=f"{self.path}, {place}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{key!r} holds half a character (a lone surrogate) at {error.start}",
                where=f"{self.path}, {place}",
            ) from error
        return text

    def _get(self, value: Any, key: str, kind: type | tuple[type, ...], place: str) -> Any:
        """Return what stands under a key, which must be of this kind."""
        where = f"{self.path}, {place}" if place else str(self.path)
        if not isinstance(value, dict):
            raise DataError(
                f"expected an object with {key!r}, found {_told(value)}", where=where, remedy=_FORM
            )
        if key not in value:
            raise DataError(
                f"has no {key!r}; its keys: {', '.join(map(repr, value)) or 'none'}",
                where=where,
                remedy=_FORM,
            )
        found = value[key]
        if not isinstance(found, kind) or isinstance(found, bool):
            first = kind if isinstance(kind, type) else kind[0]
            raise DataError(
                f"{key!r} should be {_KINDS[first]}, found {_told(found)}", where=where, remedy=_FORM
            )
        return found


def _told(value: Any) -> str:
    return shorten(json.dumps(value, ensure_ascii=True))

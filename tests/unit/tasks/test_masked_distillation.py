import numpy as np
import pytest
import torch
import torch.nn.functional as F

from headway.core.errors import UsageError
from headway.models.bert import Bert, BertConfig
from headway.models.pretraining_heads import MaskedLanguageModel
from headway.tasks import masked_distillation, masked_language
from headway.tasks.distillation import DistillationConfig
from headway.tasks.masked_language import Vocabulary, mask


def _teacher() -> MaskedLanguageModel:
    torch.manual_seed(0)
    sizes = {"d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 4, "max_positions": 16}
    return MaskedLanguageModel(Bert(BertConfig(vocab_size=30, **sizes))).eval()


def _batch() -> masked_language.Batch:
    random = np.random.default_rng(0)
    vocabulary = Vocabulary(30, 4, (0, 1, 2, 3, 4))
    texts = [mask(random.integers(5, 30, size), vocabulary, random) for size in (3, 9, 14)]
    return masked_language.batch(texts, torch.device("cpu"))


def test_a_student_has_every_second_layer_and_the_head() -> None:
    teacher = _teacher()
    pupil = masked_distillation.student(teacher)
    assert len(pupil.backbone.layers) == 2
    for ours, theirs in ((0, 0), (1, 3)):
        for name, tensor in teacher.backbone.layers[theirs].state_dict().items():
            assert torch.equal(pupil.backbone.layers[ours].state_dict()[name], tensor)
    for name, tensor in teacher.masked.state_dict().items():
        assert torch.equal(pupil.masked.state_dict()[name], tensor)
    with pytest.raises(UsageError, match="must be from 1 to 3"):
        masked_distillation.student(teacher, 4)


def test_the_loss_is_the_weighted_sum_and_teaches_the_student_alone() -> None:
    teacher, batch = _teacher(), _batch()
    pupil = masked_distillation.student(teacher).eval()
    parts = []
    for soft, hard, cosine in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (5, 2, 1)):
        config = DistillationConfig(temperature=2.0, soft=soft, hard=hard, cosine=cosine)
        parts.append(masked_distillation.loss(pupil, teacher, batch, config))
    assert parts[3].item() == pytest.approx(
        5 * parts[0].item() + 2 * parts[1].item() + parts[2].item(), rel=1e-5
    )
    assert parts[1].item() == pytest.approx(masked_language.loss(pupil, batch).item(), rel=1e-6)
    wanted, found = (model.backbone.features(batch.tokens).tokens.values for model in (teacher, pupil))
    cosine = F.cosine_embedding_loss(found, wanted, torch.ones(len(found)))
    assert parts[2].item() == pytest.approx(cosine.item(), abs=1e-6)
    parts[3].backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(p.grad is not None for name, p in pupil.named_parameters() if "pooler" not in name)
    own = masked_distillation.loss(teacher, teacher, batch, DistillationConfig(hard=0.0))
    assert own.item() == pytest.approx(0, abs=1e-6)

"""ELMo as a backbone: the folder it was published in, given to `fit`; saved, loaded in a fresh process, the same."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import headway
from headway.bundle.predictors import load_predictor
from headway.models.elmo import Elmo, ElmoConfig
from headway.weights.published_elmo import save_published

pytest.importorskip("h5py")
TEXTS = ["rain and wind", "a cheese soup", "the train station", ""]


def test_from_the_published_files_to_a_prediction(topics_csv: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = ElmoConfig(
        d_character=4, filters=((1, 8), (2, 16), (3, 16)), num_highways=1, d_cell=32, d_projection=16
    )
    published = tmp_path / "elmo"
    published.mkdir()
    save_published(Elmo(config).eval(), published)
    header, *rows = topics_csv.read_text().splitlines()
    for name, part in (("train", rows[:100]), ("test", rows[100:160])):
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *part]))
    run = headway.fit(
        tmp_path / "train.csv",
        test=tmp_path / "test.csv",
        model=published,
        rungs="frozen,finetuned",
        refit=False,
        out=tmp_path / "run",
    )
    assert [rung.status for rung in run.record.rungs] == ["measured", "measured"]
    for rung in run.record.rungs:
        assert rung.settings is not None
        assert rung.settings["reads"] == "words and marks (apostrophes stay in words), 48 bytes of each"
        assert rung.opens_with is None
    for name in ("frozen", "finetuned"):
        folder = run.folder / "rungs" / name
        program = (
            "import json, sys; from pathlib import Path; from headway.bundle.predictors import load_predictor\n"
            f"print(json.dumps(load_predictor(Path(sys.argv[1])).predict({TEXTS!r}).tolist()))"
        )
        command = [sys.executable, "-c", program, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        ours = load_predictor(folder).predict(TEXTS)
        np.testing.assert_allclose(json.loads(done.stdout), ours, atol=1e-6)
    tuned = load_predictor(run.folder / "rungs" / "finetuned").predictor
    mix = tuned.model.backbone.mix  # type: ignore[attr-defined]
    assert mix.weights.abs().sum() > 0 and mix.gamma != 1  # the mix was learned with the rest

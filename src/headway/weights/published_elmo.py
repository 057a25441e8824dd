"""An ELMo in the files that it was published in: `options.json` and `lm_weights.hdf5`, for AllenNLP and `bilm-tf`."""

from pathlib import Path

from headway.core.files import write_json
from headway.models.elmo import Elmo
from headway.weights.convert import to_theirs
from headway.weights.formats import elmo
from headway.weights.hdf5 import write_hdf5
from headway.weights.pretrained import ELMO_CONFIG

WEIGHTS_FILE = "lm_weights.hdf5"


def save_published(model: Elmo, folder: Path) -> None:
    """Write both into an existing folder; the mix of the depths is left out, for it belongs to a task.

    Raises UsageError without h5py.
    """
    write_json(folder / ELMO_CONFIG, elmo.write_options(model.config))
    write_hdf5(folder / WEIGHTS_FILE, to_theirs(model.state_dict(), elmo.PUBLISHED))

"""Where the shared data and fixtures lie: beside the repository, or where HEADWAY_SHARED says."""

import os
from pathlib import Path

SHARED = Path(os.environ.get("HEADWAY_SHARED", Path(__file__).parents[2] / "shared"))
DATA = SHARED / "data"
FIXTURES = SHARED / "fixtures"
TOKENIZERS = FIXTURES / "tokenizers"

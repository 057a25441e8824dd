"""Write MiniLM's published files out of the cache into a folder that transformers and sentence-transformers open."""

import sys
from pathlib import Path

import torch

from headway.tasks.encoder import TextEncoder
from headway.weights.pretrained import save_encoder

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    encoder = TextEncoder.from_zoo("minilm", torch.device("cpu"))
    save_encoder(encoder.backbone, folder)
    encoder.tokenizer.save(folder, max_tokens=encoder.max_tokens)
    print(folder)

# The front door. `make demo` and `make test` set up what they need in a fresh clone.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
REFERENCES := transformers gensim

.PHONY: demo test test-parity test-tensorflow lint types clean \
  benchmark-finetune benchmark-inference benchmark-cold-start benchmark-generate benchmark-word2vec \
  recipe-text-ladder recipe-cmudict recipe-pretrain-gpt2 recipe-pretrain-bert recipe-pretrain-t5 recipe-word2vec \
  recipe-distil recipe-distil-mlm recipe-pictures recipe-ulmfit recipe-glue

demo: $(VENV)/.headway  ## fetch the encoder, climb the ladder on a small real set
	$(BIN)/headway zoo fetch minilm
	rm -rf demo-run
	$(BIN)/headway fit examples/banking_cards.csv --out demo-run --fetch

test: $(VENV)/.develop  ## every test; parity with the originals last
	$(BIN)/headway zoo fetch minilm --quiet || echo "tests that need MiniLM will be skipped"
	$(BIN)/headway zoo fetch glove-6b-50d --quiet || echo "tests that need GloVe will be skipped"
	$(BIN)/headway zoo fetch mobilenet-v2 --quiet || echo "tests that need MobileNetV2 will be skipped"
	$(BIN)/headway zoo fetch efficientnet-lite0 --quiet || echo "tests that need EfficientNet-Lite0 will be skipped"
	$(BIN)/python -m pytest
	$(MAKE) test-parity

test-parity: $(VENV)/.references  ## our models against their originals
	$(BIN)/python -m pytest tests/parity

test-tensorflow: $(VENV)-tensorflow/.ready  ## Google's BERT checkpoints, in an environment of their own (600 MB)
	$(VENV)-tensorflow/bin/python -m pytest tests/golden/test_bert_tensorflow.py

$(VENV)-tensorflow/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)-tensorflow
	$(VENV)-tensorflow/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable . pytest hypothesis tensorflow
	@touch $@

lint: $(VENV)/.develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.develop
	$(BIN)/mypy

.venv-references/.ready: pyproject.toml constraints.txt  ## Headway and its peers in one environment, for benchmarks
	$(PYTHON) -m venv .venv-references
	.venv-references/bin/python -m pip install --quiet --constraint constraints.txt --editable . \
	  transformers sentence-transformers gensim
	.venv-references/bin/headway zoo fetch minilm
	.venv-references/bin/python benchmarks/published.py .venv-references/minilm
	@touch $@

benchmark-inference: .venv-references/.ready
	.venv-references/bin/python benchmarks/inference.py .venv-references/minilm

benchmark-finetune: .venv-references/.ready  ## about an hour in all
	for part in speed base memory frozen score; do \
	  .venv-references/bin/python benchmarks/finetune.py $$part .venv-references/minilm || exit 1; done

benchmark-cold-start: .venv-references/.ready  ## needs a run: make demo
	.venv-references/bin/python benchmarks/cold_start.py demo-run .venv-references/minilm

benchmark-generate: .venv-references/.ready  ## llama.cpp is built from source, or left out
	.venv-references/bin/python -m pip install --quiet ctranslate2 gguf
	.venv-references/bin/python -m pip install --quiet llama-cpp-python || echo "llama.cpp needs a C++ compiler"
	.venv-references/bin/python benchmarks/generate.py

benchmark-word2vec: .venv-references/.ready  ## about 20 minutes on 2 cores
	.venv-references/bin/headway zoo fetch glove-6b-50d
	mkdir -p runs
	.venv-references/bin/python recipes/word2vec/corpus.py runs/corpus.txt
	.venv-references/bin/python benchmarks/word2vec.py runs/corpus.txt
	.venv-references/bin/python benchmarks/word2vec.py runs/corpus.txt --dim 300
	.venv-references/bin/python benchmarks/word2vec.py runs/corpus.txt --memory
	.venv-references/bin/python benchmarks/word2vec.py runs/corpus.txt --neighbours
	.venv-references/bin/python benchmarks/objectives.py

recipe-word2vec: .venv-references/.ready  ## about 7 minutes on 2 cores; cells that are there are kept
	.venv-references/bin/python recipes/word2vec/run.py

recipe-text-ladder: .venv-references/.ready  ## about 80 minutes on 2 cores; cells that are there are kept
	.venv-references/bin/python -m recipes.text_ladder.run \
	  --peer .venv-references/bin/python --model .venv-references/minilm

recipe-glue: .venv-references/.ready  ## GLUE's tasks, SNLI and SQuAD; about 90 minutes on 2 cores; cells that are there are kept
	.venv-references/bin/python -m recipes.glue_minilm.run \
	  --peer .venv-references/bin/python --model .venv-references/minilm

recipe-cmudict: $(VENV)/.headway  ## spelling to phonemes; about 12 minutes on 2 cores
	$(BIN)/python recipes/cmudict/run.py

recipe-distil-mlm: $(VENV)/.headway  ## DistilBERT's way, on the small BERT of recipe-pretrain-bert; about 12 minutes
	$(BIN)/python -m recipes.distil_mlm.run

recipe-pretrain-gpt2 recipe-pretrain-bert recipe-pretrain-t5: recipe-pretrain-%: $(VENV)/.headway  ## 30 minutes at most
	$(BIN)/python -m recipes.pretrain_small.run $*

recipe-distil: $(VENV)/.headway  ## a 3-layer student of MiniLM against its teacher, about 45 minutes
	$(BIN)/python recipes/distil/run.py

recipe-pictures: $(VENV)/.headway  ## frozen, from scratch and fine-tuned on three sets of pictures, about 2 hours; cells that are there are kept
	$(INSTALL) matplotlib
	$(BIN)/headway zoo fetch mobilenet-v2
	$(BIN)/python recipes/pictures/run.py targets
	$(BIN)/python recipes/pictures/run.py figure

recipe-ulmfit: $(VENV)/.headway  ## ULMFiT on 100 and 500 labels, against fresh weights; cells that are there are kept
	$(INSTALL) matplotlib
	$(BIN)/python -m recipes.ulmfit.run twins
	$(BIN)/python -m recipes.ulmfit.run figure

clean:
	rm -rf $(VENV) demo-run .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Headway needs Python 3.11 or newer; set one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.headway: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing Headway and what it needs (torch is the largest, about 200 MB)"
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.develop: $(VENV)/.headway
	$(INSTALL) --editable '.[legacy]' pytest hypothesis ruff mypy import-linter
	@touch $@

$(VENV)/.references: $(VENV)/.develop
	$(INSTALL) $(REFERENCES)
	@touch $@

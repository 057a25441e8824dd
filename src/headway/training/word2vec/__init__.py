"""Training word vectors: skip-gram, CBOW and the n-gram predictor, on all cores or bit for bit on one."""

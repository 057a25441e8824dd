"""Files of word vectors: the published formats, and Headway's own."""

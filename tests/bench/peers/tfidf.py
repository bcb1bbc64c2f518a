"""TF-IDF: cosine of character 3-grams over everything that is known, the best few per record."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from .task import Pairs, Task, Watch, in_order, main, report

THRESHOLDS = {"item": 0.45, "party": 0.6}
KEPT_TO_LINK, KEPT_TO_DEDUPE, ROWS = 5, 30, 500


def nearest(left: csr_matrix, right: csr_matrix, kept: int) -> Pairs:
    """The ``kept`` most similar right rows of every left row."""
    columns = right.T.tocsr()
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for start in range(0, left.shape[0], ROWS):
        block = (left[start : start + ROWS] @ columns).tocsr()
        for at in range(block.shape[0]):
            begin, end = block.indptr[at], block.indptr[at + 1]
            scores, rows = block.data[begin:end], block.indices[begin:end]
            best = np.argpartition(-scores, kept)[:kept] if len(scores) > kept else np.arange(len(scores))
            found.append((np.full(len(best), start + at), rows[best], scores[best]))
    return Pairs(*(np.concatenate(part) for part in zip(*found, strict=True)))


def solve(task: Task, watch: Watch) -> None:
    with watch.stage("train"):
        vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), sublinear_tf=True, dtype=np.float32)
        vectors.fit(text for table in task.tables for text in table["text"])
        matrices = [vectors.transform(table["text"]) for table in task.tables]
    with watch.stage("predict"):
        pairs = nearest(matrices[0], matrices[-1], KEPT_TO_LINK if task.is_link else KEPT_TO_DEDUPE)
        if not task.is_link:
            pairs = in_order(pairs)
    report("tfidf", task, watch, pairs, THRESHOLDS[task.kind])


if __name__ == "__main__":
    main(solve)

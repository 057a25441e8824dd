"""The linear head against scikit-learn on the features themselves."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from headway.models.linear_head import LinearHead


@pytest.mark.parametrize("rows", [12, 40])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("classes", [2, 3])
def test_fewer_rows_than_features_give_what_a_fit_of_all_features_gives(
    rows: int, bias: bool, classes: int
) -> None:
    random = np.random.default_rng(0)
    targets = np.arange(rows) % classes
    features = random.normal(size=(rows, 30)) * random.uniform(0.1, 9, 30) + targets[:, None]
    features[:, 3] = 1.0  # without spread
    head = LinearHead.fit(features, targets, classes, 0.1, bias=bias)
    scaled = (features - head.mean) / head.deviation
    model = LogisticRegression(C=0.1, max_iter=500, tol=1e-9, fit_intercept=bias).fit(scaled, targets)
    np.testing.assert_allclose(head.probabilities(features), model.predict_proba(scaled), atol=2e-4)
    unseen = random.normal(size=(5, 30))
    expected = model.predict_proba((unseen - head.mean) / head.deviation)
    np.testing.assert_allclose(head.probabilities(unseen), expected, atol=2e-3)


def test_labels_of_fewer_rows_than_features() -> None:
    random = np.random.default_rng(1)
    features, labels = random.normal(size=(9, 20)), np.arange(27).reshape(9, 3) % 2 == 0
    labels[:, 2] = True  # all rows have it
    head = LinearHead.fit_labels(features, labels, 0.1)
    scaled = (features - head.mean) / head.deviation
    for place in (0, 1):
        model = LogisticRegression(C=0.1, max_iter=500, tol=1e-9).fit(scaled, labels[:, place])
        found = head.shares(features)[:, place]
        np.testing.assert_allclose(found, model.predict_proba(scaled)[:, 1], atol=2e-4)
    assert (head.shares(features)[:, 2] > 0.9).all()

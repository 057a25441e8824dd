"""The temperature finds what distorted the logits; the calibration error equals its definition."""

import numpy as np
import pytest

from headway.core.errors import UsageError
from headway.metrics.calibration import HIGHEST, LOWEST, expected_calibration_error, fit_temperature, tempered


def drawn(n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    logits = random.normal(size=(n, classes)) * 2
    chances = tempered(logits, 1.0).cumsum(axis=1)
    return logits, (random.random((n, 1)) > chances[:, :-1]).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_temperature_is_recovered_and_calibrates(temperature: float) -> None:
    logits, labels = drawn(20_000, 5)
    found = fit_temperature(logits * temperature, labels)
    assert found == pytest.approx(temperature, rel=0.05)
    assert expected_calibration_error(tempered(logits * temperature, found), labels) < 0.015
    as_log_probabilities = np.log(tempered(logits * temperature, 1.0))
    assert fit_temperature(as_log_probabilities, labels) == pytest.approx(found, rel=1e-5)


def test_a_few_right_rows_do_not_make_it_certain() -> None:
    labels = np.array([0, 1] * 10)
    logits = np.where(np.arange(2) == labels[:, None], 1.0, 0.0)
    certainty = tempered(logits, fit_temperature(logits, labels)).max()
    assert certainty == pytest.approx(21 / 22, abs=1e-3)
    logits[0] = [1.0, -np.inf]
    assert LOWEST <= fit_temperature(logits, labels) <= HIGHEST
    assert fit_temperature(np.zeros((4, 2)), np.array([0, 1, 1, 0])) > 0


def test_calibration_error_by_its_definition() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.0, 1.0]])
    labels = np.array([0, 1, 0, 1])
    assert expected_calibration_error(probabilities, labels) == pytest.approx((2 * 0.4 + 0.4 + 0.0) / 4)


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(UsageError, match="NaN"):
        fit_temperature(np.array([[np.nan, 0.0]]), np.array([0]))
    with pytest.raises(UsageError, match="no rows"):
        expected_calibration_error(np.zeros((0, 2)), np.zeros(0, dtype=int))

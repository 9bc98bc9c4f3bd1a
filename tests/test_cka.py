from itertools import permutations

import numpy as np
import pytest
from made import world

from ilo_helpers.validity.cka import cka_by_layer, linear_cka


def test_cka_closed_forms():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 10))
    rotation, _ = np.linalg.qr(rng.normal(size=(10, 10)))
    assert linear_cka(x, 3 * x @ rotation + 7) == pytest.approx(1, abs=1e-12)
    # independent, and wide: the plain estimator would be near 0.7 here
    assert abs(linear_cka(rng.normal(size=(200, 500)), rng.normal(size=(200, 500)))) < 0.05
    assert cka_by_layer(world(x[None, None]), world(x[None, None]))["cka"].tolist() == [
        pytest.approx(1)
    ]
    with pytest.raises(ValueError, match="the same rows, at least 4: 200 and 10"):
        linear_cka(x, x[:10])


def test_cka_equals_the_definition_on_a_small_case():
    """Unbiased HSIC as a mean over distinct quadruples (Song et al. 2012, section 2)."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))

    def hsic(a, b):
        terms = [
            a[i, j] * b[i, j] + a[i, j] * b[q, r] - 2 * a[i, j] * b[i, q]
            for i, j, q, r in permutations(range(6), 4)
        ]
        return np.mean(terms)

    a, b = x @ x.T, y @ y.T
    expected = hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b))
    assert linear_cka(x, y) == pytest.approx(expected, rel=1e-10)

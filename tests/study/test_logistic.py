"""A logistic model without a finite maximum."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from voxomics.study.logistic import ScreenedLogistic, logistic

X6 = np.array([[1.0, 3.0], [2.0, 1.0], [3.0, 4.0], [4.0, 1.5], [5.0, 5.0], [6.0, 2.0]])


def test_separated_classes_in_a_logistic_model() -> None:
    found = logistic(X6[:, :1], [0, 0, 0, 1, 1, 1])
    assert found.status == "separated"
    assert np.isnan(found.coef).all()
    fallback = ScreenedLogistic(alpha=1).fit(X6, [0, 0, 0, 1, 1, 1])
    assert fallback.notes_ == ["no finite maximum: fitted with a ridge penalty of 1 on standardised columns"]
    assert np.isfinite(fallback.predict_proba(X6)).all()
    from sklearn.linear_model import LogisticRegression

    scaled = (X6 - X6.mean(axis=0)) / X6.std(axis=0)
    ridge = LogisticRegression(C=1.0, tol=1e-12, max_iter=1000).fit(scaled, [0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(fallback.predict_proba(X6), ridge.predict_proba(scaled), atol=1e-5)

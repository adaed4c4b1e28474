"""ComBat: harmonise the features of several centres, fitted on training rows only."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from voxomics.engine.errors import InputError, SettingsError
from voxomics.study.checks import Floats, as_floats, constant_columns, listed
from voxomics.study.estimators import checked
from voxomics.study.folds import Labels, codes

_ROUNDS = 1000


def shrunk(z: Floats, tol: float) -> tuple[Floats, Floats]:
    """Empirical Bayes shift and scale of one centre's standardised rows, shrunk towards the features' common values.

    Johnson's parametric priors: normal for the shift, inverse gamma for the variance; conditional modes in turn.

    Parameters
    ----------
    z : ndarray float64 [n, p]
        Rows of one centre.
    tol : float
        Relative change at which the iteration stops.

    Returns
    -------
    shift, variance : ndarray float64 [p]
    """
    n = len(z)
    mean, variance = z.mean(axis=0), z.var(axis=0, ddof=1)
    if z.shape[1] < 2 or np.ptp(mean) == 0 or np.ptp(variance) == 0:
        return mean, variance  # nothing to shrink towards
    centre, spread = mean.mean(), mean.var(ddof=1)
    m, s2 = variance.mean(), variance.var(ddof=1)
    shape, rate = (2 * s2 + m**2) / s2, (m * s2 + m**3) / s2
    squares = (n - 1) * variance
    shift, scale = mean, variance
    for _ in range(_ROUNDS):
        new_shift = (spread * n * mean + scale * centre) / (spread * n + scale)
        new_scale = (rate + (squares + n * (mean - new_shift) ** 2) / 2) / (n / 2 + shape - 1)
        change = max(_relative(new_shift, shift), _relative(new_scale, scale))
        shift, scale = new_shift, new_scale
        if change <= tol:
            break
    return shift, scale


def _relative(new: Floats, old: Floats) -> float:
    return float((np.abs(new - old) / np.maximum(np.abs(old), 1e-300)).max())


class ComBat(TransformerMixin, BaseEstimator):
    """Remove what differs between centres in mean and variance, keeping the effect of covariates.

    There is no reference centre: every centre moves to the mean of the training rows and to the pooled variance inside
    centres. As a step of a Pipeline it learns in the training folds only; the centre then is a column of X.

    Parameters
    ----------
    batch_column : int or str, optional
        Column of X that says the centre (as a number, for an array). It is not passed on. Without it, give `batch`.
    otherwise : {"raise", "unchanged"}, default="raise"
        Rows of a centre that was not seen in training, or with fewer than 3 different rows there: an error, or not corrected.
        With "unchanged" such rows keep their values, and `corrected` says which.
    tol : float, default=1e-8
        Relative change at which the empirical Bayes iteration stops. The authors' programs stop at 1e-4.

    Attributes
    ----------
    centres_ : ndarray
        Centres that are corrected.
    shift_, scale_ : ndarray float64 [centres, p]
        Of standardised features.
    mean_, deviation_ : ndarray float64 [p]
        Grand mean and pooled standard deviation.
    effect_ : ndarray float64 [covariates, p]

    References
    ----------
    Johnson WE, Li C, Rabinovic A. Biostatistics 8:118-127 (2007). Fortin JP et al. NeuroImage 167:104-120 (2018).

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> X[20:] += 5
    >>> fixed = ComBat().fit_transform(X, batch=np.repeat(["A", "B"], 20))
    >>> bool(abs(fixed[:20].mean() - fixed[20:].mean()) < 0.2)
    True
    """

    def __init__(
        self,
        batch_column: int | str | None = None,
        otherwise: Literal["raise", "unchanged"] = "raise",
        tol: float = 1e-8,
    ) -> None:
        self.batch_column = batch_column
        self.otherwise = otherwise
        self.tol = tol

    def fit(self, X: ArrayLike, y: Any = None, *, batch: Labels | None = None, covariates: ArrayLike | None = None) -> ComBat:
        """Learn the centres' shift and scale.

        Parameters
        ----------
        X : array-like [n, p]
        y : ignored
        batch : sequence [n], optional
            Centre of each row; not with `batch_column`.
        covariates : array-like [n, c], optional
            Numbers whose effect is kept, known for new patients too: never the outcome to be predicted.

        Returns
        -------
        self
        """
        if self.otherwise not in ("raise", "unchanged"):
            raise SettingsError(f"otherwise={self.otherwise!r}; accepted: raise, unchanged")
        values, centre, added = self._parts(X, batch, covariates, reset=True)
        names, code = np.unique(centre, return_inverse=True)
        different = np.unique(np.column_stack([code, values]), axis=0)  # a bootstrap sample holds copies
        sizes = np.bincount(different[:, 0].astype(int), minlength=len(names))
        small = names[sizes < 3]
        if len(small) and self.otherwise == "raise":
            raise InputError(
                f"centres with fewer than 3 rows to learn from: {listed(small.tolist())} (copies count once); "
                'merge, or set otherwise="unchanged"'
            )
        self.centres_ = names[sizes >= 3]
        used = np.isin(centre, self.centres_)
        if not used.any():
            raise InputError("no centre has the 3 rows that are needed to estimate its shift and scale")
        values, centre, added = values[used], centre[used], added[used]
        member = (centre[:, None] == self.centres_).astype(float)
        design = np.column_stack([member, added])
        if np.linalg.matrix_rank(design / np.abs(design).max(axis=0)) < design.shape[1]:
            raise InputError("the covariates cannot be told apart from the centres (confounded or constant); leave some out")
        coef = np.linalg.lstsq(design, values, rcond=None)[0]
        k = len(self.centres_)
        self.mean_, self.effect_ = member.mean(axis=0) @ coef[:k], coef[k:]
        residual = values - design @ coef
        varies = ~constant_columns(values) & (residual.var(axis=0) > 1e-24 * values.var(axis=0))
        self.deviation_ = np.where(varies, np.sqrt((residual**2).mean(axis=0)), 1.0)
        z = (values - self.mean_ - added @ self.effect_) / self.deviation_
        self.shift_, self.scale_ = np.zeros((k, values.shape[1])), np.ones((k, values.shape[1]))
        for i in range(k if k > 1 else 0):  # one centre alone has nothing to be moved to
            self.shift_[i, varies], variance = shrunk(z[member[:, i] == 1][:, varies], self.tol)
            self.scale_[i, varies] = np.sqrt(np.where(variance > 0, variance, 1.0))
        return self

    def transform(self, X: ArrayLike, *, batch: Labels | None = None, covariates: ArrayLike | None = None) -> Floats:
        """Corrected features of new rows of known centres.

        Parameters
        ----------
        X, batch, covariates
            As in `fit`.

        Returns
        -------
        ndarray float64 [n, p]

        Raises
        ------
        InputError
            A centre that was not learned, unless otherwise="unchanged".
        """
        check_is_fitted(self)
        values, centre, added = self._parts(X, batch, covariates, reset=False)
        if added.shape[1] != len(self.effect_):
            raise InputError(f"{added.shape[1]} covariates; fitted with {len(self.effect_)}")
        known = np.isin(centre, self.centres_)
        if self.otherwise == "raise" and not known.all():
            unknown = listed(np.unique(centre[~known]).tolist())
            raise InputError(
                f'centres that ComBat was not fitted to: {unknown}; set otherwise="unchanged" to leave their rows unchanged'
            )
        member = np.searchsorted(self.centres_, centre[known])
        expected = self.mean_ + added[known] @ self.effect_
        z = (values[known] - expected) / self.deviation_
        result = np.array(values)
        result[known] = (z - self.shift_[member]) / self.scale_[member] * self.deviation_ + expected
        return result

    def fit_transform(self, X: ArrayLike, y: Any = None, **known: Any) -> Floats:
        """Learn from rows and correct them; `batch` and `covariates` as in `fit`."""
        return self.fit(X, y, **known).transform(X, **known)

    def corrected(self, batch: Labels) -> Any:
        """Whether rows of these centres are corrected.

        Returns
        -------
        ndarray bool [n]
        """
        check_is_fitted(self)
        number, names = codes(batch, "batch")
        return np.isin(np.array(names)[number], self.centres_)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Names of the columns passed on: all but the centre's."""
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None) if input_features is None else np.asarray(input_features, dtype=object)
        if names is None:
            names = np.array([f"x{i}" for i in range(self.n_features_in_)], dtype=object)
        return np.delete(names, self._place) if self._place is not None else names

    def _parts(
        self, X: ArrayLike, batch: Labels | None, covariates: ArrayLike | None, *, reset: bool
    ) -> tuple[Floats, Any, Floats]:
        """Features, centres, covariates."""
        if (batch is None) == (self.batch_column is None):
            raise InputError("give the centres either as batch_column, a column of X, or as batch=, one label for each row")
        place = self._found(X) if self.batch_column is not None else None
        if place is not None and isinstance(X, pd.DataFrame):
            batch = X.iloc[:, place]
            X = X.assign(**{str(X.columns[place]): 0.0})
        values = checked(self, X, reset=reset)
        if place is not None:
            batch = values[:, place] if batch is None else batch
            values = np.delete(values, place, axis=1)
        if reset:
            self._place = place
        number, names = codes(batch, "batch")  # type: ignore[arg-type]  # given, or just read from X
        added = np.empty((len(values), 0)) if covariates is None else as_floats(covariates, "covariates").reshape(len(values), -1)
        if len(number) != len(values) or not np.isfinite(added).all():
            raise InputError(f"{len(number)} centres for {len(values)} rows, or covariates with missing values")
        return values, np.array(names)[number], added

    def _found(self, X: Any) -> int:
        names = list(X.columns) if isinstance(X, pd.DataFrame) else []
        if isinstance(self.batch_column, str):
            if self.batch_column not in names:
                raise InputError(f"batch_column={self.batch_column!r} is not a column of X; an array needs its number")
            return names.index(self.batch_column)
        width = int(np.shape(X)[1])
        if not -width <= int(self.batch_column or 0) < width:
            raise InputError(f"batch_column={self.batch_column} in a table of {width} columns")
        return int(self.batch_column or 0) % width

"""From a family's values to the columns of a table."""

from __future__ import annotations

from voxomics.kernels import jit


@jit.cpu
def put(found, source, rows, target, values):
    """Copy some values of some rows to their columns.

    Parameters
    ----------
    found : ndarray float64 [k, m]
        Values of k rows.
    source : ndarray int64 [c]
        Which of the m values are wanted ...
    rows : ndarray int64 [k]
        ... in which rows of the table ...
    target : ndarray int64 [c]
        ... and in which of its columns.
    values : ndarray float64 [n, columns]
        Written there.
    """
    for k in range(rows.size):
        for c in range(source.size):
            values[rows[k], target[c]] = found[k, source[c]]

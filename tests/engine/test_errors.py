"""Errors that travel between processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from voxomics.engine import errors

KINDS = (errors.InputError, errors.SettingsError, errors.BackendError, errors.ResourceError)
EVERY = [*(kind("what, and what to do") for kind in KINDS), errors.MissingExtraError("writing Parquet", "parquet")]


@pytest.mark.parametrize("error", EVERY, ids=lambda one: type(one).__name__)
def test_an_error_comes_out_of_another_process_as_it_was(error):
    for back in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(back) is type(error)
        assert str(back) == str(error)


def test_every_kind_is_here():
    kinds = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.VoxomicsError)}
    assert kinds == {type(error) for error in EVERY} | {errors.VoxomicsError}

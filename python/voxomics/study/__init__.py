"""Statistics of a radiomics study: the paper's steps, each judged by R, and the nested procedure beside them."""

from __future__ import annotations

from importlib.util import find_spec

from voxomics.engine.errors import MissingExtraError

if find_spec("sklearn") is None:
    raise MissingExtraError("voxomics.study", "study")

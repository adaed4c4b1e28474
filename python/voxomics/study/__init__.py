"""Statistics of a radiomics study: the steps of the paper, each tested against R, and the nested procedure."""

from __future__ import annotations

from importlib.util import find_spec

from voxomics.engine.errors import MissingExtraError

if find_spec("sklearn") is None:
    raise MissingExtraError("voxomics.study", "study")

"""STUDY.yaml: what it refuses and how it says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from study_tables import clinical, features, run
from voxomics.engine.errors import InputError, SettingsError
from voxomics.study.settings import StudySettings

BASE: dict[str, Any] = {"features": {"table": "f.csv"}, "clinical": {"table": "c.csv", "marker": "m"}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({**BASE, "twin": {"repeets": 3}}, "unknown key 'twin.repeets'; did you mean 'repeats'"),
        ({**BASE, "endpiont": "binary"}, "did you mean 'endpoint'"),
        ({**BASE, "endpoint": "binry"}, "endpoint: Input should be 'continuous', 'binary' or 'survival', got 'binry'"),
        ({**BASE, "endpoint": "binary"}, "endpoint binary needs clinical.label"),
        ({**BASE, "endpoint": "survival"}, "endpoint survival needs clinical.time"),
        ({"features": {"table": "f"}, "clinical": {"table": "c"}}, "endpoint continuous needs clinical.marker or clinical.qpcr"),
        ({**BASE, "model": "cox_elastic_net"}, "cannot be used for endpoint continuous; accepted: linear, elastic_net"),
        ({**BASE, "sensitivity": ["exclude_above"]}, "needs a value in protocol.exclude_above"),
        ({**BASE, "centres": {"combat": True}}, "centres need clinical.centre"),
        ({**BASE, "clinical": {"table": "c", "marker": "m", "time": "t"}}, "`time` and `event` must be given together"),
        ({**BASE, "clinical": {"table": "c", "marker": "m", "time": "t", "event": "t"}}, "are the same column, 't'"),
        ({**BASE, "clinical": {"table": "c", "marker": "m", "qpcr": {"target": "t", "reference": "r"}}}, "give either `marker`"),
        ({**BASE, "controls": {"table": "k"}}, "give either `marker` or `qpcr` for the controls"),
        ({**BASE, "features": {"table": "f", "id_pattern": "("}}, "not a regular expression"),
        ({"clinical": {"table": "c", "marker": "m"}}, "features: Field required"),
    ],
)
def test_settings_that_are_refused(content: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        StudySettings.of(content)


def test_a_study_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        StudySettings.of(tmp_path / "STUDY.yaml")
    (tmp_path / "STUDY.yaml").write_text("a: [")
    with pytest.raises(SettingsError, match="is not YAML"):
        StudySettings.of(tmp_path / "STUDY.yaml")
    (tmp_path / "STUDY.yaml").write_text("- a\n")
    with pytest.raises(SettingsError, match="is not a mapping of keys"):
        StudySettings.of(tmp_path / "STUDY.yaml")


def test_forest_without_scikit_survival(tmp_path: Path) -> None:
    try:
        import sksurv  # noqa: F401
    except ImportError:
        with pytest.raises(SettingsError, match="scikit-survival, which is GPL-3"):
            run(tmp_path, features(), clinical(), endpoint="survival", model="random_survival_forest")
    else:
        pytest.skip("scikit-survival is installed here")

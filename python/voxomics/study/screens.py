"""The screen of every feature, and the model on the selected ones, one table for all endpoints."""

from __future__ import annotations

import pandas as pd

from voxomics.engine.errors import InputError
from voxomics.study.checks import constant_columns
from voxomics.study.cohort import Cohort
from voxomics.study.correlation import correlation_table
from voxomics.study.cox import cox, score_tests, standardised
from voxomics.study.fdr import q_values
from voxomics.study.groups import mann_whitney_table
from voxomics.study.logistic import logistic
from voxomics.study.regression import linear_model
from voxomics.study.settings import StudySettings


def screen_table(cohort: Cohort, settings: StudySettings) -> pd.DataFrame:
    """Association of every feature with the outcome; columns as the catalogue's table `screen`."""
    alpha, X = settings.protocol.alpha, cohort.filled
    if settings.endpoint == "continuous":
        found = correlation_table(X, cohort.truth, method=settings.protocol.method, alpha=alpha)
        name = "Pearson r" if settings.protocol.method == "pearson" else "Spearman r"
        return _named(found.rename(columns={"r": "effect", "t": "statistic"}).drop(columns="df"), name)
    if settings.endpoint == "binary":
        found = mann_whitney_table(X, cohort.truth, alpha=alpha)
        return _named(found.rename(columns={"superiority": "effect", "W": "statistic"}), "P(case > control) + P(equal)/2")
    return _survival_screen(cohort, alpha)


def _named(found: pd.DataFrame, effect: str) -> pd.DataFrame:
    return found.assign(effect_name=effect).rename_axis("feature").reset_index()


def _survival_screen(cohort: Cohort, alpha: float) -> pd.DataFrame:
    """Score test of each feature; its hazard ratio by one step of Newton's method would differ, so it is fitted."""
    follow_up = cohort.follow_up
    if follow_up is None:
        raise InputError("a survival endpoint needs follow-up")
    X = cohort.filled.to_numpy(dtype=float)
    chi2, p = score_tests(X, follow_up.time, follow_up.event)
    rows = []
    for j, name in enumerate(cohort.features.columns):
        row: dict[str, object] = {"feature": name, "n": len(X), "statistic": chi2[j], "p": p[j], "excluded": ""}
        try:
            model = cox(standardised(X[:, [j]])[0], follow_up.time, follow_up.event, names=[str(name)])
            row |= {"effect": model.hr[0], "ci_low": model.ci_low[0], "ci_high": model.ci_high[0]}
        except InputError as error:
            row["excluded"] = str(error)
        rows.append(row)
    found = pd.DataFrame(rows)
    found["q"] = q_values(found["p"])
    found["selected"] = found["p"] < alpha
    found.loc[constant_columns(X), "excluded"] = "constant"
    return found.assign(effect_name="hazard ratio of one standard deviation")


def coefficient_table(cohort: Cohort, settings: StudySettings, selected: list[str]) -> pd.DataFrame:
    """The model on the selected features, fitted to all patients; columns as the catalogue's table `coefficients`."""
    X, follow_up = cohort.filled[selected], cohort.follow_up
    try:
        if settings.endpoint == "continuous":
            model = linear_model(X, cohort.truth)
            names = ("coef", "se", "ci_low", "ci_high", "p")
            found = pd.DataFrame({name: getattr(model, name) for name in names}).assign(term=model.terms, message="")
            dropped = model.dropped
        elif settings.endpoint == "binary":
            odds = logistic(X, cohort.truth)
            found, dropped = odds.table().rename(columns={"odds_ratio": "ratio"}).assign(term=odds.terms), odds.dropped
        else:
            assert follow_up is not None  # a survival endpoint has it
            hazards = cox(X, follow_up.time, follow_up.event)
            found, dropped = hazards.table().rename(columns={"hr": "ratio"}).assign(term=hazards.terms), hazards.dropped
    except InputError as error:
        return pd.DataFrame({"term": selected, "message": str(error)})
    left_out = pd.DataFrame({"term": dropped, "message": "collinear with features before it: left out"})
    return (
        pd.concat([found.drop(columns="z", errors="ignore"), left_out], ignore_index=True)
        if dropped
        else found.drop(columns="z", errors="ignore")
    )

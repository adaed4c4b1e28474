"""Our statistics of the data in ../shared/oracle, laid out as R's JSON files are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from shared import shared
from voxomics.study import cox as cox_module
from voxomics.study.checks import complete_cases
from voxomics.study.collinear import independent_columns
from voxomics.study.correlation import correlation, correlation_table
from voxomics.study.fdr import q_values
from voxomics.study.groups import MannWhitney, against_controls, mann_whitney
from voxomics.study.hazards import proportional_hazards
from voxomics.study.metrics import continuous_scores
from voxomics.study.nested import cross_predict
from voxomics.study.qpcr import fold_change, relative_expression
from voxomics.study.regression import ScreenedRegression, linear_model
from voxomics.study.roc import delong_test, roc
from voxomics.study.survival import kaplan_meier, log_rank, restricted_mean

METHODS = {
    "exact": "Wilcoxon rank sum exact test",
    "normal": "Wilcoxon rank sum test",
    "normal with continuity correction": "Wilcoxon rank sum test with continuity correction",
}


@cache
def expected(name: str) -> Any:
    return json.loads(shared("oracle", f"{name}.json").read_text(encoding="utf-8"))


@cache
def table(name: str) -> pd.DataFrame:
    return pd.read_csv(shared("oracle", f"{name}.csv"))


def as_test(x: Any, y: Any) -> dict[str, Any]:
    keep = complete_cases(x, y)
    c = correlation(np.asarray(x)[keep], np.asarray(y)[keep])
    return {"r": c.r, "t": c.t, "df": c.df, "p": c.p, "ci": [c.ci_low, c.ci_high]}


def pearson() -> dict[str, Any]:
    cars, lung, pbc = table("mtcars"), table("lung"), table("pbc_complete")
    features = list(expected("pearson")["pbc_vs_bili"])
    found = correlation_table(pbc[features], pbc["bili"])
    return {
        "mtcars_mpg_wt": as_test(cars["mpg"], cars["wt"]),
        "mtcars_qsec_drat": as_test(cars["qsec"], cars["drat"]),
        "lung_age_mealcal_pairwise": as_test(lung["age"], lung["meal.cal"]),
        "pbc_vs_bili": {
            k: {"r": row.r, "t": row.t, "df": row.df, "p": row.p, "ci": [row.ci_low, row.ci_high]} for k, row in found.iterrows()
        },
        "p_adjust_BH": dict(zip(features, q_values(found["p"]), strict=True)),
    }


def lm() -> dict[str, Any]:
    cars = table("mtcars").assign(dup=lambda d: 2 * d["wt"] + 1)
    m, d = (linear_model(cars[names], cars["mpg"]) for names in (["wt", "hp", "qsec"], ["wt", "dup", "hp"]))
    return {
        "mtcars": {
            "terms": m.terms, "coef": m.coef, "se": m.se, "t": m.t, "p": m.p, "sigma": m.sigma, "r2": m.r2,
            "adj_r2": m.adj_r2, "F": [m.f, m.df_model, m.df_residual], "fitted": m.fitted,
        },
        "rank_deficient": {
            "coef": dict(zip(d.terms, d.coef, strict=True)) | dict.fromkeys(d.dropped, np.nan),
            "fitted": d.fitted, "rank": len(d.terms),
        },
    }  # fmt: skip


def cv() -> dict[str, Any]:
    pbc, want = table("pbc_complete"), expected("cv")
    X, y, folds = pbc[want["features"]], pbc["bili"], table("pbc_folds")["fold_R35"]
    found = correlation_table(X, y)
    selected = found.index[found["selected"]].tolist()
    leaky = cross_predict(ScreenedRegression(alpha=1), X[selected], y, folds)
    nested = cross_predict(ScreenedRegression(), X, y, folds)
    assert nested.selected is not None
    result: dict[str, Any] = {"selected_all": selected}
    for name, run in (("leaky", leaky), ("nested", nested)):
        scores = continuous_scores(y, run.prediction)
        result[name] = {"pred": run.prediction, "cor": as_test(run.prediction, y)} | {k: scores[k] for k in ("q2", "rmse", "mae")}
    del result["nested"]["mae"]
    result["nested"]["selected"] = [X.columns[mask].tolist() for mask in nested.selected]
    return result


def as_roc(labels: Any, scores: Any, **options: Any) -> dict[str, Any]:
    keep = complete_cases(labels, scores)
    curve = roc(np.asarray(labels)[keep], np.asarray(scores)[keep], **options)
    keys = ("threshold", "sensitivity", "specificity", "accuracy", "ppv", "npv", "tp", "tn", "fp", "fn", "youden")
    return {
        "direction": curve.direction, "levels": [str(c) for c in curve.classes], "auc": curve.auc,
        "ci_delong": [curve.ci_low, curve.auc, curve.ci_high], "var_delong": curve.variance,
        "best": [{k: getattr(point, k) for k in keys} for point in curve.best],
        "thresholds": curve.thresholds, "sens": curve.sensitivities, "spec": curve.specificities,
    }  # fmt: skip


def roc_curves() -> dict[str, Any]:
    sah, lung, small, many = table("aSAH"), table("lung"), table("roc_small"), table("roc_multibest")
    test = delong_test(roc(sah["outcome"], sah["s100b"]), roc(sah["outcome"], sah["ndka"]))
    return {
        "aSAH_s100b": as_roc(sah["outcome"], sah["s100b"]),
        "aSAH_ndka": as_roc(sah["outcome"], sah["ndka"]),
        "aSAH_wfns": as_roc(sah["outcome"], sah["wfns"]),
        "aSAH_neg_s100b_auto": as_roc(sah["outcome"], -sah["s100b"]),
        "aSAH_neg_s100b_forced_lt": as_roc(sah["outcome"], -sah["s100b"], direction="<"),
        "lung_age_by_status": as_roc(lung["event"], lung["age"]),
        "lung_wtloss_by_status": as_roc(lung["event"], lung["wt.loss"]),
        "roc_small": as_roc(small["y"], small["x"]),
        "roc_multibest": as_roc(many["y"], many["x"]),
        "delong_test_s100b_vs_ndka": {"z": test.z, "p": test.p},
    }


def as_log_rank(d: pd.DataFrame, time: str, event: str, group: Any, rho: float = 0.0) -> dict[str, Any]:
    keep = complete_cases(group)
    name = str(getattr(group, "name", "") or "")
    f = log_rank(d[time][keep], d[event][keep], np.asarray(group)[keep], rho=rho)
    shown = [f"{name}={value:g}" if not isinstance(value, bool) else f"{name}={str(value).upper()}" for value in f.groups]
    return {"groups": shown, "n": f.n, "obs": f.observed, "exp": f.expected, "chisq": f.chi2, "df": f.df, "p": f.p}


def logrank() -> dict[str, Any]:
    lung, months, ovarian = table("lung"), table("lung_months"), table("ovarian")
    return {
        "lung_sex": as_log_rank(lung, "time", "event", lung["sex"]),
        "lung_sex_peto_rho1": as_log_rank(lung, "time", "event", lung["sex"], rho=1.0),
        "lung_ecog": as_log_rank(lung, "time", "event", lung["ph.ecog"]),
        "ovarian_rx": as_log_rank(ovarian, "futime", "fustat", ovarian["rx"]),
        "lung_months_sex": as_log_rank(months, "month", "event", months["sex"]),
        "lung_age_gt_63": as_log_rank(lung, "time", "event", (lung["age"] > 63).rename("I(age > 63)")),
        "lung_age_ge_63": as_log_rank(lung, "time", "event", (lung["age"] >= 63).rename("I(age >= 63)")),
    }


def as_curves(d: pd.DataFrame, time: str, event: str, strata: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, list[Any]] = {}
    rows = []
    for name, mine in strata.items():
        curve, other = (kaplan_meier(d[time][mine], d[event][mine], interval=i) for i in ("log", "log-log"))
        found = {
            "strata": [name] * len(curve.time), "time": curve.time, "n_risk": curve.n_risk, "n_event": curve.n_event,
            "n_censor": curve.n_censor, "surv": curve.survival, "std_err_cumhaz_scale": curve.se_log,
            "lower_log": curve.ci_low, "upper_log": curve.ci_high, "lower_loglog": other.ci_low, "upper_loglog": other.ci_high,
        }  # fmt: skip
        for key, values in found.items():
            columns.setdefault(key, []).extend(list(values))
        mean, se = restricted_mean(curve, float(d[time].max()))
        rows.append(
            dict.fromkeys(("records", "n.max", "n.start"), curve.n)
            | {"events": curve.events, "rmean": mean, "se(rmean)": se, "median": curve.median}
            | {"0.95LCL": curve.median_ci_low, "0.95UCL": curve.median_ci_high}
        )
    return {**columns, "table": rows}


def km() -> dict[str, Any]:
    lung, ovarian = table("lung"), table("ovarian")
    return {
        "lung_sex": as_curves(lung, "time", "event", {"sex=1": lung["sex"] == 1, "sex=2": lung["sex"] == 2}),
        "ovarian_all": as_curves(ovarian, "futime", "fustat", {"all": ovarian["futime"] > 0}),
    }


def fitted(d: pd.DataFrame, time: str, event: str, terms: list[str], ties: str = "efron") -> cox_module.CoxModel:
    whole = d[complete_cases(d[terms])]
    return cox_module.cox(whole[terms], whole[time], whole[event], ties=ties)


def as_cox(d: pd.DataFrame, time: str, event: str, terms: list[str], ties: str = "efron") -> dict[str, Any]:
    m = fitted(d, time, event, terms, ties)
    assert m.wald is not None
    assert m.status == "ok"
    tests = {k: [t.chi2, t.df, t.p] for k, t in (("lrt", m.likelihood_ratio), ("wald", m.wald), ("score", m.score))}
    names = m.terms if len(m.terms) > 1 else m.terms[0]
    columns = {k: getattr(m, k) for k in ("coef", "hr", "se", "z", "p")}
    columns |= {"terms": names, "lower95": m.ci_low, "upper95": m.ci_high}
    # R's JSON unboxes single values
    one = {k: v[0] if len(terms) == 1 and k != "terms" else v for k, v in columns.items()}
    loglik, c = [m.loglik_null, m.loglik], [m.concordance, m.concordance_se]
    return {**one, "n": m.n, "nevent": m.events, "loglik": loglik, "concordance": c, **tests}


def cox() -> dict[str, Any]:
    lung, months, ovarian = table("lung"), table("lung_months"), table("ovarian")
    terms = ["age", "sex", "ph.ecog"]
    whole = lung[complete_cases(lung[terms])]
    zph = proportional_hazards(whole[terms], whole["time"], whole["event"])
    tests = [*zph.terms.values(), zph.overall]
    age = fitted(lung, "time", "event", ["age"])
    return {
        "lung_uni": {k: as_cox(lung, "time", "event", [k]) for k in expected("cox")["lung_uni"]},
        "lung_multi": as_cox(lung, "time", "event", [*terms, "wt.loss"]),
        "ovarian_efron": as_cox(ovarian, "futime", "fustat", ["age", "rx", "ecog.ps"]),
        "lung_months_efron": as_cox(months, "month", "event", terms),
        "lung_months_breslow": as_cox(months, "month", "event", terms, "breslow"),
        "cox_zph_km": {
            "rows": [*zph.terms, "GLOBAL"],
            "chisq": [t.chi2 for t in tests], "df": [t.df for t in tests], "p": [t.p for t in tests],
        },
        "default_control_lung_age": {"coef": age.coef[0], "se": age.se[0]},
    }  # fmt: skip


def as_wilcoxon(found: MannWhitney) -> dict[str, Any]:
    return {"W": found.statistic, "p": found.p, "method": METHODS[found.method]}


def wilcoxon() -> dict[str, Any]:
    sah, cars, small = table("aSAH"), table("mtcars"), expected("wilcoxon")["small_inputs"]
    poor, good = (sah["s100b"][sah["outcome"] == name] for name in ("Poor", "Good"))
    manual, automatic = (cars["qsec"][cars["am"] == am] for am in (1, 0))
    return {
        "aSAH_s100b_poor_vs_good_default": as_wilcoxon(mann_whitney(poor, good)),
        "aSAH_nocorrect": as_wilcoxon(mann_whitney(poor, good, continuity=False)),
        "mtcars_qsec_am_default": as_wilcoxon(mann_whitney(manual, automatic)),
        "mtcars_qsec_am_nocorrect": as_wilcoxon(mann_whitney(manual, automatic, exact=False, continuity=False)),
        "small_noties_default_exact": as_wilcoxon(mann_whitney(small["x"], small["y"])),
        "small_noties_noexact": as_wilcoxon(mann_whitney(small["x"], small["y"], exact=False)),
        "greater": as_wilcoxon(mann_whitney(poor, good, alternative="greater")),
    }


def qpcr() -> dict[str, Any]:
    d = table("qpcr")
    found, control = relative_expression(d["ct_mir1246"], d["ct_cel39"]), (d["group"] == "control").to_numpy()
    dct, mean = found.delta_ct, found.delta_ct[control].mean()
    return {
        "dct": dct, "two_pow_minus_dct": found.value, "calibrator_mean_dct_controls": mean, "ddct": dct - mean,
        "fold": fold_change(dct, dct[control]),
        "wilcox_dct": as_wilcoxon(mann_whitney(dct[~control], dct[control])),
        "wilcox_fold": as_wilcoxon(mann_whitney(found.value[~control], found.value[control])),
    }  # fmt: skip


# ---------------------------------------------------------------------- the 92 patients, the whole chain


def as_r_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]", ".", name)


def cohort92_expected() -> dict[str, Any]:
    want = expected("cohort92_expected")
    d, controls = table("cohort92"), table("controls35")
    d = d.assign(mir=relative_expression(d["ct_mir1246"], d["ct_cel39"], scale=1000).value)
    healthy = relative_expression(controls["ct_mir1246"], controls["ct_cel39"], scale=1000).value
    X, mir, folds = d[list(want["pearson"])], d["mir"].to_numpy(), want["fold"]
    screen = correlation_table(X, mir)
    chosen = screen.index[screen["selected"]].tolist()
    leaky = cross_predict(ScreenedRegression(alpha=1), X[chosen], mir, folds)
    nested = cross_predict(ScreenedRegression(), X, mir, folds)
    assert nested.selected is not None
    d = d.assign(pred=leaky.prediction)
    by_event = roc(d["event"], mir)
    threshold = by_event.best[0].threshold
    against = against_controls(mir, healthy).loc["all"]
    by_control = roc(np.repeat([0, 1], [len(healthy), len(mir)]), np.concatenate([healthy, mir]))
    kept = independent_columns(X[chosen].to_numpy()[np.asarray(folds) != 1])

    def stats(prediction: Any) -> dict[str, float]:
        scores = continuous_scores(mir, prediction)
        return {"r": scores["r"], "p": correlation(prediction, mir).p, "rmse": scores["rmse"], "q2": scores["q2"]}

    def best(curve: Any) -> list[dict[str, float]]:
        return [{k: getattr(point, k) for k in ("threshold", "sensitivity", "specificity")} for point in curve.best]

    def groups(high: Any) -> dict[str, Any]:
        found = as_log_rank(d, "time_months", "event", high)
        return {k: found[k] for k in ("n", "obs", "exp", "chisq", "p")}

    def model(*terms: str) -> dict[str, Any]:
        m = as_cox(d, "time_months", "event", list(terms))
        return {k: m[v] for k, v in {"terms": "terms", "coef": "coef", "hr": "hr", "se": "se", "p": "p"}.items()} | {
            "lo": m["lower95"], "hi": m["upper95"]
        }  # fmt: skip

    return {
        "pearson": {k: {"r": row.r, "p": row.p, "lo": row.ci_low, "hi": row.ci_high} for k, row in screen.iterrows()},
        "selected": chosen,
        "bh": screen["q"].to_dict(),
        "leaky": {
            "pred": leaky.prediction, "stats": stats(leaky.prediction),
            "aliased": [as_r_name(name) for j, name in enumerate(chosen) if j not in kept],
        },
        "nested": {
            "pred": nested.prediction, "stats": stats(nested.prediction),
            "selected": [[as_r_name(name) for name in X.columns[mask]] for mask in nested.selected],
        },
        "roc_surv": {
            "auc": by_event.auc, "ci": [by_event.ci_low, by_event.auc, by_event.ci_high],
            "direction": by_event.direction, "best": best(by_event),
        },
        "logrank_real": groups(d["mir"] > threshold),
        "logrank_pred_same_threshold": groups(d["pred"] > threshold),
        "cox_uni": {k: model(k) for k in want["cox_uni"]},
        "cox_multi_real": model("N", "mir"),
        "cox_multi_pred": model("N", "pred"),
        "controls": {
            "W": against["W"], "p": against["p"], "method": METHODS[against["method"]],
            "p_nocorrect": mann_whitney(mir, healthy, exact=False, continuity=False).p,
            "auc": by_control.auc, "ci": [by_control.ci_low, by_control.auc, by_control.ci_high], "best": best(by_control),
        },
    }  # fmt: skip


OURS: dict[str, Callable[[], dict[str, Any]]] = {
    "pearson": pearson, "lm": lm, "cv": cv, "roc": roc_curves, "logrank": logrank, "km": km, "cox": cox,
    "wilcoxon": wilcoxon, "qpcr": qpcr, "cohort92_expected": cohort92_expected,
}  # fmt: skip

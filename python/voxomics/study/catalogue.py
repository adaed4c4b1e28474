"""Names and meanings of every part, table, column and number in the results of a study.

A name has the same meaning in every part, so the protocol and the nested twin can be compared. The report and `results.json`
take their explanations from here.
"""

from __future__ import annotations

from dataclasses import dataclass

PARTS = {
    "cohort": "The patients, the features, and how the tables were joined",
    "controls": "The marker in patients and in healthy controls",
    "protocol": "The protocol of the paper: features are selected on all patients, and only the regression is cross-validated",
    "twin": "The nested twin: every step that uses the outcome is repeated in every training fold",
    "centres": "Several centres: ComBat in the training folds, and every centre left out once",
    "sensitivity": "The same analysis with other choices",
}

COLUMNS = {
    # who and which
    "id": "patient",
    "feature": "feature, as named in the table of features",
    "term": "covariate of the model; a category is named covariate=level and compared with the first level",
    "covariate": "clinical covariate",
    "level": "category of the covariate; empty for a number",
    "centre": "centre of the patient",
    "source": "table the row comes from: features, clinical or controls",
    "reason": "why the row or column was left out; empty where it was used",
    "group": "high: value > threshold; low: all others. In the controls' tables: all patients, one stage, or controls",
    "marker": "real: the measured marker or outcome; predicted: predicted from the features",
    "model": "univariate, or the multivariable model, named after its marker: real, predicted or clinical",
    "analysis": "which choice was changed; 'main' is the study as set",
    "side": "protocol or twin",
    "design": "how patients were split: random folds, or leave one centre out",
    "combat": "whether ComBat was fitted in each training fold",
    "message": "why there is no estimate; empty where there is one",
    # outcome and prediction
    "truth": "the outcome: marker; 1 or 0 of the class; or, for survival, the event",
    "event": "1: the event was seen; 0: censored; empty: no follow-up given",
    "time": "follow-up, in the unit of the clinical table",
    "x": "value of the feature",
    "repeat": "repeat of the cross-validation, from 0",
    "fold": "fold in which the patient was predicted, from 0",
    "prediction": "out-of-fold prediction: marker, probability of the second class, or log hazard",
    "kept": "whether the patient is kept by the exclusion that was declared post hoc",
    "protocol_fold": "fold in the protocol's cross-validation",
    "protocol_prediction": "out-of-fold prediction of the protocol",
    "twin_prediction": "mean over the repeats of the twin's out-of-fold predictions",
    "protocol_real_high": "real marker above the protocol's threshold",
    "protocol_predicted_high": "prediction above the protocol's threshold",
    "twin_real_high": "real marker above the threshold of the training folds (first repeat)",
    "twin_predicted_high": "prediction above the threshold of the training folds (first repeat)",
    # counts and descriptions
    "n": "patients",
    "events": "events",
    "share": "share of the patients whose value is known",
    "missing": "missing values",
    "mean": "mean",
    "sd": "standard deviation (n − 1)",
    "median": "median",
    "minimum": "smallest value",
    "maximum": "largest value",
    "n_controls": "controls",
    "median_controls": "median of the controls",
    # tests and estimates
    "effect": "size of the association; `effect_name` says which",
    "effect_name": "Pearson or Spearman r; P(case > control) + P(equal)/2; or hazard ratio of one standard deviation",
    "statistic": "Student's t, Mann–Whitney's U of the cases, or the score test's χ²",
    "W": "Mann–Whitney's U of the patients, R's W",
    "method": "how the p-value was computed",
    "superiority": "P(patient > control) + P(equal)/2, the area under the ROC curve",
    "ci_low": "lower limit of the 95 % confidence interval",
    "ci_high": "upper limit of the 95 % confidence interval",
    "p": "p-value, two-sided; of a permutation test one-sided, (1 + #{T* ≥ T})/(B + 1)",
    "q": "Benjamini–Hochberg adjusted p-value, over the features tested",
    "selected": "p < alpha",
    "excluded": "why the feature was not tested; empty where it was",
    "frequency": "share of all training folds of all repeats in which the feature was selected",
    "coef": "coefficient: change of the marker, log odds or log hazard for one unit of the term",
    "ratio": "exp(coef): odds ratio or hazard ratio; empty for linear regression",
    "hr": "hazard ratio for one unit of the term",
    "se": "standard error of the coefficient",
    "z": "coef/se",
    "concordance": "Harrell's C of the model on its own patients (apparent)",
    "chi2": "χ²",
    "df": "degrees of freedom",
    # thresholds and curves
    "threshold": "high is value > threshold; a midpoint between two observed values, ±inf at the curve's ends",
    "sensitivity": "share of the cases classified as high",
    "specificity": "share of the others classified as low",
    "accuracy": "share classified correctly",
    "ppv": "positive predictive value",
    "npv": "negative predictive value",
    "youden": "sensitivity + specificity",
    "chosen": "the threshold that was used: the first of all maxima of Youden's index",
    "curve": "which ROC curve",
    "survival": "Kaplan–Meier estimate; the interval is R's default, on the log scale",
    "n_risk": "patients at risk just before the time",
    "n_event": "events at the time",
    "n_censor": "patients censored at the time",
    "observed": "events observed in the group; in the calibration table, the mean outcome of the bin",
    "expected": "events expected in the group without a difference; in the calibration table, the mean prediction of the bin",
    "bin": "patients in order of the prediction, in bins of equal number",
    "auc": "area under the curve: cases had the event by that time, controls survived longer; weighted for censoring",
    # scores
    "score": "name of the score",
    "value": "value",
    "draw": "number of the permutation or bootstrap sample",
    "test": "kind of interval and of p-value",
    "n_selected": "features selected on all patients; for the twin, their mean number over the training folds",
}


@dataclass(frozen=True)
class TableSpec:
    """Title, rows and columns of a table."""

    title: str
    row: str  #: what one row is
    columns: tuple[str, ...]


def _spec(title: str, row: str, columns: str) -> TableSpec:
    return TableSpec(title, row, tuple(columns.split()))


TABLES = {
    # cohort
    "patients": _spec(
        "Patients",
        "a patient",
        "id truth time event centre protocol_fold protocol_prediction twin_prediction kept protocol_real_high "
        "protocol_predicted_high twin_real_high twin_predicted_high",
    ),
    "left_out": _spec("Rows that were not used", "an id", "id source reason"),
    "features": _spec("Features", "a feature", "feature n missing minimum median maximum reason"),
    "baseline": _spec(
        "Patient characteristics", "a covariate or one of its levels", "covariate level n share mean sd median minimum maximum"
    ),
    # controls
    "against_controls": _spec(
        "Patients against controls",
        "all patients, or one stage",
        "group n median n_controls median_controls W p method superiority",
    ),
    "values": _spec("Marker of patients and controls", "a person", "id group value"),
    # protocol and twin
    "screen": _spec(
        "Association of every feature with the outcome",
        "a feature",
        "feature n effect_name effect ci_low ci_high statistic p q selected excluded",
    ),
    "coefficients": _spec(
        "Model on the selected features, fitted to all patients", "a term", "term coef ratio se ci_low ci_high p message"
    ),
    "scatter": _spec("Selected features against the marker", "a patient and a feature", "feature id x truth event"),
    "predictions": _spec(
        "Predicted against real", "a patient (twin: in one repeat)", "repeat id fold truth prediction event kept"
    ),
    "calibration": _spec("Calibration", "a fifth of the patients", "bin n expected observed ci_low ci_high"),
    "scores": _spec("Scores of every repeat", "a score of a repeat", "repeat score value"),
    "selection": _spec("Selection frequency", "a feature", "feature frequency"),
    "permutation": _spec("Scores under permuted outcomes", "a score of a permutation", "score draw value"),
    "bootstrap": _spec("Scores of resampled patients", "a score of a sample", "score draw value"),
    "thresholds": _spec("Thresholds from the training folds", "a fold of a repeat", "repeat fold marker threshold"),
    "roc": _spec("ROC curves", "a threshold", "curve threshold sensitivity specificity"),
    "roc_areas": _spec("Areas under the ROC curves", "a curve", "curve value ci_low ci_high n_cases n_controls direction"),
    "operating_points": _spec(
        "Thresholds that maximise Youden's index",
        "a threshold",
        "curve threshold sensitivity specificity accuracy ppv npv youden chosen",
    ),
    "km": _spec("Kaplan–Meier curves", "a step", "marker group time survival ci_low ci_high n_risk n_event n_censor"),
    "at_risk": _spec("Patients at risk", "a group at a time", "marker group time n_risk"),
    "groups": _spec("High and low groups", "a group", "marker group n events observed expected median ci_low ci_high"),
    "log_rank": _spec("Log-rank tests of high against low", "a marker", "marker threshold chi2 df p message"),
    "cox": _spec("Cox regression", "a term of a model", "model term n events coef hr ci_low ci_high se z p concordance message"),
    "cox_models": _spec(
        "Cox models",
        "a model",
        "model n events events_per_variable concordance optimism corrected likelihood_ratio_p message",
    ),
    "proportional_hazards": _spec("Tests of proportional hazards", "a term of a model, or GLOBAL", "model term chi2 df p"),
    "time_dependent_auc": _spec("Time-dependent area under the curve", "a time", "marker time auc"),
    # centres and sensitivity
    "designs": _spec("Random folds and leave-one-centre-out", "a score of a design", "design combat score value p test"),
    "by_centre": _spec("Scores in each centre", "a score in a centre", "design combat centre n score value message"),
    "choices": _spec("Other choices", "a score of an analysis", "analysis side n n_selected score value p test message"),
}

COLUMNS |= {
    "n_cases": "cases",
    "direction": "'<': cases have the higher values; '>': the lower ones",
    "events_per_variable": "events for each term; below about 10 the estimates are unstable",
    "optimism": "mean bootstrap optimism of the concordance",
    "corrected": "concordance less its optimism",
    "likelihood_ratio_p": "likelihood-ratio test of the whole model",
}

NUMBERS = {
    "patients": "patients analysed",
    "events": "patients with the event",
    "cases": "patients of the second class",
    "features": "features analysed",
    "controls": "healthy controls",
    "selected": "features with p < alpha on all patients",
    "survivors_fdr": "features with q < alpha (Benjamini–Hochberg)",
    "repeats": "repeats of the cross-validation",
    "permutations": "permutations of the whole nested procedure",
    "bootstrap": "bootstrap samples of the whole nested procedure",
    "threshold": "threshold between high and low; high is value > threshold",
    "r": "Pearson's correlation of out-of-fold predictions with the marker",
    "r_kept": "the same without the patients excluded post hoc",
    "q2": "1 − Σ(y − ŷ)²/Σ(y − ȳ)² of out-of-fold predictions; below 0, the mean predicts better",
    "rmse": "root mean squared error, in the marker's unit",
    "mae": "mean absolute error, in the marker's unit",
    "slope": "calibration slope of the marker on the prediction, or of the class on the predicted log odds; 1 if calibrated",
    "intercept": "calibration intercept; 0 if calibrated",
    "auc": "area under the ROC curve of the out-of-fold probabilities",
    "brier": "mean squared error of the probabilities",
    "brier_skill": "1 − Brier score/Brier score of the prevalence; below 0, the prevalence predicts better",
    "c": "Harrell's concordance of the out-of-fold log hazards",
}

"""Weights of the voters and one temperature, from votes on pictures that their models never saw."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from medsift.modelsets import Calibration


def fit_calibration(log_odds: NDArray[np.float64], voters: list[str], is_medical: NDArray[np.bool_]) -> Calibration:
    """Logistic regression without intercept and with no weight below 0; log_odds (n, voters), NaN where abstained.

    The weights sum to 1, the temperature carries the rest.
    """
    odds = np.nan_to_num(log_odds, nan=0.0)
    sign = np.where(is_medical, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (odds @ weights)
        slope = -sign / (1 + np.exp(margin))
        return float(np.logaddexp(0, -margin).mean()), odds.T @ slope / len(odds)

    first = np.full(len(voters), 1 / len(voters))
    fitted = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(voters)).x
    total = float(fitted.sum())
    return Calibration(
        {voter: round(float(weight) / total, 6) for voter, weight in zip(voters, fitted, strict=True)},
        round(1 / total, 6),
    )

"""How good the verdicts are: metrics with intervals, their report, a run's report, the score of the sample."""

"""Prints statsmodels' coefficients and cluster-robust errors for tests/unit/stats/logistic_test.cpp."""
import numpy as np
import statsmodels.api as sm

COUNT = 240
bits = np.tile([8, 6, 4, 3], COUNT // 4)
category = (np.arange(COUNT) // 24) % 3
state, uniform = 12345, []
for _ in range(COUNT):
    state = (state * 1103515245 + 12345) % 2**31
    uniform.append(state / 2**31)
design = np.column_stack([np.ones(COUNT), bits, category == 1, category == 2]).astype(float)
eta = 0.8 - 0.25 * bits + 0.5 * (category == 1)
outcome = (np.array(uniform) < 1 / (1 + np.exp(-eta))).astype(int)
fit = sm.Logit(outcome, design).fit(
    disp=0, tol=1e-14, cov_type="cluster", cov_kwds={"groups": np.arange(COUNT) // 8})
print(repr(fit.params), repr(fit.bse), repr(fit.pvalues), fit.llf, sep="\n")

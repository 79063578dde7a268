"""``metagrad.special``: functions of mathematical physics and statistics, under the names SciPy and PyTorch give them."""

from metagrad.ops.pointwise.activation import sigmoid as expit
from metagrad.ops.pointwise.exponential import exp2, expm1, log1p
from metagrad.ops.pointwise.rounding import round
from metagrad.ops.pointwise.trigonometric import sinc
from metagrad.ops.reduce.softmax import log_softmax, logsumexp, softmax
from metagrad.ops.special.bessel import *
from metagrad.ops.special.erf import *
from metagrad.ops.special.gamma import digamma, polygamma, zeta
from metagrad.ops.special.gamma import digamma as psi
from metagrad.ops.special.gamma import igamma as gammainc
from metagrad.ops.special.gamma import igammac as gammaincc
from metagrad.ops.special.gamma import lgamma as gammaln
from metagrad.ops.special.gamma import mvlgamma as multigammaln
from metagrad.ops.special.logarithms import *
from metagrad.ops.special.polynomials import *

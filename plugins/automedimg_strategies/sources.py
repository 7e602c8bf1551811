"""The papers and programs behind the strategies."""

from automedimg.contracts import Source

TPE = Source(
    "Bergstra et al. (2011), Algorithms for Hyper-Parameter Optimization, NeurIPS 24;"
    " Watanabe (2023), arXiv:2304.11127",
    "https://arxiv.org/abs/2304.11127",
)
RANDOM = Source(
    "Bergstra & Bengio (2012), Random Search for Hyper-Parameter Optimization, JMLR 13",
    "https://www.jmlr.org/papers/v13/bergstra12a.html",
)
SOBOL = Source(
    "Sobol' (1967), USSR Computational Mathematics and Mathematical Physics 7;"
    " Owen (1998), Scrambling Sobol' and Niederreiter-Xing Points, Journal of Complexity 14"
)
GP = Source(
    "Snoek et al. (2012), Practical Bayesian Optimization of Machine Learning Algorithms,"
    " NeurIPS 25, arXiv:1206.2944",
    "https://arxiv.org/abs/1206.2944",
)
CMAES = Source(
    "Hansen & Ostermeier (2001), Evolutionary Computation 9; Hansen (2016), arXiv:1604.00772",
    "https://arxiv.org/abs/1604.00772",
)
HYPERBAND = Source(
    "Li et al. (2018), Hyperband, JMLR 18; Falkner et al. (2018), BOHB, ICML, arXiv:1807.01774",
    "https://arxiv.org/abs/1603.06560",
)
ASHA = Source(
    "Li et al. (2020), A System for Massively Parallel Hyperparameter Tuning, MLSys 2,"
    " arXiv:1810.05934",
    "https://arxiv.org/abs/1810.05934",
)
KERAS_TUNER = Source(
    "O'Malley et al. (2019), KerasTuner", "https://github.com/keras-team/keras-tuner", "Apache-2.0"
)
AUTOKERAS = Source(
    "Jin et al. (2023), AutoKeras: An AutoML Library for Deep Learning, JMLR 24",
    "https://github.com/keras-team/autokeras",
    "Apache-2.0",
)

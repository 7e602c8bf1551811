"""One trial: weights, features, model assembly, the fit loop. Modules here import Keras."""

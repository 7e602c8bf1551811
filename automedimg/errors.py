"""Errors that a user can act on. Anything else that is raised is a bug."""


class AutomedimgError(Exception):
    """A handled error: what was received and expected, and what to do about it.

    Args:
        message: One sentence: what was received, what was expected.
        hint: What to do. Shown on a line of its own.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"


class ConfigurationError(AutomedimgError):
    """A setting is wrong, or two settings exclude each other."""


class UnknownNameError(ConfigurationError):
    """A task, backbone, head, strategy, metric or executor of that name is not there."""


class PluginError(AutomedimgError):
    """A plugin that was asked for is broken, or its name is claimed twice."""


class DataError(AutomedimgError):
    """The images, labels or groups can't be used as asked."""


class RunError(AutomedimgError):
    """A run directory can't be opened, continued or written."""


class BackendError(AutomedimgError):
    """No Keras backend can be used."""


class MetricUndefinedError(AutomedimgError):
    """A metric has no value for these labels, e.g. AUC where a class is absent."""

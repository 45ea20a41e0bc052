"""What can go wrong with data, one exception type for each way."""


class DatasetError(RuntimeError):
    """Data could not be had; every error of :mod:`lib.datasets` is one of these."""


class UnknownDatasetError(DatasetError, LookupError):
    """No row of the registry has the name that was asked for."""


class RegistryError(DatasetError, ValueError):
    """A row of ``registry.toml`` is malformed."""


class WrongHashError(DatasetError):
    """A file's content is not what its row pins; the file was not used."""


class DownloadError(DatasetError):
    """A server was reached, but did not deliver the file."""


class OfflineError(DatasetError):
    """A file is in neither mirror nor cache, and its server cannot be reached."""

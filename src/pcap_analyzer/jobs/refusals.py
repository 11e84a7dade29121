"""What the service refuses, as kinds the domain knows; `web.problems` gives each its HTTP status."""

from pcap_analyzer.errors import PcapAnalyzerError


class Refused(PcapAnalyzerError):
    """The request cannot be served; the message says why and what to do."""


class UploadTooLarge(Refused):
    """More bytes than MAX_UPLOAD_SIZE_MB allows."""


class NotACapture(Refused):
    """The first bytes are those of something else."""


class QueueFull(Refused):
    """As many analyses wait as MAX_QUEUE_SIZE allows."""


class StorageFull(Refused):
    """The disk cannot hold the upload."""


class UnknownAnalysis(Refused):
    """No analysis has this id."""


class NoReport(Refused):
    """The analysis has not succeeded, so there is nothing to show."""


class UnknownUpload(Refused):
    """No upload has this id."""


class UploadGone(Refused):
    """The upload was ended, by its sender or by time."""


class WrongOffset(Refused):
    """The bytes sent do not begin where the upload stands."""


class WrongLength(Refused):
    """More bytes than were announced."""


class NotPossible(Refused):
    """The analysis is in a state that does not allow it."""


class Expired(Refused):
    """What is asked for was kept for as long as results are kept."""


class UnknownTable(Refused):
    """No table has this name."""


class UnknownFlow(Refused):
    """The capture has no flow of this number."""


class NotReady(Refused):
    """It is being made; whoever asks again soon gets it."""


class NotTakeable(Refused):
    """It could not be taken out of the capture, or is not stored any more."""


class TooManyReadings(Refused):
    """As many wait for captures to be read as may."""

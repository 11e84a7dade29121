"""How an analysis goes on, looked up once for all who watch it."""

import asyncio
import hashlib
import time

import msgspec
from anyio.to_thread import run_sync

from pcap_analyzer.jobs.service import AnalysisService
from pcap_analyzer.web.messages import in_words_of
from pcap_analyzer.web.status import LiveStatus, live_status_of

# As often as a worker tells.
LOOK_EVERY_S = 0.25
_MOST_KEPT = 1000


class Look:
    """An analysis at one moment. id: stands for what it says, in whatever language.  at: time.monotonic()."""

    def __init__(self, status: LiveStatus, at: float) -> None:
        english = msgspec.json.encode(status)
        self.id = hashlib.sha256(english).hexdigest()[:16]
        self.final = status.status.final
        self.at = at
        self._status = status
        self._told = {"en": english}

    def told(self, language: str) -> bytes:
        """LiveStatus as JSON, its sentences in that language."""
        if language not in self._told:
            self._told[language] = msgspec.json.encode(in_words_of(self._status, language))
        return self._told[language]


class Live:
    """Looks at the analyses of one service."""

    def __init__(self, service: AnalysisService) -> None:
        self._service = service
        self._looks: dict[str, Look] = {}
        self._looking: dict[str, asyncio.Task[Look]] = {}

    async def look(self, analysis_id: str) -> Look:
        """Not older than LOOK_EVERY_S. Raises UnknownAnalysis."""
        if (known := self._fresh(analysis_id)) is not None:
            return known
        looking = self._looking.get(analysis_id)
        if looking is None:
            looking = self._looking[analysis_id] = asyncio.create_task(run_sync(self._look, analysis_id))
            looking.add_done_callback(lambda done: self._keep(analysis_id, done))
        # Whoever goes away meanwhile leaves it to the others.
        await asyncio.wait({looking})
        return looking.result()

    def _keep(self, analysis_id: str, done: asyncio.Task[Look]) -> None:
        del self._looking[analysis_id]
        self._looks.pop(analysis_id, None)
        if not done.cancelled() and done.exception() is None:
            self._looks[analysis_id] = done.result()
        while len(self._looks) > _MOST_KEPT:
            del self._looks[next(iter(self._looks))]

    def _fresh(self, analysis_id: str) -> Look | None:
        known = self._looks.get(analysis_id)
        return known if known is not None and time.monotonic() - known.at < LOOK_EVERY_S else None

    def _look(self, analysis_id: str) -> Look:
        at = time.monotonic()
        analysis = self._service.get(analysis_id)
        return Look(live_status_of(analysis, self._service.first_results(analysis_id)), at)

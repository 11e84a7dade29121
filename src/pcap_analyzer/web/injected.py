"""What handlers may ask for by annotation."""

from typing import Any
from uuid import UUID

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from pcap_analyzer.jobs.arrivals import Arrivals
from pcap_analyzer.jobs.service import AnalysisService
from pcap_analyzer.jobs.tables import Tables
from pcap_analyzer.web.live import Live

ArrivalsOfService = NamedDependency[SkipValidation[Arrivals]]
LiveOfService = NamedDependency[SkipValidation[Live]]
Service = NamedDependency[SkipValidation[AnalysisService]]
TablesOfService = NamedDependency[SkipValidation[Tables]]
TaskId = FromPath[UUID]
AnyRequest = Request[Any, Any, Any]

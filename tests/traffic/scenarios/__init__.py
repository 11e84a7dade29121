"""The scenarios, a function each, gathered by kind of cause."""

from tests.traffic.scenario import SCENARIOS
from tests.traffic.scenarios import capture_point, clean, ends, firewall, intruders, names, path

__all__ = ["SCENARIOS", "capture_point", "clean", "ends", "firewall", "intruders", "names", "path"]

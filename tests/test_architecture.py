"""The house keeps its shape: who may import whom, how big a file gets, what every folder says of itself."""

import ast
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from importlinter import cli

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "pcap_analyzer"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = sorted([*MODULES, *(ROOT / "native").glob("*.p*"), *(ROOT / "tests").rglob("*.py")])
LONG_FILE, LONGEST_FILE = 360, 1000
# The compiled kernels are below all of these, or none of their business.
AWAY_FROM_NATIVE = ("report", "findings", "export", "jobs", "web", "adapters", "config", "schema", "iana", "errors")


def imported(module: Path) -> set[str]:
    """Every module name that a file imports, at its top or inside its functions."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_the_import_contracts_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    # It would switch off every logger there is, and later tests read the log.
    monkeypatch.setattr("logging.config.dictConfig", lambda _: None)
    assert cli.lint_imports(no_cache=True) == cli.EXIT_STATUS_SUCCESS


def test_only_the_engine_touches_the_kernels() -> None:
    # import-linter reads .py files and so cannot see an import from a compiled module.
    trespassers = [
        str(module.relative_to(PACKAGE))
        for module in MODULES
        if module.relative_to(PACKAGE).parts[0].removesuffix(".py") in AWAY_FROM_NATIVE
        and any(name.startswith("pcap_analyzer._native") for name in imported(module))
    ]
    assert trespassers == []


def test_only_settings_read_the_environment() -> None:
    # A worker hands its own environment on to a child; nobody else looks. Where temporary files lie is no setting of
    # ours: unnamed.py finds the place as Python's tempfile does.
    readers = [
        str(module.relative_to(PACKAGE))
        for module in MODULES
        if module.name not in ("config.py", "unnamed.py")
        and ("os.environ" in module.read_text() or "os.getenv" in module.read_text())
    ]
    assert readers == []


def test_files_are_short_enough_to_read() -> None:
    lines = {str(source.relative_to(ROOT)): source.read_text().count("\n") for source in SOURCES}
    too_long = {name: count for name, count in lines.items() if count > LONGEST_FILE}
    assert too_long == {}
    long = {name: count for name, count in lines.items() if count > LONG_FILE}
    assert len(long) <= len(lines) / 10, long


def test_every_package_says_what_it_is_for() -> None:
    folders = {module.parent for module in MODULES}
    silent = [
        str(folder)
        for folder in folders
        if not (folder / "__init__.py").is_file()
        or not ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    ]
    assert silent == []


def test_every_kernel_has_a_typed_face() -> None:
    kernels = {kernel.stem for kernel in (ROOT / "native").glob("*.pyx")}
    assert kernels <= {face.stem for face in (PACKAGE / "_native").glob("*.pyi")}


@pytest.mark.parametrize("heavy", ["litestar", "pyarrow", "sqlalchemy", "plotly"])
def test_the_command_line_imports_late(heavy: str) -> None:
    code = f"import sys, pcap_analyzer.cli; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_sdist_has_every_file(tmp_path: Path) -> None:
    # Without isolation: what builds is installed beside this test, and nothing is fetched.
    quiet = os.environ | {"PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, env=quiet)
    [archive] = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as sdist:
        packed = {Path(*Path(name).parts[1:]) for name in sdist.getnames()}
    wanted = {
        path.relative_to(ROOT)
        for folder in (ROOT / "native", PACKAGE)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".so" and path.parent.name != "__pycache__"
    }
    assert wanted <= packed, wanted - packed
    assert not [path for path in packed if path.suffix in {".so", ".c"}]

"""Metadata that a package index shows for the wheel: its links, and the supported Pythons and systems."""

from __future__ import annotations

import re
from importlib.metadata import metadata
from typing import TYPE_CHECKING

from .document import PATH

if TYPE_CHECKING:
    from importlib.metadata import PackageMetadata

ROOT = PATH.parents[1]
PACKAGE: PackageMetadata = metadata("kpn-things")


def repository() -> str:
    """The URL of the repository, as in `Cargo.toml`."""
    [url] = re.findall(r'^repository = "(.+)"$', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)
    return str(url)


def versions() -> list[str]:
    """The versions of Python that the package claims to support."""
    claims = [str(claim).rpartition(" :: ") for claim in PACKAGE.get_all("Classifier") or []]
    return [version for kind, _, version in claims if kind == "Programming Language :: Python" and "." in version]


def test_links_lead_to_files_of_the_repository() -> None:
    urls = dict(str(url).split(", ", 1) for url in PACKAGE.get_all("Project-URL") or [])
    assert set(urls) == {"Repository", "Documentation", "Cookbook", "Changelog", "Issues"}
    assert (urls.pop("Repository"), urls.pop("Issues")) == (repository(), f"{repository()}/issues")
    for url in urls.values():
        assert (ROOT / url.removeprefix(f"{repository()}/blob/main/")).is_file(), url


def test_links_of_the_readme_are_absolute_and_lead_to_files_of_the_repository() -> None:
    links = re.findall(r"\]\((.+?)\)", PATH.read_text(encoding="utf-8"))
    ours = [link for link in links if link.startswith(repository())]
    assert ours
    assert all(link.startswith("https://") for link in links)
    files = [link.removeprefix(f"{repository()}/blob/main/").partition("#")[0] for link in ours]
    assert all((ROOT / file).is_file() for file in files)


def test_versions_of_python_are_those_that_the_wheel_is_tried_on() -> None:
    source = (ROOT / "crates/xtask/src/python.rs").read_text(encoding="utf-8")
    tried = re.findall(r'"(3\.\d+)"', source)
    assert versions() and set(versions()) <= set(tried)
    assert PACKAGE["Requires-Python"] == f">={versions()[0]}"
    assert f"CPython {versions()[0]} to {versions()[-1]}." in PATH.read_text(encoding="utf-8")


def test_it_is_typed_and_claims_no_system_that_no_test_runs_on() -> None:
    claims = PACKAGE.get_all("Classifier") or []
    assert "Typing :: Typed" in claims
    assert [claim for claim in claims if str(claim).startswith("Operating System")] == ["Operating System :: POSIX :: Linux"]

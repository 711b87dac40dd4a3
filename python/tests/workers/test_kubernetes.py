"""The manifest for Kubernetes: its form, and its command as plain processes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from .machines import DOWNLINKS, EXAMPLES, PATIENCE, ROOT, WINDOW, Machines, finished

kubernetes_validate = pytest.importorskip("kubernetes_validate")

SHOWN = "019ab2c4-5d00-7cc3-98c4-dc0c0c07398f"
MANIFEST = EXAMPLES / "kubernetes" / "job.yaml"


def manifest() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("version", ["1.27", "1.34"])
def test_the_manifest_is_valid(version: str) -> None:
    kubernetes_validate.validate(manifest(), version, strict=True)
    wrong = manifest()
    wrong["spec"]["template"]["spec"]["restartPolicies"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_the_manifest_starts_the_image_of_the_dockerfile_as_a_user_with_no_rights() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert 'ENTRYPOINT ["things"]' in dockerfile
    assert "--features mqtt,postgres" in dockerfile
    (container,) = manifest()["spec"]["template"]["spec"]["containers"]
    assert "command" not in container
    assert container["securityContext"]["runAsUser"] > 0


def test_the_manifest_names_the_variables_of_an_account(machines: Machines) -> None:
    named = set(re.findall(r"KPN_THINGS_\w+", MANIFEST.read_text(encoding="utf-8")))
    settings = set(machines.environment)
    assert named <= settings
    assert {name for name in named if name.startswith("KPN_THINGS_KEY")} == {"KPN_THINGS_KEY_ID", "KPN_THINGS_KEY_SECRET"}


def arguments(machines: Machines) -> list[str]:
    """The arguments of a worker, with the id of the job."""
    (container,) = manifest()["spec"]["template"]["spec"]["containers"]
    arguments = [machines.job if argument == SHOWN else argument for argument in container["args"]]
    assert machines.job in arguments
    return arguments


def test_two_workers_of_the_manifest_send_each_downlink_once(machines: Machines) -> None:
    workers = [machines.start("things", *arguments(machines)) for _ in range(2)]
    outputs = [worker.communicate(timeout=PATIENCE)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], outputs
    assert all("nothing is left to claim" in output for output in outputs)
    machines.assert_each_was_sent_once()
    # A worker that is started again finds nothing to do.
    finished(machines.start("things", *arguments(machines)))
    machines.assert_each_was_sent_once()


def test_a_worker_that_is_killed_makes_its_window_unknown_and_nothing_is_sent_twice(machines: Machines) -> None:
    lost, other = (machines.start("things", *arguments(machines)) for _ in range(2))
    machines.wait_until(lambda counts: counts["accepted"] >= DOWNLINKS // 4)
    lost.kill()
    lost.communicate()
    # Its claims are in flight until their lease ends, for which the other worker waits.
    machines.wait_until(lambda counts: counts["accepted"] + counts["sending"] == DOWNLINKS and counts["sending"] <= WINDOW)
    other.terminate()
    other.communicate(timeout=PATIENCE)
    machines.assert_none_was_sent_twice()
    counts = machines.counts()
    assert counts["accepted"] + counts["sending"] + counts["unknown"] == DOWNLINKS
    assert counts["sending"] + counts["unknown"] <= WINDOW

"""Each recipe of the cookbook runs against a simulator, and does what its heading says."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from kpn_things import DownlinkOutcomeUnknown
from kpn_things.testing import Simulator

from .document import COOKBOOK, PATH, blocks, passed

RECIPES = {block.heading: block for block in blocks("python", COOKBOOK)}
DEVICES = 100
SENT_ONCE = ("0059AC0000181EB6", b"\x01")
TOO_MANY = "status:429,Retry-After:0"


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator(devices=DEVICES) as simulator:
        for name, value in simulator.environment().items():
            monkeypatch.setenv(name, value)
        yield simulator


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records the waits of a recipe. They end at once."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def run(heading: str) -> dict[str, Any]:
    """Runs a recipe, and returns its variables."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(RECIPES[heading].compiled(), names)
    return names


def sent(simulator: Simulator) -> list[tuple[str | None, bytes | None]]:
    return [(downlink.dev_eui, downlink.payload) for downlink in simulator.downlinks]


def test_every_recipe_has_a_test_and_a_link() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    links = re.findall(r"^- \[(.+)\]\(#(.+)\)$", COOKBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert [heading for heading, _ in links] == list(RECIPES)
    for heading, anchor in links:
        assert f'"{heading}"' in tests
        assert anchor == heading.lower().replace(" ", "-").replace(",", "")


def test_links_to_the_readme_are_there() -> None:
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", PATH.read_text(), re.MULTILINE)}
    linked = set(re.findall(r"\(README\.md#([\w-]+)\)", COOKBOOK.read_text(encoding="utf-8")))
    assert linked and linked <= anchors


def test_data_frames(simulator: Simulator) -> None:
    names = run("Load the fleet into pandas, polars or pyarrow")
    fleet, columns = names["fleet"], set(names["fleet"].to_dicts()[0])
    assert {"uuid", "name", "deviceSpecificationUUID", "eui"} <= columns
    uuids = [device.uuid for device in fleet]
    assert len(uuids) == DEVICES
    assert set(names["frame"].columns) == set(names["table"].columns) == set(names["arrow"].column_names) == columns
    assert names["frame"]["uuid"].to_list() == uuids
    assert names["table"]["uuid"].to_list() == uuids
    assert names["arrow"]["uuid"].to_pylist() == uuids


def test_json(simulator: Simulator) -> None:
    names = run("Write devices as JSON")
    devices = [device.to_dict() for device in names["fleet"]]
    assert len(devices) == DEVICES
    assert json.loads(names["one"]) == devices[0]
    assert json.loads(names["array"]) == devices
    assert [json.loads(line) for line in names["lines"].splitlines()] == devices


def test_outcomes_of_downlinks(simulator: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    # One downlink is refused for a moment. Another arrives, although its connection breaks. The last one is refused.
    simulator.add_fault(f"downlinks@1={TOO_MANY}")
    names = run("Send downlinks and account for each outcome")
    assert {sent.outcome for sent in names["results"]} == {"accepted"} and len(simulator.downlinks) == 3
    simulator.add_fault("downlinks@2=drop-after")
    simulator.add_fault("downlinks@3=status:400")
    names = run("Send downlinks and account for each outcome")
    assert sorted(sent.outcome for sent in names["results"]) == ["accepted", "not_sent", "unknown"]
    written = capsys.readouterr().out
    for sent in names["results"]:
        label = {"unknown": "check the portal:", "not_sent": "not sent:", "accepted": "-"}[sent.outcome]
        assert (f"{label} {sent.item.reference} " in written) == (sent.outcome != "accepted")


def test_many_downlinks(simulator: Simulator) -> None:
    simulator.add_fault("downlinks@7=drop-after")
    names = run("Send many downlinks at a time")
    assert sorted(str(dev_eui) for dev_eui, _ in sent(simulator)) == sorted(row["dev_eui"] for row in names["rows"])
    assert (len(names["accepted"]), len(names["unknown"]), len(names["results"])) == (499, 1, 500)


def test_a_run_is_resumed(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"0059AC000018{number:04X},1,0{number % 10},valve-{number}" for number in range(100)]
    Path("valves.csv").write_text("\n".join(["dev_eui,port,hex,reference", *lines]), encoding="utf-8-sig")
    simulator.add_fault("downlinks@7=drop-after")
    names = run("Resume a run after a crash")
    counts = names["ledger"].job(names["job"].id).counts
    assert counts.is_finished and counts.accepted == counts.total == 100
    references = [downlink.external_reference for downlink in simulator.downlinks]
    # What was in flight when the loop was left is taken as accepted, and may not have arrived.
    assert len(set(references)) == len(references) >= 100 - 16
    assert "check the portal: valve-" in capsys.readouterr().out


def test_tenacity_retries_what_was_not_sent(simulator: Simulator, waits: list[float]) -> None:
    simulator.add_fault(f"downlinks@1-3={TOO_MANY}")
    assert run("Retry with tenacity")["receipt"].status == 201
    assert sent(simulator) == [SENT_ONCE]
    assert waits == [5]


def test_tenacity_does_not_retry_what_may_have_arrived(simulator: Simulator, waits: list[float]) -> None:
    simulator.add_fault("downlinks=drop-after")
    with pytest.raises(DownlinkOutcomeUnknown):
        run("Retry with tenacity")
    assert sent(simulator) == [SENT_ONCE]
    assert waits == []


def test_sub_customers(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    granted = "79658ca8-f1ba-4c25-b824-93813e9fba76"
    with Simulator(customers={granted: 3}) as other:
        for name, value in other.environment().items():
            monkeypatch.setenv(name, value)
        names = run("List the devices of all sub-customers")
        assert {customer: len(fleet) for customer, fleet in names["fleets"].items()} == {granted: 3}
        assert names["refused"] == ["2f1d0c34-5a0e-4c5b-9a53-0c1f7b0e8d11"]
        assert other.calls("token") == 1


def test_differences(simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with simulator.client() as client:
        devices = list(client.devices())
    record = {"proven": True, "requests": 1, "devices": 100, "when": "2026-07-01T09:30:00Z", "base_url": simulator.url}
    lines = [json.dumps(dict(device)) for device in devices]
    Path("yesterday.ndjson").write_text("\n".join([*lines, json.dumps({"_listing": record})]) + "\n")
    simulator.remove_device(devices[0].uuid)
    simulator.add_device("New")
    diff = run("Find what changed since yesterday")["diff"]
    assert (diff.removed, [device.name for device in diff.added]) == ((devices[0],), ["New"])
    assert not diff.changed and not diff.not_listed


def test_resumed_listing(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def recover(seconds: float) -> None:
        waits.append(seconds)
        simulator.clear_faults()

    monkeypatch.setattr(time, "sleep", recover)
    simulator.add_fault("devices@4-=status:503,Retry-After:0")
    names = run("Resume a listing")
    with simulator.client() as client:
        assert names["names"] == [device.name for device in client.devices()]
    assert names["pages"] == 10
    assert waits == [10]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """The spans that end during a test."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


def shape(call: ReadableSpan, spans: tuple[ReadableSpan, ...]) -> list[tuple[str, Any]]:
    """The requests of a call, in order, with their statuses. They lie within the call."""
    children = [span for span in spans if span.parent and call.context and span.parent.span_id == call.context.span_id]
    for span in children:
        assert call.start_time and span.start_time and span.end_time and call.end_time
        assert call.start_time <= span.start_time < span.end_time <= call.end_time
    return [(span.name, (span.attributes or {})["http.response.status_code"]) for span in children]


def test_spans_of_a_call(simulator: Simulator, spans: InMemorySpanExporter) -> None:
    simulator.add_fault("downlinks@1=status:503,Retry-After:0")
    run("Trace with OpenTelemetry")
    ended = spans.get_finished_spans()
    call = next(span for span in ended if span.name == "open valve")
    assert shape(call, ended) == [("POST token", 200), ("POST call", 503), ("POST call", 201)]
    assert [span.status.is_ok for span in ended] == [True, False, True, True]
    assert [event.name for event in call.events] == ["retry"]
    assert dict(call.attributes or {}) == {"kpn_things.outcome": "accepted"}


def test_spans_of_concurrent_calls_are_kept_apart(simulator: Simulator, spans: InMemorySpanExporter) -> None:
    names = run("Trace with OpenTelemetry")
    spans.clear()

    async def main() -> None:
        async def call(name: str) -> None:
            with names["tracer"].start_as_current_span(name):
                await client.send_downlink("0059AC0000181EB6", b"\x01", port=1)

        async with simulator.async_client(on_event=names["trace_event"]) as client:
            await call("first")
            await asyncio.gather(call("second"), call("third"))

    asyncio.run(main())
    ended = spans.get_finished_spans()
    for name in ("second", "third"):
        call = next(span for span in ended if span.name == name)
        assert shape(call, ended) == [("POST call", 201)]


def test_a_span_of_a_request_without_a_response_has_its_error(simulator: Simulator, spans: InMemorySpanExporter) -> None:
    simulator.add_fault("downlinks=drop-after")
    with pytest.raises(DownlinkOutcomeUnknown):
        run("Trace with OpenTelemetry")
    request = next(span for span in spans.get_finished_spans() if span.name == "POST call")
    assert (request.status.is_ok, request.status.description) == (False, "interrupted")


def test_metrics(simulator: Simulator) -> None:
    simulator.add_fault("downlinks@1=status:503,Retry-After:0")
    run("Export metrics to Prometheus")

    def count(name: str, *labels: str) -> float | None:
        return REGISTRY.get_sample_value(f"kpn_things_{name}", dict(zip(labels[::2], labels[1::2])))

    sending = ("operation", "send_downlink", "stage", "call", "result")
    assert count("request_seconds_count", "operation", "devices", "stage", "token", "result", "200") == 1
    assert count("request_seconds_count", *sending, "503") == count("request_seconds_count", *sending, "201") == 1
    assert count("retries_total", "operation", "send_downlink") == 1
    assert count("downlinks_total", "outcome", "accepted") == 1


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """Captures stderr, and restores the logger afterwards."""
    logger = logging.getLogger("kpn_things")
    handlers, level = list(logger.handlers), logger.level
    yield capsys
    logger.handlers, logger.level = handlers, level
    logger.manager._clear_cache()  # type: ignore[attr-defined]


def test_json_logs(simulator: Simulator, stderr: pytest.CaptureFixture[str]) -> None:
    run("Write logs as JSON")
    records = [json.loads(line) for line in stderr.readouterr().err.splitlines()]
    assert [record["kpn_kind"] for record in records] == ["request", "request", "call"]
    assert records[1]["kpn_status"] == 201
    assert (records[2]["kpn_outcome"], records[2]["kpn_external_reference"]) == ("accepted", "valve-42")


def test_the_variable_shows_requests(simulator: Simulator, tmp_path: Path) -> None:
    [command] = [block.text for block in blocks("sh", COOKBOOK)]
    (tmp_path / "my_program.py").write_text(RECIPES["Write devices as JSON"].text, encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
    )
    assert f"DEBUG kpn_things: GET {simulator.url}/api/devices: 200" in done.stderr


def test_tests_of_a_program(tmp_path: Path) -> None:
    assert passed(RECIPES["Test your own program"], tmp_path) == 3


def test_fastapi(simulator: Simulator) -> None:
    names = run("Serve devices with FastAPI")
    with TestClient(names["app"]) as client:
        assert len(client.get("/devices").json()) == DEVICES
        found = client.get("/devices", params={"search": "Parking"}).json()
        assert found and all("Parking" in device["name"] for device in found)
        simulator.add_fault(f"devices={TOO_MANY}")
        refused = client.get("/devices")
        assert (refused.status_code, refused.json()) == (502, {"detail": "KPN Things could not be reached"})
        assert simulator.calls("token") == 1

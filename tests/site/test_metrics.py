"""`/metrics` of a running site: every process is measured, also after it was killed, and a port of its own has nothing else."""

import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sitekit.engines import free_port
from sitekit.site import ROOT, Site

Samples = dict[str, dict[tuple[str, ...], float]]


def get(site: Site, path: str, *, port: int = 0, token: bool = True) -> tuple[int, str]:
    roots = site.data / "node/current/machine/root/roots.pem"
    headers = {"Accept": "application/openmetrics-text; version=1.0.0"} | ({"Authorization": f"Bearer {site.token}"} if token else {})
    request = urllib.request.Request(f"https://127.0.0.1:{port or site.port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=str(roots)), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read().decode()


def scraped(site: Site, *, port: int = 0) -> Samples:
    """The samples by name and by the values of their labels, in the order of these labels."""
    status, text = get(site, "/metrics", port=port)
    assert status == 200, text
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


def test_every_process_is_measured_and_a_killed_one_loses_nothing(site: Site) -> None:
    def measured() -> Samples | None:
        found = scraped(site)
        processes = {labels[-1] for labels in found["qmc_http_requests_total"]}
        return found if {"console", "node-api"} <= processes and found.get("qmc_job_step_duration_seconds_count") else None

    assert site.call("POST", "/exports/", {"format": "pem", "machine_names": ["metrics.example"]})[0] in (201, 202)  # a job for a worker
    site.wait(measured)
    before = scraped(site)
    assert before["qmc_database_up"] == {(): 1}
    assert before["qmc_periodic_last_success_timestamp_seconds"][("reconcile",)] > 0
    for pid in site.pids("serve", "console"):
        os.kill(pid, signal.SIGKILL)
    site.wait(lambda: site.answers())
    after = scraped(site)
    for name in ("qmc_http_requests_total", "qmc_http_request_duration_seconds_count"):
        assert all(after[name][labels] >= count for labels, count in before[name].items()), name


def test_a_port_of_its_own_has_metrics_and_health_only(site: Site) -> None:
    port = free_port()
    command = [sys.executable, "manage.py", "serve", "metrics", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=ROOT, env=site.environment | {"QMC_PROCESS": "metrics", "QMC_LOG_FORMAT": "json"}, stderr=subprocess.PIPE
    ) as process:
        try:

            def answers() -> bool:
                assert process.poll() is None
                try:
                    return get(site, "/healthz", port=port, token=False)[0] == 200
                except OSError:
                    return False

            site.wait(answers)
            assert get(site, "/readyz", port=port, token=False)[0] == 200
            assert get(site, "/metrics", port=port, token=False)[0] == 401
            assert scraped(site, port=port)["qmc_nodes"]
            assert {get(site, path, port=port)[0] for path in ("/", "/api/v1/nodes/", "/accounts/login/")} == {404}
        finally:
            process.terminate()
            assert process.wait(20) in (0, -signal.SIGTERM)
            assert process.stderr is not None
            log = process.stderr.read().decode()
            assert "Traceback" not in log, log
            (refused,) = [line for line in map(json.loads, log.splitlines()) if line["message"] == "Unauthorized: /metrics"]
            assert len(refused["request"]) == 36

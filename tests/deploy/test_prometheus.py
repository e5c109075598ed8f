"""The alerting rules for Prometheus: `promtool` checks them, and each fires when it should and not before."""

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from qmc.metrics.pages import DATABASE_UP
from qmc.metrics.requests import DURATIONS, REQUESTS
from qmc.metrics.values import GAUGES

RULES = Path(__file__).parents[2] / "deploy/prometheus/rules.yml"
EVERY = {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")


@dataclass(frozen=True)
class Case:
    """Series of two consoles, in the notation of `promtool`, each minute, or each hour if `hourly`. The alert is quiet at `before`, and has `labels` and `summary` at `at`. "" for `at`: it stays quiet."""

    alert: str
    series: dict[str, str]
    before: str
    at: str = ""
    summary: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    hourly: bool = False


NAME = "qmc_expiry_earliest_timestamp_seconds"
CASES = [
    Case("ConsoleDown", {'up{job="trust-zone-console"}': "1x5 0x20"}, "10m", "12m", "a does not answer at /metrics.", {"job": "trust-zone-console", "instance": "a"}),
    Case("ConsoleDown", {'up{job="another"}': "0x20"}, "15m"),
    Case("ConsoleDatabaseDown", {"qmc_database_up": "1x5 0x20"}, "10m", "12m", "a cannot read its database.", {"instance": "a"}),
    Case(
        "ConsoleErrors",
        {'qmc_http_requests_total{process="console",code="200"}': "0+90x60", 'qmc_http_requests_total{process="console",code="503"}': "0+10x60"},
        "5m", "25m", "10% of the requests to console fail.", {"process": "console"},
    ),
    Case(
        "ConsoleErrors",
        {'qmc_http_requests_total{process="console",code="200"}': "0+10x60", 'qmc_http_requests_total{process="console",code="404"}': "0+90x60"}, "40m",
    ),
    Case("CertificateExpires", {f'{NAME}{{kind="service"}}': "1296000x60"}, "23h", "26h", "The next service certificate expires in 13d 22h 0m 0s.", {"kind": "service"}, hourly=True),
    Case("CertificateExpires", {f'{NAME}{{kind="revocation_list"}}': "1296000x60"}, "26h", hourly=True),
    Case(
        "ActionRequiredBeforeExpiry", {'qmc_expiring{kind="export",bucket="7_days",happens="by_hand"}': "0x60 3x99"}, "60m", "125m",
        "3 of the kind export require an action (7_days).", {"kind": "export", "bucket": "7_days", "happens": "by_hand"},
    ),
    Case("ActionRequiredBeforeExpiry", {'qmc_expiring{kind="service",bucket="7_days",happens="by_itself"}': "3x99"}, "90m"),
    Case(
        "NoNodeCalls", {"qmc_heartbeat_latest_timestamp_seconds": "0x30", "qmc_heartbeat_interval_seconds": "60x30"}, "9m", "12m",
        "No node has called for 12m 0s.",
    ),
    Case("NoNodeCalls", {"qmc_heartbeat_latest_timestamp_seconds": "0+60x30", "qmc_heartbeat_interval_seconds": "60x30"}, "20m"),
    Case("NodesSilent", {'qmc_nodes_health{health="silent"}': "0x5 2x20"}, "14m", "17m", "2 nodes are silent.", {"health": "silent"}),
    Case("NodesSilent", {'qmc_nodes_health{health="works"}': "2x20"}, "17m"),
    Case("NodesRefused", {'qmc_nodes_health{health="refused"}': "0x5 1x20"}, "14m", "17m", "1 nodes have an expired or revoked certificate.", {"health": "refused"}),
    Case("NodeClocksOff", {"qmc_nodes_clock_off": "0x5 4x30"}, "19m", "22m", "The clocks of 4 nodes are off by a minute or more."),
    Case("RenewalsFail", {'qmc_renewals_last_day{state="failed"}': "0x5 2x9"}, "5m", "7m", "2 renewals of the last 24 hours failed.", {"state": "failed"}),
    Case("RenewalsFail", {'qmc_renewals_last_day{state="proved"}': "2x9"}, "7m"),
    Case("RenewalsLate", {"qmc_nodes_renewal_overdue": "0x5 9x99"}, "60m", "70m", "The renewals of 9 nodes are late by a day or more."),
    Case(
        "WorkersStopped", {'qmc_periodic_last_success_timestamp_seconds{work="reconcile"}': "60x20"}, "4m", "6m",
        "No worker has done periodic work for 5m 0s.",
    ),
    Case(
        "PeriodicWorkLate",
        {'qmc_periodic_last_success_timestamp_seconds{work="backups"}': "60x30", 'qmc_periodic_period_seconds{work="backups"}': "60x30"},
        "13m", "16m", "The periodic work backups last succeeded 15m 0s ago.", {"work": "backups"},
    ),
    Case(
        "PeriodicWorkLate",
        {'qmc_periodic_last_success_timestamp_seconds{work="daily"}': "0x30", 'qmc_periodic_period_seconds{work="daily"}': "60x30"}, "25m",
    ),
    Case("PeriodicWorkFails", {'qmc_periodic_failing{work="alerts"}': "0x5 1x30"}, "19m", "22m", "The periodic work alerts fails.", {"work": "alerts"}),
    Case("JobsWait", {"qmc_job_queue_age_seconds": "400x20"}, "4m", "6m", "A job has waited for a worker for 6m 40s."),
    Case(
        "AuditLogNotSigned",
        {"qmc_audit_sequence": "5x99", "qmc_audit_checkpoint_sequence": "3x99", "qmc_audit_checkpoint_timestamp_seconds": "60x99"},
        "75m", "78m", "The last events of the audit log have no signed checkpoint.",
    ),
    Case(
        "AuditLogNotSigned",
        {"qmc_audit_sequence": "5x99", "qmc_audit_checkpoint_sequence": "5x99", "qmc_audit_checkpoint_timestamp_seconds": "60x99"}, "90m",
    ),
    Case("AuditLogChanged", {"qmc_audit_findings": "0x5 1x9"}, "5m", "7m", "The verification of the audit log found 1 problems."),
    Case("BackupOld", {"qmc_backup_verified_timestamp_seconds": "3600x200"}, "169h", "171h", "The last verified backup is 7d 2h 0m 0s old.", hourly=True),
    Case("BackupOld", {"qmc_backup_verified_timestamp_seconds": "0x200"}, "190h", hourly=True),
    Case("BackupMissing", {"qmc_backup_verified_timestamp_seconds": "0x60"}, "23h", "25h", "There is no verified backup.", hourly=True),
    Case("BackupFails", {"qmc_backup_failing": "0x5 1x9"}, "5m", "7m", "The last backup failed its trial restore."),
    Case(
        "RevocationListOld", {'qmc_revocation_list_timestamp_seconds{root="CN=c-CA"}': "3600x99"}, "49h", "51h",
        "The revocation list of CN=c-CA is 2d 2h 0m 0s old.", {"root": "CN=c-CA"}, hourly=True),
    Case(
        "RevocationListOverdue", {'qmc_revocation_list_next_update_timestamp_seconds{root="CN=c-CA"}': "3600x99"}, "59m", "62m",
        "The revocation list of CN=c-CA is overdue, so strict clients refuse every certificate.", {"root": "CN=c-CA"},
    ),
    Case(
        "ConsoleReportsCritical", {'qmc_alerts_open{code="backup-old",severity="critical"}': "0x5 1x20"}, "9m", "12m",
        "The console itself reports 1 critical alerts of the kind backup-old.", {"code": "backup-old"},
    ),
    Case("ConsoleReportsCritical", {'qmc_alerts_open{code="backup-old",severity="warning"}': "1x20"}, "12m"),
]  # fmt: skip


def of_instance(series: str, instance: str) -> str:
    name, _, labels = series.rstrip("}").partition("{")
    return f'{name}{{{labels + "," if labels else ""}instance="{instance}"}}'


def promtool_case(case: Case) -> dict[str, Any]:
    """The case in the form of `promtool test rules`. Two consoles give the same values of the database; for rules of an instance it is one."""
    rule = EVERY[case.alert]
    instances = "a" if "instance" in case.labels or "rate(" in rule["expr"] else "ab"
    annotations = {"summary": case.summary, "remedy": rule["annotations"]["remedy"]}
    fired = [{"exp_labels": case.labels | rule["labels"], "exp_annotations": annotations}] if case.at else []
    return {
        "interval": "1h" if case.hourly else "1m",
        "input_series": [
            {"series": of_instance(series, instance), "values": values} for series, values in case.series.items() for instance in instances
        ],
        "alert_rule_test": [
            {"eval_time": case.before, "alertname": case.alert, "exp_alerts": []},
            *([{"eval_time": case.at, "alertname": case.alert, "exp_alerts": fired}] if case.at else []),
        ],
    }


@needs_promtool
def test_promtool_accepts_the_rules() -> None:
    assert PROMTOOL
    ended = subprocess.run([PROMTOOL, "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@needs_promtool
@pytest.mark.parametrize("hourly", [False, True], ids=["by the minute", "by the hour"])
def test_each_rule_fires_when_it_should_and_not_before(tmp_path: Path, hourly: bool) -> None:
    assert PROMTOOL
    tests, cases = tmp_path / "tests.yml", [promtool_case(case) for case in CASES if case.hourly == hourly]
    rules = {"rule_files": [str(RULES)], "evaluation_interval": "1h" if hourly else "1m"}
    tests.write_text(yaml.safe_dump(rules | {"tests": cases}))
    ended = subprocess.run([PROMTOOL, "test", "rules", str(tests)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_rule_is_tested_and_has_a_summary_and_a_remedy() -> None:
    assert {case.alert for case in CASES if case.at} == EVERY.keys()
    for name, rule in EVERY.items():
        assert rule["labels"]["severity"] in ("critical", "warning"), name
        assert set(rule["annotations"]) == {"summary", "remedy"}, name
        assert all(text.endswith(".") for text in rule["annotations"].values()), name


def test_each_rule_asks_for_metrics_that_exist() -> None:
    known = {*GAUGES, DATABASE_UP, f"{REQUESTS._name}_total", f"{DURATIONS._name}_bucket"}
    asked = {name for rule in EVERY.values() for name in re.findall(r"\bqmc_\w+", rule["expr"])}
    assert len(asked) > 10
    assert asked <= known


def test_the_document_names_each_rule() -> None:
    text = (RULES.parents[2] / "docs/monitoring.md").read_text()
    assert {name for name in EVERY if f"`{name}`" not in text} == set()

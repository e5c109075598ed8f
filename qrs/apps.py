"""The qrs app: the QRS-compatible API, for existing clients. docs/develop/qrs.md has its design."""

from django.apps import AppConfig


class QrsConfig(AppConfig):
    name = "qrs"

    def ready(self) -> None:
        # These register answers to errors, and endpoints.
        from qrs import problems  # noqa: F401, PLC0415
        from qrs.about import api as about  # noqa: F401, PLC0415
        from qrs.cluster import api as cluster  # noqa: F401, PLC0415
        from qrs.distribution import api as distribution  # noqa: F401, PLC0415
        from qrs.node_configurations import api as node_configurations  # noqa: F401, PLC0415
        from qrs.registration import api as registration  # noqa: F401, PLC0415
        from qrs.selections import api as selections  # noqa: F401, PLC0415
        from qrs.service_status import api as service_status  # noqa: F401, PLC0415

"""How to start the agent of a node."""

from collections.abc import Mapping
from dataclasses import dataclass

from certs.certificates.issuer import issuing_root, roots_in_force
from certs.models import Certificate

USUAL_PORTS = {"distribution_port": 4444, "node_port": 4242}


@dataclass(frozen=True)
class AgentStart:
    """The address and the further options of the command, and the root to compare on the machine; None before the trust zone has one."""

    address: str
    options: str
    root: Certificate | None


def agent_start(address: str, ports: Mapping[str, int]) -> AgentStart:
    """`ports` are those of the node; 0 for one that is not known."""
    unusual = [f"--{name.replace('_', '-')} {ports[name]}" for name, usual in USUAL_PORTS.items() if ports[name] not in (0, usual)]
    return AgentStart(address, " ".join(unusual), issuing_root() if roots_in_force() else None)

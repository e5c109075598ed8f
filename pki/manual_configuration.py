"""The name from which a landed migration imports the choices of the manual configuration."""

from pki.cluster.manual_configuration import AppDistribution as AppDistribution
from pki.cluster.manual_configuration import Installation as Installation

"""The convolutional networks that look at whole frames, in plain torch; their weights bear timm's names."""

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

if TYPE_CHECKING:
    from phasewell.networks.building import NETWORKS, check_network, check_picture, count_work, make_network
    from phasewell.networks.network import split_parameters

_PUBLIC = {
    "NETWORKS": "phasewell.networks.building",
    "check_network": "phasewell.networks.building",
    "check_picture": "phasewell.networks.building",
    "count_work": "phasewell.networks.building",
    "make_network": "phasewell.networks.building",
    "split_parameters": "phasewell.networks.network",
}
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
__all__ = ["NETWORKS", "check_network", "check_picture", "count_work", "make_network", "split_parameters"]

"""EasyPost's tracking, offline: trackers whose parcels move, signed callbacks and the API, from its documentation.

It buys no labels and asks no carrier: a parcel moves when `advance` is called.
https://docs.easypost.com/docs/trackers
"""

from simulators.easypost.simulator import EasyPostSimulator, TrackerMade

__all__ = ["EasyPostSimulator", "TrackerMade"]

"""Listing orders: pages, times, statuses."""

from __future__ import annotations

import pytest

from simulators.woocommerce import WooCommerceSimulator
from conftest import Clock, Rest

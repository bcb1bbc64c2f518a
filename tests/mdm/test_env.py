"""Settings that the environment gets wrong say so at the start."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.core.exceptions import ImproperlyConfigured

from mdm import env


def test_networks_are_read_as_such_and_a_single_address_is_one(monkeypatch):
    assert env.networks("SOME_NETWORKS") == []
    monkeypatch.setenv("SOME_NETWORKS", "10.20.0.0/16, 127.0.0.1,::1")
    assert env.networks("SOME_NETWORKS") == [ip_network("10.20.0.0/16"), ip_network("127.0.0.1"), ip_network("::1")]


@pytest.mark.parametrize("value", ["localhost", "10.20.0.1/16", "10.0.0.0/33"])
def test_what_is_no_network_is_named(monkeypatch, value):
    monkeypatch.setenv("SOME_NETWORKS", value)
    with pytest.raises(ImproperlyConfigured, match="SOME_NETWORKS"):
        env.networks("SOME_NETWORKS")


def test_a_time_zone_is_one_that_there_is(monkeypatch):
    assert env.zone("SOME_ZONE", "UTC") == "UTC"
    monkeypatch.setenv("SOME_ZONE", "America/New_York")
    assert env.zone("SOME_ZONE", "UTC") == "America/New_York"


@pytest.mark.parametrize("value", ["Mars/Olympus", "../UTC", "+01:00"])
def test_what_is_no_time_zone_is_named(monkeypatch, value):
    monkeypatch.setenv("SOME_ZONE", value)
    with pytest.raises(ImproperlyConfigured, match="SOME_ZONE"):
        env.zone("SOME_ZONE", "UTC")

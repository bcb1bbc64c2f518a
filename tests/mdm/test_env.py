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


@pytest.mark.parametrize("value", ["ten", "-1", "0", "1.5"])
def test_what_is_no_number_that_makes_sense_is_named(monkeypatch, value):
    monkeypatch.setenv("SOME_NUMBER", value)
    with pytest.raises(ImproperlyConfigured, match=f"SOME_NUMBER is '{value}'; write a whole number from 1 on"):
        env.number("SOME_NUMBER", 10, least=1)


def test_what_is_none_of_the_choices_is_named_with_them(monkeypatch):
    assert env.choice("SOME_CHOICE", ("json", "console"), "json") == "json"
    monkeypatch.setenv("SOME_CHOICE", "xml")
    with pytest.raises(ImproperlyConfigured, match="SOME_CHOICE is 'xml'; write json or console"):
        env.choice("SOME_CHOICE", ("json", "console"), "json")


@pytest.mark.parametrize("url", ["redis.example.org:6379", "http://redis.example.org", "nonsense"])
def test_what_is_no_address_of_a_redis_is_refused_without_being_repeated(url):
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL is no address of a Redis; write redis://") as error:
        env.broker(url)
    assert url not in str(error.value)


def test_a_secret_that_can_not_be_kept_is_said_with_the_remedy(monkeypatch, tmp_path):
    (file := tmp_path / "file").touch()
    monkeypatch.setenv("CONCORD_VAR", str(file))
    with pytest.raises(ImproperlyConfigured, match=r"some_secret can't be kept: .*CONCORD_VAR name another"):
        env.secret("SOME_SECRET")

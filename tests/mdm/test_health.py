"""The probes tell an orchestrator the truth: alive is not ready."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings

from mdm import health


def test_a_process_is_alive_whatever_it_depends_on(client: Client) -> None:
    """No database mark: pytest-django fails this test if the view touches the database."""
    response = client.get("/healthz")

    assert response.status_code == 200
    assert "no-cache" in response["Cache-Control"]


@pytest.mark.django_db
def test_it_is_ready_when_database_redis_and_migrations_are(client: Client) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"database": "ok", "redis": "ok", "migrations": "ok"}


@pytest.mark.django_db
@override_settings(REDIS_URL="redis://127.0.0.1:1/0")
def test_it_is_not_ready_without_redis_and_says_so(client: Client) -> None:
    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["redis"] == "unreachable"


@pytest.mark.django_db(transaction=True)
def test_it_is_not_ready_while_a_migration_waits(client: Client) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET name = 'renamed' WHERE app = 'sessions'")
    try:
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["migrations"] == "1 not applied"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET name = '0001_initial' WHERE app = 'sessions'")


def test_an_unreachable_database_is_named_without_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import DatabaseError

    class Unreachable:
        def cursor(self) -> None:
            raise DatabaseError("connection to server at 10.0.0.5 failed: password wrong")

    monkeypatch.setattr(health, "connection", Unreachable())

    assert health.database() == "unreachable"


@pytest.mark.django_db
@override_settings(SECURE_SSL_REDIRECT=True)
def test_probes_are_answered_on_plain_http_where_everything_else_is_redirected(client: Client) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert client.get("/anything").status_code == 301

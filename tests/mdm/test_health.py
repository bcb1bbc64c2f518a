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


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has looked yet."""
    monkeypatch.setattr(health, "_looked", (float("-inf"), True))


@pytest.mark.django_db
@pytest.mark.parametrize("part", ["database", "migrations"])
def test_strangers_learn_that_it_is_maintained_and_no_more(client: Client, unseen: None, monkeypatch, part) -> None:
    monkeypatch.setattr(health, part, lambda: "3 not applied, on host db7")
    page = client.get("/login/").content.decode()
    assert "Being maintained" in page
    assert "In service" not in page
    assert "db7" not in page


@pytest.mark.django_db
@override_settings(REDIS_URL="redis://127.0.0.1:1/0")
def test_strangers_learn_that_it_is_in_service_for_one_look_however_many_ask(client, unseen, monkeypatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(health, "migrations", lambda: looks.append(1) or "")
    for _ in range(5):
        assert "In service" in client.get("/login/").content.decode()
    assert len(looks) == 1
    monkeypatch.setattr(health, "LOOK_EVERY", -1)
    client.get("/login/")
    assert len(looks) == 2


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_are_answered_by_whatever_name_they_come(db: None, client: Client, path: str) -> None:
    assert client.get(path, SERVER_NAME="10.1.2.3").status_code == 200
    assert client.get("/login/", SERVER_NAME="10.1.2.3").status_code == 400

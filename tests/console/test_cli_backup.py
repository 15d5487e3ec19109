"""Backing a hub up and restoring it from a terminal: what is refused touches nothing."""

from __future__ import annotations

from pathlib import Path

import asyncpg
from cli_rig import Shell

from core.sealing import Keyring
from tests.conftest import as_role

KEYS = Keyring.generate("kept")
TABLES = (
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public'"
)


def shell(url: str, *, keys: str = KEYS) -> Shell:
    return Shell({"DATABASE_URL": url, "FAIRWAY_INBOUND_KEYS": keys, "FAIRWAY_OUTBOUND_KEYS": keys})


async def tables(url: str) -> int:
    admin = await asyncpg.connect(url)
    found: int = await admin.fetchval(TABLES)
    await admin.close()
    return found


async def test_a_hub_is_backed_up_and_put_back_elsewhere(fresh: str, elsewhere: str, tmp_path: Path) -> None:
    file = tmp_path / "hub.backup"

    made = await shell(fresh)("backup", str(file), "--json")
    again = await shell(fresh)("backup", str(file))
    put_back = await shell(elsewhere)("restore", str(file), "--json")

    assert made.code == 0, made.err
    assert (made.json["orders"], made.json["bytes"]) == (0, file.stat().st_size)
    assert "FAIRWAY_INBOUND_KEYS" in made.json["keys"]
    assert file.stat().st_mode & 0o077 == 0
    assert again.code != 0
    assert "is there already" in again.err
    assert put_back.code == 0, put_back.err
    assert set(put_back.json["doubted"]) == {"effects", "parcels", "levels", "orders"}
    assert await tables(elsewhere) == await tables(fresh)
    worker = await asyncpg.connect(as_role(elsewhere, "fairway_worker"))
    assert await worker.fetchval("SELECT count(*) FROM merchants") == 0
    await worker.close()


async def test_what_cannot_be_restored_touches_nothing(fresh: str, elsewhere: str, tmp_path: Path) -> None:
    file, cut, foreign = (tmp_path / name for name in ("hub.backup", "cut", "foreign"))
    await shell(fresh)("backup", str(file))
    cut.write_bytes(file.read_bytes()[:-100])
    foreign.write_bytes(b"PGDMP and something else")

    refused = [
        await shell(elsewhere)("restore", str(cut)),
        await shell(elsewhere)("restore", str(foreign)),
        await shell(elsewhere, keys=Keyring.generate("others"))("restore", str(file)),
        await shell(fresh)("restore", str(file)),
        await shell(as_role(elsewhere, "fairway_worker"))("restore", str(file)),
        await shell(elsewhere)("restore", str(file), "--directory", str(tmp_path / "none")),
    ]

    assert all(said.code != 0 for said in refused)
    said = [one.err for one in refused]
    assert "its end is missing" in said[0]
    assert "no backup of Fairway" in said[1]
    assert "keys here do not open" in said[2]
    assert "is not empty" in said[3]
    assert "does not see every row" in said[4]
    assert "no secrets.json" in said[5]
    assert await tables(elsewhere) == 0

"""Where statements go while a replica is read, and otherwise; ads/tests/test_replica.py reads a real one."""

import pytest
from django.contrib.auth.models import User
from django.db import connection, router

from budget_system.replica import OnlyReplicaIsRead, has_replica, reading_replica

pytestmark = [pytest.mark.unit, pytest.mark.once]


def test_without_a_replica_all_goes_to_the_primary() -> None:
    assert not has_replica()
    assert (router.db_for_read(User), router.db_for_write(User)) == ("default", "default")
    assert router.allow_migrate("default", "ads")


def test_inside_the_block_reads_go_to_the_replica_and_all_else_is_refused() -> None:
    with reading_replica(in_one_snapshot=False):
        assert (router.db_for_read(User), router.db_for_write(User)) == ("replica", "default")
        with pytest.raises(
            OnlyReplicaIsRead, match="The primary was asked while the replica is read: UPDATE"
        ):
            connection.execute_wrappers[0](print, "UPDATE auth_user", (), False, {})
    assert router.db_for_read(User) == "default"
    assert connection.execute_wrappers == []


def test_the_replica_is_never_migrated() -> None:
    assert not router.allow_migrate("replica", "ads")

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sparkdl.collective.routes import Routes


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12))
def test_every_part_is_carried_once_on_each_host(places):
    routes = Routes.of(places)
    assert sorted(rank for host in routes.hosts for rank in host) == list(range(len(places)))
    for number, host in enumerate(routes.hosts):
        carried = [rank for member in host for rank in routes.carried(member)]
        assert sorted(carried) == [rank for rank in range(len(places)) if routes.host(rank) != number]
        loads = [len(routes.carried(member)) for member in host]
        assert max(loads) - min(loads) <= 1
    for rank in range(len(places)):
        carriers = routes.carriers(rank)
        assert [number for number, _ in carriers] == [n for n in range(len(routes.hosts)) if n != routes.host(rank)]
        assert all(rank in routes.carried(carrier) and carrier in routes.hosts[n] for n, carrier in carriers)


def test_two_levels_need_several_hosts_and_a_shared_one():
    assert Routes.of(["a", "a", "b"]).useful
    assert not Routes.of(["a", "a"]).useful and not Routes.of(["a", "b"]).useful

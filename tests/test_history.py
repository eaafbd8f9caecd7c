from __future__ import annotations

from sparkdl.history import History


def test_truncate_forgets_the_epochs_that_will_run_again() -> None:
    history = History()
    for epoch in range(2, 6):
        history.append(epoch, {"loss": float(epoch)})
    history.truncate(4)
    assert history.epoch == [2, 3]
    assert history.history == {"loss": [2.0, 3.0]}


def test_phases_are_means_over_workers_and_speed_counts_the_slowest() -> None:
    history = History(
        timings=[{"compute": 1.0, "training": 2.0, "rows": 10.0}, {"compute": 3.0, "training": 4.0, "rows": 30.0}]
    )
    assert history.phases["compute"] == 2.0
    assert history.rows_per_second == 10.0

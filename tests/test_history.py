from __future__ import annotations

from sparkdl.history import History, describe_logs


def test_truncate_forgets_the_epochs_that_will_run_again() -> None:
    history = History()
    for epoch in range(2, 6):
        history.append(epoch, {"loss": float(epoch)})
    history.truncate(4)
    assert history.epoch == [2, 3]
    assert history.history == {"loss": [2.0, 3.0]}


def test_what_is_logged_in_some_epochs_only_is_forgotten_with_them() -> None:
    history = History()
    for epoch in range(4):
        history.append(epoch, {"loss": float(epoch)} | ({"val_loss": 10.0 + epoch} if epoch % 2 else {}))
    assert history.until(2).history == {"loss": [0.0, 1.0], "val_loss": [11.0]}
    history.truncate(3)
    history.append(3, {"loss": 3.5, "val_loss": 23.0})
    assert history.history == {"loss": [0.0, 1.0, 2.0, 3.5], "val_loss": [11.0, 23.0]}
    assert history.logged == {"loss": [0, 1, 2, 3], "val_loss": [1, 3]}


def test_a_record_without_the_epochs_of_its_values_goes_on() -> None:
    history = History({"loss": [1.0, 0.5], "val_loss": [0.7]}, epoch=[0, 1], epoch_seconds=[1.0, 1.0])
    history.append(2, {"loss": 0.4})
    history.truncate(2)
    assert history.history == {"loss": [1.0, 0.5], "val_loss": [0.7]}


def test_logs_that_are_no_numbers_are_shown_as_they_are() -> None:
    logs = {"loss": 0.25, "note": "warm", "none": None, "matrix": [[1.0, 2.0], [3.0, 4.0]]}
    assert describe_logs(logs) == "loss=0.25, note=warm, none=None, matrix=[[1 2] [3 4]]"


def test_phases_are_means_over_workers_and_speed_counts_the_slowest() -> None:
    history = History(
        timings=[{"compute": 1.0, "training": 2.0, "rows": 10.0}, {"compute": 3.0, "training": 4.0, "rows": 30.0}]
    )
    assert history.phases["compute"] == 2.0
    assert history.rows_per_second == 10.0

import json

from automedimg.contracts import TrialFinished, TrialResult, TrialStarted

from automedimg_example.listener import LOG, log_trial


def test_a_finished_trial_is_a_line(tmp_path, monkeypatch):
    monkeypatch.setenv(LOG, str(tmp_path / "log.jsonl"))
    log_trial(TrialStarted(3, {}))
    log_trial(TrialFinished(TrialResult(3, "complete", value=0.5), best=True))
    (line,) = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(line) == {"trial": 3, "state": "complete", "value": 0.5}


def test_without_the_variable_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv(LOG, raising=False)
    monkeypatch.chdir(tmp_path)
    log_trial(TrialFinished(TrialResult(3, "complete", value=0.5), best=True))
    assert not list(tmp_path.iterdir())

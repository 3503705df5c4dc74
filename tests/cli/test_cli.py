"""The command, with a cheap search in place of POET; POET itself is tested in tests/runs/test_tiny.py."""

import dataclasses
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import poet
from poet.cli import main as cli
from poet.errors import RunError
from poet.runs import launch
from poet.runs.layout import CONFIG, RUN
from poet.runs.lock import lock
from poet.runs.read import read_config
from poet.runs.status import read_status
from poet.search.config import presets
from poet.view import media
from tests.cli.command import command
from tests.runs.toy import ToyConfig, walk


def python(program: str, *options: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *options, "-c", program], capture_output=True, text=True, cwd=cwd)


# --- run ---


def test_run_starts_resumes_and_extends(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "tiny", "--iterations", "4") == 0
    output = capsys.readouterr().out
    assert output.startswith("runs/tiny: poet on walker with es, up to 4 niches, seed 0, 4 iterations; ")
    assert "learner.population=32" in output.splitlines()[0]
    assert "extend:   poet run runs/tiny --iterations 8" in output
    assert command("run", "tiny", "--iterations", "4") == 0
    assert "finished at iteration 4" in capsys.readouterr().out
    for word in ("runs/tiny", "tiny"):
        assert command("run", word, "--iterations", "6") == 0
    assert read_status(root / "tiny").iteration == 6
    assert command("run", "tiny", "--iterations", "6", "--name", "long") == 0
    assert command("diff", "tiny", "long") == 0


def test_a_run_keeps_the_options_it_was_started_with(root: Path) -> None:
    assert command("run", "tiny", "--name", "mine", "--iterations", "2", "--generator.sweeps", "7") == 0
    assert command("run", "runs/mine", "--iterations", "3") == 0
    config = read_config(root / "mine")
    assert config["generator"]["sweeps"] == 7
    assert config["iterations"] == 3


def test_a_changed_identity_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "tiny", "--iterations", "2") == 0
    before = (root / "tiny" / CONFIG).read_bytes()
    assert command("run", "tiny", "--iterations", "2", "--seed", "4", "--learner.sigma", "0.2") == 2
    error = capsys.readouterr().err
    assert "learner.sigma: 0.1 -> 0.2" in error
    assert "seed: 0 -> 4" in error
    assert "--name" in error
    assert (root / "tiny" / CONFIG).read_bytes() == before


def test_a_refused_command_can_be_given_again_with_other_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("run", "map-elites-tiny", "--problem", "rastrigin-multi") == 2
    assert "choose archive 'pareto'" in capsys.readouterr().err
    monkeypatch.setattr(launch, "build_search", lambda config, context, **overrides: walk(ToyConfig(seed=config.seed)))
    monkeypatch.setattr(media, "make_media", lambda path, moment: None)
    monkeypatch.setattr(media, "print_summary", lambda path: None)
    options = ("--problem", "rastrigin-multi", "--archive", "pareto", "--problem.num_params", "6")
    assert command("run", "map-elites-tiny", *options, "--iterations", "2") == 0
    out = capsys.readouterr().out
    assert "map-elites on rastrigin-multi, iso-line in batches of 64, pareto archive" in out
    assert "problem.num_params=6" in out
    assert "problem.id" not in out
    assert command("run", "map-elites-tiny", "--iterations", "3") == 2
    assert "problem.id: rastrigin-multi -> arm" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("preset", "option", "name", "message"),
    [
        ("map-elites-tiny", "--problem", "sphear", "Did you mean 'sphere'"),
        ("paired-map-elites", "--generator", "arm", "unknown generator 'arm'"),
        ("tiny", "--problem", "sphere", "Unrecognized options"),
    ],
)
def test_an_impossible_problem(
    root: Path, capsys: pytest.CaptureFixture[str], preset: str, option: str, name: str, message: str
) -> None:
    assert command("run", preset, option, name) == 2
    assert message in capsys.readouterr().err
    assert not root.exists()


def test_a_fork(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "tiny", "--iterations", "4") == 0
    assert command("run", "--from", "tiny", "--name", "twin", "--iterations", "6") == 0
    assert command("run", "tiny", "--iterations", "6") == 0
    assert command("diff", "tiny", "twin") == 0
    assert command("run", "runs/tiny", "--name", "third") == 2
    assert "poet run --from runs/tiny --name third" in capsys.readouterr().err


def test_status_shows_numbers(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("status") == 0
    assert "no runs in runs" in capsys.readouterr().out
    command("run", "tiny", "--iterations", "3")
    capsys.readouterr()
    for arguments in (["status"], ["status", "tiny"], ["status", "runs/tiny"]):
        assert command(*arguments) == 0
        row = capsys.readouterr().out.splitlines()[1]
        assert row.split()[:3] == ["tiny", "3/3", "300"]
        assert "  finished  best " in row
    with lock(root / "tiny"):
        command("status")
    assert "  running   best " in capsys.readouterr().out


def test_status_in_a_narrow_terminal(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command("run", "tiny", "--iterations", "3")
    capsys.readouterr()
    monkeypatch.setenv("COLUMNS", "80")
    command("status")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].split()[:3] == ["tiny", "3/3", "300"]
    assert lines[3].startswith("    best ")


def test_diff_shows_the_first_difference_and_exits_with_1(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command("run", "tiny", "--iterations", "2", "--name", "a")
    command("run", "tiny", "--iterations", "2", "--name", "b", "--seed", "9")
    capsys.readouterr()
    assert command("diff", "a", "a") == 0
    assert capsys.readouterr().out == "equal: same history, same state\n"
    assert command("diff", "a", "b") == 1
    assert "the histories differ from event 0" in capsys.readouterr().out


def test_a_stopped_run_prints_how_to_resume_it(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from poet.runs import runner

    monkeypatch.setattr(launch, "run", lambda config, path, **more: runner.RunOutcome(None, 3, False))
    assert command("run", "tiny", "--name", "my run") == 0
    assert "saved at iteration 3; resume with: poet run 'runs/my run'" in capsys.readouterr().out

    def interrupted(config: Any, path: Path, **more: Any) -> None:
        raise runner.Interrupted(runner.RunOutcome(None, 3, False))

    monkeypatch.setattr(launch, "run", interrupted)
    assert command("run", "tiny", "--name", "my run") == 0
    assert "saved at iteration 3; resume with: poet run 'runs/my run'" in capsys.readouterr().out


def test_doctor_examines_and_repairs_a_run(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "tiny", "--iterations", "4") == 0
    capsys.readouterr()
    assert command("doctor", "tiny") == 0
    assert "ok       journal.jsonl: " in capsys.readouterr().out
    journal = root / "tiny" / "journal.jsonl"
    journal.write_bytes(b"garbage\n" + journal.read_bytes())
    assert command("run", "tiny", "--iterations", "6") == 2
    assert "poet doctor" in capsys.readouterr().err
    assert command("doctor", "runs/tiny") == 1
    assert "DAMAGED  journal.jsonl" in capsys.readouterr().out
    assert command("doctor", "tiny", "--repair") == 0
    assert "wrote journal.jsonl anew" in capsys.readouterr().out
    assert command("run", "tiny", "--iterations", "6") == 0
    assert command("doctor", "--repair") == 2


@pytest.mark.parametrize("name", ["..", "", ".hidden", "-x", "two\nlines", "a/b", "n" * 201])
def test_impossible_names_leave_nothing(name: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "tiny", f"--name={name}") == 2
    assert "plain name" in capsys.readouterr().err
    assert not root.exists()
    assert not (root.parent / "lock").exists()


def test_a_budget_of_steps_is_known_everywhere(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "tiny", "--max-env-steps", "300") == 0
    assert "--max-env-steps 600" in capsys.readouterr().out
    assert command("status", "tiny") == 0
    assert " finished " in capsys.readouterr().out
    assert command("run", "runs/tiny") == 0
    assert "has used its 300 environment steps; a larger --max-env-steps" in capsys.readouterr().out
    assert command("run", "tiny", "--name", "other", "--max-env-steps", "-5") == 2


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_output_that_cannot_show_every_character(encoding: str, tmp_path: Path) -> None:
    program = "import sys; from poet.cli.main import main; sys.exit(main(['list', '--root', 'r\u2192']))"
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"runs in r?" in done.stdout


@pytest.mark.parametrize("output", ["closed", "/dev/full"])
def test_output_that_cannot_be_written(output: str, tmp_path: Path) -> None:
    redirect = ">&-" if output == "closed" else f"> {output}"
    command = f"{sys.executable} -m poet list {redirect}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if output == "closed" else 2)


def test_a_run_goes_on_when_nobody_reads_its_output_any_more(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from tests.runs.toy import toy_run
print(toy_run(Path({str(tmp_path / "a")!r})), file=sys.stderr)
"""
    command = f"{sys.executable} -c {shlex.quote(program)} | true"
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        # With this variable Python has nothing left to print at its end.
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | {"PYTHONPATH": root},
    )
    assert done.returncode == 0, done.stderr
    assert "RunOutcome(iteration=6, finished=True, state=...)" in done.stderr
    assert read_status(tmp_path / "a").state == "finished"


# --- bad input ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rum", "tiny"], "unknown command 'rum'. Did you mean 'run'?"),
        (["run", "tinny"], "unknown preset or run 'tinny'. Did you mean 'tiny'?"),
        (["run"], "expected a preset or a run first (go-explore-"),
        (["run", "--seed", "3"], "expected a preset or a run first"),
        (["run", "--from", "nowhere", "--name", "x"], "unknown run 'nowhere'"),
        (["run", "tiny", "--name", "a/b"], "plain name of at most 200 bytes, got 'a/b'"),
        (["run", "tests"], "tests is not a run folder"),
        (["run", "tiny", "--learner.poplation", "32"], "--learner.population"),
        (["run", "tiny", "--generator.sweep", "3"], "--generator.sweeps"),
        (["run", "tiny", "--learner.population", "3"], "even number"),
        (["run", "tiny", "--learner.population", "many"], "many"),
        (["run", "tiny", "--search.mc-lower", "9"], "mc_lower must lie below"),
        (["run", "tiny", "--search.mc-lower", "50"], "to give all thresholds as returns, set search.threshold_unit"),
        (["run", "tiny", "--iterations", "0"], "iterations expects at least 1"),
        (["run", "tiny", "--generator.terrain", "moon"], "moon"),
        (["status", "nowhere"], "unknown run 'nowhere'"),
        (["diff", "a"], "required"),
        (["inspect", "nowhere"], "nowhere is no run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_error_for_bad_arguments_is_clear(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (root.parent / "tests").mkdir()
    assert command(*arguments) == 2
    error = capsys.readouterr().err
    assert message in " ".join(error.replace("│", " ").split())
    assert "Traceback" not in error
    assert not root.exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / RUN).write_text('{"format": 99}'), "format 99, this code reads format 3"),
        (lambda run: (run / RUN).write_text("{"), "run.json cannot be read"),
        (lambda run: (run / CONFIG).write_text("{"), "config.json cannot be read"),
        (
            lambda run: (run / CONFIG).write_text(json.dumps({**presets.get("tiny").to_dict(), "sede": 1})),
            "config.json was edited or replaced after the run was started: undo the change",
        ),
    ],
)
def test_the_error_for_a_damaged_run_is_clear(
    root: Path, capsys: pytest.CaptureFixture[str], damage: Any, message: str
) -> None:
    command("run", "tiny", "--iterations", "2")
    damage(root / "tiny")
    assert command("run", "runs/tiny") == 2
    assert message in capsys.readouterr().err


def test_the_error_for_a_locked_run_names_its_process(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command("run", "tiny", "--iterations", "2")
    with lock(root / "tiny"):
        assert command("run", "tiny", "--iterations", "2") == 2
    assert "is being written by process" in capsys.readouterr().err


def test_errors_have_no_traceback_and_ctrl_c_exits_with_130(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **more: Any) -> None:
        raise RunError("the disk is full")

    monkeypatch.setattr(launch, "run", fail)
    assert command("run", "tiny") == 2
    assert capsys.readouterr().err == "error: the disk is full\n"

    def interrupt(*args: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "run", interrupt)
    assert command("run", "tiny") == 130


# --- help, list, doctor ---


def test_help_lists_every_command_and_imports_no_library() -> None:
    program = (
        "import sys; from poet.cli.main import main; main(['--help']); "
        "print({'jax', 'tyro', 'numpy'} & set(sys.modules))"
    )
    process = python(program)
    assert process.stdout.splitlines()[-1] == "set()"
    for name in cli.COMMANDS:
        assert f"\n  {name} " in process.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(name, "--help") == 0
    output = capsys.readouterr().out
    assert f"usage: poet {name}" in output
    assert (f"poet {name} RUN --help" in output.replace("\n", " ")) == (":" not in cli.COMMANDS[name].function)


def test_a_view_command_finds_its_run_behind_options(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command("run", "tiny", "--iterations", "1")
    found = []
    monkeypatch.setattr(cli, "_call", lambda function, name, args, description=None: found.append(function.__module__))
    for arguments in (("runs/tiny", "--last", "3"), ("--last", "3", "runs/tiny"), ("--last", "3", "tiny")):
        assert command("inspect", *arguments) == 0
    assert found == ["poet.view.niches.commands"] * 3
    assert command("inspect", "--last", "3", "nothing") == 2
    assert "is no run" in capsys.readouterr().err


def test_every_option_of_a_preset_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "paper", "--help") == 0
    output = capsys.readouterr().out
    for option in (
        "--generator.max-pit",
        "--learner.population",
        "--search.max-niches",
        "--executor.devices",
        "--from",
    ):
        assert option in output
    assert "25200" in output


def test_the_first_line_is_printed_before_jax_is_imported(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom poet.runs import launch\nfrom poet.cli.main import main\n"
        "def run(*args, **more):\n    print('jax' in sys.modules)\n    sys.exit(0)\n"
        "launch.run = run\nmain(['run', 'tiny'])"
    )
    process = python(program, cwd=tmp_path)
    assert process.stdout.splitlines()[0].startswith("runs/tiny: poet on walker")
    assert process.stdout.splitlines()[1] == "False"


def test_list_shows_presets_generators_and_runs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command("run", "tiny", "--iterations", "1")
    capsys.readouterr()
    assert command("list") == 0
    output = capsys.readouterr().out
    for name in (*presets.ids(), "walker", "sphere", "runs/tiny"):
        assert name in output


def test_doctor_finds_what_is_missing(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("doctor") == 0
    output = capsys.readouterr().out
    assert "TROUBLE" not in output
    from poet.runs import provenance

    monkeypatch.setattr(provenance, "PACKAGES", ("jax", "no-such-package"))
    assert command("doctor") == 1
    assert "TROUBLE  no-such-package" in capsys.readouterr().out


# --- the package ---


def test_public_names_can_be_imported() -> None:
    for name in poet.__all__:
        assert getattr(poet, name) is not None
    assert {"run", "open_run", "RunConfig", "presets"} <= set(dir(poet))
    assert not hasattr(poet, "no_such_name")


def test_import_has_no_side_effects() -> None:
    process = python(
        "import sys, poet; print({'jax', 'numpy', 'tyro', 'matplotlib'} & set(sys.modules))", "-W", "error"
    )
    assert process.stdout == "set()\n"
    assert process.stderr == ""


def test_import_beside_folders_of_the_same_names(tmp_path: Path) -> None:
    """Research code has folders called `envs` and `archives`; ours live inside `poet`."""
    for folder in ("envs", "archives"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("raise ImportError('not ours')")
    program = "import poet, poet.envs.base, poet.archives.grid, sys; print({'envs', 'archives'} & set(sys.modules))"
    process = python(program, cwd=tmp_path)
    assert (process.stdout, process.returncode) == ("set()\n", 0)


def test_a_run_from_python(root: Path) -> None:
    config = dataclasses.replace(presets.get("tiny"), iterations=3)
    rows: list[Any] = []
    outcome = poet.run(config, root / "mine", sinks=[rows.extend])
    assert outcome.finished
    assert [row["iteration"] for row in rows if row["event"] == "iteration"] == [0, 1, 2]
    assert poet.run(config, root / "mine").iteration == 3

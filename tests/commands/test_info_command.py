"""``trustthepixels info``: what a model is, for people and as JSON."""

import json
from dataclasses import replace

import pytest
from tiny_model import SPEC, flip_bit, write_tiny_model

from trustthepixels.infer.model.spec import ModelSpec


def test_prints_what_a_user_must_know(run_command, tiny_model):
    result = run_command("trustthepixels", "info", tiny_model)
    assert result.returncode == 0
    assert result.stderr == ""
    facts = dict(line.split("  ", 1) for line in result.stdout.splitlines())
    facts = {name: value.strip() for name, value in facts.items()}
    assert facts["name"] == "tiny"
    assert facts["input"] == "224×224 RGB, 8 bit"
    assert facts["verdict ai at --fpr 0.01"] == "p_ai >= 0.8 (default)"
    assert facts["verdict ai at --fpr 0.05"] == "p_ai >= 0.6"
    assert facts["verdict real"].startswith("p_ai < 0.4")
    assert facts["measured balanced_accuracy"] == "0.5"
    assert "1.5 + 0.25" in facts["p_ai"]
    assert facts["weights"].endswith("verified")


def test_json_is_the_specification(run_command, tiny_model):
    result = run_command("trustthepixels", "info", "--json", tiny_model)
    spec = ModelSpec.from_json(result.stdout)
    assert spec == replace(SPEC, graph_digest=spec.graph_digest)
    assert json.loads(result.stdout)["name"] == "tiny"


def test_control_characters_in_a_spec_do_not_reach_the_terminal(run_command, tmp_path):
    model = write_tiny_model(tmp_path / "model.onnx", name="evil\x1b[2Jname")
    result = run_command("trustthepixels", "info", model)
    assert r"evil\x1b[2Jname" in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("damage", ["missing", "empty", "flipped", "schema"])
def test_an_unusable_model_is_one_line_and_exit_code_3(run_command, tmp_path, damage):
    model = tmp_path / "model.onnx"
    match damage:
        case "empty":
            model.write_bytes(b"")
        case "flipped":
            flip_bit(write_tiny_model(model), 100)
        case "schema":
            write_tiny_model(model, schema_version=3)
    result = run_command("trustthepixels", "info", model)
    assert result.returncode == 3
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1
    assert str(model) in result.stderr


def test_without_a_name_it_is_the_default_model(run_command):
    result = run_command("trustthepixels", "info")
    assert result.returncode == 0
    assert "clip_vit_b16_early_stages_hidden, int8" in result.stdout

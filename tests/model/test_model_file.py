"""A model file proves what it is before anything is scanned with it."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_model import (
    NAN_WEIGHTS,
    SPEC,
    build_graph,
    flip_bit,
    spec_metadata,
    write_tiny_model,
    write_with_metadata,
)

from trustthepixels.infer.errors import DigestError, MissingExtraError, ModelError, SpecError
from trustthepixels.infer.model import bundled
from trustthepixels.infer.model.bundled import bundled_models, load_model
from trustthepixels.infer.model.file import read_model_file
from trustthepixels.infer.model.onnx_bytes import metadata_and_digest
from trustthepixels.infer.model.spec import METADATA_DIGEST_KEY, METADATA_KEY


class TestSoundFile:
    def test_gives_its_content_and_its_spec(self, tiny_model):
        model = read_model_file(tiny_model)
        assert model.content == tiny_model.read_bytes()
        assert model.spec == replace(SPEC, graph_digest=model.spec.graph_digest)

    def test_metadata_is_what_the_onnx_package_reads(self, tiny_model):
        metadata, _ = metadata_and_digest(tiny_model.read_bytes())
        proto = onnx.load(tiny_model)
        assert metadata == {entry.key: entry.value for entry in proto.metadata_props}

    def test_the_digest_is_that_of_the_file_without_metadata(self, tiny_model):
        proto = onnx.load(tiny_model)
        del proto.metadata_props[:]
        bare = proto.SerializeToString()
        assert read_model_file(tiny_model).spec.graph_digest == hashlib.sha256(bare).hexdigest()

    def test_writing_the_same_twice_gives_the_same_bytes(self, tmp_path):
        one = write_tiny_model(tmp_path / "one.onnx")
        other = write_tiny_model(tmp_path / "other.onnx")
        assert one.read_bytes() == other.read_bytes()

    def test_other_metadata_beside_the_spec_is_allowed(self, tiny_model):
        metadata, _ = metadata_and_digest(tiny_model.read_bytes())
        write_with_metadata(tiny_model, onnx.load(tiny_model), {**metadata, "author": "anyone"})
        assert read_model_file(tiny_model).spec.name == "tiny"


class TestUnsoundFile:
    def test_that_is_missing(self, tmp_path):
        with pytest.raises(ModelError, match=r"gone\.onnx.*No such file"):
            read_model_file(tmp_path / "gone.onnx")

    def test_that_is_a_folder(self, tmp_path):
        with pytest.raises(ModelError, match="a folder"):
            read_model_file(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_that_is_a_named_pipe_does_not_hang(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.onnx")
        with pytest.raises(ModelError, match="a named pipe"):
            read_model_file(tmp_path / "pipe.onnx")

    @pytest.mark.parametrize(
        "content",
        [b"", b"<!doctype html><html></html>", b"version https://git-lfs.github.com/spec/v1\n"],
        ids=["empty", "html", "git-lfs"],
    )
    def test_that_is_something_else(self, tmp_path, content):
        path = tmp_path / "model.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"model\.onnx"):
            read_model_file(path)

    def test_that_is_a_model_of_others_says_where_ours_come_from(self, tmp_path):
        path = write_with_metadata(tmp_path / "model.onnx", build_graph(), {})
        with pytest.raises(SpecError, match="trustthepixels export"):
            read_model_file(path)

    def test_with_an_unknown_schema_version(self, tmp_path):
        path = write_tiny_model(tmp_path / "model.onnx", schema_version=99)
        with pytest.raises(SpecError, match=r"model\.onnx: .*schema version 99"):
            read_model_file(path)

    def test_with_a_spec_that_was_edited(self, tiny_model):
        metadata, _ = metadata_and_digest(tiny_model.read_bytes())
        edited = metadata[METADATA_KEY].replace('"threshold":0.8', '"threshold":0.1')
        assert edited != metadata[METADATA_KEY]
        write_with_metadata(tiny_model, onnx.load(tiny_model), {**metadata, METADATA_KEY: edited})
        with pytest.raises(SpecError, match="checksum"):
            read_model_file(tiny_model)

    def test_with_a_spec_whose_checksum_is_gone(self, tiny_model):
        metadata, _ = metadata_and_digest(tiny_model.read_bytes())
        del metadata[METADATA_DIGEST_KEY]
        write_with_metadata(tiny_model, onnx.load(tiny_model), metadata)
        with pytest.raises(SpecError, match="checksum"):
            read_model_file(tiny_model)

    def test_with_the_spec_of_another_model(self, tmp_path, tiny_model):
        metadata, _ = metadata_and_digest(tiny_model.read_bytes())
        other = write_with_metadata(tmp_path / "other.onnx", build_graph(NAN_WEIGHTS), metadata)
        with pytest.raises(DigestError, match=r"other\.onnx is damaged"):
            read_model_file(other)

    def test_with_a_spec_that_is_no_json(self, tmp_path):
        metadata = spec_metadata("not json")
        path = write_with_metadata(tmp_path / "model.onnx", build_graph(), metadata)
        with pytest.raises(SpecError, match="JSON"):
            read_model_file(path)

    def test_with_one_flipped_bit_in_its_weights(self, tiny_model):
        position = tiny_model.read_bytes().index(b"weights")
        with pytest.raises(DigestError):
            read_model_file(flip_bit(tiny_model, position))

    @given(position=st.integers(0), bit=st.integers(0, 7))
    @settings(
        max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_with_any_one_flipped_bit(self, tmp_path, position, bit):
        path = write_tiny_model(tmp_path / "flipped.onnx")
        flip_bit(path, position % path.stat().st_size, bit)
        with pytest.raises(ModelError):
            read_model_file(path)

    @given(share=st.floats(0.0, 1.0, exclude_max=True))
    @settings(
        max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_cut_anywhere(self, tmp_path, share):
        path = write_tiny_model(tmp_path / "cut.onnx")
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(ModelError):
            read_model_file(path)

    @given(content=st.binary(max_size=300))
    @settings(
        max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_of_random_bytes(self, tmp_path, content):
        path = tmp_path / "random.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelError):
            read_model_file(path)


class TestLookup:
    def test_a_path_is_read(self, tiny_model):
        assert load_model(tiny_model).spec.name == "tiny"
        assert load_model(str(tiny_model)).spec.name == "tiny"

    def test_a_file_in_the_current_folder_is_found_by_its_name(self, tiny_model, monkeypatch):
        monkeypatch.chdir(tiny_model.parent)
        assert load_model("tiny.onnx").spec.name == "tiny"
        Path("tiny.onnx").rename("mine")
        assert load_model("mine").spec.name == "tiny"

    def test_an_unknown_name_says_which_there_are(self):
        with pytest.raises(ModelError, match="no bundled model 'nonsense'") as caught:
            load_model("nonsense")
        for name in bundled_models():
            assert name in str(caught.value)

    def test_a_model_in_a_wheel_of_its_own_says_what_to_install(self, monkeypatch):
        monkeypatch.setattr(bundled, "find_spec", lambda package: None)
        assert "accurate" not in bundled_models()
        with pytest.raises(MissingExtraError, match=r"trustthepixels\[accurate\]"):
            load_model("accurate")

    def test_a_model_in_a_wheel_of_its_own_is_found_by_its_name(self, tmp_path, monkeypatch):
        package = tmp_path / "trustthepixels_accurate"
        package.mkdir()
        (package / "__init__.py").touch()
        write_tiny_model(package / "accurate.onnx")
        monkeypatch.syspath_prepend(tmp_path)
        if "accurate" in bundled_models() and load_model("accurate").spec.name != "tiny":
            pytest.skip("the real wheel is installed")
        assert load_model("accurate").path == package / "accurate.onnx"

    def test_a_missing_path_is_named(self, tmp_path):
        with pytest.raises(ModelError, match=r"gone\.onnx"):
            load_model(tmp_path / "gone.onnx")

    @pytest.mark.parametrize("name", bundled_models())
    def test_each_bundled_model_is_sound(self, name):
        spec = load_model(name).spec
        sides = {"default": 160, "edge": 160, "accurate": 224}
        assert spec.input_size == (sides[name], sides[name])
        assert {point.false_positive_rate for point in spec.thresholds.ai} >= {0.01, 0.05}
        assert json.loads(spec.to_json())["graph_digest"]

    def test_the_default_model_is_bundled(self):
        assert load_model().path.name == "default.onnx"

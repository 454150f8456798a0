"""A session gives right probabilities on the device that was asked for, or a typed error."""

import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from tiny_model import (
    FROZEN_BATCH,
    HALF_PRECISION_OUTPUT,
    NAN_WEIGHTS,
    NO_P_AI,
    THREE_CLASSES,
    WRONG_DTYPE,
    WRONG_INPUT_NAME,
    Graph,
    build_graph,
    expected_p_ai,
    spec_metadata,
    with_input_size,
    write_tiny_model,
    write_with_metadata,
)

from trustthepixels.infer.choices import Device
from trustthepixels.infer.errors import ExitCode, ModelError, ProviderError, SignatureError
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.model import providers as devices
from trustthepixels.infer.model.file import read_model_file
from trustthepixels.infer.model.onnx_bytes import metadata_and_digest
from trustthepixels.infer.model.self_test import check_known_answer, known_picture
from trustthepixels.infer.model.session import Session, open_session
from trustthepixels.infer.system.cores import available_cores, cgroup_quota


def noise(batch: int, size: tuple[int, int] = (224, 224)) -> np.ndarray:
    """Images of different brightness, uint8 (batch, height, width, 3)."""
    generator = np.random.default_rng(batch)
    images = generator.integers(0, 256, (batch, *size, 3))
    brightness = generator.uniform(0.2, 1.0, (batch, 1, 1, 1))
    return (images * brightness).astype(np.uint8)


def session_on(path, device: Device = Device.CPU, threads: int = 1) -> Session:
    return open_session(read_model_file(path), device, threads)


class TestRun:
    @pytest.mark.parametrize("batch", [1, 2, 7, 32])
    def test_gives_the_calibrated_probability_of_each_image(self, tiny_model, batch):
        p_ai = session_on(tiny_model).run(noise(batch))
        assert p_ai.shape == (batch,)
        assert p_ai.dtype == np.float32
        np.testing.assert_allclose(p_ai, expected_p_ai(noise(batch)), atol=1e-5)

    def test_gives_nothing_for_nothing(self, tiny_model):
        assert session_on(tiny_model).run(noise(0)).shape == (0,)

    def test_does_not_depend_on_batch_size_or_threads(self, tiny_model):
        images = noise(8)
        together = session_on(tiny_model, threads=2).run(images)
        session = session_on(tiny_model)
        one_by_one = np.concatenate([session.run(images[i : i + 1]) for i in range(8)])
        assert np.array_equal(together, one_by_one)

    def test_logits_lead_to_the_same_probability_through_the_spec(self, tiny_model):
        session = session_on(tiny_model)
        logits = session.logits(noise(3))
        assert logits.shape == (3, 2)
        calibration = session.spec.calibration
        difference = logits[:, 1] - logits[:, 0]
        p_ai = 1 / (1 + np.exp(-(difference / calibration.temperature + calibration.bias)))
        np.testing.assert_allclose(p_ai, session.run(noise(3)), atol=1e-6)

    def test_takes_the_size_from_the_spec(self, tmp_path):
        path = write_tiny_model(tmp_path / "small.onnx", spec=with_input_size(32, 48))
        assert session_on(path).run(noise(2, (32, 48))).shape == (2,)

    def test_says_where_it_runs(self, tiny_model):
        session = session_on(tiny_model)
        assert session.device is Device.CPU
        assert session.provider == "CPUExecutionProvider"

    def test_nan_is_never_a_verdict(self, tiny_model):
        class Broken:
            def run(self, names, _images):
                return [np.full((2, 2)[: 1 + (name == "logits")], np.nan) for name in names]

        session = replace(session_on(tiny_model), inference=Broken())
        with pytest.raises(ModelError, match=r"tiny\.onnx .*not a probability"):
            session.run(noise(2))
        with pytest.raises(ModelError, match="not finite"):
            session.logits(noise(2))

    def test_images_of_another_size_are_an_error(self, tiny_model):
        with pytest.raises(ProviderError, match="batch of 1"):
            session_on(tiny_model).run(noise(1, (32, 32)))


class TestKnownAnswer:
    """The built-in picture is judged before any other, and the answer compared."""

    KNOWN = float(expected_p_ai(known_picture(InputShape(224, 224))[np.newaxis])[0])

    def test_the_right_answer_is_accepted_at_any_batch_size(self, tmp_path):
        session = session_on(write_tiny_model(tmp_path / "m.onnx", known_answer=self.KNOWN))
        for batch_size in (1, 8):
            check_known_answer(session.model, session.provider, session.run, batch_size)

    def test_a_model_without_one_is_run_all_the_same(self, tmp_path):
        with pytest.raises(ModelError, match=r"nan\.onnx returned a value that is not a prob"):
            session_on(write_tiny_model(tmp_path / "nan.onnx", NAN_WEIGHTS, known_answer=None))

    @pytest.mark.parametrize("off", [0.0051, -0.0051, 0.5])
    def test_another_answer_is_refused_with_both_figures(self, tmp_path, off):
        path = write_tiny_model(tmp_path / "m.onnx", known_answer=self.KNOWN - off)
        with pytest.raises(ProviderError, match="computes wrong answers") as caught:
            session_on(path)
        assert caught.value.exit_code is ExitCode.MODEL
        for part in (str(path), f"{self.KNOWN:.6f}"[:5], f"not {self.KNOWN - off:.6f}"):
            assert part in str(caught.value)

    @pytest.mark.parametrize(
        ("precision", "off"), [("fp32", 0.004), ("fp16", 0.004), ("int8", 0.04)]
    )
    def test_machines_may_differ_a_little(self, tmp_path, precision, off):
        known = self.KNOWN + off
        session_on(write_tiny_model(tmp_path / "m.onnx", precision=precision, known_answer=known))

    def test_one_wrong_slot_of_a_batch_is_enough(self, tmp_path):
        session = session_on(write_tiny_model(tmp_path / "m.onnx", known_answer=self.KNOWN))

        class LastIsWrong:
            def run(self, _names, images):
                p_ai = expected_p_ai(images["images"])
                # As OpenVINO does it: alone all is well, in a batch the last row is off.
                p_ai[1:][-1:] = 0.9
                return [p_ai]

        with pytest.raises(ProviderError, match=r"is 0\.900000 in a batch of 8 and .* alone"):
            broken = replace(session, inference=LastIsWrong())
            check_known_answer(broken.model, broken.provider, broken.run, 8)


class TestSignature:
    @pytest.mark.parametrize(
        ("graph", "complaint"),
        [
            (WRONG_INPUT_NAME, "inputs .*pixel_values.*not 'images'"),
            (NO_P_AI, "outputs .*not 'logits' and 'p_ai'"),
            (WRONG_DTYPE, r"'images' is tensor\(float\), not tensor\(uint8\)"),
            (HALF_PRECISION_OUTPUT, r"'p_ai' is tensor\(float16\), not tensor\(float\)"),
            (FROZEN_BATCH, "'images' has its batch axis frozen at 1"),
            (Graph(input_channels=1), "'images' has the shape"),
            (THREE_CLASSES, "'logits' has the shape"),
        ],
        ids=["input-name", "output-name", "dtype", "half", "frozen", "channels", "classes"],
    )
    def test_another_one_is_refused_and_named(self, tmp_path, graph, complaint):
        path = write_tiny_model(tmp_path / "model.onnx", graph)
        with pytest.raises(SignatureError, match=complaint) as caught:
            session_on(path)
        assert str(path) in str(caught.value)
        assert caught.value.exit_code is ExitCode.MODEL

    def test_a_size_that_is_not_the_spec_s_is_refused(self, tmp_path):
        path = write_tiny_model(tmp_path / "model.onnx", input_size=[32, 32])
        with pytest.raises(SignatureError, match="'images' has the shape"):
            session_on(path)

    def test_a_graph_that_onnx_runtime_refuses_names_the_file(self, tmp_path):
        model = build_graph()
        model.graph.node[1].op_type = "NoSuchOperator"
        with pytest.raises(ModelError, match=r"cannot load .*broken\.onnx"):
            session_on(self.signed(tmp_path / "broken.onnx", model))

    @pytest.mark.parametrize("location", ["{}/secret.bin", "secret.bin", "../{}/secret.bin"])
    def test_weights_outside_the_file_are_refused(self, tmp_path, monkeypatch, location):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "secret.bin").write_bytes(np.ones(6, np.float32).tobytes())
        location = location.format(tmp_path if location.startswith("{}") else tmp_path.name)
        model = build_graph()
        weights = next(item for item in model.graph.initializer if item.name == "weights")
        onnx.external_data_helper.set_external_data(weights, location=location)
        weights.ClearField("raw_data")
        weights.data_location = onnx.TensorProto.EXTERNAL
        with pytest.raises(ModelError, match=r"outside\.onnx stores weights outside the file"):
            session_on(self.signed(tmp_path / "outside.onnx", model))

    @staticmethod
    def signed(path, model):
        """A file whose digest is right, whatever its graph."""
        _, digest = metadata_and_digest(model.SerializeToString())
        sound = read_model_file(write_tiny_model(path))
        text = replace(sound.spec, graph_digest=digest).to_json()
        return write_with_metadata(path, model, spec_metadata(text))


class TestDevice:
    @pytest.mark.parametrize("device", [Device.CUDA, Device.OPENVINO])
    def test_that_this_onnx_runtime_lacks_is_an_error_with_advice(self, tiny_model, device):
        if devices.PROVIDERS[device][0] in onnxruntime.get_available_providers():
            pytest.skip("this ONNX Runtime has it")
        with pytest.raises(ProviderError, match=f"device '{device}'.* pip install") as error:
            session_on(tiny_model, device)
        assert error.value.exit_code is ExitCode.MODEL

    def test_auto_takes_the_cpu_where_there_is_nothing_else(self, tiny_model):
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this ONNX Runtime has CUDA")
        session = session_on(tiny_model, Device.AUTO)
        assert session.device is Device.CPU
        assert session.fallback_reason == ""

    def test_that_does_not_start_is_an_error_though_onnx_runtime_says_nothing(
        self, tiny_model, cuda_without_gpu
    ):
        with pytest.raises(ProviderError, match="'cuda' cannot be used"):
            session_on(tiny_model, Device.CUDA)

    def test_auto_says_why_it_left_the_gpu(self, tiny_model, cuda_without_gpu):
        session = session_on(tiny_model, Device.AUTO)
        assert session.device is Device.CPU
        assert "'cuda' cannot be used" in session.fallback_reason

    def test_onnx_runtime_never_falls_back_by_itself(self, tiny_model):
        assert session_on(tiny_model).inference._enable_fallback is False

    @pytest.mark.gpu
    @pytest.mark.parametrize("device", [Device.CUDA, Device.AUTO])
    def test_cuda_gives_what_the_cpu_gives(self, tiny_model, device):
        session = session_on(tiny_model, device)
        assert session.provider == "CUDAExecutionProvider"
        on_cpu = session_on(tiny_model).run(noise(7))
        # CUDA multiplies float32 in TF32, of which ten bits are left behind the point.
        np.testing.assert_allclose(session.run(noise(7)), on_cpu, atol=5e-4)

    @pytest.fixture
    def cuda_without_gpu(self, monkeypatch):
        """ONNX Runtime built for CUDA on a machine without one: it offers what it cannot start."""
        offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]

        def quiet_fallback(model, options, providers, **settings):
            return real_session(model, options, providers=["CPUExecutionProvider"], **settings)

        real_session = onnxruntime.InferenceSession
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
        monkeypatch.setattr(onnxruntime, "InferenceSession", quiet_fallback)


class TestInstallation:
    def test_without_onnx_runtime_both_extras_are_named(self, tiny_model, monkeypatch):
        monkeypatch.setattr(devices, "installed_version", lambda name: "")
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(ProviderError) as error:
            session_on(tiny_model)
        assert "trustthepixels[cpu]" in str(error.value)
        assert "trustthepixels[gpu]" in str(error.value)
        assert "\n" not in str(error.value)

    def test_with_both_wheels_it_says_how_to_mend_it(self, tiny_model, monkeypatch):
        both = ("onnxruntime", "onnxruntime-gpu")
        monkeypatch.setattr(devices, "installed_version", lambda name: "1.20" * (name in both))
        with pytest.raises(ProviderError) as error:
            session_on(tiny_model)
        assert "onnxruntime and onnxruntime-gpu are both installed" in str(error.value)
        assert "pip uninstall -y onnxruntime onnxruntime-gpu" in str(error.value)

    def test_with_a_wheel_that_cannot_be_loaded_the_reason_is_given(self, tiny_model, monkeypatch):
        class Broken:
            def find_spec(self, name, path=None, target=None):
                if name == "onnxruntime":
                    raise ImportError("libgomp.so.1: cannot open\nshared object file")

        monkeypatch.delitem(sys.modules, "onnxruntime")
        monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
        with pytest.raises(ProviderError, match=r"libgomp\.so\.1: cannot open shared object file"):
            session_on(tiny_model)


class TestCores:
    def test_there_is_at_least_one_and_no_more_than_the_affinity(self):
        import os

        assert 1 <= available_cores() <= len(os.sched_getaffinity(0))

    @pytest.mark.parametrize(
        ("quota", "cores"), [(None, 8), (16.0, 8), (2.0, 2), (2.9, 2), (0.5, 1)]
    )
    def test_the_quota_counts_in_whole_cores(self, monkeypatch, quota, cores):
        from trustthepixels.infer.system import cores as cpu

        monkeypatch.setattr(cpu.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
        monkeypatch.setattr(cpu, "cgroup_quota", lambda: quota)
        assert cpu.available_cores() == cores

    @pytest.mark.parametrize(
        ("list_text", "files", "quota"),
        [
            ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
            ("0::/\n", {"cpu.max": "max 100000\n"}, None),
            ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "max 100000\n"}, 2.0),
            ("0::/a/b\n", {"a/cpu.max": "400000 100000", "a/b/cpu.max": "300000 100000"}, 3.0),
            ("0::/host/path/that/is/not/here\n", {"cpu.max": "50000 100000\n"}, 0.5),
            (
                "4:cpu,cpuacct:/x\n1:memory:/x\n",
                {
                    "cpu,cpuacct/x/cpu.cfs_quota_us": "300000\n",
                    "cpu,cpuacct/x/cpu.cfs_period_us": "100000\n",
                },
                3.0,
            ),
            (
                "4:cpu,cpuacct:/\n",
                {
                    "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                    "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
                },
                None,
            ),
            ("0::/\n", {"cpu.max": "not a number\n"}, None),
            ("nonsense\n", {}, None),
            ("", {}, None),
        ],
        ids=[
            "v2",
            "v2-unlimited",
            "v2-parent",
            "v2-tightest",
            "v2-container",
            "v1",
            "v1-unlimited",
            "garbage",
            "garbage-list",
            "empty-list",
        ],
    )
    def test_quotas_of_both_cgroup_versions_are_read(self, tmp_path, list_text, files, quota):
        (tmp_path / "list").write_text(list_text)
        for name, content in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        assert cgroup_quota(tmp_path / "list", tmp_path / "cgroup") == quota

    def test_a_system_without_cgroups_has_no_quota(self, tmp_path):
        assert cgroup_quota(tmp_path / "none", tmp_path) is None

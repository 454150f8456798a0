"""Without a hub, a training that asks for its weights ends after one attempt."""

import socket
import threading
from collections.abc import Iterator

import pytest
from huggingface_hub import constants

from trustthepixels.infer.errors import InputError
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.starting_weights import initialise


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[list[int]]:
    """A hub that hangs up at once; the list grows with every attempt to reach it."""
    attempts: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def hang_up() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return
                attempts.append(1)

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        yield attempts
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_the_hub_is_asked_once(refused: list[int]) -> None:
    with pytest.raises(InputError, match="cannot fetch ImageNet weights for resnet18"):
        initialise(Classifier("resnet18"), "imagenet")
    assert len(refused) == 1
    assert not constants.HF_HUB_OFFLINE

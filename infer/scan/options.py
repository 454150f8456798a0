"""Options of a scan, and their defaults on each device."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from ..choices import Device
from ..files.options import WalkOptions
from ..images.limits import Isolation, Limits
from ..model.batching import Batches
from ..model.providers import ON_CPU
from ..stores.options import DEFAULT_STORE_OPTIONS, StoreOptions
from ..system.cores import available_cores
from ..system.memory import default_memory
from .decoding.count import usual_decode_processes

if TYPE_CHECKING:
    from ..provenance.options import ProvenanceOptions

_IN_FLIGHT = 4
"""Most batches at once on a CPU; each has activations of its own."""


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """Options of a scan. Only ``walk``, ``limits`` and ``memory`` change rows.

    Attributes:
        walk: options of the walk.
        stores: options of object stores, for addresses such as ``s3://bucket/prefix``.
        limits: limits on what one file may cost.
        memory: bytes that all files being decoded may use together; a file that needs more is
            refused, so this changes rows too.
        isolation: files that are decoded in separate processes.
        batch_size: pictures in one batch of the model.
        decode_threads: threads that read, decode and resize.
        batches_in_flight: batches that the model works on at once.
        batch_buffers: batches besides those in flight: one fills, the others wait.
        queue_size: items that wait between two stages.
        window: files between the walk and the rows; it limits how long rows can wait for an earlier
            one.
        decode_processes: processes that decode in parallel; ``None`` for the usual number.
        operator_threads: threads of one operator of the model on the CPU; ``None`` for those of the
            detector.
        provenance: how to read what files state about their origin; ``None`` reads nothing. It
            changes no verdict.
    """

    walk: WalkOptions = field(default_factory=WalkOptions)
    stores: StoreOptions = DEFAULT_STORE_OPTIONS
    limits: Limits = field(default_factory=Limits)
    memory: int = field(default_factory=default_memory)
    isolation: Isolation = Isolation.ODD
    batch_size: int = 4
    decode_threads: int = field(default_factory=available_cores)
    batches_in_flight: int = 1
    batch_buffers: int = 2
    queue_size: int = 256
    window: int = 8192
    decode_processes: int | None = None
    operator_threads: int | None = None
    provenance: "ProvenanceOptions | None" = None

    @classmethod
    def for_device(
        cls,
        device: Device,
        threads: int,
        *,
        batch_size: int | None = None,
        decode_threads: int | None = None,
    ) -> Self:
        """Return the options that suit a device.

        Args:
            device: device of the model; ``auto`` counts as the CPU until it is known.
            threads: threads of the model on the CPU, all together.
            batch_size: pictures in one batch; ``None`` for the device's default.
            decode_threads: threads that read and decode; ``None`` for one on each core.
        """
        device = Device.CPU if device is Device.AUTO else device
        return cls(
            batch_size=batch_size or usual_batch_size(device),
            batches_in_flight=usual_batches_in_flight(device, threads),
            decode_threads=decode_threads or available_cores(),
            operator_threads=threads_of_operators(device, threads),
        )

    @property
    def batches(self) -> Batches:
        """Size and number of the batches, as the model is opened for them."""
        return Batches(
            self.batch_size, self.batches_in_flight, self.operator_threads or available_cores()
        )

    @property
    def processes(self) -> int:
        """Number of decode threads that get a decode process."""
        if self.decode_processes is None:
            return usual_decode_processes(self.decode_threads)
        return min(self.decode_processes, self.decode_threads)


def usual_batch_size(device: Device) -> int:
    """Return the default number of pictures in one batch."""
    return 4 if device in ON_CPU else 64


def usual_batches_in_flight(device: Device, threads: int) -> int:
    """Return the default number of batches that the model works on at once.

    On a CPU, threads that share a layer wait for each other at its end; threads that work on
    different batches do not. A GPU gets the next batch while it computes one.

    Args:
        device: device of the model.
        threads: threads of the model on the CPU, all together.
    """
    return min(threads, _IN_FLIGHT) if device in ON_CPU else 2


def threads_of_operators(device: Device, threads: int) -> int:
    """Return ``intra_op_num_threads`` of a session whose batches in flight share these threads.

    ONNX Runtime counts the caller among them: a session makes one thread less, and all its callers
    share these. OpenVINO gets all, because its batches share one number.

    Args:
        device: device of the model; ``auto`` never takes OpenVINO.
        threads: threads of the model on the CPU, all together.
    """
    if device is Device.OPENVINO:
        return threads
    return threads - usual_batches_in_flight(Device.CPU, threads) + 1

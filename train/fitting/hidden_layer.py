"""Fit of a hidden layer and the last one on statistics of frozen stages, by gradient descent.

Few units tell more than a linear layer where dropout holds them back (Srivastava et al. 2014): each
step hides half of the statistics. ``docs/trials.md`` compares both on held-out sources.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F

from trustthepixels.infer.results import LABELS

from ..arrays import FloatArray, IntArray
from ..networks.hardware import Arithmetic
from ..networks.network import Classifier
from ..networks.stage_statistics import (
    Features,
    on_raw_features,
    scaler_of,
    split_margin,
    staged_backbone,
)

_DRAWS = 8
"""Number of times that the fit takes a row, on average."""

_BATCH_SIZE = 256

_FEWEST_STEPS = 800
"""Steps of a fit on few pictures."""

_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 0.3
_DROPOUT = 0.5
_WARM_UP = 0.2
"""Share of the steps in which the learning rate rises; it falls to nothing in the others."""

_SEED = 42


@dataclass(frozen=True, slots=True, eq=False)
class HiddenFit:
    """A fitted hidden layer and the last one.

    Attributes:
        hidden: float32, on the CPU; statistics in, units out.
        last: the same; units in, logit of ``ai`` less logit of ``real`` out.
    """

    hidden: nn.Linear
    last: nn.Linear

    @torch.inference_mode()
    def decision_function(self, features: Features) -> FloatArray:
        """Return the logit of ``ai`` less that of ``real``, (n,), of statistics (n, features)."""
        units = F.relu(self.hidden(torch.from_numpy(features)))
        margins: FloatArray = self.last(units)[:, 0].numpy()
        return margins

    def write(self, network: Classifier) -> None:
        """Copy the layers into a network, the margin split evenly between both logits."""
        layers: Any = staged_backbone(network).get_classifier()
        layers[0].load_state_dict(self.hidden.state_dict())
        split_margin(layers[2], *_values(self.last))


def hidden_units(network: Classifier) -> int:
    """Return the units of a network's hidden layer after its stages; 0 if it has none.

    Raises:
        UsageError: the network's last layer does not see its stages.
    """
    layers: Any = staged_backbone(network).get_classifier()
    is_linear = isinstance(layers, nn.Linear)
    return 0 if is_linear else int(layers[0].out_features)


def fit_hidden_layer(
    features: Features,
    targets: IntArray,
    weights: FloatArray,
    units: int,
    arithmetic: Arithmetic,
) -> HiddenFit:
    """Fit both layers with AdamW; equal arguments give equal layers on one machine.

    Args:
        features: (n, features).
        targets: (n,), indices of the labels.
        weights: (n,), chance of each row to be drawn, relative to the others.
        units: units of the hidden layer.
        arithmetic: device and precision of the fit.
    """
    device, scaler = arithmetic.accelerator, scaler_of(features)
    # Half of the memory; dropout is far coarser.
    rows = torch.from_numpy(scaler.transform(features)).bfloat16().to(device)
    wanted = torch.from_numpy(targets == LABELS.index("ai")).float().to(device)
    rng, chances = np.random.default_rng(_SEED), weights / weights.sum()
    steps = max(math.ceil(_DRAWS * len(rows) / _BATCH_SIZE), _FEWEST_STEPS)
    # Seeded here alone: what ran before must not matter, and what runs after must not notice.
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        hidden, last = nn.Linear(features.shape[1], units), nn.Linear(units, 1)
        layers = nn.Sequential(
            nn.Dropout(_DROPOUT), hidden, nn.ReLU(), nn.Dropout(_DROPOUT), last
        ).to(device)
        optimiser = torch.optim.AdamW(
            layers.parameters(), _LEARNING_RATE, weight_decay=_WEIGHT_DECAY
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, _LEARNING_RATE, total_steps=steps, pct_start=_WARM_UP
        )
        for _ in range(steps):
            drawn = torch.from_numpy(rng.choice(len(rows), _BATCH_SIZE, p=chances)).to(device)
            with arithmetic.autocast():
                margins = layers(rows[drawn].float())[:, 0].float()
            loss = F.binary_cross_entropy_with_logits(margins, wanted[drawn])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return HiddenFit(_on_raw_statistics(hidden.cpu(), scaler), last.cpu())


@torch.no_grad()
def _on_raw_statistics(hidden: nn.Linear, scaler: StandardScaler) -> nn.Linear:
    """Return the layer with the standardisation inside its weights."""
    weight, bias = on_raw_features(scaler, *_values(hidden))
    hidden.weight.copy_(torch.from_numpy(weight))
    hidden.bias.copy_(torch.from_numpy(bias))
    return hidden


def _values(layer: nn.Linear) -> tuple[FloatArray, FloatArray]:
    """Return weight and bias, float64."""
    return layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()

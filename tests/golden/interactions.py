"""Reference values of what fields do with one another below a backbone, written to `interactions/<case>.json`.

A case is one of `backbones.py` with the key `interaction` beside: every view goes through an interaction of its own,
then the backbone of that script reads the views. Written naively: `fm` adds up the products of all pairs of fields one by one.
"""

import functools
import itertools
import sys
from pathlib import Path

import torch
from torch import nn

sys.dont_write_bytecode = True
import backbones  # noqa: E402
from losses import CHAIN_2, CHAIN_3, DIM, FIELDS, write_names  # noqa: E402


class Fm(nn.Module):
    """One more field: Σ over pairs of the products, dimension by dimension."""

    def forward(self, view):
        pooled = sum(view[:, f] * view[:, g] for f, g in itertools.combinations(range(view.shape[1]), 2))
        return torch.cat([view, pooled[:, None]], dim=1)

    def layout(self, name, t):
        return {}


class Cross(nn.Module):
    """x_{l+1} = x_0 · (W x_l + b) + x_l over all numbers of a view; W is U V^T where there is a rank."""

    def __init__(self, n_layers, rank=None):
        super().__init__()
        width = FIELDS * DIM
        self.reductions = nn.ModuleList(nn.Linear(width, rank, bias=False) for _ in range(n_layers if rank else 0))
        self.linears = nn.ModuleList(nn.Linear(rank or width, width) for _ in range(n_layers))

    def forward(self, view):
        first = x = view.reshape(view.shape[0], -1)
        for i, linear in enumerate(self.linears):
            reduced = self.reductions[i](x) if len(self.reductions) else x
            x = first * linear(reduced) + x
        return x.reshape(view.shape)

    def layout(self, name, t):
        out = {}
        for i, layer in enumerate(self.linears):
            out |= backbones.linear(f"{name}.layers.{i}.linear", layer, t)
        for i, layer in enumerate(self.reductions):
            out |= backbones.linear(f"{name}.layers.{i}.reduction", layer, t)
        return out


class Above(nn.Module):
    """A backbone above an interaction of every view."""

    def __init__(self, interaction, name, parents, **settings):
        super().__init__()
        n_views = backbones.VIEWS.get(name, lambda n: 1)(len(parents))
        make = Fm if interaction == "fm" else lambda: Cross(**interaction["cross"])
        self.interactions = nn.ModuleList(make() for _ in range(n_views))
        # The backbones' layers are as wide as what they read.
        n_fields = FIELDS + (interaction == "fm")
        backbones.FIELDS, backbones.INPUT = n_fields, n_fields * DIM
        self.backbone = backbones.BACKBONES[name](parents, **settings)
        backbones.FIELDS, backbones.INPUT = FIELDS, FIELDS * DIM

    def forward(self, views):
        return self.backbone([interaction(view) for interaction, view in zip(self.interactions, views)])

    def layout(self, t):
        out = {}
        for i, interaction in enumerate(self.interactions):
            out |= interaction.layout(f"interaction.{i}", t)
        return out | self.backbone.layout(t)


def cases():
    """name -> (backbone, interaction, parents)."""
    heads = {"bottom": [6, 5], "tower": [4, 3], "dropout": 0.0}
    kinds = {
        "mmoe": {"mmoe": {"n_experts": 3, **heads}},
        "stem": {"stem": {"n_specific_experts": 2, "n_shared_experts": 1, "gate": [4], **heads}},
    }
    interactions = {
        "fm": "fm",
        "cross": {"cross": {"n_layers": 2}},
        "cross_low_rank": {"cross": {"n_layers": 3, "rank": 2}},
    }
    out = {}
    for (tag, interaction), (kind, backbone) in itertools.product(interactions.items(), kinds.items()):
        for n_tasks, parents in [("2_tasks", CHAIN_2), ("3_tasks", CHAIN_3)]:
            out[f"{tag}_{kind}_{n_tasks}"] = (backbone, interaction, parents)
    return out


def main():
    torch.set_num_threads(1)
    folder = Path(__file__).resolve().parent / "interactions"
    for case, (backbone, interaction, parents) in cases().items():
        make = functools.partial(Above, interaction, *backbone)
        backbones.write_case(folder, case, backbone, {}, parents, None, 0.0, make, {"interaction": interaction})
        print(case)
    write_names(folder, cases())


if __name__ == "__main__":
    main()

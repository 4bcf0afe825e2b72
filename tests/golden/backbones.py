"""Reference values of the backbones, written to `backbones/<case>.json` (see README.md).

Every backbone is written naively: one `nn.Linear` per expert, gate, head and tower, and loops over tasks.
`layout` then says how these parameters are stacked, concatenated and transposed into the stored arrays; it is
applied in the same way to the weights, the gradients and the weights after the Adam step.
"""

import copy
import math
import sys
from pathlib import Path

import torch
from torch import nn

sys.dont_write_bytecode = True
from losses import (  # noqa: E402
    BATCH,
    CHAIN_2,
    CHAIN_3,
    DIM,
    FIELDS,
    FOREST,
    TREE,
    Outputs,
    assert_derivative,
    detached,
    draw_labels,
    exact,
    generator,
    loss_terms,
    number,
    pairs,
    rounded,
    three_decimals,
    write,
    write_names,
)

INPUT = FIELDS * DIM

# ---------------------------------------------------------------- parts


class GivenDropout(nn.Module):
    """Multiplies by a mask that `build` draws: 0, or 1 over the kept share; the identity at rate 0."""

    def __init__(self, rate, *shape):
        super().__init__()
        self.rate, self.shape = rate, (BATCH, *shape)
        self.register_buffer("mask", None)

    def forward(self, x):
        return x if self.mask is None else x * self.mask


class Mlp(nn.Module):
    """Linear, ReLU and dropout for every width."""

    def __init__(self, d_in, widths, dropout=0.0):
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in zip([d_in, *widths], widths))
        self.relu = nn.ReLU()
        self.drops = nn.ModuleList(GivenDropout(dropout, width) for width in widths)

    def layer(self, i, x):
        return self.drops[i](self.relu(self.linears[i](x)))

    def forward(self, x):
        for i in range(len(self.linears)):
            x = self.layer(i, x)
        return x


class Tower(nn.Module):
    """Mlp, then a linear layer to one number."""

    def __init__(self, d_in, widths, dropout):
        super().__init__()
        self.hidden = Mlp(d_in, widths, dropout)
        self.output = nn.Linear(widths[-1], 1)

    def forward(self, x):
        return self.output(self.hidden(x)).squeeze(-1)


def modules(n, make):
    return nn.ModuleList(make() for _ in range(n))


def mixture(weights, outputs):
    """Σ_e weights[:, e] · outputs[e]."""
    return sum(weights[:, e : e + 1] * output for e, output in enumerate(outputs))


def softmax_gate(linear, x):
    return torch.softmax(linear(x), dim=1)


def sigmoids(logits):
    return torch.stack([torch.sigmoid(logit) for logit in logits], dim=1)


def chained(conditional, parents):
    """p_k = σ_k · p_parent(k)."""
    cumulative = []
    for k, parent in enumerate(parents):
        p = conditional[:, k]
        cumulative.append(p if parent is None else p * cumulative[parent])
    return torch.stack(cumulative, dim=1)


def attend(q, k, v):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-1) @ v


class StopGradient(nn.Module):
    """A detached copy, called once a pass; while `held`, the one of the pass before (for finite differences)."""

    def __init__(self):
        super().__init__()
        self.held = False

    def forward(self, x):
        if not self.held:
            self.value = x.detach()
        return self.value


# ---------------------------------------------------------------- layout
# `t` maps a parameter to the tensor to be stored (its value, its gradient or its stepped value). A layer's dropout mask
# [batch, out] is arranged as its bias [out] is: see `masks_of`.


def linear(name, layer, t):
    out = {f"{name}.weight": t(layer.weight).T}
    if layer.bias is not None:
        out[f"{name}.bias"] = t(layer.bias)
    return out


def wide(name, layers, t):
    """Layers that read the same input: [in, G·out], bias [G·out]."""
    out = {f"{name}.weight": torch.cat([t(layer.weight).T for layer in layers], dim=1)}
    if layers[0].bias is not None:
        out[f"{name}.bias"] = torch.cat([t(layer.bias) for layer in layers], dim=-1)
    return out


def grouped(name, layers, t):
    """Layers with an input each: [G, in, out], bias [G, 1, out]."""
    out = {f"{name}.weight": torch.stack([t(layer.weight).T for layer in layers])}
    if layers[0].bias is not None:
        out[f"{name}.bias"] = torch.stack([torch.atleast_2d(t(layer.bias)) for layer in layers])
    return out


def mlp(name, module, t):
    out = {}
    for i, layer in enumerate(module.linears):
        out |= linear(f"{name}.layers.{i}", layer, t)
    return out


def grouped_mlp(name, mlps, t, skip=0):
    out = {}
    for i in range(skip, len(mlps[0].linears)):
        out |= grouped(f"{name}.layers.{i - skip}", [m.linears[i] for m in mlps], t)
    return out


def expert_mlp(name, mlps, t):
    return wide(f"{name}.first", [m.linears[0] for m in mlps], t) | grouped_mlp(f"{name}.rest", mlps, t, skip=1)


def fanned_mlp(name, groups, t):
    """MLPs in groups that read the group's input: [G, in, E·out] first, then as `grouped_mlp`, group by group."""
    first = [wide("x", [m.linears[0] for m in mlps], t) for mlps in groups]
    out = {
        f"{name}.first.weight": torch.stack([f["x.weight"] for f in first]),
        f"{name}.first.bias": torch.stack([torch.atleast_2d(f["x.bias"]) for f in first]),
    }
    return out | grouped_mlp(f"{name}.rest", [m for mlps in groups for m in mlps], t, skip=1)


def towers(all_towers, t):
    hidden = grouped_mlp("towers.hidden", [tower.hidden for tower in all_towers], t)
    return hidden | grouped("towers.output", [tower.output for tower in all_towers], t)


def shared_towers(all_towers, t, name="towers"):
    hidden = expert_mlp(f"{name}.hidden", [tower.hidden for tower in all_towers], t)
    return hidden | grouped(f"{name}.output", [tower.output for tower in all_towers], t)


def norm(name, layer, t):
    return {f"{name}.gamma": t(layer.weight), f"{name}.beta": t(layer.bias)}


def masks_of(model):
    """The masks in the order of the forward pass, which is that of `layout`."""
    by_bias = {}
    for module in model.modules():
        if isinstance(module, Mlp):
            by_bias |= {id(linear.bias): drop.mask for linear, drop in zip(module.linears, module.drops)}

    def mask(parameter):
        found = by_bias.get(id(parameter))
        return torch.full_like(parameter.data, -1.0) if found is None else found

    return [found for found in model.layout(mask).values() if (found >= 0).all()]


# ---------------------------------------------------------------- backbones


class SingleTask(nn.Module):
    def __init__(self, parents, bottom, tower, dropout):
        super().__init__()
        self.bottoms = modules(len(parents), lambda: Mlp(INPUT, bottom, dropout))
        self.towers = modules(len(parents), lambda: Tower(bottom[-1], tower, dropout))

    def forward(self, views):
        return Outputs(sigmoids([t(b(v.flatten(1))) for v, b, t in zip(views, self.bottoms, self.towers)]))

    def layout(self, t):
        return grouped_mlp("bottoms", self.bottoms, t) | towers(self.towers, t)


class SharedBottom(nn.Module):
    def __init__(self, parents, bottom, tower, dropout):
        super().__init__()
        self.bottom = Mlp(INPUT, bottom, dropout)
        self.towers = modules(len(parents), lambda: Tower(bottom[-1], tower, dropout))

    def forward(self, views):
        h = self.bottom(views[0].flatten(1))
        return Outputs(sigmoids([tower(h) for tower in self.towers]))

    def layout(self, t):
        return mlp("bottom", self.bottom, t) | shared_towers(self.towers, t)


class Esmm(nn.Module):
    def __init__(self, parents, bottom, tower, dropout):
        super().__init__()
        self.parents = parents
        self.bottoms = modules(len(parents), lambda: Mlp(INPUT, bottom, dropout))
        self.towers = modules(len(parents), lambda: Tower(bottom[-1], tower, dropout))

    def forward(self, views):
        x = views[0].flatten(1)
        conditional = sigmoids([t(b(x)) for b, t in zip(self.bottoms, self.towers)])
        return Outputs(chained(conditional, self.parents), conditional)

    def layout(self, t):
        return expert_mlp("bottoms", self.bottoms, t) | towers(self.towers, t)


class Escm2(nn.Module):
    """Esmm; in mode dr every task with a parent also has an imputation head, whose output is a plain number."""

    def __init__(self, parents, mode, bottom, tower, dropout):
        super().__init__()
        self.parents = parents
        children = [child for _, child in pairs(parents)]
        self.imputed_tasks = children if mode == "dr" else []
        self.bottoms = modules(len(parents), lambda: Mlp(INPUT, bottom, dropout))
        self.towers = modules(len(parents), lambda: Tower(bottom[-1], tower, dropout))
        self.imputation_bottoms = modules(len(self.imputed_tasks), lambda: Mlp(INPUT, bottom, dropout))
        self.imputation_towers = modules(len(self.imputed_tasks), lambda: Tower(bottom[-1], tower, dropout))

    def forward(self, views):
        x = views[0].flatten(1)
        conditional = sigmoids([t(b(x)) for b, t in zip(self.bottoms, self.towers)])
        imputed = None
        if self.imputed_tasks:
            columns = [torch.zeros_like(x[:, 0]) for _ in self.parents]
            for task, b, t in zip(self.imputed_tasks, self.imputation_bottoms, self.imputation_towers):
                columns[task] = t(b(x))
            imputed = torch.stack(columns, dim=1)
        return Outputs(chained(conditional, self.parents), conditional, imputed)

    def layout(self, t):
        bottoms = [*self.bottoms, *self.imputation_bottoms]
        return expert_mlp("bottoms", bottoms, t) | towers([*self.towers, *self.imputation_towers], t)


class Omoe(nn.Module):
    def __init__(self, parents, n_experts, bottom, tower, dropout):
        super().__init__()
        self.experts = modules(n_experts, lambda: Mlp(INPUT, bottom, dropout))
        self.gate = nn.Linear(INPUT, n_experts)
        self.towers = modules(len(parents), lambda: Tower(bottom[-1], tower, dropout))

    def forward(self, views):
        x = views[0].flatten(1)
        h = mixture(softmax_gate(self.gate, x), [expert(x) for expert in self.experts])
        return Outputs(sigmoids([tower(h) for tower in self.towers]))

    def layout(self, t):
        return expert_mlp("experts", self.experts, t) | linear("gate", self.gate, t) | shared_towers(self.towers, t)


class Mmoe(nn.Module):
    def __init__(self, parents, n_experts, bottom, tower, dropout):
        super().__init__()
        self.experts = modules(n_experts, lambda: Mlp(INPUT, bottom, dropout))
        self.gates = modules(len(parents), lambda: nn.Linear(INPUT, n_experts))
        self.towers = modules(len(parents), lambda: Tower(bottom[-1], tower, dropout))

    def forward(self, views):
        x = views[0].flatten(1)
        outputs = [expert(x) for expert in self.experts]
        mixtures = [mixture(softmax_gate(gate, x), outputs) for gate in self.gates]
        return Outputs(sigmoids([tower(h) for tower, h in zip(self.towers, mixtures)]))

    def layout(self, t):
        return expert_mlp("experts", self.experts, t) | wide("gates", self.gates, t) | towers(self.towers, t)


class CgcLevel(nn.Module):
    def __init__(self, n_tasks, d_in, widths, n_specific, n_shared, last, dropout):
        super().__init__()
        self.task_experts = modules(n_tasks, lambda: modules(n_specific, lambda: Mlp(d_in, widths, dropout)))
        self.shared_experts = modules(n_shared, lambda: Mlp(d_in, widths, dropout))
        self.task_gates = modules(n_tasks, lambda: nn.Linear(d_in, n_specific + n_shared))
        self.shared_gate = None if last else nn.Linear(d_in, n_tasks * n_specific + n_shared)

    def forward(self, task_inputs, shared_input):
        specific = [[e(x) for e in experts] for experts, x in zip(self.task_experts, task_inputs)]
        shared = [e(shared_input) for e in self.shared_experts]
        task_outputs = []
        for gate, x, own in zip(self.task_gates, task_inputs, specific):
            task_outputs.append(mixture(softmax_gate(gate, x), own + shared))
        if self.shared_gate is None:
            return task_outputs, None
        everything = [output for own in specific for output in own] + shared
        return task_outputs, mixture(softmax_gate(self.shared_gate, shared_input), everything)

    def layout(self, name, t):
        out = fanned_mlp(f"{name}.task_experts", self.task_experts, t)
        out |= expert_mlp(f"{name}.shared_experts", self.shared_experts, t)
        out |= grouped(f"{name}.task_gates", self.task_gates, t)
        if self.shared_gate is not None:
            out |= linear(f"{name}.shared_gate", self.shared_gate, t)
        return out


class Ple(nn.Module):
    def __init__(self, parents, n_specific_experts, n_shared_experts, levels, tower, dropout):
        super().__init__()
        self.levels = nn.ModuleList()
        d_in = INPUT
        for i, widths in enumerate(levels):
            last = i + 1 == len(levels)
            sizes = (n_specific_experts, n_shared_experts)
            self.levels.append(CgcLevel(len(parents), d_in, widths, *sizes, last, dropout))
            d_in = widths[-1]
        self.towers = modules(len(parents), lambda: Tower(d_in, tower, dropout))

    def forward(self, views):
        x = views[0].flatten(1)
        task_inputs, shared_input = [x for _ in self.towers], x
        for level in self.levels:
            task_inputs, shared_input = level(task_inputs, shared_input)
        return Outputs(sigmoids([tower(h) for tower, h in zip(self.towers, task_inputs)]))

    def layout(self, t):
        out = {}
        for i, level in enumerate(self.levels):
            out |= level.layout(f"levels.{i}", t)
        return out | towers(self.towers, t)


class Aitm(nn.Module):
    def __init__(self, parents, bottom, tower, dropout):
        super().__init__()
        self.parents, self.width = parents, bottom[-1]
        self.bottoms = modules(len(parents), lambda: Mlp(INPUT, bottom, dropout))
        self.transfers = modules(len(pairs(parents)), lambda: nn.Linear(self.width, self.width))
        self.value = nn.Linear(self.width, self.width)  # h1
        self.key = nn.Linear(self.width, self.width)  # h2
        self.query = nn.Linear(self.width, self.width)  # h3
        self.towers = modules(len(parents), lambda: Tower(self.width, tower, dropout))

    def forward(self, views):
        x = views[0].flatten(1)
        transfers = iter(self.transfers)
        z = []
        for bottom, parent in zip(self.bottoms, self.parents):
            feature = bottom(x)
            if parent is None:
                z.append(feature)
                continue
            candidates = [next(transfers)(z[parent]), feature]
            scores = [(self.key(u) * self.query(u)).sum(dim=1) / math.sqrt(self.width) for u in candidates]
            weights = torch.softmax(torch.stack(scores, dim=1), dim=1)
            z.append(mixture(weights, [self.value(u) for u in candidates]))
        return Outputs(sigmoids([tower(h) for tower, h in zip(self.towers, z)]))

    def layout(self, t):
        out = expert_mlp("bottoms", self.bottoms, t)
        for i, transfer in enumerate(self.transfers):
            out |= linear(f"transfers.{i}", transfer, t)
        out |= wide("attention", [self.value, self.key, self.query], t)
        return out | towers(self.towers, t)


class HeadsAttention(nn.Module):
    """Multi-head attention; the query is given per head, keys and values are projected, W^O at the end."""

    def __init__(self, d, n_heads):
        super().__init__()
        self.keys = modules(n_heads, lambda: nn.Linear(d, d // n_heads, bias=False))
        self.values = modules(n_heads, lambda: nn.Linear(d, d // n_heads, bias=False))
        self.output = nn.Linear(d, d, bias=False)

    def forward(self, queries, h):
        heads = [attend(q, key(h), value(h)) for q, key, value in zip(queries, self.keys, self.values)]
        return self.output(torch.cat(heads, dim=-1))

    def layout(self, name, t):
        return wide(f"{name}.key_value", [*self.keys, *self.values], t) | linear(f"{name}.output", self.output, t)


def smooth_step(z, gamma):
    middle = -2 / gamma**3 * z**3 + 3 / (2 * gamma) * z + 0.5
    return torch.where(z <= -gamma / 2, torch.zeros_like(z), torch.where(z >= gamma / 2, torch.ones_like(z), middle))


class ApemLayer(nn.Module):
    def __init__(self, n_tasks, rows, d, n_heads, n_points, selector, asrg, selection, ps, first):
        super().__init__()
        self.asrg, self.selection, self.ps, self.first, self.head = asrg, asrg and selection, ps, first, d // n_heads
        if self.selection:
            self.selector = Mlp(rows * d, selector)
            self.selector_output = nn.Linear(selector[-1], n_points)
        if asrg:
            self.points = nn.ParameterList(torch.empty(n_points, self.head) for _ in range(n_heads))
        else:
            self.queries = modules(n_heads, lambda: nn.Linear(d, self.head, bias=False))
        self.attention = HeadsAttention(d, n_heads)
        self.norm = nn.LayerNorm(d, eps=1e-5)
        if ps:
            self.indicators = nn.ParameterList(torch.empty(d) for _ in range(n_tasks))
            self.pattern_attention = HeadsAttention(d, n_heads)
            self.pattern_norm = nn.LayerNorm(d, eps=1e-5)

    def represent(self, h, gamma):
        if not self.asrg:
            queries = [query(h) for query in self.queries]
            return self.norm(self.attention(queries, h) + h)
        if self.selection:
            z = self.selector_output(self.selector(h.flatten(1)))
            self.z = z.detach()
            selected = smooth_step(z, gamma)
        else:
            selected = torch.ones(len(h), len(self.points[0]), dtype=h.dtype)
        queries = [points * selected[:, :, None] for points in self.points]
        residual = torch.cat(queries, dim=-1) if self.first else h
        return self.norm(self.attention(queries, h) + residual)

    def extract(self, task, previous, y):
        batch, d = len(y), y.shape[-1]
        alpha = self.indicators[task].expand(batch, 1, d)
        queries = [alpha[:, :, j : j + self.head] for j in range(0, d, self.head)]
        found = self.pattern_attention(queries, y).squeeze(1)
        return self.pattern_norm(previous + found)

    def layout(self, name, t):
        out = {}
        if self.selection:
            out |= mlp(f"{name}.selector.hidden", self.selector, t)
            out |= linear(f"{name}.selector.output", self.selector_output, t)
        if self.asrg:
            out[f"{name}.inducing_points"] = torch.cat([t(points) for points in self.points], dim=1)
        else:
            out |= wide(f"{name}.query", self.queries, t)
        out |= self.attention.layout(f"{name}.attention", t) | norm(f"{name}.norm", self.norm, t)
        if self.ps:
            out[f"{name}.indicators"] = torch.stack([t(alpha) for alpha in self.indicators])
            out |= self.pattern_attention.layout(f"{name}.pattern_attention", t)
            out |= norm(f"{name}.pattern_norm", self.pattern_norm, t)
        return out


class Apem(nn.Module):
    def __init__(self, parents, n_layers, n_heads, n_inducing_points, asrg, ps, tower, dropout, **options):
        super().__init__()
        selector, selection = options.get("selector"), options.get("selection", True)
        selector = selector or [n_inducing_points]
        self.ps = ps
        self.register_buffer("gamma", torch.tensor([10.0]))
        self.layers = nn.ModuleList()
        rows = FIELDS
        for i in range(n_layers):
            args = (len(parents), rows, DIM, n_heads, n_inducing_points, selector, asrg, selection, ps, i == 0)
            self.layers.append(ApemLayer(*args))
            rows = n_inducing_points if asrg else FIELDS
        self.towers = modules(len(parents), lambda: Tower(DIM, tower, dropout))

    def forward(self, views):
        y = views[0]
        patterns = [torch.zeros_like(y[:, 0]) for _ in self.towers]
        for layer in self.layers:
            y = layer.represent(y, self.gamma)
            if self.ps:
                patterns = [layer.extract(i, previous, y) for i, previous in enumerate(patterns)]
        if not self.ps:
            patterns = [y.mean(dim=1) for _ in self.towers]
        return Outputs(sigmoids([tower(h) for tower, h in zip(self.towers, patterns)]))

    def layout(self, t):
        out = {}
        for i, layer in enumerate(self.layers):
            out |= layer.layout(f"layers.{i}", t)
        return out | (towers(self.towers, t) if self.ps else shared_towers(self.towers, t, "pooled_towers"))


class FeatureTower(nn.Module):
    def __init__(self, d, attention, aggregation, gate):
        super().__init__()
        self.use = (attention, aggregation)
        if attention:
            self.query = nn.Linear(d, d, bias=False)
            self.key = nn.Linear(d, d, bias=False)
            self.value = nn.Linear(d, d, bias=False)
        if aggregation:
            self.aggregation = Mlp(d, [d, d])
        self.gated = attention and aggregation and gate
        if self.gated:
            self.gate_aggregation = nn.Linear(d, d, bias=False)  # W_C
            self.gate_attention = nn.Linear(d, d, bias=False)  # W_D

    def forward(self, e):
        attention, aggregation = self.use
        if attention:
            e_att = attend(self.query(e), self.key(e), self.value(e))
        if aggregation:
            e_org = self.aggregation(e)
        if not attention:
            return e_org
        if not aggregation:
            return e_att
        if not self.gated:
            return e_att + e_org
        w = torch.sigmoid(self.gate_aggregation(e_org) + self.gate_attention(e_att))
        return e_att * w + e_org * (1 - w)


class Transfer(nn.Module):
    def __init__(self, d, transfer, dropout):
        super().__init__()
        self.transfer, self.message = transfer, GivenDropout(dropout, FIELDS, d)
        self.query = nn.Linear(d, d, bias=False)
        self.key = nn.Linear(d, d, bias=False)
        self.value = nn.Linear(d, d, bias=False)
        self.norm = nn.LayerNorm(d, eps=1e-5)

    def forward(self, q, z_parent):
        h = self.message(z_parent)
        sources = {"message": h, "both": torch.cat([h, q], dim=1)}[self.transfer]
        return self.norm(attend(self.query(q), self.key(sources), self.value(sources)) + q)

    def layout(self, name, t):
        out = linear(f"{name}.query", self.query, t) | grouped(f"{name}.key_value", [self.key, self.value], t)
        return out | norm(f"{name}.norm", self.norm, t)


class Bpcm(nn.Module):
    def __init__(self, parents, tower, dropout, attention, aggregation, gate, bpc, **options):
        super().__init__()
        self.parents, self.bpc = parents, bpc
        transfer = (DIM, options.get("transfer", "message"), options.get("message_dropout", dropout))
        self.features = modules(len(parents), lambda: FeatureTower(DIM, attention, aggregation, gate))
        self.transfers = modules(len(pairs(parents)) if bpc else 0, lambda: Transfer(*transfer))
        self.towers = modules(len(parents), lambda: Tower(INPUT, tower, dropout))

    def forward(self, views):
        transfers = iter(self.transfers)
        z = []
        for feature, parent in zip(self.features, self.parents):
            q = feature(views[0])
            z.append(q if parent is None or not self.bpc else next(transfers)(q, z[parent]))
        return Outputs(sigmoids([tower(h.flatten(1)) for tower, h in zip(self.towers, z)]))

    def layout(self, t):
        attention, aggregation = self.features[0].use
        out = {}
        if attention:
            projections = [getattr(f, name) for name in ("query", "key", "value") for f in self.features]
            out |= grouped("query_key_value", projections, t)
        if aggregation:
            out |= expert_mlp("aggregation", [f.aggregation for f in self.features], t)
        if self.features[0].gated:
            out |= grouped("gate_aggregation", [f.gate_aggregation for f in self.features], t)
            out |= grouped("gate_attention", [f.gate_attention for f in self.features], t)
        for i, transfer in enumerate(self.transfers):
            out |= transfer.layout(f"transfers.{i}", t)
        return out | towers(self.towers, t)

    def masks(self):
        messages = [transfer.message.mask for transfer in self.transfers if transfer.message.mask is not None]
        return messages + masks_of(self)


class Stem(nn.Module):
    """Views: the shared one, then one per task."""

    def __init__(self, parents, n_specific_experts, n_shared_experts, bottom, gate, tower, dropout):
        super().__init__()
        n = len(parents)
        n_experts = n * n_specific_experts + n_shared_experts
        self.task_experts = modules(n, lambda: modules(n_specific_experts, lambda: Mlp(INPUT, bottom, dropout)))
        self.shared_experts = modules(n_shared_experts, lambda: Mlp(INPUT, bottom, dropout))
        self.stops = modules(n, lambda: modules(n_specific_experts, StopGradient))
        self.gate_hidden = modules(n, lambda: Mlp(INPUT, gate, dropout))
        self.gate_output = modules(n, lambda: nn.Linear([INPUT, *gate][-1], n_experts))
        self.towers = modules(n, lambda: Tower(bottom[-1], tower, dropout))

    def forward(self, views):
        shared, *tasks = [view.flatten(1) for view in views]
        specific = [[e(x) for e in experts] for experts, x in zip(self.task_experts, tasks)]
        stopped = [[s(e) for s, e in zip(*both)] for both in zip(self.stops, specific)]
        common = [e(shared) for e in self.shared_experts]
        logits = []
        for k, tower in enumerate(self.towers):
            weights = softmax_gate(self.gate_output[k], self.gate_hidden[k](tasks[k] + shared))
            seen = [e for i in range(len(tasks)) for e in (specific if i == k else stopped)[i]]
            logits.append(tower(mixture(weights, seen + common)))
        return Outputs(sigmoids(logits))

    def layout(self, t):
        out = fanned_mlp("task_experts", self.task_experts, t) | expert_mlp("shared_experts", self.shared_experts, t)
        out |= grouped_mlp("gate_hidden", self.gate_hidden, t) | grouped("gate_output", self.gate_output, t)
        return out | towers(self.towers, t)


class GateUnit(nn.Module):
    """Gate NU: 2 sigmoid(W' relu(W z + b) + b')."""

    def __init__(self, d_in, hidden, d_out):
        super().__init__()
        self.hidden = Mlp(d_in, [hidden])
        self.output = nn.Linear(hidden, d_out)

    def forward(self, z):
        return 2 * torch.sigmoid(self.output(self.hidden(z)))


class Pepnet(nn.Module):
    def __init__(self, parents, domain_fields, personal_fields, gate, tower, dropout):
        super().__init__()
        places = lambda names: [int(name.removeprefix("field_")) for name in names] or [0]
        self.domain, self.personal = places(domain_fields), places(personal_fields)
        self.stop_embeddings, self.stop_scaled = StopGradient(), StopGradient()
        self.epnet = GateUnit(len(self.domain) * DIM + INPUT, gate, INPUT)
        d_prior = len(self.personal) * DIM + INPUT
        self.ppnet = modules(len(parents), lambda: nn.ModuleList(GateUnit(d_prior, gate, w) for w in tower))
        self.towers = modules(len(parents), lambda: Tower(INPUT, tower, dropout))

    def forward(self, views):
        fields, e = views[0], views[0].flatten(1)
        z = torch.cat([fields[:, i] for i in self.domain] + [self.stop_embeddings(e)], dim=1)
        scaled = self.epnet(z) * e
        z = torch.cat([fields[:, i] for i in self.personal] + [self.stop_scaled(scaled)], dim=1)
        logits = []
        for gates, tower in zip(self.ppnet, self.towers):
            h = scaled
            for i, gate in enumerate(gates):
                h = gate(z) * tower.hidden.layer(i, h)
            logits.append(tower.output(h).squeeze(-1))
        return Outputs(sigmoids(logits))

    def layout(self, t):
        by_layer = list(zip(*self.ppnet))  # of the gates of all tasks
        out = wide("epnet.hidden", [self.epnet.hidden.linears[0]], t) | grouped("epnet.outputs.0", [self.epnet.output], t)
        out |= wide("ppnet.hidden", [g.hidden.linears[0] for gates in by_layer for g in gates], t)
        for i, gates in enumerate(by_layer):
            out |= grouped(f"ppnet.outputs.{i}", [g.output for g in gates], t)
        hidden = [tower.hidden for tower in self.towers]
        out |= wide("first", [m.linears[0] for m in hidden], t)
        for i in range(1, len(by_layer)):
            out |= grouped(f"rest.{i - 1}", [m.linears[i] for m in hidden], t)
        return out | grouped("output", [tower.output for tower in self.towers], t)

    def masks(self):
        """Task by task, the first layer too, which is stored as one that all tasks read."""
        hidden = [tower.hidden for tower in self.towers]
        layers = zip(*(m.drops for m in hidden))
        return [torch.stack([drop.mask for drop in drops]) for drops in layers if drops[0].mask is not None]


class FusionLevel(nn.Module):
    """Units: one per task, then the shared one, which has no output in the last level."""

    def __init__(self, n_tasks, d_in, widths, n_specific, n_shared, last, dropout):
        super().__init__()
        sizes = [n_specific] * n_tasks + [n_shared] * (n_shared > 0)
        self.n_tasks, n_outputs = n_tasks, n_tasks if last else len(sizes)
        self.experts = nn.ModuleList(modules(size, lambda: Mlp(d_in, widths, dropout)) for size in sizes)
        self.gates = modules(n_outputs, lambda: nn.Linear(d_in, sum(sizes)))
        self.native = nn.ParameterDict(
            {str(i): torch.empty(size) for i, size in enumerate(sizes[:n_outputs]) if size > 1}
        )

    def forward(self, inputs):
        outputs = [[e(x) for e in experts] for experts, x in zip(self.experts, inputs)]
        everything = [e for own in outputs for e in own]
        fused = []
        for i, gate in enumerate(self.gates):
            own = outputs[i]
            v = self.native[str(i)] if len(own) > 1 else [1.0]
            linear_fusion = sum(weight * e for weight, e in zip(v, own))
            fused.append(mixture(softmax_gate(gate, inputs[i]), everything) + linear_fusion)
        return fused

    def layout(self, name, t):
        out = fanned_mlp(f"{name}.task_experts", self.experts[: self.n_tasks], t)
        for experts in self.experts[self.n_tasks :]:
            out |= expert_mlp(f"{name}.shared_experts", experts, t)
        out |= grouped(f"{name}.gates", self.gates, t)
        of_tasks = [t(self.native[str(i)])[None] for i in range(self.n_tasks) if str(i) in self.native]
        if of_tasks:
            out[f"{name}.native"] = torch.stack(of_tasks)
        if str(self.n_tasks) in self.native:
            out[f"{name}.shared_native"] = t(self.native[str(self.n_tasks)])[None, None]
        return out


class Adatt(nn.Module):
    def __init__(self, parents, n_specific_experts, n_shared_experts, levels, tower, dropout):
        super().__init__()
        self.levels = nn.ModuleList()
        d_in = INPUT
        for i, widths in enumerate(levels):
            last = i + 1 == len(levels)
            sizes = (n_specific_experts, n_shared_experts)
            self.levels.append(FusionLevel(len(parents), d_in, widths, *sizes, last, dropout))
            d_in = widths[-1]
        self.towers = modules(len(parents), lambda: Tower(d_in, tower, dropout))

    def forward(self, views):
        units = [views[0].flatten(1)] * (len(self.towers) + 1)
        for level in self.levels:
            units = level(units)
        return Outputs(sigmoids([tower(h) for tower, h in zip(self.towers, units)]))

    def layout(self, t):
        out = {}
        for i, level in enumerate(self.levels):
            out |= level.layout(f"levels.{i}", t)
        return out | towers(self.towers, t)


BACKBONES = {
    "single_task": SingleTask,
    "shared_bottom": SharedBottom,
    "esmm": Esmm,
    "escm2": Escm2,
    "omoe": Omoe,
    "mmoe": Mmoe,
    "ple": Ple,
    "aitm": Aitm,
    "apem": Apem,
    "bpcm": Bpcm,
    "stem": Stem,
    "pepnet": Pepnet,
    "adatt": Adatt,
}

# Views by the number of tasks; one where nothing is said.
VIEWS = {"single_task": lambda n: n, "stem": lambda n: n + 1}

# ---------------------------------------------------------------- cases


def cases():
    """name -> (backbone, losses, parents, gamma, what is added to the output biases)."""
    heads = {"bottom": [6, 5], "tower": [4, 3], "dropout": 0.0}
    tower = {"tower": [4, 3], "dropout": 0.0}
    counterfactual = {"counterfactual": {"weight": 0.1, "propensity_floor": 0.3}}
    dependence = {"dependence": {"sigma": 1.0}}
    calibrator = {"calibrator": {"alpha": 0.6}}

    def ple(levels, n_shared=1):
        return {"ple": {"n_specific_experts": 2, "n_shared_experts": n_shared, "levels": levels, **tower}}

    def apem(n_layers=2, n_heads=2, n_points=3, selector=(5,), asrg=True, selection=True, ps=True):
        settings = {"n_layers": n_layers, "n_heads": n_heads, "n_inducing_points": n_points}
        if selector and asrg and selection:
            settings["selector"] = list(selector)
        if not selection:
            settings["selection"] = False
        return {"apem": {**settings, "asrg": asrg, "ps": ps, **tower}}

    def bpcm(**off):
        return {"bpcm": {**tower, "attention": True, "aggregation": True, "gate": True, "bpc": True, **off}}

    def stem(n_specific=2, n_shared=1, gate=(4,)):
        experts = {"n_specific_experts": n_specific, "n_shared_experts": n_shared}
        return {"stem": {**experts, "gate": list(gate), **heads}}

    def pepnet(domain, personal, layers=(5, 4, 3)):
        fields = {"domain_fields": domain, "personal_fields": personal}
        return {"pepnet": {**fields, "gate": 4, "tower": list(layers), "dropout": 0.0}}

    def adatt(levels, n_specific=2, n_shared=1):
        experts = {"n_specific_experts": n_specific, "n_shared_experts": n_shared}
        return {"adatt": {**experts, "levels": levels, **tower}}

    kinds = {
        "single_task": ({"single_task": heads}, {}),
        "shared_bottom": ({"shared_bottom": heads}, {}),
        "esmm": ({"esmm": heads}, {}),
        "escm2_ips": ({"escm2": {"mode": "ips", **heads}}, counterfactual),
        "escm2_dr": ({"escm2": {"mode": "dr", **heads}}, counterfactual),
        "omoe": ({"omoe": {"n_experts": 3, **heads}}, {}),
        "mmoe": ({"mmoe": {"n_experts": 3, **heads}}, {}),
        "ple_one_level": (ple([[6, 5]]), {}),
        "ple_two_levels": (ple([[6], [5]]), {}),
        "ple_three_levels": (ple([[6], [5], [4]]), {}),
        "ple_two_layer_level": (ple([[6, 5], [4]], n_shared=2), {}),
        "aitm": ({"aitm": heads}, {}),
        "apem": (apem(), dependence),
        "apem_small_gamma": (apem(), dependence, 0.5),
        "apem_default_selector": (apem(n_layers=3, n_points=5, selector=None), dependence),
        "apem_no_asrg": (apem(asrg=False), dependence),
        "apem_no_ps": (apem(ps=False), dependence),
        "apem_no_dependence": (apem(), {}),
        "apem_no_selection": (apem(selection=False), dependence),
        "apem_one_head": (apem(n_heads=1), dependence, 2.0),
        "apem_four_heads": (apem(n_heads=4), dependence, 0.2),
        "apem_no_asrg_one_head": (apem(n_heads=1, asrg=False), dependence),
        "apem_no_asrg_four_heads": (apem(n_heads=4, asrg=False), dependence),
        "bpcm": (bpcm(), calibrator),
        "bpcm_no_attention": (bpcm(attention=False), calibrator),
        "bpcm_no_aggregation": (bpcm(aggregation=False), calibrator),
        "bpcm_no_gate": (bpcm(gate=False), calibrator),
        "bpcm_no_bpc": (bpcm(bpc=False), calibrator),
        "bpcm_both": (bpcm(transfer="both"), calibrator),
        "bpcm_message_dropout": (bpcm(message_dropout=0.5), calibrator),
        "bpcm_both_message_dropout": (bpcm(transfer="both", message_dropout=0.5), calibrator),
        "stem": (stem(), {}),
        "stem_linear_gate": (stem(1, 2, []), {}),
        "pepnet": (pepnet(["field_0"], ["field_1"]), {}),
        "pepnet_one_layer": (pepnet([], ["field_2", "field_0"], [5]), {}),
        "adatt_one_level": (adatt([[6, 5]]), {}),
        "adatt_two_levels": (adatt([[6], [5]], n_shared=2), {}),
        "adatt_one_native": (adatt([[6, 5], [4]], n_specific=1, n_shared=2), {}),
        "adatt_no_shared": (adatt([[6], [5], [4]], n_shared=0), {}),
    }
    with_dropout = {
        "single_task", "shared_bottom", "esmm", "escm2_dr", "omoe", "mmoe", "ple_two_layer_level", "aitm", "apem",
        "apem_no_ps", "bpcm", "stem", "pepnet", "adatt_two_levels",
    }  # fmt: skip
    for kind in [kind for kind in kinds if kind in with_dropout]:
        (((name, settings),), *rest) = kinds[kind][0].items(), *kinds[kind][1:]
        kinds[f"{kind}_dropout"] = ({name: {**settings, "dropout": 0.5}}, *rest)
    chains = [("2_tasks", CHAIN_2), ("3_tasks", CHAIN_3)]
    trees = [("tree", TREE), ("forest", FOREST)]
    out = {}
    for kind, (backbone, losses, *gamma) in kinds.items():
        has_trees = kind in ["esmm", "escm2_ips", "escm2_dr", "aitm", "bpcm"]
        for tag, parents in chains + (trees if has_trees else []):
            out[f"{kind}_{tag}"] = (backbone, losses, parents, *(gamma or [10.0]), 0.0)
    # Positives that are all but excluded: probabilities near e^-20, and conditionals near .004.
    for kind, backbone, bias in [
        ("shared_bottom_rare", {"shared_bottom": heads}, -20.0),
        ("esmm_rare", {"esmm": heads}, -5.517),
    ]:
        for tag, parents in chains:
            out[f"{kind}_{tag}"] = (backbone, {}, parents, 10.0, bias)
    return out


def build(rng, backbone, parents, gamma, bias, make):
    ((name, settings),) = backbone.items()
    model = (make or BACKBONES[name])(parents, **settings).double()
    norms = {id(m.weight) for m in model.modules() if isinstance(m, nn.LayerNorm)}
    for parameter_name, parameter in model.named_parameters():
        low, high = (-1.0, 1.0) if name == "ple" else (-0.7, 0.7)  # stacked mixtures flatten the outputs
        if id(parameter) in norms:
            low, high = 0.5, 1.5
        elif parameter_name.endswith("bias"):  # a little upwards: fewer dead units
            low, high = -0.2, 0.6
        parameter.data = three_decimals(rng.uniform(low, high, tuple(parameter.shape)))
    if bias:
        for tower in model.towers:
            tower.output.bias.data = three_decimals(tower.output.bias.data.numpy() + bias)
    if name == "apem":
        model.gamma = torch.tensor([gamma]).double()
    for module in model.modules():
        if isinstance(module, GivenDropout) and module.rate > 0:
            kept = torch.from_numpy(rng.uniform(size=module.shape)) >= module.rate
            module.mask = kept.double() / (1 - module.rate)
    n_views = VIEWS.get(name, lambda n: 1)(len(parents))
    views = [three_decimals(rng.normal(size=(BATCH, FIELDS, DIM))) for _ in range(n_views)]
    return model, views


def cross_entropy(p, y):
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p))


def total_loss(model, views, labels, parents, losses, constant=None):
    outputs = model(views)
    tasks = sum(cross_entropy(outputs.probabilities[:, k], labels[:, k]).mean() for k in range(len(parents)))
    return tasks + loss_terms(losses, outputs, labels, parents, constant=constant), outputs


def differentiate(model, views, labels, parents, losses):
    parameters = list(model.parameters())
    views = [view.detach().clone().requires_grad_() for view in views]
    loss, outputs = total_loss(model, views, labels, parents, losses)
    found = torch.autograd.grad(loss, [*parameters, *views])
    return loss, outputs, dict(zip(map(id, parameters), found)), found[len(parameters) :]


def acceptable(model, views, labels, outputs, gradients, parents, losses, bias):
    """Is the draw informative: nothing dead or saturated, no value close to a kink, every branch taken?"""
    if any(g.abs().max() < 3e-5 for g in gradients.values()):
        return False
    p = outputs.probabilities.detach()
    if bias:
        # Below what a clamp at 1e-7 would leave a gradient.
        if len(parents) > 2 and p[labels == 1].min() > 1e-7:
            return False
    elif p.min() < 0.02 or p.max() > 0.98 or p.std(dim=0).min() < 0.015:
        return False
    inputs = []
    hooks = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            hooks.append(module.register_forward_hook(lambda _, args, __: inputs.append(args[0].detach().ravel())))
    model(views)
    for hook in hooks:
        hook.remove()
    relu = torch.cat(inputs)
    if relu.abs().min() < 1e-4 or not 0.2 < (relu > 0).double().mean() < 0.85:
        return False
    if "counterfactual" in losses:
        floor = losses["counterfactual"]["propensity_floor"]
        if not all((p[:, a] < floor).any() and (p[:, a] > floor).any() for a, _ in pairs(parents)):
            return False
    if "calibrator" in losses:
        gaps = [p[:, c] - p[:, a] for a, c in pairs(parents)]
        if not all((g > 0.01).any() and (g < -0.01).any() and g.abs().min() > 1e-3 for g in gaps):
            return False
    if isinstance(model, Apem) and model.layers[0].selection and model.gamma.item() < 1:
        half = model.gamma.item() / 2
        for layer in model.layers:
            z = layer.z
            if not ((z < -half).any() and (z > half).any() and (z.abs() < half).any()):
                return False
            if (z.abs() - half).abs().min() < 1e-3:
                return False
    return True


def well_conditioned(model, views, labels, parents, losses, outputs, gradients, view_gradients):
    """Does plain float32 stay within the tolerance?"""
    single = copy.deepcopy(model).float()
    _, outputs_32, gradients_32, views_32 = differentiate(
        single, [view.float() for view in views], labels.float(), parents, losses
    )
    compared = [(outputs.probabilities, outputs_32.probabilities), *zip(view_gradients, views_32)]
    compared += list(zip(gradients.values(), gradients_32.values()))
    return all(((a - b.double()).abs() <= 1e-6 + 1e-5 * a.abs()).all() for a, b in compared)


def draw(case, backbone, losses, parents, gamma, bias, make):
    for attempt in range(10_000):
        rng = generator(case, attempt)
        model, views = build(rng, backbone, parents, gamma, bias, make)
        labels = draw_labels(rng, parents)
        loss, outputs, gradients, view_gradients = differentiate(model, views, labels, parents, losses)
        found = (outputs, gradients, view_gradients)
        if acceptable(model, views, labels, outputs, gradients, parents, losses, bias) and well_conditioned(
            model, views, labels, parents, losses, *found
        ):
            return model, views, labels, loss, *found
    raise RuntimeError(f"{case}: no acceptable draw")


def masks(model):
    return model.masks() if hasattr(model, "masks") else masks_of(model)


def adam_step(model, gradients):
    stepped = copy.deepcopy(model)
    for old, new in zip(model.parameters(), stepped.parameters()):
        new.grad = gradients[id(old)].clone()
    torch.optim.Adam(stepped.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8).step()
    return {id(old): new.data for old, new in zip(model.parameters(), stepped.parameters())}


def check(model, views, labels, parents, losses, outputs, gradients, view_gradients):
    # The layout holds every parameter exactly once.
    stored = torch.cat([a.ravel() for a in model.layout(lambda p: p.data).values()])
    own = torch.cat([p.data.ravel() for p in model.parameters()])
    assert torch.equal(stored.sort().values, own.sort().values)
    # And every mask.
    drops = [module for module in model.modules() if isinstance(module, GivenDropout)]
    assert all((drop.mask is not None) == (drop.rate > 0) for drop in drops)
    assert sum(mask.numel() for mask in masks(model)) == sum(drop.mask.numel() for drop in drops if drop.rate > 0)
    # Finite differences in one entry of every parameter and view, detached values held fixed.
    constant = detached(outputs)
    stops = [module for module in model.modules() if isinstance(module, StopGradient)]
    for stop in stops:
        stop.held = True
    moving = [view.clone() for view in views]
    with torch.no_grad():
        evaluate = lambda: total_loss(model, moving, labels, parents, losses, constant)[0]
        found = [(p, gradients[id(p)]) for p in model.parameters()] + list(zip(moving, view_gradients))
        for tensor, gradient in found:
            index = int(gradient.abs().argmax())
            assert_derivative(evaluate, tensor, index, gradient.reshape(-1)[index].item())
    for stop in stops:
        stop.held = False


def write_case(folder, case, backbone, losses, parents, gamma, bias=0.0, make=None, more={}):
    """`make` builds the model where it is not the backbone alone; `more` is written beside the backbone."""
    drawn = draw(case, backbone, losses, parents, gamma, bias, make)
    model, views, labels, loss, outputs, gradients, view_gradients = drawn
    check(model, views, labels, parents, losses, outputs, gradients, view_gradients)
    stepped = adam_step(model, gradients)
    weights = {name: exact(a) for name, a in model.layout(lambda p: p.data).items()}
    if isinstance(model, Apem):
        weights["gamma"] = exact(model.gamma)
    given = {"conditional": outputs.conditional, "imputed": outputs.imputed}
    write(
        folder / f"{case}.json",
        {
            "backbone": backbone,
            **more,
            "losses": losses,
            "parents": parents,
            "n_fields": FIELDS,
            "dim": DIM,
            "views": [exact(view) for view in views],
            "labels": exact(labels),
            "weights": weights,
            **({"masks": [exact(mask) for mask in found]} if (found := masks(model)) else {}),
            "probabilities": rounded(outputs.probabilities),
            **{name: rounded(values) for name, values in given.items() if values is not None},
            "loss": number(loss.item()),
            "gradients": {name: rounded(a) for name, a in model.layout(lambda p: gradients[id(p)]).items()},
            "view_gradients": [rounded(g) for g in view_gradients],
            "after_adam": {name: rounded(a) for name, a in model.layout(lambda p: stepped[id(p)]).items()},
        },
    )


def main():
    torch.set_num_threads(1)
    folder = Path(__file__).resolve().parent / "backbones"
    for case, settings in cases().items():
        write_case(folder, case, *settings)
        print(case)
    write_names(folder, cases())


if __name__ == "__main__":
    main()

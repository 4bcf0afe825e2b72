"""Reference values of the loss terms, written to `losses/<case>.json` (see README.md).

The terms are also used by `backbones.py`.
"""

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

BATCH, FIELDS, DIM = 5, 3, 4
CLAMP = 1e-7
CHAIN_2, CHAIN_3, TREE, FOREST = [None, 0], [None, 0, 1], [None, 0, 0], [None, None, 0, 1]


@dataclass
class Outputs:
    """What a model hands to the loss. Probabilities are cumulative along the chain."""

    probabilities: torch.Tensor  # [batch, task]
    conditional: torch.Tensor | None = None  # [batch, task], given the parent
    imputed: torch.Tensor | None = None  # [batch, task], 0 for tasks without a parent
    fields: list = field(default_factory=list)  # of [batch, field, dim]
    critic: list = field(default_factory=list)  # a, b of [batch, task]: a critic whose value is -(a p^2 + b p)
    pretrained: torch.Tensor | None = None  # [batch, task]


# ---------------------------------------------------------------- terms


def pairs(parents):
    return [(parent, child) for child, parent in enumerate(parents) if parent is not None]


def bce(p, y):
    p = p.clamp(CLAMP, 1 - CLAMP)
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p))


# Every term takes (outputs, labels, parents, positive_rates, constant) and its settings. `constant` is the
# detached copy of the outputs; terms take what they treat as constants from it.


def detached(outputs):
    copy = lambda tensor: None if tensor is None else tensor.detach().clone()
    copies = [copy(t) for t in (outputs.probabilities, outputs.conditional, outputs.imputed)]
    return Outputs(*copies, critic=outputs.critic)


def calibrator(outputs, labels, parents, positive_rates, constant, alpha):
    total = 0.0
    for parent, child in pairs(parents):
        excess = outputs.probabilities[:, child] - outputs.probabilities[:, parent]
        total = total + torch.relu(excess).mean()
    return alpha * total


def dependence(
    outputs, labels, parents, positive_rates, constant, sigma, space="entire", floor=0.01, distance="mse"
):
    total = 0.0
    for i, (parent, child) in enumerate(pairs(parents)):
        f_parent, f_child = outputs.probabilities[:, parent], outputs.probabilities[:, child]
        o_parent, o_child = labels[:, parent], labels[:, child]
        predicted, observed = f_parent - f_child, o_parent - o_child
        g = {"mse": lambda: (predicted - observed) ** 2, "bce": lambda: bce(predicted, observed)}[distance]()
        if space == "entire":
            value = g.mean()
        elif space == "local":
            value = (o_parent * g).sum() / o_parent.sum().clamp(min=1.0)
        elif space == "local_weighted":
            c_parent, c_child = constant.probabilities[:, parent], constant.probabilities[:, child]
            # P(parent = 1 | parent - child): certain when they differ.
            inside = torch.where(o_child == 0, torch.ones_like(c_child), c_child / (1 - c_parent + c_child))
            value = (o_parent * g / inside.clamp(floor, 1.0)).mean()
        else:
            raise ValueError(space)
        total = total + (sigma[i] if isinstance(sigma, list) else sigma) * value
    return total


def counterfactual(outputs, labels, parents, positive_rates, constant, weight, propensity_floor):
    total = 0.0
    for parent, child in pairs(parents):
        q = constant.probabilities[:, parent].clamp(min=propensity_floor)
        o = labels[:, parent]
        e = bce(outputs.conditional[:, child], labels[:, child])
        if outputs.imputed is None:  # inverse propensity
            total = total + (o * e / q).mean()
        else:  # doubly robust: the squares teach the imputation, the estimate the prediction
            e_hat, fixed = outputs.imputed[:, child], constant.imputed[:, child]
            fixed_e = bce(constant.conditional[:, child], labels[:, child])
            total = total + (fixed + o * (e - fixed) / q).mean() + (o * (fixed_e - e_hat) ** 2 / q).mean()
    return weight * total


def class_balance(outputs, labels, parents, positive_rates, constant, strength, max_weight):
    total = 0.0
    for k, rate in enumerate(positive_rates):
        c = min(((1 - rate) / rate) ** strength, max_weight)
        y = labels[:, k]
        total = total + ((c - 1) * y * bce(outputs.probabilities[:, k], y)).mean()
    return total


def embedding_l2(outputs, labels, parents, positive_rates, constant, strength):
    total = 0.0
    for view in outputs.fields:
        total = total + (view**2).sum(dim=(1, 2)).mean()
    return strength * total


def q_values(outputs):
    a, b = outputs.critic
    return -(a * outputs.probabilities**2 + b * outputs.probabilities)


def policy_gradient(outputs, labels, parents, positive_rates, constant, strength, normalize):
    total = 0.0
    q, fixed = q_values(outputs), q_values(constant)
    for k in range(len(parents)):
        scale = fixed[:, k].abs().mean() if normalize else 1.0
        total = total - q[:, k].mean() / scale
    return strength * total


def behaviour_cloning(outputs, labels, parents, positive_rates, constant, strength):
    return strength * ((outputs.probabilities - outputs.pretrained) ** 2).mean(dim=0).sum()


TERMS = {
    "behaviour_cloning": behaviour_cloning,
    "policy_gradient": policy_gradient,
    "calibrator": calibrator,
    "dependence": dependence,
    "counterfactual": counterfactual,
    "class_balance": class_balance,
    "embedding_l2": embedding_l2,
}


def loss_terms(losses, outputs, labels, parents, positive_rates=None, constant=None):
    """The sum of the terms listed in `losses` {name: settings}."""
    if constant is None:
        constant = detached(outputs)
    total = outputs.probabilities.new_zeros(())
    for name, settings in losses.items():
        total = total + TERMS[name](outputs, labels, parents, positive_rates, constant, **settings)
    return total


# ---------------------------------------------------------------- drawing and writing


def generator(case, attempt):
    return np.random.default_rng([zlib.crc32(case.encode()), attempt])


def three_decimals(array):
    """Rounds to three decimals, then to float32, and returns float64."""
    return torch.tensor(np.round(array, 3).astype(np.float32)).double()


def draw_labels(rng, parents):
    """Cumulative labels: both classes in every task, a fully positive row, every pair has a lost row."""
    while True:
        labels = np.zeros((BATCH, len(parents)))
        for k, parent in enumerate(parents):
            y = rng.random(BATCH) < 0.6
            labels[:, k] = y if parent is None else y * labels[:, parent]
        both = all(0 < labels[:, k].sum() < BATCH for k in range(len(parents)))
        lost = all((labels[:, p] > labels[:, c]).any() for p, c in pairs(parents))
        if both and lost and labels.all(axis=1).any():
            return torch.tensor(labels)


def exact(tensor):
    """A float32-representable tensor, each value as its shortest decimal."""
    values = [float(str(v)) for v in tensor.detach().numpy().astype(np.float32).ravel()]
    return {"shape": list(tensor.shape), "values": values}


def number(value):
    """Nine significant digits, at most ten decimals."""
    return round(float(f"{float(value):.9g}"), 10) + 0.0


def rounded(tensor):
    return {"shape": list(tensor.shape), "values": [number(v) for v in tensor.detach().numpy().ravel()]}


def write(path, content):
    lines = [f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in content.items()]
    path.parent.mkdir(exist_ok=True)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def write_names(folder, names):
    """The list of all cases, by which a missing file is noticed."""
    folder.with_suffix(".txt").write_text("".join(f"{name}\n" for name in sorted(names)))


def assert_derivative(evaluate, tensor, index, expected, step=1e-6):
    """Central difference of `evaluate()` in one entry of `tensor` against `expected`."""
    flat = tensor.data.view(-1)
    start = flat[index].item()
    flat[index] = start + step
    above = evaluate().item()
    flat[index] = start - step
    below = evaluate().item()
    flat[index] = start
    difference = (above - below) / (2 * step)
    assert abs(difference - expected) <= 2e-8 + 1e-5 * abs(expected), (difference, expected)


# ---------------------------------------------------------------- cases


def cases():
    """name -> (losses, parents, positive rates, options)."""
    out = {}
    rates = [0.4, 0.15, 0.05]
    for tag, parents in [("2_tasks", CHAIN_2), ("3_tasks", CHAIN_3), ("tree", TREE)]:
        r = rates[: len(parents)]
        out[f"calibrator_{tag}"] = ({"calibrator": {"alpha": 0.6}}, parents, r, {})
        for space in ["entire", "local", "local_weighted"]:
            out[f"dependence_{space}_{tag}"] = ({"dependence": {"sigma": 1.0, "space": space}}, parents, r, {})
            if len(parents) == 3:
                settings = {"sigma": [0.5, 2.0], "space": space}
                out[f"dependence_{space}_per_pair_{tag}"] = ({"dependence": settings}, parents, r, {})
            settings = {"sigma": 0.5, "space": space, "distance": "bce"}
            out[f"dependence_{space}_bce_{tag}"] = ({"dependence": settings}, parents, r, {})
        settings = {"sigma": 1.0, "space": "local_weighted", "floor": 0.001}
        out[f"dependence_local_weighted_low_floor_{tag}"] = ({"dependence": settings}, parents, r, {})
        for mode in ["ips", "dr"]:
            settings = {"weight": 0.1, "propensity_floor": 0.05}
            out[f"counterfactual_{mode}_{tag}"] = ({"counterfactual": settings}, parents, r, {"mode": mode})
        full = {"strength": 1.0, "max_weight": 20.0}
        root = {"strength": 0.5, "max_weight": 20.0}
        out[f"class_balance_{tag}"] = ({"class_balance": full}, parents, r, {})
        out[f"class_balance_root_{tag}"] = ({"class_balance": root}, parents, [0.6, 0.15, 0.05][: len(parents)], {})
        out[f"class_balance_capped_{tag}"] = ({"class_balance": full}, parents, [0.4, 0.03, 0.01][: len(parents)], {})
        out[f"embedding_l2_{tag}"] = ({"embedding_l2": {"strength": 0.01}}, parents, r, {})
        for normalize in [False, True]:
            settings = {"strength": 2.5, "normalize": normalize}
            name = "policy_gradient_normalized" if normalize else "policy_gradient"
            out[f"{name}_{tag}"] = ({"policy_gradient": settings}, parents, r, {"agent": True})
        out[f"behaviour_cloning_{tag}"] = ({"behaviour_cloning": {"strength": 2.5}}, parents, r, {"agent": True})
        out[f"embedding_l2_view_per_task_{tag}"] = (
            {"embedding_l2": {"strength": 0.01}},
            parents,
            r,
            {"views": len(parents)},
        )
    out["class_balance_saturated_2_tasks"] = (
        {"class_balance": {"strength": 1.0, "max_weight": 20.0}},
        CHAIN_2,
        rates[:2],
        {"saturated": True},
    )
    return out


def draw(case, parents, options, term):
    tasks = len(parents)
    for attempt in range(10_000):
        rng = generator(case, attempt)
        labels = draw_labels(rng, parents)
        probabilities = three_decimals(rng.uniform(0.05, 0.95, (BATCH, tasks)))
        conditional = imputed = None
        if term == "counterfactual":
            conditional = three_decimals(rng.uniform(0.05, 0.95, (BATCH, tasks)))
            # One clicked row per root below the propensity floor.
            row = int(torch.nonzero(labels[:, 0])[0])
            probabilities[row, 0] = three_decimals(0.02)
            if options["mode"] == "dr":
                imputed = three_decimals(rng.normal(0.5, 0.8, (BATCH, tasks)))
                for k, parent in enumerate(parents):
                    if parent is None:
                        imputed[:, k] = 0.0
        if term == "dependence":
            # One converted row whose weight 1/pi reaches the limit of 100.
            row = int(torch.nonzero(labels[:, 1])[0])
            probabilities[row, 0] = three_decimals(0.31)
            probabilities[row, 1] = three_decimals(0.004)
        if options.get("saturated"):
            # Outside the clamp of the logarithm: no gradient there.
            rows = torch.nonzero(labels[:, 0]).ravel().tolist()
            probabilities[rows[0], 0], probabilities[rows[1], 0] = 0.0, 1.0
        fields = [three_decimals(rng.normal(size=(BATCH, FIELDS, DIM))) for _ in range(options.get("views", 1))]
        gaps = [probabilities[:, c] - probabilities[:, p] for p, c in pairs(parents)]
        violated = all(0 < (gap > 0).sum() < BATCH and gap.abs().min() > 1e-3 for gap in gaps)
        if violated:
            outputs = Outputs(probabilities, conditional, imputed, fields)
            if options.get("agent"):
                outputs.critic = [three_decimals(rng.uniform(0.1, 3.0, (BATCH, tasks))) for _ in range(2)]
                outputs.pretrained = three_decimals(rng.uniform(0.05, 0.95, (BATCH, tasks)))
            return labels, outputs
    raise RuntimeError(f"{case}: no acceptable draw")


def write_case(folder, case, losses, parents, rates, options):
    (term,) = losses
    labels, outputs = draw(case, parents, options, term)
    constant = detached(outputs)
    inputs = {
        "probabilities": [outputs.probabilities],
        "conditional": [outputs.conditional] if outputs.conditional is not None else [],
        "imputed": [outputs.imputed] if outputs.imputed is not None else [],
        "fields": outputs.fields,
    }
    evaluate = lambda: loss_terms(losses, outputs, labels, parents, rates, constant)
    tensors = [t for group in inputs.values() for t in group]
    for t in tensors:
        t.requires_grad_()
    value = evaluate()
    grads = torch.autograd.grad(value, tensors, allow_unused=True)
    assert any(g is not None and g.abs().max() > 0 for g in grads), case
    for t, g in zip(tensors, grads):
        for index in range(t.numel()):
            # Steps over the clamp are not differentiable; they are the only values at 0 or 1.
            edge = options.get("saturated") and t.view(-1)[index].item() in (0.0, 1.0)
            if not edge:
                assert_derivative(evaluate, t, index, 0.0 if g is None else g.view(-1)[index].item())
    by_tensor = {id(t): g for t, g in zip(tensors, grads)}
    gradients = {}
    for name, group in inputs.items():
        found = [by_tensor[id(t)] for t in group]
        if not found or found[0] is None:
            gradients[name] = None
        else:
            gradients[name] = [rounded(g) for g in found] if name == "fields" else rounded(found[0])
    optional = lambda t: None if t is None else exact(t)
    agent = {}
    if options.get("agent"):
        a, b = outputs.critic
        agent = {"agent": {"a": exact(a), "b": exact(b), "pretrained": exact(outputs.pretrained)}}
    write(
        folder / f"{case}.json",
        {
            "losses": losses,
            "parents": parents,
            "positive_rates": rates,
            "probabilities": exact(outputs.probabilities),
            "conditional": optional(outputs.conditional),
            "imputed": optional(outputs.imputed),
            "fields": [exact(view) for view in outputs.fields],
            "labels": exact(labels),
            **agent,
            "value": number(value.item()),
            "gradients": gradients,
        },
    )


def main():
    torch.set_num_threads(1)
    folder = Path(__file__).resolve().parent / "losses"
    for case, (losses, parents, rates, options) in cases().items():
        write_case(folder, case, losses, parents, rates, options)
        print(case)
    write_names(folder, cases())


if __name__ == "__main__":
    main()

"""Reference values of the optimisers' moments, written to `moments/<case>.json`.

Every case is computed twice: by loops over single entries, and from optimizers of PyTorch (copies of the parameters at 0, one
per task, whose steps are added up; or the state of two copies, where the second moments are of another gradient).

| key | value |
| --- | --- |
| `optimizer` | settings of the dense parameters, `moments` among them |
| `table_optimizer`, `table_learning_rate` | settings of the table |
| `dense`, `table` | the parameters before the first step; the table is `[row][width]` |
| `steps` | list of steps |

| key of a step | value |
| --- | --- |
| `weights` | weight of every task: its gradient in the weighted loss is weight · gradient |
| `dense` | the tasks' gradients of the dense parameters, `[task][entry]` |
| `rows`, `table` | rows of the table in the batch, and the tasks' gradients on them, `[task][row · width]` |
| `after_dense`, `after_table` | the parameters after the step |
"""

import sys
from pathlib import Path

import numpy as np
import torch

sys.dont_write_bytecode = True
from losses import generator, write  # noqa: E402

ENTRIES, ROWS, WIDTH, STEPS = 5, 4, 3, 6
RATE, TABLE_RATE = 0.02, 0.03
BETA_1, BETA_2 = 0.9, 0.999
EPSILON = {"adam": 1e-8, "adam_w": 1e-8, "adagrad": 1e-8, "row_wise_adagrad": 1e-10}

# ---------------------------------------------------------------- entry by entry


def adam_entry(state, g, u, rate, epsilon, t):
    """How far Adam moves one entry: m is of g, v of u."""
    state["m"] = BETA_1 * state.get("m", 0.0) + (1 - BETA_1) * g
    state["v"] = BETA_2 * state.get("v", 0.0) + (1 - BETA_2) * u * u
    m, v = state["m"] / (1 - BETA_1**t), state["v"] / (1 - BETA_2**t)
    root = (1 - BETA_2**t) ** 0.5
    return rate * m / (v**0.5 + epsilon), rate * m * root / (state["v"] ** 0.5 + epsilon)


def adagrad_entry(state, g, u, rate, epsilon):
    state["v"] = state.get("v", 0.0) + u * u
    return rate * g / (state["v"] ** 0.5 + epsilon)


def streams(moments, weights, gradients):
    """[(gradient of the first moment, gradient of the second)], one for every optimizer."""
    weighted = [w * g for w, g in zip(weights, gradients)]
    if moments == "per_task":
        return [(g, g) for g in weighted]
    return [(sum(weighted), sum(gradients))]


def naive(moments, method, weight_decay, table_method, dense, table, steps):
    dense, table = dense.copy(), table.copy()
    states = {}
    out = []
    for t, step in enumerate(steps, 1):
        if method == "adam_w":
            dense = dense - RATE * weight_decay * dense
        for k, (g, u) in enumerate(streams(moments, step["weights"], step["dense"])):
            for i in range(ENTRIES):
                state = states.setdefault(("dense", k, i), {})
                if method == "adagrad":
                    dense[i] -= adagrad_entry(state, g[i], u[i], RATE, EPSILON[method])
                else:
                    dense[i] -= adam_entry(state, g[i], u[i], RATE, EPSILON[method], t)[0]
        for k, (g, u) in enumerate(streams(moments, step["weights"], step["table"])):
            for at, row in enumerate(step["rows"]):
                if table_method == "row_wise_adagrad":
                    state = states.setdefault(("row", k, row), {})
                    state["v"] = state.get("v", 0.0) + np.mean(u[at] ** 2)
                    table[row] -= TABLE_RATE * g[at] / (state["v"] ** 0.5 + EPSILON[table_method])
                    continue
                for j in range(WIDTH):
                    state = states.setdefault(("table", k, row, j), {})
                    table[row, j] -= adam_entry(state, g[at, j], u[at, j], TABLE_RATE, EPSILON[table_method], t)[1]
        out.append((dense.copy(), table.copy()))
    return out


# ---------------------------------------------------------------- PyTorch's optimizers


class Copy:
    """Zeros that an optimizer of PyTorch moves along given gradients; forgets where it is after every step."""

    def __init__(self, shape, kind, rate, epsilon):
        self.x = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
        self.optimizer = kind([self.x], lr=rate, eps=epsilon)
        self.rate, self.epsilon, self.t = rate, epsilon, 0

    def move(self, g):
        self.t += 1
        self.x.grad = g
        self.optimizer.step()
        moved = self.x.detach().clone()
        with torch.no_grad():
            self.x.zero_()
        return moved

    def state(self, key):
        return self.optimizer.state[self.x][key].clone()


def split(first, second, g, u, is_sparse):
    """The step of Adam whose moments are those of two copies."""
    first.move(g)
    second.move(u)
    m, v, t = first.state("exp_avg"), second.state("exp_avg_sq"), first.t
    if is_sparse:
        touched = torch.zeros_like(m).index_fill_(0, g._indices()[0], 1.0)
        root = (1 - BETA_2**t) ** 0.5
        return -touched * first.rate * root / (1 - BETA_1**t) * m / (v.sqrt() + first.epsilon)
    return -first.rate * (m / (1 - BETA_1**t)) / ((v / (1 - BETA_2**t)).sqrt() + first.epsilon)


def by_optimizers(moments, method, weight_decay, table_method, dense, table, steps):
    dense, table = torch.tensor(dense), torch.tensor(table)
    kind = torch.optim.Adagrad if method == "adagrad" else torch.optim.Adam
    n = len(streams(moments, steps[0]["weights"], steps[0]["dense"]))
    of_dense = [[Copy(ENTRIES, kind, RATE, EPSILON[method]) for _ in range(2)] for _ in range(n)]
    of_table = [
        [Copy((ROWS, WIDTH), torch.optim.SparseAdam, TABLE_RATE, EPSILON["adam"]) for _ in range(2)] for _ in range(n)
    ]
    sums = torch.zeros(n, ROWS, dtype=torch.float64)
    out = []
    for step in steps:
        if method == "adam_w":
            dense = dense * (1 - RATE * weight_decay)
        for (first, second), (g, u) in zip(of_dense, streams(moments, step["weights"], step["dense"])):
            g, u = torch.tensor(g), torch.tensor(u)
            if moments == "per_task":
                dense = dense + first.move(g)
            else:
                dense = dense + split(first, second, g, u, False)
        rows = torch.tensor(step["rows"])
        for k, (g, u) in enumerate(streams(moments, step["weights"], step["table"])):
            if table_method == "row_wise_adagrad":
                sums[k, rows] += torch.tensor(u).square().mean(dim=1)
                roots = sums[k, rows].sqrt() + EPSILON[table_method]
                table = table.index_add(0, rows, -TABLE_RATE * torch.tensor(g) / roots[:, None])
                continue
            sparse = [torch.sparse_coo_tensor(rows[None], torch.tensor(x), (ROWS, WIDTH)) for x in (g, u)]
            first, second = of_table[k]
            if moments == "per_task":
                table = table + first.move(sparse[0])
            else:
                table = table + split(first, second, *sparse, True)
        out.append((dense.numpy().copy(), table.numpy().copy()))
    return out


# ---------------------------------------------------------------- cases


def draw(rng, k):
    """Gradients with two decimals, rows that come and go, and a task of which one step's gradients are 0."""
    steps = []
    for t in range(STEPS):
        rows = sorted(rng.choice(ROWS, size=rng.integers(1, ROWS), replace=False).tolist())
        scale = np.array([1.0, 0.1, 3.0])[:k, None]
        dense = np.round(rng.normal(size=(k, ENTRIES)) * scale, 2)
        values = np.round(rng.normal(size=(k, len(rows), WIDTH)) * scale[..., None], 2)
        if t == 3:
            dense[1], values[1] = 0.0, 0.0
        weights = np.round(rng.uniform(0.2, 3.0, k), 2)
        steps.append({"weights": weights, "dense": list(dense), "rows": rows, "table": list(values)})
    return steps


def nine_digits(x):
    return [float(f"{value:.9g}") for value in np.ravel(x)]


def write_case(folder, case, k, moments, method, table_method):
    for attempt in range(1000):
        rng = generator(f"moments {case}", attempt)
        steps = draw(rng, k)
        # Where all a root has seen is next to 0, rounding decides the step.
        sums = [abs(g) for step in steps for s in ("dense", "table") for g, _ in streams(moments, step["weights"], step[s])]
        roots = [abs(u) for step in steps for s in ("dense", "table") for _, u in streams(moments, step["weights"], step[s])]
        if min(x[x > 0].min() for x in sums + roots if (x > 0).any()) > 2e-3:
            break
    else:
        raise RuntimeError(f"{case}: no acceptable draw")
    dense = np.round(rng.normal(size=ENTRIES), 3)
    table = np.round(rng.normal(size=(ROWS, WIDTH)), 3)
    weight_decay = 0.1
    arguments = (moments, method, weight_decay, table_method, dense, table, steps)
    after = naive(*arguments)
    for found, expected in zip(after, by_optimizers(*arguments)):
        assert all(abs(a - b).max() < 1e-12 for a, b in zip(found, expected)), case
    # Weights that vary from step to step leave a trace with either choice.
    plain = naive(moments, method, weight_decay, table_method, dense, table, [s | {"weights": np.ones(k)} for s in steps])
    assert abs(plain[-1][0] - after[-1][0]).max() > 1e-3, case
    settings = {"adam": {}, "adam_w": {"weight_decay": weight_decay}}.get(method)
    content = {
        "optimizer": {
            "method": method if settings is None else {method: settings},
            "learning_rate": RATE,
            "moments": moments,
        },
        "table_optimizer": {table_method: {}},
        "table_learning_rate": TABLE_RATE,
        "dense": dense.tolist(),
        "table": table.tolist(),
        "steps": [
            {
                "weights": step["weights"].tolist(),
                "dense": [g.tolist() for g in step["dense"]],
                "rows": step["rows"],
                "table": [g.ravel().tolist() for g in step["table"]],
                "after_dense": nine_digits(after_dense),
                "after_table": nine_digits(after_table),
            }
            for step, (after_dense, after_table) in zip(steps, after)
        ],
    }
    write(folder / f"{case}.json", content)


def main():
    torch.set_num_threads(1)
    folder = Path(__file__).resolve().parent / "moments"
    for moments, method, table_method in [
        ("per_task", "adam", "adam"),
        ("per_task", "adam_w", "row_wise_adagrad"),
        ("per_task", "adagrad", "adam"),
        ("unweighted", "adam", "adam"),
        ("unweighted", "adam_w", "row_wise_adagrad"),
    ]:
        for k in [2, 3]:
            case = f"{moments}_{method}_{k}_tasks"
            write_case(folder, case, k, moments, method, table_method)
            print(case)


if __name__ == "__main__":
    main()

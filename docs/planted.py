"""The planted log of configs/datasets/planted.toml in numpy: one number per item, one line per task.

    python docs/planted.py

An independent check of docs/planted.md: the log's law, batches and steps as in configs/planted/equal.toml, but a tower is a
straight line. AUCs are exact, of the true probabilities, and no early stop chooses: what is printed is the end of a training.
"""
import sys
import numpy as np

N_ITEMS, ROWS, BATCH, STEPS = 60_000, 175_000, 2048, 1700
RATE, EPSILON, DENSE = 0.25, 0.005, 0.01
RELATEDNESS = 0.7
#        family, rate, label noise, signal
TASKS = [(0, 0.5, 0.5, 5.0), (0, 0.4, 0.5, 5.0), (0, 0.3, 0.5, 5.0)] + [(1, 0.002, 0.0, 3.0)] * 3


def log(seed):
    draw = np.random.default_rng(seed)
    shown = 1.0 / np.arange(1, N_ITEMS + 1)
    shown /= shown.sum()
    common = draw.normal(size=N_ITEMS)
    factors = [np.sqrt(RELATEDNESS) * common + np.sqrt(1 - RELATEDNESS) * draw.normal(size=N_ITEMS) for _ in range(2)]
    truth = []
    for family, rate, noise, signal in TASKS:
        low, high = -50.0, 50.0
        for _ in range(60):
            bias = (low + high) / 2
            told = 1 / (1 + np.exp(-(bias + signal * factors[family])))
            low, high = (bias, high) if shown @ told < rate else (low, bias)
        truth.append((1 - noise) * told + noise * rate)
    truth = np.array(truth)
    items = draw.choice(N_ITEMS, ROWS, p=shown)
    labels = (draw.random((len(TASKS), ROWS)) < truth[:, items]).astype(float)
    return shown, truth, items, labels


def auc(score, positive, negative):
    order = np.argsort(score, kind="stable")
    positive, negative = positive[order], negative[order]
    below = np.cumsum(negative) - negative / 2
    return positive @ below / positive.sum() / negative.sum()


def train(data, weights, seed):
    """Exact AUC per task at the end; `weights(share of the steps)` is of the rare tasks, the common ones have 1."""
    shown, truth, items, labels = data
    draw = np.random.default_rng(seed)
    n_tasks = len(truth)
    number = draw.uniform(-0.5, 0.5, N_ITEMS) * 0.02
    slope, base = np.full(n_tasks, 0.5), np.log(labels.mean(1) / (1 - labels.mean(1)))
    first, second = np.zeros((2, n_tasks)), np.zeros((2, n_tasks))
    order, place = draw.permutation(ROWS), 0
    for step in range(1, STEPS + 1):
        if place + BATCH > ROWS:
            order, place = draw.permutation(ROWS), 0
        rows, place = order[place : place + BATCH], place + BATCH
        rare = weights((step - 1) / STEPS)
        weight = np.array([1.0] * 3 + [rare] * 3) * 2 / (1 + rare)
        seen = items[rows]
        predicted = 1 / (1 + np.exp(-(base[:, None] + slope[:, None] * number[seen])))
        error = weight[:, None] * (predicted - labels[:, rows]) / BATCH
        gradient = np.bincount(seen, (slope[:, None] * error).sum(0), N_ITEMS)
        dense = np.array([error @ number[seen], error.sum(1)])
        number -= RATE * gradient / (np.abs(gradient) + EPSILON)
        first = 0.9 * first + 0.1 * dense
        second = 0.999 * second + 0.001 * dense**2
        move = DENSE * first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        slope, base = slope - move[0], base - move[1]
    of = lambda task: auc(slope[task] * number, shown * truth[task], shown * (1 - truth[task]))
    return np.array([of(task) for task in range(n_tasks)])


def table():
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
    logs = [log(seed) for seed in seeds]
    best = np.array([[auc(t, data[0] * t, data[0] * (1 - t)) for t in data[1]] for data in logs])
    row = lambda name, found: print(
        f"| {name} | {found[:, :3].mean():.3f} | {found[:, 3:].mean():.3f} | {found.mean():.4f} |", flush=True
    )
    print("| weight of the rare family | common | rare | mean AUC |\n| --- | --- | --- | --- |")
    row("true probabilities", best)
    constant = lambda w: (lambda share: w)
    for w in (1, 3, 10, 30, 50, 70, 100):
        row(f"{w}", np.array([train(data, constant(w), seed) for seed, data in zip(seeds, logs)]))
    for before, after, at in [(0.1, 50, 0.3), (0.1, 70, 0.3), (0.1, 100, 0.2), (0.1, 100, 0.3), (0.1, 100, 0.5), (0.1, 200, 0.6), (100, 0.1, 0.7)]:
        schedule = lambda share: before if share < at else after
        found = [train(data, schedule, seed) for seed, data in zip(seeds, logs)]
        row(f"{before:g}, after {at:.0%} of the steps {after:g}", np.array(found))


if __name__ == "__main__":
    table()

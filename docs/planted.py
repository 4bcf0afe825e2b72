"""The planted log of configs/datasets/planted.toml in numpy: one number per item, one line per task.

    python docs/planted.py [SEEDS]

An independent check of docs/planted.md: the log's law, batches and steps as in configs/planted/equal.toml, but a tower is a
straight line. AUCs are exact, of the true probabilities, and no early stop chooses: what is printed is the end of a training.
The closed forms come first.
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


def information_and_slope(tasks):
    """Sums over a family's tasks: Fisher information on the number per row, and AUC beyond 1/2 of one who knows the number."""
    point, weight = np.polynomial.hermite_e.hermegauss(80)
    weight = weight / weight.sum()
    fine = np.linspace(-6, 6, 4001)
    density = np.exp(-fine**2 / 2) / np.exp(-fine**2 / 2).sum()
    information = slope = 0.0
    for _, rate, noise, signal in tasks:
        low, high = -50.0, 50.0
        for _ in range(60):
            bias = (low + high) / 2
            low, high = (bias, high) if weight @ (1 / (1 + np.exp(-bias - signal * point))) < rate else (low, bias)
        told = lambda z: 1 / (1 + np.exp(-bias - signal * z))
        p = (1 - noise) * told(point) + noise * rate
        change = (1 - noise) * signal * told(point) * (1 - told(point))
        information += weight @ (change**2 / np.maximum(p * (1 - p), 1e-300))
        p = (1 - noise) * told(fine) + noise * rate
        slope += auc(fine, density * p, density * (1 - p)) - 0.5
    return information, slope


def closed_form():
    """The quadratic model of docs/planted.md: the best stop of equal weights, of a constant and of two phases."""
    (i_a, s_a), (i_b, s_b) = [information_and_slope([task for task in TASKS if task[0] == f]) for f in (0, 1)]
    print(f"information per row {i_a:.3f} and {i_b:.3f}, AUC beyond 1/2, summed, {s_a:.3f} and {s_b:.3f}")
    angle = np.arccos(RELATEDNESS)
    turned = np.arctan2(s_b * np.sin(angle), s_a + s_b * np.cos(angle))
    ratio = np.sin(2 * turned) / np.sin(2 * (angle - turned)) * i_a / i_b
    print(f"without estimation error: best constant {ratio:.1f}, correlations {np.cos(turned):.3f}, {np.cos(angle - turned):.3f}")
    rank = np.arange(1, N_ITEMS + 1)
    shown = 1 / rank / (1 / rank).sum()
    # Items of like frequency together.
    bins = np.digitize(rank, np.unique(np.logspace(0, np.log10(N_ITEMS), 60).astype(int))) - 1
    share = np.bincount(bins, shown)
    n = np.bincount(bins, ROWS * shown**2) / share
    a, b = [x[..., None] for x in np.meshgrid(np.logspace(-4, 2, 61), np.logspace(-4, 2, 61), indexing="ij")]

    def value(alpha, beta):
        spread = alpha**2 * (1 + 1 / (n * i_a)) + beta**2 * (1 + 1 / (n * i_b)) + 2 * RELATEDNESS * alpha * beta
        spread = np.sqrt(spread @ share) + 1e-12
        with_a, with_b = (alpha + RELATEDNESS * beta) @ share / spread, (RELATEDNESS * alpha + beta) @ share / spread
        return 0.5 + (s_a * with_a + s_b * with_b) / len(TASKS), with_a, with_b

    together = 1 - np.exp(-n * (i_a * a + i_b * b))
    mixture = i_b * b / (i_a * a + i_b * b)
    constant = value((1 - mixture) * together, mixture * together)
    fade = lambda x, i: np.exp(-n * i * x)
    forward = value((1 - fade(a, i_a)) * fade(b, i_b), 1 - fade(b, i_b))
    backward = value(1 - fade(a, i_a), (1 - fade(b, i_b)) * fade(a, i_a))
    best = lambda found: np.unravel_index(found[0].argmax(), found[0].shape)
    show = lambda name, found, at: print(f"{name}: mean AUC {found[0][at]:.4f}, correlations {found[1][at]:.3f}, {found[2][at]:.3f}")
    diagonal = np.diag(constant[0]).argmax()
    show("equal", constant, (diagonal, diagonal))
    at = best(constant)
    show(f"constant {b[at][0] / a[at][0]:.1f}", constant, at)
    at = best(forward)
    show("common first, then rare", forward, at)
    show("the same exposures, rare first", backward, at)


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
    closed_form()
    table()

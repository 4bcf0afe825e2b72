"""Reference values of the loss weightings, written to `weightings/<case>.json`.

Every weighting is written twice. The stored weights come from closed forms or exact solvers in NumPy that see only the
losses and the Gram matrix. A second version (PyTorch autograd and optimizers, or the gradients themselves instead of
their inner products, with iterative solvers) has to agree, and optimality conditions are checked on top.

A file holds `weighting` ({name: settings}) and `epochs`: a list of epochs, each a list of steps

| key | value |
| --- | --- |
| `losses` | mean loss of every task |
| `gram` | inner products of the tasks' gradients on the shared parameters, or `null` where not read |
| `losses_after` | losses of the same batch after the step, or `null` where not read |
| `weights` | expected weights: the step follows the gradient of Σ weights_k · losses_k, weights constant |

Cases of weightings that see the gradients' entries have three more keys per step, and no `gram`

| key | value |
| --- | --- |
| `gradients` | `dense` `[task][entry]`; `rows` of a table of `n_rows` rows that are in the batch; `table` `[task][row · width]` |
| `combined` | the combined gradient, `dense` and `table` like one task's; or `null` where it is drawn |
| `drawn` | by entry, dense then table: the `share` of draws for the value `positive`, the others give `negative`; or `null` |

The state of a weighting moves after its weights are given. Inputs are exact (at most four decimals), weights have nine
significant digits. They move by less than 1e-6 + 1e-5·|w| when all inputs are rounded to float32.
"""

import itertools
import sys
from pathlib import Path

import numpy as np
import torch

sys.dont_write_bytecode = True
from losses import generator, write, write_names  # noqa: E402

WIDTH = 6  # of the gradients
EPOCHS = [2, 3, 2, 3]  # steps
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def subsets(k):
    for size in range(1, k + 1):
        yield from (list(s) for s in itertools.combinations(range(k), size))


def parameter(k, value):
    return torch.full((k,), float(value), dtype=torch.float64, requires_grad=True)


def gradient(value, x):
    return torch.autograd.grad(value, x)[0].detach()


# ---------------------------------------------------------------- closed forms
# step(losses, gram, losses_after, epoch) gives the weights and then moves the state. `margins` are the distances to the
# next branch (or to a gradient of zero, which Adam turns into a full step); `branches` the branches taken.


class Weighting:
    def __init__(self, k, settings):
        self.k, self.t = k, 0
        self.margins, self.branches = [], set()
        self.history = {}  # epoch -> losses of its steps
        vars(self).update(settings)
        self.start()

    def start(self):
        pass

    def mean_losses(self, epoch):
        return np.mean(self.history[epoch], axis=0)

    def step(self, losses, gram, losses_after, epoch):
        weights = self.of(losses, gram, epoch)
        self.update(losses, gram, losses_after)
        self.history.setdefault(epoch, []).append(losses)
        self.t += 1
        return weights

    def update(self, losses, gram, losses_after):
        pass

    def adam(self, x, g):
        """One Adam step, the moments kept in `self`."""
        self.margins += list(abs(g))
        if self.t == 0:
            self.m, self.v = np.zeros(self.k), np.zeros(self.k)
        self.m = BETA_1 * self.m + (1 - BETA_1) * g
        self.v = BETA_2 * self.v + (1 - BETA_2) * g**2
        m, v = self.m / (1 - BETA_1 ** (self.t + 1)), self.v / (1 - BETA_2 ** (self.t + 1))
        return x - self.learning_rate * m / (np.sqrt(v) + EPSILON)


class Constant(Weighting):
    def of(self, losses, gram, epoch):
        return np.array(self.weights)


class Exponential(Weighting):
    def of(self, losses, gram, epoch):
        return np.array(self.initial) * self.decay**self.t


class Uw(Weighting):
    """Kendall et al. 2018."""

    def start(self):
        self.s = np.full(self.k, self.initial)

    def of(self, losses, gram, epoch):
        return np.exp(-self.s) / 2

    def update(self, losses, gram, losses_after):
        self.s = self.adam(self.s, (1 - losses * np.exp(-self.s)) / 2)


class UwSo(Weighting):
    """Kirchdorfer et al. 2024."""

    def of(self, losses, gram, epoch):
        e = np.exp(1 / losses / self.temperature)
        return e / e.sum()


class Dwa(Weighting):
    """Liu et al. 2019."""

    def of(self, losses, gram, epoch):
        if epoch < 2:
            return np.ones(self.k)
        return self.k * softmax(self.mean_losses(epoch - 1) / self.mean_losses(epoch - 2) / self.temperature)


class Gls(Weighting):
    """Chennupati et al. 2019."""

    def of(self, losses, gram, epoch):
        return losses.prod() ** (1 / self.k) / (self.k * losses)


class Stch(Weighting):
    """Lin et al. 2024."""

    def of(self, losses, gram, epoch):
        if epoch < self.warmup_epochs:
            return 1 / losses
        nadir = self.mean_losses(self.warmup_epochs - 1)
        return self.k * softmax(np.log(losses / nadir) / self.mu) / losses


class DbMtl(Weighting):
    """Lin et al. 2023, the loss part."""

    def of(self, losses, gram, epoch):
        return 1 / losses


class Famo(Weighting):
    """Liu et al. 2023, minimal losses 0."""

    def start(self):
        self.logits = np.zeros(self.k)

    def of(self, losses, gram, epoch):
        w = softmax(self.logits) / losses
        return w / w.sum()

    def update(self, losses, gram, losses_after):
        z, delta = softmax(self.logits), np.log(losses / losses_after)
        g = z * (delta - z @ delta)
        self.logits = self.adam(self.logits, g + self.weight_decay * self.logits)


class Imtl(Weighting):
    """IMTL-G, Liu et al. 2021. Equal projections: Σ_j gram_kj w_j / |g_k| is the same for all k."""

    def of(self, losses, gram, epoch):
        w = np.linalg.solve(gram, np.sqrt(np.diag(gram)))
        w = w / w.sum()
        self.branches.add("negative" if w.min() < -0.05 else "positive")
        self.margins.append(4 - abs(w).max())
        return w


class GradNorm(Weighting):
    """Chen et al. 2018."""

    def start(self):
        self.w = np.ones(self.k)

    def of(self, losses, gram, epoch):
        return self.w

    def update(self, losses, gram, losses_after):
        if self.t == 0:
            self.first = losses
        norms = np.sqrt(np.diag(gram))
        rate = losses / self.first
        excess = self.w * norms - (self.w * norms).mean() * (rate / rate.mean()) ** self.alpha
        self.margins += list(abs(excess))
        w = self.w - self.learning_rate * np.sign(excess) * norms
        self.margins += list(abs(w - 1e-3))
        self.branches.add("clipped" if w.min() < 1e-3 else "free")
        w = np.maximum(w, 1e-3)
        self.branches.add("floored" if (w * self.k / w.sum()).min() < 1e-3 else "scaled")
        # c w that sums to k, the m smallest held at the floor.
        ordered = np.sort(w)
        for m in range(self.k):
            c = (self.k - m * 1e-3) / ordered[m:].sum()
            if c * ordered[m] >= 1e-3:
                break
        self.w = np.maximum(c * w, 1e-3)


class PcGrad(Weighting):
    """Yu et al. 2020, the tasks in their order. Rows of `c`: coefficients of g_i'."""

    def of(self, losses, gram, epoch):
        c = np.eye(self.k)
        for i in range(self.k):
            projections = 0
            for j in range(self.k):
                if j != i:
                    dot = c[i] @ gram[j]
                    self.margins.append(abs(dot))
                    if dot < 0:
                        c[i, j] -= dot / gram[j, j]
                        projections += 1
            self.branches.add(projections)
        return c.sum(axis=0)


class GradVac(Weighting):
    """Wang et al. 2021, the tasks in their order."""

    def start(self):
        self.rho = np.zeros((self.k, self.k))

    def of(self, losses, gram, epoch):
        c = np.eye(self.k)
        for i in range(self.k):
            for j in range(self.k):
                if j != i:
                    norm = np.sqrt(c[i] @ gram @ c[i])
                    cosine = c[i] @ gram[j] / (norm * np.sqrt(gram[j, j]))
                    rho = self.rho[i, j]
                    self.margins.append(abs(cosine - rho))
                    self.branches.add((bool(cosine < rho), np.sign(rho)))
                    if cosine < rho:
                        root = np.sqrt(1 - rho**2)
                        c[i, j] += norm * (rho * np.sqrt(1 - cosine**2) - cosine * root) / (np.sqrt(gram[j, j]) * root)
                    self.rho[i, j] = (1 - self.beta) * rho + self.beta * cosine
        return c.sum(axis=0)


class Mgda(Weighting):
    """Sener and Koltun 2018. Exact: the one set of positive weights that meets the optimality conditions."""

    def of(self, losses, gram, epoch):
        found = []
        for s in subsets(self.k):
            y = np.linalg.solve(gram[np.ix_(s, s)], np.ones(len(s)))
            w = np.zeros(self.k)
            w[s] = y / y.sum()
            slack = np.delete(gram @ w - w @ gram @ w, s)
            if w[s].min() > 0 and (slack >= 0).all():
                self.margins += [*w[s], *slack]
                self.branches.add(len(s))
                found.append(w)
        (w,) = found
        return w


class CaGrad(Weighting):
    """Liu et al. 2021, no rescaling, K times the direction.

    min F(w) = b·w + r √(wᵀ gram w) over the simplex. With y = w / √(wᵀ gram w), stationarity where w > 0 is
    b + r gram y = ν, and yᵀ gram y = 1 leaves a quadratic equation for ν.
    """

    def of(self, losses, gram, epoch):
        b = gram.mean(axis=1)
        r = self.c * np.sqrt(gram.mean())
        found = []
        for s in subsets(self.k):
            m, one = gram[np.ix_(s, s)], np.ones(len(s))
            p, q = np.linalg.solve(m, one), np.linalg.solve(m, b[s])
            # ν² 1·p − 2 ν 1·q + b·q = r²
            root = np.sqrt(max((one @ q) ** 2 - (one @ p) * (b[s] @ q - r**2), 0))
            for nu in ((one @ q + sign * root) / (one @ p) for sign in (1, -1)):
                y = np.zeros(self.k)
                y[s] = (nu * p - q) / r
                slack = np.delete(b + r * gram @ y - nu, s)
                if y[s].min() > 0 and (slack >= 0).all() and abs(y @ gram @ y - 1) < 1e-9:
                    self.margins += [*y[s] / y.sum(), *slack]
                    self.branches.add(len(s))
                    found.append(y)
        (y,) = found
        return 1 + self.k * r * y


class AlignedMtl(Weighting):
    """Senushkin et al. 2023."""

    def of(self, losses, gram, epoch):
        values, vectors = np.linalg.eigh(gram)
        b = np.sqrt(values.min()) * vectors @ np.diag(values**-0.5) @ vectors.T
        return b.T @ np.ones(self.k)


class NashMtl(Weighting):
    """Navon et al. 2022. Damped Newton on wᵀ gram w / 2 − Σ log w."""

    def of(self, losses, gram, epoch):
        w = np.diag(gram) ** -0.5
        for _ in range(100):
            g = gram @ w - 1 / w
            move = np.linalg.solve(gram + np.diag(w**-2), g)
            decrement = np.sqrt(g @ move)
            w = w - move / (1 + decrement if decrement > 0.25 else 1)
        assert abs(w * (gram @ w) - 1).max() < 1e-12
        return w


class FairGrad(Weighting):
    """Ban and Ji 2024. Newton on the convex function of slope gram w − w^(−1/α), half-way to 0 at most."""

    def of(self, losses, gram, epoch):
        p = 1 / self.alpha
        w = np.diag(gram) ** (-1 / (1 + p))
        for _ in range(500):
            move = np.linalg.solve(gram + np.diag(p * w ** (-p - 1)), gram @ w - w**-p)
            w = w - move / max(1, 2 * (move / w).max())
        assert abs((gram @ w) * w**p - 1).max() < 1e-12
        return w


class UpGrad(Weighting):
    """Quinton and Rey 2024. Exact: the one set of numbers above their bounds that meets the optimality conditions."""

    def of(self, losses, gram, epoch):
        m = gram / np.trace(gram) + self.regularization * np.eye(self.k)
        return sum(self.projection(m, u) for u in np.eye(self.k) / self.k)

    def projection(self, m, u):
        found = []
        for s in [[], *subsets(self.k)]:
            rest = [j for j in range(self.k) if j not in s]
            v = u.copy()
            v[s] = np.linalg.solve(m[np.ix_(s, s)], -m[np.ix_(s, rest)] @ u[rest])
            slack = (m @ v)[rest]
            if (v[s] > u[s]).all() and (slack >= 0).all():
                self.margins += [*(v - u)[s], *slack]
                self.branches.add(len(s))
                found.append(v)
        (v,) = found
        return v


def nearest_on_simplex(y, total):
    """Exact: y lowered alike on the one support that stays above 0 and leaves out what would not."""
    found = []
    for s in subsets(len(y)):
        low = (y[s].sum() - total) / len(s)
        if (y[s] > low).all() and (np.delete(y, s) <= low).all():
            w = np.zeros(len(y))
            w[s] = y[s] - low
            found.append(w)
    (w,) = found
    return w


class PeLtr(Weighting):
    """Lin et al. 2019. The relaxed minimum over Σ w = 1 is gram⁻¹ 1, scaled; w = ŵ + c."""

    def of(self, losses, gram, epoch):
        c = np.array(getattr(self, "least", [0.0] * self.k))
        y = np.linalg.solve(gram, np.ones(self.k))
        rest = nearest_on_simplex(y / y.sum() - c, 1 - c.sum())
        self.branches.add("bound" if rest.min() == 0 else "inside")
        return rest + c


class GradCraft(Weighting):
    """Bai et al. 2024. Rows of `c`: coefficients of ĝ_i in the gradients made longer."""

    def of(self, losses, gram, epoch):
        norms = np.sqrt(np.diag(gram))
        self.m = norms if self.t == 0 else self.beta * self.m + (1 - self.beta) * norms
        scale = self.tau * self.m.max() / self.m + 1 - self.tau
        gram = gram * np.outer(scale, scale)
        self.margins += list(abs(gram / np.outer(scale * norms, scale * norms)).ravel())
        c = np.eye(self.k)
        for i in range(self.k):
            s = np.flatnonzero(gram[i] < 0)
            self.branches.add(len(s))
            goal = self.epsilon * np.sqrt(gram[i, i] * np.diag(gram)[s])
            c[i, s] = np.linalg.solve(gram[np.ix_(s, s)], goal - gram[i, s])
        return c.sum(axis=0) * scale


class MultiBalance(Weighting):
    """He et al. 2024: MGDA on gradients divided by the moving means of their lengths."""

    def of(self, losses, gram, epoch):
        norms = np.sqrt(np.diag(gram))
        self.m = norms if self.t == 0 else self.beta * self.m + (1 - self.beta) * norms
        mgda = Mgda(self.k, {})
        w = mgda.of(losses, gram / np.outer(self.m, self.m), epoch) / self.m
        self.margins += mgda.margins
        self.branches |= mgda.branches
        return self.k * w / w.sum()


class SdmGrad(Weighting):
    """Xiao et al. 2023, all slopes from one batch, no momentum."""

    def start(self):
        self.u = np.full(self.k, 1 / self.k)

    def of(self, losses, gram, epoch):
        scale = np.sqrt(np.diag(gram)).mean() ** 2
        for _ in range(self.steps):
            slope = gram @ self.u + self.__dict__["lambda"] * gram.mean(axis=1)
            self.u = nearest_on_simplex(self.u - self.learning_rate * slope / scale, 1)
        self.branches.add("edge" if self.u.min() == 0 else "inside")
        return (self.u + self.__dict__["lambda"] / self.k) / (1 + self.__dict__["lambda"])


class MoDo(Weighting):
    """Chen et al. 2023, all slopes from one batch."""

    def start(self):
        self.w = np.full(self.k, 1 / self.k)

    def of(self, losses, gram, epoch):
        self.w = nearest_on_simplex(self.w - self.learning_rate * (gram @ self.w + self.decay * self.w), 1)
        self.branches.add("edge" if self.w.min() == 0 else "inside")
        return self.w


# ---------------------------------------------------------------- direct versions
# The same interface with torch tensors and the gradients g [task, width] in the place of their inner products.


class Direct(Weighting):
    def mean_losses(self, epoch):
        return torch.stack(self.history[epoch]).mean(dim=0)

    def by_autograd(self, scalar, losses):
        x = losses.clone().requires_grad_()
        return gradient(scalar(x), x)

    def descend(self, x, g, decay=0.0):
        """One step of the optimizer of PyTorch."""
        if self.t == 0:
            kind = torch.optim.SGD if isinstance(self, DirectGradNorm) else torch.optim.Adam
            self.optimizer = kind([x], lr=self.learning_rate, weight_decay=decay)
        x.grad = g
        self.optimizer.step()


class DirectConstant(Direct):
    def of(self, losses, g, epoch):
        return self.by_autograd(lambda x: sum(w * x[k] for k, w in enumerate(self.weights)), losses)


class DirectExponential(Direct):
    def start(self):
        self.w = torch.tensor(self.initial, dtype=torch.float64)

    def of(self, losses, g, epoch):
        return self.w

    def update(self, losses, g, losses_after):
        self.w = self.w * self.decay


class DirectUw(Direct):
    def start(self):
        self.s = parameter(self.k, self.initial)

    def loss(self, losses):
        return (losses * torch.exp(-self.s) / 2 + self.s / 2).sum()

    def of(self, losses, g, epoch):
        return self.by_autograd(self.loss, losses)

    def update(self, losses, g, losses_after):
        self.descend(self.s, gradient(self.loss(losses), self.s))


class DirectUwSo(Direct):
    """The slope of the smooth maximum of the inverse losses."""

    def of(self, losses, g, epoch):
        smooth_max = lambda x: self.temperature * torch.logsumexp(x / self.temperature, 0)
        return self.by_autograd(smooth_max, 1 / losses)


class DirectDwa(Direct):
    def of(self, losses, g, epoch):
        if epoch < 2:
            return torch.ones_like(losses)
        ratio = self.mean_losses(epoch - 1) / self.mean_losses(epoch - 2)
        return self.by_autograd(lambda x: self.k * self.temperature * torch.logsumexp(x / self.temperature, 0), ratio)


class DirectGls(Direct):
    def of(self, losses, g, epoch):
        return self.by_autograd(lambda x: x.prod() ** (1 / self.k), losses)


class DirectStch(Direct):
    def of(self, losses, g, epoch):
        if epoch < self.warmup_epochs:
            return self.by_autograd(lambda x: torch.log(x).sum(), losses)
        nadir = self.mean_losses(self.warmup_epochs - 1)
        smooth_max = lambda x: self.k * self.mu * torch.log(torch.exp(torch.log(x / nadir) / self.mu).sum())
        return self.by_autograd(smooth_max, losses)


class DirectDbMtl(Direct):
    def of(self, losses, g, epoch):
        return self.by_autograd(lambda x: torch.log(x).sum(), losses)


class DirectFamo(Direct):
    def start(self):
        self.logits = parameter(self.k, 0)

    def of(self, losses, g, epoch):
        z = torch.softmax(self.logits.detach(), 0)
        return self.by_autograd(lambda x: (z * torch.log(x)).sum() / (z / losses).sum(), losses)

    def update(self, losses, g, losses_after):
        delta = torch.log(losses) - torch.log(losses_after)
        weighted = (torch.softmax(self.logits, 0) * delta).sum()
        self.descend(self.logits, gradient(weighted, self.logits), self.weight_decay)


class DirectImtl(Direct):
    """The formula of the paper, from differences to the first gradient."""

    def of(self, losses, g, epoch):
        unit = g / g.norm(dim=1, keepdim=True)
        d, u = g[0] - g[1:], unit[0] - unit[1:]
        rest = g[0] @ u.T @ torch.linalg.inv(d @ u.T)
        return torch.cat([1 - rest.sum()[None], rest])


class DirectGradNorm(Direct):
    def start(self):
        self.w = parameter(self.k, 1)

    def of(self, losses, g, epoch):
        return self.w.detach().clone()

    def update(self, losses, g, losses_after):
        if self.t == 0:
            self.first = losses
        norms = (self.w[:, None] * g).norm(dim=1)
        rate = losses / self.first
        target = (norms.mean() * (rate / rate.mean()) ** self.alpha).detach()
        self.descend(self.w, gradient((norms - target).abs().sum(), self.w))
        with torch.no_grad():
            self.w.clamp_(min=1e-3)
            low, high = 0.0, self.k / self.w.max().item()
            for _ in range(200):
                c = (low + high) / 2
                low, high = (c, high) if (c * self.w).clamp(min=1e-3).sum() < self.k else (low, c)
            self.w.copy_((c * self.w).clamp(min=1e-3))


class DirectSurgery(Direct):
    """Moves the gradients; the coefficients of their sum by least squares."""

    def start(self):
        self.rho = {}

    def of(self, losses, g, epoch):
        total = torch.zeros(WIDTH, dtype=torch.float64)
        for i in range(self.k):
            moved = g[i].clone()
            for j in range(self.k):
                if j != i:
                    moved = self.move(moved, g[j], (i, j))
            total = total + moved
        return torch.linalg.lstsq(g.T, total[:, None]).solution.ravel()


class DirectPcGrad(DirectSurgery):
    def move(self, a, b, pair):
        return a - (a @ b) / (b @ b) * b if a @ b < 0 else a


class DirectGradVac(DirectSurgery):
    def move(self, a, b, pair):
        """Below the goal, moves along b until the cosine is the goal."""
        goal = self.rho.get(pair, 0.0)
        cosine = (a @ b / (a.norm() * b.norm())).item()
        self.rho[pair] = (1 - self.beta) * goal + self.beta * cosine
        if cosine >= goal:
            return a
        along = b / b.norm()
        across = a - (a @ along) * along
        moved = across + across.norm() * goal / (1 - goal**2) ** 0.5 * along
        assert abs((moved @ along / moved.norm()).item() - goal) < 1e-12
        return moved


def to_simplex(y):
    """The closest point of the simplex."""
    ordered = torch.sort(y, descending=True).values
    thresholds = (torch.cumsum(ordered, 0) - 1) / torch.arange(1, len(y) + 1)
    return torch.clamp(y - thresholds[ordered > thresholds][-1], min=0)


def projected_descent(slope, k, rate):
    w = torch.full((k,), 1 / k, dtype=torch.float64)
    for _ in range(20_000):
        last, w = w, to_simplex(w - rate * slope(w))
        if torch.equal(w, last):
            break
    return w


class DirectMgda(Direct):
    def of(self, losses, g, epoch):
        w = projected_descent(lambda w: g @ (w @ g), self.k, 1 / g.square().sum())
        if self.k == 2:
            a, b = g
            first = float(((b - a) @ b / (a - b).square().sum()).clamp(0, 1))
            assert abs(w[0].item() - first) < 1e-9
        return w


class DirectCaGrad(Direct):
    def of(self, losses, g, epoch):
        g0 = g.mean(dim=0)
        radius = self.c * g0.norm()
        slope = lambda w: g @ g0 + radius * (g @ (w @ g)) / (w @ g).norm()
        least = (DirectMgda(self.k, {}).of(losses, g, epoch) @ g).norm()
        w = projected_descent(slope, self.k, least / (radius * g.square().sum()))
        return self.k * (1 / self.k + radius / (w @ g).norm() * w)


class DirectAlignedMtl(Direct):
    """All singular values set to the smallest."""

    def of(self, losses, g, epoch):
        u, s, v = torch.linalg.svd(g, full_matrices=False)
        aligned = (u * s.min()) @ v
        return torch.linalg.lstsq(g.T, aligned.sum(dim=0)[:, None]).solution.ravel()


class DirectNashMtl(Direct):
    """Coordinate descent: the positive root of |g_k|² w_k² + (g_k · Σ_{j≠k} w_j g_j) w_k = 1."""

    def of(self, losses, g, epoch):
        w = torch.ones(self.k, dtype=torch.float64)
        for _ in range(500):
            for k in range(self.k):
                a, b = g[k] @ g[k], g[k] @ (w @ g - w[k] * g[k])
                w[k] = (-b + torch.sqrt(b * b + 4 * a)) / (2 * a)
        return w


class DirectFairGrad(Direct):
    """Coordinate descent: the root of |g_k|² w_k + g_k · Σ_{j≠k} w_j g_j = w_k^(−1/α), its logarithm bisected."""

    def of(self, losses, g, epoch):
        w = torch.ones(self.k, dtype=torch.float64)
        for _ in range(400):
            for k in range(self.k):
                a, b = (g[k] @ g[k]).item(), (g[k] @ (w @ g - w[k] * g[k])).item()
                low, high = -40.0, 40.0
                for _ in range(60):
                    x = (low + high) / 2
                    low, high = (x, high) if a * np.exp(x) + b < np.exp(-x / self.alpha) else (low, x)
                w[k] = np.exp(x)
        return w


class DirectUpGrad(Direct):
    """Hildreth's projections of each gradient, one direction more per task for the regularisation."""

    def of(self, losses, g, epoch):
        extra = self.regularization**0.5 * torch.eye(self.k, dtype=torch.float64)
        long = torch.cat([g / g.square().sum().sqrt(), extra], dim=1)
        total = torch.zeros(self.k, dtype=torch.float64)
        for i in range(self.k):
            v = torch.eye(self.k, dtype=torch.float64)[i] / self.k
            least, direction = v.clone(), v @ long
            for _ in range(3000):
                for k in range(self.k):
                    new = torch.maximum(least[k], v[k] - long[k] @ direction / long[k].square().sum())
                    direction = direction + (new - v[k]) * long[k]
                    v[k] = new
            total = total + v
        return total


class DirectPeLtr(Direct):
    """The linear system of the paper."""

    def of(self, losses, g, epoch):
        c = torch.tensor(getattr(self, "least", [0.0] * self.k), dtype=torch.float64)
        one = torch.ones(self.k, 1, dtype=torch.float64)
        top, bottom = torch.cat([g @ g.T, one], 1), torch.cat([one.T, torch.zeros(1, 1, dtype=torch.float64)], 1)
        m, z = torch.cat([top, bottom]), torch.cat([-g @ (c @ g), 1 - c.sum()[None]])
        relaxed = (torch.linalg.inv(m.T @ m) @ m.T @ z)[:-1]
        rest = 1 - c.sum()
        return rest * to_simplex(relaxed / rest) + c


class DirectGradCraft(Direct):
    """Moves the gradients; the coefficients of their sum by least squares."""

    def of(self, losses, g, epoch):
        norms = g.norm(dim=1)
        self.m = norms if self.t == 0 else self.beta * self.m + (1 - self.beta) * norms
        long = self.tau * g * (self.m.max() / self.m)[:, None] + (1 - self.tau) * g
        total = torch.zeros(WIDTH, dtype=torch.float64)
        for i in range(self.k):
            conflicts = long[long @ long[i] < 0]
            moved = long[i].clone()
            if len(conflicts) > 0:
                # Within the span of the conflicts, the shortest way to the products that are wanted.
                goal = self.epsilon * long[i].norm() * conflicts.norm(dim=1)
                moved = moved + torch.linalg.lstsq(conflicts, (goal - conflicts @ long[i])[:, None]).solution.ravel()
                assert abs(conflicts @ moved - goal).max() < 1e-12
            total = total + moved
        return torch.linalg.lstsq(g.T, total[:, None]).solution.ravel()


class DirectMultiBalance(Direct):
    def of(self, losses, g, epoch):
        norms = g.norm(dim=1)
        self.m = norms if self.t == 0 else self.beta * self.m + (1 - self.beta) * norms
        w = DirectMgda(self.k, {}).of(losses, g / self.m[:, None], epoch) / self.m
        return self.k * w / w.sum()


class DirectSdmGrad(Direct):
    """The optimizer of PyTorch on the length of the direction."""

    def start(self):
        self.u = parameter(self.k, 1 / self.k)

    def of(self, losses, g, epoch):
        weight = self.__dict__["lambda"]
        optimizer = torch.optim.SGD([self.u], lr=self.learning_rate)
        for _ in range(self.steps):
            direction = (self.u @ g + weight * g.mean(dim=0)) / g.norm(dim=1).mean()
            self.u.grad = gradient(direction.square().sum() / 2, self.u)
            optimizer.step()
            with torch.no_grad():
                self.u.copy_(to_simplex(self.u))
        return (self.u.detach() + weight / self.k) / (1 + weight)


class DirectMoDo(Direct):
    def start(self):
        self.w = parameter(self.k, 1 / self.k)

    def of(self, losses, g, epoch):
        objective = (self.w @ g).square().sum() / 2 + self.decay / 2 * self.w.square().sum()
        with torch.no_grad():
            self.w.copy_(to_simplex(self.w - self.learning_rate * gradient(objective, self.w)))
        return self.w.detach().clone()


# ---------------------------------------------------------------- conditions
# condition(w, g, weighting) asserts what defines the weights, with the gradients g [task, width].


def small(x, tolerance=1e-10):
    assert np.max(np.abs(x)) < tolerance, x


def equal_projections(w, g, weighting):
    small(w.sum() - 1)
    projections = (g / np.linalg.norm(g, axis=1, keepdims=True)) @ (w @ g)
    small(projections - projections.mean())


def sums_to_k(w, g, weighting):
    small(w.sum() - weighting.k)


def floored(w, g, weighting):
    sums_to_k(w, g, weighting)
    assert w.min() >= 1e-3


def sums_to_one(w, g, weighting):
    small(w.sum() - 1)


def no_conflict_left(w, g, weighting):
    if weighting.k == 2:  # the sum of two projected gradients opposes neither
        assert (g @ (w @ g)).min() > -1e-12
    if (g @ g.T).min() > 0:
        small(w - 1)


def shortest(w, g, weighting):
    """The slope of |w·g|²/2 is smallest, and the same, where w > 0."""
    x = torch.tensor(w).requires_grad_()
    slope = gradient((x @ torch.tensor(g)).square().sum() / 2, x).numpy()
    small(w.sum() - 1)
    assert w.min() >= 0
    small((slope - slope.min())[w > 0])


def no_duality_gap(w, g, weighting):
    """max over |d − g0| <= c|g0| of min_k g_k·d equals the least F on the simplex."""
    d, g0 = w @ g / weighting.k, g.mean(axis=0)
    radius = weighting.c * np.linalg.norm(g0)
    small(np.linalg.norm(d - g0) - radius)
    simplex = (w - 1) / (w - 1).sum()
    assert simplex.min() >= 0
    g_w = simplex @ g
    small((g @ d).min() - (g_w @ g0 + radius * np.linalg.norm(g_w)))


def aligned(w, g, weighting):
    """The sum of K orthogonal gradients of length √λ_min, turned back along the principal axes of the gradients."""
    values, vectors = np.linalg.eigh(g @ g.T)
    small(np.linalg.norm(w @ g) - np.sqrt(weighting.k * values[0]))
    small(vectors.T @ w - np.sqrt(values[0] / values) * vectors.sum(axis=0))


def bargained(w, g, weighting):
    assert w.min() > 0
    small(w * (g @ (w @ g)) - 1, 1e-12)


def fair(w, g, weighting):
    assert w.min() > 0
    small((g @ (w @ g)) * w ** (1 / weighting.alpha) - 1, 1e-11)


def opposes_none(w, g, weighting):
    """But for the regularisation; the plain mean where there is no conflict."""
    assert (g @ (w @ g) + weighting.regularization * np.square(g).sum() * w).min() > -1e-12
    if (g @ g.T).min() > 0:
        small(w - 1 / weighting.k)


def within_bounds(w, g, weighting):
    small(w.sum() - 1)
    assert (w - getattr(weighting, "least", 0)).min() >= 0


def on_simplex(w, g, weighting):
    small(w.sum() - 1)
    assert w.min() >= 0


def shortest_when_even(w, g, weighting):
    """MGDA of the gradients over their mean lengths, which the weights divide by."""
    small(w.sum() - weighting.k)
    even = w * weighting.m.numpy()
    shortest(even / even.sum(), g / weighting.m.numpy()[:, None], weighting)


# ---------------------------------------------------------------- cases

# name -> (closed form, direct version, condition or None, inputs read, branches that have to be taken)
METHODS = {
    "constant": (Constant, DirectConstant, None, [], lambda k: set()),
    "exponential": (Exponential, DirectExponential, None, [], lambda k: set()),
    "uw": (Uw, DirectUw, None, [], lambda k: set()),
    "uw_so": (UwSo, DirectUwSo, sums_to_one, [], lambda k: set()),
    "dwa": (Dwa, DirectDwa, sums_to_k, [], lambda k: set()),
    "gls": (Gls, DirectGls, None, [], lambda k: set()),
    "stch": (Stch, DirectStch, None, [], lambda k: set()),
    "db_mtl": (DbMtl, DirectDbMtl, None, [], lambda k: set()),
    "famo": (Famo, DirectFamo, sums_to_one, ["losses_after"], lambda k: set()),
    # Two weights are always positive.
    "imtl": (
        Imtl,
        DirectImtl,
        equal_projections,
        ["gram"],
        lambda k: {"positive", "negative"} if k > 2 else {"positive"},
    ),
    "gradnorm": (GradNorm, DirectGradNorm, floored, ["gram"], lambda k: {"free"}),
    "pcgrad": (PcGrad, DirectPcGrad, no_conflict_left, ["gram"], lambda k: set(range(k))),
    "gradvac": (
        GradVac,
        DirectGradVac,
        None,
        ["gram"],
        # Two tasks: both pairs start on the same side of 0.
        lambda k: {*itertools.product((True, False), (-1, 0, 1))} - ({(False, 0)} if k == 2 else set()),
    ),
    "mgda": (Mgda, DirectMgda, shortest, ["gram"], lambda k: set(range(1, k + 1))),
    "cagrad": (CaGrad, DirectCaGrad, no_duality_gap, ["gram"], lambda k: set(range(1, k + 1))),
    "aligned_mtl": (AlignedMtl, DirectAlignedMtl, aligned, ["gram"], lambda k: set()),
    "nash_mtl": (NashMtl, DirectNashMtl, bargained, ["gram"], lambda k: set()),
    "fairgrad": (FairGrad, DirectFairGrad, fair, ["gram"], lambda k: set()),
    "upgrad": (UpGrad, DirectUpGrad, opposes_none, ["gram"], lambda k: set(range(k))),
    "pe_ltr": (PeLtr, DirectPeLtr, within_bounds, ["gram"], lambda k: {"inside", "bound"}),
    "gradcraft": (GradCraft, DirectGradCraft, None, ["gram"], lambda k: set(range(k))),
    "multibalance": (MultiBalance, DirectMultiBalance, shortest_when_even, ["gram"], lambda k: set(range(1, k + 1))),
    "sdmgrad": (SdmGrad, DirectSdmGrad, on_simplex, ["gram"], lambda k: {"inside"}),
    "modo": (MoDo, DirectMoDo, on_simplex, ["gram"], lambda k: {"inside"}),
}


def cases():
    """name -> (tasks, method, settings, branches taken on top)."""
    out = {}
    for k in [2, 3]:
        constant = {"weights": [0.3, 1.2, 0.75][:k]}
        exponential = {"initial": [1.0, 0.5, 2.0][:k], "decay": 0.9}
        stch = {"mu": 1.0, "warmup_epochs": 2}
        gradnorm = {"alpha": 1.5, "learning_rate": 0.025}
        sdmgrad = {"lambda": 0.3, "learning_rate": 0.1, "steps": 20}
        modo = {"learning_rate": 0.001, "decay": 0.1}
        for name, method, settings, branches in [
            ("constant", "constant", constant, set()),
            ("exponential", "exponential", exponential, set()),
            ("uw", "uw", {"initial": -0.5, "learning_rate": 0.01}, set()),
            ("uw_so", "uw_so", {"temperature": 10.0}, set()),
            ("uw_so_cold", "uw_so", {"temperature": 2.0}, set()),
            ("dwa", "dwa", {"temperature": 2.0}, set()),
            ("gls", "gls", {}, set()),
            ("stch", "stch", stch, set()),
            ("stch_small_mu", "stch", stch | {"mu": 0.3}, set()),
            ("db_mtl", "db_mtl", {}, set()),
            ("famo", "famo", {"learning_rate": 0.025, "weight_decay": 0.001}, set()),
            ("imtl", "imtl", {}, set()),
            ("gradnorm", "gradnorm", gradnorm, set()),
            ("gradnorm_clipped", "gradnorm", gradnorm | {"learning_rate": 0.6}, {"clipped"}),
            ("gradnorm_floored", "gradnorm", gradnorm | {"learning_rate": 0.6}, {"clipped", "floored"}),
            ("pcgrad", "pcgrad", {}, set()),
            ("gradvac", "gradvac", {"beta": 0.5}, set()),
            ("mgda", "mgda", {}, set()),
            ("cagrad", "cagrad", {"c": 0.5}, set()),
            ("aligned_mtl", "aligned_mtl", {}, set()),
            ("nash_mtl", "nash_mtl", {}, set()),
            ("fairgrad", "fairgrad", {"alpha": 2.0}, set()),
            ("fairgrad_half", "fairgrad", {"alpha": 0.5}, set()),
            ("upgrad", "upgrad", {"regularization": 1e-4}, set()),
            ("upgrad_exact", "upgrad", {"regularization": 0.0}, set()),
            ("pe_ltr", "pe_ltr", {}, set()),
            ("pe_ltr_bounds", "pe_ltr", {"least": [0.2, 0.1, 0.05][:k]}, set()),
            ("gradcraft", "gradcraft", {"tau": 1.0, "beta": 0.0, "epsilon": 1e-8}, set()),
            ("gradcraft_part", "gradcraft", {"tau": 0.5, "beta": 0.6, "epsilon": 0.1}, set()),
            ("multibalance", "multibalance", {"beta": 0.9}, set()),
            ("sdmgrad", "sdmgrad", sdmgrad, set()),
            ("sdmgrad_edge", "sdmgrad", sdmgrad | {"lambda": 0.0, "learning_rate": 0.3}, {"edge"}),
            ("modo", "modo", modo, set()),
            ("modo_edge", "modo", modo | {"learning_rate": 2.0}, {"edge"}),
        ]:
            out[f"{name}_{k}_tasks"] = (k, method, settings, branches)
    return out


def cosines(g):
    unit = g / np.linalg.norm(g, axis=1, keepdims=True)
    return (unit @ unit.T)[np.triu_indices(len(g), 1)]


def draw_gradients(rng, k, kind):
    """[task, width], two decimals: 'aligned' without a conflict, 'conflict' with a strong one, or 'free'."""
    while True:
        g = rng.normal(size=(k, WIDTH))
        if kind == "aligned":
            g = g + rng.normal(size=WIDTH)
        if kind == "conflict":
            a, b = rng.permutation(k)[:2]
            g[a] -= rng.uniform(0.5, 1.5) * g[b]
        g = np.round(g * rng.uniform(0.1, 0.5, (k, 1)), 2)
        c = cosines(g)
        wanted = {"aligned": c.min() > 0.1, "conflict": -0.85 < c.min() < -0.5, "free": c.min() > -0.5}[kind]
        if wanted and c.max() < 0.9 and np.linalg.cond(g @ g.T) < 40:
            return g


def draw(rng, k):
    """[(epoch, losses, gram, losses_after, g)]"""
    n = sum(EPOCHS)
    kinds = rng.permutation((["conflict", "aligned", "free"] * n)[:n])
    level = rng.uniform(0.2, 1.6, k)
    steps = []
    for epoch, count in enumerate(EPOCHS):
        for _ in range(count):
            losses = np.round(np.clip(level * rng.uniform(0.5, 1.5, k), 0.05, 2), 3)
            after = np.round(losses * rng.uniform(0.8, 1.1, k), 4)
            g = draw_gradients(rng, k, kinds[len(steps)])
            steps.append((epoch, losses, np.round(g @ g.T, 4), after, g))
        level = level * rng.uniform(0.5, 1.05, k)
    return steps


def evaluate(weighting, steps, cast=lambda x: x):
    return [weighting.step(cast(losses), cast(gram), cast(after), epoch) for epoch, losses, gram, after, _ in steps]


def acceptable(weighting, steps, branches):
    return branches <= weighting.branches and min(weighting.margins, default=1) > 4e-3


def check(case, k, settings, closed, direct, condition, steps, weights):
    kinds = [cosines(g).min() for *_, g in steps]
    assert min(kinds) < -0.5 and max(kinds) > 0.1
    assert all(abs(gram - g @ g.T).max() < 1e-14 for _, _, gram, _, g in steps)
    # The direct version.
    reference = direct(k, settings)
    for (epoch, losses, _, after, g), w in zip(steps, weights):
        expected = reference.step(*map(torch.tensor, (losses, g, after)), epoch)
        error = abs(expected.detach().numpy() - w) / (1 + abs(w))
        assert error.max() < 1e-9, (case, epoch, w, expected)
        if condition is not None:
            condition(w, g, reference)
    # Well conditioned: inputs rounded to float32.
    single = evaluate(closed(k, settings), steps, lambda x: x.astype(np.float32).astype(np.float64))
    for w, w_32 in zip(weights, single):
        assert (abs(w - w_32) <= 1e-6 + 1e-5 * abs(w)).all(), case


def write_case(folder, case, k, method, settings, branches):
    closed, direct, condition, inputs, needed = METHODS[method]
    for attempt in range(100_000):
        steps = draw(generator(f"weighting {case}", attempt), k)
        weighting = closed(k, settings)
        weights = evaluate(weighting, steps)
        if acceptable(weighting, steps, branches | needed(k)):
            break
    else:
        raise RuntimeError(f"{case}: no acceptable draw")
    check(case, k, settings, closed, direct, condition, steps, weights)
    epochs = [[] for _ in EPOCHS]
    for (epoch, losses, gram, after, _), w in zip(steps, weights):
        epochs[epoch].append(
            {
                "losses": losses.tolist(),
                "gram": gram.tolist() if "gram" in inputs else None,
                "losses_after": after.tolist() if "losses_after" in inputs else None,
                "weights": [float(f"{x:.9g}") for x in w],
            }
        )
    write(folder / f"{case}.json", {"weighting": {method: settings}, "epochs": epochs})


# ---------------------------------------------------------------- weightings of entries
# Entry by entry in loops, and on whole vectors in PyTorch. A step gives (weights, combined gradient of dense and rows); the
# vectors of a step hold the dense entries, then the rows of the batch; state is kept for all rows, by index.

DENSE, ROWS, WIDTH_OF_ROW = 4, 4, 2


def indices(rows):
    """Where the entries of a step are among those of all parameters."""
    return [*range(DENSE), *(DENSE + row * WIDTH_OF_ROW + j for row in rows for j in range(WIDTH_OF_ROW))]


class Entries:
    def __init__(self, k, settings):
        self.k, self.t, self.margins, self.branches = k, 0, [], set()
        vars(self).update(settings)
        self.state = [[0.0] * (DENSE + ROWS * WIDTH_OF_ROW) for _ in range(k)]


class MoCo(Entries):
    """Fernando et al. 2023. The projection by bisection."""

    def step(self, losses, rows, g):
        if self.t == 0:
            self.w = [1 / self.k] * self.k
        self.t += 1
        beta, gamma = self.beta / self.t**self.beta_decay, self.gamma / self.t**self.gamma_decay
        y = []
        for k in range(self.k):
            scale = losses[k] / sum(x * x for x in g[k]) ** 0.5 if self.normalize else 1.0
            for at, index in enumerate(indices(rows)):
                self.state[k][index] -= beta * (self.state[k][index] - scale * g[k][at])
            y.append([self.state[k][index] for index in indices(rows)])
        moved = []
        for k in range(self.k):
            slope = sum(self.w[j] * sum(a * b for a, b in zip(y[k], y[j])) for j in range(self.k))
            moved.append(self.w[k] - gamma * (slope + self.rho * self.w[k]))
        low, high = min(moved) - 1, max(moved)
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if sum(max(x - middle, 0) for x in moved) > 1 else (low, middle)
        self.margins += [abs(x - low) for x in moved]
        self.w = [max(x - low, 0) for x in moved]
        self.branches.add(sum(x > 0 for x in self.w))
        return self.w, [sum(self.w[k] * y[k][at] for k in range(self.k)) for at in range(len(y[0]))]


class DirectMoCo(Entries):
    def step(self, losses, rows, g):
        if self.t == 0:
            self.w = torch.full((self.k,), 1 / self.k, dtype=torch.float64)
            self.state = torch.tensor(self.state, dtype=torch.float64)
        self.t += 1
        losses, g, at = torch.tensor(losses), torch.tensor(g), torch.tensor(indices(rows))
        if self.normalize:
            g = torch.nn.functional.normalize(g, dim=1) * losses[:, None]
        self.state[:, at] = torch.lerp(self.state[:, at], g, self.beta / self.t**self.beta_decay)
        y = self.state[:, at]
        w = self.w.clone().requires_grad_()
        objective = (w @ y).square().sum() / 2 + self.rho * w.square().sum() / 2
        self.w = to_simplex(self.w - self.gamma / self.t**self.gamma_decay * gradient(objective, w))
        return self.w, self.w @ y


class ExcessMtl(Entries):
    """He et al. 2024, the first step's excess as the scale, weights that sum to K."""

    def step(self, losses, rows, g):
        if self.t == 0:
            self.w = [1.0] * self.k
        excess = [0.0] * self.k
        for k in range(self.k):
            for at, index in enumerate(indices(rows)):
                self.state[k][index] += g[k][at] ** 2
                excess[k] += g[k][at] ** 2 / (self.state[k][index] + self.epsilon) ** 0.5
        if self.t == 0:
            self.first = excess
        else:
            w = [w * np.exp(self.learning_rate * e / f) for w, e, f in zip(self.w, excess, self.first)]
            self.w = [self.k * x / sum(w) for x in w]
        self.t += 1
        return self.w, [sum(self.w[k] * g[k][at] for k in range(self.k)) for at in range(len(g[0]))]


class DirectExcessMtl(Entries):
    def step(self, losses, rows, g):
        if self.t == 0:
            self.sum = torch.zeros(self.k, dtype=torch.float64)
            self.state = torch.tensor(self.state, dtype=torch.float64)
        g, at = torch.tensor(g), torch.tensor(indices(rows))
        self.state[:, at] += g**2
        h = torch.stack([torch.diag((x + self.epsilon) ** -0.5) for x in self.state[:, at]])
        excess = torch.einsum("ki,kij,kj->k", g, h, g)
        self.first = excess if self.t == 0 else self.first
        self.sum = self.sum + (excess / self.first if self.t > 0 else 0)
        self.t += 1
        w = self.k * torch.softmax(self.learning_rate * self.sum, 0)
        return w, w @ g


class GradDrop(Entries):
    """Chen et al. 2020. Both outcomes of an entry, and the probability of the positive one."""

    def step(self, losses, rows, g):
        drawn = {"share": [], "positive": [], "negative": []}
        for at in range(len(g[0])):
            values = [x[at] for x in g]
            drawn["share"].append((1 + sum(values) / sum(abs(x) for x in values)) / 2)
            drawn["positive"].append(sum(x if x > 0 else self.leak * x for x in values))
            drawn["negative"].append(sum(x if x < 0 else self.leak * x for x in values))
            self.branches.add(len({x > 0 for x in values}))
        return [1.0] * self.k, drawn


class DirectGradDrop(Entries):
    """The masks of the paper, for a draw on either side of the purity."""

    def step(self, losses, rows, g):
        g = torch.tensor(g)
        purity = (1 + g.sum(0) / g.abs().sum(0)) / 2

        def masked(draw):
            mask = (purity > draw) * (g > 0) + (purity < draw) * (g < 0)
            return (g * (self.leak + (1 - self.leak) * mask.double())).sum(0)

        positive, negative = masked(purity - 1e-3), masked(purity + 1e-3)
        drawn = {"share": purity, "positive": positive, "negative": negative}
        return torch.ones(self.k), {key: value.tolist() for key, value in drawn.items()}


def entry_cases():
    """name -> (tasks, method, settings, loops, PyTorch, branches that have to be taken)."""
    out = {}
    moco = {"beta": 0.5, "beta_decay": 0.5, "gamma": 0.1, "gamma_decay": 0.5, "rho": 0.0, "normalize": True}
    as_written = moco | {"beta": 0.8, "gamma": 2.0, "gamma_decay": 0.25, "rho": 0.1, "normalize": False}
    excess = {"learning_rate": 0.01, "epsilon": 1e-7}
    for k in [2, 3]:
        for name, method, settings, loops, direct, branches in [
            ("moco", "moco", moco, MoCo, DirectMoCo, {k}),
            ("moco_as_written", "moco", as_written, MoCo, DirectMoCo, {k - 1, k}),
            ("excess_mtl", "excess_mtl", excess, ExcessMtl, DirectExcessMtl, set()),
            (
                "excess_mtl_fast",
                "excess_mtl",
                excess | {"learning_rate": 0.5, "epsilon": 1e-2},
                ExcessMtl,
                DirectExcessMtl,
                set(),
            ),
            ("graddrop", "graddrop", {"leak": 0.0}, GradDrop, DirectGradDrop, {1, 2}),
            ("graddrop_leak", "graddrop", {"leak": 0.3}, GradDrop, DirectGradDrop, {1, 2}),
        ]:
            out[f"{name}_{k}_tasks"] = (k, method, settings, loops, direct, branches)
    return out


def draw_entries(rng, k):
    """[(epoch, losses, rows, gradients)], two decimals, none of them 0."""
    steps = []
    for epoch, count in enumerate(EPOCHS):
        for _ in range(count):
            rows = sorted(rng.choice(ROWS, size=rng.integers(1, ROWS), replace=False).tolist())
            g = rng.normal(size=(k, len(indices(rows)))) * rng.uniform(0.2, 1.0, (k, 1))
            g = np.round(np.where(abs(g) < 0.02, 0.02, g), 2)
            steps.append((epoch, np.round(rng.uniform(0.2, 1.6, k), 3), rows, g))
    return steps


def halves(values):
    """Dense entries, and those of the table."""
    nine = [float(f"{x:.9g}") for x in np.asarray(values)]
    return {"dense": nine[:DENSE], "table": nine[DENSE:]}


def write_entry_case(folder, case, k, method, settings, loops, direct, branches):
    for attempt in range(100_000):
        steps = draw_entries(generator(f"weighting {case}", attempt), k)
        weighting = loops(k, settings)
        results = [weighting.step(losses.tolist(), rows, g.tolist()) for _, losses, rows, g in steps]
        if branches <= weighting.branches and min(weighting.margins, default=1) > 4e-3:
            break
    else:
        raise RuntimeError(f"{case}: no acceptable draw")
    reference = direct(k, settings)
    epochs = [[] for _ in EPOCHS]
    for (epoch, losses, rows, g), (weights, combined) in zip(steps, results):
        expected = reference.step(losses, rows, g)
        small(np.asarray(weights) - np.asarray(expected[0]))
        is_drawn = isinstance(combined, dict)
        for key in combined if is_drawn else [slice(None)]:
            small(np.asarray(combined[key]) - np.asarray(expected[1][key]))
        epochs[epoch].append(
            {
                "losses": losses.tolist(),
                "gram": None,
                "losses_after": None,
                "weights": [float(f"{x:.9g}") for x in weights],
                "gradients": {
                    "dense": g[:, :DENSE].tolist(),
                    "n_rows": ROWS,
                    "rows": rows,
                    "table": g[:, DENSE:].tolist(),
                },
                "combined": None if is_drawn else halves(combined),
                "drawn": {key: [float(f"{x:.9g}") for x in v] for key, v in combined.items()} if is_drawn else None,
            }
        )
    write(folder / f"{case}.json", {"weighting": {method: settings}, "epochs": epochs})


def main():
    torch.set_num_threads(1)
    folder = Path(__file__).resolve().parent / "weightings"
    for case, settings in cases().items():
        write_case(folder, case, *settings)
        print(case)
    for case, settings in entry_cases().items():
        write_entry_case(folder, case, *settings)
        print(case)
    write_names(folder, {**cases(), **entry_cases()})


if __name__ == "__main__":
    main()

"""Draws control.svg, learnt weights beside the AUCs they give: python docs/results/control.py REPLAY_RUN EQUAL_RUN > docs/results/control.svg"""
import json
import sys

TASKS = ['click', 'long_view', 'profile_enter', 'like']
COLORS = ['#0072b2', '#56b4e9', '#d55e00', '#009e73']
WIDTH, HEIGHT, TOP, PLOT = 960, 300, 46, 190


def curves(folder):
    tags = {}
    for line in open(folder + '/metrics.jsonl'):
        record = json.loads(line)
        if record.get('value') is not None:
            tags.setdefault(record['tag'], []).append((record['step'], record['value']))
    return tags


replay, equal = map(curves, sys.argv[1:3])
last = max(step for step, _ in replay['pretrain/validation_mean_auc'])
out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
       'font-family="Helvetica, Arial, sans-serif" font-size="11" fill="#333">',
       '<title>Loss weights of a learnt controller, and validation AUC with them and with equal weights</title>',
       f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>']


def panel(left, width, title, low, high, ticks):
    x = lambda step: left + step / last * width
    y = lambda value: TOP + PLOT - (value - low) / (high - low) * PLOT
    out.append(f'<text x="{left}" y="22" font-size="13" font-weight="bold">{title}</text>')
    for tick in ticks:
        out.append(f'<line x1="{left}" x2="{left + width}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#e4e4e4"/>'
                   f'<text x="{left - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for step in range(0, last + 1, 100):
        out.append(f'<text x="{x(step):.1f}" y="{TOP + PLOT + 16}" text-anchor="middle">{step}</text>')
    out.append(f'<path d="M{left} {TOP}V{TOP + PLOT}H{left + width}" fill="none" stroke="#999"/>')
    out.append(f'<text x="{left + width / 2}" y="{TOP + PLOT + 33}" text-anchor="middle">step</text>')
    return x, y


def line(x, y, points, color, dash=''):
    path = ' '.join(f'{x(step):.1f},{y(value):.1f}' for step, value in points)
    out.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.8"{dash}/>')


x, y = panel(50, 400, 'Loss weight of each task, as learnt', 0, 4, [0, 1, 2, 3, 4])
for task, color in zip(TASKS, COLORS):
    line(x, y, replay[f'pretrain/weight_mean/{task}'], color)
x, y = panel(530, 400, 'Validation AUC: learnt weights (solid), equal weights (dashed)', 0.5, 0.8, [0.5, 0.6, 0.7, 0.8])
for task, color in zip(TASKS, COLORS):
    line(x, y, replay[f'pretrain/validation_auc/{task}'], color)
    line(x, y, equal[f'pretrain/validation_auc/{task}'], color, ' stroke-dasharray="4 3" opacity="0.7"')
for index, (task, color) in enumerate(zip(TASKS, COLORS)):
    left = 50 + 130 * index
    out.append(f'<line x1="{left}" x2="{left + 18}" y1="{HEIGHT - 10}" y2="{HEIGHT - 10}" stroke="{color}" stroke-width="2.5"/>'
               f'<text x="{left + 24}" y="{HEIGHT - 6}">{task.replace("_", " ")}</text>')
print('\n'.join(out) + '\n</svg>')

"""Draws curves.svg from a run of the quickstart: python docs/curves.py runs/quickstart > docs/curves.svg"""
import sys
import json
tags={}
for l in open(sys.argv[1] + '/metrics.jsonl'):
    r=json.loads(l)
    if 'value' in r and r['value'] is not None: tags.setdefault(r['tag'],[]).append((r['step'],r['value']))
out=[]
W,H=960,292
out.append(f'<svg xmlns="http://www.w3.org/2000/svg" width="{W}" height="{H}" viewBox="0 0 {W} {H}" font-family="Helvetica, Arial, sans-serif" font-size="11" fill="#333">')
out.append('<title>Curves of the quickstart, seed 1</title>')
out.append(f'<rect width="{W}" height="{H}" fill="#ffffff"/>')
C=['#0072b2','#d55e00','#009e73']
GREY='#888888'
def panel(x0,w,title,xlabel,xr,yr,xt,yt,yfmt):
    y0,h=44,196
    X=lambda v:x0+(v-xr[0])/(xr[1]-xr[0])*w
    Y=lambda v:y0+h-(v-yr[0])/(yr[1]-yr[0])*h
    out.append(f'<text x="{x0}" y="22" font-size="13" font-weight="bold">{title}</text>')
    for v in yt:
        out.append(f'<line x1="{x0}" x2="{x0+w}" y1="{Y(v):.1f}" y2="{Y(v):.1f}" stroke="#e4e4e4"/>')
        out.append(f'<text x="{x0-6}" y="{Y(v)+4:.1f}" text-anchor="end">{yfmt%v}</text>')
    for v in xt:
        out.append(f'<text x="{X(v):.1f}" y="{y0+h+16}" text-anchor="middle">{str(v).replace("-","−")}</text>')
    out.append(f'<path d="M{x0} {y0}V{y0+h}H{x0+w}" fill="none" stroke="#999"/>')
    out.append(f'<text x="{x0+w/2}" y="{y0+h+33}" text-anchor="middle">{xlabel}</text>')
    return X,Y
def line(X,Y,pts,color,dots=False,dash=''):
    d=' '.join(f'{X(a):.1f},{Y(b):.1f}' for a,b in pts)
    out.append(f'<polyline points="{d}" fill="none" stroke="{color}" stroke-width="1.8"{dash}/>')
    if dots:
        for a,b in pts: out.append(f'<circle cx="{X(a):.1f}" cy="{Y(b):.1f}" r="2.2" fill="{color}"/>')
def key(x,y,items,dy=15):
    for i,(name,color) in enumerate(items):
        out.append(f'<line x1="{x}" x2="{x+16}" y1="{y+dy*i-4}" y2="{y+dy*i-4}" stroke="{color}" stroke-width="2"/>')
        out.append(f'<text x="{x+21}" y="{y+dy*i}">{name}</text>')
# 1: validation AUC
X,Y=panel(52,240,'Validation: mean AUC','step of the phase',(0,450),(.62,.70),(0,150,300,450),(.62,.64,.66,.68,.70),'%.2f')
names=[('pretrain',GREY),('weighted',C[0]),('equal_budget',C[1])]
for ph,c in names:
    pts=[(s,v) for s,v in tags[f'{ph}/validation_mean_auc'] if v>=.62]
    line(X,Y,pts,c)
key(190,196,names)
# 2: weights
X,Y=panel(372,240,'Loss weights 1 − λQ: mean ± deviation','step of weighted',(0,450),(1,3.5),(0,150,300,450),(1,1.5,2,2.5,3,3.5),'%.1f')
tasks=['click','cart','buy']
for t,c in zip(tasks,C):
    m=tags[f'weighted/weight_mean/{t}']; s=dict(tags[f'weighted/weight_std/{t}'])
    up=[(a,b+s[a]) for a,b in m]; lo=[(a,b-s[a]) for a,b in m]
    d=' '.join(f'{X(a):.1f},{Y(b):.1f}' for a,b in up+lo[::-1])
    out.append(f'<polygon points="{d}" fill="{c}" fill-opacity=".15"/>')
    line(X,Y,m,c)
    out.append(f'<text x="{X(440):.1f}" y="{Y(m[-1][1])-5:.1f}" text-anchor="end" fill="{c}" font-weight="bold">{t}</text>')
# 3: calibration
X,Y=panel(692,240,'Critics: mean return against mean Q','mean Q of a tenth of the rows',(-3.4,0),(-3.4,0),(-3,-2,-1,0),(-3,-2,-1,0),'%d')
line(X,Y,[(-3.4,-3.4),(0,0)],'#bbb',dash=' stroke-dasharray="4 4"')
for t,c in zip(tasks,C):
    q=dict(tags[f'critics/calibration_q/{t}/terminated']); g=dict(tags[f'critics/calibration_return/{t}/terminated'])
    line(X,Y,[(q[i],g[i]) for i in sorted(q)],c,dots=True)
key(706,64,list(zip(tasks,C)))
out.append('</svg>')
s='\n'.join(out).replace('>-1<','>−1<').replace('>-2<','>−2<').replace('>-3<','>−3<')
print(s)

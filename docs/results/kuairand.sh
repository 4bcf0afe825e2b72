#!/usr/bin/env bash
# Makes every table of kuairand.md: docs/results/kuairand.sh FOLDER_WITH_THE_CSV_FILES
#
# Run it in the repository's root after `cargo build --release`. Interrupted, it goes on with the run it was in: finished
# runs lie in runs/kuairand and are kept. SEEDS="1 2" takes other seeds.
set -euo pipefail
runs=runs/kuairand
. "$(dirname "$0")/runs.sh"

layers='bottom=[128,64],tower=[64,32]'
apem='n_layers=2,n_inducing_points=16,tower=[64,32]'
bpcm='tower=[64,32]'
log_round='encoder.numeric="log_round"'
equal='weighting.equal={}'

# The settings of every backbone, with the loss terms and the encoding that belong to it.
backbone() {
    case $1 in
    single_task | shared_bottom | esmm | aitm) settings=("backbone.$1={$layers}") ;;
    escm2_ips) settings=("backbone.escm2={mode=\"ips\",$layers}" 'losses.counterfactual={}') ;;
    escm2_dr) settings=("backbone.escm2={mode=\"dr\",$layers}" 'losses.counterfactual={}') ;;
    omoe | mmoe) settings=("backbone.$1={n_experts=4,$layers}") ;;
    ple)
        local experts='n_specific_experts=2,n_shared_experts=2,levels=[[128],[64]]'
        settings=("backbone.ple={$experts,tower=[64,32]}")
        ;;
    apem) settings=("backbone.apem={$apem}" 'losses.dependence={}' "$log_round") ;;
    bpcm) settings=("backbone.bpcm={$bpcm}" 'losses.calibrator={}') ;;
    esac
}
backbones='single_task shared_bottom esmm escm2_ips escm2_dr omoe mmoe ple aitm apem bpcm'

for seed in $seeds; do
    for name in $backbones; do
        backbone "$name"
        run backbones "$name" "$seed" "${settings[@]}" "$equal"
    done
done

tables() {
    printf '## Equal weights\n\n'
    mapfile -t all < <(of backbones $backbones)
    compare "${all[@]}" --base single_task
}
finish

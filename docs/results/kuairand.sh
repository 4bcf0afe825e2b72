#!/usr/bin/env bash
# Makes every table of kuairand.md: docs/results/kuairand.sh FOLDER_WITH_THE_CSV_FILES
#
# Run it in the repository's root after `cargo build --release`. Interrupted, it goes on with the run it was in: finished
# runs lie in runs/kuairand and are kept. SEEDS="1 2 3" takes other seeds.
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

# One epoch each with equal weights, for the costs; nothing else should run meanwhile.
for name in $backbones; do
    backbone "$name"
    run cost "$name" 1 "${settings[@]}" "$equal" schedule.two_stage.pretrain.max_epochs=1
done
for seed in $seeds; do
    for name in $backbones; do
        backbone "$name"
        run backbones "$name" "$seed" "${settings[@]}"
    done
    run apem hard_selection "$seed" "backbone.apem={$apem,gamma={planned={start=10.0,end=0.001,share=0.1}}}" \
        "$log_round" losses.dependence={} "$equal"
    run apem without_asrg "$seed" "backbone.apem={$apem,asrg=false}" "$log_round" losses.dependence={} "$equal"
    run apem without_ps "$seed" "backbone.apem={$apem,ps=false}" "$log_round" losses.dependence={} "$equal"
    run apem without_dependence "$seed" "backbone.apem={$apem}" "$log_round" "$equal"
    run bpcm without_attention "$seed" "backbone.bpcm={$bpcm,attention=false}" losses.calibrator={} "$equal"
    run bpcm without_aggregation "$seed" "backbone.bpcm={$bpcm,aggregation=false}" losses.calibrator={} "$equal"
    run bpcm without_gate "$seed" "backbone.bpcm={$bpcm,gate=false}" losses.calibrator={} "$equal"
    run bpcm without_bpc "$seed" "backbone.bpcm={$bpcm,bpc=false}" losses.calibrator={} "$equal"
    run bpcm without_calibrator "$seed" "backbone.bpcm={$bpcm}" "$equal"
done

mapfile -t all < <(of backbones $backbones)
tables() {
    printf '## Equal weights\n\n'
    compare "${all[@]}" --actor pretrained --base single_task
    printf '## The same budget with equal weights\n\n'
    compare "${all[@]}" --actor equal-budget --base single_task
    printf '## Weights from the critics\n\n'
    compare "${all[@]}" --base single_task
    printf '## APEM, ablations\n\n'
    mapfile -t runs_of < <(of backbones apem && of apem hard_selection without_asrg without_ps without_dependence)
    compare "${runs_of[@]}" --actor pretrained --base apem
    printf '## BPCM, ablations\n\n'
    mapfile -t runs_of < <(of backbones bpcm && of bpcm without_{attention,aggregation,gate,bpc,calibrator})
    compare "${runs_of[@]}" --actor pretrained --base bpcm
    printf '## Cost\n\n'
    "$rmtl" compare --markdown "$runs/cost" | sed -n '/^### cost/,$p' | tail -n +3
}
finish

#!/usr/bin/env bash
# Makes every table of weightings.md: docs/results/weightings.sh FOLDER_WITH_THE_CSV_FILES
#
# Run it in the repository's root after `cargo build --release`. Interrupted, it goes on with the run it was in: finished
# runs lie in runs/weightings and are kept. SEEDS="1 2 3" takes other seeds.
set -euo pipefail
runs=runs/weightings
. "$(dirname "$0")/runs.sh"

layers='bottom=[128,64],tower=[64,32]'
esmm="backbone.esmm={$layers}"
weightings='equal constant exponential uw dwa rlw gls stch db_mtl famo imtl gradnorm pcgrad gradvac mgda cagrad aligned_mtl nash_mtl'
weighting() {
    case $1 in
    constant) echo 'weighting.constant={weights=[1.0,0.5]}' ;;
    *) echo "weighting.$1={}" ;;
    esac
}

for seed in $seeds; do
    for name in $weightings; do run esmm "$name" "$seed" "$esmm" "$(weighting "$name")"; done
    for lambda in 0.0 0.1 0.3 0.7 1.0; do
        run lambda "lambda_$lambda" "$seed" "$esmm" "weighting.critic.lambda=$lambda"
    done
    for gamma in 0.0 0.5 0.9; do
        run gamma "gamma_$gamma" "$seed" "$esmm" "critic.gamma=$gamma"
    done
done

tables() {
    printf '## Every weighting\n\n'
    mapfile -t folders < <(of esmm $weightings)
    compare "${folders[@]}" --base equal
    printf '## λ\n\n'
    mapfile -t folders < <(of lambda lambda_{0.0,0.1,0.3,0.7,1.0})
    compare "${folders[@]}" --base lambda_0.0
    printf '## γ\n\n'
    mapfile -t folders < <(of gamma gamma_{0.0,0.5,0.9} && of lambda lambda_0.7)
    compare "${folders[@]}" --base lambda_0.7
}
finish

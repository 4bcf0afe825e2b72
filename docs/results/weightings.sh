#!/usr/bin/env bash
# Makes every table of weightings.md: docs/results/weightings.sh FOLDER_WITH_THE_CSV_FILES
#
# Run it in the repository's root after `cargo build --release`. Interrupted, it goes on with the run it was in: finished
# runs lie in runs/weightings and are kept. SEEDS="1 2 3" takes other seeds.
set -euo pipefail
root=${1:?usage: docs/results/weightings.sh FOLDER_WITH_THE_CSV_FILES}
seeds=${SEEDS:-1 2}
rmtl=${RMTL:-target/release/rmtl}
runs=runs/weightings

# run FOLDER NAME SEED SETTING…: trains unless that run has finished.
run() {
    local out=$runs/$1/$2_seed$3 seed=$3 settings=()
    for setting in "${@:4}"; do settings+=(--set "$setting"); done
    if [ -e "$out/report.json" ]; then return; fi
    rm -rf "$out"
    printf '%s  %5d s  %s\n' "$(date +%T)" "$SECONDS" "$out"
    "$rmtl" train configs/kuairand/backbones.toml --root "$root" --out "$out" --quiet \
        --set "seed=$seed" "${settings[@]}" >"$runs/last.log" 2>&1 || { cat "$runs/last.log"; exit 1; }
}

layers='bottom=[128,64],tower=[64,32]'
esmm="backbone.esmm={$layers}"
weightings='equal constant exponential uw dwa rlw gls stch db_mtl famo imtl gradnorm pcgrad gradvac mgda cagrad aligned_mtl nash_mtl'
weighting() {
    case $1 in
    constant) echo 'weighting.constant={weights=[1.0,0.5]}' ;;
    *) echo "weighting.$1={}" ;;
    esac
}

mkdir -p "$runs"
for seed in $seeds; do
    for name in $weightings; do run esmm "$name" "$seed" "$esmm" "$(weighting "$name")"; done
    for lambda in 0.0 0.1 0.3 0.7 1.0; do
        run lambda "lambda_$lambda" "$seed" "$esmm" "weighting.critic.lambda=$lambda"
    done
    for gamma in 0.0 0.5 0.9; do
        run gamma "gamma_$gamma" "$seed" "$esmm" "critic.gamma=$gamma"
    done
done

compare() { "$rmtl" compare --markdown "$@" | sed '/^### cost/,$d'; }
# of FOLDER NAME…: the run folders of these seeds.
of() {
    for name in "${@:2}"; do for seed in $seeds; do printf '%s\n' "$runs/$1/${name}_seed$seed"; done; done
}
{
    printf '## Every weighting\n\n'
    mapfile -t folders < <(of esmm $weightings)
    compare "${folders[@]}" --base equal
    printf '## λ\n\n'
    mapfile -t folders < <(of lambda lambda_{0.0,0.1,0.3,0.7,1.0})
    compare "${folders[@]}" --base lambda_0.0
    printf '## γ\n\n'
    mapfile -t folders < <(of gamma gamma_{0.0,0.5,0.9} && of lambda lambda_0.7)
    compare "${folders[@]}" --base lambda_0.7
} >"$runs/tables.part"
mv "$runs/tables.part" "$runs/tables.md"
printf 'tables: %s, after %d s\n' "$runs/tables.md" "$SECONDS"

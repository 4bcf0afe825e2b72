#!/usr/bin/env bash
# Makes every table of weightings.md: docs/results/weightings.sh FOLDER_WITH_THE_CSV_FILES
#
# Run it in the repository's root after `cargo build --release`. Interrupted, it goes on with the run it was in: finished
# runs lie in runs/weightings and are kept. SEEDS="1 2" takes other seeds.
set -euo pipefail
runs=runs/weightings
. "$(dirname "$0")/runs.sh"

esmm='backbone.esmm={bottom=[128,64],tower=[64,32]}'

# A whole training from new parameters, with the budget of pretraining; and one that goes on from the pretrained actor, slowly, with the
# optimiser it had.
scratch='start_from="scratch",max_epochs=20'
further='max_epochs=2,learning_rate=1e-4,embedding_learning_rate=1e-4,keep_optimizer=true'

# arm FOLDER NAME SEED START SETTING…: critics' weights without a repetition at equal weights.
arm() { run "$1" "$2" "$3" "$esmm" "schedule.two_stage.weighted={$4,equal_budget=false}" "${@:5}"; }

lambda() { echo "weighting.critic.lambda=$1"; }
placebo='weighting.critic.placebo=permute'
mean_1='weights.normalize=batch_mean'

# The same log without a gap: no session is known to end.
mkdir -p "$runs"
sed 's/^session = .*/session = "user_id"/; 0,/^name = .*/s//name = "kuairand-pure-without-a-gap"/' \
    configs/datasets/kuairand_pure_two.toml >"$runs/without_a_gap.toml"
without_a_gap="data.dataset=\"$runs/without_a_gap.toml\""

for seed in $seeds; do
    for start in scratch further; do
        arm "$start" equal "$seed" "${!start}" "$(lambda 0.0)"
        arm "$start" lambda_0.7 "$seed" "${!start}" "$(lambda 0.7)"
        arm "$start" lambda_0.7_placebo "$seed" "${!start}" "$(lambda 0.7)" "$placebo"
        arm "$start" lambda_-0.2 "$seed" "${!start}" "$(lambda -0.2)"
        arm "$start" lambda_0.7_mean_1 "$seed" "${!start}" "$(lambda 0.7)" "$mean_1"
        arm "$start" lambda_0.7_mean_1_placebo "$seed" "${!start}" "$(lambda 0.7)" "$mean_1" "$placebo"
    done
    arm scratch lambda_0.2 "$seed" "$scratch" "$(lambda 0.2)"
    arm without_a_gap equal "$seed" "$scratch" "$(lambda 0.0)" "$without_a_gap"
    arm without_a_gap lambda_0.7 "$seed" "$scratch" "$(lambda 0.7)" "$without_a_gap"
    arm without_a_gap lambda_0.7_placebo "$seed" "$scratch" "$(lambda 0.7)" "$placebo" "$without_a_gap"
done

weightings='equal constant exponential uw dwa rlw gls stch db_mtl famo imtl gradnorm pcgrad gradvac mgda cagrad aligned_mtl nash_mtl'
weighting() {
    case $1 in
    constant) echo 'weighting.constant={weights=[1.0,0.5]}' ;;
    *) echo "weighting.$1={}" ;;
    esac
}
for seed in $seeds; do
    for name in $weightings; do run esmm "$name" "$seed" "$esmm" "$(weighting "$name")"; done
done

tables() {
    local arms='equal lambda_0.7 lambda_0.7_placebo lambda_-0.2 lambda_0.7_mean_1 lambda_0.7_mean_1_placebo'
    printf '## λ, from scratch\n\n'
    mapfile -t folders < <(of scratch $arms lambda_0.2)
    compare "${folders[@]}" --base equal
    printf '## λ, going on from the pretrained actor\n\n'
    mapfile -t folders < <(of further $arms)
    compare "${folders[@]}" --base equal
    printf '## λ, from scratch, no session known to end\n\n'
    mapfile -t folders < <(of without_a_gap equal lambda_0.7 lambda_0.7_placebo)
    compare "${folders[@]}" --base equal
    printf '## Critics\n\n'
    mapfile -t folders < <(of scratch lambda_0.7)
    compare_critics "${folders[@]}"
    printf '## Every weighting\n\n'
    mapfile -t folders < <(of esmm $weightings)
    compare "${folders[@]}" --base equal
}
finish

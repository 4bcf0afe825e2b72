#!/usr/bin/env bash
# Makes every table of weightings.md: docs/results/weightings.sh FOLDER_WITH_THE_CSV_FILES
#
# Run it in the repository's root after `cargo build --release`. Interrupted, it goes on with the run it was in: finished
# runs lie in runs/weightings and are kept. SEEDS="1 2 3" takes other seeds.
set -euo pipefail
runs=runs/weightings
. "$(dirname "$0")/runs.sh"

layers='bottom=[128,64],tower=[64,32]'
backbone() {
    case $1 in
    esmm) echo "backbone.esmm={$layers}" ;;
    mmoe) echo "backbone.mmoe={n_experts=4,$layers}" ;;
    ple) echo 'backbone.ple={n_specific_experts=2,n_shared_experts=2,levels=[[128],[64]],tower=[64,32]}' ;;
    esac
}
weightings='equal constant exponential uw dwa rlw gls stch db_mtl famo imtl gradnorm pcgrad gradvac mgda cagrad aligned_mtl nash_mtl'
leading='equal uw stch famo pcgrad gradvac'
weighting() {
    case $1 in
    constant) echo 'weighting.constant={weights=[1.0,0.5]}' ;;
    *) echo "weighting.$1={}" ;;
    esac
}

# Critics that learn in other ways, under lambda = 0.7.
critics='neg_relu linear twins prioritized resampled n_steps_3 steps_150'
critic() {
    case $1 in
    neg_relu | linear) echo "critic.output=$1" ;;
    twins) echo critic.twins=true ;;
    prioritized) echo 'replay.prioritized={}' ;;
    resampled) echo replay.resample_actions=true ;;
    n_steps_3) echo critic.n_steps=3 ;;
    steps_150) echo schedule.two_stage.critics.max_steps=150 ;;
    esac
}

# Agents of the joint schedule. The policy gradient beside BCE, alone, and with TD3's and TD3+BC's options.
agents='joint ddpg ddpg_alone ddpg_alone_uniform ddpg_alone_8 frozen_alone td3 td3_bc bc'
agent() {
    local bce='weighting.constant={weights=[1.0,1.0]}' silent='weighting.constant={weights=[0.0,0.0]}'
    local gradient='losses.policy_gradient={}' joint='schedule.joint={}'
    local td3=("$silent" 'critic.twins=true' 'critic.smoothing={}' 'schedule.joint={critic_steps=2}')
    case $1 in
    joint) settings=("$joint") ;;
    ddpg) settings=("$joint" "$bce" "$gradient") ;;
    ddpg_alone) settings=("$joint" "$silent" "$gradient") ;;
    # Actions from all over [0, 1], so that the critics know what they are asked about.
    ddpg_alone_uniform)
        settings=('schedule.joint={collect={policy="uniform"}}' 'replay.resample_actions=true' "$silent" "$gradient")
        ;;
    # The same with eight updates of the critics to one of the actor.
    ddpg_alone_8)
        settings=('schedule.joint={collect={policy="uniform"},critic_steps=8}'
            'replay.resample_actions=true' "$silent" "$gradient")
        ;;
    # Critics of the row's own reward, trained before the actor follows them.
    frozen_alone)
        settings=('schedule.two_stage={collect={policy="uniform"},critics={max_steps=600}}'
            'replay.resample_actions=true' critic.gamma=0.0 "$silent" "$gradient")
        ;;
    td3) settings=("${td3[@]}" "$gradient") ;;
    td3_bc) settings=("${td3[@]}" 'losses={policy_gradient={strength=2.5,normalize=true},behaviour_cloning={}}') ;;
    # What cloning does by itself.
    bc) settings=("${td3[@]}" 'losses={policy_gradient={strength=1e-9},behaviour_cloning={}}') ;;
    esac
}

for seed in $seeds; do
    for name in $weightings; do run esmm "$name" "$seed" "$(backbone esmm)" "$(weighting "$name")"; done
    for lambda in 0.0 0.1 0.3 0.7 1.0; do
        run lambda "lambda_$lambda" "$seed" "$(backbone esmm)" "weighting.critic.lambda=$lambda"
    done
    for gamma in 0.0 0.5 0.9; do
        run gamma "gamma_$gamma" "$seed" "$(backbone esmm)" "critic.gamma=$gamma"
    done
    # The weights' mean taken out: what is left is which rows count more.
    for gamma in 0.0 0.95; do
        run gamma "gamma_${gamma}_mean_1" "$seed" "$(backbone esmm)" "critic.gamma=$gamma" weights.normalize=batch_mean
    done
    for name in $critics; do run critics "$name" "$seed" "$(backbone esmm)" "$(critic "$name")"; done
    for name in $agents; do
        agent "$name"
        run agents "$name" "$seed" "$(backbone esmm)" "${settings[@]}"
    done
    for other in mmoe ple; do
        for name in $leading; do run "$other" "$name" "$seed" "$(backbone "$other")" "$(weighting "$name")"; done
        for lambda in 0.0 0.7; do
            run "$other" "lambda_$lambda" "$seed" "$(backbone "$other")" "weighting.critic.lambda=$lambda"
        done
    done
    for name in ddpg ddpg_alone ddpg_alone_8; do
        agent "$name"
        run ple "d_ple${name#ddpg}" "$seed" "$(backbone ple)" "${settings[@]}"
    done
done

tables() {
    printf '## Every weighting\n\n'
    mapfile -t folders < <(of esmm $weightings)
    compare "${folders[@]}" --base equal
    for other in mmoe ple; do
        printf '## The leading five on %s\n\n' "$other"
        mapfile -t folders < <(of "$other" $leading)
        compare "${folders[@]}" --base equal
    done
    printf '## λ on ESMM\n\n'
    mapfile -t folders < <(of lambda lambda_{0.0,0.1,0.3,0.7,1.0})
    compare "${folders[@]}" --base lambda_0.0
    for other in mmoe ple; do
        printf '## λ on %s\n\n' "$other"
        mapfile -t folders < <(of "$other" lambda_{0.0,0.7})
        if [ "$other" = ple ]; then mapfile -t folders < <(of ple lambda_{0.0,0.7} d_ple d_ple_alone d_ple_alone_8); fi
        compare "${folders[@]}" --base lambda_0.0
    done
    printf '## γ\n\n'
    mapfile -t folders < <(of lambda lambda_{0.0,0.7} && of gamma gamma_{0.0,0.5,0.9,0.0_mean_1,0.95_mean_1})
    compare "${folders[@]}" --base lambda_0.0
    printf '## Agents\n\n'
    mapfile -t folders < <(of lambda lambda_{0.0,0.7} && of agents $agents)
    compare "${folders[@]}" --base lambda_0.0
    printf '## Critics\n\n'
    mapfile -t folders < <(of lambda lambda_{0.0,0.7} && of critics $critics && of agents joint && of gamma gamma_0.0)
    compare "${folders[@]}" --base lambda_0.0
    compare_critics "${folders[@]}"
}
finish

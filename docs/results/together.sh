#!/usr/bin/env bash
# Sweeps of eight runs started at the same moment, nothing prepared before; every second run is of another log with the same
# name. Each must end well and have trained on the data its run.toml names.
#
#   docs/results/together.sh [ROUNDS]      63 rounds are 504 runs; RMTL names the program
set -euo pipefail
rounds=${1:-63}
rmtl=$(realpath "${RMTL:-target/release/rmtl}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

for log in 1 2; do
    mkdir "log_$log"
    cat > "log_$log/dataset.toml" <<TOML
name = "together"
query = "SELECT * FROM log"
session = { key = "session", gap = 3_600_000 }
time = "time"
categorical = ["user", "item", "category"]
ignore = ["user_group", "position", "quality", "hour", "price", "p_click", "p_cart", "p_buy"]
tasks = [{ name = "click", label = "click" }, { name = "cart", label = "cart", after = "click" }]
tables.log = { synthetic = { seed = $log, n_users = 100, n_items = 60, n_sessions = $((300 + 100 * log)) } }
TOML
    sed -i 's/ignore = \[/ignore = ["buy", /' "log_$log/dataset.toml"
    cat > "log_$log/run.toml" <<TOML
batch_size = 256
[data]
dataset = "dataset.toml"
[encoder]
dim = 4
[backbone.shared_bottom]
bottom = [16]
tower = [8]
[weighting.equal]
[schedule.two_stage]
pretrain = { max_epochs = 1, patience = 1 }
TOML
    "$rmtl" prepare "log_$log/dataset.toml" --out "alone_$log" -q > /dev/null 2>&1
done
hash_of() { sed -n 's/.*"content_hash": *"\([0-9a-f]*\)".*/\1/p' "$1" | head -1; }

runs=0 failed=0 wrong=0
for round in $(seq "$rounds"); do
    rm -rf prepared runs
    pids=()
    for seed in $(seq 8); do
        "$rmtl" train "log_$((1 + seed % 2))/run.toml" -q --set "seed=$seed" --out "runs/$seed" > /dev/null 2> "err_$seed" &
        pids+=($!)
    done
    for seed in $(seq 8); do
        runs=$((runs + 1))
        if ! wait "${pids[$((seed - 1))]}"; then
            failed=$((failed + 1))
            grep -A1 '^error' "err_$seed" || true
        elif [ "$(hash_of "runs/$seed/report.json")" != "$(hash_of "alone_$((1 + seed % 2))/manifest.json")" ]; then
            wrong=$((wrong + 1))
        fi
    done
done
echo "$runs runs in sweeps of 8: $failed failed, $wrong trained on the other log"
[ "$failed" = 0 ] && [ "$wrong" = 0 ]

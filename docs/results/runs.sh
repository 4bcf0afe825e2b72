# What the scripts of this folder have in common. Sourced with the folder of the log, after `runs` was set.
#
# A run that was interrupted is trained again; finished ones lie in $runs and are kept, whatever has been edited since: remove
# the folder to train anew.
root=${1:?usage: $0 FOLDER_WITH_THE_CSV_FILES}
seeds=${SEEDS:-1 2 3}
rmtl=${RMTL:-target/release/rmtl}
mkdir -p "$runs"

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

# of FOLDER NAME…: the run folders of these seeds.
of() {
    for name in "${@:2}"; do for seed in $seeds; do printf '%s\n' "$runs/$1/${name}_seed$seed"; done; done
}

# The tables of runs but for their critics and what they cost.
compare() { "$rmtl" compare --split test --markdown --actor final "$@" | sed '/^### critics of/,$d; /^### cost/,$d'; }

# The tables of their critics.
compare_critics() { "$rmtl" compare --markdown "$@" | sed '/^### critics of/,/^### cost/!d; /^### cost/d'; }

# finish: puts what tables prints into $runs/tables.md, whole or not at all.
finish() {
    tables >"$runs/tables.part"
    mv "$runs/tables.part" "$runs/tables.md"
    printf 'tables: %s, after %d s\n' "$runs/tables.md" "$SECONDS"
}

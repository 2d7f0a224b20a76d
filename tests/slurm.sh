#!/usr/bin/env bash
# Runs a small study on a real Slurm (slurmctld and slurmd of Debian's packages, on this machine, as root), requeues one
# of its jobs while it runs, runs the same study with make, and compares every artifact's manifest.
#
#   sudo apt-get install slurmctld slurmd slurm-client munge
#   make build && sudo tests/slurm.sh [DIRECTORY]
#
# DIRECTORY (default: a temporary one) keeps the two studies and Slurm's logs; nothing outside it is touched.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$(realpath -m "${1:-$(mktemp -d)}")
for tool in slurmctld slurmd sbatch munged; do
    command -v "$tool" >/dev/null || { echo "error: no $tool; apt-get install slurmctld slurmd slurm-client munge" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "error: slurmd needs root" >&2; exit 1; }
[ -x target/release/study ] || { echo "error: no target/release/study; run make build" >&2; exit 1; }
mkdir -p "$work"/{state,spool,munge}

# Slurm with its own ports, key and directories, so that it meets no other one.
host=$(hostname -s)
cores=$(getconf _NPROCESSORS_ONLN)
chmod 755 "$work"
chmod 700 "$work/munge"
head -c 1024 /dev/urandom >"$work/munge/key"
chmod 400 "$work/munge/key"
export SLURM_CONF=$work/slurm.conf
cat >"$SLURM_CONF" <<CONF
ClusterName=lab
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
JobRequeue=1
SchedulerParameters=sched_interval=5,requeue_setup_env_fail
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cores State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
echo "CgroupAutomount=no" >"$work/cgroup.conf"
processes=()
end() {
    scancel --full --user root 2>/dev/null || true
    for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
    wait 2>/dev/null || true
}
trap end EXIT
munged --foreground --force --key-file="$work/munge/key" --socket="$work/munge/socket" --pid-file="$work/munge/pid" \
    --log-file="$work/munge/log" --seed-file="$work/munge/seed" 2>"$work/munge/stderr" &
processes+=($!)
sleep 1
slurmctld -D -c -f "$SLURM_CONF" 2>"$work/slurmctld.stderr" &
processes+=($!)
sleep 2
slurmd -D -f "$SLURM_CONF" 2>"$work/slurmd.stderr" &
processes+=($!)
for _ in $(seq 30); do
    sinfo --noheader --format=%t 2>/dev/null | grep -qx idle && break
    sleep 1
done
sinfo --noheader --format=%t | grep -qx idle || { echo "error: Slurm did not start; see $work/*.log" >&2; exit 1; }
echo "Slurm $(sinfo --version | cut -d' ' -f2) is up: $(sinfo --noheader --format='%D node, %c cores')"

cat >"$work/small.toml" <<STUDY
description = "A small study for the comparison of Slurm and make."
[base.lang]
world = "$root/data/worlds/tiny.toml"
[base.model]
max_steps = 150
checkpoints = 5
[base.eval]
samples = 10
bootstrap = 50
[grid.lang]
world_seed = [1, 2]
[grid.tok]
vocab_size = [64, 128]
STUDY
for how in slurm make; do
    target/release/study plan "$work/small.toml" --out "$work/$how" --slurm >/dev/null
done

CPUS=1 "$work/slurm/slurm/submit.sh"
# Requeue the first training that runs: the task starts again and goes on from its last complete state.
job=
for _ in $(seq 600); do
    job=$(squeue --noheader --name=model --states=RUNNING --format=%i | head -n 1)
    [ -z "$job" ] || break
    sleep 0.2
done
[ -n "$job" ] || { echo "error: no training ran; see $work/slurm/logs" >&2; exit 1; }
sleep 1
scontrol requeue "$job" && echo "requeued $job"
while [ -n "$(squeue --noheader)" ]; do sleep 1; done
target/release/study status "$work/slurm"
make --no-print-directory -C "$work/make" -j"$cores" QUIET=--quiet

names=$(cd "$work/make/artifacts" && ls -d ./*/ | sort)
[ "$names" = "$(cd "$work/slurm/artifacts" && ls -d ./*/ | sort)" ] || { echo "error: not the same artifacts" >&2; exit 1; }
for name in $names; do
    cmp "$work/make/artifacts/$name/manifest.json" "$work/slurm/artifacts/$name/manifest.json"
done
echo "identical: $(echo "$names" | wc -l) artifacts by Slurm and by make"

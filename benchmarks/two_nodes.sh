#!/usr/bin/env bash
# Two Ray nodes on this machine, each in a network namespace of its own, of which one is killed half-way: is
# metrics.json the same as by processes? Exit code 0 where it is. Needs root and iproute2.
#
#     bash benchmarks/two_nodes.sh OUT [the words of bevdrive simulate]
set -euo pipefail

out=$1
shift
words=("$@")
((${#words[@]})) || words=(--benchmark interactive --planner constant_velocity --videos 0)
bin=$(cd "$(dirname "$0")/.." && pwd)/.venv/bin
head=10.77.0.1 port=6399
# Ray 2.60 turns away who joins from elsewhere without a token.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN=$("$bin/python" -c "import secrets; print(secrets.token_hex(32))")

on() { # a node, and what runs there
	ip netns exec "bevdrive$1" "${@:2}"
}

end() {
	for node in 1 2; do
		ip netns pids "bevdrive$node" 2>/dev/null | xargs -r kill -9 || true
		ip netns del "bevdrive$node" 2>/dev/null || true
	done
}

end
trap end EXIT
for node in 1 2; do
	ip netns add "bevdrive$node"
	on $node ip link set lo up
done
ip link add node1 netns bevdrive1 type veth peer name node2 netns bevdrive2
for node in 1 2; do
	on $node ip addr add "10.77.0.$node/24" dev "node$node"
	on $node ip link set "node$node" up
done
on 1 "$bin/ray" start --head --node-ip-address $head --port $port --num-cpus 1 --include-dashboard false >/dev/null
on 2 "$bin/ray" start --address $head:$port --node-ip-address 10.77.0.2 --num-cpus 1 >/dev/null

[[ -f $out/processes/metrics.json ]] ||
	"$bin/bevdrive" simulate "${words[@]}" --workers 2 --out "$out" --name processes
RAY_ADDRESS=$head:$port on 1 "$bin/bevdrive" simulate "${words[@]}" --cluster ray --out "$out" --name ray &
run=$!
jobs() { # finished batches of a run
	find "$out/$1/batches" -name '[0-9]*.json' 2>/dev/null | wc -l
}
half=$((($(jobs processes) + 1) / 2))
while (($(jobs ray) < half)); do
	kill -0 $run
	sleep 0.2
done
ip netns pids bevdrive2 | xargs kill -9
echo "node 2 was killed after $(jobs ray) of $(jobs processes) batches"
wait $run
cmp "$out/processes/metrics.json" "$out/ray/metrics.json"
echo "the same metrics.json"

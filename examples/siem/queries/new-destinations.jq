# Which destinations were reached for the first time? Before a time all are known: --arg since 2026-11-22
reduce (inputs | select(.event_type == "connection_allowed")) as $e ({};
    ($e.dst_hostname // $e.dst_ip) as $to
    | if has($to) then . else .[$to] = {first: $e.timestamp, by: ($e.unit // $e.process // "-")} end)
| to_entries | sort_by(.value.first)[]
| select(.value.first >= ($ARGS.named.since // "")) | "\(.value.first)\t\(.value.by)\t\(.key)"

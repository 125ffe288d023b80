# Where did most bytes go, and from which unit?
[inputs | select(.event_type == "connection_closed")
        | {to: "\(.unit // .process // "-")\t\(.dst_hostname // .dst_ip)", n: .bytes_out}]
| group_by(.to) | map({n: (map(.n) | add), to: .[0].to, connections: length}) | sort_by(-.n)[]
| "\(.n)\t\(.connections)\t\(.to)"

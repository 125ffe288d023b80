# Who was denied what, and how often? Since a time: --arg since 2026-11-22
[inputs | select((.blocked or .would_deny) and .timestamp >= ($ARGS.named.since // ""))
        | {by: "\(.unit // "-")\t\(.process // "-")", to: (.dst_hostname // .dst_ip // .socket_family // .reason),
           mode, n: (.count // 1)}]
| group_by([.mode, .by, .to])
| map("\(map(.n) | add)\t\(.[0].mode)\t\(.[0].by)\t\(.[0].to)")
| sort_by(split("\t")[0] | tonumber) | reverse[]

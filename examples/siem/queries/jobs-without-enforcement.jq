# Which jobs ran, in whole or in part, without enforcement?
reduce (inputs | select(.job)) as $e ({};
    ([$e.unit // "-", ($e.job | to_entries | map("\(.key)=\(.value)") | join(" "))] | join("\t")) as $job
    | if $e.mode != "enforce" then .[$job] += [$e.mode] else . end)
| to_entries[] | "\(.value | unique | join(","))\t\(.key)"

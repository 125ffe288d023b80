# What has changed what is enforced?
inputs
| select(.event_type | IN("enforcement_started", "enforcement_ended", "enforcement_resumed", "mode_changed", "policy_loaded",
                          "policy_rejected", "hook_lost", "state_not_kept", "proxy_shared", "privileged_call", "events_lost"))
| "\(.timestamp)\t\(.event_type)\t\(.mode)\t\(.scope // "-")\t\(.detail // .policy_digest // .count // "")"

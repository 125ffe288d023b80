from harness import *
@case("tmpx")
def tmpx(lab):
    for mode in "enforce", "audit":
        r = lab.attack(["--allow", "github.com:7", "--mode", mode], 'print(resolve("evil.example"))')
        for e in r.events: print({k:e.get(k) for k in ("event_type","dst_ip","query_type","dst_hostname", "src_ip","src_port","protocol")})

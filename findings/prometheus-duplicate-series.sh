#!/usr/bin/env bash
# Prometheus 2.42 drops the second of two equal series of a scrape without any sign.
#
# A page that names the same series twice, with two values, is a fault of the exporter. Seen with prometheus
# 2.42.0+ds-5+deb12u1: the first value is stored and the second is lost; `up` is 1, scrape_samples_scraped counts both,
# the counters of duplicate and out-of-order samples stay 0, and the log has no line even at level debug. One would
# expect a failed scrape, a warning (2.53 has one), or at least the counter whose name says "duplicate". An exporter of
# many processes must put what tells them apart into the labels: a test against this version alone never fails.
set -euo pipefail

folder=$(mktemp -d)
children=()
trap '((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq download prometheus=2.42.0+ds-5+deb12u1 2>/dev/null || {
    echo "not to be had: prometheus 2.42.0+ds-5+deb12u1"
    exit 2
}
dpkg-deb -x ./*.deb root
cat >serve.py <<'PY'
import http.server
PAGE = b'# TYPE live_bytes gauge\nlive_bytes{comm="a"} 1\nlive_bytes{comm="a"} 2\nlive_bytes{comm="b"} 3\n'
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(PAGE)
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PY
timeout 120 python3 serve.py >port &
children+=($!)
for _ in {1..100}; do
    [[ -s port ]] && break
    sleep 0.1
done
cat >config.yml <<YAML
global: {scrape_interval: 1s}
scrape_configs: [{job_name: finding, static_configs: [{targets: ["127.0.0.1:$(<port)"]}]}]
YAML
listen=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
timeout 120 root/usr/bin/prometheus --config.file=config.yml --storage.tsdb.path=data --web.listen-address="$listen" \
    --log.level=debug >log 2>&1 &
children+=($!)
ask() {
    python3 - "http://$listen" "$@" <<'PY'
import json, sys, urllib.parse, urllib.request
base, query = sys.argv[1:]
with urllib.request.urlopen(base + "/api/v1/query?" + urllib.parse.urlencode({"query": query})) as reply:
    for row in json.load(reply)["data"]["result"]:
        comm = row["metric"].get("comm")
        print(row["metric"].get("__name__", query) + (f'{{comm="{comm}"}}' if comm else ""), row["value"][1])
PY
}
for _ in {1..300}; do
    [[ $(ask live_bytes 2>/dev/null | wc -l) -ge 1 ]] && break
    sleep 0.2
done
{
    ask live_bytes
    ask up
    ask scrape_samples_scraped
    python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode(), end="")' \
        "http://$listen/metrics" | grep -E '^prometheus_target_scrapes_sample_(duplicate|out_of_order)' | sort
    printf 'lines of the log on it: %s\n' "$(grep -ciE 'duplicate|same timestamp' log || true)"
} | tee seen
diff - seen <<'TEXT' || exit 1
live_bytes{comm="a"} 1
live_bytes{comm="b"} 3
up 1
scrape_samples_scraped 3
prometheus_target_scrapes_sample_duplicate_timestamp_total 0
prometheus_target_scrapes_sample_out_of_order_total 0
lines of the log on it: 0
TEXT

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// metricsText is what /metrics says after n reads.
func metricsText(n int) string {
	var b strings.Builder
	counter := func(name string, lines ...string) {
		fmt.Fprintf(&b, "# TYPE %s counter\n", name)
		for _, line := range lines {
			fmt.Fprintf(&b, "%s%s\n", name, line)
		}
	}
	gauge := func(name string, lines ...string) {
		fmt.Fprintf(&b, "# TYPE %s gauge\n", name)
		for _, line := range lines {
			fmt.Fprintf(&b, "%s%s\n", name, line)
		}
	}
	counter("hearth_pagecache_pages_total",
		fmt.Sprintf(`{priority="demand",result="hit"} %d`, 8*n), fmt.Sprintf(`{priority="demand",result="joined"} %d`, n),
		fmt.Sprintf(`{priority="demand",result="filled"} %d`, n), `{priority="prefetch",result="filled"} 1000`)
	counter("hearth_pagecache_bytes_total",
		fmt.Sprintf(`{priority="demand",result="hit"} %d`, 8192*n), fmt.Sprintf(`{priority="demand",result="filled"} %d`, 1024*n))
	counter("hearth_indexcache_requests_total", `{result="hit"} 3`, `{result="miss"} 1`)
	counter("hearth_origin_requests_total",
		fmt.Sprintf(`{code="206",op="get"} %d`, n), `{code="503",op="get"} 2`, `{code="200",op="list"} 4`, `{code="200",op="put"} 0`)
	counter("hearth_origin_received_bytes_total", fmt.Sprintf(" %d", 1024*n))
	fmt.Fprintf(&b, "# TYPE hearth_proxy_request_duration_seconds histogram\n")
	for _, bucket := range []string{`le="0.001"} %d`, `le="0.002"} %d`, `le="+Inf"} %d`} {
		fmt.Fprintf(&b, `hearth_proxy_request_duration_seconds_bucket{method="GET",`+bucket+"\n", 10*n)
	}
	fmt.Fprintf(&b, "hearth_proxy_request_duration_seconds_sum{method=\"GET\"} 1\nhearth_proxy_request_duration_seconds_count{method=\"GET\"} %d\n", 10*n)
	gauge("hearth_warm_generations", `{state="warm"} 2`, `{state="partial"} 1`, `{state="failed"} 0`)
	gauge("hearth_warm_jobs_running", " 1")
	counter("hearth_warm_jobs_total", `{state="warm"} 5`)
	gauge("hearth_pagecache_used_bytes", " 1048576")
	gauge("hearth_pagecache_memory_bytes", " 4194304")
	gauge("hearth_indexcache_resident_bytes", `{role="pk"} 1024`, `{role="fts"} 1024`)
	gauge("hearth_indexcache_limit_bytes", " 8192")
	return b.String()
}

const statsGolden = `hearth 1.2.3, up 1m0s, counts since the start

TIER       HIT RATIO  ASKED  HITS  BYTES     OF HITS
pages      90.0%      100    90    90.0 KiB  80.0 KiB
decoded    75.0%      4      3     -         -
snapshots  -          0      0     -         -

ORIGIN    REQUESTS
get       12
list      4
failed    2
retried   0
received  10.0 KiB
sent      0 B

LATENCY  COUNT  P50    P99
S3 GET   100    500µs  990µs

GENERATIONS  1 partial, 2 warm
WARMS        1 running, 0 queued; ended: 5 warm; 0 B from the origin

MEMORY          USED      BUDGET
pages           1.00 MiB  4.00 MiB (25%)
of them pinned  0 B       -
decoded         2.00 KiB  8.00 KiB (25%)
snapshots       0 B       -
facts           0 B       -
inventories     0 B       -
`

// statsServer answers as a sidecar does that was read from n times.
func statsServer(t *testing.T, n *atomic.Int64) (environ []string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/metrics":
			_, _ = io.WriteString(w, metricsText(int(n.Load())))
		default:
			_, _ = io.WriteString(w, `{"version":"1.2.3","uptime":"1m0s","bypassed":false}`)
		}
	}))
	t.Cleanup(server.Close)
	return []string{"HEARTH_ADMIN=" + server.URL}
}

func TestStats(t *testing.T) {
	var n atomic.Int64
	n.Store(10)
	environ := statsServer(t, &n)
	code, stdout, stderr := run(t, environ, "stats")
	if diff := cmp.Diff(stdout, statsGolden); diff != "" || code != exitOK {
		t.Errorf("exit code %d, %s (-got +want):\n%s", code, stderr, diff)
	}
	_, stdout, _ = run(t, environ, "stats", "--json")
	var got numbers
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tiers[0].Hits != 90 || *got.Tiers[0].HitRatio != 0.9 || got.Origin.Requests["get"] != 12 || got.Latencies[0].P99 != 0.00099 {
		t.Errorf("got %+v", got)
	}
	if code, _, stderr = run(t, environ, "stats", "--watch", "--interval=1ms"); code != exitUsage || !strings.Contains(stderr, "--interval: 1ms is less than 100ms") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestNumbersOfAnIntervalAreRates(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	look := func(n int, at time.Time) *reading {
		found, err := parseMetrics([]byte(metricsText(n)))
		if err != nil {
			t.Fatal(err)
		}
		return &reading{at: at, version: "1.2.3", uptime: "1m0s", samples: found}
	}
	line := func(v *statsView) string {
		var b strings.Builder
		if err := v.tell(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	v := &statsView{before: look(10, at), last: look(30, at.Add(2*time.Second))}
	want := "10:00:02  pages 90.0% of 100.0/s  bytes 90.0 KiB/s  decoded -  origin 10.0/s, 10.0 KiB/s  GET p50/p99 500µs/990µs" +
		"  warms 1  memory 1.00 MiB of 4.00 MiB\n"
	if got := line(v); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	v = &statsView{before: look(30, at), last: look(10, at.Add(time.Second))}
	if got := line(v); !strings.Contains(got, "pages 90.0% of 100.0/s") {
		t.Errorf("after a restart: got %s", got)
	}
	v = &statsView{before: look(10, at), last: look(10, at.Add(time.Second))}
	if got := line(v); !strings.Contains(got, "pages - of 0.0/s") || !strings.Contains(got, "p50/p99 -") {
		t.Errorf("of a quiet second: got %s", got)
	}
}

// script is a view whose looks end as the script says, with the interrupt after the last.
type script struct {
	looks   []error
	signals chan os.Signal
	began   time.Time
	at      []time.Duration
}

func (s *script) look(context.Context) error {
	s.at = append(s.at, time.Since(s.began))
	err := s.looks[len(s.at)-1]
	if len(s.at) == len(s.looks) {
		s.signals <- os.Interrupt
	}
	return err
}

func (s *script) draw(w io.Writer) error {
	_, err := fmt.Fprintf(w, "table %d\n", len(s.at))
	return err
}

func (s *script) tell(w io.Writer) error {
	_, err := fmt.Fprintf(w, "line %d\n", len(s.at))
	return err
}

func TestWatch(t *testing.T) {
	away := errors.New("admin API at x: refused")
	const clear = "\x1b[H\x1b[2J\x1b[3J"
	for name, tt := range map[string]struct {
		looks  []error
		screen bool
		want   string
		err    bool
	}{
		"lines where there is no terminal": {looks: []error{nil, nil, nil}, want: "line 1\nline 2\n"},
		"drawn anew on a terminal":         {looks: []error{nil, nil, nil}, screen: true, want: clear + "table 1\n" + clear + "table 2\n"},
		"away is said once, and that it is over": {
			looks: []error{nil, away, away, nil, nil},
			want:  "line 1\naway: admin API at x: refused; asking again every 2s\nback\nline 4\n",
		},
		"away on a terminal": {
			looks: []error{nil, away, nil, nil}, screen: true,
			want: clear + "table 1\n" + clear + "away: admin API at x: refused; asking again every 2s\n" + clear + "table 3\n",
		},
		"a refusal ends it": {looks: []error{nil, &refusal{errors.New("401")}, nil}, want: "line 1\n", err: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{looks: tt.looks, signals: make(chan os.Signal), began: time.Now()}
				p := &process{signals: s.signals}
				var b strings.Builder
				err := p.watch(t.Context(), &b, tt.screen, 2*time.Second, s)
				if (err != nil) != tt.err {
					t.Errorf("got %v", err)
				}
				if diff := cmp.Diff(b.String(), tt.want); diff != "" {
					t.Errorf("(-got +want):\n%s", diff)
				}
				for i, at := range s.at {
					if at != time.Duration(i)*2*time.Second {
						t.Errorf("look %d after %v", i, at)
					}
				}
			})
		})
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		s := &script{looks: make([]error, 10), began: time.Now()}
		if err := (&process{signals: make(chan os.Signal)}).watch(ctx, io.Discard, false, 2*time.Second, s); err != nil || len(s.at) != 3 {
			t.Errorf("%d looks, %v", len(s.at), err)
		}
	})
}

func TestGenerationsAreToldWhenTheyChange(t *testing.T) {
	v := &generationsView{now: func() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }}
	var b strings.Builder
	for _, answer := range []string{
		`{"total":1,"generations":[{"bucket":"b","prefix":"t/1/","state":"warming"}]}`,
		`{"total":1,"generations":[{"bucket":"b","prefix":"t/1/","state":"warming"}]}`,
		`{"total":2,"generations":[{"bucket":"b","prefix":"t/1/","state":"warm","publication":"confirmed","objects":1,"bytes":1024,"resident_bytes":1024},` +
			`{"bucket":"b","prefix":"t/2/","state":"unknown"}]}`,
		`{"total":1,"generations":[{"bucket":"b","prefix":"t/2/","state":"unknown"}]}`,
	} {
		v.answer = []byte(answer)
		if err := v.tell(&b); err != nil {
			t.Fatal(err)
		}
	}
	want := "10:00:00  warming  -  -  -  s3://b/t/1/\n" +
		"10:00:00  warm  confirmed  1.00 KiB of 1.00 KiB  -  s3://b/t/1/\n" +
		"10:00:00  unknown  -  -  -  s3://b/t/2/\n" +
		"10:00:00  gone  s3://b/t/1/\n"
	if diff := cmp.Diff(b.String(), want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

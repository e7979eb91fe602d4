package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/sigv4"
	"github.com/hearthcache/hearth/proxy/class"
)

// TestMain lets the test binary be the subject that the harness starts itself as.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

func newDataset(t *testing.T) *dataset {
	t.Helper()
	path := filepath.Join(t.TempDir(), "set")
	if err := writeDataset(path, objectBytes); err != nil {
		t.Fatal(err)
	}
	d, err := openDataset(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestObjectsAreNamedAsLanceNamesThem(t *testing.T) {
	table, err := class.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range newDataset(t).objects {
		if v := table.Classify(bucket, key); v.Class != class.Immutable {
			t.Errorf("%s is %s by %s", key, v.Class, v.Rule)
		}
	}
}

func TestSequencesAskForEveryPlaceOnce(t *testing.T) {
	d := newDataset(t)
	for size, want := range map[int64]int{4 << 10: 512, 64 << 10: 512, 1 << 20: 32} {
		spans := d.sequence(size)
		if len(spans) != want {
			t.Errorf("%d spans of %d bytes, want %d", len(spans), size, want)
		}
		seen := map[span]bool{}
		for _, s := range spans {
			if seen[s] || s.off%pageBytes != 0 || len(d.at(s)) != int(size) {
				t.Errorf("%v is there twice, or badly aligned", s)
			}
			seen[s] = true
		}
		if slices.IsSortedFunc(spans, func(a, b span) int { return int(a.off - b.off) }) {
			t.Errorf("spans of %d bytes are in order", size)
		}
	}
}

type oneKey struct{}

func (oneKey) Secret(name string) (string, bool) { return secretKey, name == accessKey }

func TestSignedRequestsAreGenuine(t *testing.T) {
	v, err := sigv4.New(sigv4.Options{Keys: oneKey{}})
	if err != nil {
		t.Fatal(err)
	}
	d := newDataset(t)
	for _, text := range d.requests("127.0.0.1:9000", d.sequence(1 << 20)[:3], true) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(text))))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(r); err != nil {
			t.Error(err)
		}
	}
}

func TestHeads(t *testing.T) {
	for name, tt := range map[string]struct {
		text   string
		length int64
		size   int
		bad    bool
	}{
		"complete":           {"HTTP/1.1 206 Partial Content\r\nEtag: x\r\nContent-Length: 12\r\n\r\nab", 12, 61, false},
		"not complete":       {"HTTP/1.1 206 Partial Content\r\nContent-Length: 12\r\n", 0, 0, false},
		"another status":     {"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", 0, 0, true},
		"no length":          {"HTTP/1.1 206 Partial Content\r\nX: 1\r\n\r\n", 0, 0, true},
		"length is no digit": {"HTTP/1.1 206 Partial Content\r\nContent-Length: x\r\n\r\n", 0, 0, true},
		"too long":           {"HTTP/1.1 206 Partial Content\r\n" + strings.Repeat("x", maxHead), 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			length, size, err := parseHead([]byte(tt.text))
			if length != tt.length || size != tt.size || (err != nil) != tt.bad {
				t.Errorf("%d, %d, %v", length, size, err)
			}
		})
	}
}

func TestMediansAndQuantiles(t *testing.T) {
	id := func(f float64) float64 { return f }
	if got := median([]float64{3, 1, 2}, id); got != 2 {
		t.Errorf("odd: %v", got)
	}
	if got := median([]float64{4, 1, 2, 3}, id); got != 2.5 {
		t.Errorf("even: %v", got)
	}
	values := make([]int, 200)
	for i := range values {
		values[i] = i
	}
	got := []int{quantile(values, 0), quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)}
	if diff := cmp.Diff(got, []int{0, 100, 198, 199}); diff != "" {
		t.Errorf("quantiles (-got +want):\n%s", diff)
	}
}

func TestTheProcessorClockAgreesWithTheTicksOfTheKernel(t *testing.T) {
	began := time.Now()
	for x := 0; time.Since(began) < 200*time.Millisecond; x++ {
		_ = x * x
	}
	clock, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	var ticks int
	for _, i := range []int{11, 12} { // utime, stime
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	const tick = 10 * time.Millisecond
	if difference := time.Duration(ticks)*tick - clock; difference.Abs() > 5*tick {
		t.Errorf("clock %s, ticks %s", clock, time.Duration(ticks)*tick)
	}
}

func TestChildrenBelongToAProcess(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "sleep 60 & echo; wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	pids, err := tree(cmd.Process.Pid)
	if err != nil || len(pids) != 2 {
		t.Errorf("%v, %v", pids, err)
	}
	for _, pid := range pids[1:] {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
	_ = cmd.Wait() // its child was killed
}

// The two subjects that need nothing installed, from start to table.
func TestARunMeasuresAndCleansUp(t *testing.T) {
	scratch := t.TempDir()
	o := options{
		rounds: 1, conns: 4, seconds: 0.01, set: objectBytes, sizes: []int64{4 << 10, 1 << 20},
		subjects: []string{subjectChi, subjectLoop}, nginx: "no-such-program", sidecar: "not-started",
		scratch: scratch, json: filepath.Join(t.TempDir(), "out.json"),
	}
	var out strings.Builder
	if err := hits(context.Background(), o, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"4 KiB", "1 MiB", "chi", "loop", "/loop"} {
		if !strings.Contains(out.String(), word) {
			t.Errorf("the table lacks %q:\n%s", word, out.String())
		}
	}
	text, err := os.ReadFile(o.json)
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal(text, &r); err != nil || len(r.Rows) != 4 || r.Rows[0].Turns[0].Requests == 0 || r.Rows[0].PerCPU <= 0 {
		t.Errorf("%v in %s", err, text)
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

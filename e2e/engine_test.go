package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/internal/meter"
	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/warm"
)

// asked are the queries that both LanceDB and the engine can be asked, by the name that query.mjs gives them.
var asked = map[string][]string{
	"scan":          {"scan"},
	"point newest":  {"get", "id-002779"},
	"point older":   {"get", "id-001050"},
	"point base":    {"get", "id-000000"},
	"point missing": {"get", "id-999999"},
	"in":            {"scan", "--filter", "id IN ('id-000000', 'id-001050', 'id-002779')"},
	"text":          {"search", "--column=text", "--match=zulu", "--k=50", "--statistics=source"},
	"phrase":        {"search", "--column=text", "--phrase=bravo alpha", "--k=50", "--statistics=source"},
}

// lsm runs sidecar lsm in a fresh process and returns what it prints.
func lsm(t *testing.T, args ...string) (text string, err error) {
	t.Helper()
	c := exec.Command(binary, append([]string{"lsm"}, args...)...)
	c.Dir = t.TempDir()
	c.Env = clientEnv("AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey)
	out, err := c.Output()
	if failed, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output documents it
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return string(out), err
}

// digested is what query.mjs says of rows, of lines of JSON.
func digested(lines string, columns int) (q queried) {
	var rows []string
	for line := range strings.Lines(lines) {
		line = strings.TrimSuffix(line, "\n")
		var fields map[string]json.RawMessage
		if json.Unmarshal([]byte(line), &fields) == nil && len(fields) > columns { // a score
			line = line[:strings.LastIndex(line, `,"_`)] + "}"
		}
		rows = append(rows, line)
	}
	slices.Sort(rows)
	sum := sha256.Sum256([]byte(strings.Join(rows, "\n")))
	q.Answer.Rows, q.Answer.SHA256 = len(rows), hex.EncodeToString(sum[:])
	return q
}

func TestTheEngineBehindAWarmHearthAnswersAsLanceDBAndReadsNothingCold(t *testing.T) {
	l := newLance(t)
	s := startSidecar(t, originLatency, "--warm-on-open=false")
	makeBucket(t, "engine", filepath.Join(here, "..", "testdata", "lance-memwal", "db"))
	const uri = "s3://engine/fixture"
	const table = uri + "/items.lance"
	if a := s.warm(t, table, http.StatusOK); a.State != warm.Warm {
		t.Fatalf("got %+v", a)
	}
	for kind, args := range asked {
		want := l.query(t, kind, uri, storageOptions(store.Endpoint))
		args = append([]string{args[0], table}, args[1:]...)
		args = append(args, "--format=json", "--columns=id,text,n,vector")
		for where, flags := range map[string][]string{
			"a fresh process reading through Hearth": {"--endpoint", s.S3}, "the engine in Hearth": {"--admin", s.Admin},
		} {
			s.Meter.Reset()
			text, err := lsm(t, append(args, flags...)...)
			if err != nil {
				t.Fatalf("%s, %s: %v", kind, where, err)
			}
			if n := s.Meter.Count(meter.Immutable); n != 0 {
				t.Errorf("%s, %s: %d origin requests for what cannot change: %v", kind, where, n, s.Meter.Counts())
			}
			if got := digested(text, 4); got.Answer != want.Answer {
				t.Errorf("%s, %s: got %+v, LanceDB %+v", kind, where, got.Answer, want.Answer)
			}
		}
	}
	if n := s.metric(t, "hearth_engine_queries_total", `outcome="ok"`); n != float64(len(asked)) {
		t.Errorf("%v queries were counted, want %d", n, len(asked))
	}
	// What the engine asks for what is new is counted, and with an hour to spare there is nothing.
	s.Meter.Reset()
	text, err := lsm(t, "get", table, "id-000800", "--explain", "--format=json", "--admin", s.Admin, "--max-age=1h")
	var rep engine.Report
	if err != nil || json.Unmarshal([]byte(text), &rep) != nil || rep.Plan.Rows != 1 {
		t.Fatalf("%v\n%s", err, text)
	}
	if n := s.Meter.Count(""); n != 0 || rep.Freshness.Origin()+rep.Query.Origin() != 0 {
		t.Errorf("%d requests, %+v", n, rep)
	}
}

func TestTheEngineAnswersForRandomTablesAsLanceDB(t *testing.T) {
	l := newLance(t)
	s := startSidecar(t, 0, "--warm-on-open=false")
	seed := seedtest.Seed(t)
	bucket := fmt.Sprintf("engine-%d", seed)
	makeBucket(t, bucket, "")
	uri := "s3://" + bucket + "/db"
	run := func(mode, endpoint string) string {
		t.Helper()
		return must(t, l.env, l.node, "testdata/random.mjs", mode, strconv.FormatUint(seed, 10), uri, storageOptions(endpoint))
	}
	t.Log(run("write", s.S3))
	table := uri + "/random.lance"
	if a := s.warm(t, table, http.StatusOK); a.State != warm.Warm {
		t.Fatalf("got %+v", a)
	}
	s.Meter.Reset()
	text, err := lsm(t, "scan", table, "--format=json", "--columns=id,text,vector", "--admin", s.Admin)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Meter.Count(meter.Immutable); n != 0 {
		t.Errorf("%d origin requests for what cannot change: %v", n, s.Meter.Counts())
	}
	var lines []string
	for line := range strings.Lines(text) {
		var row struct {
			ID     json.RawMessage
			Text   string
			Vector []json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		var numbers []string
		for _, v := range row.Vector {
			numbers = append(numbers, string(v))
		}
		lines = append(lines, fmt.Sprintf("%s %s %s", strings.Trim(string(row.ID), `"`), row.Text, strings.Join(numbers, ",")))
	}
	slices.Sort(lines)
	got := fmt.Sprintf("{\"rows\":%d,\"sha256\":\"%x\"}\n", len(lines), sha256.Sum256([]byte(strings.Join(lines, "\n"))))
	if want := run("scan", store.Endpoint); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got %s, LanceDB %s", got, want)
	}
}

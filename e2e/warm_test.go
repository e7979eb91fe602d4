package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/meter"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/warm"
)

const (
	itemsShard = "_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/"
	itemsGen   = itemsShard + "86a4c298_gen_4/"
	// originLatency is what a request to object storage takes.
	originLatency = 40 * time.Millisecond
)

// call asks the admin API and returns status and body.
func (s *sidecar) call(t *testing.T, method, path, body string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.Admin+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if s.Token != "" {
		r.Header.Set("Authorization", "Bearer "+s.Token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text
}

// warm warms a path, wants a status, and returns the answer.
func (s *sidecar) warm(t *testing.T, path string, status int) warm.Answer {
	t.Helper()
	got, text := s.call(t, http.MethodPost, "/warm", fmt.Sprintf(`{"path": %q, "wait": "60s"}`, path))
	var a warm.Answer
	if err := json.Unmarshal(text, &a); err != nil || got != status {
		t.Fatalf("warm %s: %d %s", path, got, text)
	}
	return a
}

// awaitState asks for the state of a generation until it is as wanted.
func (s *sidecar) awaitState(t *testing.T, prefix string, want warm.GenerationState) {
	t.Helper()
	ticker, deadline := time.NewTicker(50*time.Millisecond), time.After(30*time.Second)
	defer ticker.Stop()
	for {
		_, text := s.call(t, http.MethodGet, "/generations", "")
		var list struct{ Generations []warm.GenerationInfo }
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
		for _, g := range list.Generations {
			if "s3://"+g.Bucket+"/"+g.Prefix == prefix && g.State == want {
				return
			}
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%s does not become %s: %s", prefix, want, text)
		}
	}
}

// A queried is what a query process printed.
type queried struct {
	Answer struct {
		Rows   int
		SHA256 string
	}
	OpenMilliseconds, Milliseconds float64
}

// total is the time from opening the table to the last row.
func (q queried) total() float64 { return q.OpenMilliseconds + q.Milliseconds }

// query runs a query of query.mjs in a process of its own; more are further arguments.
func (l lance) query(t *testing.T, kind, uri, storage string, more ...string) queried {
	t.Helper()
	var q queried
	args := append([]string{"testdata/query.mjs", kind, uri, storage}, more...)
	if out := must(t, l.env, l.node, args...); json.Unmarshal([]byte(out), &q) != nil {
		t.Fatalf("%s: %s", kind, out)
	}
	return q
}

func TestFirstQueryAfterAWarmReadsNothingCold(t *testing.T) {
	l := newLance(t)
	s := startSidecar(t, originLatency, "--warm-on-open=false")
	makeBucket(t, "warmed", filepath.Join(here, "..", "testdata", "lance-memwal", "db"))
	const uri = "s3://warmed/fixture"
	kinds := []string{
		"scan", "point newest", "point older", "point base", "point missing", "in", "text", "phrase", "vector", "filtered vector",
	}
	type row struct {
		cold, warm, local     queried
		coldCounts, warmCount int64
	}
	rows := make(map[string]*row)
	for _, kind := range kinds {
		r := &row{}
		rows[kind] = r
		if status, text := s.call(t, http.MethodPost, "/invalidate", `{"prefix": "s3://warmed/"}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		s.Meter.Reset()
		r.cold = l.query(t, kind, uri, storageOptions(s.S3))
		r.coldCounts = s.Meter.Count("")
		r.local = l.query(t, kind, filepath.Join(store.Dir, "warmed", "fixture"), "{}")
	}
	if status, text := s.call(t, http.MethodPost, "/invalidate", `{"prefix": "s3://warmed/"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	s.Meter.Reset()
	a := s.warm(t, uri+"/items.lance", http.StatusOK)
	if a.State != warm.Warm {
		t.Fatalf("got %+v", a)
	}
	asked := a.Receipt.Requests.List + a.Receipt.Requests.Get + a.Receipt.Requests.Head
	if n := s.Meter.Count(""); n != asked {
		t.Errorf("%d requests at the origin, %d in the receipt", n, asked)
	}
	t.Logf("warm of %d objects, %d bytes: %+v in %d rounds, %s", a.Receipt.Objects, a.Receipt.Bytes, a.Receipt.Requests, a.Receipt.Rounds,
		time.Duration(a.Receipt.Elapsed))

	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "first query, from opening the table\tcold ms\trequests\twarm ms\trequests\tlocal disk ms\t")
	for _, kind := range kinds {
		r := rows[kind]
		s.Meter.Reset()
		r.warm = l.query(t, kind, uri, storageOptions(s.S3))
		r.warmCount = s.Meter.Count("")
		if n := s.Meter.Count(meter.Immutable); n != 0 {
			t.Errorf("%s: %d origin requests for what cannot change: %v", kind, n, s.Meter.Counts())
		}
		direct := l.query(t, kind, uri, storageOptions(store.Endpoint))
		for name, got := range map[string]queried{"cold": r.cold, "warm": r.warm, "local": r.local} {
			if diff := cmp.Diff(direct.Answer, got.Answer); diff != "" {
				t.Errorf("%s: straight at the origin (-) and %s (+):\n%s", kind, name, diff)
			}
		}
		fmt.Fprintf(w, "%s\t%.0f\t%d\t%.0f\t%d\t%.0f\t\n", kind, r.cold.total(), r.coldCounts, r.warm.total(), r.warmCount, r.local.total())
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s added to each request to the origin\n%s", originLatency, &table)
	l.checkTimes(t, s, kinds, "warmed", "fixture", filepath.Join(store.Dir, "warmed", "fixture"))
}

// copyInto copies what keep wants of a folder of the fixture into a bucket.
func copyInto(t *testing.T, bucket string, keep func(name string) bool) {
	t.Helper()
	root := filepath.Join(here, "..", "testdata", "lance-memwal", "db")
	err := fs.WalkDir(os.DirFS(root), "items.lance", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !keep(strings.TrimPrefix(name, "items.lance/")) {
			return err
		}
		contents, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		place(t, bucket, name, contents)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// place writes an object as a writer that knows nothing of Hearth.
func place(t *testing.T, bucket, key string, contents []byte) {
	t.Helper()
	_, err := newSDK(t, store.Endpoint).PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String(key), Body: bytes.NewReader(contents),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWarmAtTheWrongTime(t *testing.T) {
	bucket := fmt.Sprintf("early-%d", time.Now().UnixNano()) // one of its own, however often the test runs
	if err := store.EnsureBucket(bucket); err != nil {
		t.Fatal(err)
	}
	s := startSidecar(t, 0)
	newest := itemsShard + "manifest/" + memwal.ManifestName(5)
	manifest := itemsGen + "_versions/18446744073709551614.manifest"
	gen := "s3://" + bucket + "/items.lance/" + itemsGen

	// Missing, and not Lance at all.
	if a := s.warm(t, gen, http.StatusNotFound); a.State != warm.Failed {
		t.Errorf("missing: %+v", a)
	}
	place(t, bucket, "notes/readme.txt", []byte("not Lance"))
	if a := s.warm(t, "s3://"+bucket+"/notes", http.StatusOK); a.State != warm.Warm || a.Published {
		t.Errorf("not Lance: %+v", a)
	}

	// Half written, with the manifest that will be overwritten.
	copyInto(t, bucket, func(name string) bool {
		return name != newest && (!strings.HasPrefix(name, itemsGen) || strings.HasPrefix(name, itemsGen+"data/")) &&
			!strings.HasSuffix(name, memwal.VersionHintName)
	})
	place(t, bucket, "items.lance/"+itemsShard+"manifest/"+memwal.VersionHintName, memwal.EncodeVersionHint(4))
	place(t, bucket, "items.lance/"+manifest, bytes.Repeat([]byte{'x'}, 799))
	for range 2 {
		if a := s.warm(t, gen, http.StatusOK); a.State != warm.Warm || a.Published || a.Receipt.Objects != 2 {
			t.Errorf("half written: %+v", a)
		}
	}
	s.awaitState(t, gen, warm.GenerationProvisional)

	// The rest, the overwritten manifest, the commit.
	copyInto(t, bucket, func(name string) bool { return strings.HasPrefix(name, itemsGen) })
	copyInto(t, bucket, func(name string) bool { return name == newest })
	s.awaitState(t, gen, warm.GenerationWarm)
	var calls sync.WaitGroup
	for range 100 {
		calls.Go(func() {
			if a := s.warm(t, gen, http.StatusOK); a.State != warm.Warm || !a.Published || a.Job != "" {
				t.Errorf("published: %+v", a)
			}
		})
	}
	calls.Wait()
	s.Meter.Reset()
	root := filepath.Join(here, "..", "testdata", "lance-memwal", "db", "items.lance", filepath.FromSlash(itemsGen))
	client := newSDK(t, s.S3)
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || idle(name) {
			return err
		}
		want, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("items.lance/" + itemsGen + name)})
		if err != nil {
			return err
		}
		defer func() { _ = out.Body.Close() }()
		got, err := io.ReadAll(out.Body)
		if err == nil && !bytes.Equal(got, want) {
			t.Errorf("wrong bytes of %s", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Meter.Count(""); n != 0 {
		t.Errorf("%d requests at the origin: %v", n, s.Meter.Counts())
	}

	// Retired: nothing brings it back.
	if status, text := s.call(t, http.MethodPost, "/retain", fmt.Sprintf(
		`{"table": "s3://%s/items.lance", "shard": "aa48498d-ac91-59e2-8452-69f46010ace2", "live": [], "shard_manifest_version": 5}`, bucket)); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	if a := s.warm(t, gen, http.StatusOK); a.State != warm.Partial || a.Reason != warm.ReasonRetired || a.Receipt.ResidentBytes != 0 {
		t.Errorf("retired: %+v", a)
	}
}

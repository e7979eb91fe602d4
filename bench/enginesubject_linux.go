package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"golang.org/x/sys/unix"

	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/warm"
)

// engineSubject answers queries, as LanceDB or as the engine.
type engineSubject struct {
	name  string
	local bool // reads the files of the store, past S3
	// repeated asks queries one after another, in one process. It also says how much processor time that process took,
	// from the end of the first few on.
	repeated func(ctx context.Context, warmups int, queries []engineQuery) ([]engineAnswer, time.Duration, error)
	// Subjects that only ever ask once have none.
	//
	// fresh asks one query in a new process, or of a new engine, and says how long that took with the opening of the table.
	fresh func(ctx context.Context, q engineQuery) (time.Duration, error)
}

// engineAnswer is what a query gave.
type engineAnswer struct {
	elapsed time.Duration
	rows    int
	ids     []string // sorted
}

// The subjects. Those that stand for each other are beside each other.
const (
	lanceDirect   = "LanceDB"
	lanceHearth   = "LanceDB through Hearth"
	engineHearth  = "engine in Hearth"
	engineProcess = "sidecar lsm through Hearth"
	lanceLocal    = "LanceDB, local files"
	engineLocal   = "engine, local files"
	warmups       = 5
	columnsWanted = "id,n,text"
)

func (s *engineStage) subjects() []engineSubject {
	local := filepath.Join(s.store.Dir, engineBucket, "db")
	return []engineSubject{
		s.lanceSubject(lanceDirect, false, engineURI, s.origin.URL()),
		s.lanceSubject(lanceHearth, false, engineURI, s.hearth.s3),
		{name: engineHearth, repeated: s.askHearth, fresh: s.freshHearth},
		{name: engineProcess, fresh: s.freshProcess},
		s.lanceSubject(lanceLocal, true, local, ""),
		{name: engineLocal, local: true, repeated: s.askLocal, fresh: s.freshLocal},
	}
}

// lanceSubject is LanceDB.
func (s *engineStage) lanceSubject(name string, local bool, uri, endpoint string) engineSubject {
	options := "{}"
	if endpoint != "" {
		options = storageJSON(endpoint)
	}
	run := func(ctx context.Context, warmups int, queries []engineQuery) (open, cpu time.Duration, answers []engineAnswer, err error) {
		file, err := s.file("queries.json", map[string]any{"warmups": warmups, "queries": queries})
		if err != nil {
			return 0, 0, nil, err
		}
		var out struct {
			Open, CPU float64
			Answers   []struct {
				MS   float64
				Rows int
				IDs  []string
			}
		}
		if err := s.lancedb(ctx, &out, "run", uri, options, file); err != nil {
			return 0, 0, nil, err
		}
		for _, a := range out.Answers {
			answers = append(answers, engineAnswer{milliseconds(a.MS), a.Rows, a.IDs})
		}
		return milliseconds(out.Open), milliseconds(out.CPU), answers, nil
	}
	return engineSubject{
		name: name, local: local,
		repeated: func(ctx context.Context, warmups int, queries []engineQuery) ([]engineAnswer, time.Duration, error) {
			_, cpu, answers, err := run(ctx, warmups, queries)
			return answers, cpu, err
		},
		fresh: func(ctx context.Context, q engineQuery) (time.Duration, error) {
			open, _, answers, err := run(ctx, 0, []engineQuery{q})
			if err != nil {
				return 0, err
			}
			return open + answers[0].elapsed, nil
		},
	}
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// body is a query as Hearth's admin API takes it. Text scores are those of each source, as LanceDB's.
func (q engineQuery) body() (verb string, body map[string]any) {
	columns := strings.Split(columnsWanted, ",")
	switch q.Kind {
	case kindLookup:
		return "get", map[string]any{"keys": []string{q.ID}, "columns": columns}
	case kindText:
		return "search", map[string]any{"column": "text", "match": q.Match, "k": 10, "columns": columns, "statistics": "source"}
	case kindVector:
		return "search", map[string]any{"column": "vector", "vector": q.Vector, "k": 10, "columns": columns}
	case kindRange:
		return "scan", map[string]any{"filter": q.where(), "columns": columns}
	}
	return "scan", map[string]any{}
}

func (q engineQuery) where() string { return fmt.Sprintf("n >= %d AND n < %d", q.From, q.From+100) }

// ask asks queries one after another and takes the processor's time from the end of the warmups on.
func ask(warmups int, queries []engineQuery, cpu func() (time.Duration, error), one func(q engineQuery) (engineAnswer, error)) (answers []engineAnswer, took time.Duration, err error) {
	var from time.Duration
	for i, q := range queries {
		if i == warmups {
			if from, err = cpu(); err != nil {
				return nil, 0, err
			}
		}
		began := time.Now()
		a, err := one(q)
		if err != nil {
			return nil, 0, err
		}
		a.elapsed = time.Since(began)
		answers = append(answers, a)
	}
	took, err = cpu()
	return answers, took - from, err
}

// askHearth asks the engine in Hearth.
func (s *engineStage) askHearth(ctx context.Context, warmups int, queries []engineQuery) ([]engineAnswer, time.Duration, error) {
	return ask(warmups, queries, s.hearth.cpu, func(q engineQuery) (engineAnswer, error) { return s.hearth.ask(ctx, http.DefaultClient, q) })
}

// freshHearth asks a Hearth that was just started and has warmed the table, but never had it open, over a new connection.
func (s *engineStage) freshHearth(ctx context.Context, q engineQuery) (took time.Duration, err error) {
	h, err := s.startHearth(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.stop()) }()
	if err := h.warm(ctx); err != nil {
		return 0, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	began := time.Now()
	_, err = h.ask(ctx, client, q)
	return time.Since(began), err
}

// ask asks the engine by HTTP, for Arrow.
func (h *hearthProcess) ask(ctx context.Context, client *http.Client, q engineQuery) (a engineAnswer, err error) {
	verb, body := q.body()
	b, err := json.Marshal(body)
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.admin+"/v1/tables/"+engineTable+"/"+verb, bytes.NewReader(b))
	if err != nil {
		return a, err
	}
	req.Header.Set("Accept", "application/vnd.apache.arrow.stream")
	resp, err := client.Do(req)
	if err != nil {
		return a, err
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000)) // it is reported as far as it can be read
		return a, errors.Join(fmt.Errorf("%s: %s", resp.Status, text), resp.Body.Close())
	}
	a, err = readStream(resp.Body, q.Kind)
	return a, errors.Join(err, resp.Body.Close())
}

// readStream takes an answer to its end.
func readStream(r io.Reader, kind string) (a engineAnswer, err error) {
	stream, err := ipc.NewReader(r)
	if err != nil {
		return a, err
	}
	defer stream.Release()
	for stream.Next() {
		a.add(stream.RecordBatch(), kind)
	}
	slices.Sort(a.ids)
	return a, stream.Err()
}

func (a *engineAnswer) add(b arrow.RecordBatch, kind string) {
	a.rows += int(b.NumRows())
	if kind == kindScan {
		return
	}
	for i, f := range b.Schema().Fields() {
		if ids, ok := b.Column(i).(*array.String); ok && f.Name == "id" {
			for row := range ids.Len() {
				a.ids = append(a.ids, strings.Clone(ids.Value(row)))
			}
		}
	}
}

// freshProcess runs sidecar lsm, which reads through Hearth's S3 listener: the time of the whole process.
func (s *engineStage) freshProcess(ctx context.Context, q engineQuery) (time.Duration, error) {
	table := "s3://" + engineTable
	var args []string
	switch q.Kind {
	case kindLookup:
		args = []string{"get", table, q.ID, "--columns", columnsWanted}
	case kindText:
		args = []string{"search", table, "--column=text", "--match=" + q.Match, "--columns", columnsWanted, "--statistics=source"}
	case kindVector:
		v, err := json.Marshal(q.Vector)
		if err != nil {
			return 0, err
		}
		args = []string{"search", table, "--column=vector", "--vector=" + string(v), "--columns", columnsWanted}
	case kindRange:
		args = []string{"scan", table, "--filter", q.where(), "--columns", columnsWanted}
	default:
		args = []string{"scan", table}
	}
	c := exec.CommandContext(ctx, s.o.sidecar, append(append([]string{"lsm"}, args...), "--format=arrow", "--endpoint", s.hearth.s3)...)
	c.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+benchKey, "AWS_SECRET_ACCESS_KEY="+benchSecret)
	c.Dir = s.scratch
	var errs tail
	c.Stderr, c.Stdout = &errs, io.Discard
	began := time.Now()
	if err := c.Run(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, errs.String())
	}
	return time.Since(began), nil
}

// onLocal opens the table's files with nothing decoded and calls fn.
func (s *engineStage) onLocal(ctx context.Context, fn func(t *lsm.Table) error) (err error) {
	dir, err := storage.NewDir(filepath.Join(s.store.Dir, engineBucket))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	t, err := lsm.Open(ctx, dir, strings.TrimPrefix(engineTable, engineBucket+"/"), lsm.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return fn(t)
}

func (s *engineStage) askLocal(ctx context.Context, warmups int, queries []engineQuery) (answers []engineAnswer, cpu time.Duration, err error) {
	own := func() (time.Duration, error) { return cpuTime(os.Getpid()) }
	err = s.onLocal(ctx, func(t *lsm.Table) error {
		answers, cpu, err = ask(warmups, queries, own, func(q engineQuery) (engineAnswer, error) {
			if _, err := t.Refresh(ctx); err != nil { // as fresh as the others' answers
				return engineAnswer{}, err
			}
			return askTable(ctx, t, q)
		})
		return err
	})
	return answers, cpu, err
}

func (s *engineStage) freshLocal(ctx context.Context, q engineQuery) (elapsed time.Duration, err error) {
	began := time.Now()
	err = s.onLocal(ctx, func(t *lsm.Table) error {
		_, err := askTable(ctx, t, q)
		elapsed = time.Since(began)
		return err
	})
	return elapsed, err
}

// askTable asks the engine by its Go API.
func askTable(ctx context.Context, t *lsm.Table, q engineQuery) (a engineAnswer, err error) {
	snap, err := t.Snapshot()
	if err != nil {
		return a, err
	}
	defer snap.Close()
	columns := strings.Split(columnsWanted, ",")
	whole := func(b arrow.RecordBatch, err error) (engineAnswer, error) {
		if err != nil {
			return a, err
		}
		defer b.Release()
		a.add(b, q.Kind)
		slices.Sort(a.ids)
		return a, nil
	}
	switch q.Kind {
	case kindLookup:
		f, err := snap.Lookup(ctx, []lsm.PrimaryKey{{q.ID}}, lsm.LookupOptions{Columns: columns})
		if err != nil {
			return a, err
		}
		return whole(f.Records, nil)
	case kindText:
		return whole(snap.SearchText(ctx, lsm.TextOptions{
			Column: "text", Query: fts.Match{Text: q.Match}, K: 10, Columns: columns, Statistics: lsm.PerSource,
		}))
	case kindVector:
		return whole(snap.Nearest(ctx, lsm.NearestOptions{Column: "vector", Vector: q.Vector, K: 10, Columns: columns}))
	}
	o := lsm.ScanOptions{}
	if q.Kind == kindRange {
		o = lsm.ScanOptions{Where: q.where(), Columns: columns}
	}
	for b, err := range snap.Scan(ctx, o) {
		if err != nil {
			return a, err
		}
		a.add(b, q.Kind)
		b.Release()
	}
	slices.Sort(a.ids)
	return a, nil
}

// hearthProcess is a running Hearth.
type hearthProcess struct {
	*process
	s3, admin string
}

func (s *engineStage) startHearth(ctx context.Context) (*hearthProcess, error) {
	var addrs [2]string
	for i := range addrs {
		addr, err := freeAddr()
		if err != nil {
			return nil, err
		}
		addrs[i] = addr
	}
	c := exec.CommandContext(ctx, s.o.sidecar, "serve", "--listen", addrs[0], "--admin-listen", addrs[1], "--ops-listen", "",
		"--origin", s.origin.URL(), "--origin-region", region, "--access-key", benchKey, "--secret-key", benchSecret,
		"--memory", "1GiB", "--index-cache", "512MiB", "--log-level", "warn")
	c.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+benchKey, "AWS_SECRET_ACCESS_KEY="+benchSecret)
	c.Dir = s.scratch
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return nil, fmt.Errorf("processor affinity: %w", err)
	}
	p, err := start(ctx, all, c)
	if err != nil {
		return nil, err
	}
	h := &hearthProcess{p, "http://" + addrs[0], "http://" + addrs[1]}
	for _, addr := range addrs {
		if err := p.await(ctx, addr); err != nil {
			return nil, errors.Join(err, p.stop())
		}
	}
	return h, nil
}

// warm makes the table resident and decoded.
func (h *hearthProcess) warm(ctx context.Context) error {
	body := `{"path": ` + strconv.Quote("s3://"+engineTable) + `, "wait": "5m", "decode": true}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.admin+"/warm", strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it is read to its end
	var a warm.Answer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return err
	}
	if a.State != warm.Warm {
		return fmt.Errorf("warm: %s is %s", resp.Status, a.State)
	}
	return nil
}

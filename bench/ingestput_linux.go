package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	s3origin "github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/originstore"
	lancedata "github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/shard"
)

// memTableBytes is the size that a MemTable may have, and unflushedBytes that of all: LanceDB's defaults.
const memTableBytes, unflushedBytes = 256 << 20, 1 << 30

// putSpec is what "put" is to do.
type putSpec struct {
	Endpoint, Table string
	Batches         []string
	Clients         int
	Rows            int // of a generation
	Profile         string
}

// ingestAnswer is what a subject says of its turn; times are in milliseconds.
type ingestAnswer struct {
	Open  float64   `json:"open"`
	Put   float64   `json:"put"`   // from the first put to the last acknowledgement
	Close float64   `json:"close"` // the flush of what is left
	Puts  []float64 `json:"puts"`
	CPU   float64   `json:"cpu"`
	// Memory is the most that the process had resident, in bytes. It read all rows before it began.
	Memory int64 `json:"memory"`
}

// putHearth lets this command write as Hearth does, in a process of its own.
func (s *ingestStage) putHearth(ctx context.Context, into *ingestAnswer, table string, files []string, perGeneration int) error {
	spec := putSpec{
		Endpoint: s.origin.URL(), Table: "db/" + table + ".lance", Batches: files, Clients: s.o.clients, Rows: perGeneration,
	}
	if s.o.profile != "" {
		spec.Profile = filepath.Join(s.o.profile, table+".pprof")
	}
	name, err := s.spec(spec)
	if err != nil {
		return err
	}
	return runJSON(exec.CommandContext(ctx, s.self, "put", name), ingestHearth, into)
}

// put writes batches with Hearth's engine and prints an ingestAnswer.
func put(ctx context.Context, args []string, stdout io.Writer) (err error) {
	if len(args) != 1 {
		return errors.New("put: want a file")
	}
	b, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var spec putSpec
	if err := json.Unmarshal(b, &spec); err != nil {
		return err
	}
	var batches [][]byte
	for _, name := range spec.Batches {
		if b, err = os.ReadFile(name); err != nil {
			return err
		}
		batches = append(batches, b)
	}
	if spec.Profile != "" {
		f, err := os.Create(spec.Profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return errors.Join(err, f.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, f.Close())
		}()
	}
	a, err := putAll(ctx, &spec, batches)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(a)
}

// putAll opens the table, puts and flushes.
func putAll(ctx context.Context, spec *putSpec, batches [][]byte) (a ingestAnswer, err error) {
	cpu, err := cpuTime(os.Getpid())
	if err != nil {
		return a, err
	}
	began := time.Now()
	client, err := s3origin.New(ctx, s3origin.Config{Endpoint: spec.Endpoint, Region: region, AccessKey: benchKey, SecretKey: benchSecret})
	if err != nil {
		return a, err
	}
	store, err := originstore.New(client, engineBucket, spec.Table)
	if err != nil {
		return a, err
	}
	base, err := lancedata.LoadLatest(ctx, store)
	if err != nil {
		return a, err
	}
	layout, err := generation.LayoutOf(ctx, store, base, file.Options{})
	if err != nil {
		return a, err
	}
	w, err := shard.Open(ctx, store, layout, memwal.UnshardedShardID().String(), shard.Options{
		MaxRows: int64(spec.Rows), MaxBytes: memTableBytes, MemoryBytes: unflushedBytes,
	})
	if err != nil {
		return a, err
	}
	opened := time.Now()
	a.Puts, err = putBatches(ctx, w, batches, spec.Clients)
	acknowledged := time.Now()
	if err = errors.Join(err, w.Close(ctx)); err != nil {
		return a, err
	}
	closed := time.Now()
	a.Open, a.Put, a.Close = inMilliseconds(opened.Sub(began)), inMilliseconds(acknowledged.Sub(opened)), inMilliseconds(closed.Sub(acknowledged))
	after, err := cpuTime(os.Getpid())
	if err != nil {
		return a, err
	}
	a.CPU = inMilliseconds(after - cpu)
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return a, fmt.Errorf("usage: %w", err)
	}
	a.Memory = usage.Maxrss << 10
	return a, nil
}

func inMilliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// putBatches puts batches in order, so many at a time, and returns how long each one took.
func putBatches(ctx context.Context, w *shard.Writer, batches [][]byte, clients int) ([]float64, error) {
	var (
		next atomic.Int64
		mu   sync.Mutex
		took []float64
	)
	group, ctx := errgroup.WithContext(ctx)
	for range clients {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < len(batches); i = int(next.Add(1)) - 1 {
				from := time.Now()
				if err := putIPC(ctx, w, batches[i]); err != nil {
					return err
				}
				mu.Lock()
				took = append(took, inMilliseconds(time.Since(from)))
				mu.Unlock()
			}
			return nil
		})
	}
	err := group.Wait()
	return took, err
}

// putIPC puts a file of Arrow IPC with one batch.
func putIPC(ctx context.Context, w *shard.Writer, b []byte) error {
	r, err := ipc.NewFileReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	rows, err := r.RecordBatchAt(0)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	defer rows.Release()
	return errors.Join(w.Put(ctx, rows), r.Close())
}

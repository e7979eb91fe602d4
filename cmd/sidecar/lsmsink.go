package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lance/storage"
)

// lsmSink writes to a table: this process, or a running Hearth.
type lsmSink interface {
	rows(ctx context.Context, in io.Reader, keys bool) (engine.Written, error)
	// flush returns the rows that were found in logs, and the generations that were published.
	flush(ctx context.Context) (found, generations int64, err error)
	create(ctx context.Context, n engine.NewTable) error
	// close ends writing; what is not published then is, if that is this process's to do.
	close(ctx context.Context) error
	// flushed says in words whether close published something.
	flushed() string
}

// openSink finds what writes. A table that is to be made need not be there.
func (f *lsmFlags) openSink(p *process, cmd *cobra.Command, arg string, create bool) (lsmSink, error) {
	if f.admin.address != "" {
		if err := s3Path(cmd, arg); err != nil {
			return nil, err
		}
		client, err := f.admin.open(p, cmd)
		if err != nil {
			return nil, err
		}
		return &remoteSink{f, remoteEngine{client: client, table: strings.Trim(strings.TrimPrefix(arg, "s3://"), "/")}}, nil
	}
	target, err := f.openWritable(p, cmd, arg, create)
	if err != nil {
		return nil, err
	}
	store, ok := target.store.(storage.Writer)
	if !ok {
		target.close()
		return nil, errors.New("nothing can be written here")
	}
	writers, err := engine.NewWriters(store, engine.WriteOptions{Wait: longest, Idle: longest, CloseTimeout: longest})
	if err != nil {
		target.close()
		return nil, err
	}
	return &localSink{flags: f, writers: writers, target: target}, nil
}

// openWritable is openTable; a directory that is to be made is looked for in the one above it.
func (f *lsmFlags) openWritable(p *process, cmd *cobra.Command, arg string, create bool) (*lanceTarget, error) {
	if !create || strings.HasPrefix(arg, "s3://") || arg == "" {
		return f.openTable(p, cmd, arg)
	}
	if !filepath.IsAbs(arg) {
		arg = filepath.Join(p.dir, arg)
	}
	return dirTarget(filepath.Dir(arg), filepath.Base(arg))
}

// localSink writes in this process.
type localSink struct {
	flags   *lsmFlags
	writers *engine.Writers
	target  *lanceTarget
	wrote   bool
}

func (l *localSink) rows(ctx context.Context, in io.Reader, keys bool) (engine.Written, error) {
	ctx, cancel := l.flags.within(ctx)
	defer cancel()
	write := l.writers.Put
	if keys {
		write = l.writers.Delete
	}
	out, err := write(ctx, l.target.path, engine.ReadRows(in, keys))
	l.wrote = out.Rows > 0
	return *out, err
}

func (l *localSink) flush(ctx context.Context) (found, generations int64, err error) {
	ctx, cancel := l.flags.within(ctx)
	defer cancel()
	s, err := l.writers.Flush(ctx, l.target.path)
	return s.Replayed, s.Flushes, err
}

func (l *localSink) create(ctx context.Context, n engine.NewTable) error {
	ctx, cancel := l.flags.within(ctx)
	defer cancel()
	return l.writers.Create(ctx, l.target.path, n)
}

// close also runs when ctx is over: what is in memory is in the log, and ends with a short try.
func (l *localSink) close(ctx context.Context) error {
	ctx, cancel := l.flags.within(ctx)
	defer cancel()
	err := l.writers.Close(ctx)
	l.target.close()
	return err
}

func (l *localSink) flushed() string {
	if l.wrote {
		return ", and published"
	}
	return ""
}

// remoteSink has a running Hearth write.
type remoteSink struct {
	flags  *lsmFlags
	engine remoteEngine
}

// post sends a body and decodes the answer into to, also that of a failure as far as it says anything.
func (r *remoteSink) post(ctx context.Context, verb string, body io.Reader, to any) error {
	ctx, cancel := r.flags.within(ctx)
	defer cancel()
	req, err := r.engine.client.request(ctx, http.MethodPost, r.engine.path()+"/"+verb, body)
	if err != nil {
		return err
	}
	resp, err := r.engine.client.do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		var failed struct{ Written json.RawMessage }
		if json.Unmarshal(answer, &failed) == nil && len(failed.Written) > 0 {
			_ = json.Unmarshal(failed.Written, to) // the failure counts
		}
		return r.engine.client.refused(resp, answer)
	}
	if err := json.Unmarshal(answer, to); err != nil {
		return fmt.Errorf("admin API: %w", err)
	}
	return nil
}

func (r *remoteSink) rows(ctx context.Context, in io.Reader, keys bool) (out engine.Written, err error) {
	verb := "put"
	if keys {
		verb = "delete"
	}
	err = r.post(ctx, verb, in, &out)
	return out, err
}

func (r *remoteSink) flush(ctx context.Context) (found, generations int64, err error) {
	var stats, after struct {
		Replayed int64 `json:"replayed_rows"`
		Flushes  int64 `json:"flushes"`
	}
	before, err := r.engine.client.call(ctx, http.MethodGet, r.engine.path()+"/stats", nil)
	if err == nil {
		err = json.Unmarshal(before, &stats)
	}
	if err == nil {
		err = r.post(ctx, "flush", nil, &after)
	}
	return after.Replayed - stats.Replayed, after.Flushes - stats.Flushes, err
}

func (r *remoteSink) create(ctx context.Context, n engine.NewTable) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	var out struct{ Table string }
	return r.post(ctx, "create", strings.NewReader(string(text)), &out)
}

func (r *remoteSink) close(context.Context) error {
	r.engine.close()
	return nil
}

func (r *remoteSink) flushed() string { return "" }

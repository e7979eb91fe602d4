package dataset

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// files are the open data files of a dataset, the idle ones least recently used first.
type files struct {
	store storage.Store
	opts  Options

	mu struct {
		sync.Mutex
		closed bool
		open   map[string]*openFile
		idle   *list.List // of *openFile
	}
}

// openFile is a data file that is open or being opened.
type openFile struct {
	path   string
	ready  chan struct{} // closed when r or err is set
	r      *file.Reader
	err    error
	users  int           // guarded by files.mu
	inIdle *list.Element // guarded by files.mu
}

func newFiles(s storage.Store, opts Options) *files {
	f := &files{store: s, opts: opts}
	f.mu.open = map[string]*openFile{}
	f.mu.idle = list.New()
	return f
}

// acquire opens a data file or takes one that is open. The caller calls release when done.
func (f *files) acquire(ctx context.Context, df *pb.DataFile, rows int64) (*openFile, error) {
	path := DataPath(df)
	f.mu.Lock()
	if f.mu.closed {
		f.mu.Unlock()
		return nil, ErrClosed
	}
	of := f.mu.open[path]
	if of != nil {
		of.users++
		if of.inIdle != nil {
			f.mu.idle.Remove(of.inIdle)
			of.inIdle = nil
		}
		f.mu.Unlock()
		select {
		case <-of.ready:
		case <-ctx.Done():
			f.release(of)
			return nil, ctx.Err()
		}
		if of.err == nil {
			return of, nil
		}
		// Whoever opened it failed, perhaps for reasons of its own: try again alone.
		f.release(of)
		f.mu.Lock()
	}
	of = &openFile{path: path, ready: make(chan struct{}), users: 1}
	if f.mu.open[path] == nil {
		f.mu.open[path] = of
	}
	f.mu.Unlock()
	of.r, of.err = f.openOne(ctx, path, df, rows)
	close(of.ready)
	if of.err != nil {
		err := of.err
		f.release(of)
		return nil, err
	}
	return of, nil
}

func (f *files) openOne(ctx context.Context, path string, df *pb.DataFile, rows int64) (*file.Reader, error) {
	obj, err := storage.OpenSized(ctx, f.store, path, int64(df.SizeBytes))
	if err != nil {
		return nil, err
	}
	r, err := file.Open(ctx, obj, f.opts.File)
	if err != nil {
		_ = obj.Close()
		return nil, err
	}
	if v := r.Version(); r.NumRows() != rows || v.Major != uint16(df.MajorVersion) || v.Minor != uint16(df.MinorVersion) {
		_ = r.Close()
		return nil, fmt.Errorf("lance file %s: %w", path, fault.Corruptf("version %s with %d rows, the manifest says %d.%d with %d",
			v, r.NumRows(), df.MajorVersion, df.MinorVersion, rows))
	}
	return r, nil
}

// release gives a file back; the least recently used ones beyond the limit are closed.
func (f *files) release(of *openFile) {
	var victims []*openFile
	f.mu.Lock()
	of.users--
	if of.users == 0 {
		switch {
		case of.err != nil || f.mu.closed || f.mu.open[of.path] != of:
			if f.mu.open[of.path] == of {
				delete(f.mu.open, of.path)
			}
			victims = append(victims, of)
		default:
			of.inIdle = f.mu.idle.PushBack(of)
		}
	}
	for len(f.mu.open) > f.opts.MaxOpenFiles && f.mu.idle.Len() > 0 {
		v := f.mu.idle.Remove(f.mu.idle.Front()).(*openFile)
		v.inIdle = nil
		delete(f.mu.open, v.path)
		victims = append(victims, v)
	}
	f.mu.Unlock()
	for _, v := range victims {
		if v.r != nil {
			_ = v.r.Close()
		}
	}
}

// close closes what is idle; files in use are closed when they are released.
func (f *files) close() error {
	f.mu.Lock()
	f.mu.closed = true
	var victims []*openFile
	for f.mu.idle.Len() > 0 {
		v := f.mu.idle.Remove(f.mu.idle.Front()).(*openFile)
		v.inIdle = nil
		delete(f.mu.open, v.path)
		victims = append(victims, v)
	}
	f.mu.Unlock()
	for _, v := range victims {
		if v.r != nil {
			_ = v.r.Close()
		}
	}
	return nil
}

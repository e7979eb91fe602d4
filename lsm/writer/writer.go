package writer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/internal/gather"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/wal"
)

// Writer writes a table.
type Writer struct {
	store  storage.Writer // of the table's folder
	folder string
	layout *generation.Layout
	route  *routing
	opts   Options
	schema *arrow.Schema
	mem    memory.Allocator

	mu struct {
		sync.Mutex
		closed bool
		slots  map[uuid.UUID]*slot
	}
}

// Open reads what the table in a folder of a store is. It claims nothing: a shard is claimed when the first row goes there.
// Columns, key, indexes and sharding are those of now; open the table again after they changed.
//
// It fails with storage.ErrNotFound where there is no table, and with generation.ErrUnsupported, which says why a table
// cannot be written here.
func Open(ctx context.Context, s storage.Writer, folder string, o Options) (*Writer, error) {
	w := &Writer{folder: folder, opts: o.withDefaults()}
	if err := w.open(ctx, s); err != nil {
		return nil, fmt.Errorf("writer: table %q: %w", folder, err)
	}
	return w, nil
}

func (w *Writer) open(ctx context.Context, s storage.Writer) (err error) {
	if err := storage.CheckPath(w.folder); err != nil {
		return err
	}
	if w.store, err = storage.SubWriter(s, w.folder); err != nil {
		return err
	}
	base, err := dataset.LoadLatest(ctx, w.store)
	if err != nil {
		return err
	}
	if w.mem = w.opts.Shard.Allocator; w.mem == nil {
		w.mem = memory.DefaultAllocator
	}
	if w.layout, err = generation.LayoutOf(ctx, w.store, base, file.Options{Allocator: w.mem}); err != nil {
		return err
	}
	details, _, err := base.MemWALDetails()
	if err != nil {
		return err
	}
	if w.route, err = routingOf(details, w.layout); err != nil {
		return err
	}
	w.opts.Shard.Log.ShardSpec = w.route.spec.ID
	w.mu.slots = map[uuid.UUID]*slot{}
	md := w.layout.Arrow().Metadata()
	w.schema = arrow.NewSchema(slices.DeleteFunc(w.layout.Arrow().Fields(), func(f arrow.Field) bool { return f.Name == memwal.TombstoneColumn }), &md)
	return nil
}

// Schema is the schema that rows are written in. Every column but those of the primary key may be null.
func (w *Writer) Schema() *arrow.Schema { return w.schema }

// PrimaryKey are the names of the columns of the primary key, in its order.
func (w *Writer) PrimaryKey() []string {
	out := make([]string, len(w.layout.Key))
	for i, f := range w.layout.Key {
		out[i] = f.Name
	}
	return out
}

// ShardColumn is the column that decides the shard of a row, "" when the table is not divided. byKey says that it is part of
// the primary key, so that the key alone decides.
func (w *Writer) ShardColumn() (name string, byKey bool) {
	if w.route.column == nil {
		return "", true
	}
	return w.route.column.Name, w.route.byKey(w.layout.Key)
}

// Put writes rows, which replace those with the same primary keys in their shards and in the base. It returns when they are
// durable; nil says that every reader of a later flush sees them all. Columns are found by name, and those that are missing are
// null.
//
// With generation.ErrRows for rows that do not fit the table, and with ErrClosed, nothing was written. All other errors are
// a *PartialError, which says for each shard what became of its rows; through it errors.Is finds shard.ErrBusy, wal.ErrFenced
// and what else a shard said. To put all the rows again is always right.
//
// Where the key does not decide the shard, a row whose key was put with another value of that column before leaves the old
// row where it is: delete that first.
func (w *Writer) Put(ctx context.Context, rows arrow.RecordBatch) error {
	b, err := w.layout.Conform(rows, w.mem)
	if err != nil {
		return err
	}
	defer b.Release()
	return w.write(ctx, b, func(ctx context.Context, sw *shard.Writer, part arrow.RecordBatch) error { return sw.Put(ctx, part) })
}

// Delete deletes the rows with some primary keys. The columns of keys are those of the primary key, found by name, and that
// which decides the shard where the primary key does not: its value must be the one that the row was put with, for rows of
// other shards stay. Keys without a row are no error. Durability and errors are those of Put.
func (w *Writer) Delete(ctx context.Context, keys arrow.RecordBatch) error {
	wanted := w.PrimaryKey()
	if column, byKey := w.ShardColumn(); !byKey {
		wanted = append(wanted, column)
	}
	columns := make([]arrow.Array, len(wanted))
	fields := make([]arrow.Field, len(wanted))
	for i, name := range wanted {
		at := keys.Schema().FieldIndices(name)
		if len(at) != 1 {
			return fmt.Errorf("%w: a key has the columns %s, and there is no %q", generation.ErrRows, strings.Join(wanted, ", "), name)
		}
		columns[i], fields[i] = keys.Column(at[0]), keys.Schema().Field(at[0])
		if want := w.layout.Schema.Field(name).Type; !arrow.TypeEqual(columns[i].DataType(), want) {
			return fmt.Errorf("%w: column %q is %s, the table's is %s", generation.ErrRows, name, columns[i].DataType(), want)
		}
		if i < len(w.layout.Key) && columns[i].NullN() > 0 && !w.layout.Key[i].Nullable {
			return fmt.Errorf("%w: column %q: %d nulls, and the column has none", generation.ErrRows, name, columns[i].NullN())
		}
	}
	if int(keys.NumCols()) != len(wanted) {
		return fmt.Errorf("%w: a key has the columns %s, and no more", generation.ErrRows, strings.Join(wanted, ", "))
	}
	b := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, keys.NumRows())
	defer b.Release()
	return w.write(ctx, b, func(ctx context.Context, sw *shard.Writer, part arrow.RecordBatch) error {
		return sw.Delete(ctx, part.Columns()[:len(w.layout.Key)]...)
	})
}

// write hands each shard its part of a batch.
func (w *Writer) write(ctx context.Context, b arrow.RecordBatch, do func(context.Context, *shard.Writer, arrow.RecordBatch) error) error {
	if w.isClosed() {
		return ErrClosed
	}
	if b.NumRows() == 0 {
		return nil
	}
	if err := generation.CheckRows(b); err != nil { // before some shards take their part of it
		return err
	}
	parts, err := w.route.split(b)
	if err != nil {
		return err
	}
	one := func(p part) error {
		sw, err := w.hold(ctx, p.shard, false)
		if err != nil {
			return err
		}
		rows := b
		if p.rows != nil {
			if rows, err = gather.Batch(w.mem, b, p.rows); err != nil {
				return fmt.Errorf("%w: %w", generation.ErrRows, err)
			}
			defer rows.Release()
		}
		return do(ctx, sw, rows)
	}
	out := &PartialError{Parts: make([]Part, len(parts))}
	var g errgroup.Group
	g.SetLimit(w.opts.Parallel)
	for i, p := range parts {
		out.Parts[i] = Part{Shard: p.shard.String(), Rows: p.rows}
		if len(parts) == 1 {
			out.Parts[i].Err = one(p)
			continue
		}
		g.Go(func() error {
			out.Parts[i].Err = one(p)
			return nil
		})
	}
	_ = g.Wait() // errors are in the parts
	if slices.ContainsFunc(out.Parts, func(p Part) bool { return p.Err != nil }) {
		return out
	}
	return nil
}

// Flush publishes what was acknowledged before the call, a generation for each shard that holds rows, and waits for all of
// them. It fails with the errors of the shards that could not, each with its id; the others are published all the same.
func (w *Writer) Flush(ctx context.Context) error {
	if w.isClosed() {
		return ErrClosed
	}
	return w.each(w.held(), func(s *slot) error {
		return s.ask(func(sw *shard.Writer) error { return sw.Flush(ctx) })
	})
}

// Claim claims shards by their ids: all that exist when none is named, those that take no writers aside. What an earlier
// writer left in their logs is replayed, and published by the next flush. Shards that are held already stay as they are.
func (w *Writer) Claim(ctx context.Context, shards ...string) error {
	return w.claim(ctx, shards, false)
}

// Reopen claims shards again that were lost, because another writer has claimed them or because the store went silent: those
// named, or all that were. It fences whoever holds them now. What was acknowledged is not lost meanwhile: it is in the log.
func (w *Writer) Reopen(ctx context.Context, shards ...string) error {
	if len(shards) == 0 {
		for _, s := range w.held() {
			if s.err() != nil {
				shards = append(shards, s.id.String())
			}
		}
		if len(shards) == 0 {
			return nil
		}
	}
	return w.claim(ctx, shards, true)
}

func (w *Writer) claim(ctx context.Context, shards []string, reopen bool) error {
	if w.isClosed() {
		return ErrClosed
	}
	all := len(shards) == 0
	if all {
		entries, err := w.store.List(ctx, memwal.Dir)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("writer: list shards: %w", err)
		}
		for _, e := range entries {
			if id, err := uuid.Parse(e.Name()); e.Dir && err == nil && id.String() == e.Name() {
				shards = append(shards, e.Name())
			}
		}
	}
	slots := make([]*slot, len(shards))
	for i, name := range shards {
		id, err := uuid.Parse(name)
		if err != nil || id.String() != name {
			return fmt.Errorf("writer: %q is no shard's id", name)
		}
		if slots[i], err = w.slot(id); err != nil {
			return err
		}
	}
	return w.each(slots, func(s *slot) error {
		_, err := w.hold(ctx, s.id, reopen)
		if all && errors.Is(err, wal.ErrSealed) {
			return nil
		}
		return err
	})
}

// Shards are the writers of the shards that are held, in the order of their ids. They stay those of w, which closes them.
func (w *Writer) Shards() []*shard.Writer {
	var out []*shard.Writer
	for _, s := range w.held() {
		if sw, lost := s.current(); sw != nil && lost == nil {
			out = append(out, sw)
		}
	}
	return out
}

// Err says which shards nothing more can be written to, and why; nil while all that are held can, ErrClosed after Close.
func (w *Writer) Err() error {
	if w.isClosed() {
		return ErrClosed
	}
	return w.each(w.held(), (*slot).err)
}

// Close flushes what is in memory, for as long as ctx lives, and ends the writers of all shards. What could not be flushed stays
// in the log. Calls under way end with an error. Later calls return nil.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	already := w.mu.closed
	w.mu.closed = true
	w.mu.Unlock()
	if already {
		return nil
	}
	return w.each(w.held(), func(s *slot) error {
		select { // a claim under way finds that it comes too late
		case <-s.turn:
			defer func() { s.turn <- struct{}{} }()
		case <-ctx.Done():
		}
		return s.end(ctx)
	})
}

// each calls do for slots side by side, and joins the errors.
func (w *Writer) each(slots []*slot, do func(*slot) error) error {
	errs := make([]error, len(slots))
	var g errgroup.Group
	g.SetLimit(w.opts.Parallel)
	for i, s := range slots {
		g.Go(func() error {
			if err := do(s); err != nil {
				errs[i] = fmt.Errorf("writer: shard %s: %w", s.id, err)
			}
			return nil
		})
	}
	_ = g.Wait() // errors are in errs
	return errors.Join(errs...)
}

func (w *Writer) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.closed
}

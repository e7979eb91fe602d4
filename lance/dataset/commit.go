package dataset

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

var (
	// ErrConflict says that another commit changed what a change was made for: the change is to be made anew.
	ErrConflict = errors.New("lance dataset: conflict with another commit")
	// ErrExists says that there is a table already where one was to be created.
	ErrExists = errors.New("lance dataset: the table exists")
)

// What new manifests say of who wrote them.
const (
	writerLibrary = "lance"
	writerVersion = "12.0.0"
)

// Changes are what a commit changes. A commit is one of: fragments appended; rows deleted; both, which is an update; indexes added or
// removed; configuration changed. Other combinations are ErrUnsupported: they have no transaction by which others could
// tell whether they conflict.
type Changes struct {
	// Append are new fragments, as WriteFragment returns them. They get their ids from the commit.
	Append []pb.DataFragment
	// Delete are rows to be deleted, by the id of their fragment. A fragment that loses its last row goes.
	Delete map[uint64]*roaring.Bitmap
	// Predicate says in words which rows Delete means; it informs.
	Predicate string
	// Indexes are indexes to be added. One that is there under the same name is replaced.
	Indexes []pb.IndexMetadata
	// RemoveIndexes are names of indexes that go.
	RemoveIndexes []string
	// Config and TableMetadata set keys of the manifest's maps, or remove those whose value is nil.
	Config, TableMetadata map[string]*string
	// FieldMetadata sets keys of the metadata of fields by id, or removes them. The primary key is set so.
	FieldMetadata map[int32]map[string]*string
	// Compacted are generations of a MemWAL table whose rows are in Append; they are marked so in the table's MemWAL index.
	Compacted []Compacted
}

// CommitOptions are the options of Create and Commit. The zero value is sound.
type CommitOptions struct {
	// Retries is how often a commit is tried anew after another one came first. Default 20.
	Retries int
	// Now gives the time of the version. Default time.Now.
	Now func() time.Time
	// NoTransactionFile leaves out the object below _transactions/. The transaction is in the manifest too.
	NoTransactionFile bool
}

func (o CommitOptions) withDefaults() CommitOptions {
	if o.Retries <= 0 {
		o.Retries = 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// NewTable is what Create makes a table of.
type NewTable struct {
	Schema *schema.Schema
	// Fragments are the first rows, as WriteFragment returns them; none is an empty table.
	Fragments []pb.DataFragment
	// Version of data files to come. Default 2.2.
	Version file.Version
	Config  map[string]string
}

// Create writes version 1 of a table at the root of w. A table that is there is ErrExists.
func Create(ctx context.Context, w storage.Writer, t NewTable, o CommitOptions) (*Manifest, error) {
	o = o.withDefaults()
	if t.Version == (file.Version{}) {
		t.Version = file.V22
	}
	m := &Manifest{Manifest: &pb.Manifest{
		Version: 1, Fields: t.Schema.Messages(), SchemaMetadata: t.Schema.MetadataMessage(), Config: maps.Clone(t.Config),
		DataFormat: pb.DataFormat{Format: "lance", Version: t.Version.String()},
	}}
	m.addFragments(t.Fragments)
	c := &committer{w: w, o: o, id: newUUID()}
	txn := &pb.Transaction{UUID: c.id.String(), Overwrite: &pb.OverwriteOperation{
		Fragments: t.Fragments, Schema: m.Fields, SchemaMetadata: m.SchemaMetadata, Config: t.Config,
	}}
	err := c.write(ctx, m, txn)
	if errors.Is(err, storage.ErrExists) {
		return nil, fmt.Errorf("%w: %w", ErrExists, err)
	}
	if err != nil {
		return nil, fmt.Errorf("lance dataset: create: %w", err)
	}
	return m, nil
}

// Commit makes the next version of a table: base with changes. When another commit was first, the changes are made to its
// version instead if they still mean the same there, and ErrConflict is returned if not: a fragment went or was rewritten that
// rows are deleted of or an index covers, the schema is another, or rows that an update replaces were deleted meanwhile.
//
// An error leaves the table as it was, unless it says that it is not known whether the commit was made. Fragments that were
// written for a commit that failed stay: they may be tried again, and no version names them.
func Commit(ctx context.Context, w storage.Writer, base *Manifest, changes Changes, o CommitOptions) (*Manifest, error) {
	o = o.withDefaults()
	if err := changes.check(base); err != nil {
		return nil, fmt.Errorf("lance dataset: commit: %w", err)
	}
	c := &committer{w: w, o: o, id: newUUID()}
	on := base
	for range o.Retries + 1 {
		m, txn, err := c.apply(ctx, base, on, &changes)
		if err != nil {
			return nil, fmt.Errorf("lance dataset: commit version %d: %w", on.Version+1, err)
		}
		err = c.write(ctx, m, txn)
		if err == nil {
			return m, nil
		}
		if !errors.Is(err, storage.ErrExists) {
			return nil, fmt.Errorf("lance dataset: commit version %d: %w", m.Version, err)
		}
		c.discard(ctx)
		if on, err = LoadLatest(ctx, w); err != nil {
			return nil, fmt.Errorf("lance dataset: commit: %w", err)
		}
		if on.Version <= base.Version {
			return nil, fmt.Errorf("lance dataset: commit: %w", fault.Corruptf("version %d exists and is not listed", base.Version+1))
		}
	}
	return nil, fmt.Errorf("lance dataset: commit: %w: %d others came first", ErrConflict, o.Retries+1)
}

// check refuses changes that cannot be one commit.
func (c *Changes) check(base *Manifest) error {
	kinds := 0
	for _, is := range []bool{
		len(c.Append)+len(c.Delete)+len(c.Compacted) > 0, len(c.Indexes)+len(c.RemoveIndexes) > 0,
		len(c.Config)+len(c.TableMetadata)+len(c.FieldMetadata) > 0,
	} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		return errors.New("nothing is changed")
	case kinds > 1:
		return fault.Unsupportedf("changes of several kinds in one commit")
	}
	if unknown := base.WriterFlags &^ knownFlags; unknown != 0 {
		return fault.Unsupportedf("writer feature flags %#x", unknown)
	}
	if base.StableRowIDs() && len(c.Append) > 0 {
		return fault.Unsupportedf("appending to a table with stable row ids")
	}
	return nil
}

// committer makes one commit.
type committer struct {
	w  storage.Writer
	o  CommitOptions
	id uuid.UUID
	// written are the objects that only this attempt names.
	written []string
}

// discard removes what an attempt wrote that lost. That it fails harms nobody.
func (c *committer) discard(ctx context.Context) {
	for _, path := range c.written {
		_ = c.w.Delete(ctx, path)
	}
	c.written = nil
}

func newUUID() uuid.UUID {
	id, err := uuid.NewRandomFromReader(rand.Reader)
	if err != nil {
		return uuid.UUID{} // crypto/rand never fails
	}
	return id
}

// write puts the transaction and the manifest, which it completes.
func (c *committer) write(ctx context.Context, m *Manifest, txn *pb.Transaction) error {
	t := txn.AppendTo(nil)
	now := c.o.Now()
	m.TimestampSeconds, m.TimestampNanos = now.Unix(), int32(now.Nanosecond())
	m.Writer = pb.WriterVersion{Library: writerLibrary, Version: writerVersion}
	m.setFlags()
	m.TransactionFile = ""
	if !c.o.NoTransactionFile {
		m.TransactionFile = fmt.Sprintf("%d-%s.txn", txn.ReadVersion, c.id)
		path := "_transactions/" + m.TransactionFile
		if err := storage.WriteFile(ctx, c.w, path, t, storage.PutOptions{}); err != nil {
			return err
		}
		c.written = append(c.written, path)
	}
	b, err := encodeManifest(m, t)
	if err != nil {
		return err
	}
	path := m.path()
	err = storage.WriteFile(ctx, c.w, path, b, storage.PutOptions{IfAbsent: true})
	if err == nil || ctx.Err() != nil {
		return err
	}
	// An answer that was lost, or a retry below that met its own first try: what is there tells.
	there, readErr := storage.ReadFile(ctx, c.w, path, maxManifestBytes)
	switch {
	case readErr == nil && bytes.Equal(there, b):
		return nil
	case readErr == nil && !errors.Is(err, storage.ErrExists):
		return fmt.Errorf("%w: %w", storage.ErrExists, err)
	case readErr != nil && !errors.Is(readErr, storage.ErrNotFound):
		return fmt.Errorf("%w (whether it was made is not known: %w)", err, readErr)
	}
	return err
}

// maxManifestBytes bounds a manifest that is read to compare it.
const maxManifestBytes = 1 << 30

// path is where the manifest goes: named as the others of its table are.
func (m *Manifest) path() string {
	if m.namedV1 {
		return versionPathV1(m.Version)
	}
	return VersionPath(m.Version)
}

// setFlags sets the feature flags that follow from what the manifest holds and keeps the others.
func (m *Manifest) setFlags() {
	m.ReaderFlags &^= flagDeletions
	m.WriterFlags &^= flagDeletions | flagTableConfig
	for i := range m.Fragments {
		if m.Fragments[i].Deletion != nil {
			m.ReaderFlags |= flagDeletions
			m.WriterFlags |= flagDeletions
		}
	}
	if len(m.Config) > 0 {
		m.WriterFlags |= flagTableConfig
	}
}

// addFragments appends new fragments with the next ids.
func (m *Manifest) addFragments(fs []pb.DataFragment) []pb.DataFragment {
	next := uint64(0)
	if m.MaxFragmentID != nil {
		next = uint64(*m.MaxFragmentID) + 1
	}
	for i := range m.Fragments {
		next = max(next, m.Fragments[i].ID+1)
	}
	added := slices.Clone(fs)
	for i := range added {
		added[i].ID = next
		next++
	}
	if len(added) > 0 {
		m.Fragments = append(m.Fragments, added...)
		last := uint32(min(next-1, math.MaxUint32))
		m.MaxFragmentID = &last
	}
	return added
}

// clone is a manifest whose lists can be changed.
func (m *Manifest) clone() *Manifest {
	p := *m.Manifest
	p.Fields = slices.Clone(p.Fields)
	p.Fragments = slices.Clone(p.Fragments)
	p.Config, p.TableMetadata = maps.Clone(p.Config), maps.Clone(p.TableMetadata)
	return &Manifest{Manifest: &p, Indexes: slices.Clone(m.Indexes), namedV1: m.namedV1}
}

// OverwriteManifest puts the manifest of a version in the place of the one that is there. That is how a generation gets its
// deletions and indexes before it is published, and safe only as long as nobody may read the table. The transaction is
// left out, as Lance does.
func OverwriteManifest(ctx context.Context, w storage.Writer, m *Manifest) error {
	c := m.clone()
	c.TransactionFile = ""
	b, err := encodeManifest(c, nil)
	if err != nil {
		return fmt.Errorf("lance dataset: %w", err)
	}
	return storage.WriteFile(ctx, w, c.path(), b, storage.PutOptions{})
}

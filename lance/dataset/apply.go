package dataset

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
)

// apply makes the manifest that follows on: on with the changes, which were made for base.
func (c *committer) apply(ctx context.Context, base, on *Manifest, ch *Changes) (*Manifest, *pb.Transaction, error) {
	m := on.clone()
	m.Version++
	m.Tag = ""
	txn := &pb.Transaction{ReadVersion: on.Version, UUID: c.id.String()}
	switch {
	case len(ch.Append)+len(ch.Delete)+len(ch.Compacted) > 0:
		if err := sameFields(base, on); err != nil {
			return nil, nil, err
		}
		if err := c.applyRows(ctx, base, on, m, ch, txn); err != nil {
			return nil, nil, err
		}
	case len(ch.Indexes)+len(ch.RemoveIndexes) > 0:
		if err := applyIndexes(base, on, m, ch, txn); err != nil {
			return nil, nil, err
		}
	default:
		if err := applyConfig(on, m, ch, txn); err != nil {
			return nil, nil, err
		}
	}
	return m, txn, nil
}

// sameFields is ErrConflict unless the fields of both are stored alike.
func sameFields(base, on *Manifest) error {
	if base == on {
		return nil
	}
	same := slices.EqualFunc(base.Fields, on.Fields, func(a, b pb.SchemaField) bool {
		return a.ID == b.ID && a.ParentID == b.ParentID && a.LogicalType == b.LogicalType && a.Nullable == b.Nullable && a.Name == b.Name
	})
	if !same {
		return fmt.Errorf("%w: the schema of version %d is another than that of %d", ErrConflict, on.Version, base.Version)
	}
	return nil
}

func fragmentOf(m *Manifest, id uint64) *pb.DataFragment {
	i := slices.IndexFunc(m.Fragments, func(f pb.DataFragment) bool { return f.ID == id })
	if i < 0 {
		return nil
	}
	return &m.Fragments[i]
}

// sameFiles says whether a fragment has its files still.
func sameFiles(a, b *pb.DataFragment) bool {
	return slices.EqualFunc(a.Files, b.Files, func(x, y pb.DataFile) bool {
		return x.Path == y.Path && slices.Equal(x.Fields, y.Fields)
	})
}

// applyRows appends fragments and deletes rows.
func (c *committer) applyRows(ctx context.Context, base, on, m *Manifest, ch *Changes, txn *pb.Transaction) error {
	var updated []pb.DataFragment
	var gone []uint64
	for _, id := range slices.Sorted(maps.Keys(ch.Delete)) {
		rows := ch.Delete[id]
		if rows.IsEmpty() {
			continue
		}
		was, f := fragmentOf(base, id), fragmentOf(m, id)
		if was == nil {
			return fmt.Errorf("%w: fragment %d", ErrRow, id)
		}
		if uint64(rows.Maximum()) >= was.PhysicalRows {
			return fmt.Errorf("%w: row %d of fragment %d, which has %d", ErrRow, rows.Maximum(), id, was.PhysicalRows)
		}
		if f == nil || !sameFiles(was, f) {
			return fmt.Errorf("%w: fragment %d was rewritten", ErrConflict, id)
		}
		all, err := c.deleted(ctx, base, was, f, rows, len(ch.Append) > 0)
		if err != nil {
			return err
		}
		if all.GetCardinality() == f.PhysicalRows {
			gone = append(gone, id)
			m.Fragments = slices.DeleteFunc(m.Fragments, func(f pb.DataFragment) bool { return f.ID == id })
			continue
		}
		if f.Deletion, err = WriteDeletions(ctx, c.w, id, on.Version, all, deletionKind(all.GetCardinality())); err != nil {
			return err
		}
		path, err := DeletionPath(id, f.Deletion)
		if err != nil {
			return err
		}
		c.written = append(c.written, path)
		updated = append(updated, *f)
	}
	compacted, err := markCompacted(m, ch.Compacted, c.o.Now())
	if err != nil {
		return err
	}
	added := m.addFragments(ch.Append)
	switch {
	case len(compacted) > 0 && len(ch.Append)+len(ch.Delete) == 0:
		txn.UpdateMemWAL = &pb.UpdateMemWALOperation{Compacted: compacted}
	case len(compacted) > 0, len(ch.Append) > 0 && len(ch.Delete) > 0:
		txn.Update = &pb.UpdateOperation{RemovedIDs: gone, Updated: updated, New: added, Compacted: compacted}
	case len(ch.Append) > 0:
		txn.Append = &pb.AppendOperation{Fragments: ch.Append}
	default:
		txn.Delete = &pb.DeleteOperation{Updated: updated, DeletedIDs: gone, Predicate: ch.Predicate}
	}
	return nil
}

// deleted is all rows of a fragment that are deleted then: those it has lost and those it is to lose. An update may not delete
// what another commit deleted meanwhile: it would bring the row back as what it was.
func (c *committer) deleted(ctx context.Context, base *Manifest, was, f *pb.DataFragment, rows *roaring.Bitmap, update bool) (*roaring.Bitmap, error) {
	all := rows.Clone()
	if f.Deletion == nil {
		return all, nil
	}
	now, err := ReadDeletions(ctx, c.w, f.ID, f.Deletion, f.PhysicalRows)
	if err != nil {
		return nil, err
	}
	if update {
		before := roaring.New()
		if was.Deletion != nil {
			if before, err = ReadDeletions(ctx, c.w, was.ID, was.Deletion, was.PhysicalRows); err != nil {
				return nil, err
			}
		}
		if lost := roaring.And(roaring.AndNot(now, before), rows); !lost.IsEmpty() {
			return nil, fmt.Errorf("%w: %d rows of fragment %d were deleted since version %d", ErrConflict, lost.GetCardinality(), f.ID, base.Version)
		}
	}
	all.Or(now)
	return all, nil
}

// applyIndexes adds and removes indexes.
func applyIndexes(base, on, m *Manifest, ch *Changes, txn *pb.Transaction) error {
	names := slices.Clone(ch.RemoveIndexes)
	for i := range ch.Indexes {
		x := &ch.Indexes[i]
		if x.Name == "" {
			return fault.Unsupportedf("an index without a name")
		}
		if !slices.Contains(names, x.Name) {
			names = append(names, x.Name)
		}
		covered, err := ParseFragmentBitmap(x.FragmentBitmap)
		if err != nil {
			return fmt.Errorf("index %q: fragment bitmap: %w", x.Name, err)
		}
		for it := covered.Iterator(); it.HasNext(); {
			id := uint64(it.Next())
			was, f := fragmentOf(base, id), fragmentOf(on, id)
			if was == nil {
				return fmt.Errorf("index %q: %w: no fragment %d", x.Name, ErrRow, id)
			}
			if f == nil || !sameFiles(was, f) {
				return fmt.Errorf("%w: fragment %d, which index %q covers, was rewritten", ErrConflict, id, x.Name)
			}
		}
	}
	op := &pb.CreateIndexOperation{New: ch.Indexes}
	m.Indexes = slices.DeleteFunc(m.Indexes, func(x pb.IndexMetadata) bool {
		if !slices.Contains(names, x.Name) {
			return false
		}
		op.Removed = append(op.Removed, x)
		return true
	})
	if base != on {
		// What is replaced must be what was there when the change was made.
		for _, x := range op.Removed {
			if !slices.ContainsFunc(base.Indexes, func(y pb.IndexMetadata) bool { return x.UUID == y.UUID }) {
				return fmt.Errorf("%w: index %q was made anew", ErrConflict, x.Name)
			}
		}
	}
	m.Indexes = append(m.Indexes, ch.Indexes...)
	txn.CreateIndex = op
	return nil
}

// applyConfig changes the maps of the manifest.
func applyConfig(on, m *Manifest, ch *Changes, txn *pb.Transaction) error {
	op := &pb.UpdateConfigOperation{}
	if len(ch.Config) > 0 {
		op.Config = &pb.UpdateMap{Entries: ch.Config}
		m.Config = setKeys(m.Config, ch.Config)
	}
	if len(ch.TableMetadata) > 0 {
		op.TableMetadata = &pb.UpdateMap{Entries: ch.TableMetadata}
		m.TableMetadata = setKeys(m.TableMetadata, ch.TableMetadata)
	}
	for id, entries := range ch.FieldMetadata {
		i := slices.IndexFunc(m.Fields, func(f pb.SchemaField) bool { return f.ID == id })
		if i < 0 {
			return fmt.Errorf("%w: no field %d in version %d", ErrConflict, id, on.Version)
		}
		f := &m.Fields[i]
		f.Metadata = maps.Clone(f.Metadata)
		for k, v := range entries {
			if v == nil {
				delete(f.Metadata, k)
				continue
			}
			if f.Metadata == nil {
				f.Metadata = map[string][]byte{}
			}
			f.Metadata[k] = []byte(*v)
		}
		if err := setPrimaryKey(f); err != nil {
			return err
		}
		if op.Fields == nil {
			op.Fields = map[int32]*pb.UpdateMap{}
		}
		op.Fields[id] = &pb.UpdateMap{Entries: entries}
	}
	txn.UpdateConfig = op
	return nil
}

func setKeys(m map[string]string, entries map[string]*string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	for k, v := range entries {
		if v == nil {
			delete(m, k)
		} else {
			m[k] = *v
		}
	}
	return m
}

// setPrimaryKey makes the fields of a message that say whether it is part of the key agree with its metadata.
func setPrimaryKey(f *pb.SchemaField) error {
	f.PrimaryKey, f.PrimaryKeyPos = false, 0
	if pos := f.Metadata[schema.KeyPrimaryKeyPosition]; len(pos) > 0 {
		n, err := strconv.ParseUint(string(pos), 10, 16)
		if err != nil || n < 1 {
			return fmt.Errorf("%w: primary key position %q", schema.ErrMalformed, pos)
		}
		f.PrimaryKey, f.PrimaryKeyPos = true, uint32(n)
	} else if bytes.Equal(f.Metadata[schema.KeyPrimaryKey], []byte("true")) {
		f.PrimaryKey = true
	}
	return nil
}

// PrimaryKeyMetadata is the FieldMetadata that makes the fields, in their order, the primary key.
func PrimaryKeyMetadata(fields ...*schema.Field) map[int32]map[string]*string {
	out := map[int32]map[string]*string{}
	for i, f := range fields {
		pos := strconv.Itoa(i + 1)
		out[f.ID] = map[string]*string{schema.KeyPrimaryKeyPosition: &pos}
	}
	return out
}

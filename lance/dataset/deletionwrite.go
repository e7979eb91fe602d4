package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// bitmapDeletions is the number of deleted rows from which Lance writes them as a bitmap. Generations always have one.
const bitmapDeletions = 5000

// WriteDeletions writes a deletion file of a fragment: all rows that are deleted once the commit is made that names it.
// version is the version that the deletion was made for, kind pb.DeletionArrow or pb.DeletionBitmap. Names are drawn at random,
// so a file that no manifest names in the end harms nobody.
func WriteDeletions(ctx context.Context, w storage.Writer, fragment, version uint64, rows *roaring.Bitmap, kind uint32) (*pb.DeletionFile, error) {
	d := &pb.DeletionFile{Kind: kind, ReadVersion: version, ID: rand.Uint64(), NumDeleted: rows.GetCardinality()}
	path, err := DeletionPath(fragment, d)
	if err != nil {
		return nil, err
	}
	var b []byte
	if kind == pb.DeletionBitmap {
		b, err = rows.ToBytes()
	} else {
		b, err = deletionArrow(rows)
	}
	if err != nil {
		return nil, fmt.Errorf("lance deletion file %s: %w", path, err)
	}
	if err := storage.WriteFile(ctx, w, path, b, storage.PutOptions{IfAbsent: true}); err != nil {
		return nil, fmt.Errorf("lance deletion file: %w", err)
	}
	return d, nil
}

// deletionKind is the kind of file that Lance chooses for so many rows.
func deletionKind(rows uint64) uint32 {
	if rows < bitmapDeletions {
		return pb.DeletionArrow
	}
	return pb.DeletionBitmap
}

// deletionArrow writes row numbers as an Arrow IPC file; see parseDeletionArrow.
func deletionArrow(rows *roaring.Bitmap) ([]byte, error) {
	sc := arrow.NewSchema([]arrow.Field{{Name: "row_id", Type: arrow.PrimitiveTypes.Uint32}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	defer b.Release()
	b.Field(0).(*array.Uint32Builder).AppendValues(rows.ToArray(), nil)
	batch := b.NewRecordBatch()
	defer batch.Release()
	var out bytes.Buffer
	w, err := ipc.NewFileWriter(&out, ipc.WithSchema(sc), ipc.WithZstd())
	if err != nil {
		return nil, err
	}
	if err := w.Write(batch); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// FragmentBitmap is a set of fragment ids as index metadata holds it: which fragments an index covers.
func FragmentBitmap(ids ...uint32) []byte {
	b, err := roaring.BitmapOf(ids...).ToBytes()
	if err != nil {
		return nil // writing to memory does not fail
	}
	return b
}

// ParseFragmentBitmap reads a set of fragment ids; nil is the empty set.
func ParseFragmentBitmap(b []byte) (*roaring.Bitmap, error) {
	if b == nil {
		return roaring.New(), nil
	}
	return parseDeletionBitmap(b)
}

// putSection appends a section of a manifest object: its length and its bytes.
func putSection(dst, section []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(section)))
	return append(dst, section...)
}

// encodeManifest makes a manifest object; see ReadManifest. It sets the positions of the sections in m.
func encodeManifest(m *Manifest, txn []byte) ([]byte, error) {
	var b []byte
	m.IndexSection, m.TransactionSection = nil, nil
	section := func(s []byte) (*uint64, error) {
		if uint64(len(s)) > 1<<31 {
			return nil, fault.ErrTooLarge
		}
		at := uint64(len(b))
		b = putSection(b, s)
		return &at, nil
	}
	var err error
	if len(m.Indexes) > 0 {
		if m.IndexSection, err = section(pb.AppendIndexSection(nil, m.Indexes)); err != nil {
			return nil, err
		}
	}
	if len(txn) > 0 {
		if m.TransactionSection, err = section(txn); err != nil {
			return nil, err
		}
	}
	at, err := section(m.Append(nil))
	if err != nil {
		return nil, err
	}
	b = binary.LittleEndian.AppendUint64(b, *at)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint16(b, 2)
	return append(b, magic...), nil
}

package fts

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/fts/postings"
)

// The functions here copy columns out of Arrow, so that an index holds memory of its own and nothing to release.

func copyUint64(a arrow.Array) ([]uint64, error) {
	c, ok := a.(*array.Uint64)
	if !ok || c.NullN() > 0 {
		return nil, wrongColumn(a)
	}
	return slices.Clone(c.Uint64Values()), nil
}

func copyUint32(a arrow.Array) ([]uint32, error) {
	c, ok := a.(*array.Uint32)
	if !ok || c.NullN() > 0 {
		return nil, wrongColumn(a)
	}
	return slices.Clone(c.Uint32Values()), nil
}

// copyBlobs copies byte strings. A null becomes an empty one.
func copyBlobs(a arrow.Array) (postings.Blobs, error) {
	if a.Len() == 0 { // it may have no buffers at all
		return postings.Blobs{Ends: []int64{0}}, nil
	}
	ends := make([]int64, 0, a.Len()+1)
	var data []byte
	switch c := a.(type) {
	case *array.LargeBinary:
		ends, data = append(ends, c.ValueOffsets()...), c.ValueBytes()
	case *array.LargeString:
		ends, data = append(ends, c.ValueOffsets()...), c.ValueBytes()
	case *array.Binary:
		ends, data = appendWide(ends, c.ValueOffsets()), c.ValueBytes()
	case *array.String:
		ends, data = appendWide(ends, c.ValueOffsets()), c.ValueBytes()
	default:
		return postings.Blobs{}, wrongColumn(a)
	}
	// The offsets count from the start of the buffer, the bytes from the first value.
	base := ends[0]
	for i := range ends {
		ends[i] -= base
	}
	b := postings.Blobs{Data: slices.Clone(data), Ends: ends}
	return b, b.Check()
}

func appendWide(dst []int64, src []int32) []int64 {
	for _, v := range src {
		dst = append(dst, int64(v))
	}
	return dst
}

// copyBlobLists copies a list of byte strings per row. A null becomes an empty list.
func copyBlobLists(a arrow.Array) (blobLists, error) {
	ends, items, err := listOf(a)
	if err != nil {
		return blobLists{}, err
	}
	defer items.Release()
	blobs, err := copyBlobs(items)
	return blobLists{ends, blobs}, err
}

// listOf returns where the items of each row begin and end, and the items, which the caller releases.
func listOf(a arrow.Array) (ends []int64, items arrow.Array, err error) {
	c, ok := a.(array.ListLike)
	if !ok {
		return nil, nil, wrongColumn(a)
	}
	ends = make([]int64, 0, a.Len()+1)
	ends = append(ends, 0)
	first, last := int64(0), int64(0)
	for i := range a.Len() {
		from, to := c.ValueOffsets(i)
		if i == 0 {
			first, last = from, from
		}
		if from != last || to < from {
			return nil, nil, fmt.Errorf("%w: list ends at %d, the next begins at %d", ErrCorrupt, last, from)
		}
		last = to
		ends = append(ends, to-first)
	}
	return ends, array.NewSlice(c.ListValues(), first, last), nil
}

// copyColumns copies the columns of a posting file by name.
func copyColumns(b arrow.RecordBatch) (c columns, err error) {
	for i, f := range b.Schema().Fields() {
		a := b.Column(i)
		switch f.Name {
		case colLength:
			c.docs, err = copyUint32(a)
		case colPosting:
			c.blocks, err = copyBlobLists(a)
		case colImpacts:
			c.impacts, err = copyBlobLists(a)
		case colPositions:
			c.positions, err = copyBlobs(a)
		case colOffsets:
			var items arrow.Array
			if c.offsetEnds, items, err = listOf(a); err == nil {
				c.offsets, err = copyUint32(items)
				items.Release()
			}
		}
		if err != nil {
			return c, fmt.Errorf("column %s: %w", f.Name, err)
		}
	}
	return c, c.check()
}

func wrongColumn(a arrow.Array) error {
	return fmt.Errorf("%w: column of %s with %d nulls", ErrCorrupt, a.DataType(), a.NullN())
}

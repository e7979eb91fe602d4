package fts

import (
	"fmt"
	"iter"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/fts/fst"
	"github.com/hearthcache/hearth/lance/fts/postings"
)

// The schemas of the files of a partition.
var (
	tokensSchema = arrow.NewSchema([]arrow.Field{
		{Name: "_token_fst_bytes", Type: arrow.BinaryTypes.LargeBinary},
		{Name: "_token_next_id", Type: arrow.PrimitiveTypes.Uint32},
		{Name: "_token_total_length", Type: arrow.PrimitiveTypes.Uint64},
	}, nil)
	docsSchema = arrow.NewSchema([]arrow.Field{
		{Name: "_rowid", Type: arrow.PrimitiveTypes.Uint64},
		{Name: "_num_tokens", Type: arrow.PrimitiveTypes.Uint32},
	}, nil)
	plainFields = []arrow.Field{
		{Name: colPosting, Type: arrow.ListOf(arrow.BinaryTypes.LargeBinary)},
		{Name: "_max_score", Type: arrow.PrimitiveTypes.Float32},
		{Name: colLength, Type: arrow.PrimitiveTypes.Uint32},
		{Name: colImpacts, Type: arrow.ListOf(arrow.BinaryTypes.LargeBinary)},
	}
	positionFields = []arrow.Field{
		{Name: colPositions, Type: arrow.BinaryTypes.LargeBinary},
		{Name: colOffsets, Type: arrow.ListOf(arrow.PrimitiveTypes.Uint32)},
	}
	listsSchema           = arrow.NewSchema(plainFields, nil)
	positionedListsSchema = arrow.NewSchema(slices.Concat(plainFields, positionFields), nil)
)

// batchBytes is about how large a batch of posting lists grows before it is given away.
const batchBytes = 8 << 20

// sortedTermsLocked returns the numbers of the terms in the order of their bytes, which numbers them anew in the files.
func (m *Memory) sortedTermsLocked() []uint32 {
	order := make([]uint32, len(m.terms))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		switch {
		case m.terms[a] < m.terms[b]:
			return -1
		case m.terms[a] > m.terms[b]:
			return 1
		default:
			return 0
		}
	})
	return order
}

// tokensBatchLocked is the content of the file of terms. The caller releases it.
func (m *Memory) tokensBatchLocked(mem memory.Allocator, order []uint32) (arrow.RecordBatch, error) {
	dictionary := fst.NewBuilder()
	total := uint64(0)
	for rank, n := range order {
		if err := dictionary.Add(view(m.terms[n]), uint64(rank)); err != nil {
			return nil, fmt.Errorf("fts: dictionary: %w", err)
		}
		total += uint64(len(m.terms[n]))
	}
	b := array.NewRecordBuilder(mem, tokensSchema)
	defer b.Release()
	b.Field(0).(*array.BinaryBuilder).Append(dictionary.Finish())
	b.Field(1).(*array.Uint32Builder).Append(uint32(len(order)))
	b.Field(2).(*array.Uint64Builder).Append(total)
	return b.NewRecordBatch(), nil
}

// docsBatchLocked is the content of the file of documents. The caller releases it.
func (m *Memory) docsBatchLocked(mem memory.Allocator) arrow.RecordBatch {
	b := array.NewRecordBuilder(mem, docsSchema)
	defer b.Release()
	b.Field(0).(*array.Uint64Builder).AppendValues(m.rowIDs, nil)
	b.Field(1).(*array.Uint32Builder).AppendValues(m.lengths, nil)
	return b.NewRecordBatch()
}

// listsSchema is the schema of the file of posting lists.
func (m *Memory) listsSchema() *arrow.Schema {
	if m.params.WithPosition {
		return positionedListsSchema
	}
	return listsSchema
}

// listBatchesLocked yields the content of the file of posting lists, at least one batch. The consumer releases them.
func (m *Memory) listBatchesLocked(mem memory.Allocator, order []uint32) iter.Seq[arrow.RecordBatch] {
	return func(yield func(arrow.RecordBatch) bool) {
		b := newListsBuilder(mem, m.listsSchema())
		defer b.Release()
		scorer := NewScorer(uint64(len(m.rowIDs)), m.tokens)
		var parts postings.Parts
		for i, n := range order {
			best := float32(scorer.IDF(uint64(m.lists.Docs(int(n)))) * (k1 + 1))
			m.lists.Parts(int(n), &parts, postings.PartsOptions{Score: func(doc, frequency uint32) float32 {
				return best * scorer.share(frequency, m.lengths[doc])
			}})
			b.append(&parts)
			if b.bytes >= batchBytes && i+1 < len(order) {
				if b.bytes = 0; !yield(b.NewRecordBatch()) {
					return
				}
			}
		}
		yield(b.NewRecordBatch())
	}
}

// listsBuilder makes batches of posting lists.
type listsBuilder struct {
	*array.RecordBuilder
	posting, impacts, offsets *array.ListBuilder // offsets nil without positions
	blocks, pairs, positions  *array.BinaryBuilder
	starts                    *array.Uint32Builder
	score                     *array.Float32Builder
	docs                      *array.Uint32Builder
	bytes                     int
}

func newListsBuilder(mem memory.Allocator, schema *arrow.Schema) *listsBuilder {
	b := &listsBuilder{RecordBuilder: array.NewRecordBuilder(mem, schema)}
	b.posting = b.Field(0).(*array.ListBuilder)
	b.blocks = b.posting.ValueBuilder().(*array.BinaryBuilder)
	b.score, b.docs = b.Field(1).(*array.Float32Builder), b.Field(2).(*array.Uint32Builder)
	b.impacts = b.Field(3).(*array.ListBuilder)
	b.pairs = b.impacts.ValueBuilder().(*array.BinaryBuilder)
	if schema.NumFields() > 4 {
		b.positions = b.Field(4).(*array.BinaryBuilder)
		b.offsets = b.Field(5).(*array.ListBuilder)
		b.starts = b.offsets.ValueBuilder().(*array.Uint32Builder)
	}
	return b
}

func (b *listsBuilder) append(p *postings.Parts) {
	b.posting.Append(true)
	for i := range p.Blocks.Len() {
		b.blocks.Append(p.Blocks.At(i))
	}
	b.score.Append(p.MaxScore)
	b.docs.Append(p.Docs)
	b.impacts.Append(true)
	for i := range p.Impacts.Len() {
		b.pairs.Append(p.Impacts.At(i))
	}
	b.bytes += len(p.Blocks.Data) + len(p.Impacts.Data) + 8*(p.Blocks.Len()+p.Impacts.Len()) + 16
	if b.offsets != nil {
		b.positions.Append(p.Positions)
		b.offsets.Append(true)
		b.starts.AppendValues(p.PositionOffsets, nil)
		b.bytes += len(p.Positions) + 4*len(p.PositionOffsets) + 16
	}
}

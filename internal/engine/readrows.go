package engine

import (
	"bufio"
	"io"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/internal/jsonrows"
	"github.com/hearthcache/hearth/lance/memwal"
)

// MaxBatchBytes bounds a batch of an Arrow stream that is read as rows.
const MaxBatchBytes = 64 << 20

// ReadRows reads rows from an Arrow IPC stream, or from lines of JSON: the first byte tells, as no JSON begins like a stream.
// With bare, lines may be values without names, which suits keys. Errors are those of memwal.ReadStream and jsonrows.Read.
func ReadRows(r io.Reader, bare bool) Rows {
	return func(schema *arrow.Schema, reserve func(int64) error) iter.Seq2[arrow.RecordBatch, error] {
		body := bufio.NewReaderSize(r, 64<<10)
		if IsArrow(body) {
			return memwal.ReadStream(body, memwal.StreamOptions{MaxMessageBytes: MaxBatchBytes, Reserve: reserve})
		}
		return jsonrows.Read(body, schema, jsonrows.Options{Bare: bare, Reserve: reserve})
	}
}

// IsArrow says whether an Arrow IPC stream follows, as far as that can be told.
func IsArrow(r *bufio.Reader) bool {
	first, _ := r.Peek(1) // what fails here fails again
	return len(first) == 1 && first[0] == 0xff
}

package dataset

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/hearthcache/hearth/lance/internal/fault"
)

// An ARROW_ARRAY deletion file is an Arrow IPC file with one column of u32 row numbers without nulls, its bodies compressed.
// It is read by hand: arrow-go's reader makes vectors as long as a damaged file says, and panics on bad offsets. What is read
// of the format's flatbuffers:
//
//	file    "ARROW1" .. messages .. Footer, i32 its size, "ARROW1"
//	Footer  1 schema, 3 record batches: {i64 offset, i32 metadata size, pad, i64 body size}
//	Schema  1 fields; Field 2 type tag (2 = Int), 3 Int {0 bits, 1 signed}
//	Message at the offset: u32 ffffffff, i32 size, table {1 header tag (3 = RecordBatch), 2 RecordBatch}; body at offset + metadata size
//	RecordBatch  0 rows, 1 nodes {i64 rows, i64 nulls}, 2 buffers {i64 offset, i64 size}, 3 compression {0 codec: 0 LZ4, 1 ZSTD}
//	buffer  if compressed: i64 size (-1 = as it is), then the data

const arrowMagic = "ARROW1"

// parseDeletionArrow reads the numbers of deleted rows of a fragment with so many rows.
func parseDeletionArrow(b []byte, rows uint64) (*roaring.Bitmap, error) {
	n := len(b)
	if n < 8+4+6 || string(b[:6]) != arrowMagic || string(b[n-6:]) != arrowMagic {
		return nil, fault.Corruptf("arrow: no file of %d bytes", n)
	}
	size := int64(int32(binary.LittleEndian.Uint32(b[n-10:])))
	if size < 4 || size > int64(n-10-8) {
		return nil, fault.Corruptf("arrow: footer of %d bytes in %d", size, n)
	}
	footer, err := rootTable(b[int64(n-10)-size : n-10])
	if err != nil {
		return nil, err
	}
	if err := checkRowSchema(footer); err != nil {
		return nil, err
	}
	blocks, err := footer.structs(3, 24)
	if err != nil {
		return nil, err
	}
	bm := roaring.New()
	for ; len(blocks) > 0; blocks = blocks[24:] {
		off, meta, body := le64(blocks), int64(int32(binary.LittleEndian.Uint32(blocks[8:]))), le64(blocks[16:])
		if off < 0 || meta < 8 || body < 0 || off > int64(n) || meta > int64(n)-off || body > int64(n)-off-meta {
			return nil, fault.Corruptf("arrow: batch at %d with %d and %d bytes in %d", off, meta, body, n)
		}
		if err := addBatch(bm, b[off:off+meta], b[off+meta:off+meta+body], rows); err != nil {
			return nil, err
		}
	}
	return bm, nil
}

// checkRowSchema accepts one column of 32-bit unsigned integers.
func checkRowSchema(footer table) error {
	schema, err := footer.table(1)
	if err != nil {
		return err
	}
	fields, err := schema.tables(1)
	if err != nil {
		return err
	}
	if len(fields) != 1 {
		return fault.Corruptf("arrow: %d columns", len(fields))
	}
	tag, err := fields[0].scalar(2, 1)
	if err != nil {
		return err
	}
	typ, err := fields[0].table(3)
	if err != nil {
		return err
	}
	bits, err := typ.scalar(0, 4)
	if err != nil {
		return err
	}
	signed, err := typ.scalar(1, 1)
	if err != nil {
		return err
	}
	if tag != 2 || bits != 32 || signed != 0 {
		return fault.Corruptf("arrow: rows are of type %d with %d bits", tag, bits)
	}
	return nil
}

// addBatch adds the rows of one record batch.
func addBatch(bm *roaring.Bitmap, meta, body []byte, rows uint64) error {
	if binary.LittleEndian.Uint32(meta) == math.MaxUint32 {
		meta = meta[4:]
	}
	message, err := rootTable(meta[4:])
	if err != nil {
		return err
	}
	if tag, err := message.scalar(1, 1); err != nil || tag != 3 {
		return fault.Corruptf("arrow: message of kind %d (%v)", tag, err)
	}
	batch, err := message.table(2)
	if err != nil {
		return err
	}
	length, err := batch.scalar(0, 8)
	if err != nil {
		return err
	}
	nodes, err := batch.structs(1, 16)
	if err != nil {
		return err
	}
	buffers, err := batch.structs(2, 16)
	if err != nil {
		return err
	}
	if len(nodes) != 16 || len(buffers) != 32 || length > rows {
		return fault.Corruptf("arrow: batch of %d rows with %d nodes and %d buffers", length, len(nodes)/16, len(buffers)/16)
	}
	if le64(nodes) != int64(length) || le64(nodes[8:]) != 0 {
		return fault.Corruptf("arrow: %d values with %d nulls in a batch of %d", le64(nodes), le64(nodes[8:]), length)
	}
	off, size := le64(buffers[16:]), le64(buffers[24:])
	if off < 0 || size < 0 || off > int64(len(body)) || size > int64(len(body))-off {
		return fault.Corruptf("arrow: buffer of %d bytes at %d of %d", size, off, len(body))
	}
	data, err := bufferBytes(batch, body[off:off+size], int64(length)*4)
	if err != nil {
		return err
	}
	for i := range length {
		bm.Add(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return nil
}

// bufferBytes decompresses a buffer that must have at least want bytes.
func bufferBytes(batch table, b []byte, want int64) ([]byte, error) {
	codec := uint64(math.MaxUint64)
	if c, err := batch.table(3); err == nil {
		if codec, err = c.scalar(0, 1); err != nil {
			return nil, err
		}
	} else if batch.has(3) {
		return nil, err
	}
	if codec != math.MaxUint64 && len(b) > 0 {
		if len(b) < 8 {
			return nil, fault.Corruptf("arrow: compressed buffer of %d bytes", len(b))
		}
		size := le64(b)
		b = b[8:]
		// Arrow pads buffers to 64 bytes at most.
		if size != -1 && (size < want || size > want+64) {
			return nil, fault.Corruptf("arrow: buffer of %d bytes for %d", size, want)
		}
		if size != -1 {
			var err error
			if b, err = inflate(codec, b, size); err != nil {
				return nil, err
			}
		}
	}
	if int64(len(b)) < want {
		return nil, fault.Corruptf("arrow: %d bytes of rows, want %d", len(b), want)
	}
	return b, nil
}

func inflate(codec uint64, b []byte, size int64) ([]byte, error) {
	out := make([]byte, size)
	switch codec {
	case 0:
		r := lz4.NewReader(bytes.NewReader(b))
		if _, err := io.ReadFull(r, out); err != nil {
			return nil, fault.Corruptf("arrow: lz4: %w", err)
		}
	case 1:
		r, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, fault.Corruptf("arrow: zstd: %w", err)
		}
		defer r.Close()
		if _, err := io.ReadFull(r, out); err != nil {
			return nil, fault.Corruptf("arrow: zstd: %w", err)
		}
	default:
		return nil, fault.Unsupportedf("arrow: codec %d", codec)
	}
	return out, nil
}

func le64(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }

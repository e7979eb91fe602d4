package memwal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// ErrTooLarge says that a message of a stream is larger than what is taken.
var ErrTooLarge = errors.New("memwal: message too large")

// maxMetadataBytes bounds what describes a message; a schema of some thousand columns takes less.
const maxMetadataBytes = 4 << 20

// StreamOptions bound what is taken of an Arrow IPC stream. The zero value is sound.
type StreamOptions struct {
	// MaxMessageBytes bounds one message: a schema, a record batch or a dictionary. Default 64 MiB.
	MaxMessageBytes int64
	// Reserve is called with the size of a message before memory is taken for it, and may refuse. Default none.
	Reserve func(bytes int64) error
}

// ReadStream yields the record batches of an Arrow IPC stream from anybody: as DecodeEntry it lets nothing through whose
// lengths, metadata and values have not been checked. It holds one message at a time. The consumer releases each batch; the
// sequence can be used once and stops after the first error.
//
// It fails with ErrCorrupt for bytes that are no whole stream, also for one without its end-of-stream marker, with
// ErrUnsupported for compressed or big-endian data, with ErrTooLarge, and with the errors of r and of Reserve.
func ReadStream(r io.Reader, o StreamOptions) iter.Seq2[arrow.RecordBatch, error] {
	if o.MaxMessageBytes <= 0 {
		o.MaxMessageBytes = 64 << 20
	}
	return func(yield func(arrow.RecordBatch, error) bool) {
		s := &batchStream{in: &messageStream{r: r, o: o}}
		defer s.close()
		for {
			b, err := s.next()
			if err == io.EOF {
				return
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// batchStream makes batches of messages.
type batchStream struct {
	in   *messageStream
	rows *ipc.Reader
}

// next returns the next batch, or io.EOF behind the end-of-stream marker.
func (s *batchStream) next() (b arrow.RecordBatch, err error) {
	defer func() {
		// Arrow checks much of what it reads by letting it panic.
		if p := recover(); p != nil {
			b, err = nil, fmt.Errorf("arrow stream: %w: %v", ErrCorrupt, p)
		}
	}()
	if s.rows == nil {
		if s.rows, err = ipc.NewReaderFromMessageReader(s.in); err != nil {
			return nil, s.failure(err)
		}
	}
	if !s.rows.Next() {
		if err := s.rows.Err(); err != nil {
			return nil, s.failure(err)
		}
		if s.in.err != nil || !s.in.ended {
			return nil, s.failure(fmt.Errorf("%w: no end-of-stream marker", ErrCorrupt))
		}
		return nil, io.EOF
	}
	b = s.rows.RecordBatch()
	// Rows of which nothing is stored cost a stranger nothing: no column may be all of that kind.
	if b.NumRows() < 0 || b.NumRows() > 8*int64(s.in.body) {
		return nil, fmt.Errorf("arrow stream: %w: %d rows in %d bytes", ErrCorrupt, b.NumRows(), s.in.body)
	}
	if err := array.ValidateRecordFull(b); err != nil {
		return nil, s.failure(err)
	}
	b.Retain()
	return b, nil
}

// failure prefers what the source of the messages says, which Arrow may have put in words of its own.
func (s *batchStream) failure(err error) error {
	if s.in.err != nil {
		return fmt.Errorf("arrow stream: %w", s.in.err)
	}
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnsupported) {
		return fmt.Errorf("arrow stream: %w", err)
	}
	return fmt.Errorf("arrow stream: %w: %w", ErrCorrupt, err)
}

func (s *batchStream) close() {
	if s.rows != nil {
		s.rows.Release()
	}
}

// messageStream is entryStream over what arrives.
type messageStream struct {
	r     io.Reader
	o     StreamOptions
	at    int64 // how much has been read
	body  int   // bytes of the last message's body
	ended bool  // the end-of-stream marker has been seen, and nothing after it
	err   error // why there are no more messages
	msg   *ipc.Message
}

var _ ipc.MessageReader = (*messageStream)(nil)

// Retain and Release do nothing, as those of entryStream.
func (s *messageStream) Retain() {}

// Release implements ipc.MessageReader; see Retain.
func (s *messageStream) Release() {}

// Message returns the next message, valid until the next call, or io.EOF at the end-of-stream marker.
func (s *messageStream) Message() (*ipc.Message, error) {
	if s.msg != nil {
		s.msg.Release()
		s.msg = nil
	}
	if s.ended {
		return nil, io.EOF
	}
	if s.err != nil {
		return nil, s.err
	}
	meta, body, err := s.read()
	switch {
	case err == io.EOF:
		s.ended = true
		return nil, io.EOF
	case err != nil:
		s.err = err
		return nil, err
	}
	s.body = len(body)
	s.msg = ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body))
	return s.msg, nil
}

// read returns the parts of the next message in new memory, or io.EOF at the end.
func (s *messageStream) read() (meta, body []byte, err error) {
	var head [8]byte
	if err := s.fill(head[:]); err != nil {
		return nil, nil, err
	}
	mark, size := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	if mark != math.MaxUint32 {
		return nil, nil, fmt.Errorf("%w: message at byte %d starts with %08x", ErrCorrupt, s.at-8, mark)
	}
	if size == 0 {
		switch n, err := io.ReadFull(s.r, head[:1]); {
		case n > 0:
			return nil, nil, fmt.Errorf("%w: the stream goes on after its end", ErrCorrupt)
		case err != io.EOF:
			return nil, nil, err
		}
		return nil, nil, io.EOF
	}
	if int64(size) > min(maxMetadataBytes, s.o.MaxMessageBytes) {
		return nil, nil, fmt.Errorf("%w: metadata of %d bytes at byte %d", ErrTooLarge, size, s.at)
	}
	if meta, err = s.take(int64(size)); err != nil {
		return nil, nil, err
	}
	info, err := checkMessage(meta)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("message at byte %d: %w", s.at, err)
	case info.bodyBytes < 0:
		return nil, nil, fmt.Errorf("%w: body of %d bytes at byte %d", ErrCorrupt, info.bodyBytes, s.at)
	case info.bodyBytes > s.o.MaxMessageBytes:
		return nil, nil, fmt.Errorf("%w: body of %d bytes at byte %d, at most %d are taken", ErrTooLarge, info.bodyBytes, s.at, s.o.MaxMessageBytes)
	}
	body, err = s.take(info.bodyBytes)
	return meta, body, err
}

// take reads n bytes into new memory.
func (s *messageStream) take(n int64) ([]byte, error) {
	if s.o.Reserve != nil {
		if err := s.o.Reserve(n); err != nil {
			return nil, err
		}
	}
	p := make([]byte, n)
	return p, s.fill(p)
}

// fill reads as much as p holds.
func (s *messageStream) fill(p []byte) error {
	n, err := io.ReadFull(s.r, p)
	s.at += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: no end-of-stream marker at byte %d", ErrCorrupt, s.at)
	}
	return err
}

// ReadStreamSchema reads the schema at the beginning of an Arrow IPC stream, and no more of it. It fails as ReadStream does.
func ReadStreamSchema(r io.Reader, o StreamOptions) (schema *arrow.Schema, err error) {
	if o.MaxMessageBytes <= 0 {
		o.MaxMessageBytes = 64 << 20
	}
	defer func() {
		if p := recover(); p != nil {
			schema, err = nil, fmt.Errorf("arrow stream: %w: %v", ErrCorrupt, p)
		}
	}()
	s := &batchStream{in: &messageStream{r: r, o: o}}
	defer s.close()
	if s.rows, err = ipc.NewReaderFromMessageReader(s.in); err != nil {
		return nil, s.failure(err)
	}
	return s.rows.Schema(), nil
}

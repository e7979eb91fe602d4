package memwal

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// entryStream cuts an Arrow IPC stream that is wholly in memory into messages without
// copying, and lets none through whose lengths or metadata have not been checked.
//
//	ffffffff | u32 length of metadata | metadata (flatbuffer) | body
//	ffffffff | 00000000                                          end of stream
type entryStream struct {
	data  []byte // what is left
	at    int    // how much has been read
	ended bool   // the end-of-stream marker has been seen, and nothing after it
	msg   *ipc.Message
}

var _ ipc.MessageReader = (*entryStream)(nil)

// Message returns the next message, valid until the next call, or io.EOF at the
// end-of-stream marker.
func (s *entryStream) Message() (*ipc.Message, error) {
	s.drop()
	if s.ended {
		return nil, io.EOF
	}
	if len(s.data) < 8 {
		return nil, fmt.Errorf("%w: no end-of-stream marker at byte %d", ErrCorrupt, s.at)
	}
	mark, metaLen := binary.LittleEndian.Uint32(s.data), binary.LittleEndian.Uint32(s.data[4:])
	if mark != math.MaxUint32 {
		return nil, fmt.Errorf("%w: message at byte %d starts with %08x", ErrCorrupt, s.at, mark)
	}
	if metaLen == 0 {
		if len(s.data) > 8 {
			return nil, fmt.Errorf("%w: %d bytes after the end of the stream", ErrCorrupt, len(s.data)-8)
		}
		s.ended = true
		return nil, io.EOF
	}
	if uint64(metaLen) > uint64(len(s.data)-8) {
		return nil, fmt.Errorf("%w: metadata of %d bytes at byte %d passes the end", ErrCorrupt, metaLen, s.at)
	}
	meta, rest := s.data[8:8+metaLen:8+metaLen], s.data[8+metaLen:]
	info, err := checkMessage(meta)
	if err != nil {
		return nil, fmt.Errorf("message at byte %d: %w", s.at, err)
	}
	if info.bodyBytes < 0 || info.bodyBytes > int64(len(rest)) {
		return nil, fmt.Errorf("%w: body of %d bytes at byte %d passes the end", ErrCorrupt, info.bodyBytes, s.at)
	}
	body := rest[:info.bodyBytes:info.bodyBytes]
	s.at += 8 + len(meta) + len(body)
	s.data = rest[info.bodyBytes:]
	s.msg = ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body))
	return s.msg, nil
}

// Retain and Release do nothing: the stream belongs to one call of DecodeEntry, and its
// buffers to the garbage collector.
func (s *entryStream) Retain() {}

// Release implements ipc.MessageReader; see Retain.
func (s *entryStream) Release() {}

func (s *entryStream) drop() {
	if s.msg != nil {
		s.msg.Release()
		s.msg = nil
	}
}

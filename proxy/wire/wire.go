// Package wire writes the head of an answer and its first bytes in one system call.
//
// net/http's server writes an answer through a buffer of 4 KiB: the head and the bytes
// that fit beside it go out by themselves, and the rest follows. For a hit in memory that
// is one system call, one segment and one wake-up of the client more than needed, a fifth
// of the time that the whole answer takes.
//
// A [Listener] accepts connections that can hold a write back. [Gather], called by a
// handler before it writes the head, makes the request's connection keep its next write
// and put it in front of what comes after it, with writev. What comes after may be a
// [Source], given to the ReadFrom of the handler's ResponseWriter, which net/http passes on
// to the connection: it hands out many pages at a time.
//
//	without   write(head, 3.6 KiB)   write(60.4 KiB)   write(64 KiB)   write(64 KiB) ...
//	with      writev(head | 64 KiB | 64 KiB | 64 KiB ...)
//
// INVARIANT: a write is held back only if it is no longer than the body that is still to
// come, head not counted; so another write must follow, and nothing stays behind. That
// does not depend on how net/http cuts its writes.
//
// A Listener also ends writes that their client does not take ([Listener.SetPatience]), by
// how much they are rather than by when they began, so that long answers to slow clients
// go on.
//
// The package does not speak HTTP and knows no TLS: a connection beneath TLS is not
// reached by Gather, which then does nothing.
package wire

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// A Listener accepts connections for which [Gather] works, at most a number at a time.
type Listener struct {
	net.Listener
	slots  chan struct{} // nil without a limit
	closed chan struct{}
	once   sync.Once

	patience time.Duration // 0 is endless
	now      func() time.Time
}

// NewListener returns a listener over l, which it owns. While max connections are open,
// Accept waits; 0 means no limit.
func NewListener(l net.Listener, max int) *Listener {
	w := &Listener{Listener: l, closed: make(chan struct{}), now: time.Now}
	if max > 0 {
		w.slots = make(chan struct{}, max)
	}
	return w
}

// SetPatience has writes fail whose client does not take them in time: patience for each
// write, and as much again for every [PatientBytes] of it. A write that is not about to
// fail may be given twice the time. It is to be called before Accept; 0 waits for ever.
func (l *Listener) SetPatience(patience time.Duration) { l.patience = patience }

// PatientBytes is how much a client has to take for the patience with it to begin anew.
// With a minute that is 8 KiB a second.
const PatientBytes = 512 << 10

// Accept waits for a free slot and a connection.
func (l *Listener) Accept() (net.Conn, error) {
	if l.slots != nil {
		select {
		case l.slots <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
	c, err := l.Listener.Accept()
	if err != nil {
		l.release()
		return nil, err
	}
	return &conn{Conn: c, listener: l}, nil
}

func (l *Listener) release() {
	if l.slots != nil {
		<-l.slots
	}
}

// Close stops accepting. Connections stay open.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// maxBatch is how many pieces go out at once: a head and 1 MiB in pages of 64 KiB. Sent one
// by one they wake the client sixteen times, which costs a third of the whole answer.
const maxBatch = 17

// maxBatchBytes is what a batch may be taken to have.
const maxBatchBytes = 1 << 20

// A conn is written to by one goroutine at a time, as net/http does it.
type conn struct {
	net.Conn // *net.TCPConn, whose ReadFrom must not be reached past held
	listener *Listener
	once     sync.Once

	promised int64  // bytes of body to come, while the next write may be held back
	held     []byte // what was; its memory is kept for the next time
	parts    [2][]byte
	batch    [maxBatch][]byte
	deadline time.Time // of writes; zero for none yet
}

// hurry sets the deadline of a write of n bytes. It does so far ahead, so that most writes
// find one that will do: setting it costs as much as finding a page.
func (c *conn) hurry(n int64) {
	patience := c.listener.patience
	if patience == 0 {
		return
	}
	end := c.listener.now().Add(patience + time.Duration(n/PatientBytes)*patience)
	if c.deadline.After(end) {
		return
	}
	c.deadline = end.Add(patience)
	_ = c.SetWriteDeadline(c.deadline) // fails on a closed connection, as the write will
}

func (c *conn) Write(p []byte) (int, error) {
	if len(c.held) == 0 {
		if int64(len(p)) <= c.promised {
			c.promised = 0
			c.held = append(c.held, p...)
			return len(p), nil
		}
		c.promised = 0
		c.hurry(int64(len(p)))
		return c.Conn.Write(p)
	}
	before := len(c.held)
	c.hurry(int64(before + len(p)))
	c.parts = [2][]byte{c.held, p}
	buffers := net.Buffers(c.parts[:])
	n, err := buffers.WriteTo(c.Conn)
	c.parts = [2][]byte{}
	c.held = c.held[:0]
	// What was held counts as written: of p at most nothing was.
	return max(int(n)-before, 0), err
}

// A Source hands out its bytes in pieces that stay where they are until the next call.
type Source interface {
	// NextBatch appends to dst, up to its capacity; io.EOF is the end.
	NextBatch(dst [][]byte) ([][]byte, error)
}

// ReadFrom writes src until its end. From a [Source] several pieces go out at once, what
// is held back in front of them.
func (c *conn) ReadFrom(src io.Reader) (int64, error) {
	s, ok := src.(Source)
	if !ok {
		return io.Copy(struct{ io.Writer }{c}, src)
	}
	var written int64
	for {
		head := len(c.held)
		batch := c.batch[:0]
		if head > 0 {
			batch = append(batch, c.held)
		}
		batch, err := s.NextBatch(batch)
		if err == io.EOF {
			if head == 0 {
				return written, nil
			}
			batch = append(c.batch[:0], c.held) // a promise not kept
		} else if err != nil {
			return written, err
		}
		c.hurry(maxBatchBytes)
		buffers := net.Buffers(batch)
		n, werr := buffers.WriteTo(c.Conn)
		c.held = c.held[:0]
		written += max(n-int64(head), 0)
		if werr != nil {
			return written, werr
		}
	}
}

// Close closes the connection; what is held back is lost with it.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.listener.release)
	return err
}

type key struct{}

// ConnContext is for http.Server: it lets requests find their connection.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*conn); ok {
		return context.WithValue(ctx, key{}, c)
	}
	return ctx
}

// Gather makes the next write to the connection of the request with that context wait
// for the one after it. bytes are the length of the body whose head is about to be
// written; the caller must write all of it, without waiting for anybody in between, or
// break the connection. It does nothing for connections of other listeners.
func Gather(ctx context.Context, bytes int64) {
	if c, ok := ctx.Value(key{}).(*conn); ok {
		c.promised = bytes
	}
}
